/* Who watches whom: each monitor is noticed once, whatever happens between. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/monitors.h"

#define NODE "beta"
#define LIFE 7
#define MS   PH_MILLISECOND

struct bench {
	struct ph_monitors *monitors;
	int64_t now;
	char asked[512]; /* of the last question: "cam/3 mic/0" */
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_int_equal(ph_monitors_create(&bench->monitors), 0);
	bench->now = PH_SECOND;
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	ph_monitors_destroy(bench->monitors);
	free(bench);
	return 0;
}

static uint64_t watch(struct bench *bench, const char *server)
{
	uint64_t id;

	assert_int_equal(
		ph_monitors_add(bench->monitors, NODE, server, 0, 0, &id), 0);
	return id;
}

static void note_subject(void *context, const char *server, uint64_t run)
{
	char *asked = context;
	size_t length = strlen(asked);

	snprintf(asked + length, 512 - length, "%s%s/%d", length ? " " : "",
		server, (int)run);
}

/* The number of the question that is due; 0: none. */
static uint64_t ask(struct bench *bench, bool *fresh)
{
	struct ph_monitors_question question;

	if (!ph_monitors_ask(bench->monitors, bench->now, &question))
		return 0;
	bench->asked[0] = 0;
	ph_monitors_subjects(
		bench->monitors, question.node, note_subject, bench->asked);
	if (fresh)
		*fresh = question.fresh;
	return question.number;
}

static struct ph_run_end end_of(
	const char *server, uint64_t run, enum ph_end_cause cause)
{
	struct ph_run_end end = {.run = run, .cause = cause};

	snprintf(end.server, sizeof(end.server), "%s", server);
	return end;
}

static void answer(struct bench *bench, uint64_t number, uint64_t life,
	struct ph_run_end end)
{
	ph_monitors_answered(bench->monitors, bench->now, NODE, number, life,
		&end, *end.server ? 1 : 0);
}

static void assert_notice(
	struct bench *bench, uint64_t id, enum ph_end_cause cause)
{
	struct ph_monitor_notice notice;

	assert_true(ph_monitors_notice(bench->monitors, &notice));
	assert_int_equal(notice.id, id);
	assert_string_equal(
		ph_end_cause_name(notice.end.cause), ph_end_cause_name(cause));
}

static void assert_none(struct bench *bench)
{
	struct ph_monitor_notice notice;

	assert_false(ph_monitors_notice(bench->monitors, &notice));
}

/* It stands, and its question is out. */
static uint64_t settle(struct bench *bench, const char *server, uint64_t run)
{
	answer(bench, ask(bench, NULL), LIFE, end_of(server, run, PH_END_NONE));
	assert_none(bench);
	return ask(bench, NULL);
}

static void an_end_is_told_once_with_its_cause(void **state)
{
	struct bench *bench = *state;
	uint64_t id = watch(bench, "cam");
	struct ph_run_end end = end_of("cam", 3, PH_END_EXITED);
	struct ph_monitor_notice notice;
	uint64_t number;

	end.code = 9;
	number = settle(bench, "cam", 3);
	assert_string_equal(bench->asked, "cam/3");
	answer(bench, number, LIFE, end);
	assert_true(ph_monitors_notice(bench->monitors, &notice));
	assert_int_equal(notice.id, id);
	assert_int_equal(notice.end.code, 9);
	/* The answer comes again, the node dies, nobody asks any more. */
	answer(bench, number, LIFE, end);
	ph_monitors_lose(bench->monitors, NODE, PH_END_NODE_LOST, "");
	assert_none(bench);
	assert_int_equal(ask(bench, NULL), 0);
	assert_int_equal(ph_monitors_count(bench->monitors), 0);
	assert_true(ph_monitors_due(bench->monitors) == INT64_MAX);
}

static void who_is_not_there_is_told_at_once(void **state)
{
	struct bench *bench = *state;
	uint64_t id = watch(bench, "cam");
	bool fresh = false;
	uint64_t number = ask(bench, &fresh);

	assert_true(fresh);
	assert_string_equal(bench->asked, "cam/0");
	answer(bench, number, LIFE, end_of("cam", 0, PH_END_NO_SUCH));
	assert_notice(bench, id, PH_END_NO_SUCH);
	assert_none(bench);
}

static void the_next_run_is_not_the_one_that_is_watched(void **state)
{
	struct bench *bench = *state;
	uint64_t number;

	watch(bench, "cam");
	number = settle(bench, "cam", 3);
	answer(bench, number, LIFE, end_of("cam", 4, PH_END_EXITED));
	assert_none(bench);
}

