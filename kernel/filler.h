#ifndef PH_KERNEL_FILLER_H
#define PH_KERNEL_FILLER_H

#include "kernel/queue.h"

/*
 * Makes segments of frames, for queues that share them: small frames are
 * copied once, behind one another in one buffer, large ones are referenced.
 * Segments made in a row lie in a row, so that ph_queue_join makes a run of
 * them again.
 */
struct ph_filler {
	struct ph_pool *pool;
	struct ph_buffer *buffer; /* being filled, or NULL */
};

void ph_filler_init(struct ph_filler *filler, struct ph_pool *pool);
/* Lets go of the buffer being filled. */
void ph_filler_fini(struct ph_filler *filler);
/* The frame as a segment that borrows its buffer: reference it before the
 * next call here. -ENOMEM. */
int ph_filler_put(struct ph_filler *filler, const struct ph_frame *frame,
	struct ph_segment *out);
/* The only (or first) frame of a segment; borrows. */
struct ph_frame ph_segment_frame(const struct ph_segment *segment);
/* Appends a segment, referenced; one run with the last when it goes on where
 * that ends. -ENOMEM. */
int ph_queue_join(struct ph_queue *queue, const struct ph_segment *segment);
/* The oldest frame of `from`, which is not empty and emptied frame by frame,
 * to the end of `to`. -ENOMEM: it stays. */
int ph_queue_move(struct ph_queue *to, struct ph_queue *from);

/* Nobody else holds the buffer being filled: true when it could go. */
bool ph_filler_is_alone(const struct ph_filler *filler);

#endif
