#include <errno.h>
#include <stdlib.h>

#include "kernel/detour_inner.h"

/* A filter comes into a pipe, between two messages, and goes again. */

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
	detour->settle.run = detour_settle;
	ph_pipe_set_guard(pipe, &detour_pipe_guard, detour);
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
	detour_stop_waiting(detour);
	detour_drop_coming(detour);
	detour->kernel->hal.cancel(
		detour->kernel->hal.context, &detour->settle);
	if (detour->pipe)
		ph_pipe_set_guard(detour->pipe, NULL, NULL);
	if (detour->up)
		ph_pipe_set_guard(detour->up, NULL, NULL);
	if (detour_is_held(detour))
		tear(detour);
	free(detour);
}

static void put_in_front(struct ph_detour *detour, struct ph_terminal *output,
	struct ph_pipe *up)
{
	struct ph_pipe *before = detour->up ? detour->up : detour->pipe;

	ph_pipe_set_guard(up, &detour_up_guard, detour);
	ph_terminal_exchange(output, before, up);
	if (detour->up)
		detour_retire(detour->up);
	detour->up = up;
}

int ph_detour_hold(struct ph_detour *detour)
{
	struct ph_terminal *output = ph_terminal_feeding(detour->pipe);
	struct ph_pipe_limits limits = {0};
	struct ph_pipe *wall;
	int error = ph_pipe_create(detour->kernel, detour_nobody, detour_nobody,
		limits, (struct ph_pipe_watcher){0}, &wall);

	if (error)
		return error;
	ph_pipe_close_sink(wall, -EPIPE);
	ph_pipe_hold(wall);
	put_in_front(detour, output, wall);
	ph_pipe_set_source(detour->pipe, detour_nobody);
	detour_be(detour, PH_DETOUR_HELD);
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
	detour_be(detour, PH_DETOUR_IN);
	if (detour->finished)
		ph_pipe_finish(up);
}

static void coming_closed(void *context, struct ph_pipe *up, int reason)
{
	struct ph_detour *detour = context;

	detour->coming = NULL;
	detour_lose_filter(detour, reason);
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
		detour_connect_directly(detour);
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
	detour_let_go(detour);
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
	error = detour_wait_for_boundary(detour, enter_now);
	if (!error)
		detour_be(detour, PH_DETOUR_WAITING);
	return error;
}

/* Nothing more for the filter but its END. */
static void drain(void *context)
{
	struct ph_detour *detour = context;

	detour->waits = false;
	if (!detour_is_ours(detour) || detour->broken || detour->finished)
		return;
	detour_be(detour, PH_DETOUR_DRAINING);
	detour->ours = true;
	ph_pipe_finish(detour->up);
	detour->ours = false;
	ph_pipe_hold(detour->up);
}

void ph_detour_part(struct ph_detour *detour)
{
	detour->parting = true;
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
		detour_stop_waiting(detour);
		detour_let_go(detour);
		return 0;
	}
	if (detour->state == PH_DETOUR_HELD) {
		detour_drop_coming(detour);
		detour_lose_filter(detour, -ECANCELED);
		detour_connect_directly(detour);
		return 0;
	}
	if (detour->broken)
		return 0; /* mended that way */
	/* A stream that ends takes the filter along. */
	if (!detour_is_ours(detour) || detour->finished)
		return -EPIPE;
	output = ph_terminal_feeding(detour->up);
	if (!ph_terminal_is_inside(output)) {
		drain(detour);
		return 0;
	}
	error = detour_wait_for_boundary(detour, drain);
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
