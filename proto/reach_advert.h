#ifndef PH_PROTO_REACH_ADVERT_H
#define PH_PROTO_REACH_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reach.h"
#include "proto/seal.h"

/*
 * REACH: what one node found out of the ways to others, for its peers. Little-
 * endian; drawn in doc/PROTOCOL.md.
 *
 *   version 1 | from 16 | epoch 8 | seq 8 | targets 2
 *   each target:  id 16 | rows 1
 *   each row:     transport 1 | verdict 1 | family 1 (4, 6) | address 4, 16 |
 *                 port 2 | rtt_us 4 | age_s 2 | ttl_s 2
 *   signature 64, over the digest of all before
 *
 * Ids ascend, so none comes twice. What is read is written as the same bytes.
 * It is the sender's word and no more: the signature says whose.
 */
#define PH_REACH_VERSION     1
#define PH_REACH_HEAD	     35u
#define PH_REACH_TARGETS     512u
#define PH_REACH_PER_TARGET  64u
#define PH_REACH_ROWS	     1024u
#define PH_REACH_TTL	     150u /* seconds, the most */
#define PH_REACH_ROW_MAX     29u
#define PH_REACH_TARGET_SIZE 17u
#define PH_REACH_MAX                                                           \
	(PH_REACH_HEAD + PH_REACH_TARGETS * PH_REACH_TARGET_SIZE +             \
		PH_REACH_ROWS * PH_REACH_ROW_MAX + PH_SEAL_SIGNATURE)

struct ph_reach_told {
	uint8_t to[PH_NODE_ID_BYTES];
	struct ph_reach_row row; /* error and checked_at are 0 */
	uint16_t age_s;
	uint16_t ttl_s; /* from now on */
};

struct ph_reach_head {
	uint8_t from[PH_NODE_ID_BYTES];
	uint64_t epoch; /* of the node's life */
	uint64_t sequence;
};

/* Rows of one target in a run, targets in ascending order. Returns the length,
 * without a signature; 0: something cannot be told so (a name, a limit, `size`
 * too small). */
size_t ph_reach_write(const struct ph_reach_head *head,
	const struct ph_reach_told *rows, size_t count, uint8_t *out,
	size_t size);
/* Adds the signature behind `length` bytes; the whole length. */
size_t ph_reach_sign(
	uint8_t *data, size_t length, const struct ph_signer *signer);
bool ph_reach_verify(
	const uint8_t *data, size_t length, const uint8_t key[PH_PUBLIC_KEY]);

/* Checks everything but the signature and the clock; at most PH_REACH_ROWS
 * rows are written, `count` says how many. -EBADMSG: not as drawn. */
int ph_reach_read(struct ph_reach_head *head, struct ph_reach_told *rows,
	size_t *count, const uint8_t *data, size_t length);

#endif
