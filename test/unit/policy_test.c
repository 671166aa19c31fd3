#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "executor/policy.h"
#include "kernel/hal.h"

/* Runs the policy through one run that ends so, and to the next start. */
static int64_t crash(
	struct ph_policy *policy, int64_t now, enum ph_policy_event how)
{
	ph_policy_step(policy, now, PH_POLICY_STARTED);
	if (ph_policy_step(policy, now, how) != PH_POLICY_WAIT)
		return -1;
	assert_int_equal(policy->state, PH_POLICY_BACKOFF);
	assert_int_equal(ph_policy_step(policy, policy->due, PH_POLICY_DUE),
		PH_POLICY_RUN);
	return policy->due;
}

static void backoff_doubles_within_its_jitter(void **state)
{
	struct ph_policy policy;
	int64_t expected = PH_POLICY_FIRST;
	int64_t now = 0;

	ph_policy_init(&policy, PH_RESTART_ON_FAILURE, 7);
	assert_int_equal(
		ph_policy_step(&policy, 0, PH_POLICY_START), PH_POLICY_RUN);
	for (int i = 0; i < 20; i++) {
		int64_t next = crash(&policy, now, PH_POLICY_LOST);

		assert_in_range(next - now, expected * 3 / 4, expected * 5 / 4);
		now = next;
		expected = expected * 2 > PH_POLICY_MOST ? PH_POLICY_MOST
							 : expected * 2;
	}
}

static void jitter_depends_on_the_seed_alone(void **state)
{
	struct ph_policy one;
	struct ph_policy same;
	struct ph_policy other;

	ph_policy_init(&one, PH_RESTART_ON_FAILURE, 1);
	ph_policy_init(&same, PH_RESTART_ON_FAILURE, 1);
	ph_policy_init(&other, PH_RESTART_ON_FAILURE, 2);
	ph_policy_step(&one, 0, PH_POLICY_START);
	ph_policy_step(&same, 0, PH_POLICY_START);
	ph_policy_step(&other, 0, PH_POLICY_START);
	assert_int_equal(crash(&one, 0, PH_POLICY_BROKE),
		crash(&same, 0, PH_POLICY_BROKE));
	assert_int_not_equal(one.due, crash(&other, 0, PH_POLICY_BROKE));
}

static void five_starts_in_a_minute_are_enough(void **state)
{
	struct ph_policy policy;
	int64_t now = 0;
	int starts = 1;

	ph_policy_init(&policy, PH_RESTART_ON_FAILURE, 3);
	ph_policy_step(&policy, 0, PH_POLICY_START);
	while ((now = crash(&policy, now, PH_POLICY_BROKE)) >= 0)
		starts++;
	assert_int_equal(starts, PH_POLICY_CHANCES);
	assert_int_equal(policy.state, PH_POLICY_FAILED);
	/* Nothing but a person leads out of it. */
	assert_int_equal(
		ph_policy_step(&policy, 0, PH_POLICY_DUE), PH_POLICY_NOTHING);
	assert_int_equal(
		ph_policy_step(&policy, 0, PH_POLICY_WAKE), PH_POLICY_NOTHING);
	/* All of its chances are there again. */
	now = PH_SECOND;
	assert_int_equal(
		ph_policy_step(&policy, now, PH_POLICY_AGAIN), PH_POLICY_RUN);
	assert_int_equal(policy.delay, PH_POLICY_FIRST);
	starts = 1;
	while ((now = crash(&policy, now, PH_POLICY_BROKE)) >= 0)
		starts++;
	assert_int_equal(starts, PH_POLICY_CHANCES);
}

static void slow_crashes_go_on(void **state)
{
	struct ph_policy policy;
	int64_t now = 0;

	ph_policy_init(&policy, PH_RESTART_ON_FAILURE, 3);
	ph_policy_step(&policy, 0, PH_POLICY_START);
	for (int i = 0; i < 50; i++) {
		now = crash(&policy, now + 20 * PH_SECOND, PH_POLICY_BROKE);
		assert_true(now > 0);
	}
}