static void a_node_is_lost_once_though_it_comes_back(void **state)
{
	struct bench *bench = *state;
	uint64_t cam = watch(bench, "cam");
	uint64_t number = settle(bench, "cam", 3);

	ph_monitors_failed(bench->monitors, bench->now, NODE, number);
	ph_monitors_lose(bench->monitors, NODE, PH_END_NODE_LOST, "dead");
	assert_notice(bench, cam, PH_END_NODE_LOST);
	/* Back, in another life, with all that was asked answered late. */
	answer(bench, number, LIFE + 1, end_of("cam", 3, PH_END_SIGNAL));
	ph_monitors_lose(bench->monitors, NODE, PH_END_NODE_LOST, "dead");
	bench->now += 60 * PH_SECOND;
	ph_monitors_tick(bench->monitors, bench->now);
	assert_none(bench);
}

static void another_life_is_a_loss(void **state)
{
	struct bench *bench = *state;
	uint64_t cam = watch(bench, "cam");
	uint64_t number = settle(bench, "cam", 3);
	bool fresh = false;

	ph_monitors_failed(bench->monitors, bench->now, NODE, number);
	assert_int_equal(ask(bench, NULL), 0);
	bench->now += 200 * MS;
	number = ask(bench, &fresh);
	assert_true(fresh);
	/* A run of the same number, and it says that it runs. */
	answer(bench, number, LIFE + 1, end_of("cam", 3, PH_END_NONE));
	assert_notice(bench, cam, PH_END_NODE_LOST);
	assert_none(bench);
}

static void silence_is_a_loss_after_a_while(void **state)
{
	struct bench *bench = *state;
	uint64_t node = watch(bench, "");
	int64_t broke;
	uint64_t number = settle(bench, "", 0);

	broke = bench->now;
	ph_monitors_failed(bench->monitors, bench->now, NODE, number);
	while (bench->now < broke + PH_MONITORS_PATIENCE - 3 * PH_SECOND) {
		bench->now = ph_monitors_due(bench->monitors);
		ph_monitors_tick(bench->monitors, bench->now);
		number = ask(bench, NULL);
		assert_true(number);
		assert_none(bench);
		ph_monitors_failed(bench->monitors, bench->now, NODE, number);
	}
	bench->now = broke + PH_MONITORS_PATIENCE;
	ph_monitors_tick(bench->monitors, bench->now);
	assert_notice(bench, node, PH_END_NODE_LOST);
	assert_none(bench);
}

static void a_line_that_broke_is_no_loss(void **state)
{
	struct bench *bench = *state;
	uint64_t id = watch(bench, "cam");
	uint64_t number = settle(bench, "cam", 3);

	ph_monitors_failed(bench->monitors, bench->now, NODE, number);
	bench->now += PH_SECOND;
	number = ask(bench, NULL);
	answer(bench, number, LIFE, end_of("cam", 3, PH_END_NONE));
	bench->now += PH_MONITORS_PATIENCE;
	ph_monitors_tick(bench->monitors, bench->now);
	assert_none(bench);
	/* What ended while it was broken is told by the next answer. */
	number = ask(bench, NULL);
	answer(bench, number, LIFE, end_of("cam", 3, PH_END_SIGNAL));
	assert_notice(bench, id, PH_END_SIGNAL);
}

static void what_was_dropped_is_not_told(void **state)
{
	struct bench *bench = *state;
	uint64_t one = watch(bench, "cam");
	uint64_t other = watch(bench, "cam");
	uint64_t number = settle(bench, "cam", 3);

	/* Both are about the same. */
	assert_string_equal(bench->asked, "cam/3");
	assert_true(ph_monitors_drop(bench->monitors, one));
	answer(bench, number, LIFE, end_of("cam", 3, PH_END_EXITED));
	/* It waits to be told, and even so it can be dropped. */
	assert_true(ph_monitors_drop(bench->monitors, other));
	assert_false(ph_monitors_drop(bench->monitors, other));
	assert_none(bench);
	assert_int_equal(ph_monitors_count(bench->monitors), 0);
}

static void who_begins_to_watch_asks_anew(void **state)
{
	struct bench *bench = *state;
	uint64_t cam = watch(bench, "cam");
	uint64_t old = settle(bench, "cam", 3);
	uint64_t mic = watch(bench, "mic");
	uint64_t number = ask(bench, NULL);
	struct ph_run_end ends[] = {
		end_of("cam", 3, PH_END_STOPPED),
		end_of("mic", 9, PH_END_NONE),
	};
	uint64_t run;
	uint64_t life;

	assert_string_equal(bench->asked, "cam/3 mic/0");
	/* The question before is not out any more. */
	answer(bench, old, LIFE, end_of("cam", 3, PH_END_EXITED));
	assert_none(bench);
	ph_monitors_answered(
		bench->monitors, bench->now, NODE, number, LIFE, ends, 2);
	assert_notice(bench, cam, PH_END_STOPPED);
	assert_true(ph_monitors_stand(bench->monitors, mic, &run, &life));
	assert_int_equal(run, 9);
	assert_int_equal(life, LIFE);
}

