#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"
#include "node/wires.h"

/*
 * The joint between lines and discovery: what discovery heard becomes peers
 * worth a dial, and what membership found out closes lines.
 */

void ph_lines_watch(
	struct ph_lines *lines, const struct ph_lines_events *events)
{
	lines->events = *events;
}

bool version_is_newer(const struct version *a, const struct version *b)
{
	if (a->epoch != b->epoch)
		return a->epoch > b->epoch;
	if (a->content != b->content)
		return a->content > b->content;
	return a->sealed && !b->sealed;
}

/* The carrier runs to an address where its node says it is no more. */
static bool is_left(void *context, const struct ph_carrier *carrier)
{
	const struct peer *peer = context;
	struct ph_carrier_info info;
	struct ph_address to;
	struct ph_address old;

	ph_carrier_info(carrier, &info);
	if (ph_address_parse(&to, info.peer))
		return false;
	for (unsigned i = 0; i < peer->candidates.count; i++)
		if (peer->candidates.list[i].withdrawn &&
			!ph_address_parse(
				&old, peer->candidates.list[i].address) &&
			!strcmp(old.host, to.host))
			return true;
	return false;
}

/* TCP would find out after a quarter of a minute. */
static void leave_old_addresses(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;

	if (peer->line && is_left(peer, ph_session_carrier(peer->session))) {
		peer_hang_up(peer, "it left that address");
		peer_hint(peer);
	}
	ph_wires_abandon(lines->node->wires, is_left, peer);
}

int ph_lines_hear(struct ph_lines *lines, const struct ph_lines_word *word)
{
	struct version version = {word->epoch, word->content, true};
	struct peer *peer;
	bool fresh = false;

	if (!ph_name_is_valid(word->name, strlen(word->name)))
		return -EINVAL;
	if (ph_trust_is_revoked(lines->node->trust, word->key))
		return -EACCES;
	peer = peer_get(lines, word->key, word->name);
	if (!peer)
		return -ENOSPC;
	peer->active.repeated |= word->repeated;
	if (!peer->heard_by[0])
		snprintf(peer->heard_by, sizeof(peer->heard_by), "%s",
			word->heard_by);
	for (unsigned i = 0; i < word->address_count; i++)
		fresh |= peer_add_address(
			peer, word->addresses[i], PH_ORIGIN_GATHERED, false);
	if (ph_candidates_announced(
		    &peer->candidates, word->addresses, word->address_count) &&
		peer->active.proven)
		leave_old_addresses(peer);
	if (version_is_newer(&version, &peer->version)) {
		peer->version = version;
		news_of(peer, NULL);
	}
	if (fresh && peer->active.proven)
		peer_save(peer);
	if (fresh && !peer->line)
		peer_hint(peer);
	return 0;
}

void ph_lines_unheard(struct ph_lines *lines, const char *id)
{
	struct peer *peer = peer_find(lines, id);

	if (peer && !peer->active.proven && !peer->line && !peer->waiting_count)
		peer_remove(peer);
}

void ph_lines_pace(struct ph_lines *lines, const char *id, bool calm)
{
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->session && (!id || !strcmp(peer->id, id)))
			ph_carrier_pace(
				ph_session_carrier(peer->session), calm);
}

void ph_lines_announced(struct ph_lines *lines, uint32_t content)
{
	lines->content = content;
	/* The last that is announced is the goodbye: no time for offers. */
	if (lines->leaving)
		news_tell_own(lines);
	else
		news_of_own(lines);
}

/* Membership watches it. */
static bool is_watched(const struct peer *peer)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;
	int64_t since;

	return !events->presence || events->presence(events->context, peer->id,
					    &since) != PH_PRESENCE_UNKNOWN;
}

/* Who left is dialled no more: it will be heard when it is back. But whom
 * membership does not watch is not to be heard by datagrams. */
static void peer_present(
	struct peer *peer, enum ph_presence presence, int64_t since)
{
	bool left = presence == PH_PRESENCE_LEFT;

	peer->presence = presence;
	peer->present_since = since;
	peer->active.left = left && is_watched(peer);
	peer->active.dead =
		presence == PH_PRESENCE_DEAD || (left && !peer->active.left);
}

/* Whom membership met first, by an announcement that proves itself, it told of
 * when there was no such peer yet. */
void peer_ask_presence(struct peer *peer)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;
	enum ph_presence presence;
	int64_t since = 0;

	if (!events->presence)
		return;
	presence = events->presence(events->context, peer->id, &since);
	if (presence != PH_PRESENCE_UNKNOWN)
		peer_present(peer, presence, since);
}

/* It began anew. */
void peer_back(struct peer *peer)
{
	if (peer->presence == PH_PRESENCE_LEFT && !is_watched(peer))
		peer_present(peer, PH_PRESENCE_UNKNOWN, 0);
}

void ph_lines_presence(struct ph_lines *lines, const char *id,
	enum ph_presence presence, int64_t since)
{
	struct peer *peer = peer_find(lines, id);
	bool gone =
		presence == PH_PRESENCE_DEAD || presence == PH_PRESENCE_LEFT;

	if (!peer)
		return;
	peer_present(peer, presence, since);
	ph_active_changed(lines->active);
	lines_stir(lines);
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

void lines_tell_member(struct peer *peer, bool member)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;

	if (events->on_member)
		events->on_member(events->context, peer->id, peer->key, member);
}
