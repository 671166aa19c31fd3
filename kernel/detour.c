#include "kernel/detour.h"

#include <errno.h>
#include <stdlib.h>

struct ph_detour {
	struct ph_kernel *kernel;
	const struct ph_detour_events *events;
	void *context;
	struct ph_pipe *pipe;	/* NULL: gone */
	struct ph_pipe *up;	/* what the output feeds while not `pipe` */
	struct ph_pipe *coming; /* to a filter that has not begun to read */
	enum ph_detour_state state;
	enum ph_detour_state told;
	bool bypass;
	bool waits;    /* for the end of a message */
	bool leaving;  /* the filter is to go */
	bool finished; /* the output said so, to `up` */
	bool gone;     /* the output broke off, or has left */
	bool ours;     /* it is us who finishes `up` */
	bool drained;  /* END came out of the filter */
	bool quit;     /* the one that was coming did */
	bool broken;   /* the filter did */
	bool in_half;  /* in the middle of a message */
	int reason;    /* of the newest breakdown */
	ph_handle output;
	ph_handle in; /* the filter that comes */
	ph_handle out;
	struct ph_gap base; /* what `pipe` had when the filter came */
	struct ph_gap lost;
	struct ph_task settle;
};

static const struct ph_end_ops nobody_ops;
static const struct ph_end nobody = {&nobody_ops, NULL};

static void settle_soon(struct ph_detour *detour)
{
	detour->kernel->hal.defer(detour->kernel->hal.context, &detour->settle);
}

static void be(struct ph_detour *detour, enum ph_detour_state state)
{
	detour->state = state;
	settle_soon(detour);
}

/* The output is fed elsewhere by now: what remains of `up` is the filter's. */
static void retire(struct ph_pipe *pipe)
{
	ph_pipe_set_guard(pipe, NULL, NULL);
	ph_pipe_set_source(pipe, nobody);
	ph_pipe_close_source(pipe, -ECANCELED);
}

static int wait_for_boundary(
	struct ph_detour *detour, void (*boundary)(void *context))
{
	struct ph_terminal *output =
		ph_terminal_find(detour->kernel, detour->output);
	int error =
		output ? ph_terminal_await(output, boundary, detour) : -EPIPE;

	detour->waits = !error;
	return error;
}

static void stop_waiting(struct ph_detour *detour)
{
	struct ph_terminal *output =
		ph_terminal_find(detour->kernel, detour->output);

	if (detour->waits && output)
		ph_terminal_await(output, NULL, NULL);
	detour->waits = false;
}

/* --- what the ends of the two pipes say last --- */

/* The filter is not what it was: the output waits, in the middle of a message
 * perhaps. */
static void break_filter(struct ph_detour *detour, int reason)
{
	if (detour->broken)
		return;
	detour->broken = true;
	detour->reason = reason;
	ph_pipe_break(detour->up, reason);
	ph_pipe_hold(detour->up);
	settle_soon(detour);
}

/* Whether a breakdown of the filter is ours to mend. */
static bool is_ours(const struct ph_detour *detour)
{
	return (detour->state == PH_DETOUR_IN ||
		       detour->state == PH_DETOUR_DRAINING) &&
	       detour->up && !detour->gone && detour->pipe &&
	       !ph_pipe_is_finished(detour->pipe);
}

/* The output is refused, and `up` is over. */
static bool is_held(const struct ph_detour *detour)
{
	return detour->state == PH_DETOUR_DRAINING ||
	       detour->state == PH_DETOUR_HELD || detour->broken;
}

/* Not with this one: it gets CUT. */
static void drop_coming(struct ph_detour *detour)
{
	struct ph_pipe *coming = detour->coming;

	detour->coming = NULL;
	if (!coming)
		return;
	ph_pipe_set_source(coming, nobody);
	ph_pipe_close_source(coming, -ECANCELED);
}

static bool up_finish(void *context)
{
	struct ph_detour *detour = context;

	if (detour->ours)
		return false;
	detour->finished = true;
	return is_held(detour);
}

static bool up_abort(void *context, int reason)
{
	struct ph_detour *detour = context;
	bool held = is_held(detour);

	detour->gone = true;
	/* The filter cannot pass on what it does not see. */
	if (held && detour->pipe)
		ph_pipe_break(detour->pipe, reason);
	drop_coming(detour);
	if (held)
		be(detour, PH_DETOUR_OVER);
	return false;
}

static bool up_closed(void *context, int reason)
{
	struct ph_detour *detour = context;

	if (detour->broken || detour->state == PH_DETOUR_HELD)
		return true;
	if (!is_ours(detour))
		return false;
	if (reason) {
		break_filter(detour, reason);
		return true;
	}
	/* The END that was consumed is not the output's. */
	return detour->state == PH_DETOUR_DRAINING;
}

