#include "kernel/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/tasks.h"

/* Events taken per turn: enough to pay for the system call, few enough that a
 * turn stays short. */
#define LOOP_BATCH 64
/* Passes over the deferred tasks of a turn. A hop through the node is a chain
 * of three: a pipe's end readable, its room, a carrier's closing. */
#define LOOP_PASSES 4

/*
 * A turn: wait, read the clock, do what waited for a turn, run the events, then
 * the timers that are due, then the deferred tasks. What a task defers is run
 * in the next pass of the same turn, which spares an epoll_wait(2) each hop;
 * what is left after LOOP_PASSES waits for the next turn, which then does not
 * sleep. So no chain of tasks can keep the events out.
 */
struct ph_loop {
	struct ph_clock *clock;
	int epoll;
	bool stopped;
	int64_t now;   /* of the current turn */
	int64_t ended; /* when the last turn was over */
	struct ph_heap timers;
	bool in_timers;
	struct ph_deferrable *deferrable;
	struct ph_tasks deferred;
	struct ph_tasks running; /* what this turn still has to run */
	struct ph_watch wake;	 /* the eventfd of ph_loop_post */
	pthread_mutex_t lock;	 /* of `posted` */
	struct ph_tasks posted;
	struct epoll_event events[LOOP_BATCH];
	int next; /* event to run */
	int count;
	struct ph_loop_stats stats;
};

static void loop_on_wake(struct ph_watch *watch, uint32_t events)
{
	struct ph_loop *loop = watch->loop;
	struct ph_tasks posted;
	uint64_t count;
	ssize_t got;

	/* Read first: a post that comes between is woken for again. */
	got = read(watch->fd, &count, sizeof(count));
	(void)got;
	pthread_mutex_lock(&loop->lock);
	posted = loop->posted;
	loop->posted = (struct ph_tasks){0};
	pthread_mutex_unlock(&loop->lock);
	ph_tasks_join(&loop->deferred, &posted);
}

static int loop_open(struct ph_loop *loop)
{
	int error, fd;

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return -errno;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		error = -errno;
		goto fail_epoll;
	}
	loop->wake.on_event = loop_on_wake;
	error = ph_watch_start(loop, &loop->wake, fd, EPOLLIN);
	if (error < 0)
		goto fail_wake;
	return 0;
fail_wake:
	close(fd);
fail_epoll:
	close(loop->epoll);
	return error;
}

int ph_loop_create(struct ph_loop **out, struct ph_clock *clock)
{
	struct ph_loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (!loop)
		return -ENOMEM;
	loop->clock = clock;
	loop->now = loop->ended = clock->now(clock);
	error = loop_open(loop);
	if (error < 0) {
		free(loop);
		return error;
	}
	pthread_mutex_init(&loop->lock, NULL);
	ph_heap_init(&loop->timers);
	*out = loop;
	return 0;
}

void ph_loop_destroy(struct ph_loop *loop)
{
	int wake;

	if (!loop)
		return;
	wake = loop->wake.fd;
	assert(!ph_heap_first(&loop->timers));
	ph_watch_stop(&loop->wake);
	close(wake);
	close(loop->epoll);
	pthread_mutex_destroy(&loop->lock);
	ph_heap_fini(&loop->timers);
	free(loop);
}

int64_t ph_loop_now(const struct ph_loop *loop)
{
	return loop->now;
}

static int64_t hal_now(void *context)
{
	return ph_loop_now(context);
}

static void hal_defer(void *context, struct ph_task *task)
{
	ph_loop_defer(context, task);
}

static void hal_cancel(void *context, struct ph_task *task)
{
	ph_loop_cancel(context, task);
}

struct ph_hal ph_loop_hal(struct ph_loop *loop)
{
	return (struct ph_hal){
		.now = hal_now,
		.defer = hal_defer,
		.cancel = hal_cancel,
		.context = loop,
	};
}

/* How long this turn may wait, ns; negative: for ever. */
static int64_t loop_patience(const struct ph_loop *loop, int64_t wait)
{
	const struct ph_timer *first = ph_heap_first(&loop->timers);
	int64_t left;

	if (loop->deferred.first || loop->stopped)
		return 0;
	if (!first)
		return wait;
	left = first->due > loop->ended ? first->due - loop->ended : 0;
	return wait < 0 || left < wait ? left : wait;
}

