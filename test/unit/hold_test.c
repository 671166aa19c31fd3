#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "hostess/reservation.h"
#include "test/houses.h"

/* Holds: how they begin, wait, become bookings, and end. */

struct held {
	char id[PH_RESERVATION_ID];
	uint8_t token[16];
	uint64_t fence;
};

static void held_read(struct held *out, const struct answer *answer)
{
	struct ph_value item = house_item(answer, 0);
	size_t length;
	const uint8_t *token =
		ph_value_bytes(ph_value_get(item, "token"), &length);

	assert_int_equal(length, 16);
	memcpy(out->token, token, 16);
	ph_get_copy(item, "id", out->id, sizeof(out->id));
	out->fence = ph_get_u64(item, "fence");
}

/* With the map of house_ask. */
static int hold(struct house *house, const char *from, struct held *out)
{
	struct answer answer;
	int code;

	house_call(house, from, PH_HOSTESS_HOLD, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	if (code == 0 && out)
		held_read(out, &answer);
	answer_free(&answer);
	return code;
}

static int release(struct house *house, const char *from, const char *id)
{
	ph_put_text(room_map(&house->all->room), "id", id);
	return house_exit(house, from, PH_HOSTESS_RELEASE);
}

/* Books `terminal` of sink for a connection of `from`, through a hold. */
static int book(struct house *house, const char *from, const char *terminal,
	const struct held *held, const uint8_t *token, uint8_t out[16])
{
	struct ph_writer *writer = house_ask(house->all, "sink", terminal);
	struct answer answer;
	const uint8_t *bytes;
	char connection[64];
	size_t length;
	int code;

	snprintf(connection, sizeof(connection), "%s#1.1", from);
	ph_put_text(writer, "connection", connection);
	if (held)
		ph_put_text(writer, "hold", held->id);
	if (token)
		ph_put_bytes(writer, "hold_token", token, 16);
	house_call(house, from, PH_HOSTESS_RESERVE, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	bytes = ph_value_bytes(ph_value_get(answer.body, "token"), &length);
	if (code == 0 && out)
		memcpy(out, bytes, 16);
	answer_free(&answer);
	return code;
}

static int attach(struct house *house, const char *connection, const char *peer,
	const uint8_t token[16], int generation)
{
	struct ph_writer *writer = room_map(&house->all->room);

	ph_put_text(writer, "connection", connection);
	ph_put_bytes(writer, "token", token, 16);
	ph_put_int(writer, "generation", generation);
	ph_put_text(writer, "peer", peer);
	return house_exit(house, NULL, PH_HOSTESS_ATTACH);
}

static int setup(void **state)
{
	struct houses *houses;

	houses_setup(state);
	houses = *state;
	house_register(&houses->house[0], "sink", "gpu=nvenc", NULL);
	return 0;
}

static void test_a_hold_tells_what_it_holds(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_value item;
	struct answer answer;
	char text[128];

	house_ask(houses, "sink", "in");
	house_call(alpha, "beta", PH_HOSTESS_HOLD, &answer);
	item = house_item(&answer, 0);
	assert_string_equal(
		ph_get_copy(item, "id", text, sizeof(text)), "alpha~7.1");
	assert_true(ph_value_is(ph_value_get(item, "state"), "held"));
	assert_true(ph_value_is(ph_value_get(item, "by"), "beta"));
	assert_true(ph_value_is(ph_value_get(item, "direction"), "in"));
	assert_true(ph_value_is(ph_value_get(item, "type"), "text/plain"));
	ph_get_copy(item, "identity", text, sizeof(text));
	assert_non_null(strstr(text, "alpha.example:sink:2a:"));
	assert_int_equal(ph_get_int(item, "lasts_ms"), 10000);
	answer_free(&answer);
	houses_advance(houses, 3 * PH_SECOND);
	house_ask(houses, "sink", "in");
	house_call(alpha, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_CONFLICT);
	assert_non_null(strstr(
		answer.error.what, "held by beta (alpha~7.1), for 7 s more"));
	answer_free(&answer);
	houses_advance(houses, 7 * PH_SECOND);
	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, NULL, NULL), 0);
}