static void up_gone(void *context)
{
	struct ph_detour *detour = context;

	detour->up = NULL;
}

static const struct ph_guard up_guard = {
	up_finish, up_abort, up_closed, up_gone};

static bool pipe_finish(void *context)
{
	struct ph_detour *detour = context;

	if (detour->coming) {
		detour->quit = true;
		settle_soon(detour);
		return true;
	}

	if (detour->state == PH_DETOUR_NEW ||
		detour->state == PH_DETOUR_WAITING) {
		stop_waiting(detour);
		be(detour, PH_DETOUR_OVER);
		return false;
	}
	if (detour->state != PH_DETOUR_DRAINING)
		return false;
	detour->drained = true;
	settle_soon(detour);
	return true;
}

static bool pipe_abort(void *context, int reason)
{
	struct ph_detour *detour = context;
	struct ph_terminal *from = ph_terminal_feeding(detour->pipe);

	if (detour->state == PH_DETOUR_NEW ||
		detour->state == PH_DETOUR_WAITING) {
		stop_waiting(detour);
		be(detour, PH_DETOUR_OVER);
		return false;
	}
	if (detour->coming) {
		drop_coming(detour);
		ph_pipe_set_source(detour->pipe, nobody);
		/* It began to talk before it listened. */
		if (from && ph_terminal_is_inside(from))
			ph_pipe_break(detour->pipe, reason);
		return true;
	}
	if (!is_ours(detour))
		return false;
	detour->in_half = from && ph_terminal_is_inside(from);
	ph_pipe_set_source(detour->pipe, nobody);
	/* It may have finished before: then nothing is lost. */
	if (!detour->drained)
		break_filter(detour, reason);
	return true;
}

/* The sink left: the output hears of it in any case. */
static bool pipe_closed(void *context, int reason)
{
	struct ph_detour *detour = context;

	stop_waiting(detour);
	drop_coming(detour);
	be(detour, PH_DETOUR_OVER);
	detour->broken = false;
	if (detour->up && reason)
		ph_pipe_break(detour->up, reason);
	return false;
}

static void pipe_gone(void *context)
{
	struct ph_detour *detour = context;

	detour->pipe = NULL;
	be(detour, PH_DETOUR_OVER);
}

static const struct ph_guard pipe_guard = {
	pipe_finish, pipe_abort, pipe_closed, pipe_gone};

/* --- in and out --- */

static void lose_filter(struct ph_detour *detour, int reason)
{
	struct ph_terminal *from = ph_terminal_feeding(detour->pipe);

	ph_pipe_set_source(detour->pipe, nobody);
	if (from)
		ph_terminal_lose(from, detour->pipe, reason);
}

/* The pipe is no concern of ours any more. */
static void let_go(struct ph_detour *detour)
{
	ph_pipe_set_guard(detour->pipe, NULL, NULL);
	detour->pipe = NULL;
	be(detour, PH_DETOUR_OUT);
}

static void connect_directly(struct ph_detour *detour)
{
	struct ph_pipe *pipe = detour->pipe;
	struct ph_terminal *output = ph_terminal_feeding(detour->up);
	bool inside = ph_terminal_is_inside(output);

	ph_terminal_exchange(output, detour->up, pipe);
	retire(detour->up);
	detour->up = NULL;
	let_go(detour);
	/* The rest of a message the filter had the beginning of. */
	if (inside && !detour->finished)
		ph_pipe_join_late(pipe);
	if (detour->finished)
		ph_pipe_finish(pipe);
}

static uint64_t beyond(uint64_t more, uint64_t less)
{
	return more > less ? more - less : 0;
}

/* What went into the filter and did not come out. */
static void tell_loss(struct ph_detour *detour)
{
	const struct ph_counters *given = ph_pipe_in(detour->up);
	const struct ph_counters *got = ph_pipe_in(detour->pipe);
	const struct ph_terminal *output = ph_terminal_feeding(detour->up);
	struct ph_gap gap = {
		.messages = beyond(
			given->messages, got->messages - detour->base.messages),
		.bytes = beyond(given->bytes, got->bytes - detour->base.bytes),
	};

	gap.messages += output && ph_terminal_is_inside(output);
	detour->lost.messages += gap.messages;
	detour->lost.bytes += gap.bytes;
	ph_pipe_tell_gap(detour->pipe, &gap);
}

/* The filter broke, and `pipe` and the output stand. */
static void mend(struct ph_detour *detour)
{
	struct ph_terminal *from = ph_terminal_feeding(detour->pipe);

	detour->in_half =
		detour->in_half || (from && ph_terminal_is_inside(from));
	lose_filter(detour, detour->reason);
	detour->broken = false;
	if (detour->in_half) {
		ph_pipe_break(detour->pipe, detour->reason);
		return; /* pipe_closed tells the output */
	}
	tell_loss(detour);
	if (detour->leaving || detour->bypass)
		connect_directly(detour);
	else
		be(detour, PH_DETOUR_HELD);
}

