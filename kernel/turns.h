#ifndef PH_KERNEL_TURNS_H
#define PH_KERNEL_TURNS_H

#include "kernel/pipe.h"

/*
 * The pipes of a terminal, and whose message an input takes next: deficit
 * round robin. A turn is worth PH_TURN_BYTES; who took more, because a message
 * is never broken off, pays it back by waiting. So everybody gets the same
 * share of bytes, however large his messages are.
 *
 * Among several a message is begun when it is there whole, or when its source
 * waits for us: one slow source does not hold up the others.
 */
struct ph_feed {
	struct ph_pipe *pipe;
	int64_t balance; /* bytes left of its turn; below 0: owed */
};

struct ph_turns {
	struct ph_feed *feeds;
	unsigned count;
	unsigned size;
	unsigned now; /* whose turn it is */
	bool inside;  /* a message: the turn may not pass on yet */
	bool shown;   /* a frame stands: the turn is his until it is taken */
};

/* Small enough for many sources to be served within a millisecond. */
#define PH_TURN_BYTES ((int64_t)16 * 1024)

void ph_turns_fini(struct ph_turns *turns);
/* Room for one more pipe. -ENOMEM. */
int ph_turns_make_place(struct ph_turns *turns);
/* After ph_turns_make_place. */
void ph_turns_add(struct ph_turns *turns, struct ph_pipe *pipe);
void ph_turns_remove(struct ph_turns *turns, const struct ph_pipe *pipe);
/* The pipe whose frame comes next, with the frame, or NULL. It stays the
 * one until ph_turns_took. */
struct ph_pipe *ph_turns_next(struct ph_turns *turns, struct ph_frame *frame);
/* A frame of the pipe whose turn it is was taken. */
void ph_turns_took(struct ph_turns *turns, uint8_t flags, uint32_t length);

#endif
