#ifndef PH_PROTO_PROBE_ORDER_H
#define PH_PROTO_PROBE_ORDER_H

#include "proto/passphrase.h"
#include "proto/probe_matrix.h"

/*
 * What a node says to the probe or beacon process that it started, and what
 * comes back, on the descriptor that the process inherits. READY also travels
 * over a line, when the beacon is a peer's.
 *
 *   0: length u32, of the body   4: type u8   5: zero u24   8: body
 *
 * Secrets come on a descriptor of their own: the session's key, how many
 * passphrases' secrets, the two.
 */
#define PH_ORDER_HEADER	 8u
#define PH_ORDER_MOST	 (256u * 1024u)
#define PH_ORDER_TARGETS 64u   /* addresses */
#define PH_ORDER_BOUND	 4096u /* points that a beacon may hold */
#define PH_PROBE_SECRET	 (32u + 1u + 2u * PH_MESH_SECRET)

struct ph_instruct {
	uint8_t session[PH_PROBE_SESSION];
	bool mapped;	/* an address or port may be another beyond a NAT */
	bool secure;	/* try TLS too */
	uint16_t first; /* range of ports, both included */
	uint16_t last;
	uint16_t rate;	    /* connects a second */
	uint16_t in_flight; /* at once */
	uint32_t timeout_ms;
	uint32_t deadline_ms;		   /* from now; the process's end */
	uint8_t key[PH_PUBLIC_KEY];	   /* of this side, for the handshake */
	uint8_t peer[PH_PUBLIC_KEY];	   /* of the other */
	uint8_t secure_key[PH_PUBLIC_KEY]; /* that TLS must prove */
	char mesh[PH_MESH_ID];
	char name[40];
	struct ph_point_list targets; /* addresses to try, or to bind */
	const uint8_t *allow;	      /* blocks that they must be in */
	uint32_t allowed;	      /* how many blocks */
	struct ph_point_list bound;   /* where the beacon is */
	/* A bit for each point, port by port: what is known of it needs no
	 * other try. NULL: of none. */
	const uint8_t *known;
};

struct ph_ready {
	uint8_t session[PH_PROBE_SESSION];
	uint8_t secure_key[PH_PUBLIC_KEY]; /* what TLS proves there */
	struct ph_point_list bound;	   /* first: the primary */
	uint32_t skipped;
	const uint8_t *skips; /* 20 bytes each: a point, errno u16 */
};

struct ph_progress {
	uint32_t done;
	uint32_t total; /* points */
};

/* How it went; see probe/session.h and beacon/session.h. */
struct ph_over {
	uint8_t exit;
	uint32_t connects;
	uint32_t ignored; /* forged, replayed, early or foreign messages */
	uint32_t guesses; /* that a peer could test at the passphrase */
};

/* Writers give the whole message's length, or -ENOSPC; readers take the body,
 * point into it, and return 0 or -EBADMSG. */
int ph_instruct_write(
	const struct ph_instruct *instruct, uint8_t *out, size_t size);
int ph_instruct_read(
	struct ph_instruct *instruct, const uint8_t *data, size_t length);
int ph_ready_write(const struct ph_ready *ready, uint8_t *out, size_t size);
int ph_ready_read(struct ph_ready *ready, const uint8_t *data, size_t length);
int ph_progress_write(
	const struct ph_progress *progress, uint8_t *out, size_t size);
int ph_progress_read(
	struct ph_progress *progress, const uint8_t *data, size_t length);
int ph_over_write(const struct ph_over *over, uint8_t *out, size_t size);
int ph_over_read(struct ph_over *over, const uint8_t *data, size_t length);
/* Any body under a header. */
int ph_order_write(uint8_t type, const void *body, size_t length, uint8_t *out,
	size_t size);

struct ph_order {
	uint8_t type;
	const uint8_t *body;
	size_t length;
	size_t size; /* of all of it */
};

/* 0; -EAGAIN: not all of it is here; -EBADMSG. */
int ph_order_read(struct ph_order *order, const uint8_t *data, size_t length);
/* index < allowed. */
void ph_instruct_block(const struct ph_instruct *instruct, uint32_t index,
	struct ph_point_block *out);
/* NULL, or why this point is none to try: forbidden, out of range, or in no
 * block that was allowed. */
const char *ph_instruct_refuses(
	const struct ph_instruct *instruct, const struct ph_point *point);

#endif
