#include "node/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"
#include "node/wires.h"
#include "proto/secret.h"

#define DIAL_FIRST (100 * PH_MILLISECOND)
#define DIAL_MOST  (5 * PH_SECOND)
/* A line that ends sooner was refused by the other side's rules: it is tried
 * again ever later, as a dial that failed. */
#define LINE_BRIEF (2 * PH_SECOND)
/* Two nodes that hear of each other at once would both dial. */
#define DIAL_COURTESY (300 * PH_MILLISECOND)
/* Lines that came up so close together are crossing dials, not a redial. */
#define CROSSING     (3 * PH_SECOND)
#define GOSSIP_DELAY (20 * PH_MILLISECOND)
/* Of --join and of wiring files; each is dialled for ever. */
#define SEEDS_MOST 256u

static uint32_t lines_random(struct ph_lines *lines, uint32_t below)
{
	lines->random ^= lines->random << 13;
	lines->random ^= lines->random >> 7;
	lines->random ^= lines->random << 17;
	return (uint32_t)((lines->random >> 16) % below);
}

static void dial_after(struct dialling *dialling, int64_t wait)
{
	struct ph_lines *lines = dialling->lines;

	if (lines->closed || dialling->attempt)
		return;
	wait += wait * (int64_t)lines_random(lines, 40) / 100 - wait / 5;
	ph_timer_start(lines->node->loop, &dialling->timer,
		ph_loop_now(lines->node->loop) + wait);
}

static void dial_again(struct dialling *dialling)
{
	dial_after(dialling, dialling->backoff);
	dialling->backoff = dialling->backoff * 2 > DIAL_MOST
				    ? DIAL_MOST
				    : dialling->backoff * 2;
}

/* The address whose turn it is, or -ENOENT. */
static int dial_address(struct dialling *dialling, struct ph_address *address)
{
	struct peer *peer = dialling->peer;

	if (dialling->seed) {
		*address = dialling->seed->address;
		return 0;
	}
	if (!peer->address_count)
		return -ENOENT;
	return ph_address_parse(address,
		peer->addresses[dialling->next++ % peer->address_count]);
}

static void dial(struct dialling *dialling)
{
	struct ph_lines *lines = dialling->lines;
	struct ph_address address;

	if (lines->closed || dialling->attempt ||
		(dialling->peer && dialling->peer->line))
		return;
	if (dialling->peer && !ph_trust_may_dial(lines->node->trust,
				      dialling->peer->key, ph_clock_wall())) {
		dial_again(dialling);
		return;
	}
	if (dial_address(dialling, &address) == 0 &&
		ph_gate_dial(lines->node->gate, &address, dialling,
			&dialling->attempt) == 0)
		return;
	dial_again(dialling);
}

static void dial_due(struct ph_timer *timer)
{
	dial((struct dialling *)((char *)timer -
				 offsetof(struct dialling, timer)));
}

void dialling_init(struct dialling *dialling, struct ph_lines *lines)
{
	dialling->lines = lines;
	dialling->backoff = DIAL_FIRST;
	dialling->timer.on_due = dial_due;
}

void peer_dial(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	int64_t wait = 0;

	if (!lines->started || lines->closed || peer->line ||
		peer->dialling.attempt || peer->dialling.timer.slot)
		return;
	peer->dialling.backoff = DIAL_FIRST;
	if (strcmp(lines->node->id, peer->id) > 0)
		wait = DIAL_COURTESY;
	ph_timer_start(lines->node->loop, &peer->dialling.timer,
		ph_loop_now(lines->node->loop) + wait);
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
	dialling_init(&seed->dialling, lines);
	seed->dialling.seed = seed;
	LL_PREPEND(lines->seeds, seed);
	ph_log_info("lines", "seed at=%s",
		ph_address_format(address, text, sizeof(text)));
	if (lines->started)
		dial(&seed->dialling);
}

void ph_lines_start(struct ph_lines *lines)
{
	struct seed *seed;

	lines->started = true;
	lines->saved = ph_trust_revision(lines->node->trust);
	LL_FOREACH(lines->seeds, seed)
	dial(&seed->dialling);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		peer_dial(peer);
}

void peer_hang_up(struct peer *peer, const char *why)
{
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
}

void peer_remove(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct seed *seed;

	peer_hang_up(peer, "forgotten");
	road_fail(peer);
	if (peer->dialling.attempt)
		ph_session_close(peer->dialling.attempt);
	ph_timer_stop(lines->node->loop, &peer->dialling.timer);
	LL_FOREACH(lines->seeds, seed)
	{
		if (seed->dialling.peer == peer)
			seed->dialling.peer = NULL;
	}
	HASH_DEL(lines->peers, peer);
	if (peer->dialling.attempt)
		peer->dialling.peer = NULL; /* freed when the attempt ends */
	else
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
	lines_tell_line(peer, true);
	greet_peer(peer);
	lines_gossip(lines);
	road_flush(peer);
	ph_wires_peer_there(node->wires, peer->name);
}

/* A seed's address led to this peer: from now on the peer's own dialling
 * cares for it. */
