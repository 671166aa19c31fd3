#ifndef PH_PROTO_ATTACH_H
#define PH_PROTO_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The first frame on a carrier says what the carrier is for: a handshake
 * message (a line) or ATTACH (a pipe of a booked connection; flags
 * PH_FRAME_ATTACH). ATTACHED answers it; from then on frames of the stream
 * flow one way and ACK frames the other.
 *
 *   ATTACH    0: version u8 = 2    1: id length u8   2: resume u16, 0 or 1
 *             4: zero u32          8: generation u64 16: token 16 bytes
 *            32: next frame u64   40: connection id text
 *   ATTACHED  0: version u8 = 2    1: status u8      2: zero u16
 *             4: zero u32          8: generation u64 16: next frame u64
 *   ACK       0: frames u64   8: payload bytes u64  16: messages u64
 *            24: queued bytes u64       what the input's server has consumed
 *
 * All little-endian.
 */
#define PH_ATTACH_TOKEN	   16
#define PH_ATTACH_MAX	   (40 + 96)
#define PH_ATTACHED_LENGTH 24
#define PH_ACK_LENGTH	   32

struct ph_attach {
	char connection[96];
	bool resume;	     /* goes on with a stream, see proto/resume.h */
	bool offer;	     /* not ATTACH: the carrier that was asked for */
	uint64_t generation; /* grows with each carrier */
	uint8_t token[PH_ATTACH_TOKEN]; /* an offer's: of the question */
	uint64_t next;			/* the first frame not acknowledged */
};

struct ph_attached {
	uint8_t status; /* 0 welcome, 1 refused (one answer for all reasons) */
	uint64_t generation;
	uint64_t next; /* the first frame that did not arrive */
};

struct ph_ack {
	uint64_t frames;
	uint64_t bytes;
	uint64_t messages;
	uint64_t queued;
};

/* Writers return the length. Readers return 0 or -EBADMSG. */
size_t ph_attach_write(
	const struct ph_attach *attach, uint8_t out[PH_ATTACH_MAX]);
int ph_attach_read(
	struct ph_attach *attach, const uint8_t *data, size_t length);
size_t ph_attached_write(
	const struct ph_attached *attached, uint8_t out[PH_ATTACHED_LENGTH]);
int ph_attached_read(
	struct ph_attached *attached, const uint8_t *data, size_t length);
size_t ph_ack_write(const struct ph_ack *ack, uint8_t out[PH_ACK_LENGTH]);
int ph_ack_read(struct ph_ack *ack, const uint8_t *data, size_t length);

#endif
