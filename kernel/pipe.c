#include "kernel/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/backlog.h"

struct ph_pipe {
	struct ph_kernel *kernel;
	ph_handle handle;
	struct ph_queue queue;
	struct ph_backlog *backlog; /* with a policy that may drop, else NULL */
	struct ph_end source;
	struct ph_end sink;
	struct ph_pipe_watcher watcher;
	struct ph_pipe_limits limits;
	struct ph_counters in;
	struct ph_counters out;
	int64_t blocked_since; /* 0: not refused */
	int reason;	       /* first one told */
	bool source_open;
	bool sink_open;
	bool ended;	 /* END or CUT was appended */
	bool finished;	 /* it was END */
	bool wants_room; /* the source was refused */
	bool late;	 /* the rest of a message is not for this pipe */
	bool held;	 /* over, and the source shall not know yet */
	const struct ph_guard *guard; /* NULL */
	void *guard_context;
	uint64_t given;	  /* backlog: bytes since the sink had its turn */
	int64_t taken_in; /* bytes until on_taken */
	struct ph_task taken;
	struct ph_task readable;
	struct ph_task room;
	struct ph_task closed;
	struct ph_task gone;
};

/* Bytes a carrier is handed at once out of a backlog: one good write. */
#define PIPE_HAND ((uint64_t)64 * 1024)

#define pipe_of(task, member)                                                  \
	((struct ph_pipe *)((char *)(task)-offsetof(struct ph_pipe, member)))

static void defer(struct ph_pipe *pipe, struct ph_task *task)
{
	pipe->kernel->hal.defer(pipe->kernel->hal.context, task);
}

static void cancel(struct ph_pipe *pipe, struct ph_task *task)
{
	pipe->kernel->hal.cancel(pipe->kernel->hal.context, task);
}

static void give_room(struct ph_pipe *pipe);

