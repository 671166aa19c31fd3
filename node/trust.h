#ifndef PH_NODE_TRUST_H
#define PH_NODE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/calls.h"
#include "proto/error.h"
#include "proto/identity.h"
#include "proto/passphrase.h"
#include "proto/value.h"

/*
 * Whom this node trusts: pinned keys, revoked keys, the mesh's keyring, the
 * passphrase's derived secrets.
 *
 * Invariants: a name belongs to one key until it is forgotten; a revoked key
 * never comes back; nobody speaks for another's key: a voucher can bring a key
 * in, never change or remove one that is known.
 *
 * Vouches. A member that has proven a newcomer by the passphrase signs
 * {key, name, issued}. Others then let that key in without another PAKE; the
 * key still proves itself in TLS. A voucher must be pinned here, not
 * revoked, and hold at least the role that the newcomer would be given
 * (ph_trust_vouch_accept's `role`): nobody gives what they do not have, and a
 * member that was demoted vouches for nobody. When a voucher is revoked, those
 * it vouched for go with it and prove themselves anew. A forgotten key comes
 * back only by the passphrase: an old vouch of it is worth nothing.
 *
 * Pure: `now` is the wall clock in ns (it must survive restarts); every table
 * is bounded; secrets live in locked memory. Whoever changes something sees
 * ph_trust_revision grow and saves (ph_trust_write).
 */
#define PH_TRUST_PINS	   4096u
#define PH_TRUST_REVOKED   4096u
#define PH_TRUST_FORGOTTEN 1024u
#define PH_TRUST_FAILED	   1024u
#define PH_TRUST_RING	   4u
/* A key that failed to prove itself is not dialled again for so long. */
#define PH_TRUST_FAILED_FOR (INT64_C(3600) * 1000000000)
/* How long the passphrase before the current one still lets machines in. */
#define PH_TRUST_PREVIOUS_FOR (INT64_C(24) * 3600 * 1000000000)

enum ph_origin {
	PH_BY_PASSPHRASE,
	PH_BY_VOUCH
};

struct ph_pin {
	uint8_t key[PH_PUBLIC_KEY];
	char id[PH_NODE_ID_TEXT];
	char name[40];
	enum ph_role role;
	enum ph_origin origin;
	int64_t first_seen; /* wall ns */
	int64_t last_seen;
	uint8_t voucher[PH_PUBLIC_KEY]; /* of origin vouch */
	/* The vouch for it, to be passed on: the voucher's, or our own. */
	int64_t issued;	  /* 0: not at hand */
	char vouched[40]; /* by the name it had then */
	uint8_t signature[64];
};

struct ph_trust;

/* `key`, `name`: this node's own; nobody else may claim them. -EINVAL,
 * -ENOMEM. */
int ph_trust_create(struct ph_trust **out, const uint8_t key[PH_PUBLIC_KEY],
	const char *name);
void ph_trust_destroy(struct ph_trust *trust);
/* Grows with every change worth saving. */
uint64_t ph_trust_revision(const struct ph_trust *trust);

/* Pins. NULL: not pinned. Pointers stand until the next change. */
const struct ph_pin *ph_trust_find(
	const struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY]);
/* By name or id. */
const struct ph_pin *ph_trust_find_text(
	const struct ph_trust *trust, const char *text);
size_t ph_trust_count(const struct ph_trust *trust);
const struct ph_pin *ph_trust_at(const struct ph_trust *trust, size_t index);
bool ph_trust_is_revoked(
	const struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY]);

/* A revoked key, its name when it was pinned here (else ""), and since when
 * (wall ns; 0: not known). Borrowed. */
struct ph_revoked {
	const uint8_t *key;
	const char *name;
	int64_t since;
};

/* Oldest first; false past the last. */
bool ph_trust_revoked_at(
	const struct ph_trust *trust, size_t index, struct ph_revoked *out);
/* By name or id. */
bool ph_trust_revoked_find(
	const struct ph_trust *trust, const char *text, struct ph_revoked *out);

/* A key was proven (handshake ended IN): may it be called `name`? -1 with
 * `error` when it is revoked, our own, or the name belongs to another key. */
int ph_trust_check(const struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], const char *name,
	struct ph_error *error);
/* The passphrase proved the key: pins it, or refreshes the pin (the role of a
 * known key stands). -1 with `error` as ph_trust_check, or when full. */
int ph_trust_pin(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const char *name, enum ph_role role, int64_t now,
	struct ph_error *error);
/* A pinned key came in: notes the time and its (maybe new) name. */
int ph_trust_seen(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const char *name, int64_t now, struct ph_error *error);
/* By name or id; -1 with exit 4. */
int ph_trust_set_role(struct ph_trust *trust, const char *text,
	enum ph_role role, struct ph_error *error);
int ph_trust_forget(
	struct ph_trust *trust, const char *text, struct ph_error *error);