static int hold_with(struct houses *houses, const char *key, int64_t value)
{
	ph_put_int(house_ask(houses, "sink", "in"), key, value);
	return hold(houses->house, NULL, NULL);
}

static int hold_call(struct houses *houses, const char *call)
{
	ph_put_text(house_ask(houses, "sink", "in"), "call", call);
	return hold(houses->house, NULL, NULL);
}

static void test_what_is_no_hold(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	char name[80];

	assert_int_equal(hold_with(houses, "for_ms", 0), PH_EXIT_USAGE);
	assert_int_equal(hold_with(houses, "for_ms", 3600001), PH_EXIT_USAGE);
	assert_int_equal(hold_with(houses, "wait_ms", -1), PH_EXIT_USAGE);
	assert_int_equal(hold_with(houses, "count", 0), PH_EXIT_USAGE);
	assert_int_equal(hold_with(houses, "count", 257), PH_EXIT_USAGE);
	memset(name, 'x', 65);
	name[65] = '\0';
	assert_int_equal(hold_call(houses, name), PH_EXIT_USAGE);
	assert_int_equal(hold_call(houses, "two words"), PH_EXIT_USAGE);
	room_map(&houses->room);
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_USAGE);
	ph_put_text(house_ask(houses, "sink", "in"), "mask", "class=2a");
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_USAGE);
	house_ask(houses, "a:b", NULL);
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_USAGE);
	house_ask(houses, "sunk", NULL);
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_NOT_FOUND);
	house_ask(houses, "sink", "nose");
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_NOT_FOUND);
	/* Nothing of that has left a trace. */
	assert_int_equal(house_count(alpha, "free=yes"), 1);
}

static void test_who_waits_gets_it_in_turn(void **state)
{
	static const char *const who[] = {"beta", "gamma"};
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct answer waiting[2];
	struct held first, next;

	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, NULL, &first), 0);
	for (unsigned i = 0; i < 2; i++) {
		ph_put_int(house_ask(houses, "sink", "in"), "wait_ms", 30000);
		house_send(alpha, who[i], PH_HOSTESS_HOLD, &waiting[i]);
		houses_advance(houses, PH_SECOND);
	}
	assert_int_equal(release(alpha, NULL, first.id), 0);
	house_wait(alpha, &waiting[0]);
	assert_false(waiting[1].come);
	held_read(&next, &waiting[0]);
	/* Its ten seconds begin when it has it. */
	houses_advance(houses, 9 * PH_SECOND);
	assert_false(waiting[1].come);
	houses_advance(houses, PH_SECOND);
	house_wait(alpha, &waiting[1]);
	assert_int_equal(waiting[1].status, PH_CALL_OK);
	assert_true(ph_value_is(
		ph_value_get(house_item(&waiting[1], 0), "by"), "gamma"));
	answer_free(&waiting[0]);
	answer_free(&waiting[1]);
}

static void test_waiting_ends_and_gives_back(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct answer waiting;
	struct held one;

	house_register(alpha, "sunk", "gpu=nvenc", NULL);
	house_ask(houses, "sink", NULL);
	ph_put_int(houses->room.writer, "for_ms", 60000);
	assert_int_equal(hold(alpha, NULL, &one), 0);
	/* It keeps `sunk` while it waits for the other. */
	ph_put_int(house_ask_mask(houses, "class=2a", 2), "wait_ms", 5000);
	house_send(alpha, "beta", PH_HOSTESS_HOLD, &waiting);
	houses_advance(houses, PH_SECOND);
	assert_int_equal(house_count(alpha, "free=yes"), 0);
	house_ask(houses, "sunk", NULL);
	assert_int_equal(hold(alpha, NULL, NULL), PH_EXIT_CONFLICT);
	houses_advance(houses, 4 * PH_SECOND);
	house_wait(alpha, &waiting);
	assert_int_equal(waiting.error.exit, PH_EXIT_TIMEOUT);
	answer_free(&waiting);
	assert_int_equal(house_count(alpha, "free=yes"), 1);
	house_ask(houses, "sunk", NULL);
	assert_int_equal(hold(alpha, NULL, NULL), 0);
}