/* Who begins to watch a server when a run of it has just ended, which another
 * watches, watches the next one. */
static void who_begins_to_watch_watches_the_present_run(void **state)
{
	struct bench *bench = *state;
	uint64_t old = watch(bench, "cam");
	uint64_t number = settle(bench, "cam", 3);
	uint64_t fresh = watch(bench, "cam");
	struct ph_run_end ends[] = {
		end_of("cam", 3, PH_END_EXITED),
		end_of("cam", 4, PH_END_NONE),
	};
	uint64_t run;
	uint64_t life;

	number = ask(bench, NULL);
	assert_string_equal(bench->asked, "cam/3 cam/0");
	ph_monitors_answered(
		bench->monitors, bench->now, NODE, number, LIFE, ends, 2);
	assert_notice(bench, old, PH_END_EXITED);
	assert_none(bench);
	assert_true(ph_monitors_stand(bench->monitors, fresh, &run, &life));
	assert_int_equal(run, 4);
}

static void a_watcher_goes_on_where_it_was(void **state)
{
	struct bench *bench = *state;
	bool fresh = true;
	uint64_t number;
	uint64_t id;

	assert_int_equal(
		ph_monitors_add(bench->monitors, NODE, "cam", 3, LIFE, &id), 0);
	number = ask(bench, &fresh);
	assert_false(fresh);
	assert_string_equal(bench->asked, "cam/3");
	answer(bench, number, LIFE, end_of("cam", 3, PH_END_EXITED));
	assert_notice(bench, id, PH_END_EXITED);
}

static void a_node_that_answers_nothing_is_asked_at_leisure(void **state)
{
	struct bench *bench = *state;
	uint64_t number;
	unsigned questions = 0;

	watch(bench, "cam");
	for (int64_t end = bench->now + 10 * PH_SECOND; bench->now < end;
		bench->now += MS) {
		number = ask(bench, NULL);
		if (!number)
			continue;
		questions++;
		answer(bench, number, LIFE, end_of("other", 1, PH_END_EXITED));
	}
	assert_in_range(questions, 10, 60);
}

static void there_is_a_bound(void **state)
{
	struct bench *bench = *state;
	char node[40];
	unsigned taken = 0;
	uint64_t id;

	for (unsigned i = 0; i <= PH_MONITORS_OF_NODE; i++)
		taken += !ph_monitors_add(
			bench->monitors, NODE, "cam", 0, 0, &id);
	assert_int_equal(taken, PH_MONITORS_OF_NODE);
	for (unsigned i = 0; i <= PH_MONITORS_MOST; i++) {
		snprintf(node, sizeof(node), "n%u", i);
		taken += !ph_monitors_add(bench->monitors, node, "", 0, 0, &id);
	}
	assert_int_equal(taken, PH_MONITORS_MOST);
	assert_int_equal(
		ph_monitors_add(bench->monitors, "last", "", 0, 0, &id),
		-ENOSPC);
}

/*
 * At random: a node whose server ends and begins, which starts again, is cut
 * off, is held dead by mistake; answers that are late. Each monitor is noticed
 * once, with a cause that was so, or was dropped and is never.
 */
#define WATCHERS 200

struct chaos {
	struct bench bench;
	uint64_t random;
	uint64_t life;
	uint64_t run;	 /* 0: it does not run */
	uint64_t ended;	 /* the last that did */
	uint64_t number; /* of the question that is out */
	bool fresh;
	bool cut;
	unsigned told[WATCHERS + 1];
	bool dropped[WATCHERS + 1];
};

static unsigned below(struct chaos *chaos, unsigned most)
{
	chaos->random = chaos->random * 6364136223846793005u + 1;
	return (unsigned)(chaos->random >> 33) % most;
}

static struct ph_run_end truth(const struct chaos *chaos)
{
	uint64_t asked = strtoull(
		chaos->bench.asked[0] ? chaos->bench.asked + 4 : "0", NULL, 10);

	if (!asked && !chaos->run)
		return end_of("cam", 0, PH_END_NOT_RUNNING);
	if (asked && asked != chaos->run)
		return end_of("cam", asked, PH_END_EXITED);
	return end_of("cam", chaos->run, PH_END_NONE);
}

/* The node answers what is out, when it may and there is something to say. */
static void chaos_answer(struct chaos *chaos)
{
	struct ph_run_end end = truth(chaos);

	if (!chaos->number || chaos->cut || (!chaos->fresh && !end.cause))
		return;
	answer(&chaos->bench, chaos->number, chaos->life, end);
	chaos->number = 0;
}

