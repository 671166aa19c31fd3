#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "node/candidates.h"

#define MS INT64_C(1000000)

static struct ph_candidates many(unsigned count)
{
	struct ph_candidates candidates = {0};
	char text[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u:7678", i);
		assert_true(ph_candidates_add(
			&candidates, text, PH_ORIGIN_GATHERED, false));
		candidates.list[i].near = true;
		assert_false(ph_candidates_add(
			&candidates, text, PH_ORIGIN_GATHERED, false));
	}
	return candidates;
}

/* A race in which `good` opens 5 ms after its start, `refusing` fail at once
 * and the others never answer; when it opened, ns. INT64_MAX: never. */
static int64_t race(
	struct ph_candidates *candidates, const char *good, bool refusing)
{
	int64_t ends[PH_CANDIDATES];
	int64_t opens = INT64_MAX;

	ph_candidates_begin(candidates, 0);
	for (int64_t now = 0; !ph_candidates_over(candidates); now += MS) {
		int index;

		for (unsigned i = 0; i < candidates->count; i++)
			if (candidates->list[i].state == PH_CANDIDATE_RUNS &&
				ends[i] <= now)
				ph_candidates_failed(candidates, (int)i);
		if (opens <= now) {
			ph_candidates_worked(candidates,
				ph_candidates_find(candidates, good));
			break;
		}
		while ((index = ph_candidates_yield(candidates, now)) >= 0)
			ends[index] = INT64_MAX;
		while ((index = ph_candidates_next(candidates, now)) >= 0) {
			ends[index] = now;
			if (!refusing)
				ends[index] += ph_candidates_patience(
					candidates, index);
			if (!strcmp(candidates->list[index].address, good)) {
				opens = now + 5 * MS;
				ends[index] = INT64_MAX;
			}
		}
	}
	ph_candidates_end(candidates);
	return opens;
}

static void five_dead_ones_cost_half_a_second(void **state)
{
	struct ph_candidates candidates = many(6);

	assert_int_equal(505 * MS, race(&candidates, "192.0.2.5:7678", false));
	/* And once only. */
	assert_int_equal(5 * MS, race(&candidates, "192.0.2.5:7678", false));
	assert_string_equal("192.0.2.5:7678", candidates.list[0].address);
}

static void who_refuses_costs_a_turn(void **state)
{
	struct ph_candidates candidates = many(6);

	/* A turn of the loop each. */
	assert_int_equal(10 * MS, race(&candidates, "192.0.2.5:7678", true));
}

static void nobody_answers_and_it_ends(void **state)
{
	struct ph_candidates candidates = many(8);

	assert_int_equal(INT64_MAX, race(&candidates, "nobody", false));
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(1, candidates.list[i].failed);
		assert_int_equal(
			2000 * MS, ph_candidates_patience(&candidates, (int)i));
	}
	for (unsigned i = 0; i < 5; i++)
		race(&candidates, "nobody", false);
	assert_int_equal(
		PH_CANDIDATES_LONG, ph_candidates_patience(&candidates, 0));
}

static void the_order_is_last_success_then_untried_then_failed(void **state)
{
	struct ph_candidates candidates = many(4);

	ph_candidates_failed(&candidates, 0);
	ph_candidates_worked(&candidates, 2);
	ph_candidates_worked(&candidates, 3);
	ph_candidates_sort(&candidates);
	assert_string_equal("192.0.2.3:7678", candidates.list[0].address);
	assert_string_equal("192.0.2.2:7678", candidates.list[1].address);
	assert_string_equal("192.0.2.1:7678", candidates.list[2].address);
	assert_string_equal("192.0.2.0:7678", candidates.list[3].address);
	/* What worked long ago and fails now goes last. */
	ph_candidates_failed(&candidates, 0);
	ph_candidates_failed(&candidates, 0);
	ph_candidates_sort(&candidates);
	assert_string_equal("192.0.2.3:7678", candidates.list[3].address);
}

static void a_full_list_takes_what_is_better(void **state)
{
	struct ph_candidates candidates = many(8);

	assert_false(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_GATHERED, false));
	ph_candidates_failed(&candidates, 4);
	assert_true(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_GATHERED, false));
	assert_int_equal(-1, ph_candidates_find(&candidates, "192.0.2.4:7678"));
	assert_true(ph_candidates_add(
		&candidates, "198.51.100.2:1", PH_ORIGIN_GATHERED, true));
	ph_candidates_sort(&candidates);
	assert_string_equal("198.51.100.2:1", candidates.list[0].address);
	assert_int_equal(8, candidates.count);
}

