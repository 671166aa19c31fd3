#include "node/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/peer.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/wires.h"
#include "proto/secret.h"

/* Lines that came up so close together are crossing dials, not a redial. */
#define CROSSING (3 * PH_SECOND)
/* A mesh that starts pins a hundred keys within a second: one write. */
#define SAVE_SOON (200 * PH_MILLISECOND)
/* Of --join and of wiring files; each is dialled for ever. */
#define SEEDS_MOST 256u

#define PEER_OF(member)                                                        \
	((struct peer *)((char *)(member)-offsetof(struct peer, active)))

uint32_t lines_random(struct ph_lines *lines, uint32_t below)
{
	lines->random ^= lines->random << 13;
	lines->random ^= lines->random >> 7;
	lines->random ^= lines->random << 17;
	return (uint32_t)((lines->random >> 16) % below);
}

/* Idle, as far as `active` knows: a call may be under way, a pipe laid. */
static bool is_busy(struct ph_lines *lines, struct peer *peer)
{
	int64_t now = ph_loop_now(lines->node->loop);
	int64_t used = peer->line ? ph_line_used(peer->line) : 0;

	peer->active.held = false;
	if (peer->line &&
		(ph_line_busy(peer->line) ||
			ph_wires_touch(lines->node->wires, peer->name)))
		used = now;
	if (used <= peer->active.used)
		return false;
	ph_active_used(&peer->active, used);
	return true;
}

static void hang_up_idle(struct peer *peer)
{
	reach_line_ends(peer, 0);
	peer_hang_up(peer, "idle");
	/* Nothing is amiss with it. */
	peer->was_up = false;
}

static void turn_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, turn));
	int64_t now = ph_loop_now(lines->node->loop);
	struct ph_active_peer *active;
	enum ph_active_act act;
	int64_t due;

	if (lines->closed || !lines->started)
		return;
	while ((act = ph_active_next(lines->active, now, &active)) !=
		PH_ACTIVE_REST) {
		if (act == PH_ACTIVE_DIAL)
			dial_start(&PEER_OF(active)->dialling);
		else if (!is_busy(lines, PEER_OF(active)))
			hang_up_idle(PEER_OF(active));
	}
	due = ph_active_due(lines->active, now);
	if (due != INT64_MAX)
		ph_timer_start(lines->node->loop, timer, due);
	/* What a burst of dials needed is not needed after it. */
	ph_slim_start(&lines->node->slim, lines->node->loop);
}

void lines_stir(struct ph_lines *lines)
{
	if (lines->started && !lines->closed)
		ph_timer_start(lines->node->loop, &lines->turn,
			ph_loop_now(lines->node->loop));
}

void ph_lines_seed(struct ph_lines *lines, const struct ph_address *address)
{
	struct seed *seed;
	unsigned count = 0;
	char text[128];

	LL_FOREACH(lines->seeds, seed)
	{
		count++;
		if (!strcmp(seed->address.host, address->host) &&
			seed->address.port == address->port)
			return;
	}
	if (count >= SEEDS_MOST) {
		ph_log_warn("lines", "seed.refused because=\"%u are known\"",
			count);
		return;
	}
	seed = calloc(1, sizeof(*seed));
	if (!seed)
		return;
	seed->address = *address;
	dialling_init(&seed->dialling, lines, &seed->candidates);
	seed->dialling.seed = seed;
	ph_candidates_add(&seed->candidates,
		ph_address_format(address, text, sizeof(text)),
		PH_ORIGIN_CONFIGURED, false);
	LL_PREPEND(lines->seeds, seed);
	ph_log_info("lines", "seed at=%s", text);
	if (lines->started)
		dial_start(&seed->dialling);
}

void ph_lines_start(struct ph_lines *lines)
{
	struct seed *seed;

	lines->started = true;
	lines->saved = ph_trust_revision(lines->node->trust);
	LL_FOREACH(lines->seeds, seed)
	dial_start(&seed->dialling);
	lines_stir(lines);
}

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

