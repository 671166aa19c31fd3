#include "kernel/filler.h"

#include <assert.h>
#include <errno.h>

void ph_filler_init(struct ph_filler *filler, struct ph_pool *pool)
{
	*filler = (struct ph_filler){.pool = pool};
}

void ph_filler_fini(struct ph_filler *filler)
{
	ph_buffer_unref(filler->buffer);
	filler->buffer = NULL;
}

bool ph_filler_is_alone(const struct ph_filler *filler)
{
	return filler->buffer && filler->buffer->references == 1;
}

/* A buffer with room for one more record. */
static int make_room(struct ph_filler *filler, uint32_t record)
{
	uint32_t size =
		record <= PH_BUFFER_SMALL ? PH_BUFFER_SMALL : PH_BUFFER_LARGE;

	/* What is in it was for nobody else: it begins again, warm. */
	if (ph_filler_is_alone(filler))
		filler->buffer->used = 0;
	if (filler->buffer &&
		filler->buffer->capacity - filler->buffer->used >= record)
		return 0;
	ph_filler_fini(filler);
	filler->buffer = ph_buffer_get(filler->pool, size);
	return filler->buffer ? 0 : -ENOMEM;
}

static struct ph_segment gather(const struct ph_frame *frame)
{
	struct ph_segment segment = {
		.buffer = frame->buffer,
		.offset = (uint32_t)(frame->data - frame->buffer->data),
		.length = frame->length,
		.frames = 1,
		.messages = ph_frame_is_message(frame->flags),
		.header_left = PH_FRAME_HEADER,
	};

	ph_frame_header(segment.header, frame->length, frame->flags);
	return segment;
}

int ph_filler_put(struct ph_filler *filler, const struct ph_frame *frame,
	struct ph_segment *out)
{
	uint32_t record = PH_FRAME_HEADER + frame->length;
	struct ph_buffer *buffer;

	assert(frame->length <= PH_FRAME_MAX);
	if (frame->buffer && frame->length >= PH_QUEUE_GATHER) {
		*out = gather(frame);
		return 0;
	}
	if (make_room(filler, record))
		return -ENOMEM;
	buffer = filler->buffer;
	*out = (struct ph_segment){
		.buffer = buffer,
		.offset = buffer->used,
		.length = record,
		.frames = 1,
		.messages = ph_frame_is_message(frame->flags),
	};
	ph_frame_header(
		buffer->data + buffer->used, frame->length, frame->flags);
	if (frame->length)
		memcpy(buffer->data + buffer->used + PH_FRAME_HEADER,
			frame->data, frame->length);
	buffer->used += record;
	return 0;
}

struct ph_frame ph_segment_frame(const struct ph_segment *segment)
{
	const uint8_t *bytes = segment->buffer->data + segment->offset;
	struct ph_frame frame = {.buffer = segment->buffer};

	if (segment->header_left) {
		frame.data = bytes;
		frame.length = segment->length;
		frame.flags = segment->header[3];
		return frame;
	}
	frame.data = bytes + PH_FRAME_HEADER;
	frame.length = ph_frame_length(bytes);
	frame.flags = bytes[3];
	return frame;
}

/* The last segment, when `next` goes on where it ends. */
static struct ph_segment *tail_before(
	const struct ph_queue *queue, const struct ph_segment *next)
{
	struct ph_segment *tail;

	if (!queue->count)
		return NULL;
	tail = &queue->ring[(queue->head + queue->count - 1) &
			    (queue->size - 1)];
	if (tail->buffer != next->buffer || tail->header_left ||
		tail->offset + tail->length != next->offset)
		return NULL;
	return tail;
}

int ph_queue_join(struct ph_queue *queue, const struct ph_segment *segment)
{
	struct ph_segment *tail;

	if (segment->header_left) {
		struct ph_frame frame = ph_segment_frame(segment);

		return ph_queue_gather(queue, frame.flags, frame.buffer,
			frame.data, frame.length);
	}
	tail = tail_before(queue, segment);
	if (!tail)
		return ph_queue_append(queue, segment);
	tail->length += segment->length;
	tail->frames += segment->frames;
	tail->messages += segment->messages;
	queue->bytes += segment->length;
	queue->frames += segment->frames;
	queue->messages += segment->messages;
	return 0;
}

int ph_queue_move(struct ph_queue *to, struct ph_queue *from)
{
	struct ph_segment segment = from->ring[from->head];
	struct ph_frame frame;
	int error;

	ph_queue_first(from, &frame);
	if (!segment.header_left) {
		segment.length = PH_FRAME_HEADER + frame.length;
		segment.frames = 1;
		segment.messages = ph_frame_is_message(frame.flags);
	}
	error = ph_queue_join(to, &segment);
	if (!error)
		ph_queue_drop(from);
	return error;
}
