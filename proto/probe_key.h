#ifndef PH_PROTO_PROBE_KEY_H
#define PH_PROTO_PROBE_KEY_H

#include "proto/probe_message.h"

/*
 * The hashes of a probe's session. A session has a random key that its two ends
 * were given by their nodes; it seals what they say until CPace has proven the
 * passphrase, and keeps strangers from even beginning a run. The root of that
 * run gives the keys of all that follows; each direction has its own, so that
 * nothing can be thrown back.
 *
 *   MAC = first 24 bytes of HMAC-SHA512/256(key of the direction,
 *         lv("posthouse/probe/v1", type, session, nonce of the banner,
 *            where the beacon was met, sequence, length) || body)
 */
#define PH_PROBE_KEY 32u

struct ph_probe_keys {
	uint8_t probe[PH_PROBE_KEY]; /* what the probe says */
	uint8_t beacon[PH_PROBE_KEY];
};

/* Of the session's key: before the passphrase was proven. */
void ph_probe_keys_first(
	struct ph_probe_keys *keys, const uint8_t session_key[PH_PROBE_KEY]);
/* Of ph_handshake_root. */
void ph_probe_keys_proven(
	struct ph_probe_keys *keys, const uint8_t root[PH_PROBE_KEY]);

/* What a MAC stands for, besides the body. */
struct ph_probe_claim {
	const uint8_t *session;	      /* PH_PROBE_SESSION */
	const uint8_t *nonce;	      /* of the banner of this connection */
	const struct ph_point *where; /* the beacon's own end */
	uint32_t sequence;	      /* of this type's direction, from 0 */
	uint8_t type;
};

void ph_probe_mac(uint8_t mac[PH_PROBE_MAC], const uint8_t key[PH_PROBE_KEY],
	const struct ph_probe_claim *claim, const uint8_t *body, size_t length);
bool ph_probe_mac_check(const uint8_t mac[PH_PROBE_MAC],
	const uint8_t key[PH_PROBE_KEY], const struct ph_probe_claim *claim,
	const uint8_t *body, size_t length);

/* What stands for the RFC 9266 exporter where there is no TLS: binds a run to
 * this session and connection. */
void ph_probe_channel(uint8_t out[32], const uint8_t session_key[PH_PROBE_KEY],
	const uint8_t session[PH_PROBE_SESSION],
	const uint8_t nonce[PH_PROBE_NONCE], const struct ph_point *where);
/* The key of one side of a session in the handshake: "probe" or "beacon" of a
 * node. Both may be the same node's. */
void ph_probe_identity(uint8_t out[PH_PUBLIC_KEY], const char *side,
	const uint8_t session[PH_PROBE_SESSION],
	const uint8_t key[PH_PUBLIC_KEY]);
/* digest = BLAKE2b-256(digest || row); all zero before the first. */
void ph_probe_digest(
	uint8_t digest[PH_PROBE_DIGEST], const uint8_t row[PH_PROBE_ROW]);

#endif
