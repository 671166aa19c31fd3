#include "kernel/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

void ph_queue_init(struct ph_queue *queue, struct ph_pool *pool)
{
	*queue = (struct ph_queue){.pool = pool};
}

static struct ph_segment *segment_at(
	const struct ph_queue *queue, uint32_t index)
{
	return &queue->ring[(queue->head + index) & (queue->size - 1)];
}

/* Takes the oldest segment off; what it still counted leaves with it. */
static void pop_segment(struct ph_queue *queue)
{
	struct ph_segment *segment = segment_at(queue, 0);

	queue->bytes -= segment->length + segment->header_left;
	queue->messages -= segment->messages;
	queue->frames -= segment->frames;
	ph_buffer_unref(segment->buffer);
	queue->head = (queue->head + 1) & (queue->size - 1);
	queue->count--;
}

static void reset_cursor(struct ph_queue *queue)
{
	queue->kept = 0;
	queue->sent = 0;
	queue->sent_bytes = 0;
	queue->sent_frames = 0;
	queue->sent_messages = 0;
}

void ph_queue_clear(struct ph_queue *queue)
{
	while (queue->count)
		pop_segment(queue);
	queue->bytes = 0;
	queue->messages = 0;
	queue->frames = 0;
	reset_cursor(queue);
	/* An idle queue holds nothing. */
	free(queue->ring);
	queue->ring = NULL;
	queue->size = 0;
	queue->head = 0;
}

void ph_queue_fini(struct ph_queue *queue)
{
	ph_queue_clear(queue);
}

static int grow(struct ph_queue *queue)
{
	uint32_t size = queue->size ? queue->size * 2 : 4;
	struct ph_segment *ring = malloc(size * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->count; i++)
		ring[i] = *segment_at(queue, i);
	free(queue->ring);
	queue->ring = ring;
	queue->size = size;
	queue->head = 0;
	return 0;
}

/* Appends a segment whose reference the queue takes. */
static int push_segment(struct ph_queue *queue, struct ph_segment segment)
{
	if (queue->count == queue->size) {
		int error = grow(queue);

		if (error)
			return error;
	}
	*segment_at(queue, queue->count++) = segment;
	queue->bytes += segment.length + segment.header_left;
	queue->messages += segment.messages;
	queue->frames += segment.frames;
	return 0;
}

static unsigned is_message(uint8_t flags)
{
	return (flags & PH_FRAME_FIN) && !ph_frame_is_control(flags);
}

/* The last segment, when a record of `length` bytes can go right behind it in
 * a buffer nobody else appends to. */
static struct ph_segment *open_tail(
	const struct ph_queue *queue, uint32_t length)
{
	struct ph_segment *tail;
	struct ph_buffer *buffer;

	if (!queue->count)
		return NULL;
	tail = segment_at(queue, queue->count - 1);
	buffer = tail->buffer;
	if (tail->header_left || buffer->references != 1 ||
		tail->offset + tail->length != buffer->used ||
		buffer->capacity - buffer->used < length)
		return NULL;
	return tail;
}

int ph_queue_copy(struct ph_queue *queue, uint8_t flags, const void *data,
	uint32_t length)
{
	uint32_t record = PH_FRAME_HEADER + length;
	struct ph_segment *tail = open_tail(queue, record);
	struct ph_buffer *buffer;

	assert(length <= PH_FRAME_MAX);
	if (!tail) {
		struct ph_segment fresh = {0};
		uint32_t size = record <= PH_BUFFER_SMALL ? PH_BUFFER_SMALL
							  : PH_BUFFER_LARGE;

		fresh.buffer = ph_buffer_get(queue->pool, size);
		if (!fresh.buffer)
			return -ENOMEM;
		if (push_segment(queue, fresh)) {
			ph_buffer_unref(fresh.buffer);
			return -ENOMEM;
		}
		tail = segment_at(queue, queue->count - 1);
	}
	buffer = tail->buffer;
	ph_frame_header(buffer->data + buffer->used, length, flags);
	if (length)
		memcpy(buffer->data + buffer->used + PH_FRAME_HEADER, data,
			length);
	buffer->used += record;
	tail->length += record;
	tail->frames++;
	tail->messages += is_message(flags);
	queue->bytes += record;
	queue->frames++;
	queue->messages += is_message(flags);
	return 0;
}