static void settle_seed(struct dialling *dialling, struct peer *peer)
{
	char text[128];

	if (!dialling)
		return;
	dialling->attempt = NULL;
	dialling->refused = false;
	if (!dialling->seed) {
		/* Another node answers at this one's address. */
		if (dialling->peer && dialling->peer != peer)
			dial_again(dialling);
		return;
	}
	dialling->peer = peer;
	ph_address_format(&dialling->seed->address, text, sizeof(text));
	peer_add_address(peer, text, true);
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
	settle_seed(who->target, peer);
	ph_session_settled(session);
	if (!peer->dialling.backoff)
		peer->dialling.backoff = DIAL_FIRST;
	if (keeps_old_line(lines, peer, who->dialled)) {
		ph_session_close(session);
		return;
	}
	line_up(lines, peer, session, who);
	lines_save_trust(lines);
}

static void lost_line(
	struct ph_lines *lines, struct peer *peer, const char *why)
{
	int64_t age = ph_loop_now(lines->node->loop) - peer->line_since;
	struct dialling *dialling = &peer->dialling;

	ph_log_warn(
		"lines", "line.lost peer=%s because=\"%s\"", peer->name, why);
	peer->session = NULL;
	peer->line = NULL; /* the session destroys it */
	peer->since = ph_clock_wall();
	lines_tell_line(peer, false);
	if (age < LINE_BRIEF && !dialling->timer.slot)
		dial_again(dialling);
	else
		peer_dial(peer);
}

/* A wrong passphrase is not tried again and again: it would use up what its
 * source may try, and others behind the same address with it. */
static bool is_hopeless(
	const struct dialling *dialling, const struct ph_session *session)
{
	const struct ph_session_peer *who = ph_session_peer(session);

	return who->id[0] && !ph_trust_may_dial(dialling->lines->node->trust,
				     who->key, ph_clock_wall());
}

static void failed_dial(
	struct dialling *dialling, struct ph_session *session, const char *why)
{
	bool hopeless = is_hopeless(dialling, session);
	char text[160];
	struct ph_address address = {0};

	dialling->attempt = NULL;
	if (!dialling->seed && !dialling->peer) {
		/* The peer was removed while we dialled it. */
		free((char *)dialling - offsetof(struct peer, dialling));
		return;
	}
	if (dialling->seed)
		address = dialling->seed->address;
	if (!dialling->refused && !dialling->lines->closed)
		ph_log_warn("lines",
			"dial.failed to=%s because=\"%s\" next=\"%s\"",
			dialling->peer ? dialling->peer->name
				       : ph_address_format(
						 &address, text, sizeof(text)),
			why,
			hopeless ? "compare the passphrase files; tried again "
				   "in an hour or after a restart"
				 : "redialling");
	dialling->refused = true;
	if (hopeless)
		dial_after(dialling, PH_TRUST_FAILED_FOR);
	else
		dial_again(dialling);
}

void ph_lines_on_gone(void *context, struct ph_session *session, void *target,
	int reason, const char *why)
{
	struct ph_lines *lines = context;
	struct dialling *dialling = target;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (peer->session == session) {
			lost_line(lines, peer, why);
			return;
		}
	}
	if (dialling && dialling->peer && !dialling->peer->line &&
		reason == -ECONNREFUSED)
		ph_wires_peer_absent(lines->node->wires, dialling->peer->name);
	if (dialling && dialling->attempt == session)
		failed_dial(dialling, session, why);
}

int ph_lines_candidate(struct ph_lines *lines, const char *node,
	struct ph_address *address, uint8_t key[PH_PUBLIC_KEY])
{
	struct peer *peer = peer_named(lines, node);

	if (!peer)
		return -ENOENT;
	memcpy(key, peer->key, PH_PUBLIC_KEY);
	if (!peer->address_count ||
		ph_address_parse(address, peer->addresses[0]))
		return -EHOSTUNREACH;
	return 0;
}

bool ph_lines_is_up(struct ph_lines *lines, const char *node)
{
	struct peer *peer = peer_named(lines, node);

	return peer && peer->line;
}

unsigned ph_lines_up(const struct ph_lines *lines)
{
	unsigned up = 0;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		up += peer->line != NULL;
	return up;
}

static void gossip_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, gossip));

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line)
			greet_peer(peer);
}

void lines_gossip(struct ph_lines *lines)
{
	if (!lines->gossip.slot && !lines->closed)
		ph_timer_start(lines->node->loop, &lines->gossip,
			ph_loop_now(lines->node->loop) + GOSSIP_DELAY);
}

int ph_lines_create(struct ph_lines **out, struct ph_node *node)
{
	struct ph_lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	lines->node = node;
	lines->gossip.on_due = gossip_due;
	ph_random(&lines->random, sizeof(lines->random));
	lines->random |= 1;
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
	ph_timer_stop(lines->node->loop, &lines->gossip);
	LL_FOREACH(lines->seeds, seed)
	ph_timer_stop(lines->node->loop, &seed->dialling.timer);
	for (peer = lines->peers; peer; peer = peer->hh.next) {
		ph_timer_stop(lines->node->loop, &peer->dialling.timer);
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
		free(peer);
	}
	LL_FOREACH_SAFE(lines->seeds, seed, after)
	free(seed);
	free(lines);
}
