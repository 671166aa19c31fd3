#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "node/limits.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static int setup(void **state)
{
	return ph_limits_create((struct ph_limits **)state);
}

static int teardown(void **state)
{
	ph_limits_destroy(*state);
	return 0;
}

static bool same(const char *a, const char *b)
{
	struct ph_source left = ph_source_of(a);
	struct ph_source right = ph_source_of(b);

	return memcmp(&left, &right, sizeof(left)) == 0;
}

static void sources_are_addresses_or_prefixes(void **state)
{
	assert_true(same("192.0.2.7", "192.0.2.7:51234"));
	assert_true(same("192.0.2.7", "::ffff:192.0.2.7"));
	assert_false(same("192.0.2.7", "192.0.2.8"));
	assert_true(same("2001:db8::1", "[2001:db8::ffff:2]:7678"));
	assert_true(same("fe80::1%eth0", "fe80::2"));
	assert_false(same("2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_true(same("unix", "unix"));
	assert_false(same("unix", "elsewhere"));
	assert_false(same("192.0.2.7", "unix"));
	assert_true(same("", ""));
}

static struct ph_source numbered(unsigned i)
{
	char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255,
		i & 255);
	return ph_source_of(text);
}

/* Pending connections. */

static void the_table_is_bounded(void **state)
{
	struct ph_limits *limits = *state;
	ph_pending victim;
	unsigned dropped = 0;

	for (unsigned i = 0; i < 100000; i++) {
		ph_limits_enter(limits, numbered(i % 5000), i, &victim);
		dropped += victim != 0;
		assert_true(ph_limits_pending(limits) <= PH_LIMITS_PENDING);
	}
	assert_int_equal(dropped, 100000 - PH_LIMITS_PENDING);
}

/* A thousand idle connections, and an honest peer at the same address. */
static void an_honest_peer_outlives_idle_ones_of_its_address(void **state)
{
	struct ph_limits *limits = *state;
	struct ph_source source = ph_source_of("127.0.0.1");
	ph_pending honest;
	ph_pending victim;

	for (int i = 0; i < 1000; i++)
		ph_limits_enter(limits, source, i, &victim);
	honest = ph_limits_enter(limits, source, 1000, &victim);
	assert_int_not_equal(victim, 0);
	/* 127 more come before it says a word; it is the youngest. */
	for (int i = 0; i < 127; i++) {
		ph_limits_enter(limits, source, 2000 + i, &victim);
		assert_int_not_equal(victim, honest);
	}
	/* Then it has moved, and a flood of silent ones does not matter. */
	ph_limits_advance(limits, honest, PH_PHASE_TLS);
	for (int i = 0; i < 100000; i++) {
		ph_limits_enter(limits, source, 3000 + i, &victim);
		assert_int_not_equal(victim, honest);
	}
	ph_limits_leave(limits, honest, true, 200000);
	assert_int_equal(ph_limits_pending(limits), PH_LIMITS_PENDING - 1);
}

static void other_addresses_are_not_touched(void **state)
{
	struct ph_limits *limits = *state;
	ph_pending others[20];
	ph_pending victim;

	for (unsigned i = 0; i < 20; i++)
		others[i] = ph_limits_enter(limits, numbered(i), i, &victim);
	for (unsigned i = 0; i < 10000; i++) {
		ph_limits_enter(limits, numbered(99), 100 + i, &victim);
		for (unsigned j = 0; j < 20; j++)
			assert_int_not_equal(victim, others[j]);
	}
}

/* Who finishes TLS and then stalls is dropped for newcomers all the same. */
static void stalled_handshakes_lock_nobody_out(void **state)
{
	struct ph_limits *limits = *state;
	struct ph_source source = ph_source_of("127.0.0.1");
	ph_pending stalled[PH_LIMITS_PENDING];
	ph_pending victim;

	for (unsigned i = 0; i < PH_LIMITS_PENDING; i++) {
		stalled[i] = ph_limits_enter(limits, source, i, &victim);
		ph_limits_advance(limits, stalled[i], PH_PHASE_HELLO);
	}
	assert_int_not_equal(ph_limits_enter(limits, source, 1000, &victim), 0);
	assert_int_equal(victim, stalled[0]);
}

static void those_who_proved_themselves_are_dropped_last(void **state)
{
	struct ph_limits *limits = *state;
	struct ph_source known = ph_source_of("192.0.2.1");
	ph_pending pending;
	ph_pending victim;

	pending = ph_limits_enter(limits, known, 0, &victim);
	ph_limits_leave(limits, pending, true, 1);
	pending = ph_limits_enter(limits, known, 2, &victim);
	/* One of each of many addresses: nothing else tells them apart. */
	for (unsigned i = 0; i < 10000; i++) {
		ph_pending other =
			ph_limits_enter(limits, numbered(i), 3 + i, &victim);

		ph_limits_advance(limits, other, PH_PHASE_TLS);
		assert_int_not_equal(victim, pending);
	}
}

static void deadlines_are_kept(void **state)
{
	struct ph_limits *limits = *state;
	ph_pending victim;
	ph_pending silent;
	ph_pending slow;

	assert_int_equal(ph_limits_deadline(limits), INT64_MAX);
	silent = ph_limits_enter(limits, numbered(1), 0, &victim);
	slow = ph_limits_enter(limits, numbered(2), SECOND, &victim);
	ph_limits_advance(limits, slow, PH_PHASE_HELLO);
	ph_limits_advance(limits, slow, PH_PHASE_TLS); /* never back */
	assert_int_equal(ph_limits_deadline(limits), 5 * SECOND);
	assert_int_equal(ph_limits_expired(limits, 5 * SECOND - 1), 0);
	assert_int_equal(ph_limits_expired(limits, 5 * SECOND), silent);
	assert_int_equal(ph_limits_expired(limits, 5 * SECOND), 0);
	assert_int_equal(ph_limits_deadline(limits), 11 * SECOND);
	assert_int_equal(ph_limits_expired(limits, 11 * SECOND), slow);
	assert_int_equal(ph_limits_pending(limits), 0);
	/* Names that are gone do no harm. */
	ph_limits_advance(limits, slow, PH_PHASE_HELLO);
	ph_limits_leave(limits, slow, true, 0);
	ph_limits_leave(limits, 0, true, 0);
}

/* Guesses. */

static enum ph_guess try_wrong(
	struct ph_limits *limits, unsigned source, int64_t now)
{
	int64_t retry;
	enum ph_guess verdict =
		ph_limits_guess(limits, numbered(source), now, &retry);

	if (verdict == PH_GUESS_GO)
		ph_limits_guessed(limits, numbered(source), 1, now);
	return verdict;
}

/* 10,000 wrong runs of one source at once: five. */
static void a_source_gets_five(void **state)
{
	struct ph_limits *limits = *state;
	unsigned tried = 0;

	for (int i = 0; i < 10000; i++)
		tried += try_wrong(limits, 1, i * SECOND / 1000) == PH_GUESS_GO;
	assert_int_equal(tried, 5);
	assert_int_equal(try_wrong(limits, 2, 10 * SECOND), PH_GUESS_GO);
}

static void then_one_in_growing_intervals(void **state)
{
	static const int64_t waits[] = {10, 20, 40, 60, 60, 60};
	struct ph_limits *limits = *state;
	int64_t now = 0;
	int64_t retry;

	for (int i = 0; i < 5; i++)
		assert_int_equal(try_wrong(limits, 1, now), PH_GUESS_GO);
	for (int i = 0; i < 6; i++) {
		int64_t wait = waits[i] * MINUTE;

		assert_int_equal(
			ph_limits_guess(limits, numbered(1), now + 1, &retry),
			PH_GUESS_REFUSED);
		assert_int_equal(retry, wait - 1);
		assert_int_equal(
			try_wrong(limits, 1, now + wait - 1), PH_GUESS_REFUSED);
		now += wait;
		assert_int_equal(try_wrong(limits, 1, now), PH_GUESS_GO);
		assert_int_equal(try_wrong(limits, 1, now), PH_GUESS_REFUSED);
	}
	/* A day of quiet, and all is forgotten. */
	now += 24 * HOUR;
	for (int i = 0; i < 5; i++)
		assert_int_equal(try_wrong(limits, 1, now), PH_GUESS_GO);
	assert_int_equal(try_wrong(limits, 1, now), PH_GUESS_REFUSED);
}

/* A day of 5,000 sources that only ever guess wrong. */
static void a_node_takes_sixty_an_hour(void **state)
{
	struct ph_limits *limits = *state;
	int64_t tried[60 * 25];
	unsigned count = 0;

	for (unsigned i = 0; i < 500000; i++) {
		int64_t now = i * (24 * HOUR / 500000);

		if (try_wrong(limits, i % 5000, now) == PH_GUESS_GO) {
			assert_true(count < 60 * 25);
			tried[count++] = now;
		}
	}
	assert_in_range(count, 60 * 23, 60 * 25);
	for (unsigned i = 60; i < count; i++)
		assert_true(tried[i] - tried[i - 60] >= HOUR);
}

static void enrolment_pauses_and_says_until_when(void **state)
{
	struct ph_limits *limits = *state;
	int64_t retry;

	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(try_wrong(limits, i, i * SECOND), PH_GUESS_GO);
	assert_int_equal(ph_limits_failures(limits, MINUTE), 60);
	assert_int_equal(ph_limits_guess(limits, numbered(99), MINUTE, &retry),
		PH_GUESS_PAUSED);
	assert_int_equal(retry, HOUR - MINUTE);
	assert_int_equal(try_wrong(limits, 99, HOUR), PH_GUESS_GO);
}

/* Sixty nodes that are none were announced and dialled: who comes still gets
 * in, and the other way round. */
static void dialling_has_its_own_hour(void **state)
{
	struct ph_limits *limits = *state;
	struct ph_source out = ph_source_dialled("192.0.2.1:7678");
	struct ph_source in = ph_source_of("192.0.2.1:7678");
	char text[32];
	int64_t retry;

	for (unsigned i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u:7678", i);
		out = ph_source_dialled(text);
		assert_int_equal(
			ph_limits_guess(limits, out, 0, &retry), PH_GUESS_GO);
		ph_limits_guessed(limits, out, 1, 0);
	}
	assert_int_equal(
		ph_limits_guess(limits, out, 1, &retry), PH_GUESS_PAUSED);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			ph_limits_guess(limits, in, 1, &retry), PH_GUESS_GO);
	for (unsigned i = 0; i < 5; i++)
		ph_limits_guessed(limits, in, 0, 2);
	assert_int_equal(ph_limits_failures(limits, 2), 60);
}

