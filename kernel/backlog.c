#include "kernel/backlog.h"

#include <errno.h>
#include <stdlib.h>

int ph_backlog_create(
	struct ph_backlog **out, struct ph_pool *pool, struct ph_counters *lost)
{
	struct ph_backlog *backlog = calloc(1, sizeof(*backlog));

	if (!backlog)
		return -ENOMEM;
	backlog->lost = lost;
	ph_filler_init(&backlog->filler, pool);
	ph_queue_init(&backlog->waiting, pool);
	ph_queue_init(&backlog->pending, pool);
	*out = backlog;
	return 0;
}

void ph_backlog_destroy(struct ph_backlog *backlog)
{
	if (!backlog)
		return;
	ph_queue_fini(&backlog->waiting);
	ph_queue_fini(&backlog->pending);
	ph_filler_fini(&backlog->filler);
	free(backlog);
}

static bool is_gap(struct ph_gap gap)
{
	return gap.messages || gap.bytes;
}

static void add_gap(struct ph_gap *to, struct ph_gap gap)
{
	to->messages += gap.messages;
	to->bytes += gap.bytes;
}

/* A control frame of our own, at the end of `queue`. */
static int put_control(struct ph_backlog *backlog, struct ph_queue *queue,
	uint8_t flag, const void *data, uint32_t length)
{
	struct ph_frame frame = {
		.data = data, .length = length, .flags = flag | PH_FRAME_FIN};
	struct ph_segment segment;
	int error = ph_filler_put(&backlog->filler, &frame, &segment);

	return error ? error : ph_queue_join(queue, &segment);
}

static int put_gap(
	struct ph_backlog *backlog, struct ph_queue *queue, struct ph_gap *gap)
{
	uint8_t bytes[PH_GAP_LENGTH];
	int error;

	ph_gap_write(gap, bytes);
	error = put_control(backlog, queue, PH_FRAME_GAP, bytes, sizeof(bytes));
	if (!error)
		*gap = (struct ph_gap){0};
	return error;
}

/* What was lost at the end stands before what comes next. */
static int close_tail(struct ph_backlog *backlog)
{
	if (!is_gap(backlog->tail))
		return 0;
	if (backlog->waiting.count)
		return put_gap(backlog, &backlog->waiting, &backlog->tail);
	add_gap(&backlog->head, backlog->tail);
	backlog->tail = (struct ph_gap){0};
	return 0;
}

/* The message is whole, or is all that there will be of it. */
static int close_pending(struct ph_backlog *backlog)
{
	int error = close_tail(backlog);

	while (!error && backlog->pending.count)
		error = ph_queue_move(&backlog->waiting, &backlog->pending);
	return error;
}

/* A loss further up is told with our own. */
static void absorb(struct ph_gap *place, const struct ph_segment *segment)
{
	struct ph_frame frame = ph_segment_frame(segment);
	struct ph_gap gap;

	if (ph_gap_read(&gap, frame.data, frame.length))
		add_gap(place, gap);
}

int ph_backlog_put(struct ph_backlog *backlog, const struct ph_segment *segment)
{
	uint8_t flags = ph_segment_frame(segment).flags;
	int error;

	if (flags & PH_FRAME_GAP) {
		absorb(&backlog->tail, segment);
		return 0;
	}
	if (!(flags & PH_FRAME_FIN) || backlog->pending.count) {
		error = ph_queue_join(&backlog->pending, segment);
		if (!error && (flags & PH_FRAME_FIN))
			error = close_pending(backlog);
		return error;
	}
	error = close_tail(backlog);
	return error ? error : ph_queue_join(&backlog->waiting, segment);
}

static void count_lost(
	struct ph_backlog *backlog, struct ph_gap *place, struct ph_gap gap)
{
	add_gap(place, gap);
	backlog->lost->dropped_messages += gap.messages;
	backlog->lost->dropped_bytes += gap.bytes;
}

static uint64_t payload(const struct ph_queue *queue)
{
	return queue->bytes - queue->frames * PH_FRAME_HEADER;
}

void ph_backlog_skip(struct ph_backlog *backlog, uint8_t flags, uint32_t length)
{
	struct ph_gap gap = {.messages = 1};

	backlog->skipped += payload(&backlog->pending) + length;
	ph_queue_clear(&backlog->pending);
	backlog->skipping = !(flags & PH_FRAME_FIN);
	if (backlog->skipping)
		return;
	gap.bytes = backlog->skipped;
	backlog->skipped = 0;
	count_lost(backlog, &backlog->tail, gap);
}

