#include "node/active.h"

#include <errno.h>
#include <stdlib.h>

#include "node/active_inner.h"

int ph_active_create(struct ph_active **out,
	const uint8_t self[PH_NODE_ID_BYTES], uint64_t seed)
{
	struct ph_active *active = calloc(1, sizeof(*active));

	if (!active)
		return -ENOMEM;
	memcpy(active->self, self, PH_NODE_ID_BYTES);
	ph_active_places(active->place, self);
	active->random = seed | 1;
	*out = active;
	return 0;
}

void ph_active_destroy(struct ph_active *active)
{
	free(active);
}

int ph_active_add(struct ph_active *active, struct ph_active_peer *peer,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now)
{
	if (active->count == PH_ACTIVE_PEERS)
		return -ENOSPC;
	*peer = (struct ph_active_peer){.heard = now,
		.due = now,
		.needed = INT64_MIN,
		.backoff = PH_ACTIVE_FIRST};
	memcpy(peer->id, id, PH_NODE_ID_BYTES);
	ph_active_places(peer->place, id);
	active->peers[active->count++] = peer;
	active->changed = true;
	return 0;
}

void ph_active_remove(struct ph_active *active, struct ph_active_peer *peer)
{
	for (unsigned i = 0; i < active->count; i++)
		if (active->peers[i] == peer) {
			active->peers[i] = active->peers[--active->count];
			active->changed = true;
			return;
		}
}

void ph_active_changed(struct ph_active *active)
{
	active->changed = true;
}

/* Events. */

static void again(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now)
{
	int64_t most =
		ph_active_is_gone(peer) ? PH_ACTIVE_DEAD : PH_ACTIVE_LAST;
	int64_t spread;

	active->random ^= active->random << 13;
	active->random ^= active->random >> 7;
	active->random ^= active->random << 17;
	spread = (int64_t)((active->random >> 16) % 40);
	if (peer->backoff > most || ph_active_is_gone(peer))
		peer->backoff = most;
	peer->due = now + peer->backoff * (80 + spread) / 100;
	peer->backoff *= 2;
}

void ph_active_hint(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now)
{
	int64_t due = now + ph_active_courtesy(active, peer);

	peer->backoff = PH_ACTIVE_FIRST;
	peer->failed = 0;
	if (peer->due > due)
		peer->due = due;
	active->changed = true;
}

void ph_active_need(struct ph_active *active, struct ph_active_peer *peer,
	int64_t now, int64_t until)
{
	/* Its first need in a while: backoff is for those who only would like
	 * a line. */
	if (peer->needed <= now && peer->backoff > PH_ACTIVE_FIRST) {
		peer->backoff = PH_ACTIVE_FIRST;
		peer->due = now;
	}
	/* Nor does one wait for the other side's dial. */
	if (!peer->failed)
		peer->due = now;
	if (until > peer->needed)
		peer->needed = until;
	peer->used = now;
}

void ph_active_used(struct ph_active_peer *peer, int64_t now)
{
	peer->used = now;
}

void ph_active_up(struct ph_active *active, struct ph_active_peer *peer,
	bool ours, int64_t now)
{
	peer->up = true;
	peer->ours = ours;
	peer->since = now;
	peer->idle = now;
	peer->failed = 0;
	if (ours)
		peer->trying = false;
	active->changed = true;
}

void ph_active_down(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now)
{
	if (!peer->up)
		return;
	peer->up = false;
	if (now - peer->since < PH_ACTIVE_BRIEF) {
		again(active, peer, now);
	} else {
		peer->backoff = PH_ACTIVE_FIRST;
		peer->due = now + ph_active_courtesy(active, peer);
	}
	active->changed = true;
}

void ph_active_failed(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now)
{
	peer->trying = false;
	peer->failed++;
	again(active, peer, now);
	active->changed = true;
}

void ph_active_hopeless(struct ph_active *active, struct ph_active_peer *peer,
	int64_t now, int64_t wait)
{
	peer->trying = false;
	peer->failed++;
	peer->needed = INT64_MIN;
	peer->due = now + wait;
	active->changed = true;
}

/* What to do. */

static bool is_needed(const struct ph_active_peer *peer, int64_t now)
{
	return peer->held || peer->needed > now;
}

