#include <errno.h>
#include <stdlib.h>

#include "kernel/pipe_inner.h"

/*
 * How a pipe ends: finished, broken off by either end or from outside; and who
 * may stand between it and what its ends say last (kernel/detour.h).
 */

void pipe_run_gone(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, gone);

	pipe_cancel(pipe, &pipe->readable);
	pipe_cancel(pipe, &pipe->room);
	pipe_cancel(pipe, &pipe->taken);
	if (pipe->guard)
		pipe->guard->on_gone(pipe->guard_context);
	if (pipe->watcher.on_gone)
		pipe->watcher.on_gone(
			pipe->watcher.context, pipe, pipe->reason);
	ph_queue_fini(&pipe->queue);
	ph_backlog_destroy(pipe->backlog);
	free(pipe);
}

/* Both ends have closed: the handle is stale from now on. */
static void pipe_leave(struct ph_pipe *pipe)
{
	if (pipe->source_open || pipe->sink_open)
		return;
	ph_handle_close(pipe->kernel->handles, pipe->handle);
	pipe_defer(pipe, &pipe->gone);
}

void pipe_run_closed(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, closed);

	if (!pipe->source_open)
		return;
	if (pipe->guard &&
		pipe->guard->on_closed(pipe->guard_context, pipe->reason))
		return;
	pipe->source_open = false;
	if (pipe->source.ops->on_closed)
		pipe->source.ops->on_closed(
			pipe->source.context, pipe, pipe->reason);
	pipe_leave(pipe);
}

/* The stream's last word goes in behind whatever waits, full or not. */
static void append_last(struct ph_pipe *pipe, uint8_t flag)
{
	if (pipe->ended || !pipe->sink_open)
		return;
	pipe->ended = true;
	/* Out of memory here would leave the sink waiting for ever. */
	if (pipe->backlog ? ph_backlog_end(pipe->backlog, flag)
			  : ph_queue_copy(
				    &pipe->queue, flag | PH_FRAME_FIN, NULL, 0))
		abort();
	pipe_count_in(pipe, flag, 0);
}

void ph_pipe_finish(struct ph_pipe *pipe)
{
	if (pipe->guard && pipe->guard->on_finish(pipe->guard_context))
		return;
	if (!pipe->ended)
		pipe->finished = true;
	append_last(pipe, PH_FRAME_END);
}

void ph_pipe_close_source(struct ph_pipe *pipe, int reason)
{
	if (!pipe->source_open)
		return;
	if (pipe->guard && pipe->guard->on_abort(pipe->guard_context, reason))
		return;
	append_last(pipe, PH_FRAME_CUT);
	if (!pipe->reason)
		pipe->reason = reason;
	pipe_cancel(pipe, &pipe->room);
	pipe_cancel(pipe, &pipe->closed);
	pipe->source_open = false;
	pipe_leave(pipe);
}

void ph_pipe_break(struct ph_pipe *pipe, int reason)
{
	append_last(pipe, PH_FRAME_CUT);
	if (!pipe->reason)
		pipe->reason = reason;
	if (pipe->source_open)
		pipe_defer(pipe, &pipe->closed);
}

void ph_pipe_close_sink(struct ph_pipe *pipe, int reason)
{
	if (!pipe->sink_open)
		return;
	pipe->sink_open = false;
	if (!pipe->reason)
		pipe->reason = reason;
	pipe_cancel(pipe, &pipe->readable);
	ph_queue_clear(&pipe->queue);
	ph_backlog_destroy(pipe->backlog);
	pipe->backlog = NULL;
	if (pipe->source_open)
		pipe_defer(pipe, &pipe->closed);
	pipe_leave(pipe);
}

void ph_pipe_set_watcher(struct ph_pipe *pipe, struct ph_pipe_watcher watcher)
{
	pipe->watcher = watcher;
}

void ph_pipe_set_guard(
	struct ph_pipe *pipe, const struct ph_guard *guard, void *context)
{
	pipe->guard = guard;
	pipe->guard_context = context;
}

struct ph_end ph_pipe_source(const struct ph_pipe *pipe)
{
	return pipe->source;
}

void ph_pipe_set_source(struct ph_pipe *pipe, struct ph_end source)
{
	pipe->source = source;
	pipe->late = false;
}

void ph_pipe_hold(struct ph_pipe *pipe)
{
	pipe->held = true;
}

/* Full or not: how often it happens is what bounds it. */
static int put_gap(struct ph_pipe *pipe, const struct ph_gap *gap)
{
	uint8_t bytes[PH_GAP_LENGTH];

	if (pipe->backlog) {
		pipe->backlog->tail.messages += gap->messages;
		pipe->backlog->tail.bytes += gap->bytes;
		return 0;
	}
	ph_gap_write(gap, bytes);
	return ph_queue_copy(&pipe->queue, PH_FRAME_GAP | PH_FRAME_FIN, bytes,
		sizeof(bytes));
}

void ph_pipe_tell_gap(struct ph_pipe *pipe, const struct ph_gap *gap)
{
	int error;

	if (!pipe->sink_open || pipe->ended)
		return;
	error = put_gap(pipe, gap);
	if (error) {
		ph_pipe_break(pipe, error);
		return;
	}
	pipe_count_in(pipe, PH_FRAME_GAP, 0);
	pipe->in.messages += gap->messages;
	pipe->in.bytes += gap->bytes;
	pipe->in.dropped_messages += gap->messages;
	pipe->in.dropped_bytes += gap->bytes;
}
