#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/keys.h"
#include "node/peer.h"
#include "node/trust.h"
#include "node/wires.h"
#include "proto/secret.h"

/*
 * mesh.greet: the first words on a line, said again when there is news: who I
 * am, where I can be dialled, whom I have proven (with a signed vouch where the
 * passphrase proved them), and the mesh's keyring. What it says of others is
 * hearsay: it costs a dial, never trust.
 */
#define GREET_PEERS   64u
#define GREET_REVOKED 256u
/* Peers that one peer can bring into the table while it is known. */
#define GREET_HEARSAY 128u

static void write_addresses(struct ph_writer *writer, struct ph_node *node)
{
	char addresses[8][128];
	unsigned count = ph_gate_addresses(node->gate, addresses, 8);

	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < count; i++)
		ph_write_text(writer, addresses[i]);
	ph_write_end(writer);
}

/* A vouch, where this node itself has seen the passphrase proven. */
static void write_vouch(struct ph_writer *writer, struct ph_node *node,
	const struct ph_pin *pin)
{
	struct ph_vouch vouch = {.issued = pin->first_seen};

	if (pin->origin != PH_BY_PASSPHRASE)
		return;
	memcpy(vouch.key, pin->key, sizeof(vouch.key));
	memcpy(vouch.voucher, node->key, sizeof(vouch.voucher));
	snprintf(vouch.name, sizeof(vouch.name), "%s", pin->name);
	if (ph_vouch_sign(&vouch, node->keys->seed, node->mesh))
		return;
	ph_put_list(writer, "vouch");
	ph_vouch_write(writer, &vouch);
	ph_write_end(writer);
}