/* Four at once; who was silent longest comes again, with all its time. */
static void no_more_than_four_are_under_way(void **state)
{
	struct ph_candidates candidates = many(6);
	int64_t now = 0;

	ph_candidates_begin(&candidates, now);
	for (int i = 0; i < 4; i++, now += 100 * MS) {
		assert_int_equal(-1, ph_candidates_yield(&candidates, now));
		assert_int_equal(i, ph_candidates_next(&candidates, now));
	}
	assert_int_equal(400 * MS, ph_candidates_due(&candidates));
	assert_int_equal(-1, ph_candidates_next(&candidates, now));
	assert_int_equal(0, ph_candidates_yield(&candidates, now));
	assert_int_equal(4, ph_candidates_next(&candidates, now));
	now += 100 * MS;
	assert_int_equal(1, ph_candidates_yield(&candidates, now));
	assert_int_equal(5, ph_candidates_next(&candidates, now));
	/* All had a turn: nobody yields any more, they are waited for. */
	assert_int_equal(INT64_MAX, ph_candidates_due(&candidates));
	assert_int_equal(-1, ph_candidates_yield(&candidates, now + 9000 * MS));
	ph_candidates_failed(&candidates, 2);
	assert_int_equal(0, ph_candidates_next(&candidates, now + 100 * MS));
	assert_int_equal(INT64_MAX, ph_candidates_due(&candidates));
}

static void the_known_round_trip_sets_the_pace(void **state)
{
	static const struct {
		uint32_t rtt_us;
		bool near;
		int64_t next;
	} cases[] = {
		{0, true, 100 * MS},
		{0, false, 250 * MS},
		{1, false, 100 * MS},
		{80000, true, 320 * MS},
		{9000000, false, 2000 * MS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ph_candidates candidates = many(2);

		candidates.list[0].rtt_us = cases[i].rtt_us;
		candidates.list[0].near = cases[i].near;
		ph_candidates_begin(&candidates, 0);
		ph_candidates_next(&candidates, 0);
		assert_int_equal(cases[i].next, ph_candidates_due(&candidates));
	}
}

static void priority_comes_before_all_else(void **state)
{
	struct ph_candidates candidates = many(3);

	ph_candidates_worked(&candidates, 0);
	candidates.list[1].priority = 7;
	candidates.list[2].priority = 9;
	ph_candidates_sort(&candidates);
	assert_string_equal("192.0.2.2:7678", candidates.list[0].address);
	assert_string_equal("192.0.2.1:7678", candidates.list[1].address);
	assert_string_equal("192.0.2.0:7678", candidates.list[2].address);
}

static void hearsay_is_tried_three_times_a_minute(void **state)
{
	struct ph_candidates candidates = many(1);
	unsigned tries[2] = {0};

	assert_true(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_HEARSAY, false));
	for (int64_t now = 0; now < 67000 * MS; now += 6000 * MS) {
		int index;

		ph_candidates_begin(&candidates, now);
		while ((index = ph_candidates_next(&candidates, now)) >= 0) {
			tries[candidates.list[index].origin ==
				PH_ORIGIN_HEARSAY]++;
			ph_candidates_failed(&candidates, index);
		}
		assert_true(ph_candidates_over(&candidates));
		ph_candidates_end(&candidates);
	}
	assert_int_equal(12, tries[0]);
	/* Three in the first minute, one when the first of them is over. */
	assert_int_equal(4, tries[1]);
	/* Its own word makes it an address like others. */
	assert_false(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_GATHERED, false));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(PH_ORIGIN_GATHERED, candidates.list[i].origin);
	assert_false(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_HEARSAY, false));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(PH_ORIGIN_GATHERED, candidates.list[i].origin);
}

static void the_loser_of_a_race_may_run_again(void **state)
{
	struct ph_candidates candidates = many(2);

	ph_candidates_begin(&candidates, 0);
	assert_int_equal(0, ph_candidates_next(&candidates, 0));
	assert_int_equal(-1, ph_candidates_next(&candidates, 99 * MS));
	assert_int_equal(1, ph_candidates_next(&candidates, 100 * MS));
	ph_candidates_cancel(&candidates, 0);
	/* The winner turned out to be somebody else. */
	ph_candidates_failed(&candidates, 1);
	assert_false(ph_candidates_over(&candidates));
	assert_int_equal(0, ph_candidates_next(&candidates, 101 * MS));
	assert_int_equal(0, candidates.list[0].failed);
}

static void an_address_told_in_the_middle_joins_the_race(void **state)
{
	struct ph_candidates candidates = many(1);

	ph_candidates_begin(&candidates, 0);
	assert_int_equal(0, ph_candidates_next(&candidates, 0));
	assert_int_equal(INT64_MAX, ph_candidates_due(&candidates));
	assert_true(ph_candidates_add(
		&candidates, "198.51.100.1:1", PH_ORIGIN_GATHERED, false));
	assert_int_equal(100 * MS, ph_candidates_due(&candidates));
	assert_int_equal(1, ph_candidates_next(&candidates, 100 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_dead_ones_cost_half_a_second),
		cmocka_unit_test(who_refuses_costs_a_turn),
		cmocka_unit_test(nobody_answers_and_it_ends),
		cmocka_unit_test(
			the_order_is_last_success_then_untried_then_failed),
		cmocka_unit_test(a_full_list_takes_what_is_better),
		cmocka_unit_test(no_more_than_four_are_under_way),
		cmocka_unit_test(the_known_round_trip_sets_the_pace),
		cmocka_unit_test(priority_comes_before_all_else),
		cmocka_unit_test(hearsay_is_tried_three_times_a_minute),
		cmocka_unit_test(the_loser_of_a_race_may_run_again),
		cmocka_unit_test(an_address_told_in_the_middle_joins_the_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
