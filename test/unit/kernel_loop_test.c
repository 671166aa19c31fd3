#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/loop.h"

/* What happened, in order, one letter each. */
static char journal[256];

static void note(char letter)
{
	size_t at = strlen(journal);

	if (at + 1 < sizeof(journal)) {
		journal[at] = letter;
		journal[at + 1] = '\0';
	}
}

struct bench {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
};

static void bench_open(struct bench *bench)
{
	journal[0] = '\0';
	ph_virtual_clock_init(&bench->clock, 1000);
	assert_int_equal(ph_loop_create(&bench->loop, &bench->clock.clock), 0);
}

static void bench_close(struct bench *bench)
{
	ph_loop_destroy(bench->loop);
}

struct lettered {
	struct ph_task task;
	struct ph_timer timer;
	struct ph_watch watch;
	struct ph_loop *loop;
	struct lettered *other;
	char letter;
	int again;
};

static void task_notes(struct ph_task *task)
{
	struct lettered *self = (struct lettered *)task;

	note(self->letter);
	if (self->other)
		ph_loop_cancel(self->loop, &self->other->task);
	if (self->again-- > 0)
		ph_loop_defer(self->loop, task);
}

static struct lettered make(struct bench *bench, char letter)
{
	struct lettered made = {.letter = letter, .loop = bench->loop};

	made.task.run = task_notes;
	return made;
}

static void test_tasks_run_in_order_and_once(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a'), b = make(&bench, 'b');

	ph_loop_defer(bench.loop, &a.task);
	ph_loop_defer(bench.loop, &b.task);
	ph_loop_defer(bench.loop, &a.task);
	assert_string_equal(journal, "");
	ph_loop_turn(bench.loop, 0);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "ab");
	bench_close(&bench);
}

/* What a task defers is run in the same turn, but not for ever; what is left
 * runs in the next, and time stands still until then. */
static void test_deferred_runs_in_bounded_passes(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a');

	a.again = 8;
	ph_loop_defer(bench.loop, &a.task);
	ph_loop_turn(bench.loop, PH_SECOND);
	assert_string_equal(journal, "aaaa");
	ph_loop_turn(bench.loop, PH_SECOND);
	assert_string_equal(journal, "aaaaaaaa");
	ph_loop_turn(bench.loop, PH_SECOND);
	assert_string_equal(journal, "aaaaaaaaa");
	assert_int_equal(bench.clock.time, 1000);
	ph_loop_turn(bench.loop, PH_SECOND);
	assert_string_equal(journal, "aaaaaaaaa");
	assert_int_equal(bench.clock.time, 1000 + PH_SECOND);
	bench_close(&bench);
}

static void test_cancel_unlinks(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered all[4];

	for (int i = 0; i < 4; i++) {
		all[i] = make(&bench, (char)('a' + i));
		ph_loop_defer(bench.loop, &all[i].task);
	}
	ph_loop_cancel(bench.loop, &all[3].task);
	ph_loop_cancel(bench.loop, &all[3].task);
	all[0].other = &all[1]; /* cancelled within the turn that runs it */
	ph_loop_defer(bench.loop, &all[3].task);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "acd");
	ph_loop_defer(bench.loop, &all[1].task);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "acdb");
	bench_close(&bench);
}

static struct lettered *from_timer(struct ph_timer *timer)
{
	return (struct lettered *)((char *)timer -
				   offsetof(struct lettered, timer));
}

static void timer_notes(struct ph_timer *timer)
{
	struct lettered *self = from_timer(timer);

	note(self->letter);
	if (self->again-- > 0)
		ph_timer_start(self->loop, timer, 0);
	if (self->other)
		ph_timer_stop(self->loop, &self->other->timer);
}

