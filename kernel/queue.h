#ifndef PH_KERNEL_QUEUE_H
#define PH_KERNEL_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/buffer.h"
#include "kernel/frame.h"

struct iovec;

/*
 * What waits in a pipe: a ring of segments, each a run of whole frames in one
 * buffer. Small frames are copied behind one another into a shared buffer;
 * large ones keep their own and are referenced. A queue is emptied either
 * frame by frame (a terminal) or byte by byte (a carrier), never both.
 *
 * Nothing is allocated per frame. Limits are the pipe's business.
 */
struct ph_segment {
	struct ph_buffer *buffer;
	uint32_t offset;   /* of the first byte not yet taken */
	uint32_t length;   /* bytes not yet taken, without `header` */
	uint32_t frames;   /* frames begun in it */
	uint32_t messages; /* of them with FIN */
	uint8_t header[PH_FRAME_HEADER];
	uint8_t header_left; /* bytes of `header` to send before the buffer's */
};

struct ph_queue {
	struct ph_pool *pool;
	struct ph_segment *ring;
	uint32_t size; /* power of two, or 0 */
	uint32_t head;
	uint32_t count;
	uint64_t bytes;	   /* payload and headers waiting */
	uint64_t messages; /* ends of messages waiting */
	uint64_t frames;   /* frames waiting, one begun counts */
};

/* From here up a frame's payload is referenced and not copied (measured:
 * below, gathering costs more than the copy). */
#define PH_QUEUE_GATHER ((uint32_t)16 * 1024)

void ph_queue_init(struct ph_queue *queue, struct ph_pool *pool);
/* Drops what waits. */
void ph_queue_fini(struct ph_queue *queue);
void ph_queue_clear(struct ph_queue *queue);

/* Copies one frame; length <= PH_FRAME_MAX. -ENOMEM. */
int ph_queue_copy(struct ph_queue *queue, uint8_t flags, const void *data,
	uint32_t length);
/* References one frame's payload [data, data + length) inside `buffer`. */
int ph_queue_gather(struct ph_queue *queue, uint8_t flags,
	struct ph_buffer *buffer, const uint8_t *data, uint32_t length);
/* References a run of whole frames, as a carrier received them. */
int ph_queue_append(struct ph_queue *queue, const struct ph_segment *segment);

/* The oldest frame, standing until ph_queue_drop. False when empty. */
bool ph_queue_first(const struct ph_queue *queue, struct ph_frame *frame);
void ph_queue_drop(struct ph_queue *queue);

/* Fills at most `most` vectors from the front; returns how many. */
unsigned ph_queue_vectors(
	const struct ph_queue *queue, struct iovec *vectors, unsigned most);
/* Takes `bytes` from the front, as far as a carrier wrote them. */
void ph_queue_advance(struct ph_queue *queue, size_t bytes);

#endif
