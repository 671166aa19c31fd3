#ifndef PH_KERNEL_SLOTS_H
#define PH_KERNEL_SLOTS_H

#include "kernel/ring.h"

/*
 * The fixed profile of a ring: 256 slots, each for one message of up to 256
 * bytes with the sender's number and a message id. The 257th message is
 * refused (-EAGAIN: full), a payload of 257 bytes too (-EMSGSIZE).
 *
 *    0        4        8        12
 *   +--------+--------+--------+----------------
 *   | header | sender | id     | payload            512 bytes a slot
 *   +--------+--------+--------+----------------
 */
#define PH_SLOTS	256u
#define PH_SLOT_PAYLOAD 256u
#define PH_SLOT_STRIDE	512u
/* The size of the ring under it. */
#define PH_SLOTS_SIZE ((uint64_t)PH_SLOTS * PH_SLOT_STRIDE)

/* Stands until ph_ring_release. */
struct ph_slot {
	uint32_t sender;
	uint32_t id;
	uint32_t length;
	const uint8_t *payload;
};

/* `sender` is the kernel's word for who writes, not the writer's. Publish as
 * with any ring. */
int ph_slot_put(struct ph_ring_writer *writer, uint32_t sender, uint32_t id,
	const void *payload, uint32_t length);
/* 1, 0: none, -EPROTO. */
int ph_slot_next(struct ph_ring_reader *reader, struct ph_slot *slot);

#endif
