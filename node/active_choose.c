#include "node/active_inner.h"

/*
 * The choice is made anew when something changed: circle by circle, from this
 * node's own place to either side, until somebody who seems to be there is
 * found. A thousand peers cost a scan of a thousand for each step.
 */

/* Dials in a row after which a peer is stepped over. */
#define ABSENT 2u
/* So many absent ones on one side of a circle are tried again and again. */
#define STEPS 4u
/* Up to here even absent ones all are. */
#define FEW 16u

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

void ph_active_places(
	uint64_t place[PH_ACTIVE_CIRCLES], const uint8_t id[PH_NODE_ID_BYTES])
{
	uint64_t half[2];

	memcpy(half, id, sizeof(half));
	for (unsigned i = 0; i < PH_ACTIVE_CIRCLES; i++)
		place[i] = mix(half[0] + mix(half[1] + i));
}

unsigned ph_active_target(unsigned others)
{
	unsigned bits = 0;

	if (others <= PH_ACTIVE_FULL)
		return others;
	while ((1u << bits) < others + 1)
		bits++;
	return bits + 2;
}

static bool is_absent(const struct ph_active_peer *peer)
{
	return !peer->up && (ph_active_is_gone(peer) || peer->failed >= ABSENT);
}

/* The next one from `at`, onward or back round the circle; NULL: only those
 * that were passed already. `from`: where the walk began. */
static struct ph_active_peer *neighbour(struct ph_active *active,
	unsigned circle, bool back, uint64_t at, bool proven)
{
	uint64_t from = active->place[circle];
	uint64_t passed = back ? from - at : at - from;
	uint64_t nearest = UINT64_MAX;
	struct ph_active_peer *found = NULL;

	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];
		uint64_t place = peer->place[circle];
		uint64_t far = back ? from - place : place - from;

		if (peer->left || peer->proven != proven || far <= passed ||
			far >= nearest)
			continue;
		if (!proven && is_absent(peer))
			continue;
		nearest = far;
		found = peer;
	}
	return found;
}

static void choose_side(struct ph_active *active, unsigned circle, bool back)
{
	uint64_t at = active->place[circle];

	for (unsigned step = 0; step < STEPS; step++) {
		struct ph_active_peer *peer =
			neighbour(active, circle, back, at, true);

		if (!peer)
			return;
		peer->wanted = true;
		if (!is_absent(peer))
			return;
		at = peer->place[circle];
	}
}

/* Who is not proven: the nearest on either side of the first circle. */
static void choose_newcomers(struct ph_active *active)
{
	for (unsigned back = 0; back < 2; back++) {
		struct ph_active_peer *peer =
			neighbour(active, 0, back, active->place[0], false);

		if (peer)
			peer->wanted = true;
	}
}

/* Without a line nobody is too far away: the circles may be full of names that
 * somebody made up. */
static void choose_anybody(struct ph_active *active)
{
	for (unsigned i = 0; i < active->count; i++)
		if (active->peers[i]->up)
			return;
	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];

		if (!peer->proven && !peer->left && !peer->failed)
			peer->wanted = true;
	}
}

static bool counts(const struct ph_active_peer *peer)
{
	return peer->proven ? !ph_active_is_gone(peer) : !is_absent(peer);
}

static void choose(struct ph_active *active)
{
	unsigned members = 0;
	unsigned there = 0;
	unsigned circles;

	for (unsigned i = 0; i < active->count; i++) {
		members += counts(active->peers[i]);
		there += !active->peers[i]->left;
	}
	circles = (ph_active_target(members) + 1) / 2;
	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];

		peer->wanted = !peer->left &&
			       (there <= FEW && members <= PH_ACTIVE_FULL);
		if (members <= PH_ACTIVE_FULL && counts(peer))
			peer->wanted = true;
	}
	for (unsigned i = 0; i < circles && i < PH_ACTIVE_CIRCLES; i++) {
		choose_side(active, i, false);
		choose_side(active, i, true);
	}
	choose_newcomers(active);
	choose_anybody(active);
}

void ph_active_choose(struct ph_active *active, int64_t now)
{
	bool was[PH_ACTIVE_PEERS];

	if (!active->changed)
		return;
	active->changed = false;
	for (unsigned i = 0; i < active->count; i++)
		was[i] = active->peers[i]->wanted;
	choose(active);
	for (unsigned i = 0; i < active->count; i++) {
		struct ph_active_peer *peer = active->peers[i];
		int64_t due = now + ph_active_courtesy(active, peer);

		if (was[i] && !peer->wanted)
			peer->idle = now;
		if (!was[i] && peer->wanted && !peer->up && due > peer->due)
			peer->due = due;
	}
}
