#ifndef PH_NODE_RACE_H
#define PH_NODE_RACE_H

#include "node/candidates.h"
#include "node/node.h"

/*
 * A carrier to a peer is dialled as a line is: its addresses race, in the order
 * of what is known of them (node/candidates.h), and the first where TLS stands
 * and proves its key wins. What came of each is told to the reach matrix.
 */
struct race;

struct race_events {
	/* Over: the carrier is yours (ph_carrier_retarget), or nobody answered.
	 * `reason`: negative errno, how the best address failed. */
	void (*on_won)(void *context, struct ph_carrier *carrier);
	void (*on_lost)(void *context, int reason, const char *why);
};

/* Dials until `due` (ns; 0: as long as the transport will). One of the events
 * follows, maybe before it returns. *out is the race as long as it goes on, and
 * NULL from just before the event on. `key`: filled with the one that the peer
 * must prove. `via`: as in node/lines.h. -ENOENT, -EHOSTUNREACH, -ENOMEM:
 * nothing follows. */
int race_start(struct race **out, struct ph_node *node, const char *peer,
	const char *via, int64_t due, const struct race_events *events,
	void *context, uint8_t key[PH_PUBLIC_KEY]);
/* Lets go of all; no event follows. NULL is harmless. */
void race_stop(struct race *race);

#endif
