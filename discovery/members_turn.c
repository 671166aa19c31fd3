/*
 * Whose turn it is: the successor in the ring, all in a shuffled order, one of
 * the dead now and then, strangers soon.
 */
#include "discovery/members_inner.h"

enum {
	DEAD_EVERY = 8, /* periods, between pings to one of the dead */
	HEARD_EACH = 2	/* pings a period to those only heard of */
};

uint16_t turn_successor(const struct ph_members *members)
{
	for (uint32_t i = 0; i < members->count; i++) {
		uint32_t at = (members->ring_self + i) % members->count;
		uint16_t slot = members->ring[at];

		if (members->slots[slot].state <= PH_MEMBER_ALIVE)
			return slot;
	}
	return MEMBERS_NOBODY;
}

static uint16_t random_target(struct ph_members *members)
{
	for (uint32_t i = 0; i < members->count; i++) {
		uint16_t slot;

		if (members->order_next >= members->count)
			members_shuffle(members);
		slot = members->order[members->order_next++];
		if (member_takes_part(&members->slots[slot]))
			return slot;
	}
	return MEMBERS_NOBODY;
}

static void probe_one_dead(struct ph_members *members, int64_t now)
{
	if (!members->in[PH_MEMBER_DEAD])
		return;
	for (uint32_t i = 0; i < members->count; i++) {
		uint32_t at = members->dead_next++ % members->count;
		uint16_t slot = members->ring[at];

		if (members->slots[slot].state == PH_MEMBER_DEAD) {
			probe_begin(members, now, slot, PROBE_GREET);
			return;
		}
	}
}

/* Whose greetings were lost, in a start of many or for want of a common key,
 * would else wait for its turn among all. */
static void probe_some_heard(struct ph_members *members, int64_t now)
{
	unsigned left = HEARD_EACH;

	for (uint32_t i = 0;
		members->in[PH_MEMBER_HEARD] && left && i < members->count;
		i++) {
		uint32_t at = members->heard_next++ % members->count;
		uint16_t slot = members->ring[at];
		struct member *member = &members->slots[slot];

		if (member->state != PH_MEMBER_HEARD || member->greets ||
			probe_own(members, slot))
			continue;
		probe_begin(members, now, slot, PROBE_GREET);
		left--;
	}
}

void turn_period(struct ph_members *members, int64_t now)
{
	uint16_t target = MEMBERS_NOBODY;

	probe_some_heard(members, now);
	if (members->periods % DEAD_EVERY == 0)
		probe_one_dead(members, now);
	if (members->periods & 1)
		target = turn_successor(members);
	if (target == MEMBERS_NOBODY)
		target = random_target(members);
	if (target != MEMBERS_NOBODY && !probe_own(members, target))
		probe_begin(members, now, target, PROBE_PERIODIC);
}

void turn_greet(struct ph_members *members, int64_t now)
{
	unsigned left = MEMBERS_GREETS;

	for (uint32_t i = 0; members->greet_count && left && i < members->count;
		i++) {
		uint32_t at = members->greet_next++ % members->count;
		uint16_t slot = members->ring[at];
		struct member *member = &members->slots[slot];

		if (!member->greets)
			continue;
		members_greet_later(members, member, member->greets - 1);
		probe_begin(members, now, slot, PROBE_GREET);
		left--;
	}
}
