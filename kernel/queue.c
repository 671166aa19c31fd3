#include "kernel/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/queue_inner.h"

void ph_queue_init(struct ph_queue *queue, struct ph_pool *pool)
{
	*queue = (struct ph_queue){.pool = pool};
}

void ph_queue_clear(struct ph_queue *queue)
{
	while (queue->count)
		ph_queue_pop(queue);
	queue->bytes = 0;
	queue->messages = 0;
	queue->frames = 0;
	ph_queue_reset_cursor(queue);
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
		ring[i] = *ph_queue_segment(queue, i);
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
	*ph_queue_segment(queue, queue->count++) = segment;
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
	tail = ph_queue_segment(queue, queue->count - 1);
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
		tail = ph_queue_segment(queue, queue->count - 1);
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
	segment = ph_queue_segment(queue, 0);
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
	struct ph_segment *segment = ph_queue_segment(queue, 0);
	uint32_t record = frame->length + PH_FRAME_HEADER;
	unsigned message;

	if (segment->header_left || record >= segment->length) {
		ph_queue_pop(queue);
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