static void test_virtual_clock_jumps_to_timers(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a'), b = make(&bench, 'b');

	a.timer.on_due = b.timer.on_due = timer_notes;
	ph_timer_start(bench.loop, &b.timer, 5 * PH_SECOND);
	ph_timer_start(bench.loop, &a.timer, 9 * PH_SECOND);
	ph_timer_start(bench.loop, &a.timer, 3 * PH_SECOND); /* moved */
	ph_loop_turn(bench.loop, PH_SECOND);
	assert_string_equal(journal, "");
	assert_int_equal(ph_loop_now(bench.loop), 1000 + PH_SECOND);
	ph_loop_turn(bench.loop, -1);
	assert_string_equal(journal, "a");
	assert_int_equal(ph_loop_now(bench.loop), 3 * PH_SECOND);
	ph_loop_turn(bench.loop, -1);
	assert_string_equal(journal, "ab");
	assert_int_equal(ph_loop_now(bench.loop), 5 * PH_SECOND);
	bench_close(&bench);
}

/* Started again in its own turn and long due: runs once a turn. */
static void test_timer_due_at_once_waits_a_turn(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a');

	a.timer.on_due = timer_notes;
	a.again = 2;
	ph_timer_start(bench.loop, &a.timer, 0);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "a");
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "aa");
	ph_loop_turn(bench.loop, 0);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "aaa");
	bench_close(&bench);
}

struct late {
	struct ph_deferrable work;
	int64_t ended;
};

static void late_notes(struct ph_deferrable *work, int64_t ended)
{
	struct late *self = (struct late *)work;

	note('l');
	self->ended = ended;
}

/* Nobody wakes for it; in the turn that comes anyway it is the first. */
static void test_deferrable_waits_for_a_turn(void **state)
{
	struct late late = {.work = {.on_due = late_notes}};
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a');

	a.timer.on_due = timer_notes;
	ph_deferrable_start(bench.loop, &late.work, 2 * PH_SECOND);
	ph_timer_start(bench.loop, &a.timer, PH_SECOND);
	ph_loop_turn(bench.loop, -1);
	assert_string_equal(journal, "a");
	ph_timer_start(bench.loop, &a.timer, 5 * PH_SECOND);
	ph_loop_turn(bench.loop, -1);
	assert_string_equal(journal, "ala");
	assert_int_equal(ph_loop_now(bench.loop), 5 * PH_SECOND);
	assert_int_equal(late.ended, PH_SECOND);
	/* Once. */
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "ala");
	ph_deferrable_start(bench.loop, &late.work, 6 * PH_SECOND);
	ph_deferrable_stop(bench.loop, &late.work);
	ph_timer_start(bench.loop, &a.timer, 7 * PH_SECOND);
	ph_loop_turn(bench.loop, -1);
	assert_string_equal(journal, "alaa");
	bench_close(&bench);
}

static void test_stopped_timer_never_runs(void **state)
{
	struct bench bench;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a'), b = make(&bench, 'b');

	a.timer.on_due = b.timer.on_due = timer_notes;
	a.other = &b; /* due in the same turn */
	ph_timer_start(bench.loop, &a.timer, 2000);
	ph_timer_start(bench.loop, &b.timer, 2001);
	bench.clock.time = 5000;
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "a");
	ph_timer_stop(bench.loop, &a.timer);
	assert_int_equal(a.timer.slot, 0);
	bench_close(&bench);
}

struct probe_timer {
	struct ph_timer timer;
	int64_t *last;
	unsigned *fired;
};

static void probe_fires(struct ph_timer *timer)
{
	struct probe_timer *self = (struct probe_timer *)timer;

	assert_true(timer->due >= *self->last);
	*self->last = timer->due;
	(*self->fired)++;
}

/* The heap against a count: random starts, moves and stops, then all that is
 * left comes in order. */
static void test_thousand_timers_in_order(void **state)
{
	enum {
		COUNT = 1000
	};
	static struct probe_timer timers[COUNT];
	struct bench bench;
	int64_t last = 0;
	unsigned fired = 0, started = 0;
	uint32_t seed = 7;

	bench_open(&bench);
	memset(timers, 0, sizeof(timers));
	for (unsigned i = 0; i < 20000; i++) {
		struct probe_timer *timer;

		seed = seed * 1664525 + 1013904223;
		timer = &timers[(seed >> 8) % COUNT];
		timer->timer.on_due = probe_fires;
		timer->last = &last;
		timer->fired = &fired;
		if (seed >> 30)
			ph_timer_start(bench.loop, &timer->timer,
				2000 + (seed >> 4) % 5000);
		else
			ph_timer_stop(bench.loop, &timer->timer);
	}
	for (unsigned i = 0; i < COUNT; i++)
		started += timers[i].timer.slot != 0;
	assert_true(started > COUNT / 2);
	for (unsigned i = 0; i < 6000; i++)
		ph_loop_turn(bench.loop, 1);
	while (fired < started)
		ph_loop_turn(bench.loop, -1);
	assert_int_equal(fired, started);
	bench_close(&bench);
}

