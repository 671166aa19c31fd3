#include "kernel/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/pipe_inner.h"

/* Bytes a carrier is handed at once out of a backlog: one good write. */
#define PIPE_HAND ((uint64_t)64 * 1024)

/* The sink had its turn: from now on, what does not fit is dropped. */
static void renew(struct ph_pipe *pipe)
{
	pipe->given = 0;
	if (pipe->wants_room)
		pipe_give_room(pipe);
}

static void run_readable(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, readable);
	uint64_t before = pipe->out.frames;

	if (pipe->sink_open && ph_pipe_waits(pipe))
		pipe->sink.ops->on_readable(pipe->sink.context, pipe);
	/* A sink that took something and left something gets its next turn; one
	 * that took nothing is full itself and comes by its own. */
	if (pipe->sink_open && ph_pipe_waits(pipe) &&
		pipe->out.frames != before)
		pipe_defer(pipe, &pipe->readable);
	if (pipe->backlog)
		renew(pipe);
}

static void run_room(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, room);

	if (pipe->source_open && !pipe->ended && pipe->source.ops->on_room)
		pipe->source.ops->on_room(pipe->source.context, pipe);
}

static void run_taken(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, taken);

	if (pipe->source_open && pipe->source.ops->on_taken)
		pipe->source.ops->on_taken(pipe->source.context, pipe);
}

/* The connection's limits, with what the policy says. */
static void set_limits(struct ph_pipe *pipe, struct ph_pipe_limits limits)
{
	if (!limits.bytes)
		limits.bytes = PH_PIPE_BYTES;
	if (!limits.messages)
		limits.messages = UINT32_MAX;
	if (limits.full && limits.full->messages &&
		limits.full->messages < limits.messages)
		limits.messages = limits.full->messages;
	pipe->limits = limits;
}

int ph_pipe_create(struct ph_kernel *kernel, struct ph_end source,
	struct ph_end sink, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out)
{
	struct ph_pipe *pipe = calloc(1, sizeof(*pipe));
	int error = 0;

	if (!pipe)
		return -ENOMEM;
	pipe->kernel = kernel;
	pipe->source = source;
	pipe->sink = sink;
	pipe->watcher = watcher;
	set_limits(pipe, limits);
	pipe->source_open = true;
	pipe->sink_open = true;
	pipe->taken_in = INT64_MAX;
	pipe->taken.run = run_taken;
	pipe->readable.run = run_readable;
	pipe->room.run = run_room;
	pipe->closed.run = pipe_run_closed;
	pipe->gone.run = pipe_run_gone;
	ph_queue_init(&pipe->queue, kernel->pool);
	if (limits.full && limits.full->on_full)
		error = ph_backlog_create(
			&pipe->backlog, kernel->pool, &pipe->in);
	if (!error)
		error = ph_handle_open(
			kernel->handles, PH_KIND_PIPE, pipe, &pipe->handle);
	if (error) {
		ph_backlog_destroy(pipe->backlog);
		free(pipe);
		return error;
	}
	*out = pipe;
	return 0;
}

struct ph_pipe *ph_pipe_find(struct ph_kernel *kernel, ph_handle handle)
{
	return ph_handle_find(kernel->handles, PH_KIND_PIPE, handle);
}

static bool fits(const struct ph_pipe *pipe, uint32_t length)
{
	const struct ph_queue *queue = &pipe->queue;

	/* An empty pipe takes any one frame, however small its limit. */
	return !queue->bytes ||
	       (queue->bytes + PH_FRAME_HEADER + length <= pipe->limits.bytes &&
		       queue->messages < pipe->limits.messages);
}

void pipe_want_room(struct ph_pipe *pipe)
{
	if (pipe->wants_room)
		return;
	pipe->wants_room = true;
	pipe->blocked_since = pipe->kernel->hal.now(pipe->kernel->hal.context);
	/* The sink may have waited for the message to be whole. */
	pipe_defer(pipe, &pipe->readable);
}

/* One that may drop refuses only to give its sink a turn: a sink that was not
 * asked is not slow, and a source that is never refused would never stop. */
static bool is_exhausted(struct ph_pipe *pipe, uint32_t length)
{
	if (!pipe->given || pipe->given + length <= pipe->limits.bytes)
		return false;
	pipe_want_room(pipe);
	return true;
}

