#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/epoch.h"
#include "node/keys.h"
#include "node/peer.h"
#include "node/trust.h"
#include "node/wires.h"
#include "proto/secret.h"

/*
 * mesh.greet: the first words on a line: who I am, where I can be dialled, and
 * the mesh's keyring. Whom I know follows by mesh.news (news.c), if the sums
 * differ. The ring and what was revoked (greet_ring.c) are said again when they
 * change.
 */

static void write_addresses(struct ph_writer *writer, struct ph_node *node)
{
	char addresses[8][128];
	unsigned count = ph_gate_addresses(node->gate, addresses, 8);

	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < count; i++)
		ph_write_text(writer, addresses[i]);
	ph_write_end(writer);
}

static void write_announcement(struct ph_writer *writer, struct ph_lines *lines)
{
	const struct ph_lines_events *events = &lines->events;
	const uint8_t *bytes;
	size_t length = 0;

	if (!events->announcement)
		return;
	bytes = events->announcement(events->context, lines->node->id, &length);
	if (bytes)
		ph_put_bytes(writer, "announcement", bytes, length);
}

/* Its state may be older than what is known of it (node/epoch.h). */
static uint64_t epoch_of(const struct peer *peer)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;
	uint64_t known =
		events->known_epoch
			? events->known_epoch(events->context, peer->id)
			: 0;

	return known > peer->highest ? known : peer->highest;
}

/* It said goodbye in that epoch, or another start of it greeted with it. */
static bool is_over(const struct peer *peer, uint64_t epoch)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;

	if (peer->doubled && peer->met == epoch)
		return true;
	return events->has_left && events->has_left(events->context, peer->id);
}

static void write_known(struct ph_writer *writer, const struct peer *peer)
{
	uint64_t epoch = epoch_of(peer);

	ph_put_u64(writer, "known", epoch);
	if (is_over(peer, epoch))
		ph_put_bool(writer, "over", true);
}

static void write_greeting(struct ph_writer *writer, struct ph_lines *lines,
	const struct peer *peer)
{
	struct ph_node *node = lines->node;

	ph_write_map(writer);
	ph_put_text(writer, "name", node->name);
	ph_put_u64(writer, "epoch", node->epoch);
	ph_put_int(writer, "content", lines->content);
	write_announcement(writer, lines);
	write_addresses(writer, node);
	greet_write_ring(writer, node);
	greet_write_revoked(writer, node);
	ph_put_u64(writer, "sum", news_sum(lines));
	ph_put_int(writer, "born", node->started);
	if (peer)
		write_known(writer, peer);
	ph_write_end(writer);
}

/* Whose line does not leave this machine is on it: its loopback is ours. */
static bool is_here(const struct peer *teller)
{
	struct ph_address from;
	const char *observed =
		teller->session ? ph_session_peer(teller->session)->address
				: "";

	return !strcmp(observed, "unix") ||
	       (!ph_address_parse(&from, observed) &&
		       ph_address_is_local(&from));
}

/* A listener on every interface is reached where its line comes from. What
 * leads nowhere but to the machine that dials it is no address of another. */
static void add_own_address(struct peer *peer, const struct peer *teller,
	const char *text, const char *observed)
{
	struct ph_address address;
	struct ph_address from;
	enum ph_candidate_origin origin = PH_ORIGIN_GATHERED;
	char dialable[128];

	if (ph_address_parse(&address, text))
		return;
	if (ph_scheme_is_ip(address.scheme) &&
		(!strcmp(address.host, "::") ||
			!strcmp(address.host, "0.0.0.0") || !address.host[0])) {
		if (ph_address_parse(&from, observed))
			return;
		memcpy(address.host, from.host, sizeof(address.host));
		origin = PH_ORIGIN_OBSERVED;
	} else if (!ph_address_is_tellable(&address) &&
		   !(ph_address_is_local(&address) && is_here(teller))) {
		return;
	}
	if (!peer_add_address(peer,
		    ph_address_format(&address, dialable, sizeof(dialable)),
		    origin, false))
		return;
	if (!peer->line)
		peer_hint(peer);
	if (peer->active.proven)
		peer_save(peer);
}

void greet_hear_addresses(struct peer *peer, const struct peer *teller,
	struct ph_value list, const char *observed)
{
	char text[128];

