#include "kernel/queue_inner.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>

/* A queue as a carrier empties it: byte by byte, and once more from the middle
 * when it retains. */

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
			ph_queue_segment(queue, i), skip, vectors + used);
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
		struct ph_segment *segment =
			ph_queue_segment(queue, queue->sent);
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
		struct ph_segment *segment = ph_queue_segment(queue, 0);
		uint32_t header = segment->header_left;
		uint32_t part;

		if (bytes >= (size_t)header + segment->length) {
			bytes -= (size_t)header + segment->length;
			ph_queue_pop(queue);
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
	struct ph_segment *segment = ph_queue_segment(queue, 0);

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
		const struct ph_segment *segment = ph_queue_segment(queue, 0);

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
		const struct ph_segment *segment = ph_queue_segment(queue, i);
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
	ph_queue_reset_cursor(queue);
	queue->bytes = bytes;
	queue->frames = frames;
	queue->messages = messages;
	move_cursor(queue, skip);
	return 0;
}
