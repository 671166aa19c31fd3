#include "node/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/reach.h"
#include "node/trust.h"

struct peer *peer_find(struct ph_lines *lines, const char *id)
{
	struct peer *peer;

	HASH_FIND_STR(lines->peers, id, peer);
	return peer;
}

/* By name or beginning of an id, of those that are proven or of the others.
 * Several that begin so: none, and `*many`. */
static struct peer *named_among(
	struct ph_lines *lines, const char *text, bool proven, bool *many)
{
	struct peer *found = NULL;
	size_t length = strlen(text);

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (peer->active.proven != proven)
			continue;
		if (!strcmp(peer->name, text))
			return peer;
		if (length < 8 || strncmp(peer->id, text, length) != 0)
			continue;
		*many |= found != NULL;
		found = peer;
	}
	return *many ? NULL : found;
}

/* A stranger calls itself what it likes, a member's name or id: it is meant
 * only if no member is. */
struct peer *peer_named(struct ph_lines *lines, const char *text)
{
	struct peer *found = peer_find(lines, text);
	bool many = false;

	if (!found)
		found = named_among(lines, text, true, &many);
	if (!found && !many)
		found = named_among(lines, text, false, &many);
	return found;
}

struct peer *peer_of_line(struct ph_lines *lines, uint64_t line)
{
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line && ph_line_id(peer->line) == line)
			return peer;
	return NULL;
}

static bool make_room(struct ph_lines *lines, const uint8_t *key)
{
	struct peer *peer = peer_to_forget(
		lines, ph_trust_find(lines->node->trust, key) != NULL);

	if (peer)
		peer_remove(peer);
	return peer != NULL;
}

struct peer *peer_get(
	struct ph_lines *lines, const uint8_t *key, const char *name)
{
	char text[PH_NODE_ID_TEXT];
	uint8_t id[PH_NODE_ID_BYTES];
	struct peer *peer;

	ph_node_id_text(text, key);
	peer = peer_find(lines, text);
	if (peer || !strcmp(text, lines->node->id) ||
		(HASH_COUNT(lines->peers) >= PEERS_MOST &&
			!make_room(lines, key)))
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	memcpy(peer->id, text, sizeof(peer->id));
	memcpy(peer->key, key, sizeof(peer->key));
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer->since = ph_clock_wall();
	dialling_init(&peer->dialling, lines, &peer->candidates);
	peer->dialling.peer = peer;
	ph_node_id(id, key);
	ph_active_add(lines->active, &peer->active, id,
		ph_loop_now(lines->node->loop));
	peer->active.proven = ph_trust_find(lines->node->trust, key) != NULL;
	HASH_ADD_STR(lines->peers, id, peer);
	peer_ask_presence(peer);
	lines_stir(lines);
	return peer;
}

/* A path means something on this host alone: nobody but its own people names
 * one. */
static bool is_dialable(
	const struct ph_address *address, enum ph_candidate_origin origin)
{
	return ph_scheme_is_ip(address->scheme)
		       ? address->port != 0
		       : address->scheme == PH_ADDRESS_UNIX &&
				 origin == PH_ORIGIN_CONFIGURED;
}

bool peer_add_address(struct peer *peer, const char *text,
	enum ph_candidate_origin origin, bool best)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct ph_address address;
	char canonical[128];

	if (ph_address_parse(&address, text) ||
		!is_dialable(&address, origin) ||
		!ph_candidates_add(&peer->candidates,
			ph_address_format(
				&address, canonical, sizeof(canonical)),
			origin, best))
		return false;
	peer->active.dialable = true;
	ph_active_changed(lines->active);
	lines_stir(lines);
	return true;
}

void peer_rank(struct peer *peer)
{
	if (peer->dialling.racing)
		return;
	ph_reach_rank(peer->dialling.lines->node->reach, peer->active.id,
		&peer->candidates);
	ph_candidates_sort(&peer->candidates);
}

void peer_proven(struct peer *peer, bool proven)
{
	struct ph_lines *lines = peer->dialling.lines;

	if (peer->active.proven == proven)
		return;
	peer->active.proven = proven;
	ph_active_changed(lines->active);
	lines_stir(lines);
}