static struct lettered *from_watch(struct ph_watch *watch)
{
	return (struct lettered *)((char *)watch -
				   offsetof(struct lettered, watch));
}

static void watch_notes(struct ph_watch *watch, uint32_t events)
{
	struct lettered *self = from_watch(watch);

	note(self->letter);
	if (self->other)
		ph_watch_stop(&self->other->watch);
	ph_loop_defer(self->loop, &self->task);
}

/* Events before tasks; level-triggered: unread bytes come again. */
static void test_events_come_before_tasks(void **state)
{
	struct bench bench;
	int ends[2];

	bench_open(&bench);
	struct lettered a = make(&bench, 'a');
	struct lettered t = make(&bench, 't');

	assert_int_equal(pipe(ends), 0);
	a.watch.on_event = watch_notes;
	assert_int_equal(
		ph_watch_start(bench.loop, &a.watch, ends[0], EPOLLIN), 0);
	ph_loop_defer(bench.loop, &t.task);
	assert_int_equal(write(ends[1], "x", 1), 1);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "ata");
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "ataaa");
	assert_int_equal(ph_watch_change(&a.watch, 0), 0);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "ataaa");
	ph_watch_stop(&a.watch);
	ph_watch_stop(&a.watch);
	assert_int_equal(ph_watch_change(&a.watch, EPOLLIN), -EINVAL);
	close(ends[0]);
	close(ends[1]);
	bench_close(&bench);
}

/* Two watches ready in one batch, each stops the other: one runs. */
static void test_stopped_watch_gets_no_pending_event(void **state)
{
	struct bench bench;
	int first[2], second[2];

	bench_open(&bench);
	struct lettered a = make(&bench, 'a'), b = make(&bench, 'b');

	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe(second), 0);
	a.watch.on_event = b.watch.on_event = watch_notes;
	a.task.run = b.task.run = NULL;
	a.task.queued = b.task.queued = true; /* never deferred */
	a.other = &b;
	b.other = &a;
	ph_watch_start(bench.loop, &a.watch, first[0], EPOLLIN);
	ph_watch_start(bench.loop, &b.watch, second[0], EPOLLIN);
	assert_int_equal(write(first[1], "x", 1), 1);
	assert_int_equal(write(second[1], "x", 1), 1);
	ph_loop_turn(bench.loop, 0);
	assert_int_equal(strlen(journal), 1);
	ph_watch_stop(&a.watch);
	ph_watch_stop(&b.watch);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
	bench_close(&bench);
}

static void test_bad_descriptor_is_an_error(void **state)
{
	struct bench bench;
	struct ph_watch watch = {.on_event = watch_notes};

	bench_open(&bench);
	assert_int_equal(
		ph_watch_start(bench.loop, &watch, -1, EPOLLIN), -EBADF);
	assert_null(watch.loop);
	bench_close(&bench);
}

/* Real clock and threads. */
#define POSTERS 4
#define POSTS	2000

struct poster {
	struct ph_loop *loop;
	struct ph_task tasks[POSTS];
	pthread_t thread;
};

static unsigned posted_ran;
static struct ph_loop *posted_loop;

static void posted_runs(struct ph_task *task)
{
	if (++posted_ran == POSTERS * POSTS)
		ph_loop_stop(posted_loop);
}

static void *poster_main(void *context)
{
	struct poster *poster = context;

	for (unsigned i = 0; i < POSTS; i++) {
		poster->tasks[i].run = posted_runs;
		ph_loop_post(poster->loop, &poster->tasks[i]);
	}
	return NULL;
}

