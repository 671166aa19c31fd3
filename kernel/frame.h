#ifndef PH_KERNEL_FRAME_H
#define PH_KERNEL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/bytes.h"

/*
 * A frame is a piece of a message on a pipe; a message is frames until FIN.
 * In memory a frame is a record, the same bytes that travel:
 *
 *    0       1       2       3       4
 *   +-------+-------+-------+-------+----------------
 *   | length, little-endian | flags | payload
 *   +-------+-------+-------+-------+----------------
 *
 * so that a carrier writes a queue's memory as it is, and a received buffer is
 * a queue's memory as it is. The kernel never looks into a payload.
 */
#define PH_FRAME_HEADER ((uint32_t)4)
#define PH_FRAME_MAX	((uint32_t)256 * 1024) /* payload bytes */

enum ph_frame_flag {
	PH_FRAME_FIN = 0x01,	/* last frame of its message */
	PH_FRAME_BEGIN = 0x02,	/* a stream begins; no payload */
	PH_FRAME_END = 0x04,	/* the stream is finished; no payload */
	PH_FRAME_GAP = 0x08,	/* messages u64, bytes u64 were dropped here */
	PH_FRAME_ACK = 0x10,	/* back to the sender: what was consumed */
	PH_FRAME_ATTACH = 0x20, /* carrier set-up, see proto/attach.h */
	PH_FRAME_CALL = 0x40,	/* on a line: one call or answer */
	PH_FRAME_CUT = 0x80,	/* the stream broke off; no payload */
};

/* Flags that say the frame is about the stream and not a part of it. */
#define PH_FRAME_CONTROL                                                       \
	(PH_FRAME_BEGIN | PH_FRAME_END | PH_FRAME_GAP | PH_FRAME_CUT |         \
		PH_FRAME_ACK | PH_FRAME_ATTACH)

struct ph_buffer;

/* A view of one frame; whoever hands it out says how long it stands. */
struct ph_frame {
	const uint8_t *data;
	uint32_t length;
	uint8_t flags;
	struct ph_buffer *buffer; /* holds data; borrow, or ph_buffer_ref */
};

static inline uint32_t ph_frame_length(const uint8_t *record)
{
	return ph_load32(record) & 0xffffff;
}

static inline void ph_frame_header(
	uint8_t *record, uint32_t length, uint8_t flags)
{
	record[0] = (uint8_t)length;
	record[1] = (uint8_t)(length >> 8);
	record[2] = (uint8_t)(length >> 16);
	record[3] = flags;
}

static inline bool ph_frame_is_control(uint8_t flags)
{
	return flags & PH_FRAME_CONTROL;
}

/* The last frame of a message. */
static inline bool ph_frame_is_message(uint8_t flags)
{
	return (flags & PH_FRAME_FIN) && !ph_frame_is_control(flags);
}

/* What a GAP frame says was lost at its place. */
struct ph_gap {
	uint64_t messages;
	uint64_t bytes; /* of their payloads */
};

#define PH_GAP_LENGTH ((uint32_t)16)

static inline void ph_gap_write(
	const struct ph_gap *gap, uint8_t out[PH_GAP_LENGTH])
{
	ph_store64(out, gap->messages);
	ph_store64(out + 8, gap->bytes);
}

/* False: no GAP of ours. */
static inline bool ph_gap_read(
	struct ph_gap *gap, const uint8_t *data, uint32_t length)
{
	if (length != PH_GAP_LENGTH)
		return false;
	gap->messages = ph_load64(data);
	gap->bytes = ph_load64(data + 8);
	return true;
}

#endif