/* The sink had its turn: from now on, what does not fit is dropped. */
static void renew(struct ph_pipe *pipe)
{
	pipe->given = 0;
	if (pipe->wants_room)
		give_room(pipe);
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
		defer(pipe, &pipe->readable);
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

static void run_gone(struct ph_task *task)
{
	struct ph_pipe *pipe = pipe_of(task, gone);

	cancel(pipe, &pipe->readable);
	cancel(pipe, &pipe->room);
	cancel(pipe, &pipe->taken);
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
static void leave(struct ph_pipe *pipe)
{
	if (pipe->source_open || pipe->sink_open)
		return;
	ph_handle_close(pipe->kernel->handles, pipe->handle);
	defer(pipe, &pipe->gone);
}

static void run_closed(struct ph_task *task)
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
	leave(pipe);
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
	pipe->closed.run = run_closed;
	pipe->gone.run = run_gone;
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

ph_handle ph_pipe_handle(const struct ph_pipe *pipe)
{
	return pipe->handle;
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

static void want_room(struct ph_pipe *pipe)
{
	if (pipe->wants_room)
		return;
	pipe->wants_room = true;
	pipe->blocked_since = pipe->kernel->hal.now(pipe->kernel->hal.context);
	/* The sink may have waited for the message to be whole. */
	defer(pipe, &pipe->readable);
}

/* One that may drop refuses only to give its sink a turn: a sink that was not
 * asked is not slow, and a source that is never refused would never stop. */
static bool is_exhausted(struct ph_pipe *pipe, uint32_t length)
{
	if (!pipe->given || pipe->given + length <= pipe->limits.bytes)
		return false;
	want_room(pipe);
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
	want_room(pipe);
	return false;
}

static void give_room(struct ph_pipe *pipe)
{
	int64_t now = pipe->kernel->hal.now(pipe->kernel->hal.context);

	pipe->wants_room = false;
	pipe->in.blocked += (uint64_t)(now - pipe->blocked_since);
	pipe->blocked_since = 0;
	if (pipe->source_open)
		defer(pipe, &pipe->room);
}

/* The source was refused and the queue has drained to half: tell it. */
static void offer_room(struct ph_pipe *pipe)
{
	if (ph_pipe_queued(pipe) <= pipe->limits.bytes / 2 &&
		pipe->queue.messages <= pipe->limits.messages / 2)
		give_room(pipe);
}

static int may_send(struct ph_pipe *pipe, uint32_t length)
{
	if (!pipe->sink_open || pipe->ended)
		return pipe->held ? -EAGAIN : -EPIPE;
	if (length > PH_FRAME_MAX)
		return -EMSGSIZE;
	return ph_pipe_has_room(pipe, length) ? 0 : -EAGAIN;
}

static void count_in(struct ph_pipe *pipe, uint8_t flags, uint32_t length)
{
	pipe->in.frames++;
	if (!ph_frame_is_control(flags)) {
		pipe->in.bytes += length;
		pipe->in.messages += flags & PH_FRAME_FIN;
	}
	if (!pipe->readable.queued)
		defer(pipe, &pipe->readable);
}

/* True: the frame belongs to a message that began before the pipe did. */
static bool is_late(struct ph_pipe *pipe, uint8_t flags)
{
	if (!pipe->late || ph_frame_is_control(flags))
		return false;
	pipe->late = !(flags & PH_FRAME_FIN);
	return true;
}

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

static int send_backlog(struct ph_pipe *pipe, const struct ph_frame *frame,
	const struct ph_segment *segment)
{
	int error = put_backlog(pipe, frame, segment);

	if (error)
		return error;
	pipe->given += PH_FRAME_HEADER + frame->length;
	count_in(pipe, frame->flags, frame->length);
	return 0;
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
		return send_backlog(pipe, &frame, NULL);
	if (!error)
		error = ph_queue_copy(&pipe->queue, flags, data, length);
	if (!error)
		count_in(pipe, flags, length);
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
		return send_backlog(pipe, frame, NULL);
	if (!error)
		error = ph_queue_gather(&pipe->queue, frame->flags,
			frame->buffer, frame->data, frame->length);
	if (!error)
		count_in(pipe, frame->flags, frame->length);
	return error;
}

int ph_pipe_send_segment(struct ph_pipe *pipe, const struct ph_segment *segment)
{
	struct ph_frame frame = ph_segment_frame(segment);
	int error = may_send(pipe, frame.length);

	if (error || is_late(pipe, frame.flags))
		return error;
	if (pipe->backlog)
		return send_backlog(pipe, &frame, segment);
	error = ph_queue_join(&pipe->queue, segment);
	if (!error)
		count_in(pipe, frame.flags, frame.length);
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
		defer(pipe, &pipe->readable);
	return ph_pipe_has_room(pipe, 0);
}

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

	want_room(pipe);
	if (conduit)
		conduit->on_full(conduit);
	else
		give_room(pipe);
}

void ph_pipe_conduit_ready(struct ph_pipe *pipe)
{
	if (pipe->wants_room)
		offer_room(pipe);
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
	count_in(pipe, flag, 0);
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
	cancel(pipe, &pipe->room);
	cancel(pipe, &pipe->closed);
	pipe->source_open = false;
	leave(pipe);
}

void ph_pipe_break(struct ph_pipe *pipe, int reason)
{
	append_last(pipe, PH_FRAME_CUT);
	if (!pipe->reason)
		pipe->reason = reason;
	if (pipe->source_open)
		defer(pipe, &pipe->closed);
}

bool ph_pipe_is_finished(const struct ph_pipe *pipe)
{
	return pipe->finished;
}

int ph_pipe_reason(const struct ph_pipe *pipe)
{
	return pipe->reason;
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
	count_in(pipe, PH_FRAME_GAP, 0);
	pipe->in.messages += gap->messages;
	pipe->in.bytes += gap->bytes;
	pipe->in.dropped_messages += gap->messages;
	pipe->in.dropped_bytes += gap->bytes;
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
	cancel(pipe, &pipe->taken);
	pipe->taken_in = bytes;
}

static void tell_taken(struct ph_pipe *pipe)
{
	pipe->taken_in = INT64_MAX;
	if (pipe->source_open)
		defer(pipe, &pipe->taken);
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
		offer_room(pipe);
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
		defer(pipe, &pipe->readable);
	if (pipe->wants_room)
		offer_room(pipe);
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
		defer(pipe, &pipe->readable);
	return 0;
}

void ph_pipe_close_sink(struct ph_pipe *pipe, int reason)
{
	if (!pipe->sink_open)
		return;
	pipe->sink_open = false;
	if (!pipe->reason)
		pipe->reason = reason;
	cancel(pipe, &pipe->readable);
	ph_queue_clear(&pipe->queue);
	ph_backlog_destroy(pipe->backlog);
	pipe->backlog = NULL;
	if (pipe->source_open)
		defer(pipe, &pipe->closed);
	leave(pipe);
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

uint64_t ph_pipe_queued(const struct ph_pipe *pipe)
{
	return pipe->queue.bytes +
	       (pipe->backlog ? ph_backlog_bytes(pipe->backlog) : 0);
}

uint32_t ph_pipe_limit(const struct ph_pipe *pipe)
{
	return pipe->limits.bytes;
}

int64_t ph_pipe_blocked_since(const struct ph_pipe *pipe)
{
	return pipe->wants_room ? pipe->blocked_since : 0;
}