int ph_queue_gather(struct ph_queue *queue, uint8_t flags,
	struct ph_buffer *buffer, const uint8_t *data, uint32_t length)
{
	struct ph_segment segment = {
		.buffer = buffer,
		.offset = (uint32_t)(data - buffer->data),
		.length = length,
		.frames = 1,
		.messages = is_message(flags),
		.header_left = PH_FRAME_HEADER,
	};
	int error;

	assert(length <= PH_FRAME_MAX);
	ph_frame_header(segment.header, length, flags);
	error = push_segment(queue, segment);
	if (!error)
		ph_buffer_ref(buffer);
	return error;
}

int ph_queue_append(struct ph_queue *queue, const struct ph_segment *segment)
{
	int error;

	assert(!segment->header_left);
	error = push_segment(queue, *segment);
	if (!error)
		ph_buffer_ref(segment->buffer);
	return error;
}

bool ph_queue_first(const struct ph_queue *queue, struct ph_frame *frame)
{
	const struct ph_segment *segment;
	const uint8_t *record;

	if (!queue->count)
		return false;
	segment = segment_at(queue, 0);
	record = segment->buffer->data + segment->offset;
	frame->buffer = segment->buffer;
	if (segment->header_left) {
		frame->data = record;
		frame->length = segment->length;
		frame->flags = segment->header[3];
		return true;
	}
	frame->data = record + PH_FRAME_HEADER;
	frame->length = ph_frame_length(record);
	frame->flags = record[3];
	return true;
}

void ph_queue_drop(struct ph_queue *queue)
{
	struct ph_frame frame;

	ph_queue_first(queue, &frame);
	ph_queue_drop_seen(queue, &frame);
}

void ph_queue_drop_seen(struct ph_queue *queue, const struct ph_frame *frame)
{
	struct ph_segment *segment = segment_at(queue, 0);
	uint32_t record = frame->length + PH_FRAME_HEADER;
	unsigned message;

	if (segment->header_left || record >= segment->length) {
		pop_segment(queue);
		return;
	}
	message = is_message(frame->flags);
	segment->offset += record;
	segment->length -= record;
	segment->frames--;
	segment->messages -= message;
	queue->bytes -= record;
	queue->frames--;
	queue->messages -= message;
}

/* One segment's part of the vectors, without its first `skip` bytes. */
static unsigned segment_vectors(
	struct ph_segment *segment, uint64_t skip, struct iovec *vectors)
{
	uint32_t header = segment->header_left;
	unsigned used = 0;

	if (skip < header) {
		vectors[used].iov_base =
			segment->header + PH_FRAME_HEADER - header + skip;
		vectors[used++].iov_len = header - skip;
	}
	skip = skip > header ? skip - header : 0;
	if (skip < segment->length) {
		vectors[used].iov_base =
			segment->buffer->data + segment->offset + skip;
		vectors[used++].iov_len = segment->length - skip;
	}
	return used;
}

/* Cuts the vectors to what the window still lets go. */
static unsigned window_vectors(
	const struct ph_queue *queue, struct iovec *vectors, unsigned used)
{
	uint64_t left = queue->window - queue->kept;

	for (unsigned i = 0; i < used; i++) {
		if (vectors[i].iov_len >= left) {
			vectors[i].iov_len = left;
			return i + 1;
		}
		left -= vectors[i].iov_len;
	}
	return used;
}

unsigned ph_queue_vectors(
	const struct ph_queue *queue, struct iovec *vectors, unsigned most)
{
	uint64_t skip = queue->sent_bytes;
	unsigned used = 0;

	for (uint32_t i = queue->sent; i < queue->count && used + 2 <= most;
		i++) {
		used += segment_vectors(
			segment_at(queue, i), skip, vectors + used);
		skip = 0;
	}
	if (!queue->window)
		return used;
	return ph_queue_sendable(queue) ? window_vectors(queue, vectors, used)
					: 0;
}

bool ph_queue_sendable(const struct ph_queue *queue)
{
	return queue->bytes && (!queue->window || queue->kept < queue->window);
}

static uint64_t segment_bytes(const struct ph_segment *segment)
{
	return (uint64_t)segment->length + segment->header_left;
}