static int hold_as(struct house *house, const char *from, const char *call,
	struct held *out)
{
	ph_put_text(house_ask(house->all, "sink", "in"), "call", call);
	return hold(house, from, out);
}

static void test_the_same_call_the_same_answer(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct held first, again;

	assert_int_equal(hold_as(alpha, "beta", "c1", &first), 0);
	houses_advance(houses, 2 * PH_SECOND);
	assert_int_equal(hold_as(alpha, "beta", "c1", &again), 0);
	assert_string_equal(first.id, again.id);
	assert_memory_equal(first.token, again.token, 16);
	/* Another's call of the same name is another call. */
	assert_int_equal(
		hold_as(alpha, "gamma", "c1", &again), PH_EXIT_CONFLICT);
	assert_int_equal(hold_as(alpha, "beta", "c2", NULL), PH_EXIT_CONFLICT);
	/* A refusal is an answer, too: it does not change when it is free. */
	assert_int_equal(release(alpha, "beta", first.id), 0);
	assert_int_equal(hold_as(alpha, "beta", "c2", NULL), PH_EXIT_CONFLICT);
	/* What it had is gone; it does not silently get another. */
	assert_int_equal(hold_as(alpha, "beta", "c1", NULL), PH_EXIT_CONFLICT);
	houses_advance(houses, 121 * PH_SECOND);
	assert_int_equal(hold_as(alpha, "beta", "c1", &again), 0);
	assert_string_not_equal(first.id, again.id);
}

static void test_asked_again_while_it_waits(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct answer waiting[5];
	struct held first;

	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, NULL, &first), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct ph_writer *writer = house_ask(houses, "sink", "in");

		ph_put_text(writer, "call", "c1");
		ph_put_int(writer, "wait_ms", 8000);
		house_send(alpha, "beta", PH_HOSTESS_HOLD, &waiting[i]);
		houses_advance(houses, PH_MILLISECOND);
	}
	/* Four may wait for one answer. */
	assert_true(waiting[4].come);
	assert_int_equal(waiting[4].error.exit, PH_EXIT_CONFLICT);
	release(alpha, NULL, first.id);
	for (unsigned i = 0; i < 4; i++) {
		struct held one;

		house_wait(alpha, &waiting[i]);
		assert_int_equal(waiting[i].status, PH_CALL_OK);
		held_read(&one, &waiting[i]);
		assert_string_equal(one.id, "alpha~7.2");
		answer_free(&waiting[i]);
	}
	answer_free(&waiting[4]);
}

static void test_a_token_confirms(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	uint8_t wrong[16], token[16];
	struct held held;

	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, "beta", &held), 0);
	memcpy(wrong, held.token, 16);
	wrong[3] ^= 1;
	/* To know its name is not to hold it. */
	assert_int_equal(
		book(alpha, "gamma", "in", &held, NULL, token), PH_EXIT_DENIED);
	assert_int_equal(book(alpha, "gamma", "in", &held, wrong, token),
		PH_EXIT_DENIED);
	assert_int_equal(
		book(alpha, "beta", "in", &held, wrong, token), PH_EXIT_DENIED);
	assert_int_equal(book(alpha, "gamma", "in", NULL, NULL, token),
		PH_EXIT_CONFLICT);
	/* Whoever brings the token books it, and then it is theirs. */
	assert_int_equal(
		book(alpha, "gamma", "in", &held, held.token, token), 0);
	assert_memory_equal(token, held.token, 16);
	assert_int_equal(
		attach(alpha, "gamma#1.1", "beta", token, 1), PH_EXIT_DENIED);
	assert_int_equal(attach(alpha, "gamma#1.1", "gamma", token, 1), 0);
	/* A booking is not released as a hold. */
	assert_int_equal(release(alpha, "gamma", held.id), PH_EXIT_CONFLICT);
	assert_int_equal(release(alpha, "beta", held.id), PH_EXIT_DENIED);
}

