/* What the view shows of itself. */
#include "discovery/members_inner.h"

#include <errno.h>
#include <string.h>

unsigned ph_members_count(const struct ph_members *members)
{
	return members->count;
}

unsigned ph_members_in(
	const struct ph_members *members, enum ph_member_state state)
{
	return members->in[state];
}

uint32_t ph_members_incarnation(const struct ph_members *members)
{
	return members->incarnation;
}

unsigned ph_members_ill(const struct ph_members *members)
{
	return members->ill;
}

static void view_fill(const struct ph_members *members,
	const struct member *member, struct ph_member_view *out)
{
	*out = (struct ph_member_view){
		.epoch = member->epoch,
		.incarnation = member->incarnation,
		.handle = member->handle,
		.state = member->state,
		.stale = member->stale,
		.since = member->since,
		.heard = member->heard,
		.round_trip = member->trip * PH_MICROSECOND,
	};
	memcpy(out->id, member->id, PH_NODE_ID_BYTES);
	if (member->state != PH_MEMBER_SUSPECT)
		return;
	out->accusers = member->accuser_count;
	out->suspect_ends = judge_ends(members, member);
}

void ph_members_view(const struct ph_members *members, unsigned index,
	struct ph_member_view *out)
{
	view_fill(members, &members->slots[members->ring[index]], out);
}

int ph_members_find(const struct ph_members *members,
	const uint8_t id[PH_NODE_ID_BYTES], struct ph_member_view *out)
{
	const struct member *member = members_find(members, id);

	if (!member)
		return -ENOENT;
	view_fill(members, member, out);
	return 0;
}

int ph_members_gone(
	const struct ph_members *members, uint8_t id[PH_NODE_ID_BYTES])
{
	const struct member *oldest = NULL;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct member *member = &members->slots[members->ring[i]];

		if (member_takes_part(member))
			continue;
		if (!oldest || member->since < oldest->since)
			oldest = member;
	}
	if (!oldest)
		return -ENOENT;
	memcpy(id, oldest->id, PH_NODE_ID_BYTES);
	return 0;
}

static bool picked(const uint16_t *list, unsigned count, uint16_t slot)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == slot)
			return true;
	return false;
}

/* From a random place on, the first that will do. */
static uint16_t pick_one(struct ph_members *members, const uint16_t *list,
	unsigned count, uint16_t but, enum ph_member_state worst)
{
	uint32_t at = members_random(members, members->count);

	for (uint32_t i = 0; i < members->count; i++) {
		uint16_t slot = members->ring[at];

		if (members->slots[slot].state <= worst && slot != but &&
			!picked(list, count, slot))
			return slot;
		at = at + 1 == members->count ? 0 : at + 1;
	}
	return MEMBERS_NOBODY;
}

unsigned members_pick(struct ph_members *members, uint16_t *out, unsigned want,
	uint16_t but, enum ph_member_state worst)
{
	unsigned count = 0;

	while (count < want && count < members->count) {
		uint16_t slot = pick_one(members, out, count, but, worst);

		if (slot == MEMBERS_NOBODY)
			break;
		out[count++] = slot;
	}
	return count;
}