	for (size_t i = 0; i < ph_value_count(list) && i < PH_CANDIDATES; i++)
		add_own_address(peer, teller,
			ph_value_copy(ph_value_at(list, i), text, sizeof(text)),
			observed);
}

/* How often it has started: what an earlier life began is over. */
static void hear_epoch(struct peer *peer, uint64_t epoch, int64_t born)
{
	peer->doubled = peer->met == epoch &&
			(peer->doubled || (peer->born && peer->born != born));
	peer->born = born;
	if (peer->met && peer->met != epoch) {
		ph_wires_peer_anew(
			peer->dialling.lines->node->wires, peer->name);
		reach_tell_anew(peer);
		peer_back(peer);
	}
	peer->met = epoch;
}

/* Its own word for its own version, over its own line. */
static void hear_version(struct peer *peer, struct ph_value greeting)
{
	struct ph_lines *lines = peer->dialling.lines;
	const struct ph_lines_events *events = &lines->events;
	struct version version = {.epoch = ph_get_u64(greeting, "epoch"),
		.content = (uint32_t)ph_get_int(greeting, "content")};
	size_t length;
	const uint8_t *bytes =
		ph_value_bytes(ph_value_get(greeting, "announcement"), &length);

	if (peer->version.epoch > peer->highest)
		peer->highest = peer->version.epoch;
	hear_epoch(peer, version.epoch, ph_get_int(greeting, "born"));
	if (bytes && events->on_announcement)
		events->on_announcement(
			events->context, bytes, length, peer->id);
	if (version.epoch == peer->version.epoch &&
		version.content <= peer->version.content)
		return;
	peer->version = version;
	news_of(peer, NULL);
}

static void tell_located(const struct peer *peer)
{
	const struct ph_lines_events *events = &peer->dialling.lines->events;

	if (events->on_located)
		events->on_located(events->context, peer->id);
}

static void hear_greeting(struct peer *peer, struct ph_value greeting)
{
	if (!peer->session)
		return;
	greet_hear_addresses(peer, peer, ph_value_get(greeting, "addresses"),
		ph_session_peer(peer->session)->address);
	ph_epoch_known(peer->dialling.lines->node, peer->name,
		ph_get_u64(greeting, "known"), ph_get_bool(greeting, "over"));
	hear_version(peer, greeting);
	tell_located(peer);
	/* Its announcement may have been its goodbye. */
	if (!peer->line)
		return;
	greet_hear_ring(peer, ph_value_get(greeting, "keys"));
	if (!ph_value_count(ph_value_get(greeting, "keys")))
		greet_hear_no_ring(peer);
	news_compare(peer, ph_get_u64(greeting, "sum"));
	lines_save_trust(peer->dialling.lines);
	/* Last: it may take this very peer away. */
	greet_hear_revoked(peer, ph_value_get(greeting, "revoked"));
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
	write_greeting(writer, lines, peer_of_line(lines, call->caller->line));
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

/* Ring, revocations and addresses wait for nothing else on this line. */
#define GREET_AGAIN PH_SECOND

static void greeting_due(struct ph_timer *timer)
{
	struct peer *peer = (struct peer *)((char *)timer -
					    offsetof(struct peer, greeting));

	if (peer->line)
		greet_peer(peer);
}

static void greet_again(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;

	if (!peer->line || lines->closed)
		return;
	peer->greeting.on_due = greeting_due;
	ph_timer_start(lines->node->loop, &peer->greeting,
		ph_loop_now(lines->node->loop) + GREET_AGAIN);
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

	if (status && peer) {
		greet_again(peer);
	} else if (peer &&
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
		greet_again(peer);
		return;
	}
	greeted->lines = lines;
	memcpy(greeted->id, peer->id, sizeof(greeted->id));
	write_greeting(writer, lines, peer);
	error = ph_call_send(lines->node->door, &ph_node_self, peer->id,
		PH_MESH_GREET, writer, ph_loop_now(lines->node->loop),
		10 * PH_SECOND, on_greeted, greeted);
	ph_writer_free(writer);
	if (error) {
		free(greeted);
		greet_again(peer);
	}
}

void ph_lines_anew(struct ph_lines *lines)
{
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line)
			greet_peer(peer);
	news_of_own(lines);
}

void greet_serve(struct ph_lines *lines)
{
	ph_door_serve(lines->node->door, PH_MESH_GREET, serve_greet, lines);
}