static void write_peers(struct ph_writer *writer, struct ph_lines *lines)
{
	unsigned told = 0;

	ph_put_list(writer, "peers");
	for (struct peer *peer = lines->peers; peer && told < GREET_PEERS;
		peer = peer->hh.next) {
		const struct ph_pin *pin =
			ph_trust_find(lines->node->trust, peer->key);

		if (!pin || !peer->address_count)
			continue;
		told++;
		ph_write_map(writer);
		ph_put_text(writer, "name", peer->name);
		ph_put_bytes(writer, "key", peer->key, sizeof(peer->key));
		ph_put_list(writer, "addresses");
		for (unsigned i = 0; i < peer->address_count && i < 4; i++)
			ph_write_text(writer, peer->addresses[i]);
		ph_write_end(writer);
		write_vouch(writer, lines->node, pin);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void write_ring(struct ph_writer *writer, struct ph_node *node)
{
	struct ph_ring_key ring[PH_TRUST_RING];
	size_t count = ph_trust_ring(node->trust, ring);

	ph_put_list(writer, "keys");
	for (size_t i = 0; i < count; i++) {
		ph_write_map(writer);
		ph_put_u64(writer, "id", ring[i].id);
		ph_put_bytes(writer, "key", ring[i].key, PH_RING_KEY);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_wipe(ring, sizeof(ring));
}

/* A revocation must reach everybody; the newest matter most. */
static void write_revoked(struct ph_writer *writer, struct ph_node *node)
{
	const uint8_t *key;
	size_t count = 0;

	while (ph_trust_revoked_at(node->trust, count))
		count++;
	ph_put_list(writer, "revoked");
	for (size_t i = count > GREET_REVOKED ? count - GREET_REVOKED : 0;
		(key = ph_trust_revoked_at(node->trust, i)); i++)
		ph_write_bytes(writer, key, PH_PUBLIC_KEY);
	ph_write_end(writer);
}

static void write_greeting(struct ph_writer *writer, struct ph_lines *lines)
{
	struct ph_node *node = lines->node;

	ph_write_map(writer);
	ph_put_text(writer, "name", node->name);
	ph_put_u64(writer, "epoch", node->epoch);
	write_addresses(writer, node);
	write_peers(writer, lines);
	write_ring(writer, node);
	write_revoked(writer, node);
	ph_write_end(writer);
}

/* A listener on every interface is reached where its line comes from. */
static void add_own_address(
	struct peer *peer, const char *text, const char *observed)
{
	struct ph_address address;
	struct ph_address from;
	char dialable[128];

	if (ph_address_parse(&address, text))
		return;
	if (address.scheme == PH_ADDRESS_TCP &&
		(!strcmp(address.host, "::") ||
			!strcmp(address.host, "0.0.0.0") || !address.host[0])) {
		if (ph_address_parse(&from, observed))
			return;
		memcpy(address.host, from.host, sizeof(address.host));
	}
	peer_add_address(peer,
		ph_address_format(&address, dialable, sizeof(dialable)), false);
}

static void hear_address_list(
	struct peer *peer, struct ph_value list, const char *observed)
{
	char text[128];

	for (size_t i = 0; i < ph_value_count(list) && i < 8; i++)
		add_own_address(peer,
			ph_value_copy(ph_value_at(list, i), text, sizeof(text)),
			observed);
}

static void hear_vouch(struct ph_lines *lines, struct ph_value list)
{
	struct ph_node *node = lines->node;
	struct ph_error error;
	struct ph_vouch vouch;

	if (!ph_value_count(list) ||
		ph_vouch_read(&vouch, ph_value_at(list, 0)))
		return;
	if (ph_trust_vouch_accept(node->trust, &vouch, node->mesh,
		    node->options.peer_role, ph_clock_wall(), &error) > 0)
		ph_log_info("mesh", "vouched name=%s", vouch.name);
}

/* Known already, or new on one teller's word; he has so many words. */
static struct peer *hearsay_peer(
	struct peer *teller, const uint8_t *key, const char *name)
{
	struct ph_lines *lines = teller->dialling.lines;
	char id[PH_NODE_ID_TEXT];
	struct peer *known = peer_find(lines, ph_node_id_text(id, key));

	if (known || !strcmp(id, lines->node->id) ||
		teller->hearsay >= GREET_HEARSAY)
		return known;
	teller->hearsay++;
	return peer_get(lines, key, name);
}

static void hear_peer(struct peer *teller, struct ph_value entry)
{
	struct ph_lines *lines = teller->dialling.lines;
	struct ph_value addresses = ph_value_get(entry, "addresses");
	struct peer *peer;
	char name[40];
	size_t length;
	const uint8_t *key =
		ph_value_bytes(ph_value_get(entry, "key"), &length);

	if (length != PH_PUBLIC_KEY ||
		ph_trust_is_revoked(lines->node->trust, key))
		return;
	hear_vouch(lines, ph_value_get(entry, "vouch"));
	ph_get_copy(entry, "name", name, sizeof(name));
	if (!ph_name_is_valid(name, strlen(name)))
		return;
	peer = hearsay_peer(teller, key, name);
	if (!peer || peer->line)
		return;
	if (!peer->heard_by[0])
		snprintf(peer->heard_by, sizeof(peer->heard_by), "hearsay");
	hear_address_list(peer, addresses, "");
	peer_dial(peer);
}

static void hear_ring(struct peer *teller, struct ph_value list)
{
	struct ph_lines *lines = teller->dialling.lines;

	/* The lowest id is current: who may say one chooses the mesh's key. */
	if (ph_line_caller(teller->line)->role < PH_ROLE_EXEC)
		return;
	for (size_t i = 0; i < ph_value_count(list) && i < 8; i++) {
		struct ph_value entry = ph_value_at(list, i);
		struct ph_ring_key key = {.id = ph_get_u64(entry, "id")};
		size_t length;
		const uint8_t *bytes =
			ph_value_bytes(ph_value_get(entry, "key"), &length);

		if (length != PH_RING_KEY)
			continue;
		memcpy(key.key, bytes, PH_RING_KEY);
		ph_trust_ring_merge(lines->node->trust, &key);
		ph_wipe(&key, sizeof(key));
	}
}

/* Only who may run programs here anyway is believed about others' keys. */
static void hear_revoked(struct peer *peer, struct ph_value list)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct ph_error error;
	char text[2 * PH_PUBLIC_KEY + 1];

	if (ph_line_caller(peer->line)->role < PH_ROLE_EXEC)
		return;
	for (size_t i = 0; i < ph_value_count(list) && i < GREET_REVOKED; i++) {
		size_t length;
		const uint8_t *key =
			ph_value_bytes(ph_value_at(list, i), &length);

		if (length != PH_PUBLIC_KEY ||
			ph_trust_is_revoked(lines->node->trust, key))
			continue;
		for (size_t k = 0; k < length; k++)
			snprintf(text + 2 * k, 3, "%02x", key[k]);
		if (mesh_revoke(lines, text, &error))
			ph_log_warn("mesh", "revoke.unheard because=\"%s\"",
				error.what);
	}
}

/* How often it has started: what an earlier life began is over. */
static void hear_epoch(struct peer *peer, uint64_t epoch)
{
	if (peer->epoch && peer->epoch != epoch)
		ph_wires_peer_anew(
			peer->dialling.lines->node->wires, peer->name);
	peer->epoch = epoch;
}

static void hear_greeting(struct peer *peer, struct ph_value greeting)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct ph_value peers = ph_value_get(greeting, "peers");
	unsigned before = peer->address_count;
	unsigned known = HASH_COUNT(lines->peers);

	if (!peer->session)
		return;
	hear_epoch(peer, ph_get_u64(greeting, "epoch"));
	hear_address_list(peer, ph_value_get(greeting, "addresses"),
		ph_session_peer(peer->session)->address);
	hear_ring(peer, ph_value_get(greeting, "keys"));
	for (size_t i = 0; i < ph_value_count(peers) && i < GREET_PEERS; i++)
		hear_peer(peer, ph_value_at(peers, i));
	if (peer->address_count != before) {
		peer_save(peer);
		/* Others can reach it now: tell them. */
		lines_gossip(lines);
	} else if (HASH_COUNT(lines->peers) != known) {
		lines_gossip(lines);
	}
	lines_save_trust(lines);
	/* Last: it may take this very peer away. */
	hear_revoked(peer, ph_value_get(greeting, "revoked"));
}

static void serve_greet(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_request request;
	struct ph_writer *writer;
	struct peer *peer = peer_of_line(lines, call->caller->line);

	if (ph_request_open(&request, lines->node->door, ticket, call))
		return;
	if (peer)
		hear_greeting(peer, request.arguments);
	ph_request_close(&request);
	if (ph_writer_create(&writer))
		return;
	write_greeting(writer, lines);
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

struct greeted {
	struct ph_lines *lines;
	char id[PH_NODE_ID_TEXT];
};

static void on_greeted(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct greeted *greeted = context;
	struct peer *peer = peer_find(greeted->lines, greeted->id);
	struct ph_document *document;

	if (!status && peer &&
		!ph_document_read(&document, body, length, PH_SKIM_PEER)) {
		hear_greeting(peer, ph_document_root(document));
		ph_document_free(document);
	}
	free(greeted);
}

void greet_peer(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct greeted *greeted = calloc(1, sizeof(*greeted));
	struct ph_writer *writer;
	int error;

	if (!greeted || ph_writer_create(&writer)) {
		free(greeted);
		return;
	}
	greeted->lines = lines;
	memcpy(greeted->id, peer->id, sizeof(greeted->id));
	write_greeting(writer, lines);
	error = ph_call_send(lines->node->door, &ph_node_self, peer->id,
		PH_MESH_GREET, writer, ph_loop_now(lines->node->loop),
		10 * PH_SECOND, on_greeted, greeted);
	ph_writer_free(writer);
	if (error)
		free(greeted);
}

void greet_serve(struct ph_lines *lines)
{
	ph_door_serve(lines->node->door, PH_MESH_GREET, serve_greet, lines);
}
