#include "kernel/detour.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/detour_inner.h"

static const struct ph_end_ops nobody_ops;
const struct ph_end detour_nobody = {&nobody_ops, NULL};

static void settle_soon(struct ph_detour *detour)
{
	detour->kernel->hal.defer(detour->kernel->hal.context, &detour->settle);
}

void detour_be(struct ph_detour *detour, enum ph_detour_state state)
{
	detour->state = state;
	settle_soon(detour);
}

/* The output is fed elsewhere by now: what remains of `up` is the filter's. */
void detour_retire(struct ph_pipe *pipe)
{
	ph_pipe_set_guard(pipe, NULL, NULL);
	ph_pipe_set_source(pipe, detour_nobody);
	ph_pipe_close_source(pipe, -ECANCELED);
}

int detour_wait_for_boundary(
	struct ph_detour *detour, void (*boundary)(void *context))
{
	struct ph_terminal *output =
		ph_terminal_find(detour->kernel, detour->output);

	if (!output)
		return -EPIPE;
	detour_stop_waiting(detour);
	detour->boundary =
		(struct ph_boundary){.reached = boundary, .context = detour};
	ph_terminal_await(output, &detour->boundary);
	detour->waits = true;
	return 0;
}

void detour_stop_waiting(struct ph_detour *detour)
{
	struct ph_terminal *output =
		ph_terminal_find(detour->kernel, detour->output);

	if (detour->waits && output)
		ph_terminal_await_no_more(output, &detour->boundary);
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
bool detour_is_ours(const struct ph_detour *detour)
{
	return (detour->state == PH_DETOUR_IN ||
		       detour->state == PH_DETOUR_DRAINING) &&
	       detour->up && !detour->gone && detour->pipe &&
	       !ph_pipe_is_finished(detour->pipe);
}

/* The output is refused, and `up` is over. */
bool detour_is_held(const struct ph_detour *detour)
{
	return detour->state == PH_DETOUR_DRAINING ||
	       detour->state == PH_DETOUR_HELD || detour->broken;
}

/* Not with this one: it gets CUT. */
void detour_drop_coming(struct ph_detour *detour)
{
	struct ph_pipe *coming = detour->coming;

	detour->coming = NULL;
	if (!coming)
		return;
	ph_pipe_set_source(coming, detour_nobody);
	ph_pipe_close_source(coming, -ECANCELED);
}

static bool up_finish(void *context)
{
	struct ph_detour *detour = context;

	if (detour->ours)
		return false;
	detour->finished = true;
	return detour_is_held(detour);
}

/* The output leaves: what is in the filter comes all the same. False: it left
 * in the middle of a message, or there is no filter to ask. */
static bool part(struct ph_detour *detour)
{
	const struct ph_terminal *from = ph_terminal_feeding(detour->up);

	if (!detour->parting || !detour_is_ours(detour) || detour->broken ||
		detour->finished || (from && ph_terminal_is_inside(from)))
		return false;
	if (detour->state == PH_DETOUR_IN) {
		detour_stop_waiting(detour);
		detour_be(detour, PH_DETOUR_DRAINING);
		detour->ours = true;
		ph_pipe_finish(detour->up);
		detour->ours = false;
	}
	return true;
}

static bool up_abort(void *context, int reason)
{
	struct ph_detour *detour = context;
	bool held = detour_is_held(detour);
	bool parts = part(detour);

	detour->gone = true;
	if (parts)
		return false;
	/* The filter cannot pass on what it does not see. */
	if (held && detour->pipe)
		ph_pipe_break(detour->pipe, reason);
	detour_drop_coming(detour);
	if (held)
		detour_be(detour, PH_DETOUR_OVER);
	return false;
}

static bool up_closed(void *context, int reason)
{
	struct ph_detour *detour = context;

	if (detour->broken || detour->state == PH_DETOUR_HELD)
		return true;
	if (!detour_is_ours(detour))
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

const struct ph_guard detour_up_guard = {
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
		detour_stop_waiting(detour);
		detour_be(detour, PH_DETOUR_OVER);
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
		detour_stop_waiting(detour);
		detour_be(detour, PH_DETOUR_OVER);
		return false;
	}
	if (detour->coming) {
		detour_drop_coming(detour);
		ph_pipe_set_source(detour->pipe, detour_nobody);
		/* It began to talk before it listened. */
		if (from && ph_terminal_is_inside(from))
			ph_pipe_break(detour->pipe, reason);
		return true;
	}
	if (!detour_is_ours(detour))
		return false;
	detour->in_half = from && ph_terminal_is_inside(from);
	ph_pipe_set_source(detour->pipe, detour_nobody);
	/* It may have finished before: then nothing is lost. */
	if (!detour->drained)
		break_filter(detour, reason);
	return true;
}

/* The sink left: the output hears of it in any case. */
static bool pipe_closed(void *context, int reason)
{
	struct ph_detour *detour = context;

	detour_stop_waiting(detour);
	detour_drop_coming(detour);
	detour_be(detour, PH_DETOUR_OVER);
	detour->broken = false;
	if (detour->up && reason)
		ph_pipe_break(detour->up, reason);
	return false;
}

static void pipe_gone(void *context)
{
	struct ph_detour *detour = context;

	detour->pipe = NULL;
	detour_be(detour, PH_DETOUR_OVER);
}

const struct ph_guard detour_pipe_guard = {
	pipe_finish, pipe_abort, pipe_closed, pipe_gone};

/* --- in and out --- */

void detour_lose_filter(struct ph_detour *detour, int reason)
{
	struct ph_terminal *from = ph_terminal_feeding(detour->pipe);

	ph_pipe_set_source(detour->pipe, detour_nobody);
	if (from)
		ph_terminal_lose(from, detour->pipe, reason);
}

/* The pipe is no concern of ours any more. */
void detour_let_go(struct ph_detour *detour)
{
	ph_pipe_set_guard(detour->pipe, NULL, NULL);
	detour->pipe = NULL;
	detour_be(detour, PH_DETOUR_OUT);
}

void detour_connect_directly(struct ph_detour *detour)
{
	struct ph_pipe *pipe = detour->pipe;
	struct ph_terminal *output = ph_terminal_feeding(detour->up);
	bool inside = ph_terminal_is_inside(output);

	ph_terminal_exchange(output, detour->up, pipe);
	detour_retire(detour->up);
	detour->up = NULL;
	detour_let_go(detour);
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
	detour_lose_filter(detour, detour->reason);
	detour->broken = false;
	if (detour->in_half) {
		ph_pipe_break(detour->pipe, detour->reason);
		return; /* pipe_closed tells the output */
	}
	tell_loss(detour);
	if (detour->leaving || detour->bypass)
		detour_connect_directly(detour);
	else
		detour_be(detour, PH_DETOUR_HELD);
}

/* The last of a filter whose output has left. */
static void end_here(struct ph_detour *detour)
{
	struct ph_pipe *pipe = detour->pipe;

	detour->drained = false;
	detour_lose_filter(detour, 0);
	detour->pipe = NULL;
	detour_retire(pipe);
	detour_be(detour, PH_DETOUR_OVER);
}

void detour_settle(struct ph_task *task)
{
	struct ph_detour *detour =
		(struct ph_detour *)((char *)task -
				     offsetof(struct ph_detour, settle));
	bool stands = detour->pipe && detour->up && !detour->gone &&
		      detour->state != PH_DETOUR_OVER;

	if (stands && detour->quit && detour->coming) {
		detour_drop_coming(detour);
		detour_lose_filter(detour, -ECANCELED);
	}
	detour->quit = false;
	if (stands && detour->broken && ph_pipe_is_finished(detour->pipe)) {
		/* It took no more, and said that all was said. */
		detour->broken = false;
		detour_be(detour, PH_DETOUR_OVER);
		ph_pipe_break(detour->up, detour->reason);
	} else if (stands && detour->broken) {
		mend(detour);
	} else if (stands && detour->drained) {
		detour->drained = false;
		detour_lose_filter(detour, 0);
		detour_connect_directly(detour);
	} else if (detour->drained && detour->gone && detour->pipe) {
		end_here(detour);
	}
	if (detour->state == detour->told)
		return;
	detour->told = detour->state;
	if (detour->events->on_change)
		detour->events->on_change(detour->context, detour->state);
}
