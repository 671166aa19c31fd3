#include "node/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"
#include "node/wires.h"
#include "proto/secret.h"

/* Whom a node knows is on its disk before what is agreed on with him; but a
 * mesh that starts pins a hundred keys within a second, and these wait for each
 * other. */
#define SAVE_SOON  (200 * PH_MILLISECOND)
#define SAVES_MOST 4u /* at once */
#define SAVE_AGAIN (10 * PH_SECOND)
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

	if (lines->closed || !lines->started || lines->leaving)
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

void ph_lines_seed_of(struct ph_lines *lines, const char *node,
	const struct ph_address *address)
{
	struct peer *peer = peer_named(lines, node);
	char text[128];

	if (peer)
		peer_add_address(peer,
			ph_address_format(address, text, sizeof(text)),
			PH_ORIGIN_CONFIGURED, false);
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

void peer_remove(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct seed *seed;

	peer_hang_up(peer, "forgotten");
	peer_unsay(peer);
	road_fail(peer);
	dial_cancel(&peer->dialling);
	ph_timer_stop(lines->node->loop, &peer->greeting);
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

static void save_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, save));

	if (ph_trust_revision(lines->node->trust) == lines->saved)
		return;
	ph_bucket_take(&lines->saves, ph_loop_now(lines->node->loop));
	lines_keep_trust(lines, NULL, NULL);
}

void lines_save_trust(struct ph_lines *lines)
{
	int64_t due = ph_bucket_at(&lines->saves);

	if (ph_trust_revision(lines->node->trust) == lines->saved)
		return;
	if (lines->closed || due <= ph_loop_now(lines->node->loop))
		save_due(&lines->save);
	else if (!lines->save.slot || lines->save.due > due)
		ph_timer_start(lines->node->loop, &lines->save, due);
}

void lines_save_again(struct ph_lines *lines)
{
	if (lines->closed)
		return;
	ph_log_warn("lines",
		"trust.unsaved next=\"it is tried again; see to the disk of "
		"the state directory if this stays\"");
	if (!lines->save.slot)
		ph_timer_start(lines->node->loop, &lines->save,
			ph_loop_now(lines->node->loop) + SAVE_AGAIN);
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
	lines->saves = ph_bucket(SAVES_MOST, SAVE_SOON);
	ph_random(&lines->random, sizeof(lines->random));
	lines->random |= 1;
	if (create_cores(lines)) {
		ph_knocks_destroy(lines->knocks);
		free(lines);
		return -ENOMEM;
	}
	news_start(lines);
	want_serve(lines);
	datagram_serve(lines);
	road_serve(lines);
	greet_serve(lines);
	mesh_serve(lines);
	*out = lines;
	return 0;
}

void ph_lines_leave(struct ph_lines *lines)
{
	lines->leaving = true;
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
		ph_timer_stop(lines->node->loop, &peer->greeting);
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
