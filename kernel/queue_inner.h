#ifndef PH_KERNEL_QUEUE_INNER_H
#define PH_KERNEL_QUEUE_INNER_H

#include "kernel/queue.h"

/*
 * Inside of kernel/queue.h: queue.c fills it and is its end at a terminal,
 * queue_carrier.c its end at a carrier.
 */
static inline struct ph_segment *ph_queue_segment(
	const struct ph_queue *queue, uint32_t index)
{
	return &queue->ring[(queue->head + index) & (queue->size - 1)];
}

/* Takes the oldest segment off; what it still counted leaves with it. */
static inline void ph_queue_pop(struct ph_queue *queue)
{
	struct ph_segment *segment = ph_queue_segment(queue, 0);

	queue->bytes -= segment->length + segment->header_left;
	queue->messages -= segment->messages;
	queue->frames -= segment->frames;
	ph_buffer_unref(segment->buffer);
	queue->head = (queue->head + 1) & (queue->size - 1);
	queue->count--;
}

static inline void ph_queue_reset_cursor(struct ph_queue *queue)
{
	queue->kept = 0;
	queue->sent = 0;
	queue->sent_bytes = 0;
	queue->sent_frames = 0;
	queue->sent_messages = 0;
}

#endif