bool ph_pipe_has_room(struct ph_pipe *pipe, uint32_t length)
{
	if (pipe->ended || !pipe->sink_open || pipe->late)
		return !pipe->held; /* nothing will wait here */
	if (pipe->backlog)
		return !is_exhausted(pipe, PH_FRAME_HEADER + length);
	if (fits(pipe, length))
		return true;
	pipe_want_room(pipe);
	return false;
}

void pipe_give_room(struct ph_pipe *pipe)
{
	int64_t now = pipe->kernel->hal.now(pipe->kernel->hal.context);

	pipe->wants_room = false;
	pipe->in.blocked += (uint64_t)(now - pipe->blocked_since);
	pipe->blocked_since = 0;
	if (pipe->source_open)
		pipe_defer(pipe, &pipe->room);
}

/* The source was refused and the queue has drained to half: tell it. */
void pipe_offer_room(struct ph_pipe *pipe)
{
	if (ph_pipe_queued(pipe) <= pipe->limits.bytes / 2 &&
		pipe->queue.messages <= pipe->limits.messages / 2)
		pipe_give_room(pipe);
}

static int may_send(struct ph_pipe *pipe, uint32_t length)
{
	if (!pipe->sink_open || pipe->ended)
		return pipe->held ? -EAGAIN : -EPIPE;
	if (length > PH_FRAME_MAX)
		return -EMSGSIZE;
	return ph_pipe_has_room(pipe, length) ? 0 : -EAGAIN;
}

/* True: the frame belongs to a message that began before the pipe did. */
static bool is_late(struct ph_pipe *pipe, uint8_t flags)
{
	if (!pipe->late || ph_frame_is_control(flags))
		return false;
	pipe->late = !(flags & PH_FRAME_FIN);
	return true;
}

int ph_pipe_send(
	struct ph_pipe *pipe, uint8_t flags, const void *data, uint32_t length)
{
	int error = may_send(pipe, length);
	struct ph_frame frame = {
		.data = data, .length = length, .flags = flags};

	if (!error && is_late(pipe, flags))
		return 0;
	if (!error && pipe->backlog)
		return pipe_send_backlog(pipe, &frame, NULL);
	if (!error)
		error = ph_queue_copy(&pipe->queue, flags, data, length);
	if (!error)
		pipe_count_in(pipe, flags, length);
	return error;
}

int ph_pipe_send_frame(struct ph_pipe *pipe, const struct ph_frame *frame)
{
	int error;

	if (frame->length < PH_QUEUE_GATHER || !frame->buffer)
		return ph_pipe_send(
			pipe, frame->flags, frame->data, frame->length);
	error = may_send(pipe, frame->length);
	if (!error && is_late(pipe, frame->flags))
		return 0;
	if (!error && pipe->backlog)
		return pipe_send_backlog(pipe, frame, NULL);
	if (!error)
		error = ph_queue_gather(&pipe->queue, frame->flags,
			frame->buffer, frame->data, frame->length);
	if (!error)
		pipe_count_in(pipe, frame->flags, frame->length);
	return error;
}

int ph_pipe_send_segment(struct ph_pipe *pipe, const struct ph_segment *segment)
{
	struct ph_frame frame = ph_segment_frame(segment);
	int error = may_send(pipe, frame.length);

	if (error || is_late(pipe, frame.flags))
		return error;
	if (pipe->backlog)
		return pipe_send_backlog(pipe, &frame, segment);
	error = ph_queue_join(&pipe->queue, segment);
	if (!error)
		pipe_count_in(pipe, frame.flags, frame.length);
	return error;
}

void ph_pipe_join_late(struct ph_pipe *pipe)
{
	pipe->late = true;
}

bool ph_pipe_push(struct ph_pipe *pipe, const struct ph_segment *segment)
{
	if (!pipe->sink_open || pipe->ended)
		return true;
	if (ph_queue_append(&pipe->queue, segment)) {
		ph_pipe_close_source(pipe, -ENOMEM);
		return true;
	}
	pipe->in.frames += segment->frames;
	pipe->in.messages += segment->messages;
	pipe->in.bytes += segment->length - PH_FRAME_HEADER * segment->frames;
	if (!pipe->readable.queued)
		pipe_defer(pipe, &pipe->readable);
	return ph_pipe_has_room(pipe, 0);
}