static void a_long_run_earns_a_short_backoff(void **state)
{
	struct ph_policy policy;
	int64_t now = 0;
	int64_t next;

	ph_policy_init(&policy, PH_RESTART_ON_FAILURE, 3);
	ph_policy_step(&policy, 0, PH_POLICY_START);
	for (int i = 0; i < 8; i++)
		now = crash(&policy, now, PH_POLICY_LOST);
	assert_true(policy.delay > 20 * PH_SECOND);
	now += 61 * PH_SECOND;
	next = crash(&policy, now, PH_POLICY_LOST);
	assert_true(next - now <= PH_POLICY_FIRST * 5 / 4);
}

static void each_policy_restarts_what_it_says(void **state)
{
	static const struct {
		enum ph_restart restart;
		enum ph_policy_event event;
		enum ph_policy_state expected;
	} cases[] = {
		{PH_RESTART_NEVER, PH_POLICY_SUCCEEDED, PH_POLICY_FINISHED},
		{PH_RESTART_NEVER, PH_POLICY_BROKE, PH_POLICY_FAILED},
		{PH_RESTART_NEVER, PH_POLICY_LOST, PH_POLICY_FAILED},
		{PH_RESTART_ON_FAILURE, PH_POLICY_SUCCEEDED,
			PH_POLICY_FINISHED},
		{PH_RESTART_ON_FAILURE, PH_POLICY_BROKE, PH_POLICY_BACKOFF},
		{PH_RESTART_ON_FAILURE, PH_POLICY_LOST, PH_POLICY_BACKOFF},
		{PH_RESTART_ALWAYS, PH_POLICY_SUCCEEDED, PH_POLICY_BACKOFF},
		{PH_RESTART_ALWAYS, PH_POLICY_BROKE, PH_POLICY_BACKOFF},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ph_policy policy;

		ph_policy_init(&policy, cases[i].restart, i);
		ph_policy_step(&policy, 0, PH_POLICY_START);
		ph_policy_step(&policy, 0, PH_POLICY_STARTED);
		ph_policy_step(&policy, 0, cases[i].event);
		assert_int_equal(policy.state, cases[i].expected);
	}
}

static void a_finished_one_wakes_up(void **state)
{
	struct ph_policy policy;

	ph_policy_init(&policy, PH_RESTART_ON_FAILURE, 1);
	ph_policy_step(&policy, 0, PH_POLICY_START);
	ph_policy_step(&policy, 0, PH_POLICY_STARTED);
	assert_int_equal(
		ph_policy_step(&policy, 0, PH_POLICY_WAKE), PH_POLICY_NOTHING);
	ph_policy_step(&policy, 0, PH_POLICY_SUCCEEDED);
	assert_int_equal(
		ph_policy_step(&policy, 0, PH_POLICY_WAKE), PH_POLICY_RUN);
}

static void a_stop_is_final(void **state)
{
	for (int event = PH_POLICY_START; event <= PH_POLICY_WAKE; event++) {
		struct ph_policy policy;

		ph_policy_init(&policy, PH_RESTART_ALWAYS, 1);
		ph_policy_step(&policy, 0, PH_POLICY_START);
		assert_int_equal(ph_policy_step(&policy, 0, PH_POLICY_STOP),
			PH_POLICY_END);
		assert_int_equal(
			ph_policy_step(&policy, 0, (enum ph_policy_event)event),
			PH_POLICY_NOTHING);
		assert_int_equal(policy.state, PH_POLICY_STOPPING);
		ph_policy_step(&policy, 0, PH_POLICY_GONE);
		assert_string_equal(
			ph_policy_state_name(policy.state), "stopped");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_doubles_within_its_jitter),
		cmocka_unit_test(jitter_depends_on_the_seed_alone),
		cmocka_unit_test(five_starts_in_a_minute_are_enough),
		cmocka_unit_test(slow_crashes_go_on),
		cmocka_unit_test(a_long_run_earns_a_short_backoff),
		cmocka_unit_test(each_policy_restarts_what_it_says),
		cmocka_unit_test(a_finished_one_wakes_up),
		cmocka_unit_test(a_stop_is_final),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
