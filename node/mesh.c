#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/peer.h"
#include "node/reach.h"
#include "node/trust.h"

/* The calls of the command line about peers: mesh.peers, forget, revoke,
 * rotate. */

/* A peer without a line is suspected first, and dead after so long. */
#define SUSPECT_FOR (10 * PH_SECOND)

static const char *peer_state(const struct peer *peer)
{
	static const char *const names[] = {
		"", "heard", "alive", "suspect", "dead", "left"};

	/* Who holds a line has proven itself, and lives. */
	if (peer->line && peer->presence <= PH_PRESENCE_HEARD)
		return "alive";
	if (peer->presence != PH_PRESENCE_UNKNOWN)
		return names[peer->presence];
	if (!peer->was_up)
		return "heard";
	return ph_clock_wall() - peer->since < SUSPECT_FOR ? "suspect" : "dead";
}

static void write_peer(struct ph_writer *writer, const struct peer *peer)
{
	const struct ph_pin *pin =
		ph_trust_find(peer->dialling.lines->node->trust, peer->key);
	const struct ph_lines_events *events = &peer->dialling.lines->events;
	const struct ph_hostess *hostess = peer->dialling.lines->node->hostess;

	ph_write_map(writer);
	ph_put_text(writer, "node", peer->name);
	ph_put_text(writer, "id", peer->id);
	ph_put_text(writer, "state", peer_state(peer));
	ph_put_text(writer, "line", peer->line ? "up" : "down");
	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < peer->candidates.count; i++)
		ph_write_text(writer, peer->candidates.list[i].address);
	ph_write_end(writer);
	if (events->describe) {
		events->describe(events->context, peer->id, peer->name, writer);
	} else {
		if (!ph_hostess_menu_write_caps(hostess, peer->name, writer)) {
			ph_put_list(writer, "caps");
			ph_write_end(writer);
		}
		ph_hostess_menu_describe(hostess, peer->name, writer);
	}
	ph_put_text(writer, "heard_by", peer->heard_by);
	ph_put_int(writer, "since",
		peer->presence ? peer->present_since : peer->since);
	ph_put_u64(writer, "epoch",
		peer->version.epoch > peer->met ? peer->version.epoch
						: peer->met);
	ph_put_text(writer, "role", pin ? ph_role_name(pin->role) : "");
	ph_put_text(writer, "proven_by",
		!pin				  ? "nothing"
		: pin->origin == PH_BY_PASSPHRASE ? "passphrase"
						  : "vouch");
	ph_write_end(writer);
}

/* Who is refused for ever, and is no peer any more. */
static void write_revoked(
	struct ph_writer *writer, const struct ph_trust *trust)
{
	struct ph_revoked revoked;
	char id[PH_NODE_ID_TEXT];

	ph_put_list(writer, "revoked");
	for (size_t i = 0; ph_trust_revoked_at(trust, i, &revoked); i++) {
		ph_node_id_text(id, revoked.key);
		ph_write_map(writer);
		ph_put_text(writer, "node", revoked.name);
		ph_put_text(writer, "id", id);
		ph_put_int(writer, "since", revoked.since);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void serve_peers(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		write_peer(writer, peer);
	ph_write_end(writer);
	write_revoked(writer, lines->node->trust);
	ph_write_end(writer);
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

static void drop_saved(struct ph_lines *lines, const char *id)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", "peers");
	ph_put_text(writer, "key", id);
	ph_write_end(writer);
	lines_tell(lines, "", PH_STORE_DELETE, writer);
	ph_writer_free(writer);
}

static void answer_node(
	struct ph_lines *lines, ph_handle ticket, const char *name)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "node", name);
	ph_write_end(writer);
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

/* A change of the trust book is acknowledged when it is durable. */
struct keeping {
	struct ph_lines *lines;
	ph_handle ticket;
	char name[80];
};

static void answer_unkept(
	struct ph_lines *lines, ph_handle ticket, const char *why)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, lines->node->name,
		"see to the disk of the state directory, then say it again",
		"done, but not kept over a restart: %s", why);
	ph_answer_error(lines->node->door, ticket, &error);
}

static void on_kept(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct keeping *keeping = context;
	struct ph_error error;

	if (status) {
		ph_error_read(&error, status, body, length);
		answer_unkept(keeping->lines, keeping->ticket, error.what);
	} else {
		answer_node(keeping->lines, keeping->ticket, keeping->name);
	}
	free(keeping);
}

