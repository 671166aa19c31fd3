#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/alike.h"
#include "node/reach_inner.h"
#include "node/trust.h"

/*
 * What people ask: reach.list, every row of the matrix, and reach.why, what
 * stands between this node and one other (`doctor` makes a page of it).
 */
struct listing {
	struct ph_reachability *reach;
	struct ph_writer *writer;
	struct peer *peer; /* whose candidates are written */
	const char *to;
};

/* The name of a node, or its id when it has none here. */
static const char *name_of(struct ph_reachability *reach,
	const uint8_t id[PH_NODE_ID_BYTES], char text[PH_NODE_ID_TEXT])
{
	struct peer *peer;

	for (unsigned i = 0; i < PH_NODE_ID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	if (!memcmp(id, reach->self, PH_NODE_ID_BYTES))
		return reach->node->name;
	peer = peer_find(reach->node->lines, text);
	return peer ? peer->name : text;
}

static struct ph_candidate *candidate_of(
	struct peer *peer, const struct ph_reach_row *point)
{
	for (unsigned i = 0; peer && i < peer->candidates.count; i++) {
		struct ph_candidate *candidate = &peer->candidates.list[i];
		struct ph_address address;
		struct ph_reach_row at;

		if (!ph_address_parse(&address, candidate->address) &&
			!reach_point(&at, &address) && at.port == point->port &&
			at.transport == point->transport &&
			!strcmp(at.address, point->address))
			return candidate;
	}
	return NULL;
}

static void put_candidate(
	struct ph_writer *writer, const struct ph_candidate *candidate)
{
	if (!candidate)
		return;
	ph_put_text(writer, "origin", ph_origin_name(candidate->origin));
	if (candidate->observer[0])
		ph_put_text(writer, "observer", candidate->observer);
	ph_put_int(writer, "priority", candidate->priority);
	ph_put_bool(writer, "withdrawn", candidate->withdrawn);
}

static void put_point(
	struct ph_writer *writer, const struct ph_reach_row *point)
{
	ph_put_text(writer, "address", point->address);
	ph_put_int(writer, "port", point->port);
	ph_put_text(writer, "transport",
		ph_reach_transport_name(
			(enum ph_reach_transport)point->transport));
	ph_put_text(writer, "verdict",
		ph_verdict_name((enum ph_verdict)point->verdict));
	ph_put_text(
		writer, "error", point->error ? strerror(point->error) : "");
	ph_put_int(writer, "rtt_us", point->rtt_us);
}

static void write_row(void *context, const uint8_t to[PH_NODE_ID_BYTES],
	const struct ph_matrix_row *row)
{
	struct listing *listing = context;
	struct ph_reachability *reach = listing->reach;
	struct ph_writer *writer = listing->writer;
	int64_t now = ph_loop_now(reach->node->loop);
	char from[PH_NODE_ID_TEXT];
	char id[PH_NODE_ID_TEXT];
	const char *name = name_of(reach, to, id);

	ph_write_map(writer);
	ph_put_text(writer, "from", name_of(reach, row->from, from));
	ph_put_text(writer, "to", name);
	ph_put_text(writer, "id", id);
	ph_put_bool(writer, "own", row->own);
	put_point(writer, &row->point);
	ph_put_int(
		writer, "checked_at", ph_clock_wall() - (now - row->checked));
	ph_put_bool(
		writer, "fresh", ph_matrix_is_fresh(reach->matrix, row, now));
	ph_put_bool(writer, "stale", row->stale);
	ph_put_int(writer, "average", row->average);
	if (row->own)
		put_candidate(
			writer, candidate_of(peer_find(reach->node->lines, id),
					&row->point));
	ph_write_end(writer);
}

/* What nobody tried from here. */
static void write_untried(struct listing *listing, struct peer *peer,
	const struct ph_candidate *candidate)
{
	struct ph_reachability *reach = listing->reach;
	struct ph_writer *writer = listing->writer;
	struct ph_address address;
	struct ph_reach_row point;

	if (ph_address_parse(&address, candidate->address) ||
		reach_point(&point, &address) ||
		ph_matrix_find(reach->matrix, peer->active.id, &point))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "from", reach->node->name);
	ph_put_text(writer, "to", peer->name);
	ph_put_text(writer, "id", peer->id);
	ph_put_bool(writer, "own", true);
	put_point(writer, &point);
	ph_put_bool(writer, "fresh", false);
	put_candidate(writer, candidate);
	ph_write_end(writer);
}

static void write_untried_all(struct listing *listing, const struct peer *only)
{
	struct peer *peer = listing->reach->node->lines->peers;

	for (; peer; peer = peer->hh.next) {
		if (only && peer != only)
			continue;
		if (!peer->dialling.racing)
			peer_rank(peer);
		for (unsigned i = 0; i < peer->candidates.count; i++)
			write_untried(listing, peer, &peer->candidates.list[i]);
	}
}

static void write_list(struct ph_reachability *reach, struct ph_writer *writer,
	const struct peer *peer, const uint8_t *id)
{
	struct listing listing = {.reach = reach, .writer = writer};

	reach_refresh(reach);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	write_untried_all(&listing, peer);
	ph_matrix_each(reach->matrix, id, write_row, &listing);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_reachability *reach = context;
	struct ph_node *node = reach->node;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_error error;
	struct peer *peer = NULL;
	char name[80];
	bool self;

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "node", name, sizeof(name));
	ph_request_close(&request);
	self = !strcmp(name, node->name) || !strcmp(name, node->id);
	if (name[0] && !self)
		peer = peer_named(node->lines, name);
	if (name[0] && !self && !peer) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, name,
			"posthouse peers lists them",
			"no such node is known here");
		ph_answer_error(node->door, ticket, &error);
		return;
	}
	if (ph_writer_create(&writer))
		return;
	write_list(reach, writer, peer,
		peer   ? peer->active.id
		: self ? reach->self
		       : NULL);
	ph_answer_ok(node->door, ticket, writer);
	ph_writer_free(writer);
}

