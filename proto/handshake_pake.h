#ifndef PH_PROTO_HANDSHAKE_PAKE_H
#define PH_PROTO_HANDSHAKE_PAKE_H

#include "proto/handshake.h"

/*
 * The handshake's use of CPace: what the passphrase is tied to, and the keys
 * and tags that follow. For proto/handshake.c alone.
 */
#define PH_PAKE_AD 128u

/* What both sides compute alike once both shares are known. */
struct ph_pake {
	struct ph_bytes ya;
	struct ph_bytes yb; /* all of them */
	struct ph_bytes ada;
	struct ph_bytes adb;
	uint8_t room[2][PH_PAKE_AD];
};

/* After HELLO and HELLO_ACK: session id, scalars and generators of the first
 * `slots` secrets. */
void ph_pake_begin(struct ph_handshake *handshake, unsigned slots);
/* `pake` points into what it is given and into itself. */
void ph_pake_fill(struct ph_pake *pake, const struct ph_handshake *handshake,
	struct ph_bytes ya, struct ph_bytes yb);
/* isk of a slot. -EINVAL: the peer's share is no point, or our own. */
int ph_pake_key(struct ph_handshake *handshake, const struct ph_pake *pake,
	unsigned slot);
/* Ta or Tb of a slot. */
void ph_pake_tag(const struct ph_handshake *handshake,
	const struct ph_pake *pake, unsigned slot, bool of_dialler,
	uint8_t tag[PH_CPACE_KEY]);
/* The root of a slot, when all messages are in the transcript. */
void ph_pake_root(struct ph_handshake *handshake, unsigned slot);

#endif