/* When it may be dialled; INT64_MAX: not at all. */
static int64_t dial_due(const struct ph_active *active,
	const struct ph_active_peer *peer, int64_t now, bool lonely)
{
	int64_t patient = peer->heard + PH_ACTIVE_GRACE;

	(void)active;
	if (peer->up || peer->trying || !peer->dialable)
		return INT64_MAX;
	if (is_needed(peer, now))
		return peer->due;
	if (!peer->wanted || peer->left)
		return INT64_MAX;
	if (!peer->proven && !lonely && patient > peer->due)
		return patient;
	return peer->due;
}

/* Of the lines that nobody asked for. */
struct room {
	unsigned lines;
	unsigned dials;
	unsigned enrols;
	unsigned slow; /* strangers that do not answer */
};

static bool is_slow(const struct ph_active_peer *peer, int64_t now)
{
	return peer->trying && !peer->proven &&
	       now - peer->tried >= PH_ACTIVE_QUICK;
}

static struct room room_now(const struct ph_active *active, int64_t now)
{
	struct room room = {0};

	for (unsigned i = 0; i < active->count; i++) {
		const struct ph_active_peer *peer = active->peers[i];

		room.lines += peer->up;
		if (!peer->trying || is_needed(peer, now))
			continue;
		if (is_slow(peer, now)) {
			room.slow++;
			continue;
		}
		room.dials++;
		room.enrols += !peer->proven;
	}
	return room;
}

static bool has_room(
	const struct room *room, const struct ph_active_peer *peer, int64_t now)
{
	if (is_needed(peer, now))
		return true;
	return room->dials < PH_ACTIVE_DIALS &&
	       room->lines + room->dials < PH_ACTIVE_MOST &&
	       (peer->proven || (room->enrols < PH_ACTIVE_ENROLS &&
					room->slow < PH_ACTIVE_SLOW));
}

/* When the line is given up; INT64_MAX: not. */
static int64_t hang_up_due(
	const struct ph_active_peer *peer, unsigned lines, int64_t now)
{
	bool used = peer->used >= peer->since;
	int64_t last = used ? peer->used : peer->since;

	if (!peer->up || peer->wanted || is_needed(peer, now))
		return INT64_MAX;
	if (!peer->ours && lines <= PH_ACTIVE_MOST)
		return INT64_MAX;
	if (peer->idle > last)
		last = peer->idle;
	return last + (used ? PH_ACTIVE_IDLE : PH_ACTIVE_UNUSED);
}

/* Before `b`: who is needed, who failed less, of the unproven who was heard
 * again, who waits longer. */
static bool goes_first(const struct ph_active_peer *a,
	const struct ph_active_peer *b, int64_t now)
{
	if (is_needed(a, now) != is_needed(b, now))
		return is_needed(a, now);
	if (a->failed != b->failed)
		return a->failed < b->failed;
	if (!a->proven && !b->proven && a->repeated != b->repeated)
		return a->repeated;
	return a->due < b->due;
}

enum ph_active_act ph_active_next(
	struct ph_active *active, int64_t now, struct ph_active_peer **out)
{
	struct ph_active_peer *best = NULL;
	struct room room;

	ph_active_choose(active, now);
	room = room_now(active, now);
	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];

		if (hang_up_due(peer, room.lines, now) <= now) {
			*out = peer;
			return PH_ACTIVE_HANG_UP;
		}
		if (dial_due(active, peer, now, !room.lines) <= now &&
			has_room(&room, peer, now) &&
			(!best || goes_first(peer, best, now)))
			best = peer;
	}
	if (!best)
		return PH_ACTIVE_REST;
	best->trying = true;
	best->tried = now;
	*out = best;
	return PH_ACTIVE_DIAL;
}

int64_t ph_active_due(struct ph_active *active, int64_t now)
{
	int64_t next = INT64_MAX;
	struct room room;

	ph_active_choose(active, now);
	room = room_now(active, now);
	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];
		int64_t due = hang_up_due(peer, room.lines, now);

		if (due < next)
			next = due;
		/* Its place goes to another then. */
		if (peer->trying && !peer->proven && !is_slow(peer, now) &&
			peer->tried + PH_ACTIVE_QUICK < next)
			next = peer->tried + PH_ACTIVE_QUICK;
		/* Without room it waits for a dial to end. */
		if (!has_room(&room, peer, now))
			continue;
		due = dial_due(active, peer, now, !room.lines);
		if (due < next)
			next = due;
	}
	return next;
}

unsigned ph_active_lines(const struct ph_active *active)
{
	return room_now(active, 0).lines;
}