/* The cursor's segment is sent as far as it goes; it may still grow. */
static void count_sent(struct ph_queue *queue, const struct ph_segment *segment)
{
	queue->frames -= segment->frames - queue->sent_frames;
	queue->messages -= segment->messages - queue->sent_messages;
	queue->sent_frames = segment->frames;
	queue->sent_messages = segment->messages;
}

static void move_cursor(struct ph_queue *queue, uint64_t bytes)
{
	queue->bytes -= bytes;
	queue->kept += bytes;
	bytes += queue->sent_bytes;
	while (queue->sent < queue->count) {
		struct ph_segment *segment = segment_at(queue, queue->sent);
		uint64_t size = segment_bytes(segment);

		if (bytes >= size)
			count_sent(queue, segment);
		if (bytes < size || queue->sent + 1 == queue->count)
			break;
		bytes -= size;
		queue->sent++;
		queue->sent_frames = 0;
		queue->sent_messages = 0;
	}
	queue->sent_bytes = (uint32_t)bytes;
}

void ph_queue_advance(struct ph_queue *queue, size_t bytes)
{
	if (queue->window) {
		move_cursor(queue, bytes);
		return;
	}
	while (bytes) {
		struct ph_segment *segment = segment_at(queue, 0);
		uint32_t header = segment->header_left;
		uint32_t part;

		if (bytes >= (size_t)header + segment->length) {
			bytes -= (size_t)header + segment->length;
			pop_segment(queue);
			continue;
		}
		part = bytes < header ? (uint32_t)bytes : header;
		segment->header_left -= (uint8_t)part;
		segment->offset += (uint32_t)(bytes - part);
		segment->length -= (uint32_t)(bytes - part);
		queue->bytes -= bytes;
		break;
	}
}

void ph_queue_retain(struct ph_queue *queue, uint64_t window)
{
	assert(!queue->kept && window);
	queue->window = window;
}

/* The oldest segment was sent, and nobody needs it any more. */
static void give_back(struct ph_queue *queue)
{
	struct ph_segment *segment = segment_at(queue, 0);

	queue->first += segment->frames;
	queue->kept -= segment_bytes(segment);
	ph_buffer_unref(segment->buffer);
	queue->head = (queue->head + 1) & (queue->size - 1);
	queue->count--;
	if (queue->sent) {
		queue->sent--;
		return;
	}
	queue->sent_bytes = 0;
	queue->sent_frames = 0;
	queue->sent_messages = 0;
}

void ph_queue_acknowledge(struct ph_queue *queue, uint64_t next)
{
	while (queue->count) {
		const struct ph_segment *segment = segment_at(queue, 0);

		if (queue->first + segment->frames > next)
			return;
		/* What was not sent cannot have arrived. */
		if (!queue->sent && queue->sent_bytes < segment_bytes(segment))
			return;
		give_back(queue);
	}
}

/* The bytes of the first `frames` frames of a segment. */
static uint64_t frames_bytes(const struct ph_segment *segment, uint64_t frames)
{
	const uint8_t *start = segment->buffer->data + segment->offset;
	const uint8_t *record = start;

	while (frames--)
		record += PH_FRAME_HEADER + ph_frame_length(record);
	return (uint64_t)(record - start);
}

int ph_queue_rewind(struct ph_queue *queue, uint64_t next)
{
	uint64_t bytes = 0;
	uint64_t frames = 0;
	uint64_t messages = 0;
	uint64_t skip = 0;
	uint64_t left = next - queue->first;

	for (uint32_t i = 0; i < queue->count; i++) {
		const struct ph_segment *segment = segment_at(queue, i);
		uint64_t behind = left < frames ? 0 : left - frames;

		if (behind >= segment->frames)
			skip += segment_bytes(segment);
		else if (behind)
			skip += frames_bytes(segment, behind);
		bytes += segment_bytes(segment);
		frames += segment->frames;
		messages += segment->messages;
	}
	if (next < queue->first || left > frames)
		return -ERANGE;
	reset_cursor(queue);
	queue->bytes = bytes;
	queue->frames = frames;
	queue->messages = messages;
	move_cursor(queue, skip);
	return 0;
}
