#include "kernel/pipe_inner.h"

/* The shorter road into a sink, and what is to be seen of a pipe. */

struct ph_conduit *ph_pipe_conduit(struct ph_pipe *pipe)
{
	if (!pipe->sink.ops->conduit || pipe->backlog || pipe->queue.bytes ||
		pipe->ended || !pipe->sink_open || pipe->late)
		return NULL;
	return pipe->sink.ops->conduit(pipe->sink.context, pipe);
}

void ph_pipe_moved(struct ph_pipe *pipe, uint64_t bytes)
{
	pipe->in.frames++;
	pipe->in.messages++;
	pipe->in.bytes += bytes;
	pipe->out.frames++;
	pipe->out.messages++;
	pipe->out.bytes += bytes;
}

void ph_pipe_conduit_full(struct ph_pipe *pipe)
{
	struct ph_conduit *conduit = ph_pipe_conduit(pipe);

	pipe_want_room(pipe);
	if (conduit)
		conduit->on_full(conduit);
	else
		pipe_give_room(pipe);
}

void ph_pipe_conduit_ready(struct ph_pipe *pipe)
{
	if (pipe->wants_room)
		pipe_offer_room(pipe);
}

ph_handle ph_pipe_handle(const struct ph_pipe *pipe)
{
	return pipe->handle;
}

bool ph_pipe_is_finished(const struct ph_pipe *pipe)
{
	return pipe->finished;
}

bool ph_pipe_is_let_go(const struct ph_pipe *pipe)
{
	return !pipe->source_open;
}

int ph_pipe_reason(const struct ph_pipe *pipe)
{
	return pipe->reason;
}

const struct ph_counters *ph_pipe_in(const struct ph_pipe *pipe)
{
	return &pipe->in;
}

const struct ph_counters *ph_pipe_out(const struct ph_pipe *pipe)
{
	return &pipe->out;
}

struct ph_counters ph_pipe_handed(const struct ph_pipe *pipe)
{
	const struct ph_queue *queue = &pipe->queue;

	return (struct ph_counters){
		.frames = pipe->out.frames + queue->frames,
		.messages = pipe->out.messages + queue->messages,
		.bytes = pipe->out.bytes + queue->bytes -
			 queue->frames * PH_FRAME_HEADER,
	};
}

uint32_t ph_pipe_limit(const struct ph_pipe *pipe)
{
	return pipe->limits.bytes;
}

int64_t ph_pipe_blocked_since(const struct ph_pipe *pipe)
{
	return pipe->wants_room ? pipe->blocked_since : 0;
}