static int move_frame(
	struct ph_backlog *backlog, struct ph_queue *queue, uint8_t flags)
{
	int error = ph_queue_move(queue, &backlog->waiting);

	if (!error)
		backlog->moving = !(flags & PH_FRAME_FIN);
	return error;
}

/*
 * Moves what stands before the first message that may be dropped: the rest of
 * one half taken, and control frames. A GAP record there is counted with what
 * comes next. True: a message is the first.
 */
static bool uncover(struct ph_backlog *backlog, struct ph_queue *queue)
{
	struct ph_frame frame;
	struct ph_gap gap;

	while (ph_queue_first(&backlog->waiting, &frame)) {
		if (frame.flags & PH_FRAME_GAP) {
			if (ph_gap_read(&gap, frame.data, frame.length))
				add_gap(&backlog->head, gap);
			ph_queue_drop(&backlog->waiting);
			continue;
		}
		if (!backlog->moving && !ph_frame_is_control(frame.flags))
			return true;
		if (!backlog->moving && is_gap(backlog->head) &&
			put_gap(backlog, queue, &backlog->head))
			return false;
		if (move_frame(backlog, queue, frame.flags))
			return false;
	}
	return false;
}

bool ph_backlog_drop(struct ph_backlog *backlog, struct ph_queue *queue)
{
	struct ph_gap gap = {.messages = 1};
	struct ph_frame frame = {0};

	if (!uncover(backlog, queue))
		return false;
	while (!(frame.flags & PH_FRAME_FIN) &&
		ph_queue_first(&backlog->waiting, &frame)) {
		gap.bytes += frame.length;
		ph_queue_drop(&backlog->waiting);
	}
	count_lost(backlog, &backlog->head, gap);
	return true;
}

void ph_backlog_drop_all(struct ph_backlog *backlog, struct ph_queue *queue)
{
	struct ph_gap half = {.bytes = payload(&backlog->pending)};

	while (ph_backlog_drop(backlog, queue))
		;
	half.bytes += backlog->skipped;
	ph_queue_clear(&backlog->pending);
	backlog->skipped = 0;
	backlog->skipping = false;
	count_lost(backlog, &backlog->tail, half);
}

int ph_backlog_end(struct ph_backlog *backlog, uint8_t flag)
{
	struct ph_gap half = {.bytes = backlog->skipped};
	int error;

	/* A message broken off while it was skipped: its bytes are lost. */
	count_lost(backlog, &backlog->tail, half);
	backlog->skipped = 0;
	backlog->skipping = false;
	error = close_pending(backlog);
	if (error)
		return error;
	/* Half a message is not waited for. */
	return put_control(backlog, &backlog->waiting, flag, NULL, 0);
}

/* Out of memory: it stays where it is, and is tried again. */
void ph_backlog_move(
	struct ph_backlog *backlog, struct ph_queue *queue, uint64_t bytes)
{
	struct ph_frame frame;
	struct ph_gap gap;

	while (queue->bytes < bytes) {
		bool more = ph_queue_first(&backlog->waiting, &frame);

		if (more && (frame.flags & PH_FRAME_GAP)) {
			if (ph_gap_read(&gap, frame.data, frame.length))
				add_gap(&backlog->head, gap);
			ph_queue_drop(&backlog->waiting);
			continue;
		}
		if (!more && close_tail(backlog))
			return;
		if (!backlog->moving && is_gap(backlog->head)) {
			if (put_gap(backlog, queue, &backlog->head))
				return;
			continue;
		}
		if (!more || move_frame(backlog, queue, frame.flags))
			break;
	}
	if (ph_backlog_is_empty(backlog) &&
		ph_filler_is_alone(&backlog->filler))
		ph_filler_fini(&backlog->filler);
}

bool ph_backlog_is_empty(const struct ph_backlog *backlog)
{
	return !backlog->waiting.count && !is_gap(backlog->head) &&
	       !is_gap(backlog->tail);
}

uint64_t ph_backlog_bytes(const struct ph_backlog *backlog)
{
	return backlog->waiting.bytes + backlog->pending.bytes;
}
