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
 *
 * A retaining queue keeps what a carrier took until it is acknowledged, so
 * that another carrier can begin again in the middle:
 *
 *     first             cursor                  end
 *       | kept, at most    | waiting              |
 *       | `window` bytes   |                      |
 *
 * Its small frames stay packed in shared buffers, and it gives segments back
 * whole. bytes, messages and frames count what waits.
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

	/* Retaining: */
	uint64_t window; /* most bytes kept; 0: nothing is */
	uint64_t kept;	 /* bytes sent and not given back */
	uint64_t first;	 /* number of the oldest frame here */
	uint32_t sent;	 /* the cursor's segment */
	uint32_t sent_bytes;
	uint32_t sent_frames; /* of that segment, no longer counted */
	uint32_t sent_messages;
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
/* The same, for who has just looked at it: what ph_queue_first said. */
void ph_queue_drop_seen(struct ph_queue *queue, const struct ph_frame *frame);

/* Keeps from now on what is sent, at most `window` bytes of it. Before
 * anything was taken; the first frame's number is 0. */
void ph_queue_retain(struct ph_queue *queue, uint64_t window);
/* Gives back the segments whose frames are all below `next`. */
void ph_queue_acknowledge(struct ph_queue *queue, uint64_t next);
/* Sends again from frame `next`; -ERANGE: it is not here. */
int ph_queue_rewind(struct ph_queue *queue, uint64_t next);
/* Something waits, and the window lets it go. */
bool ph_queue_sendable(const struct ph_queue *queue);

/* Fills at most `most` vectors with what comes next; returns how many. */
unsigned ph_queue_vectors(
	const struct ph_queue *queue, struct iovec *vectors, unsigned most);
/* Takes `bytes` of that, as far as a carrier wrote them. */
void ph_queue_advance(struct ph_queue *queue, size_t bytes);

#endif
