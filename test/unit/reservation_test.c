#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "hostess/reservation.h"

static const uint8_t token[PH_ATTACH_TOKEN] = "0123456789abcdef";
static const uint8_t wrong[PH_ATTACH_TOKEN] = "0123456789abcdeg";

static struct ph_reservation_output step(struct ph_reservation *reservation,
	int64_t now, enum ph_reservation_kind kind, uint32_t generation)
{
	struct ph_reservation_event event = {
		.kind = kind,
		.connection = "beta#1.1",
		.node = "beta",
		.token = token,
		.generation = generation,
	};

	return ph_reservation_step(reservation, now, &event);
}

static void booked(struct ph_reservation *reservation, int64_t now)
{
	ph_reservation_init(reservation, now, PH_HOLD_LASTS, "beta", token);
	assert_int_equal(reservation->state, PH_RESERVATION_HELD);
	step(reservation, now, PH_RESERVE_BOOK, 0);
	assert_int_equal(reservation->state, PH_RESERVATION_BOOKED);
}

static void test_a_hold_runs_out(void **state)
{
	struct ph_reservation one;
	struct ph_reservation_output output;

	ph_reservation_init(&one, 5, PH_HOLD_LASTS, "beta", token);
	output = step(&one, 5 + PH_HOLD_LASTS - 1, PH_RESERVE_TICK, 0);
	assert_false(output.free);
	output = step(&one, 5 + PH_HOLD_LASTS, PH_RESERVE_TICK, 0);
	assert_true(output.free);
	assert_false(output.evict);
	assert_int_equal(one.state, PH_RESERVATION_EXPIRED);
}

static void test_a_lease_is_renewed_by_asking_again(void **state)
{
	struct ph_reservation one;

	booked(&one, 0);
	step(&one, PH_LEASE_LASTS - 1, PH_RESERVE_BOOK, 0);
	assert_false(step(&one, PH_LEASE_LASTS, PH_RESERVE_TICK, 0).free);
	assert_true(
		step(&one, 2 * PH_LEASE_LASTS - 1, PH_RESERVE_TICK, 0).free);
}

static void test_generations_fence(void **state)
{
	struct ph_reservation one;

	booked(&one, 0);
	assert_int_equal(step(&one, 1, PH_RESERVE_ATTACH, 0).outcome,
		PH_RESERVED_DENIED);
	assert_int_equal(
		step(&one, 1, PH_RESERVE_ATTACH, 3).outcome, PH_RESERVED_OK);
	assert_int_equal(one.state, PH_RESERVATION_SEATED);
	assert_int_equal(step(&one, 2, PH_RESERVE_ATTACH, 3).outcome,
		PH_RESERVED_DENIED);
	assert_int_equal(step(&one, 2, PH_RESERVE_ATTACH, 2).outcome,
		PH_RESERVED_DENIED);
	assert_int_equal(
		step(&one, 2, PH_RESERVE_ATTACH, 4).outcome, PH_RESERVED_OK);
	/* The older carrier's farewell comes late and changes nothing. */
	assert_int_equal(
		step(&one, 3, PH_RESERVE_DETACH, 3).outcome, PH_RESERVED_STALE);
	assert_true(one.attached);
}

static void test_who_may_attach(void **state)
{
	struct ph_reservation one;
	struct ph_reservation_event event = {
		.kind = PH_RESERVE_ATTACH,
		.node = "gamma",
		.token = token,
		.generation = 1,
	};

	booked(&one, 0);
	assert_int_equal(ph_reservation_step(&one, 1, &event).outcome,
		PH_RESERVED_DENIED);
	event.node = "beta";
	event.token = wrong;
	assert_int_equal(ph_reservation_step(&one, 1, &event).outcome,
		PH_RESERVED_DENIED);
	event.token = token;
	assert_int_equal(
		ph_reservation_step(&one, 1, &event).outcome, PH_RESERVED_OK);
}

static void test_a_seat_is_kept_after_a_cut(void **state)
{
	struct ph_reservation one;
	struct ph_reservation_output output;

	booked(&one, 0);
	step(&one, 1, PH_RESERVE_ATTACH, 1);
	/* With a carrier no time takes it away. */
	assert_false(step(&one, PH_SEAT_KEPT * 9, PH_RESERVE_TICK, 0).free);
	step(&one, 100, PH_RESERVE_DETACH, 1);
	assert_false(step(&one, 99 + PH_SEAT_KEPT, PH_RESERVE_TICK, 0).free);
	output = step(&one, 100 + PH_SEAT_KEPT, PH_RESERVE_TICK, 0);
	assert_true(output.free);
	assert_true(output.evict);
}

static void test_a_finished_stream_frees(void **state)
{
	struct ph_reservation one;
	struct ph_reservation_event event = {
		.kind = PH_RESERVE_DETACH, .generation = 1, .finished = true};
	struct ph_reservation_output output;

	booked(&one, 0);
	step(&one, 1, PH_RESERVE_ATTACH, 1);
	output = ph_reservation_step(&one, 2, &event);
	assert_true(output.free);
	assert_false(output.evict);
}

static void test_release_evicts_the_seated_only(void **state)
{
	struct ph_reservation one;
	struct ph_reservation_output output;

	booked(&one, 0);
	output = step(&one, 1, PH_RESERVE_RELEASE, 0);
	assert_true(output.free);
	assert_false(output.evict);
	booked(&one, 0);
	step(&one, 1, PH_RESERVE_ATTACH, 1);
	output = step(&one, 2, PH_RESERVE_RELEASE, 0);
	assert_true(output.free);
	assert_true(output.evict);
	output = step(&one, 3, PH_RESERVE_BOOK, 0);
	assert_int_equal(output.outcome, PH_RESERVED_DENIED);
}

/* Random events: once expired, always expired; a seated one never frees
 * without telling whether its carrier must go; generations only grow. */
static void test_random_walks(void **state)
{
	uint64_t seed = 88172645463325252u;

	for (unsigned walk = 0; walk < 2000; walk++) {
		struct ph_reservation one;
		int64_t now = 0;

		booked(&one, now);
		for (unsigned i = 0; i < 60; i++) {
			enum ph_reservation_state before = one.state;
			uint32_t generation = one.generation;
			struct ph_reservation_output output;
			enum ph_reservation_kind kind;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			now += (int64_t)(seed % (40 * PH_SECOND));
			kind = (seed >> 40) % 6;
			if (kind == PH_RESERVE_EVICT && i < 40)
				kind = PH_RESERVE_TICK;
			output = step(&one, now, kind, (seed >> 20) % 5);
			assert_true(one.generation >= generation);
			assert_true(output.free ==
				    (one.state == PH_RESERVATION_EXPIRED &&
					    before != PH_RESERVATION_EXPIRED));
			if (output.evict)
				assert_int_equal(before, PH_RESERVATION_SEATED);
			if (one.state == PH_RESERVATION_SEATED && !one.attached)
				assert_true(one.expires > now);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hold_runs_out),
		cmocka_unit_test(test_a_lease_is_renewed_by_asking_again),
		cmocka_unit_test(test_generations_fence),
		cmocka_unit_test(test_who_may_attach),
		cmocka_unit_test(test_a_seat_is_kept_after_a_cut),
		cmocka_unit_test(test_a_finished_stream_frees),
		cmocka_unit_test(test_release_evicts_the_seated_only),
		cmocka_unit_test(test_random_walks),
	};

	return cmocka_run_group_tests_name("reservation", tests, NULL, NULL);
}