static void test_who_comes_late_finds_it_taken(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct held late, other;
	uint8_t token[16];

	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, "beta", &late), 0);
	houses_advance(houses, 10 * PH_SECOND);
	house_ask(houses, "sink", "in");
	assert_int_equal(hold(alpha, "gamma", &other), 0);
	assert_true(other.fence > late.fence);
	/* The right token of a hold that is over opens nothing. */
	assert_int_equal(book(alpha, "beta", "in", &late, late.token, token),
		PH_EXIT_CONFLICT);
	assert_int_equal(book(alpha, "beta", "in", &other, late.token, token),
		PH_EXIT_DENIED);
	assert_int_equal(
		book(alpha, "gamma", "in", &other, other.token, token), 0);
	assert_int_equal(release(alpha, "beta", late.id), PH_EXIT_NOT_FOUND);
	/* A booking that ran out: its carrier is not let in any more. */
	houses_advance(houses, PH_LEASE_LASTS);
	assert_int_equal(
		attach(alpha, "gamma#1.1", "gamma", token, 1), PH_EXIT_DENIED);
	assert_int_equal(book(alpha, "beta", "in", NULL, NULL, NULL), 0);
	assert_int_equal(
		attach(alpha, "gamma#1.1", "gamma", token, 1), PH_EXIT_DENIED);
	assert_int_equal(
		attach(alpha, "beta#1.1", "beta", token, 1), PH_EXIT_DENIED);
}

static void test_a_held_server_is_for_its_holder(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct held whole;

	house_ask(houses, "sink", NULL);
	assert_int_equal(hold(alpha, "beta", &whole), 0);
	assert_int_equal(
		book(alpha, "gamma", "in", NULL, NULL, NULL), PH_EXIT_CONFLICT);
	assert_int_equal(book(alpha, "gamma", "merge", &whole, NULL, NULL),
		PH_EXIT_DENIED);
	assert_int_equal(book(alpha, "beta", "in", &whole, NULL, NULL), 0);
	/* What was booked through it stays when it runs out. */
	houses_advance(houses, 10 * PH_SECOND);
	assert_int_equal(
		book(alpha, "gamma", "in", NULL, NULL, NULL), PH_EXIT_CONFLICT);
	assert_int_equal(book(alpha, "gamma", "merge", NULL, NULL, NULL), 0);
}

static void test_an_output_is_held_by_token(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_writer *writer;
	struct held held;

	house_ask(houses, "sink", "out");
	assert_int_equal(hold(alpha, "beta", &held), 0);
	for (unsigned i = 0; i < 3; i++) {
		writer = house_ask(houses, "sink", "out");
		ph_put_text(writer, "connection", "alpha#1.1");
		if (i)
			ph_put_text(writer, "hold", held.id);
		if (i == 2)
			ph_put_bytes(writer, "hold_token", held.token, 16);
		assert_int_equal(house_exit(alpha, NULL, PH_HOSTESS_FIND),
			i == 0	 ? PH_EXIT_CONFLICT
			: i == 1 ? PH_EXIT_DENIED
				 : 0);
	}
}

/* --- who may book: authFlag and authMechanism */

static int hold_token(struct house *house, const char *from, const char *server,
	const char *token)
{
	struct ph_writer *writer = house_ask(house->all, server, "merge");

	if (token)
		ph_put_text(writer, "auth", token);
	return hold(house, from, NULL);
}

static int reserve_token(struct house *house, const char *server,
	const char *token, unsigned number)
{
	struct ph_writer *writer = house_ask(house->all, server, "merge");
	char connection[32];

	snprintf(connection, sizeof(connection), "beta#2.%u", number);
	ph_put_text(writer, "connection", connection);
	if (token)
		ph_put_text(writer, "auth", token);
	return house_exit(house, "beta", PH_HOSTESS_RESERVE);
}