static void test_posts_from_threads_all_run(void **state)
{
	struct poster *posters = calloc(POSTERS, sizeof(*posters));
	struct ph_loop *loop;

	posted_ran = 0;
	assert_int_equal(ph_loop_create(&loop, &ph_clock_real), 0);
	posted_loop = loop;
	for (unsigned i = 0; i < POSTERS; i++) {
		posters[i].loop = loop;
		pthread_create(
			&posters[i].thread, NULL, poster_main, &posters[i]);
	}
	ph_loop_run(loop); /* waits for ever: only a post can end it */
	assert_int_equal(posted_ran, POSTERS * POSTS);
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(posters[i].thread, NULL);
	ph_loop_destroy(loop);
	free(posters);
}

static void timer_stops(struct ph_timer *timer)
{
	ph_loop_stop(from_timer(timer)->loop);
}

static void test_real_timer_is_never_early(void **state)
{
	struct lettered a = {.timer.on_due = timer_stops};
	struct ph_loop_stats stats;
	int64_t due;

	assert_int_equal(ph_loop_create(&a.loop, &ph_clock_real), 0);
	due = ph_loop_now(a.loop) + 2500 * PH_MICROSECOND;
	ph_timer_start(a.loop, &a.timer, due);
	ph_loop_run(a.loop);
	assert_true(ph_loop_now(a.loop) >= due);
	stats = ph_loop_stats(a.loop, false);
	assert_in_range(stats.turns, 1, 3);
	assert_in_range(stats.wakeups, 1, 3);
	ph_loop_destroy(a.loop);
}

static void task_takes_time(struct ph_task *task)
{
	int64_t start = ph_clock_real.now(&ph_clock_real);

	while (ph_clock_real.now(&ph_clock_real) - start < 3 * PH_MILLISECOND)
		;
}

static void test_longest_turn_is_measured(void **state)
{
	struct ph_task task = {.run = task_takes_time};
	struct ph_loop *loop;

	assert_int_equal(ph_loop_create(&loop, &ph_clock_real), 0);
	ph_loop_turn(loop, 5 * PH_MILLISECOND); /* waiting is not a turn */
	ph_loop_defer(loop, &task);
	ph_loop_turn(loop, 0);
	assert_true(
		ph_loop_stats(loop, true).longest_turn >= 3 * PH_MILLISECOND);
	assert_int_equal(ph_loop_stats(loop, false).longest_turn, 0);
	ph_loop_destroy(loop);
}

static void test_hal_is_the_loop(void **state)
{
	struct bench bench;
	struct ph_hal hal;

	bench_open(&bench);
	struct lettered a = make(&bench, 'a');

	hal = ph_loop_hal(bench.loop);
	assert_int_equal(hal.now(hal.context), 1000);
	hal.defer(hal.context, &a.task);
	hal.cancel(hal.context, &a.task);
	hal.defer(hal.context, &a.task);
	ph_loop_turn(bench.loop, 0);
	assert_string_equal(journal, "a");
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_run_in_order_and_once),
		cmocka_unit_test(test_deferred_runs_in_bounded_passes),
		cmocka_unit_test(test_cancel_unlinks),
		cmocka_unit_test(test_virtual_clock_jumps_to_timers),
		cmocka_unit_test(test_timer_due_at_once_waits_a_turn),
		cmocka_unit_test(test_deferrable_waits_for_a_turn),
		cmocka_unit_test(test_stopped_timer_never_runs),
		cmocka_unit_test(test_thousand_timers_in_order),
		cmocka_unit_test(test_events_come_before_tasks),
		cmocka_unit_test(test_stopped_watch_gets_no_pending_event),
		cmocka_unit_test(test_bad_descriptor_is_an_error),
		cmocka_unit_test(test_posts_from_threads_all_run),
		cmocka_unit_test(test_real_timer_is_never_early),
		cmocka_unit_test(test_longest_turn_is_measured),
		cmocka_unit_test(test_hal_is_the_loop),
	};

	return cmocka_run_group_tests_name("kernel_loop", tests, NULL, NULL);
}