static void answer_when_kept(
	struct ph_lines *lines, ph_handle ticket, const char *name)
{
	struct keeping *keeping = calloc(1, sizeof(*keeping));
	int error = -ENOMEM;

	if (keeping) {
		keeping->lines = lines;
		keeping->ticket = ticket;
		snprintf(keeping->name, sizeof(keeping->name), "%s", name);
		error = lines_keep_trust(lines, on_kept, keeping);
	}
	if (!error)
		return;
	answer_unkept(lines, ticket, strerror(-error));
	free(keeping);
}

static void forget_peer(struct ph_lines *lines, const char *id)
{
	struct peer *peer = peer_find(lines, id);

	drop_saved(lines, id);
	if (!peer)
		return;
	if (peer->active.proven)
		lines_tell_member(peer, false);
	ph_reach_forget(lines->node->reach, peer->active.id);
	ph_hostess_menu_forget(lines->node->hostess, peer->name);
	peer_remove(peer);
}

static void serve_forget(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_trust *trust = lines->node->trust;
	struct ph_request request;
	struct ph_error error;
	const struct ph_pin *pin;
	char name[64];
	char id[PH_NODE_ID_TEXT] = "";

	if (ph_request_open(&request, lines->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "node", name, sizeof(name));
	ph_request_close(&request);
	pin = ph_trust_find_text(trust, name);
	if (pin)
		memcpy(id, pin->id, sizeof(id));
	if (ph_trust_forget(trust, name, &error)) {
		ph_answer_error(lines->node->door, ticket, &error);
		return;
	}
	ph_log_info("mesh", "peer.forgotten name=%s id=%.8s", name, id);
	forget_peer(lines, id);
	answer_when_kept(lines, ticket, name);
}

static void on_unpinned(void *context, const struct ph_pin *pin)
{
	struct ph_lines *lines = context;

	ph_log_warn(
		"mesh", "peer.unpinned name=%s id=%.8s", pin->name, pin->id);
	forget_peer(lines, pin->id);
}

int mesh_revoke(
	struct ph_lines *lines, const char *text, struct ph_error *error)
{
	uint8_t key[PH_PUBLIC_KEY];
	char id[PH_NODE_ID_TEXT];

	if (ph_trust_revoke(lines->node->trust, text, ph_clock_wall(), key,
		    on_unpinned, lines, error))
		return -1;
	ph_node_id_text(id, key);
	ph_log_warn("mesh", "peer.revoked name=%s id=%.8s", text, id);
	forget_peer(lines, id);
	lines_save_trust(lines);
	news_of_revoked(lines);
	return 0;
}

static void serve_revoke(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_request request;
	struct ph_error error;
	char name[80];

	if (ph_request_open(&request, lines->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "node", name, sizeof(name));
	ph_request_close(&request);
	if (mesh_revoke(lines, name, &error))
		ph_answer_error(lines->node->door, ticket, &error);
	else
		answer_when_kept(lines, ticket, name);
}

static void serve_rotate(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_node *node = lines->node;
	struct ph_request request;
	struct ph_error error;
	const uint8_t *secret;
	size_t length;
	bool mine;

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	secret = ph_value_bytes(
		ph_value_get(request.arguments, "secret"), &length);
	mine = ph_value_is(ph_value_get(request.arguments, "mesh"), node->mesh);
	if (!mine || length != PH_MESH_SECRET) {
		ph_fail(&error, PH_EXIT_USAGE, node->name,
			"rotate a passphrase of the same mesh",
			"the new passphrase belongs to another mesh");
		ph_answer_error(node->door, ticket, &error);
	} else {
		ph_trust_rotate(node->trust, secret, ph_clock_wall());
		ph_log_warn("mesh", "passphrase.rotated by=%s",
			call->caller->node[0] ? call->caller->node : "here");
		answer_when_kept(lines, ticket, node->name);
	}
	ph_request_close(&request);
}

void mesh_serve(struct ph_lines *lines)
{
	struct ph_door *door = lines->node->door;

	ph_door_serve(door, PH_MESH_PEERS, serve_peers, lines);
	ph_door_serve(door, PH_MESH_FORGET, serve_forget, lines);
	ph_door_serve(door, PH_MESH_REVOKE, serve_revoke, lines);
	ph_door_serve(door, PH_MESH_ROTATE, serve_rotate, lines);
}