bool ph_pipe_receive(struct ph_pipe *pipe, struct ph_frame *frame)
{
	/* Only what is asked for leaves the backlog: the rest may go stale. */
	if (pipe->backlog && !pipe->queue.bytes)
		ph_backlog_move(pipe->backlog, &pipe->queue, 1);
	return ph_queue_first(&pipe->queue, frame);
}

bool ph_pipe_waits(const struct ph_pipe *pipe)
{
	return pipe->queue.bytes ||
	       (pipe->backlog && !ph_backlog_is_empty(pipe->backlog));
}

void ph_pipe_notify(struct ph_pipe *pipe, uint32_t bytes)
{
	pipe_cancel(pipe, &pipe->taken);
	pipe->taken_in = bytes;
}

static void tell_taken(struct ph_pipe *pipe)
{
	pipe->taken_in = INT64_MAX;
	if (pipe->source_open)
		pipe_defer(pipe, &pipe->taken);
}

bool ph_pipe_has_message(const struct ph_pipe *pipe)
{
	struct ph_frame frame;

	if (!pipe->queue.bytes)
		return ph_pipe_waits(pipe);
	if (pipe->queue.messages || pipe->ended || pipe->wants_room)
		return true;
	ph_queue_first(&pipe->queue, &frame);
	return ph_frame_is_control(frame.flags);
}

static void count_out(struct ph_pipe *pipe, const struct ph_frame *frame)
{
	struct ph_gap gap;

	pipe->out.frames++;
	if (!ph_frame_is_control(frame->flags)) {
		pipe->out.bytes += frame->length;
		pipe->out.messages += frame->flags & PH_FRAME_FIN;
	} else if ((frame->flags & PH_FRAME_GAP) &&
		   ph_gap_read(&gap, frame->data, frame->length)) {
		pipe->out.dropped_messages += gap.messages;
		pipe->out.dropped_bytes += gap.bytes;
	}
}

void ph_pipe_release(struct ph_pipe *pipe)
{
	struct ph_frame frame;

	ph_queue_first(&pipe->queue, &frame);
	ph_pipe_release_seen(pipe, &frame);
}

void ph_pipe_release_seen(struct ph_pipe *pipe, const struct ph_frame *frame)
{
	count_out(pipe, frame);
	ph_queue_drop_seen(&pipe->queue, frame);
	pipe->taken_in -= frame->length + PH_FRAME_HEADER;
	if (pipe->taken_in <= 0)
		tell_taken(pipe);
	if (pipe->wants_room)
		pipe_offer_room(pipe);
}

struct ph_queue *ph_pipe_queue(struct ph_pipe *pipe)
{
	if (pipe->backlog && !pipe->queue.bytes)
		ph_backlog_move(pipe->backlog, &pipe->queue, PIPE_HAND);
	return &pipe->queue;
}

void ph_pipe_took(struct ph_pipe *pipe, uint64_t bytes, uint64_t frames,
	uint64_t messages)
{
	uint64_t gone = frames - pipe->queue.frames;

	pipe->out.frames += gone;
	pipe->out.messages += messages - pipe->queue.messages;
	pipe->out.bytes += bytes - pipe->queue.bytes - gone * PH_FRAME_HEADER;
	/* It had less in hand than waits, and took it all: nothing else may
	 * bring it back. */
	if (pipe->backlog && !pipe->queue.bytes && !pipe->readable.queued &&
		ph_pipe_waits(pipe))
		pipe_defer(pipe, &pipe->readable);
	if (pipe->wants_room)
		pipe_offer_room(pipe);
}

int ph_pipe_rewind(struct ph_pipe *pipe, uint64_t next)
{
	struct ph_queue *queue = &pipe->queue;
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;
	int error = ph_queue_rewind(queue, next);

	if (error)
		return error;
	/* Counts back what was taken in vain. */
	ph_pipe_took(pipe, bytes, frames, messages);
	if (queue->bytes)
		pipe_defer(pipe, &pipe->readable);
	return 0;
}

uint64_t ph_pipe_queued(const struct ph_pipe *pipe)
{
	return pipe->queue.bytes +
	       (pipe->backlog ? ph_backlog_bytes(pipe->backlog) : 0);
}
