#include <stdio.h>
#include <string.h>

#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/peer.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/wires.h"

/* Lines that come up and go down: who is let in, which of two is kept, and who
 * is told. */

/* Lines that came up so close together are crossing dials, not a redial. */
#define CROSSING (3 * PH_SECOND)

void peer_hang_up(struct peer *peer, const char *why)
{
	struct ph_lines *lines = peer->dialling.lines;

	if (!peer->session)
		return;
	ph_log_info(
		"lines", "line.down peer=%s because=\"%s\"", peer->name, why);
	ph_session_close(peer->session);
	/* on_gone of this session finds no peer any more. */
	ph_line_destroy(peer->line);
	ph_session_set_line(peer->session, NULL);
	peer->session = NULL;
	peer->line = NULL;
	peer->since = ph_clock_wall();
	news_line(peer, false);
	ph_active_down(
		lines->active, &peer->active, ph_loop_now(lines->node->loop));
	lines_stir(lines);
}

/* Who is at the other end, in the trust book: pinned, seen, or turned away. */
static int admit(struct ph_lines *lines, const struct ph_session_peer *who)
{
	struct ph_node *node = lines->node;
	struct ph_error error;
	int64_t now = ph_clock_wall();
	int refused = who->by_passphrase
			      ? ph_trust_pin(node->trust, who->key, who->name,
					node->options.peer_role, now, &error)
			      : ph_trust_seen(node->trust, who->key, who->name,
					now, &error);

	if (refused)
		ph_log_warn("lines",
			"peer.refused name=%s because=\"%s\" "
			"next=\"%s\"",
			who->name, error.what, error.next);
	return refused;
}

/* Two lines to one peer: one that just came up crossed ours, and then the one
 * that the node with the lower id dialled survives; an old one is stale. */
static bool keeps_old_line(
	struct ph_lines *lines, struct peer *peer, bool dialled)
{
	bool lower = strcmp(lines->node->id, peer->id) < 0;
	int64_t age = ph_loop_now(lines->node->loop) - peer->line_since;

	if (!peer->line || peer->line_dialled == dialled || age > CROSSING)
		return false;
	return peer->line_dialled == lower;
}

/* Its handshake was passed: others may hear of it, and its vouches count. */
static void prove(struct ph_lines *lines, struct peer *peer)
{
	if (peer->active.proven)
		return;
	peer_proven(peer, true);
	lines_tell_member(peer, true);
	news_of(peer, NULL);
	entry_settle(lines);
}

static void line_up(struct ph_lines *lines, struct peer *peer,
	struct ph_session *session, const struct ph_session_peer *who)
{
	struct ph_node *node = lines->node;
	const struct ph_pin *pin = ph_trust_find(node->trust, who->key);
	struct ph_line_config config = {.loop = node->loop,
		.kernel = &node->kernel,
		.door = node->door,
		.carrier = ph_session_carrier(session)};
	struct ph_line *line;

	config.caller.line = (UINT64_C(1) << 32) + ++lines->last_line;
	config.caller.role = pin ? pin->role : PH_ROLE_VIEW;
	snprintf(config.caller.node, sizeof(config.caller.node), "%s",
		who->name);
	if (ph_line_create(&line, &config)) {
		ph_session_close(session);
		return;
	}
	peer_hang_up(peer, "a newer line came up");
	snprintf(peer->name, sizeof(peer->name), "%s", who->name);
	peer->session = session;
	peer->line = line;
	peer->line_dialled = who->dialled;
	peer->line_since = ph_loop_now(node->loop);
	peer->since = ph_clock_wall();
	peer->was_up = true;
	ph_session_set_line(session, line);
	ph_log_info("lines", "line.up peer=%s id=%.8s at=%s by=%s", peer->name,
		peer->id, who->address, who->dialled ? "us" : "them");
	ph_active_up(
		lines->active, &peer->active, who->dialled, peer->line_since);
	prove(lines, peer);
	lines_tell_line(peer, true);
	news_line(peer, true);
	greet_peer(peer);
	reach_tell_line(peer);
	road_flush(peer);
	lines_stir(lines);
	ph_wires_peer_there(node->wires, peer->name);
	ph_hostess_peer_up(node->hostess, peer->name);
}

/* A seed's address led to this peer: from now on the peer's own dialling
 * cares for it. */
static void settle_dial(struct attempt *attempt, struct peer *peer)
{
	struct dialling *dialling = attempt->dialling;
	struct ph_lines *lines = dialling->lines;
	int64_t now = ph_loop_now(lines->node->loop);
	char text[128];

	dial_won(attempt);
	if (!dialling->seed) {
		/* Another node answers at this one's address. */
		if (dialling->peer != peer)
			ph_active_failed(
				lines->active, &dialling->peer->active, now);
		return;
	}
	dialling->peer = peer;
	ph_timer_start(
		lines->node->loop, &dialling->timer, now + PH_ACTIVE_LAST);
	ph_address_format(&dialling->seed->address, text, sizeof(text));
	peer_add_address(peer, text, PH_ORIGIN_CONFIGURED, true);
	snprintf(peer->heard_by, sizeof(peer->heard_by), "join");
	peer_save(peer);
}

void ph_lines_on_line(void *context, struct ph_session *session)
{
	struct ph_lines *lines = context;
	const struct ph_session_peer *who = ph_session_peer(session);
	struct peer *peer;

	if (lines->closed || lines->leaving || admit(lines, who)) {
		ph_session_close(session);
		return;
	}
	peer = peer_get(lines, who->key, who->name);
	if (!peer) {
		ph_session_close(session);
		return;
	}
	if (!peer->heard_by[0])
		snprintf(peer->heard_by, sizeof(peer->heard_by), "%s",
			who->dialled ? "dialled" : "line");
	if (who->target)
		settle_dial(who->target, peer);
	ph_session_settled(session);
	lines_stir(lines);
	if (keeps_old_line(lines, peer, who->dialled)) {
		ph_session_close(session);
		return;
	}
	line_up(lines, peer, session, who);
	lines_save_trust(lines);
}

/* `reason` 0: the other side hung up in order. */
static void lost_line(
	struct ph_lines *lines, struct peer *peer, int reason, const char *why)
{
	if (reason)
		ph_log_warn("lines", "line.lost peer=%s because=\"%s\"",
			peer->name, why);
	else
		ph_log_info("lines", "line.down peer=%s because=\"%s\"",
			peer->name, why);
	reach_line_ends(peer, reason);
	/* It found the line idle; a node that ends is dialled in vain soon. */
	if (!reason && !peer->active.wanted)
		peer->was_up = false;
	peer->session = NULL;
	peer->line = NULL; /* the session destroys it */
	peer->since = ph_clock_wall();
	/* Whoever's wires run to it wants to know when it is back. */
	peer->active.held = ph_wires_touch(lines->node->wires, peer->name);
	news_line(peer, false);
	ph_active_down(
		lines->active, &peer->active, ph_loop_now(lines->node->loop));
	if (reason)
		lines_tell_line(peer, false);
	lines_stir(lines);
}

void ph_lines_on_gone(void *context, struct ph_session *session, void *target,
	int reason, const char *why)
{
	struct ph_lines *lines = context;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (peer->session == session) {
			lost_line(lines, peer, reason, why);
			return;
		}
	}
	if (target)
		dial_lost(target, session, reason, why);
}
