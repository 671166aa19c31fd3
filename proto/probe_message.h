#ifndef PH_PROTO_PROBE_MESSAGE_H
#define PH_PROTO_PROBE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"
#include "proto/point.h"
#include "proto/reach.h"

/*
 * What a probe and a beacon say to each other, and to the executor that started
 * them. Drawn in doc/PROTOCOL.md, "Probe and beacon"; everything little-endian.
 * The beacon speaks first, 48 bytes; everything after that is a frame:
 *
 *   0: length u16, of the body   2: type u8   3: zero   4: body   MAC (24)
 *
 * A reader takes exactly what a writer makes. MACs: proto/probe_key.h.
 */
#define PH_PROBE_SESSION 16u
#define PH_PROBE_NONCE	 16u
#define PH_PROBE_MAC	 24u
#define PH_PROBE_DIGEST	 32u
#define PH_PROBE_BANNER	 48u
#define PH_PROBE_HEADER	 4u
#define PH_PROBE_BODY	 1024u /* largest */
#define PH_PROBE_FRAME	 (PH_PROBE_HEADER + PH_PROBE_BODY + PH_PROBE_MAC)

enum ph_probe_type {
	PH_PROBE_INSTRUCT = 1, /* executor -> probe, on a descriptor */
	PH_PROBE_READY,	       /* beacon -> executor */
	PH_PROBE_HANDSHAKE,    /* HELLO to ACCEPT: proto/handshake.h */
	PH_PROBE_GREETING,     /* the banner; a type for its MAC alone */
	PH_PROBE_CHALLENGE,    /* probe -> beacon */
	PH_PROBE_RESPONSE,     /* beacon -> probe */
	PH_PROBE_REPORT,       /* probe -> beacon, and to its executor */
	PH_PROBE_COMPLETE,     /* probe -> beacon */
	PH_PROBE_TERMINATE,    /* beacon -> probe, and executor -> beacon */
	PH_PROBE_PROGRESS,     /* probe or beacon -> executor */
	PH_PROBE_OVER,	       /* probe or beacon -> executor */
};

/* BANNER: magic 8, nonce 16, MAC 24. */
void ph_banner_write(uint8_t out[PH_PROBE_BANNER],
	const uint8_t nonce[PH_PROBE_NONCE], const uint8_t mac[PH_PROBE_MAC]);
/* Points into `in`. -EBADMSG. */
int ph_banner_read(const uint8_t in[PH_PROBE_BANNER], const uint8_t **nonce,
	const uint8_t **mac);

/* Whether so many bytes can be the beginning of one. */
bool ph_banner_begins(const uint8_t *data, size_t length);

/* A frame as it lies in a stream. */
struct ph_probe_frame {
	uint8_t type;
	const uint8_t *body;
	uint16_t length;
	const uint8_t *mac;
	size_t size; /* of all of it */
};

/* 0; -EAGAIN: not all of it is here; -EBADMSG: never a frame. */
int ph_probe_frame_read(
	struct ph_probe_frame *frame, const uint8_t *data, size_t length);
/* The header; body and MAC are put behind it. */
void ph_probe_frame_header(
	uint8_t out[PH_PROBE_HEADER], uint8_t type, size_t length);

struct ph_challenge {
	uint8_t session[PH_PROBE_SESSION];
	uint8_t nonce[PH_PROBE_NONCE];
	struct ph_point dialled;
	bool secure; /* TLS follows the response */
};
#define PH_CHALLENGE 52u

struct ph_response {
	uint8_t nonce[PH_PROBE_NONCE]; /* of the challenge */
	struct ph_point observed;      /* where the beacon was met */
};
#define PH_RESPONSE 34u

/* One point of the matrix. */
struct ph_probe_row {
	struct ph_point point;
	uint8_t transport; /* enum ph_reach_transport */
	uint8_t verdict;   /* enum ph_verdict */
	uint16_t error;	   /* errno, positive; 0: none */
	uint16_t met;	   /* the port where the beacon saw it; 0: that one */
	uint32_t rtt_us;
};
#define PH_PROBE_ROW 28u

/* A REPORT is BEGIN, any number of ROWS, END; each a frame of its own. */
enum ph_report_part {
	PH_REPORT_BEGIN = 1,
	PH_REPORT_ROWS,
	PH_REPORT_END,
};
#define PH_REPORT_ROWS_MOST ((PH_PROBE_BODY - 4u) / PH_PROBE_ROW)

struct ph_report {
	enum ph_report_part part;
	uint32_t count;	       /* BEGIN: rows that follow; ROWS: here */
	const uint8_t *rows;   /* ROWS */
	const uint8_t *digest; /* END */
};

struct ph_complete {
	uint32_t counts[PH_VERDICTS];
	uint8_t digest[PH_PROBE_DIGEST];
	uint8_t nonce[PH_PROBE_NONCE]; /* TERMINATE repeats it, once */
};
#define PH_COMPLETE (4u * PH_VERDICTS + PH_PROBE_DIGEST + PH_PROBE_NONCE)

struct ph_terminate {
	uint8_t session[PH_PROBE_SESSION];
	uint8_t nonce[PH_PROBE_NONCE];
};
#define PH_TERMINATE 32u

/* Writers give the body's length; readers 0 or -EBADMSG. */
size_t ph_challenge_write(
	const struct ph_challenge *challenge, uint8_t out[PH_CHALLENGE]);
int ph_challenge_read(
	struct ph_challenge *challenge, const uint8_t *data, size_t length);
size_t ph_response_write(
	const struct ph_response *response, uint8_t out[PH_RESPONSE]);
int ph_response_read(
	struct ph_response *response, const uint8_t *data, size_t length);
void ph_probe_row_write(
	const struct ph_probe_row *row, uint8_t out[PH_PROBE_ROW]);
int ph_probe_row_read(struct ph_probe_row *row, const uint8_t in[PH_PROBE_ROW]);
/* Rows are read by ph_report_read only as bytes: check each. */
size_t ph_report_write(
	const struct ph_report *report, uint8_t out[PH_PROBE_BODY]);
int ph_report_read(
	struct ph_report *report, const uint8_t *data, size_t length);
size_t ph_complete_write(
	const struct ph_complete *complete, uint8_t out[PH_COMPLETE]);
int ph_complete_read(
	struct ph_complete *complete, const uint8_t *data, size_t length);
size_t ph_terminate_write(
	const struct ph_terminate *terminate, uint8_t out[PH_TERMINATE]);
int ph_terminate_read(
	struct ph_terminate *terminate, const uint8_t *data, size_t length);

#endif