void peer_hint(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;

	ph_active_hint(
		lines->active, &peer->active, ph_loop_now(lines->node->loop));
	lines_stir(lines);
}

static void unheard(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("lines", "word.unheard status=%d", status);
}

void lines_tell(struct ph_lines *lines, const char *destination,
	uint16_t method, struct ph_writer *writer)
{
	ph_call_send(lines->node->door, &ph_node_self, destination, method,
		writer, ph_loop_now(lines->node->loop), 10 * PH_SECOND, unheard,
		NULL);
}

/* Puts the finished map `inner` into a store.put. */
static int put_map(struct ph_lines *lines, const char *space, const char *key,
	struct ph_writer *inner, ph_answer_fn *kept, void *context)
{
	const uint8_t *data;
	struct ph_writer *writer;
	size_t length;
	int error;

	if (ph_writer_finish(inner, &data, &length) ||
		ph_writer_create(&writer))
		return -ENOMEM;
	ph_write_map(writer);
	ph_put_text(writer, "space", space);
	ph_put_text(writer, "key", key);
	ph_put_bytes(writer, "value", data, length);
	ph_write_end(writer);
	error = ph_call_send(lines->node->door, &ph_node_self, "", PH_STORE_PUT,
		writer, ph_loop_now(lines->node->loop), 10 * PH_SECOND, kept,
		context);
	ph_writer_free(writer);
	return error;
}

/* A save of the trust book on its way, and who waits for it. */
struct saving {
	struct ph_lines *lines;
	uint64_t revision;
	ph_answer_fn *kept; /* NULL: nobody */
	void *context;
};

/* Without its book a node that starts again lets in whom it has revoked, so a
 * save that came to nothing is tried until one is on the disk. */
static void on_saved(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct saving *saving = context;
	struct ph_lines *lines = saving->lines;

	/* What was saved since then holds it, too. */
	if (status && lines->saved == saving->revision) {
		lines->saved = saving->revision - 1;
		lines_save_again(lines);
	}
	if (saving->kept)
		saving->kept(saving->context, status, body, length);
	free(saving);
}

int lines_keep_trust(struct ph_lines *lines, ph_answer_fn *kept, void *context)
{
	struct saving *saving = malloc(sizeof(*saving));
	struct ph_writer *writer = NULL;
	int error = saving ? ph_writer_create(&writer) : -ENOMEM;

	if (!error) {
		*saving = (struct saving){
			.lines = lines,
			.revision = ph_trust_revision(lines->node->trust),
			.kept = kept,
			.context = context,
		};
		ph_trust_write(lines->node->trust, writer);
		error = put_map(
			lines, "trust", "book", writer, on_saved, saving);
	}
	ph_writer_free(writer);
	if (!error) {
		lines->saved = saving->revision;
		return 0;
	}
	free(saving);
	lines_save_again(lines);
	return error;
}

void peer_save(struct peer *peer)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "name", peer->name);
	ph_put_bytes(writer, "key", peer->key, sizeof(peer->key));
	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < peer->candidates.count; i++)
		ph_write_text(writer, peer->candidates.list[i].address);
	ph_write_end(writer);
	ph_write_end(writer);
	put_map(peer->dialling.lines, "peers", peer->id, writer, unheard, NULL);
	ph_writer_free(writer);
}

void ph_lines_remember(struct ph_lines *lines, struct ph_value entry)
{
	size_t length;
	const uint8_t *key =
		ph_value_bytes(ph_value_get(entry, "key"), &length);
	struct ph_value addresses = ph_value_get(entry, "addresses");
	struct peer *peer;
	char text[128];

	if (length != PH_PUBLIC_KEY || !ph_trust_find(lines->node->trust, key))
		return;
	peer = peer_get(lines, key, ph_get_copy(entry, "name", text, 40));
	if (!peer)
		return;
	snprintf(peer->heard_by, sizeof(peer->heard_by), "store");
	for (size_t i = 0; i < ph_value_count(addresses); i++)
		peer_add_address(peer,
			ph_value_copy(
				ph_value_at(addresses, i), text, sizeof(text)),
			PH_ORIGIN_GATHERED, false);
}
