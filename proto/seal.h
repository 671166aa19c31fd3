#ifndef PH_PROTO_SEAL_H
#define PH_PROTO_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * What proves an announcement or a datagram: the MAC of the mesh's ring (cheap,
 * says: by somebody who is in), the signature of a node's Ed25519 key (says
 * who), and a key that only two nodes have (cheap, says who, to the other).
 *
 * `purpose` is a text of at most 32 bytes that goes in front of what is sealed,
 * behind its length: what was sealed for one purpose is worth nothing
 * for another.
 */
#define PH_SEAL_MAC	  16u
#define PH_SEAL_SIGNATURE 64u
#define PH_SEAL_KEY	  32u	/* of the ring, of a pair */
#define PH_SEAL_MOST	  1500u /* bytes that may be signed */

#define PH_SEAL_ANNOUNCEMENT "posthouse/announcement/v1"
#define PH_SEAL_MEMBERSHIP   "posthouse/membership/v1"

/* Keyed BLAKE2b-128. */
void ph_seal_mac(uint8_t mac[PH_SEAL_MAC], const uint8_t key[PH_SEAL_KEY],
	const char *purpose, const void *data, size_t length);
/* Takes as long wherever they differ. */
bool ph_seal_mac_check(const uint8_t mac[PH_SEAL_MAC],
	const uint8_t key[PH_SEAL_KEY], const char *purpose, const void *data,
	size_t length);

/* A node's signing key, made once of its seed. A secret: wipe it. */
struct ph_signer {
	uint8_t secret[64];
	uint8_t key[PH_PUBLIC_KEY];
};

void ph_signer_init(struct ph_signer *signer, const uint8_t seed[32]);
void ph_signer_fini(struct ph_signer *signer);
/* At most PH_SEAL_MOST bytes. */
void ph_seal_sign(uint8_t signature[PH_SEAL_SIGNATURE],
	const struct ph_signer *signer, const char *purpose, const void *data,
	size_t length);
bool ph_seal_verify(const uint8_t signature[PH_SEAL_SIGNATURE],
	const uint8_t key[PH_PUBLIC_KEY], const char *purpose, const void *data,
	size_t length);

/*
 * The key of two nodes: X25519 of the identities, hashed with both of them; the
 * same on either side. About 0.1 ms: keep it. -EINVAL: the other key is no
 * point, of small order, or one's own.
 */
int ph_seal_pair(uint8_t out[PH_SEAL_KEY], const struct ph_signer *signer,
	const uint8_t peer[PH_PUBLIC_KEY]);
/* What datagrams between the two are keyed with: of the pair and the mesh's
 * ring key both. */
void ph_seal_link(uint8_t out[PH_SEAL_KEY], const uint8_t pair[PH_SEAL_KEY],
	const uint8_t ring[PH_SEAL_KEY]);

/* BLAKE2b-128, as of menus and connectomes. */
void ph_seal_digest(uint8_t out[16], const void *data, size_t length);

/*
 * Announcements as ph_announcement_write made them. Seal: signature and then
 * the MAC, in place; `ring` may be NULL (a node alone), then the MAC is zero.
 * Whoever put another key or ring id in than the one it signs with has a
 * bug.
 */
void ph_seal_announcement(uint8_t *data, size_t length,
	const struct ph_signer *signer, const uint8_t ring[PH_SEAL_KEY]);
/* The MAC alone. `data` was read without error. */
bool ph_seal_announcement_member(
	const uint8_t *data, size_t length, const uint8_t ring[PH_SEAL_KEY]);
/* The signature, and that `id` is that key's node id. */
bool ph_seal_announcement_verify(const uint8_t *data, size_t length,
	const uint8_t id[PH_NODE_ID_BYTES], const uint8_t key[PH_PUBLIC_KEY]);

#endif
