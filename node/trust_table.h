#ifndef PH_NODE_TRUST_TABLE_H
#define PH_NODE_TRUST_TABLE_H

#include "node/trust.h"

/*
 * What ph_trust is made of; for node/trust*.c and node/vouch.c alone.
 */
struct key_list {
	uint8_t (*keys)[PH_PUBLIC_KEY];
	size_t count;
	size_t room;
};

/* What a revoked key was called here, and since when. */
struct revoked_as {
	char name[40]; /* "": it was never pinned here */
	int64_t since; /* wall ns; 0: not known */
};

struct failed_key {
	uint8_t key[PH_PUBLIC_KEY];
	int64_t when;
};

/* In memory of sodium_malloc: locked, guarded, wiped when freed. */
struct trust_secrets {
	uint8_t slot[2][PH_MESH_SECRET]; /* current, previous */
	struct ph_ring_key ring[PH_TRUST_RING];
};

struct ph_trust {
	uint8_t own_key[PH_PUBLIC_KEY];
	char own_name[40];
	uint64_t revision;
	struct ph_pin *pins;
	size_t pin_count;
	size_t pin_room;
	struct key_list revoked;       /* oldest first */
	struct revoked_as *revoked_as; /* of each */
	struct key_list forgotten;     /* oldest first */
	struct failed_key *failed;
	size_t failed_count;
	struct trust_secrets *secrets;
	unsigned slots;	 /* secrets that are set */
	int64_t rotated; /* when slot 0 came, wall ns */
	size_t ring_count;
	bool ring_own; /* its one key nobody else was given */
};

/* -ENOSPC at `most`, -ENOMEM. Twice is once. */
int ph_key_list_add(
	struct key_list *list, const uint8_t key[PH_PUBLIC_KEY], size_t most);
bool ph_key_list_has(
	const struct key_list *list, const uint8_t key[PH_PUBLIC_KEY]);
/* Keeps the order. */
void ph_key_list_remove(
	struct key_list *list, const uint8_t key[PH_PUBLIC_KEY]);

/* Adds without looking at names: they were checked. NULL: no memory or full. */
struct ph_pin *ph_trust_pin_add(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY]);
struct ph_pin *ph_trust_pin_find(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY]);

struct ph_pin *ph_trust_pin_find_text(
	const struct ph_trust *trust, const char *text);
/* Of a pin by name or id, or 64 hex digits. */
int ph_trust_key_of(const struct ph_trust *trust, const char *text,
	uint8_t key[PH_PUBLIC_KEY], struct ph_error *error);
void ph_trust_pin_remove(struct ph_trust *trust, struct ph_pin *pin);

/* Twice is once. -ENOSPC, -ENOMEM. */
int ph_trust_revoked_add(struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], const char *name, int64_t since);
/* -1: nobody is called so, or somebody who is revoked. */
int ph_trust_fail_unknown(
	const struct ph_trust *trust, const char *text, struct ph_error *error);

#endif