static void settle(struct ph_task *task)
{
	struct ph_detour *detour =
		(struct ph_detour *)((char *)task -
				     offsetof(struct ph_detour, settle));
	bool stands = detour->pipe && detour->up && !detour->gone &&
		      detour->state != PH_DETOUR_OVER;

	if (stands && detour->quit && detour->coming) {
		drop_coming(detour);
		lose_filter(detour, -ECANCELED);
	}
	detour->quit = false;
	if (stands && detour->broken && ph_pipe_is_finished(detour->pipe)) {
		/* It took no more, and said that all was said. */
		detour->broken = false;
		be(detour, PH_DETOUR_OVER);
		ph_pipe_break(detour->up, detour->reason);
	} else if (stands && detour->broken) {
		mend(detour);
	} else if (stands && detour->drained) {
		detour->drained = false;
		lose_filter(detour, 0);
		connect_directly(detour);
	}
	if (detour->state == detour->told)
		return;
	detour->told = detour->state;
	if (detour->events->on_change)
		detour->events->on_change(detour->context, detour->state);
}

int ph_detour_create(struct ph_kernel *kernel, struct ph_pipe *pipe,
	bool bypass, const struct ph_detour_events *events, void *context,
	struct ph_detour **out)
{
	struct ph_detour *detour;

	if (ph_pipe_is_finished(pipe) || ph_pipe_reason(pipe))
		return -EPIPE;
	if (!ph_terminal_feeding(pipe))
		return -EINVAL;
	detour = calloc(1, sizeof(*detour));
	if (!detour)
		return -ENOMEM;
	detour->kernel = kernel;
	detour->pipe = pipe;
	detour->bypass = bypass;
	detour->events = events;
	detour->output = ph_terminal_handle(ph_terminal_feeding(pipe));
	detour->context = context;
	detour->settle.run = settle;
	ph_pipe_set_guard(pipe, &pipe_guard, detour);
	*out = detour;
	return 0;
}

/* Nobody would ever let the output go on. */
static void tear(struct ph_detour *detour)
{
	if (detour->pipe)
		ph_pipe_break(detour->pipe, -ECANCELED);
	if (detour->up)
		ph_pipe_break(detour->up, -ECANCELED);
}

void ph_detour_destroy(struct ph_detour *detour)
{
	if (!detour)
		return;
	stop_waiting(detour);
	drop_coming(detour);
	detour->kernel->hal.cancel(
		detour->kernel->hal.context, &detour->settle);
	if (detour->pipe)
		ph_pipe_set_guard(detour->pipe, NULL, NULL);
	if (detour->up)
		ph_pipe_set_guard(detour->up, NULL, NULL);
	if (is_held(detour))
		tear(detour);
	free(detour);
}

static void put_in_front(struct ph_detour *detour, struct ph_terminal *output,
	struct ph_pipe *up)
{
	struct ph_pipe *before = detour->up ? detour->up : detour->pipe;

	ph_pipe_set_guard(up, &up_guard, detour);
	ph_terminal_exchange(output, before, up);
	if (detour->up)
		retire(detour->up);
	detour->up = up;
}

int ph_detour_hold(struct ph_detour *detour)
{
	struct ph_terminal *output = ph_terminal_feeding(detour->pipe);
	struct ph_pipe_limits limits = {0};
	struct ph_pipe *wall;
	int error = ph_pipe_create(detour->kernel, nobody, nobody, limits,
		(struct ph_pipe_watcher){0}, &wall);

	if (error)
		return error;
	ph_pipe_close_sink(wall, -EPIPE);
	ph_pipe_hold(wall);
	put_in_front(detour, output, wall);
	ph_pipe_set_source(detour->pipe, nobody);
	be(detour, PH_DETOUR_HELD);
	return 0;
}

/* Both ends of the filter can be had. */
static int find_filter(struct ph_detour *detour, struct ph_terminal **in,
	struct ph_terminal **out)
{
	int error;

	*in = ph_terminal_find(detour->kernel, detour->in);
	*out = ph_terminal_find(detour->kernel, detour->out);
	if (!*in || !*out)
		return -ESTALE;
	error = ph_terminal_may_adopt(*in, false);
	return error ? error : ph_terminal_may_adopt(*out, true);
}

/* It reads: now the output's messages may go there. */
static void coming_taken(void *context, struct ph_pipe *up)
{
	struct ph_detour *detour = context;
	struct ph_terminal *output = ph_terminal_feeding(detour->up);

	detour->coming = NULL;
	put_in_front(detour, output, up);
	/* The rest of what another filter had the beginning of. */
	if (ph_terminal_is_inside(output) && !detour->finished)
		ph_pipe_join_late(up);
	be(detour, PH_DETOUR_IN);
	if (detour->finished)
		ph_pipe_finish(up);
}

