#ifndef PH_KERNEL_BACKLOG_H
#define PH_KERNEL_BACKLOG_H

#include "kernel/counters.h"
#include "kernel/filler.h"

/*
 * What waits in a pipe that may drop, before it is in the sink's hands:
 *
 *   source -> [ pending | waiting ] -> the pipe's queue -> sink
 *               a message   whole        what the sink
 *               in pieces   messages     has begun to take
 *
 * Only what is here can be dropped, and always a message whole. The place of
 * a loss is kept as two counts, before the first and behind the last message
 * waiting; they become GAP records when the stream passes that place, so
 * losses in a row are one record.
 *
 * Invariant: what the GAP records say and what passed are together what was
 * put, to the byte.
 */
struct ph_backlog {
	struct ph_filler filler;
	struct ph_queue waiting;
	struct ph_queue pending;
	struct ph_gap head;	  /* lost before the first of `waiting` */
	struct ph_gap tail;	  /* lost behind the last */
	uint64_t skipped;	  /* bytes of the message being skipped */
	bool skipping;		  /* until its FIN */
	bool moving;		  /* the queue holds half of the first */
	struct ph_counters *lost; /* where drops are counted */
};

/* Counts drops in `lost`. -ENOMEM. */
int ph_backlog_create(struct ph_backlog **out, struct ph_pool *pool,
	struct ph_counters *lost);
/* Drops what waits; NULL is harmless. */
void ph_backlog_destroy(struct ph_backlog *backlog);

/* One frame of the source, as a segment whose buffer is referenced. -ENOMEM:
 * not taken. */
int ph_backlog_put(
	struct ph_backlog *backlog, const struct ph_segment *segment);
/* The message this frame belongs to is dropped whole. */
void ph_backlog_skip(
	struct ph_backlog *backlog, uint8_t flags, uint32_t length);
/* Drops the oldest message that is not in the sink's hands; false when there
 * is none. What is half in the queue goes there wholly. */
bool ph_backlog_drop(struct ph_backlog *backlog, struct ph_queue *queue);
/* All of them. */
void ph_backlog_drop_all(struct ph_backlog *backlog, struct ph_queue *queue);
/* END or CUT, behind everything. -ENOMEM. */
int ph_backlog_end(struct ph_backlog *backlog, uint8_t flag);
/* Into the sink's hands, frame by frame, until the queue holds `bytes`. */
void ph_backlog_move(
	struct ph_backlog *backlog, struct ph_queue *queue, uint64_t bytes);

/* Nothing to move. */
bool ph_backlog_is_empty(const struct ph_backlog *backlog);
uint64_t ph_backlog_bytes(const struct ph_backlog *backlog);

#endif