/* For ever. By name or id of a pin; or 64 hex digits, a key nobody pinned
 * yet. Gives the key. Unpins those it vouched for, and theirs: `unpinned`
 * (may be NULL) is told each, so that its lines are closed. */
int ph_trust_revoke(struct ph_trust *trust, const char *text, int64_t now,
	uint8_t key[PH_PUBLIC_KEY],
	void (*unpinned)(void *context, const struct ph_pin *pin),
	void *context, struct ph_error *error);

/* Dialling: whether a key may be tried (not revoked, not failed within
 * the hour). Unknown keys may. */
bool ph_trust_may_dial(const struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], int64_t now);
/* It failed to prove itself. Not saved; the oldest of 1,024 goes. */
void ph_trust_failed(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY], int64_t now);

/* Vouches. */
#define PH_SIGNATURE 64

struct ph_vouch {
	uint8_t key[PH_PUBLIC_KEY];
	char name[40];
	int64_t issued; /* wall ns of the voucher; for showing */
	uint8_t voucher[PH_PUBLIC_KEY];
	uint8_t signature[PH_SIGNATURE];
};

/* Ed25519 over lv("posthouse/vouch/v1", mesh, key, name, issued, voucher).
 * `seed`: this node's. -EINVAL: bad name, or a vouch for oneself. */
int ph_vouch_sign(
	struct ph_vouch *vouch, const uint8_t seed[32], const char *mesh);
bool ph_vouch_verify(const struct ph_vouch *vouch, const char *mesh);
/* A map. -EBADMSG. */
void ph_vouch_write(struct ph_writer *writer, const struct ph_vouch *vouch);
int ph_vouch_read(struct ph_vouch *vouch, struct ph_value map);
/* 1: pinned with `role`. 0: the key is pinned already (nothing changes) or
 * our own. -1 with `error`: refused. */
int ph_trust_vouch_accept(struct ph_trust *trust, const struct ph_vouch *vouch,
	const char *mesh, enum ph_role role, int64_t now,
	struct ph_error *error);

/* The vouch by which others may let this key in: our own where the passphrase
 * proved it (signed once), else its voucher's. -ENOENT. */
int ph_trust_vouch_get(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const uint8_t seed[32], const char *mesh, struct ph_vouch *out);

/* The mesh's keyring: the lowest id is current, so two rings that meet
 * converge on the same four lowest. Keys of it only filter; they prove no one.
 *
 * A node begins with a key of its own. As long as nobody was given that, it is
 * no mesh's, and gives way to the first ring that is heard: so a newcomer does
 * not take the place of the current key of those that are there.
 */
#define PH_RING_KEY 32

struct ph_ring_key {
	uint64_t id;
	uint8_t key[PH_RING_KEY];
};

/* Ascending by id. Returns how many. */
size_t ph_trust_ring(
	const struct ph_trust *trust, struct ph_ring_key out[PH_TRUST_RING]);
/* A first key, where there is none. -ERANGE as below. */
int ph_trust_ring_begin(struct ph_trust *trust, const uint8_t random[8],
	const uint8_t key[PH_RING_KEY]);
/* It is nobody else's: not to be told. */
bool ph_trust_ring_is_own(const struct ph_trust *trust);
/* From now on it is the mesh's. */
void ph_trust_ring_give(struct ph_trust *trust);
/* True when the ring changed. An id of 0 is refused. */
bool ph_trust_ring_merge(struct ph_trust *trust, const struct ph_ring_key *key);
/* A new current key. `random` 8 fresh bytes, `key` 32. The new id lies below
 * all others. -ERANGE: no id is left. */
int ph_trust_ring_rotate(struct ph_trust *trust, const uint8_t random[8],
	const uint8_t key[PH_RING_KEY]);

/* The passphrase's derived secrets: current and, for a day after a rotation,
 * the one before. */
void ph_trust_set_secret(
	struct ph_trust *trust, const uint8_t secret[PH_MESH_SECRET]);
/* The current one becomes the previous. The same secret again: nothing. */
void ph_trust_rotate(struct ph_trust *trust,
	const uint8_t secret[PH_MESH_SECRET], int64_t now);
/* It was the current one before the last rotation, however long ago. */
bool ph_trust_is_retired(
	const struct ph_trust *trust, const uint8_t secret[PH_MESH_SECRET]);
/* Newest first; returns how many are valid. The caller wipes. */
unsigned ph_trust_secrets(const struct ph_trust *trust, int64_t now,
	uint8_t out[2][PH_MESH_SECRET]);

/* One map with everything but failures. Secrets are in it: only for the
 * node's own store (0600), never for a line. */
void ph_trust_write(const struct ph_trust *trust, struct ph_writer *writer);
/* Replaces what is there; -EBADMSG leaves it as it was. */
int ph_trust_read(struct ph_trust *trust, struct ph_value map);

#endif
