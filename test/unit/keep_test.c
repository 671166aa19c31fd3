#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/reservation.h"
#include "test/houses.h"

/* What a restart leaves of bookings, and how owners renew them. */

static int setup(void **state)
{
	struct houses *houses;

	houses_setup(state);
	houses = *state;
	house_start(&houses->house[1]);
	house_register(&houses->house[1], "sink", "x", NULL);
	return 0;
}

/* At beta, for `owner`; its exit code. */
static int book(struct houses *houses, const char *connection,
	const char *owner, const char *terminal, uint8_t token[16])
{
	struct ph_writer *writer = house_ask(houses, "sink", terminal);
	struct answer answer;
	const uint8_t *bytes;
	size_t length;
	int code;

	ph_put_text(writer, "connection", connection);
	house_call(&houses->house[1], owner, PH_HOSTESS_RESERVE, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	bytes = ph_value_bytes(ph_value_get(answer.body, "token"), &length);
	if (code == 0 && token)
		memcpy(token, bytes, 16);
	answer_free(&answer);
	return code;
}

static int attach(struct houses *houses, const char *connection,
	const char *peer, const uint8_t token[16], int generation)
{
	struct ph_writer *writer = room_map(&houses->room);

	ph_put_text(writer, "connection", connection);
	ph_put_bytes(writer, "token", token, 16);
	ph_put_int(writer, "generation", generation);
	ph_put_text(writer, "peer", peer);
	return house_exit(&houses->house[1], NULL, PH_HOSTESS_ATTACH);
}

static void renew(struct houses *houses, const char *owner,
	const char *connection, bool complete)
{
	struct ph_writer *writer = room_map(&houses->room);

	ph_put_list(writer, "connections");
	if (connection)
		ph_write_text(writer, connection);
	ph_write_end(writer);
	ph_put_bool(writer, "complete", complete);
	assert_int_equal(
		house_exit(&houses->house[1], owner, PH_HOSTESS_RENEW), 0);
}

static unsigned kept(struct houses *houses)
{
	const struct house *beta = &houses->house[1];
	unsigned count = 0;

	for (unsigned i = 0; i < beta->records; i++)
		count += strcmp(beta->store[i].space, "bookings") == 0;
	return count;
}

static void come_back(struct houses *houses)
{
	house_restart(&houses->house[1]);
	house_register(&houses->house[1], "sink", "x", NULL);
}

static void test_bookings_outlive_the_hostess(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16], other[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	assert_int_equal(kept(houses), 1);
	come_back(houses);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "in", other),
		PH_EXIT_CONFLICT);
	/* The same id, the same answer, over a restart too. */
	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", other), 0);
	assert_memory_equal(token, other, 16);
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 1), 0);
	/* A lease is not longer because of it. */
	come_back(houses);
	houses_advance(houses, PH_SEAT_KEPT);
	assert_int_equal(kept(houses), 0);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "in", other), 0);
}

static void test_before_its_server_is_back(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	house_restart(&houses->house[1]);
	/* Nothing to sit at, but the place is kept. */
	assert_int_equal(
		attach(houses, "alpha#1.1", "alpha", token, 1), PH_EXIT_DENIED);
	houses_advance(houses, 20 * PH_SECOND);
	house_register(&houses->house[1], "sink", "x", NULL);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "in", NULL),
		PH_EXIT_CONFLICT);
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 1), 0);
}

static void test_old_carriers_stay_out_after_a_restart(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 4), 0);
	come_back(houses);
	assert_int_equal(
		attach(houses, "alpha#1.1", "alpha", token, 4), PH_EXIT_DENIED);
	assert_int_equal(
		attach(houses, "alpha#1.1", "gamma", token, 5), PH_EXIT_DENIED);
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 5), 0);
}

static uint64_t fence_of_a_hold(struct houses *houses)
{
	struct answer answer;
	uint64_t fence;

	house_ask(houses, "sink", "merge");
	house_call(&houses->house[1], "alpha", PH_HOSTESS_HOLD, &answer);
	fence = ph_get_u64(house_item(&answer, 0), "fence");
	answer_free(&answer);
	return fence;
}