/* epoll counts in ms. Rounded up: a turn too early would only wait again. */
static int patience_ms(int64_t patience)
{
	int64_t ms;

	if (patience < 0)
		return -1;
	ms = patience / PH_MILLISECOND + (patience % PH_MILLISECOND != 0);
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void loop_wait_real(struct ph_loop *loop, int64_t wait)
{
	int64_t patience = loop_patience(loop, wait);
	int count = epoll_wait(
		loop->epoll, loop->events, LOOP_BATCH, patience_ms(patience));

	loop->count = count > 0 ? count : 0;
	if (patience != 0)
		loop->stats.wakeups++;
}

/* Nothing to do means that the time until the next timer has passed. */
static void loop_wait_virtual(struct ph_loop *loop, int64_t wait)
{
	const struct ph_timer *first = ph_heap_first(&loop->timers);
	int64_t patience = loop_patience(loop, wait);
	int count = epoll_wait(loop->epoll, loop->events, LOOP_BATCH, 0);

	loop->count = count > 0 ? count : 0;
	if (loop->count > 0 || loop->deferred.first)
		return;
	/* One started again in its own turn is 1 ns away: see
	 * ph_timer_start. */
	if (patience == 0 && first && first->due == loop->ended + 1)
		patience = 1;
	if (patience <= 0)
		return;
	loop->clock->advance_to(loop->clock, loop->ended + patience);
	loop->stats.wakeups++;
}

static void loop_run_events(struct ph_loop *loop)
{
	for (loop->next = 0; loop->next < loop->count;) {
		struct epoll_event event = loop->events[loop->next++];
		struct ph_watch *watch = event.data.ptr;

		if (watch) /* else stopped earlier in this batch */
			watch->on_event(watch, event.events);
	}
	loop->count = 0;
}

static void loop_run_timers(struct ph_loop *loop)
{
	struct ph_timer *timer;

	loop->in_timers = true;
	while ((timer = ph_heap_first(&loop->timers))) {
		if (timer->due > loop->now)
			break;
		ph_heap_take(&loop->timers, timer);
		timer->on_due(timer);
	}
	loop->in_timers = false;
}

static void loop_run_pass(struct ph_loop *loop)
{
	struct ph_task *task;

	loop->running = loop->deferred;
	loop->deferred = (struct ph_tasks){0};
	while ((task = ph_tasks_shift(&loop->running))) {
		task->queued = false;
		task->run(task);
	}
}

static void loop_run_tasks(struct ph_loop *loop)
{
	for (int pass = 0; pass < LOOP_PASSES && loop->deferred.first; pass++)
		loop_run_pass(loop);
}

static void loop_run_deferrable(struct ph_loop *loop)
{
	struct ph_deferrable *work = loop->deferrable;

	if (!work || work->due > loop->now)
		return;
	loop->deferrable = NULL;
	work->on_due(work, loop->ended);
}

static void loop_turn(struct ph_loop *loop, int64_t wait)
{
	struct ph_clock *clock = loop->clock;

	if (clock->advance_to)
		loop_wait_virtual(loop, wait);
	else
		loop_wait_real(loop, wait);
	loop->now = clock->now(clock);
	loop_run_deferrable(loop);
	loop_run_events(loop);
	loop_run_timers(loop);
	loop_run_tasks(loop);
	loop->ended = clock->now(clock);
	loop->stats.turns++;
	if (loop->ended - loop->now > loop->stats.longest_turn)
		loop->stats.longest_turn = loop->ended - loop->now;
}

void ph_loop_turn(struct ph_loop *loop, int64_t wait)
{
	/* The caller may have been away for long. */
	loop->ended = loop->clock->now(loop->clock);
	loop_turn(loop, wait);
}

void ph_loop_run(struct ph_loop *loop)
{
	loop->ended = loop->clock->now(loop->clock);
	while (!loop->stopped)
		loop_turn(loop, -1);
	loop->stopped = false;
}

void ph_loop_stop(struct ph_loop *loop)
{
	loop->stopped = true;
}

int ph_watch_start(
	struct ph_loop *loop, struct ph_watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	assert(watch->on_event);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	watch->loop = loop;
	watch->fd = fd;
	watch->events = events;
	return 0;
}

int ph_watch_change(struct ph_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (!watch->loop)
		return -EINVAL;
	if (events == watch->events)
		return 0;
	if (epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	watch->events = events;
	return 0;
}

void ph_watch_stop(struct ph_watch *watch)
{
	struct ph_loop *loop = watch->loop;

	if (!loop)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = loop->next; i < loop->count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
	watch->loop = NULL;
	watch->events = 0;
}

void ph_timer_start(struct ph_loop *loop, struct ph_timer *timer, int64_t due)
{
	assert(timer->on_due);
	/* Due at once, from within a timer, would never let the turn end. */
	if (loop->in_timers && due <= loop->now)
		due = loop->now + 1;
	if (ph_heap_put(&loop->timers, timer, due) < 0)
		abort();
}

void ph_timer_stop(struct ph_loop *loop, struct ph_timer *timer)
{
	ph_heap_take(&loop->timers, timer);
}

void ph_deferrable_start(
	struct ph_loop *loop, struct ph_deferrable *work, int64_t due)
{
	assert(work->on_due);
	assert(!loop->deferrable || loop->deferrable == work);
	work->due = due;
	loop->deferrable = work;
}

void ph_deferrable_stop(struct ph_loop *loop, struct ph_deferrable *work)
{
	if (loop->deferrable == work)
		loop->deferrable = NULL;
}

void ph_loop_defer(struct ph_loop *loop, struct ph_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	ph_tasks_append(&loop->deferred, task);
}

void ph_loop_cancel(struct ph_loop *loop, struct ph_task *task)
{
	if (!task->queued)
		return;
	if (ph_tasks_remove(&loop->deferred, task) ||
		ph_tasks_remove(&loop->running, task))
		task->queued = false;
}

void ph_loop_post(struct ph_loop *loop, struct ph_task *task)
{
	const uint64_t one = 1;
	ssize_t put;
	bool first;

	pthread_mutex_lock(&loop->lock);
	first = !loop->posted.first;
	task->queued = true;
	ph_tasks_append(&loop->posted, task);
	/* Under the lock, so that the loop cannot have run the task and gone
	 * before its eventfd was used. */
	if (first) {
		put = write(loop->wake.fd, &one, sizeof(one));
		(void)put; /* full: it is awake already */
	}
	pthread_mutex_unlock(&loop->lock);
}

struct ph_loop_stats ph_loop_stats(struct ph_loop *loop, bool reset)
{
	struct ph_loop_stats stats = loop->stats;

	if (reset)
		loop->stats.longest_turn = 0;
	return stats;
}
