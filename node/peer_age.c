#include <string.h>

#include "node/peer.h"

/*
 * Who is forgotten. Nobody who is proven goes for somebody who is not: members
 * that died or left stand back for other members only, those that are there for
 * nobody.
 */

/* Who is not proven, and was not by then, was made up or is gone. */
#define UNPROVEN_FOR (3600 * PH_SECOND)

static bool is_idle(const struct peer *peer)
{
	return !peer->line && !peer->session && !peer->waiting_count;
}

static bool is_gone(const struct peer *peer)
{
	return peer->presence == PH_PRESENCE_DEAD ||
	       peer->presence == PH_PRESENCE_LEFT;
}

struct peer *peer_to_forget(struct ph_lines *lines, bool for_member)
{
	struct peer *stranger = NULL;
	struct peer *gone = NULL;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (!is_idle(peer))
			continue;
		if (!peer->active.proven) {
			if (!stranger || peer->since < stranger->since)
				stranger = peer;
		} else if (is_gone(peer) &&
			   (!gone ||
				   peer->present_since < gone->present_since)) {
			gone = peer;
		}
	}
	if (stranger)
		return stranger;
	return for_member ? gone : NULL;
}

void peer_unsay(struct peer *peer)
{
	struct peer *teller = peer->told_by[0] ? peer_find(peer->dialling.lines,
							 peer->told_by)
					       : NULL;

	if (teller && teller->hearsay)
		teller->hearsay--;
	peer->told_by[0] = 0;
}

void peers_age(struct ph_lines *lines, int64_t wall)
{
	struct peer *peer, *next;

	HASH_ITER(hh, lines->peers, peer, next)
	{
		if (!peer->active.proven && is_idle(peer) &&
			!peer->dialling.racing &&
			wall - peer->since > UNPROVEN_FOR)
			peer_remove(peer);
	}
}