static void rule_of(char out[128], const char *flag, const char *token)
{
	uint8_t digest[32];
	size_t used = (size_t)snprintf(out, 128, "%s token ", flag);

	crypto_generichash(digest, sizeof(digest), (const uint8_t *)token,
		strlen(token), NULL, 0);
	for (unsigned i = 0; i < sizeof(digest); i++)
		used += (size_t)snprintf(
			out + used, 128 - used, "%02x", digest[i]);
}

static void test_tokens_are_asked_for(void **state)
{
	static const char *const asked[] = {NULL, "", "wrong", "sesame"};
	static const int yes[] = {
		PH_EXIT_DENIED, PH_EXIT_DENIED, PH_EXIT_DENIED, PH_EXIT_OK};
	static const int optional[] = {
		PH_EXIT_OK, PH_EXIT_DENIED, PH_EXIT_DENIED, PH_EXIT_OK};
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	char rule[128];

	rule_of(rule, "yes", "sesame");
	house_register(alpha, "vault", "x", rule);
	rule_of(rule, "optional", "sesame");
	house_register(alpha, "porch", "x", rule);
	for (unsigned i = 0; i < 4; i++) {
		/* This node itself, too. */
		assert_int_equal(
			hold_token(alpha, NULL, "vault", asked[i]), yes[i]);
		assert_int_equal(
			hold_token(alpha, "beta", "vault", asked[i]), yes[i]);
		assert_int_equal(
			reserve_token(alpha, "vault", asked[i], i), yes[i]);
		assert_int_equal(hold_token(alpha, "beta", "porch", asked[i]),
			optional[i]);
		assert_int_equal(reserve_token(alpha, "porch", asked[i], 8 + i),
			optional[i]);
	}
}

static void test_peers_are_asked_for(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;

	house_register(alpha, "club", "x", "yes peer role=exec from=beta");
	house_register(alpha, "open", "x", "optional peer role=exec");
	assert_int_equal(hold_token(alpha, "beta", "club", NULL), 0);
	assert_int_equal(
		hold_token(alpha, "gamma", "club", NULL), PH_EXIT_DENIED);
	assert_int_equal(hold_token(alpha, NULL, "club", NULL), 0);
	assert_int_equal(hold_token(alpha, "gamma", "open", NULL), 0);
	assert_int_equal(reserve_token(alpha, "club", NULL, 1), 0);
}

/* A reservation's id is no secret: it lets nobody past a token. */
static void test_anothers_hold_is_no_ticket(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_writer *writer;
	struct held held;
	char rule[128];

	rule_of(rule, "yes", "sesame");
	house_register(alpha, "vault", "x", rule);
	ph_put_text(house_ask(houses, "vault", "merge"), "auth", "sesame");
	assert_int_equal(hold(alpha, "beta", &held), 0);
	for (unsigned i = 0; i < 2; i++) {
		writer = house_ask(houses, "vault", "merge");
		ph_put_text(writer, "connection", "gamma#1.1");
		ph_put_text(writer, "hold", held.id);
		assert_int_equal(house_exit(alpha, "gamma", PH_HOSTESS_RESERVE),
			PH_EXIT_DENIED);
		/* Nor when it has become a booking. */
		writer = house_ask(houses, "vault", "merge");
		ph_put_text(writer, "connection", "beta#1.1");
		ph_put_text(writer, "hold", held.id);
		assert_int_equal(
			house_exit(alpha, "beta", PH_HOSTESS_RESERVE), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, houses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_hold_tells_what_it_holds),
		TEST(test_what_is_no_hold),
		TEST(test_who_waits_gets_it_in_turn),
		TEST(test_waiting_ends_and_gives_back),
		TEST(test_the_same_call_the_same_answer),
		TEST(test_asked_again_while_it_waits),
		TEST(test_a_token_confirms),
		TEST(test_who_comes_late_finds_it_taken),
		TEST(test_a_held_server_is_for_its_holder),
		TEST(test_an_output_is_held_by_token),
		TEST(test_tokens_are_asked_for),
		TEST(test_peers_are_asked_for),
		TEST(test_anothers_hold_is_no_ticket),
	};

	return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