/* Runs side by side get no more guesses than one after the other. */
static void parallel_runs_are_paid_in_advance(void **state)
{
	struct ph_limits *limits = *state;
	struct ph_source source = numbered(1);
	int64_t retry;

	for (int i = 0; i < 5; i++)
		assert_int_equal(ph_limits_guess(limits, source, 0, &retry),
			PH_GUESS_GO);
	assert_int_equal(
		ph_limits_guess(limits, source, 0, &retry), PH_GUESS_WAIT);
	assert_int_equal(retry, PH_LIMITS_AGAIN);
	/* One was honest: another may try. */
	ph_limits_guessed(limits, source, 0, 1);
	assert_int_equal(
		ph_limits_guess(limits, source, 1, &retry), PH_GUESS_GO);
	for (int i = 0; i < 5; i++)
		ph_limits_guessed(limits, source, 1, 2);
	assert_int_equal(
		ph_limits_guess(limits, source, 2, &retry), PH_GUESS_REFUSED);
}

static void the_nodes_hour_is_paid_in_advance_too(void **state)
{
	struct ph_limits *limits = *state;
	int64_t retry;

	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(
			ph_limits_guess(limits, numbered(i), 0, &retry),
			PH_GUESS_GO);
	assert_int_equal(ph_limits_guess(limits, numbered(99), 0, &retry),
		PH_GUESS_WAIT);
	ph_limits_guessed(limits, numbered(0), 0, 0);
	assert_int_equal(
		ph_limits_guess(limits, numbered(99), 0, &retry), PH_GUESS_GO);
}

