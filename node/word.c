#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"

/*
 * The joint between lines and discovery: what discovery heard becomes peers
 * worth a dial, and what membership found out closes lines.
 */

void ph_lines_watch(
	struct ph_lines *lines, const struct ph_lines_events *events)
{
	lines->events = *events;
}

static bool is_news(const struct peer *peer, const struct ph_lines_word *word)
{
	if (peer->epoch != word->epoch)
		return word->epoch > peer->epoch;
	return word->content > peer->content;
}

int ph_lines_hear(struct ph_lines *lines, const struct ph_lines_word *word)
{
	struct peer *peer;

	if (!ph_name_is_valid(word->name, strlen(word->name)))
		return -EINVAL;
	if (ph_trust_is_revoked(lines->node->trust, word->key))
		return -EACCES;
	peer = peer_get(lines, word->key, word->name);
	if (!peer)
		return -ENOSPC;
	if (!peer->heard_by[0])
		snprintf(peer->heard_by, sizeof(peer->heard_by), "%s",
			word->heard_by);
	for (unsigned i = 0; i < word->address_count; i++)
		peer_add_address(peer, word->addresses[i], false);
	if (is_news(peer, word)) {
		peer->content = word->content;
		lines_gossip(lines);
	}
	peer_dial(peer);
	return 0;
}

void ph_lines_announced(struct ph_lines *lines, uint32_t content)
{
	lines->content = content;
	lines_gossip(lines);
}

void ph_lines_presence(struct ph_lines *lines, const char *id,
	enum ph_presence presence, int64_t since)
{
	struct peer *peer = peer_find(lines, id);
	bool gone =
		presence == PH_PRESENCE_DEAD || presence == PH_PRESENCE_LEFT;

	if (!peer)
		return;
	peer->presence = presence;
	peer->present_since = since;
	if (!gone)
		return;
	peer_hang_up(peer, presence == PH_PRESENCE_DEAD
				   ? "the other members hold it for dead"
				   : "it left");
	road_fail(peer);
}

void lines_tell_line(struct peer *peer, bool up)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;

	if (events->on_line)
		events->on_line(events->context, peer->id, peer->key, up);
}
