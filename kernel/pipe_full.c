#include <errno.h>

#include "kernel/pipe_inner.h"

/*
 * A pipe with a policy that may drop: a frame goes into the backlog, after the
 * policy made room for it, or nowhere.
 */

static bool backlog_fits(
	const struct ph_pipe *pipe, const struct ph_frame *frame)
{
	const struct ph_queue *waiting = &pipe->backlog->waiting;
	uint64_t queued = ph_pipe_queued(pipe);

	if (!queued || ph_frame_is_control(frame->flags))
		return true;
	if (queued + PH_FRAME_HEADER + frame->length > pipe->limits.bytes)
		return false;
	return !(frame->flags & PH_FRAME_FIN) ||
	       waiting->messages < pipe->limits.messages;
}

bool ph_pipe_could_take(const struct ph_pipe *pipe, uint32_t length)
{
	uint64_t fixed = pipe->queue.bytes + pipe->backlog->pending.bytes;

	return !fixed || fixed + PH_FRAME_HEADER + length <= pipe->limits.bytes;
}

bool ph_pipe_drop_oldest(struct ph_pipe *pipe)
{
	return ph_backlog_drop(pipe->backlog, &pipe->queue);
}

/* Asks the policy until the frame fits, or is not wanted. */
static enum ph_full_verdict make_room(
	struct ph_pipe *pipe, const struct ph_frame *frame)
{
	enum ph_full_verdict verdict = PH_FULL_RETRY;

	while (verdict == PH_FULL_RETRY && !backlog_fits(pipe, frame))
		verdict = pipe->limits.full->on_full(pipe, frame->length);
	return verdict;
}

/* Too slow: what waits is lost with the connection, and said to be. */
static int cut_slow(struct ph_pipe *pipe)
{
	ph_backlog_drop_all(pipe->backlog, &pipe->queue);
	ph_pipe_break(pipe, -ENOBUFS);
	return -EPIPE;
}

static int keep_frame(struct ph_pipe *pipe, const struct ph_frame *frame,
	const struct ph_segment *segment)
{
	struct ph_backlog *backlog = pipe->backlog;
	struct ph_segment own = {0};
	int error = 0;

	if (!segment) {
		error = ph_filler_put(&backlog->filler, frame, &own);
		segment = &own;
	}
	if (!error) {
		/* A GAP record may have to go in before it. */
		ph_buffer_ref(segment->buffer);
		error = ph_backlog_put(backlog, segment);
		ph_buffer_unref(segment->buffer);
	}
	if (!error)
		return 0;
	/* Half of it may be in: it cannot be given again. */
	ph_pipe_break(pipe, error);
	return -EPIPE;
}

static int put_backlog(struct ph_pipe *pipe, const struct ph_frame *frame,
	const struct ph_segment *segment)
{
	enum ph_full_verdict verdict = PH_FULL_SKIP;

	if (!pipe->backlog->skipping || ph_frame_is_control(frame->flags))
		verdict = make_room(pipe, frame);
	switch (verdict) {
	case PH_FULL_CLOSE:
		return cut_slow(pipe);
	case PH_FULL_SKIP:
		ph_backlog_skip(pipe->backlog, frame->flags, frame->length);
		return 0;
	case PH_FULL_RETRY:
		break;
	}
	return keep_frame(pipe, frame, segment);
}

int pipe_send_backlog(struct ph_pipe *pipe, const struct ph_frame *frame,
	const struct ph_segment *segment)
{
	int error = put_backlog(pipe, frame, segment);

	if (error)
		return error;
	pipe->given += PH_FRAME_HEADER + frame->length;
	pipe_count_in(pipe, frame->flags, frame->length);
	return 0;
}
