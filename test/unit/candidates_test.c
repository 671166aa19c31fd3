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
		assert_true(ph_candidates_add(&candidates, text, false));
		assert_false(ph_candidates_add(&candidates, text, false));
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

	assert_false(ph_candidates_add(&candidates, "198.51.100.1:1", false));
	ph_candidates_failed(&candidates, 4);
	assert_true(ph_candidates_add(&candidates, "198.51.100.1:1", false));
	assert_int_equal(-1, ph_candidates_find(&candidates, "192.0.2.4:7678"));
	assert_true(ph_candidates_add(&candidates, "198.51.100.2:1", true));
	ph_candidates_sort(&candidates);
	assert_string_equal("198.51.100.2:1", candidates.list[0].address);
	assert_int_equal(8, candidates.count);
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
	assert_true(ph_candidates_add(&candidates, "198.51.100.1:1", false));
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
		cmocka_unit_test(the_loser_of_a_race_may_run_again),
		cmocka_unit_test(an_address_told_in_the_middle_joins_the_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
