#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/keys.h"
#include "node/peer.h"
#include "node/trust.h"

/*
 * What one node tells another of a third (mesh.news): its key, where it can be
 * dialled, a signed vouch, and its announcement, unchanged. But for what is
 * signed it is hearsay: it costs a dial, never trust.
 */

/* Peers that one peer can bring into the table by its word alone. */
#define ENTRY_HEARSAY	128u
#define ENTRY_ADDRESSES 4u

static void write_vouch(struct ph_writer *writer, struct ph_node *node,
	const uint8_t key[PH_PUBLIC_KEY])
{
	struct ph_vouch vouch;

	if (ph_trust_vouch_get(
		    node->trust, key, node->keys->seed, node->mesh, &vouch))
		return;
	ph_put_list(writer, "vouch");
	ph_vouch_write(writer, &vouch);
	ph_write_end(writer);
}

static void write_announcement(
	struct ph_writer *writer, struct ph_lines *lines, const char *id)
{
	const struct ph_lines_events *events = &lines->events;
	const uint8_t *bytes = NULL;
	size_t length = 0;

	if (events->announcement)
		bytes = events->announcement(events->context, id, &length);
	if (bytes)
		ph_put_bytes(writer, "announcement", bytes, length);
}

void entry_write(
	struct ph_writer *writer, struct ph_lines *lines, struct peer *peer)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", peer->name);
	ph_put_bytes(writer, "key", peer->key, sizeof(peer->key));
	ph_put_u64(writer, "epoch", peer->version.epoch);
	ph_put_int(writer, "content", peer->version.content);
	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < peer->candidates.count && i < ENTRY_ADDRESSES;
		i++)
		ph_write_text(writer, peer->candidates.list[i].address);
	ph_write_end(writer);
	write_vouch(writer, lines->node, peer->key);
	if (peer->version.sealed)
		write_announcement(writer, lines, peer->id);
	ph_write_end(writer);
}

void entry_write_own(struct ph_writer *writer, struct ph_lines *lines)
{
	struct ph_node *node = lines->node;

	ph_write_map(writer);
	ph_put_text(writer, "name", node->name);
	ph_put_bytes(writer, "key", node->key, sizeof(node->key));
	ph_put_u64(writer, "epoch", node->epoch);
	ph_put_int(writer, "content", lines->content);
	write_announcement(writer, lines, node->id);
	ph_write_end(writer);
}

static void became_member(struct peer *peer)
{
	peer_unsay(peer);
	peer_proven(peer, true);
	peer_save(peer);
	lines_tell_member(peer, true);
	lines_save_trust(peer->dialling.lines);
}

/* 1: it is a member now, 0: not yet, -1: refused. */
static int accept_vouch(struct ph_lines *lines, const struct ph_vouch *vouch)
{
	struct ph_node *node = lines->node;
	struct ph_error error;
	int accepted;

	if (memcmp(vouch->voucher, node->key, PH_PUBLIC_KEY) != 0 &&
		!ph_trust_find(node->trust, vouch->voucher))
		return 0;
	accepted = ph_trust_vouch_accept(node->trust, vouch, node->mesh,
		node->options.peer_role, ph_clock_wall(), &error);
	if (accepted > 0)
		ph_log_info("mesh", "vouched name=%s", vouch->name);
	else if (accepted < 0)
		ph_log_info("mesh", "vouch.refused name=%s because=\"%s\"",
			vouch->name, error.what);
	return accepted < 0 ? -1 : 1;
}

static void hear_vouch(struct peer *peer, struct ph_value list)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct ph_vouch vouch;
	int accepted;

	if (peer->active.proven || !ph_value_count(list) ||
		ph_vouch_read(&vouch, ph_value_at(list, 0)) ||
		memcmp(vouch.key, peer->key, PH_PUBLIC_KEY) != 0)
		return;
	accepted = accept_vouch(lines, &vouch);
	if (accepted > 0) {
		became_member(peer);
		return;
	}
	if (accepted < 0)
		return;
	if (!peer->vouch)
		peer->vouch = malloc(sizeof(*peer->vouch));
	if (peer->vouch)
		*peer->vouch = vouch;
}

