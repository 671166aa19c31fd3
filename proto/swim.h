#ifndef PH_PROTO_SWIM_H
#define PH_PROTO_SWIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * A membership datagram: who is alive? One UDP payload, at most 1,232 bytes
 * (what IPv6 carries everywhere); 60 when there is nothing to tell. It shares
 * its port with announcements: an LLDPDU begins with 0x02, this with 'S'.
 *
 *    0        1        2        3        4
 *   +--------+--------+--------+--------+
 *   | 'S'    | vers 1 |held|typ| records|   held, typ: 4 bits each
 *   +--------+--------+--------+--------+
 *   | ring key id                       |   which key of the ring is in the MAC
 *   +-----------------------------------+
 *   | sender: node id, 16 bytes         |
 *   +-----------------------------------+
 *   | sender's epoch u64                |
 *   +-----------------------------------+
 *   | sender's incarnation u32          |
 *   +-----------------------------------+
 *   | sequence u32                      |   an answer repeats the question's
 *   +-----------------------------------+
 *   | known incarnation u32             |   the receiver's, as the sender holds
 *   +-----------------------------------+   it; `held` is the state beside it
 *   | ASK and REPORT only:              |
 *   | target: node id, 16 bytes         |
 *   +--------+--------------------------+
 *   | finding| zero, 3 bytes            |   ASK: zero
 *   +--------+--------------------------+
 *   | records, 112 bytes each           |
 *   +-----------------------------------+
 *   | MAC, 16 bytes                     |   of all before it and the receiver's
 *   +-----------------------------------+   epoch u64, and 8 zeros
 *
 * A record is what somebody says of a member, and his signature. ALIVE and
 * LEFT are the subject's own word, SUSPECT and DEAD an accuser's.
 *
 *    0        1        2        3        4
 *   +--------+--------+--------+--------+
 *   | subject: node id, 16 bytes        |
 *   +-----------------------------------+
 *   | accuser: node id, 16 bytes        |   ALIVE, LEFT: the subject again
 *   +-----------------------------------+
 *   | subject's epoch u64               |
 *   +-----------------------------------+
 *   | subject's incarnation u32         |
 *   +--------+--------+-----------------+
 *   | state  | cause  | zero, 2 bytes   |
 *   +--------+--------+-----------------+   48 bytes: what is signed
 *   | Ed25519 signature, 64 bytes       |
 *   +-----------------------------------+
 *
 * Integers are little-endian. Keys are not this file's: it leaves room for the
 * MAC and carries signatures as bytes.
 */
#define PH_SWIM_MAX	  1232
#define PH_SWIM_MAC	  16
#define PH_SWIM_SIGNATURE 64
#define PH_SWIM_SIGNED	  48 /* bytes of a record under its signature */
#define PH_SWIM_RECORDS	  10 /* in one datagram, at most */
#define PH_SWIM_IDLE	  60 /* a ping or an ack without records */

enum ph_swim_type {
	PH_SWIM_PING = 1, /* are you there? */
	PH_SWIM_ACK,	  /* I am */
	PH_SWIM_ASK,	  /* ping-req: ping the target for me */
	PH_SWIM_REPORT,	  /* what came of it; also when nothing came */
	PH_SWIM_NEWS,	  /* records only, wants no answer */
};

/* An answer to it is to come: REPORT to ASK, ACK to PING. */
static inline bool ph_swim_is_question(uint8_t type)
{
	return type == PH_SWIM_PING || type == PH_SWIM_ASK;
}

static inline bool ph_swim_is_answer(uint8_t type)
{
	return type == PH_SWIM_ACK || type == PH_SWIM_REPORT;
}

/* What the sender holds of the receiver, and what a record claims. */
enum ph_swim_state {
	PH_SWIM_ALIVE = 1,
	PH_SWIM_SUSPECT,
	PH_SWIM_DEAD,
	PH_SWIM_LEFT,
};

enum ph_swim_finding {
	PH_SWIM_ANSWERED = 1,
	PH_SWIM_SILENT,
	PH_SWIM_REFUSED, /* its host says that nobody listens there */
};

/* Of SUSPECT and DEAD. */
enum ph_swim_cause {
	PH_SWIM_BY_SILENCE = 0,
	PH_SWIM_BY_REFUSAL = 1,
};

struct ph_swim_record {
	uint8_t subject[PH_NODE_ID_BYTES];
	uint8_t accuser[PH_NODE_ID_BYTES];
	uint64_t epoch;
	uint32_t incarnation;
	uint8_t state; /* enum ph_swim_state */
	uint8_t cause; /* enum ph_swim_cause */
	uint8_t signature[PH_SWIM_SIGNATURE];
};

struct ph_swim {
	uint8_t type;  /* enum ph_swim_type */
	uint8_t held;  /* enum ph_swim_state: what I hold of you */
	uint8_t count; /* of records */
	uint32_t ring; /* key id */
	uint8_t sender[PH_NODE_ID_BYTES];
	uint64_t epoch;
	uint32_t incarnation;
	uint32_t sequence;
	uint32_t known;			  /* your incarnation, as I know it */
	uint8_t target[PH_NODE_ID_BYTES]; /* of ASK and REPORT */
	uint8_t finding;		  /* of REPORT: enum ph_swim_finding */
	struct ph_swim_record records[PH_SWIM_RECORDS];
};

/* Returns the whole length; its last PH_SWIM_MAC bytes are zero and wait for
 * the MAC of those before. */
size_t ph_swim_write(const struct ph_swim *swim, uint8_t out[PH_SWIM_MAX]);
/* `length` with the MAC, which is not looked at. -EBADMSG: `swim` is untouched.
 */
int ph_swim_read(struct ph_swim *swim, const uint8_t *data, size_t length);
/* The sender and the ring key, before the rest is worth reading. */
int ph_swim_peek(uint8_t sender[PH_NODE_ID_BYTES], uint32_t *ring,
	const uint8_t *data, size_t length);
/* The bytes a record's signature is of (behind a context, which is the
 * signer's matter). */
void ph_swim_record_text(
	const struct ph_swim_record *record, uint8_t out[PH_SWIM_SIGNED]);

#endif
