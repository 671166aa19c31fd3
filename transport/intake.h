#ifndef PH_TRANSPORT_INTAKE_H
#define PH_TRANSPORT_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/buffer.h"
#include "kernel/queue.h"

/*
 * The receiving half of a carrier: bytes of a socket in, runs of whole frames
 * out, in the memory they were received into. It knows no socket.
 *
 * A pass is: room, filled, (next ...)*, again until the socket is dry, rest.
 * Between passes it holds no buffer, unless a frame is half there; of that,
 * up to PH_INTAKE_STASH bytes are kept aside so that a peer that trickles
 * does not hold a large buffer.
 */
struct ph_intake {
	struct ph_pool *pool;
	struct ph_buffer *buffer; /* NULL between passes */
	uint32_t start;		  /* first byte not yet handed up */
	uint32_t admitted;	  /* largest payload taken */
	uint32_t want;		  /* capacity for the next pass */
	uint32_t passed;	  /* bytes of this pass */
	uint8_t *stash;
	uint32_t stashed;
};

#define PH_INTAKE_STASH ((uint32_t)4096)

void ph_intake_init(
	struct ph_intake *intake, struct ph_pool *pool, uint32_t admitted);
void ph_intake_fini(struct ph_intake *intake);

/* Where to receive: at least one byte of room. -ENOMEM. */
int ph_intake_room(struct ph_intake *intake, uint8_t **bytes, size_t *room);
void ph_intake_filled(struct ph_intake *intake, size_t bytes);

/* 1: a run of whole frames; `segment` carries a reference to its buffer that
 * the caller gives back. 0: none. -EPROTO: the next frame is larger than what
 * is admitted. The limit is looked at anew each time. */
int ph_intake_next(struct ph_intake *intake, struct ph_segment *segment);

/* Nothing more for now. */
void ph_intake_rest(struct ph_intake *intake);

/* Part of a frame, or a whole one not yet handed up, is here. */
bool ph_intake_holds(const struct ph_intake *intake);

#endif