static void chaos_ask(struct chaos *chaos)
{
	bool fresh;
	uint64_t number = ask(&chaos->bench, &fresh);

	if (!number)
		return;
	chaos->number = number;
	chaos->fresh = fresh;
	/* More than one run is asked for: the first of them will do. */
	chaos->bench.asked[strcspn(chaos->bench.asked, " ")] = 0;
}

static void chaos_fail(struct chaos *chaos)
{
	if (chaos->number)
		ph_monitors_failed(chaos->bench.monitors, chaos->bench.now,
			NODE, chaos->number);
	chaos->number = 0;
}

static void chaos_event(struct chaos *chaos)
{
	switch (below(chaos, 12)) {
	case 0:
		chaos->run = 0;
		break;
	case 1:
	case 2:
		chaos->run = ++chaos->ended;
		break;
	case 3:
		chaos->life++;
		chaos->run = ++chaos->ended;
		chaos_fail(chaos);
		break;
	case 4:
		chaos->cut = true;
		chaos_fail(chaos);
		break;
	case 5:
		chaos->cut = false;
		break;
	case 6:
		if (!below(chaos, 4))
			ph_monitors_lose(chaos->bench.monitors, NODE,
				PH_END_NODE_LOST, "so they say");
		break;
	default:
		chaos_answer(chaos);
	}
}

static void chaos_hear(struct chaos *chaos)
{
	struct ph_monitor_notice notice;

	while (ph_monitors_notice(chaos->bench.monitors, &notice)) {
		assert_in_range(notice.id, 1, WATCHERS);
		assert_false(chaos->dropped[notice.id]);
		assert_int_equal(chaos->told[notice.id]++, 0);
	}
}

static void chaos_turn(struct chaos *chaos)
{
	chaos->bench.now += below(chaos, 500) * MS;
	chaos_event(chaos);
	ph_monitors_tick(chaos->bench.monitors, chaos->bench.now);
	chaos_ask(chaos);
	chaos_hear(chaos);
}

static void run_chaos(uint64_t seed)
{
	struct chaos chaos = {.random = seed, .life = 1, .run = 1, .ended = 1};
	uint64_t id = 0;

	assert_int_equal(ph_monitors_create(&chaos.bench.monitors), 0);
	while (id < WATCHERS) {
		if (!below(&chaos, 3))
			id = watch(&chaos.bench, "cam");
		chaos_turn(&chaos);
		if (id && !below(&chaos, 8)) {
			uint64_t victim = 1 + below(&chaos, (unsigned)id);

			if (ph_monitors_drop(chaos.bench.monitors, victim))
				chaos.dropped[victim] = true;
		}
	}
	/* It ends for good: whoever still watches is told. */
	chaos.life++;
	for (unsigned i = 0; i < 1000; i++)
		chaos_turn(&chaos);
	chaos.cut = true;
	for (unsigned i = 0; i < 1000; i++) {
		chaos_fail(&chaos);
		chaos.bench.now += 100 * MS;
		ph_monitors_tick(chaos.bench.monitors, chaos.bench.now);
		chaos_ask(&chaos);
		chaos_hear(&chaos);
	}
	for (uint64_t i = 1; i <= WATCHERS; i++)
		if (chaos.told[i] + chaos.dropped[i] != 1)
			fail_msg("seed %d: monitor %d was told %u times",
				(int)seed, (int)i, chaos.told[i]);
	assert_int_equal(ph_monitors_count(chaos.bench.monitors), 0);
	ph_monitors_destroy(chaos.bench.monitors);
}

static void whatever_happens_each_is_told_once(void **state)
{
	const char *dose = getenv("PH_DOSE");
	uint64_t seeds = dose && !strcmp(dose, "full") ? 2000 : 100;

	for (uint64_t seed = 1; seed <= seeds; seed++)
		run_chaos(seed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_end_is_told_once_with_its_cause),
		TEST(who_is_not_there_is_told_at_once),
		TEST(the_next_run_is_not_the_one_that_is_watched),
		TEST(a_node_is_lost_once_though_it_comes_back),
		TEST(another_life_is_a_loss),
		TEST(silence_is_a_loss_after_a_while),
		TEST(a_line_that_broke_is_no_loss),
		TEST(what_was_dropped_is_not_told),
		TEST(who_begins_to_watch_asks_anew),
		TEST(who_begins_to_watch_watches_the_present_run),
		TEST(a_watcher_goes_on_where_it_was),
		TEST(a_node_that_answers_nothing_is_asked_at_leisure),
		TEST(there_is_a_bound),
		cmocka_unit_test(whatever_happens_each_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
