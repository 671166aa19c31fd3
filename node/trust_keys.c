#include "node/trust.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "node/trust_table.h"

/* The ring: ascending by id, the four lowest. Of two keys with one id the lower
 * one stays, so that the order of merging never matters. A node's own key that
 * nobody was given yet is no part of that: it gives way to what others have. */

size_t ph_trust_ring(
	const struct ph_trust *trust, struct ph_ring_key out[PH_TRUST_RING])
{
	memcpy(out, trust->secrets->ring,
		trust->ring_count * sizeof(struct ph_ring_key));
	return trust->ring_count;
}

static bool ring_insert(struct ph_trust *trust, const struct ph_ring_key *key)
{
	struct ph_ring_key *ring = trust->secrets->ring;
	size_t at = 0;

	while (at < trust->ring_count && ring[at].id < key->id)
		at++;
	if (at == PH_TRUST_RING)
		return false;
	if (at < trust->ring_count && ring[at].id == key->id) {
		if (sodium_compare(key->key, ring[at].key, PH_RING_KEY) >= 0)
			return false;
	} else {
		if (trust->ring_count < PH_TRUST_RING)
			trust->ring_count++;
		memmove(&ring[at + 1], &ring[at],
			(trust->ring_count - at - 1) * sizeof(*ring));
	}
	ring[at] = *key;
	trust->revision++;
	return true;
}

bool ph_trust_ring_merge(struct ph_trust *trust, const struct ph_ring_key *key)
{
	if (key->id == 0)
		return false;
	if (trust->ring_own)
		trust->ring_count = 0;
	trust->ring_own = false;
	return ring_insert(trust, key);
}

int ph_trust_ring_rotate(struct ph_trust *trust, const uint8_t random[8],
	const uint8_t key[PH_RING_KEY])
{
	struct ph_ring_key fresh = {.id = UINT64_MAX / 2};
	uint64_t step = 0;

	/* Far apart, so that two that rotate at once hardly meet, and small
	 * beside 2^63, so that there is always a next one: 2^40 at most. */
	for (unsigned i = 0; i < 5; i++)
		step = step << 8 | random[i];
	if (trust->ring_count)
		fresh.id = trust->secrets->ring[0].id;
	if (fresh.id <= step + 1)
		return -ERANGE;
	fresh.id -= step + 1;
	memcpy(fresh.key, key, sizeof(fresh.key));
	ring_insert(trust, &fresh);
	sodium_memzero(&fresh, sizeof(fresh));
	return 0;
}

int ph_trust_ring_begin(struct ph_trust *trust, const uint8_t random[8],
	const uint8_t key[PH_RING_KEY])
{
	if (trust->ring_count)
		return 0;
	trust->ring_own = true;
	return ph_trust_ring_rotate(trust, random, key);
}

bool ph_trust_ring_is_own(const struct ph_trust *trust)
{
	return trust->ring_own;
}

void ph_trust_ring_give(struct ph_trust *trust)
{
	if (trust->ring_own)
		trust->revision++;
	trust->ring_own = false;
}

/* Secrets of the passphrase. */

void ph_trust_set_secret(
	struct ph_trust *trust, const uint8_t secret[PH_MESH_SECRET])
{
	uint8_t *current = trust->secrets->slot[0];

	if (trust->slots && sodium_memcmp(current, secret, PH_MESH_SECRET) == 0)
		return;
	memcpy(current, secret, PH_MESH_SECRET);
	if (trust->slots == 0)
		trust->slots = 1;
	trust->revision++;
}

void ph_trust_rotate(struct ph_trust *trust,
	const uint8_t secret[PH_MESH_SECRET], int64_t now)
{
	uint8_t(*slot)[PH_MESH_SECRET] = trust->secrets->slot;

	if (trust->slots == 0) {
		ph_trust_set_secret(trust, secret);
		return;
	}
	if (sodium_memcmp(slot[0], secret, PH_MESH_SECRET) == 0)
		return;
	memcpy(slot[1], slot[0], PH_MESH_SECRET);
	memcpy(slot[0], secret, PH_MESH_SECRET);
	trust->slots = 2;
	trust->rotated = now;
	trust->revision++;
}

bool ph_trust_is_retired(
	const struct ph_trust *trust, const uint8_t secret[PH_MESH_SECRET])
{
	return trust->slots == 2 && sodium_memcmp(trust->secrets->slot[1],
					    secret, PH_MESH_SECRET) == 0;
}

unsigned ph_trust_secrets(const struct ph_trust *trust, int64_t now,
	uint8_t out[2][PH_MESH_SECRET])
{
	int64_t age = now - trust->rotated;
	unsigned count = trust->slots;

	/* A clock set back closes the window rather than holding it open. */
	if (count == 2 && (age < 0 || age >= PH_TRUST_PREVIOUS_FOR))
		count = 1;
	memcpy(out, trust->secrets->slot, count * PH_MESH_SECRET);
	return count;
}