void peer_remove(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct seed *seed;

	peer_hang_up(peer, "forgotten");
	peer_unsay(peer);
	road_fail(peer);
	dial_cancel(&peer->dialling);
	LL_FOREACH(lines->seeds, seed)
	{
		if (seed->dialling.peer != peer)
			continue;
		dial_cancel(&seed->dialling);
		seed->dialling.peer = NULL;
		ph_timer_start(lines->node->loop, &seed->dialling.timer,
			ph_loop_now(lines->node->loop) +
				seed->dialling.backoff);
	}
	ph_active_remove(lines->active, &peer->active);
	HASH_DEL(lines->peers, peer);
	free(peer->vouch);
	free(peer);
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

	if (lines->closed || admit(lines, who)) {
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

int ph_lines_candidate(struct ph_lines *lines, const char *node,
	struct ph_address *address, uint8_t key[PH_PUBLIC_KEY])
{
	struct peer *peer = peer_named(lines, node);

	if (!peer)
		return -ENOENT;
	memcpy(key, peer->key, PH_PUBLIC_KEY);
	peer_rank(peer);
	if (!peer->candidates.count ||
		ph_address_parse(address, peer->candidates.list[0].address))
		return -EHOSTUNREACH;
	return 0;
}

int ph_lines_candidates(struct ph_lines *lines, const char *node,
	struct ph_candidates *out, uint8_t key[PH_PUBLIC_KEY])
{
	struct peer *peer = peer_named(lines, node);
	unsigned kept = 0;

	if (!peer)
		return -ENOENT;
	memcpy(key, peer->key, PH_PUBLIC_KEY);
	peer_rank(peer);
	*out = peer->candidates;
	for (unsigned i = 0; i < out->count; i++)
		if (out->list[i].origin != PH_ORIGIN_HEARSAY ||
			out->list[i].worked)
			out->list[kept++] = out->list[i];
	out->count = kept;
	ph_candidates_end(out);
	return kept ? 0 : -EHOSTUNREACH;
}

bool ph_lines_is_up(struct ph_lines *lines, const char *node)
{
	struct peer *peer = peer_named(lines, node);

	return peer && peer->line;
}

const char *ph_lines_teller(
	struct ph_lines *lines, const char *node, unsigned attempt)
{
	unsigned count = 0;

	if (ph_lines_is_up(lines, node))
		return node;
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		count += peer->line != NULL;
	/* Nodes are asked for at different tellers. */
	for (const char *at = node; *at; at++)
		attempt = attempt * 31 + (unsigned char)*at;
	if (count)
		attempt %= count;
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line && attempt-- == 0)
			return peer->name;
	return NULL;
}

void ph_lines_candidate_was(struct ph_lines *lines, const char *node,
	const struct ph_address *address, int error, uint32_t rtt_us)
{
	struct peer *peer = peer_named(lines, node);
	char text[128];
	int index;

	if (!peer)
		return;
	ph_reach_dialled(lines->node->reach, peer->active.id, address,
		error ? ph_verdict_of_errno(error) : PH_VERDICT_OPEN_VERIFIED,
		error, rtt_us);
	if (peer->dialling.racing)
		return;
	index = ph_candidates_find(&peer->candidates,
		ph_address_format(address, text, sizeof(text)));
	if (index < 0)
		return;
	if (!error)
		ph_candidates_worked(&peer->candidates, index);
	else
		ph_candidates_failed(&peer->candidates, index);
}

unsigned ph_lines_up(const struct ph_lines *lines)
{
	unsigned up = 0;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		up += peer->line != NULL;
	return up;
}

static void save_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, save));

	if (ph_trust_revision(lines->node->trust) != lines->saved)
		lines_keep_trust(lines, NULL, NULL);
}

void lines_save_trust(struct ph_lines *lines)
{
	if (ph_trust_revision(lines->node->trust) == lines->saved)
		return;
	if (lines->closed)
		save_due(&lines->save);
	else if (!lines->save.slot)
		ph_timer_start(lines->node->loop, &lines->save,
			ph_loop_now(lines->node->loop) + SAVE_SOON);
}

static int create_cores(struct ph_lines *lines)
{
	uint8_t id[PH_NODE_ID_BYTES];

	ph_node_id(id, lines->node->key);
	if (ph_knocks_create(&lines->knocks, lines->random))
		return -ENOMEM;
	return ph_active_create(&lines->active, id, lines->random);
}

int ph_lines_create(struct ph_lines **out, struct ph_node *node)
{
	struct ph_lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	lines->node = node;
	lines->turn.on_due = turn_due;
	lines->save.on_due = save_due;
	ph_random(&lines->random, sizeof(lines->random));
	lines->random |= 1;
	if (create_cores(lines)) {
		ph_knocks_destroy(lines->knocks);
		free(lines);
		return -ENOMEM;
	}
	news_start(lines);
	want_serve(lines);
	road_serve(lines);
	greet_serve(lines);
	mesh_serve(lines);
	*out = lines;
	return 0;
}

void ph_lines_close(struct ph_lines *lines)
{
	struct peer *peer;
	struct seed *seed;

	lines->closed = true;
	ph_timer_stop(lines->node->loop, &lines->turn);
	ph_timer_stop(lines->node->loop, &lines->save);
	save_due(&lines->save);
	news_close(lines);
	LL_FOREACH(lines->seeds, seed)
	dial_cancel(&seed->dialling);
	for (peer = lines->peers; peer; peer = peer->hh.next) {
		dial_cancel(&peer->dialling);
		road_fail(peer);
	}
}

void ph_lines_destroy(struct ph_lines *lines)
{
	struct peer *peer;
	struct peer *next;
	struct seed *seed;
	struct seed *after;

	if (!lines)
		return;
	HASH_ITER(hh, lines->peers, peer, next)
	{
		HASH_DEL(lines->peers, peer);
		free(peer->vouch);
		free(peer);
	}
	LL_FOREACH_SAFE(lines->seeds, seed, after)
	free(seed);
	ph_active_destroy(lines->active);
	ph_knocks_destroy(lines->knocks);
	free(lines);
}
