#ifndef PH_KERNEL_LOOP_H
#define PH_KERNEL_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/hal.h"
#include "kernel/heap.h"

/*
 * The data thread: level-triggered epoll, a heap of timers, deferred tasks,
 * tasks posted by other threads, and work that waits for a turn. The clock is
 * read once at the start of a turn and once at its end (to know the longest
 * turn).
 *
 * Invariant: no callback runs inside a call of this interface; all of them
 * come from ph_loop_turn, on the thread that calls it.
 */
struct ph_loop;

/* A file descriptor's interest. Embed it. The descriptor stays the caller's. */
struct ph_watch {
	void (*on_event)(struct ph_watch *watch, uint32_t events); /* EPOLL* */
	struct ph_loop *loop; /* NULL: not started */
	int fd;
	uint32_t events;
};

/*
 * Work that nobody is woken for: it is done at the head of the first turn at or
 * after `due` that begins for another reason. What turns change it finds as
 * the turn before left it, and as it has been since `ended`.
 */
struct ph_deferrable {
	void (*on_due)(struct ph_deferrable *work, int64_t ended);
	int64_t due;
};

struct ph_loop_stats {
	uint64_t turns;
	uint64_t wakeups;     /* turns that had waited */
	int64_t longest_turn; /* ns, since the start or the last reset */
};

/* -ENOMEM, or what epoll_create1 and eventfd return. */
int ph_loop_create(struct ph_loop **out, struct ph_clock *clock);
/* Every watch and timer must have been stopped. */
void ph_loop_destroy(struct ph_loop *loop);

int64_t ph_loop_now(const struct ph_loop *loop);
struct ph_hal ph_loop_hal(struct ph_loop *loop);

/* Turns until ph_loop_stop. */
void ph_loop_run(struct ph_loop *loop);
/* One turn: waits at most `wait` ns (negative: for ever) for something. On a
 * virtual clock it never sleeps: it jumps to the next timer, or by `wait`. */
void ph_loop_turn(struct ph_loop *loop, int64_t wait);
void ph_loop_stop(struct ph_loop *loop);

/* `on_event` must be set. Negative errno of epoll_ctl. */
int ph_watch_start(
	struct ph_loop *loop, struct ph_watch *watch, int fd, uint32_t events);
int ph_watch_change(struct ph_watch *watch, uint32_t events);
/* No event comes after this. Call before close(fd). Idempotent. */
void ph_watch_stop(struct ph_watch *watch);

/* Starts or moves it to `due` (absolute ns; the past means the next turn).
 * Without memory it aborts: a node that lost a deadline is not one. */
void ph_timer_start(struct ph_loop *loop, struct ph_timer *timer, int64_t due);
void ph_timer_stop(struct ph_loop *loop, struct ph_timer *timer);

/* A loop has room for one. Starts it, or moves it to `due` (absolute ns). */
void ph_deferrable_start(
	struct ph_loop *loop, struct ph_deferrable *work, int64_t due);
void ph_deferrable_stop(struct ph_loop *loop, struct ph_deferrable *work);

/* As ph_hal.defer and ph_hal.cancel. */
void ph_loop_defer(struct ph_loop *loop, struct ph_task *task);
void ph_loop_cancel(struct ph_loop *loop, struct ph_task *task);
/* From any thread: the task runs on the loop's thread. Not cancellable; not to
 * be posted again before it ran. */
void ph_loop_post(struct ph_loop *loop, struct ph_task *task);

/* A snapshot; `reset` begins a new longest_turn. */
struct ph_loop_stats ph_loop_stats(struct ph_loop *loop, bool reset);

#endif
