#include <string.h>

#include "discovery/inner.h"

/* What proves an announcement: the ring's MAC, the signature, and what the
 * node's trust book says of the key. */

static enum ph_ring_verdict judge_ring(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	struct ph_discovery *discovery = context;

	for (size_t i = 0; i < discovery->ring_count; i++) {
		const struct ring_key *ring = &discovery->ring[i];

		if (ring->id != announcement->ring)
			continue;
		return ph_seal_announcement_member(data, length, ring->key)
			       ? PH_RING_MEMBER
			       : PH_RING_WRONG;
	}
	return PH_RING_UNKNOWN;
}

static bool judge_signature(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	return ph_seal_announcement_verify(
		data, length, announcement->id, announcement->key);
}

static enum ph_key_verdict judge_key(
	void *context, const uint8_t key[PH_PUBLIC_KEY])
{
	struct ph_discovery *discovery = context;

	return discovery->events.trust(discovery->events.context, key);
}

const struct ph_neighbours_judge judge = {
	judge_ring, judge_signature, judge_key};

void ph_discovery_set_ring(struct ph_discovery *discovery,
	const struct ph_discovery_key *keys, size_t count)
{
	bool another;

	if (count > RING_KEYS)
		count = RING_KEYS;
	another = count != discovery->ring_count;
	for (size_t i = 0; i < count; i++) {
		struct ring_key *ring = &discovery->ring[i];

		another |= ring->id != keys[i].id ||
			   memcmp(ring->key, keys[i].key, PH_SEAL_KEY) != 0;
		ring->id = keys[i].id;
		memcpy(ring->key, keys[i].key, PH_SEAL_KEY);
	}
	discovery->ring_count = count;
	/* Others know us by the MAC of the current key only. */
	if (another)
		content_changed(discovery);
}
