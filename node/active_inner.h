#ifndef PH_NODE_ACTIVE_INNER_H
#define PH_NODE_ACTIVE_INNER_H

#include <string.h>

#include "node/active.h"

/*
 * Inside of node/active.h: active.c takes the events and tells what to do,
 * active_choose.c chooses whom to have a line with.
 */
struct ph_active {
	uint8_t self[PH_NODE_ID_BYTES];
	uint64_t place[PH_ACTIVE_CIRCLES];
	struct ph_active_peer *peers[PH_ACTIVE_PEERS];
	unsigned count;
	uint64_t random;
	bool changed;
};

/* Membership says so, or it did itself. */
static inline bool ph_active_is_gone(const struct ph_active_peer *peer)
{
	return peer->left || peer->dead;
}

/* How long it is left to the other side to dial. */
static inline int64_t ph_active_courtesy(
	const struct ph_active *active, const struct ph_active_peer *peer)
{
	return memcmp(active->self, peer->id, PH_NODE_ID_BYTES) > 0
		       ? PH_ACTIVE_COURTESY
		       : 0;
}

/* active_choose.c */
/* Where it stands on every circle. */
void ph_active_places(
	uint64_t place[PH_ACTIVE_CIRCLES], const uint8_t id[PH_NODE_ID_BYTES]);
/* Marks whom to have a line with, if something changed since. */
void ph_active_choose(struct ph_active *active, int64_t now);

#endif