static void coming_closed(void *context, struct ph_pipe *up, int reason)
{
	struct ph_detour *detour = context;

	detour->coming = NULL;
	lose_filter(detour, reason);
}

static const struct ph_end_ops coming_ops = {
	.on_taken = coming_taken,
	.on_closed = coming_closed,
};

/* The filter is connected, and gets BEGIN alone until it has taken that: one
 * that does not run loses nothing. */
static int come(struct ph_detour *detour)
{
	struct ph_pipe_limits limits = {.bytes = ph_pipe_limit(detour->pipe)};
	struct ph_end source = {&coming_ops, detour};
	struct ph_terminal *in;
	struct ph_terminal *out;
	int error = detour->coming ? -EALREADY : find_filter(detour, &in, &out);

	if (!error)
		error = ph_pipe_create(detour->kernel, source,
			ph_terminal_end(in), limits,
			(struct ph_pipe_watcher){0}, &detour->coming);
	if (error)
		return error;
	ph_pipe_send(detour->coming, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
	ph_pipe_notify(detour->coming, PH_FRAME_HEADER);
	ph_terminal_adopt(in, detour->coming);
	ph_terminal_adopt(out, detour->pipe);
	detour->base.messages = ph_pipe_in(detour->pipe)->messages;
	detour->base.bytes = ph_pipe_in(detour->pipe)->bytes;
	return 0;
}

/* Between two messages. */
static int enter(struct ph_detour *detour)
{
	int error = ph_detour_hold(detour);

	if (error)
		return error;
	error = come(detour);
	if (error) {
		detour->reason = error;
		connect_directly(detour);
	}
	return error;
}

/* It was free when it was asked for. */
static void enter_now(void *context)
{
	struct ph_detour *detour = context;
	int error;

	detour->waits = false;
	error = enter(detour);
	if (!error || detour->state == PH_DETOUR_OUT)
		return;
	detour->reason = error;
	let_go(detour);
}

int ph_detour_enter(struct ph_detour *detour, ph_handle in, ph_handle out)
{
	struct ph_terminal *terminals[2];
	int error;

	if (detour->state != PH_DETOUR_NEW && detour->state != PH_DETOUR_HELD)
		return -EPIPE;
	detour->in = in;
	detour->out = out;
	if (detour->state == PH_DETOUR_HELD)
		return come(detour);
	error = find_filter(detour, &terminals[0], &terminals[1]);
	if (error)
		return error;
	if (!ph_terminal_is_inside(ph_terminal_feeding(detour->pipe)))
		return enter(detour);
	error = wait_for_boundary(detour, enter_now);
	if (!error)
		be(detour, PH_DETOUR_WAITING);
	return error;
}

/* Nothing more for the filter but its END. */
static void drain(void *context)
{
	struct ph_detour *detour = context;

	detour->waits = false;
	if (!is_ours(detour) || detour->broken || detour->finished)
		return;
	be(detour, PH_DETOUR_DRAINING);
	detour->ours = true;
	ph_pipe_finish(detour->up);
	detour->ours = false;
	ph_pipe_hold(detour->up);
}

int ph_detour_leave(struct ph_detour *detour)
{
	struct ph_terminal *output;
	int error;

	if (detour->leaving || detour->state == PH_DETOUR_OUT)
		return -EALREADY;
	detour->leaving = true;
	if (detour->state == PH_DETOUR_NEW ||
		detour->state == PH_DETOUR_WAITING) {
		stop_waiting(detour);
		let_go(detour);
		return 0;
	}
	if (detour->state == PH_DETOUR_HELD) {
		drop_coming(detour);
		lose_filter(detour, -ECANCELED);
		connect_directly(detour);
		return 0;
	}
	if (detour->broken)
		return 0; /* mended that way */
	/* A stream that ends takes the filter along. */
	if (!is_ours(detour) || detour->finished)
		return -EPIPE;
	output = ph_terminal_feeding(detour->up);
	if (!ph_terminal_is_inside(output)) {
		drain(detour);
		return 0;
	}
	error = wait_for_boundary(detour, drain);
	detour->leaving = !error;
	return error;
}

enum ph_detour_state ph_detour_state(const struct ph_detour *detour)
{
	return detour->state;
}

int ph_detour_reason(const struct ph_detour *detour)
{
	return detour->reason;
}

struct ph_gap ph_detour_lost(const struct ph_detour *detour)
{
	return detour->lost;
}

const struct ph_pipe *ph_detour_up(const struct ph_detour *detour)
{
	return detour->up;
}