static void test_holds_end_with_her_and_fences_grow(void **state)
{
	struct houses *houses = *state;
	uint64_t before, after;

	house_ask(houses, "sink", "in");
	assert_int_equal(
		house_exit(&houses->house[1], "alpha", PH_HOSTESS_HOLD), 0);
	for (unsigned i = 0; i < 5; i++)
		before = fence_of_a_hold(houses);
	come_back(houses);
	after = fence_of_a_hold(houses);
	assert_true(after > before);
	house_ask(houses, "sink", "in");
	assert_int_equal(
		house_exit(&houses->house[1], "gamma", PH_HOSTESS_HOLD), 0);
}

static void test_leases_are_renewed(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	for (unsigned i = 0; i < 9; i++) {
		houses_advance(houses, 10 * PH_SECOND);
		renew(houses, "alpha", "alpha#1.1", false);
	}
	/* Another's word does not renew it. */
	houses_advance(houses, 20 * PH_SECOND);
	renew(houses, "gamma", "alpha#1.1", false);
	houses_advance(houses, 10 * PH_SECOND - PH_MILLISECOND);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "in", NULL),
		PH_EXIT_CONFLICT);
	houses_advance(houses, PH_MILLISECOND);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "in", NULL), 0);
	assert_int_equal(
		attach(houses, "alpha#1.1", "alpha", token, 1), PH_EXIT_DENIED);
}

static void test_what_its_owner_forgot_is_freed(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 1), 0);
	assert_int_equal(book(houses, "alpha#1.2", "alpha", "merge", token), 0);
	assert_int_equal(book(houses, "gamma#1.1", "gamma", "merge", token), 0);
	/* Not the whole list: nothing follows from what is not in it. */
	renew(houses, "alpha", "alpha#1.2", false);
	assert_int_equal(kept(houses), 3);
	/* alpha was killed before it had kept the first: no orphan remains,
	 * and nobody else's is touched. */
	renew(houses, "alpha", "alpha#1.2", true);
	assert_int_equal(kept(houses), 2);
	assert_string_equal(houses->house[1].evicted, "alpha#1.1");
	renew(houses, "alpha", NULL, true);
	assert_int_equal(kept(houses), 1);
	assert_int_equal(book(houses, "gamma#1.2", "gamma", "in", NULL), 0);
}

static void test_a_seat_that_the_disk_refused(void **state)
{
	struct houses *houses = *state;
	uint8_t token[16];

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	houses->house[1].broken = true;
	assert_int_not_equal(attach(houses, "alpha#1.1", "alpha", token, 1), 0);
	houses->house[1].broken = false;
	assert_int_equal(attach(houses, "alpha#1.1", "alpha", token, 2), 0);
}

/* A store with anything in it: a booking is read back as it was, or not at
 * all. */
static void test_records_that_are_none(void **state)
{
	struct houses *houses = *state;
	struct house *beta = &houses->house[1];
	uint8_t whole[512], token[16];
	size_t length;

	assert_int_equal(book(houses, "alpha#1.1", "alpha", "in", token), 0);
	assert_int_equal(beta->records, 1);
	length = beta->store[0].length;
	assert_in_range(length, 64, sizeof(whole));
	memcpy(whole, beta->store[0].value, length);
	for (size_t i = 0; i < 2 * length; i++) {
		struct house_record *at = &beta->store[0];

		/* One byte is another, or the rest is missing. */
		free(at->value);
		at->value = malloc(length);
		memcpy(at->value, whole, length);
		at->length = i < length ? length : i - length;
		if (i < length)
			at->value[i] ^= 0x55;
		memcpy(at->space, "bookings", sizeof("bookings"));
		memcpy(at->key, "alpha#1.1", sizeof("alpha#1.1"));
		beta->records = 1;
		come_back(houses);
		assert_int_equal(house_count(beta, "server=sink"), 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, houses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bookings_outlive_the_hostess),
		TEST(test_before_its_server_is_back),
		TEST(test_old_carriers_stay_out_after_a_restart),
		TEST(test_holds_end_with_her_and_fences_grow),
		TEST(test_leases_are_renewed),
		TEST(test_what_its_owner_forgot_is_freed),
		TEST(test_a_seat_that_the_disk_refused),
		TEST(test_records_that_are_none),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
