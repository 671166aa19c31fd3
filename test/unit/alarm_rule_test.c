#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "controlsurface/alarm_rule.h"

#define SECOND INT64_C(1000000000)

static struct ph_alarm_rule rule_of(const char *text)
{
	struct ph_alarm_rule rule;

	if (ph_alarm_rule_parse(&rule, text))
		fail_msg("'%s' is refused", text);
	return rule;
}

static void conditions_are_read(void **state)
{
	static const char *const wrong[] = {"", "rate", "rate <", "rate < 5",
		"rate < 5kB", "rate = 5/s", "rate < 5/s for",
		"rate < 5/s for 0s", "rate < 5/s 5s", "load > 5%",
		"queue > 1000%", "queue > x", "blocked > 5kB",
		"dropped > 5kB/s", "silent > 5", "silent > 5s for 1s x",
		"rate << 5/s"};
	struct ph_alarm_rule rule = rule_of("rate < 500kB/s for 5s");

	assert_int_equal(rule.measure, PH_ALARM_RATE);
	assert_false(rule.above);
	assert_false(rule.messages);
	assert_true(rule.value == 500000);
	assert_int_equal(rule.lasts, 5 * SECOND);
	rule = rule_of("  queue   >=  80%  ");
	assert_true(rule.percent && rule.above && rule.equal);
	assert_true(rule_of("rate > 10/s").messages);
	assert_true(rule_of("silent > 2m").value == 120.0 * SECOND);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!ph_alarm_rule_parse(&rule, wrong[i]))
			fail_msg("'%s' is taken", wrong[i]);
}

static void what_is_expected_is_turned_round(void **state)
{
	char text[64];

	assert_int_equal(
		ph_alarm_rule_expect(text, sizeof(text), ">= 5kB/s"), 0);
	assert_string_equal(text, "rate < 5kB/s for 10s");
	assert_int_equal(ph_alarm_rule_expect(text, sizeof(text), "<9/s"), 0);
	assert_string_equal(text, "rate >= 9/s for 10s");
	rule_of(text);
	assert_true(ph_alarm_rule_expect(text, sizeof(text), "9/s") < 0);
	assert_true(ph_alarm_rule_expect(text, 8, ">= 5kB/s") < 0);
}

/* Looks once a second; says after how many the alarm turned. */
static unsigned turns_after(struct ph_alarm *alarm,
	const struct ph_alarm_rule *rule, struct ph_alarm_look *look,
	const struct ph_alarm_look *grows)
{
	for (unsigned i = 1; i <= 60; i++) {
		look->at += SECOND;
		look->bytes += grows->bytes;
		look->messages += grows->messages;
		look->dropped += grows->dropped;
		look->blocked += grows->blocked;
		look->queued = grows->queued;
		look->ended = grows->ended;
		if (ph_alarm_step(alarm, rule, look))
			return i;
	}
	return 0;
}

static void it_comes_when_it_held_and_goes_likewise(void **state)
{
	struct ph_alarm_rule rule = rule_of("rate < 500B/s for 5s");
	struct ph_alarm_look look = {.at = 100 * SECOND};
	struct ph_alarm alarm = {0};
	struct ph_alarm_look fast = {.bytes = 600};
	struct ph_alarm_look slow = {.bytes = 400};
	struct ph_alarm_look done = {.ended = true};

	assert_false(ph_alarm_step(&alarm, &rule, &look));
	assert_int_equal(turns_after(&alarm, &rule, &look, &fast), 0);
	assert_int_equal(turns_after(&alarm, &rule, &look, &slow), 6);
	assert_true(alarm.raised);
	/* Four good seconds are not five. */
	for (unsigned i = 0; i < 4; i++) {
		look.at += SECOND;
		look.bytes += 600;
		assert_false(ph_alarm_step(&alarm, &rule, &look));
	}
	look.at += SECOND;
	assert_false(ph_alarm_step(&alarm, &rule, &look));
	assert_int_equal(turns_after(&alarm, &rule, &look, &fast), 6);
	assert_false(alarm.raised);
	assert_int_equal(turns_after(&alarm, &rule, &look, &slow), 6);
	/* A stream that has ended is done. */
	assert_int_equal(turns_after(&alarm, &rule, &look, &done), 1);
	assert_false(alarm.raised);
	assert_int_equal(turns_after(&alarm, &rule, &look, &done), 0);
}

static void expect_turn(
	const char *when, const struct ph_alarm_look *grows, unsigned after)
{
	struct ph_alarm_rule rule = rule_of(when);
	struct ph_alarm_look look = {.at = SECOND, .limit = 1000};
	struct ph_alarm alarm = {0};
	unsigned turned;
	char text[64];

	ph_alarm_step(&alarm, &rule, &look);
	turned = turns_after(&alarm, &rule, &look, grows);
	if (turned != after)
		fail_msg("%s: after %u, not %u (%s)", when, turned, after,
			ph_alarm_measured(text, sizeof(text), &alarm, &rule));
}

static void each_measure_is_measured(void **state)
{
	const struct ph_alarm_look still = {0};
	const struct ph_alarm_look moves = {.bytes = 10, .messages = 3};
	const struct ph_alarm_look waits = {.blocked = SECOND * 6 / 10};
	const struct ph_alarm_look full = {.queued = 900};
	const struct ph_alarm_look drops = {.dropped = 1};

	expect_turn("silent > 10s", &still, 11);
	expect_turn("silent > 10s", &moves, 0);
	expect_turn("rate < 3/s", &moves, 0);
	expect_turn("rate <= 3/s", &moves, 1);
	expect_turn("rate > 2/s for 2s", &moves, 3);
	expect_turn("blocked > 50%", &waits, 1);
	expect_turn("blocked > 60%", &waits, 0);
	expect_turn("queue > 80%", &full, 1);
	expect_turn("queue > 950", &full, 0);
	expect_turn("dropped > 0/s", &drops, 1);
	expect_turn("dropped > 0/s", &moves, 0);
}

/* A new carrier counts from 0. */
static void counters_that_go_back_are_no_rate(void **state)
{
	struct ph_alarm_rule rule = rule_of("rate > 1MB/s");
	struct ph_alarm_look look = {.at = SECOND, .bytes = 5000000};
	struct ph_alarm alarm = {0};

	ph_alarm_step(&alarm, &rule, &look);
	look.at += SECOND;
	look.bytes = 100;
	assert_false(ph_alarm_step(&alarm, &rule, &look));
	assert_true(alarm.measured == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_read),
		cmocka_unit_test(what_is_expected_is_turned_round),
		cmocka_unit_test(it_comes_when_it_held_and_goes_likewise),
		cmocka_unit_test(each_measure_is_measured),
		cmocka_unit_test(counters_that_go_back_are_no_rate),
	};

	return cmocka_run_group_tests_name("alarm_rule", tests, NULL, NULL);
}
