/*
 * What is told to everybody. A record stays in the list until it was put into
 * 9 + log2(N) datagrams: if each of N nodes tells k by chance, one of them is
 * missed with N * e^-k, here one time in ten thousand. Those that were told
 * least go first. While there is any, a round of news goes out to a few
 * members each tenth of a second, the first of them soon after the record came.
 * That first one goes to the successor in the ring, too: so whoever knows makes
 * sure of one, and all are in one ring.
 */
#include "discovery/members_inner.h"

#include <stdlib.h>
#include <string.h>

enum {
	TOLD = 9, /* and log2(N) */
	FIRST_ROOM = 8
};

/* Between rounds that new records hurry. */
#define HURRY (20 * PH_MILLISECOND)

static bool same_claim(
	const struct ph_swim_record *a, const struct ph_swim_record *b)
{
	return a->state == b->state &&
	       !memcmp(a->subject, b->subject, PH_NODE_ID_BYTES) &&
	       !memcmp(a->accuser, b->accuser, PH_NODE_ID_BYTES);
}

/* Which goes when there is no room: the most told, of those the oldest. */
static struct rumour *rumour_victim(struct ph_members *members)
{
	struct rumour *victim = members->rumours;

	for (uint32_t i = 1; i < members->rumour_count; i++) {
		struct rumour *rumour = &members->rumours[i];

		if (rumour->sent > victim->sent ||
			(rumour->sent == victim->sent &&
				rumour->born < victim->born))
			victim = rumour;
	}
	return victim;
}

static struct rumour *rumour_room(struct ph_members *members)
{
	uint32_t room =
		members->rumour_room ? members->rumour_room * 2 : FIRST_ROOM;
	struct rumour *larger;

	if (members->rumour_count < members->rumour_room)
		return &members->rumours[members->rumour_count++];
	if (members->rumour_room == MEMBERS_RUMOURS)
		return rumour_victim(members);
	larger = realloc(members->rumours, room * sizeof(*larger));
	if (!larger)
		return members->rumour_count ? rumour_victim(members) : NULL;
	members->rumours = larger;
	members->rumour_room = room;
	return &members->rumours[members->rumour_count++];
}

static struct rumour *rumour_find(
	struct ph_members *members, const struct ph_swim_record *record)
{
	for (uint32_t i = 0; i < members->rumour_count; i++)
		if (same_claim(&members->rumours[i].record, record))
			return &members->rumours[i];
	return NULL;
}

void rumour_add(struct ph_members *members, int64_t now,
	const struct ph_swim_record *record)
{
	struct rumour *rumour = rumour_find(members, record);

	if (!rumour)
		rumour = rumour_room(members);
	if (!rumour)
		return;
	*rumour = (struct rumour){.record = *record, .born = now};
	if (members->news_next == INT64_MAX)
		members->news_next = now;
	else
		members->news_next =
			members_least(members->news_next, now + HURRY);
}

static bool is_older(const struct ph_swim_record *record, uint64_t epoch,
	uint32_t incarnation)
{
	return record->epoch < epoch ||
	       (record->epoch == epoch && record->incarnation < incarnation);
}

void rumour_outdate(struct ph_members *members, const uint8_t *subject,
	uint64_t epoch, uint32_t incarnation)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < members->rumour_count; i++) {
		const struct rumour *rumour = &members->rumours[i];

		if (is_older(&rumour->record, epoch, incarnation) &&
			!memcmp(rumour->record.subject, subject,
				PH_NODE_ID_BYTES))
			continue;
		if (kept != i)
			members->rumours[kept] = *rumour;
		kept++;
	}
	members->rumour_count = kept;
}

bool rumour_of(const struct ph_members *members, const uint8_t *subject,
	enum ph_swim_state state)
{
	for (uint32_t i = 0; i < members->rumour_count; i++)
		if (members->rumours[i].record.state == state &&
			!memcmp(members->rumours[i].record.subject, subject,
				PH_NODE_ID_BYTES))
			return true;
	return false;
}

/* Drops what was told to enough, or is too old. */
static void rumours_sweep(struct ph_members *members, int64_t now)
{
	uint32_t enough = TOLD + members_log2(members_size(members));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < members->rumour_count; i++) {
		const struct rumour *rumour = &members->rumours[i];

		if (rumour->sent >= enough ||
			now - rumour->born > MEMBERS_RUMOUR_OLD)
			continue;
		if (kept != i)
			members->rumours[kept] = *rumour;
		kept++;
	}
	members->rumour_count = kept;
}

/* Told less, then younger. */
static bool goes_before(const struct rumour *a, const struct rumour *b)
{
	if (a->sent != b->sent)
		return a->sent < b->sent;
	return a->born > b->born;
}

void rumour_pick(struct ph_members *members, int64_t now, struct ph_swim *swim)
{
	struct rumour *best[PH_SWIM_RECORDS];
	unsigned count = 0;

	if (!members->rumour_count)
		return;
	rumours_sweep(members, now);
	for (uint32_t i = 0; i < members->rumour_count; i++) {
		struct rumour *rumour = &members->rumours[i];
		unsigned at = count;

		if (count == PH_SWIM_RECORDS) {
			if (!goes_before(rumour, best[count - 1]))
				continue;
			at = count - 1;
		} else {
			count++;
		}
		for (; at && goes_before(rumour, best[at - 1]); at--)
			best[at] = best[at - 1];
		best[at] = rumour;
	}
	for (unsigned i = 0; i < count; i++) {
		best[i]->sent++;
		swim->records[i] = best[i]->record;
	}
	swim->count = (uint8_t)count;
}

static bool anything_new(const struct ph_members *members)
{
	for (uint32_t i = 0; i < members->rumour_count; i++)
		if (!members->rumours[i].sent)
			return true;
	return false;
}

void rumour_round(struct ph_members *members, int64_t now)
{
	uint16_t receivers[MEMBERS_FANOUT];
	uint16_t successor = MEMBERS_NOBODY;
	unsigned count = 0;

	rumours_sweep(members, now);
	members->news_next = INT64_MAX;
	if (!members->rumour_count)
		return;
	members->news_next = now + members->config.timers.news_every;
	if (anything_new(members))
		successor = turn_successor(members);
	if (successor != MEMBERS_NOBODY)
		receivers[count++] = successor;
	count += members_pick(members, receivers + count,
		MEMBERS_FANOUT - count, successor, PH_MEMBER_SUSPECT);
	for (unsigned i = 0; i < count; i++)
		packet_send(members, PH_SWIM_NEWS, receivers[i],
			packet_sequence(members, 0));
}