/* Many machines behind one address, all honest. */
static void success_costs_nothing(void **state)
{
	struct ph_limits *limits = *state;
	int64_t retry;

	for (int i = 0; i < 10000; i++) {
		assert_int_equal(
			ph_limits_guess(limits, numbered(1), i, &retry),
			PH_GUESS_GO);
		ph_limits_guessed(limits, numbered(1), 0, i);
	}
	assert_int_equal(ph_limits_failures(limits, 10000), 0);
}

static void a_rotating_listener_counts_twice(void **state)
{
	struct ph_limits *limits = *state;
	int64_t retry;

	assert_int_equal(
		ph_limits_guess(limits, numbered(1), 0, &retry), PH_GUESS_GO);
	ph_limits_guessed(limits, numbered(1), 2, 0);
	assert_int_equal(ph_limits_failures(limits, 1), 2);
}

#define WITH_LIMITS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_are_addresses_or_prefixes),
		WITH_LIMITS(the_table_is_bounded),
		WITH_LIMITS(an_honest_peer_outlives_idle_ones_of_its_address),
		WITH_LIMITS(other_addresses_are_not_touched),
		WITH_LIMITS(stalled_handshakes_lock_nobody_out),
		WITH_LIMITS(those_who_proved_themselves_are_dropped_last),
		WITH_LIMITS(deadlines_are_kept),
		WITH_LIMITS(a_source_gets_five),
		WITH_LIMITS(then_one_in_growing_intervals),
		WITH_LIMITS(a_node_takes_sixty_an_hour),
		WITH_LIMITS(enrolment_pauses_and_says_until_when),
		WITH_LIMITS(dialling_has_its_own_hour),
		WITH_LIMITS(parallel_runs_are_paid_in_advance),
		WITH_LIMITS(the_nodes_hour_is_paid_in_advance_too),
		WITH_LIMITS(success_costs_nothing),
		WITH_LIMITS(a_rotating_listener_counts_twice),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