static bool settle_one(struct ph_lines *lines, struct peer *peer)
{
	int accepted;

	if (!peer->vouch)
		return false;
	accepted = peer->active.proven ? -1 : accept_vouch(lines, peer->vouch);
	if (accepted) {
		free(peer->vouch);
		peer->vouch = NULL;
	}
	if (accepted <= 0)
		return false;
	became_member(peer);
	news_of(peer, NULL);
	return true;
}

void entry_settle(struct ph_lines *lines)
{
	bool progress = true;

	/* A chain of vouches comes in any order. */
	while (progress) {
		progress = false;
		for (struct peer *peer = lines->peers; peer;
			peer = peer->hh.next)
			progress |= settle_one(lines, peer);
	}
}

/* Known already, or new on one teller's word; he has so many words. */
static struct peer *find_peer(
	struct peer *teller, const uint8_t *key, const char *name, bool vouched)
{
	struct ph_lines *lines = teller->dialling.lines;
	char id[PH_NODE_ID_TEXT];
	struct peer *known = peer_find(lines, ph_node_id_text(id, key));

	if (known || !strcmp(id, lines->node->id))
		return known;
	if (!vouched) {
		if (teller->hearsay >= ENTRY_HEARSAY)
			return NULL;
		teller->hearsay++;
	}
	known = peer_get(lines, key, name);
	if (!vouched && known)
		memcpy(known->told_by, teller->id, sizeof(known->told_by));
	else if (!vouched)
		teller->hearsay--;
	return known;
}

static void hear_version(
	struct peer *teller, struct peer *peer, struct ph_value entry)
{
	struct ph_lines *lines = peer->dialling.lines;
	const struct ph_lines_events *events = &lines->events;
	struct version version = {.epoch = ph_get_u64(entry, "epoch"),
		.content = (uint32_t)ph_get_int(entry, "content")};
	size_t length;
	const uint8_t *bytes =
		ph_value_bytes(ph_value_get(entry, "announcement"), &length);

	if (bytes && events->on_announcement) {
		/* It speaks for itself, if it is sound. */
		events->on_announcement(
			events->context, bytes, length, teller->id);
		return;
	}
	/* What a node has signed is not outdone by hearsay of the same life. */
	if (peer->version.sealed && version.epoch == peer->version.epoch)
		return;
	if (!version_is_newer(&version, &peer->version))
		return;
	peer->version = version;
	news_of(peer, teller);
}

void entry_hear(struct peer *teller, struct ph_value entry)
{
	struct ph_lines *lines = teller->dialling.lines;
	struct ph_value vouch = ph_value_get(entry, "vouch");
	struct peer *peer;
	bool proven;
	char name[40];
	size_t length;
	const uint8_t *key =
		ph_value_bytes(ph_value_get(entry, "key"), &length);

	ph_get_copy(entry, "name", name, sizeof(name));
	if (length != PH_PUBLIC_KEY ||
		ph_trust_is_revoked(lines->node->trust, key) ||
		!ph_name_is_valid(name, strlen(name)))
		return;
	peer = find_peer(teller, key, name, ph_value_count(vouch) != 0);
	if (!peer)
		return;
	if (!peer->heard_by[0])
		snprintf(peer->heard_by, sizeof(peer->heard_by), "hearsay");
	proven = peer->active.proven;
	hear_vouch(peer, vouch);
	if (!proven && peer->active.proven)
		news_of(peer, teller);
	greet_hear_addresses(peer, teller, ph_value_get(entry, "addresses"),
		peer == teller && peer->session
			? ph_session_peer(peer->session)->address
			: "");
	hear_version(teller, peer, entry);
}