/*
 * reach.why
 */
static void put_failure(
	struct ph_writer *writer, const struct dialling *dialling)
{
	ph_put_text(writer, "failure", dialling->why_at ? dialling->why : "");
	ph_put_int(writer, "failed_at", dialling->why_at);
	ph_put_bool(writer, "turned_away", dialling->turned_away);
}

static void put_seeds(struct ph_writer *writer, struct ph_lines *lines)
{
	struct seed *seed;
	char text[128];

	ph_put_list(writer, "seeds");
	for (seed = lines->seeds; seed; seed = seed->next) {
		ph_write_map(writer);
		ph_put_text(writer, "address",
			ph_address_format(&seed->address, text, sizeof(text)));
		ph_put_text(writer, "node",
			seed->dialling.peer ? seed->dialling.peer->name : "");
		put_failure(writer, &seed->dialling);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void put_alike(
	struct ph_writer *writer, struct ph_lines *lines, const char *name)
{
	ph_put_list(writer, "alike");
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (ph_is_alike(peer->name, name))
			ph_write_text(writer, peer->name);
	ph_write_end(writer);
}

/* Another key that goes by its name: a machine that was installed anew, or a
 * name that was given twice. */
static void put_namesake(struct ph_writer *writer, const struct peer *peer)
{
	for (struct peer *other = peer->dialling.lines->peers; other;
		other = other->hh.next)
		if (other != peer && !strcmp(other->name, peer->name)) {
			ph_put_text(writer, "namesake", other->id);
			return;
		}
}

static void put_peer(struct ph_writer *writer, struct peer *peer)
{
	struct ph_node *node = peer->dialling.lines->node;
	const struct ph_lines_events *events = &node->lines->events;
	const struct ph_pin *pin = ph_trust_find(node->trust, peer->key);
	const char *watched_by =
		events->watched_by
			? events->watched_by(events->context, peer->id)
			: NULL;
	static const char *const states[] = {
		"", "heard", "alive", "suspect", "dead", "left"};

	ph_put_text(writer, "id", peer->id);
	ph_put_text(writer, "heard_by", peer->heard_by);
	ph_put_bool(writer, "announced", peer->version.sealed);
	ph_put_text(writer, "state", states[peer->presence]);
	ph_put_int(writer, "since",
		peer->presence ? peer->present_since : peer->since);
	ph_put_text(writer, "line", peer->line ? "up" : "down");
	ph_put_int(writer, "line_since", peer->since);
	if (watched_by)
		ph_put_text(writer, "watched_by", watched_by);
	ph_put_text(writer, "proven_by",
		!pin				  ? "nothing"
		: pin->origin == PH_BY_PASSPHRASE ? "passphrase"
						  : "vouch");
	ph_put_text(writer, "role", pin ? ph_role_name(pin->role) : "");
	ph_put_bool(
		writer, "revoked", ph_trust_is_revoked(node->trust, peer->key));
	put_namesake(writer, peer);
	ph_put_bool(writer, "barred",
		!ph_trust_may_dial(node->trust, peer->key, ph_clock_wall()));
	put_failure(writer, &peer->dialling);
}

static void put_revoked(
	struct ph_writer *writer, const struct ph_revoked *revoked)
{
	char id[PH_NODE_ID_TEXT];

	ph_node_id_text(id, revoked->key);
	ph_put_text(writer, "id", id);
	ph_put_bool(writer, "revoked", true);
	ph_put_int(writer, "since", revoked->since);
}

static void write_why(struct ph_reachability *reach, struct ph_writer *writer,
	const char *name)
{
	struct ph_node *node = reach->node;
	bool self = !strcmp(name, node->name) || !strcmp(name, node->id);
	struct peer *peer = self ? NULL : peer_named(node->lines, name);
	struct ph_revoked revoked;

	ph_write_map(writer);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	ph_put_text(writer, "node", peer ? peer->name : name);
	ph_put_bool(writer, "self", self);
	ph_put_bool(writer, "known", peer != NULL || self);
	ph_put_text(writer, "mesh", node->mesh);
	ph_put_bool(writer, "discovery", node->options.discovery);
	ph_put_u64(writer, "refused_hearsay", reach->refused);
	put_alike(writer, node->lines, name);
	put_seeds(writer, node->lines);
	if (peer)
		put_peer(writer, peer);
	else if (ph_trust_revoked_find(node->trust, name, &revoked))
		put_revoked(writer, &revoked);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void serve_why(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_reachability *reach = context;
	struct ph_request request;
	struct ph_writer *writer;
	char name[80];

	if (ph_request_open(&request, reach->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "node", name, sizeof(name));
	ph_request_close(&request);
	if (ph_writer_create(&writer))
		return;
	write_why(reach, writer, name);
	ph_answer_ok(reach->node->door, ticket, writer);
	ph_writer_free(writer);
}

void reach_calls_serve(struct ph_reachability *reach)
{
	ph_door_serve(reach->node->door, PH_REACH_LIST, serve_list, reach);
	ph_door_serve(reach->node->door, PH_REACH_WHY, serve_why, reach);
}
