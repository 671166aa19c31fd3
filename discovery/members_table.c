/*
 * Who is there. Slots with a hash over ids, a ring sorted by id, and the order
 * of the random round. A slot stays its member's until that is forgotten.
 */
#include "discovery/members_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAPACITY = 16
};

static uint32_t bucket_of(
	const struct ph_members *members, const uint8_t *id, uint32_t capacity)
{
	uint64_t low, high;

	/* Ids are hashes, but their owners may choose among many: the seed
	 * keeps them from choosing one bucket. */
	memcpy(&low, id, sizeof(low));
	memcpy(&high, id + 8, sizeof(high));
	low = (low ^ members->config.seed) * UINT64_C(0x9e3779b97f4a7c15);
	low ^= high * UINT64_C(0xc2b2ae3d27d4eb4f);
	return (uint32_t)(low >> 40) & (capacity - 1);
}

struct member *members_find(const struct ph_members *members, const uint8_t *id)
{
	uint16_t slot;

	if (!members->capacity)
		return NULL;
	slot = members->buckets[bucket_of(members, id, members->capacity)];
	while (slot != MEMBERS_NOBODY) {
		struct member *member = &members->slots[slot];

		if (!memcmp(member->id, id, PH_NODE_ID_BYTES))
			return member;
		slot = member->chain;
	}
	return NULL;
}

static void bucket_add(struct ph_members *members, uint16_t slot)
{
	struct member *member = &members->slots[slot];
	uint32_t at = bucket_of(members, member->id, members->capacity);

	member->chain = members->buckets[at];
	members->buckets[at] = slot;
}

static void bucket_remove(struct ph_members *members, uint16_t slot)
{
	struct member *member = &members->slots[slot];
	uint16_t *link = &members->buckets[bucket_of(
		members, member->id, members->capacity)];

	while (*link != slot)
		link = &members->slots[*link].chain;
	*link = member->chain;
}

/* --- room --- */

static bool list_resize(uint16_t **list, uint32_t capacity)
{
	uint16_t *larger = realloc(*list, capacity * sizeof(**list));

	if (!larger)
		return false;
	*list = larger;
	return true;
}

/* A failure on the way leaves lists larger than need be, no harm. */
static int table_grow(struct ph_members *members)
{
	uint32_t old = members->capacity;
	uint32_t capacity = old ? old * 2 : FIRST_CAPACITY;
	struct member *slots;

	if (!list_resize(&members->ring, capacity) ||
		!list_resize(&members->order, capacity) ||
		!list_resize(&members->suspects, capacity) ||
		!list_resize(&members->buckets, capacity))
		return -ENOMEM;
	slots = realloc(members->slots, capacity * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	members->slots = slots;
	members->capacity = capacity;
	memset(slots + old, 0, (capacity - old) * sizeof(*slots));
	for (uint32_t i = capacity; i-- > old;) {
		slots[i].chain = members->free;
		members->free = (uint16_t)i;
	}
	memset(members->buckets, 0xff, capacity * sizeof(*members->buckets));
	for (uint32_t i = 0; i < members->count; i++)
		bucket_add(members, members->ring[i]);
	return 0;
}

/* Where in the ring an id stands, or would. */
static uint32_t ring_place(const struct ph_members *members, const uint8_t *id)
{
	uint32_t low = 0, high = members->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct member *member =
			&members->slots[members->ring[middle]];

		if (memcmp(member->id, id, PH_NODE_ID_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void list_insert(
	uint16_t *list, uint32_t count, uint32_t at, uint16_t slot)
{
	memmove(list + at + 1, list + at, (count - at) * sizeof(*list));
	list[at] = slot;
}

static void list_remove(uint16_t *list, uint32_t count, uint32_t at)
{
	memmove(list + at, list + at + 1, (count - at - 1) * sizeof(*list));
}

/* --- coming and going --- */

void members_shuffle(struct ph_members *members)
{
	for (uint32_t i = members->count; i > 1; i--) {
		uint32_t other = members_random(members, i);
		uint16_t slot = members->order[i - 1];

		members->order[i - 1] = members->order[other];
		members->order[other] = slot;
	}
	members->order_next = 0;
}

/* At a random place of what is left of this round. */
static void order_insert(struct ph_members *members, uint16_t slot)
{
	uint32_t left = members->count - members->order_next;
	uint32_t at = members->order_next + members_random(members, left + 1);

	members->order[members->count] = members->order[at];
	members->order[at] = slot;
}

static void order_remove(struct ph_members *members, uint16_t slot)
{
	uint32_t at = 0;

	while (members->order[at] != slot)
		at++;
	list_remove(members->order, members->count, at);
	if (at < members->order_next)
		members->order_next--;
}

static int table_add(struct ph_members *members, int64_t now, const uint8_t *id,
	struct member **out)
{
	struct member *member;
	uint16_t slot;
	int result;

	if (!memcmp(id, members->config.self, PH_NODE_ID_BYTES))
		return -EINVAL;
	if (members->count == PH_MEMBERS_MAX)
		return -ENOSPC;
	if (members->count == members->capacity) {
		result = table_grow(members);
		if (result)
			return result;
	}
	slot = members->free;
	member = &members->slots[slot];
	members->free = member->chain;
	*member = (struct member){
		.used = true,
		.introduced = now,
		.since = now,
	};
	memcpy(member->id, id, PH_NODE_ID_BYTES);
	bucket_add(members, slot);
	list_insert(
		members->ring, members->count, ring_place(members, id), slot);
	order_insert(members, slot);
	members->count++;
	members->ring_self = ring_place(members, members->config.self);
	members->in[member->state]++;
	*out = member;
	return 0;
}

static uint8_t without(uint16_t *list, uint8_t count, uint16_t slot)
{
	uint8_t kept = 0;

	for (unsigned i = 0; i < count; i++)
		if (list[i] != slot)
			list[kept++] = list[i];
	return kept;
}

static void accuser_forget(struct member *member, uint16_t accuser)
{
	member->accuser_count =
		without(member->accusers, member->accuser_count, accuser);
	member->declarer_count =
		without(member->declarers, member->declarer_count, accuser);
}

void ph_members_forget(
	struct ph_members *members, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct member *member = members_find(members, id);
	uint16_t slot;

	if (!member)
		return;
	slot = members_slot(members, member);
	judge_unsuspect(members, member);
	members_greet_later(members, member, 0);
	for (uint32_t i = 0; i < members->suspect_count; i++)
		accuser_forget(&members->slots[members->suspects[i]], slot);
	probe_drop(members, slot);
	packet_drop(members, slot);
	bucket_remove(members, slot);
	list_remove(members->ring, members->count, ring_place(members, id));
	order_remove(members, slot);
	members->count--;
	members->ring_self = ring_place(members, members->config.self);
	members->in[member->state]--;
	member->used = false;
	member->chain = members->free;
	members->free = slot;
}

void members_greet_later(
	struct ph_members *members, struct member *member, uint8_t tries)
{
	if (member->greets && !tries)
		members->greet_count--;
	if (!member->greets && tries)
		members->greet_count++;
	member->greets = tries;
}

static void introduce_anew(struct ph_members *members, int64_t now,
	struct member *member, const struct ph_member_introduction *card)
{
	enum ph_member_state state =
		card->direct ? PH_MEMBER_ALIVE : PH_MEMBER_HEARD;

	members->in[member->state]--;
	member->state = state;
	members->in[state]++;
	member->epoch = card->epoch;
	if (!card->direct)
		members_greet_later(members, member, MEMBERS_GREET_TRIES);
	members_event(members, member, now, state,
		card->direct ? PH_MEMBER_BY_ANNOUNCED : PH_MEMBER_BY_RELAYED,
		MEMBERS_NOBODY);
}

static void introduce_again(struct ph_members *members, int64_t now,
	struct member *member, const struct ph_member_introduction *card)
{
	if (card->epoch < member->epoch)
		return;
	if (card->epoch > member->epoch) {
		judge_restart(members, now, member, card->epoch,
			card->direct ? PH_MEMBER_ALIVE : PH_MEMBER_HEARD);
		return;
	}
	if (!card->direct || member->state == PH_MEMBER_LEFT)
		return;
	judge_contact(members, now, member, PH_MEMBER_BY_ANNOUNCED);
	/* It is held dead and does not know. */
	if (member->state >= PH_MEMBER_SUSPECT)
		members_greet_later(members, member, 1);
}

int ph_members_introduce(struct ph_members *members, int64_t now,
	const struct ph_member_introduction *introduction)
{
	struct member *member = members_find(members, introduction->id);
	int result;

	members_enter(members, now);
	if (!member) {
		result = table_add(members, now, introduction->id, &member);
		if (result)
			return result;
		member->handle = introduction->handle;
		introduce_anew(members, now, member, introduction);
		return 0;
	}
	member->handle = introduction->handle;
	introduce_again(members, now, member, introduction);
	return 0;
}

/* Its announcement was loaded first. */
static void import_again(struct ph_members *members, int64_t now,
	struct member *member, const struct ph_member_view *view)
{
	if (member->state != PH_MEMBER_HEARD || member->met ||
		view->epoch != member->epoch)
		return;
	member->stale = true;
	if (view->incarnation > member->incarnation)
		member->incarnation = view->incarnation;
	if (view->state == PH_MEMBER_DEAD || view->state == PH_MEMBER_LEFT)
		judge_enter(members, now, member, view->state,
			PH_MEMBER_BY_IMPORTED, MEMBERS_NOBODY);
}

int ph_members_import(struct ph_members *members, int64_t now,
	const struct ph_member_view *view)
{
	struct member *member = members_find(members, view->id);
	int result;

	members_enter(members, now);
	if (member) {
		import_again(members, now, member, view);
		return 0;
	}
	result = table_add(members, now, view->id, &member);
	if (result)
		return result;
	members->in[member->state]--;
	member->state = view->state == PH_MEMBER_SUSPECT ? PH_MEMBER_HEARD
							 : view->state;
	members->in[member->state]++;
	member->epoch = view->epoch;
	member->incarnation = view->incarnation;
	member->handle = view->handle;
	member->stale = true;
	if (member->state != PH_MEMBER_LEFT)
		members_greet_later(members, member, MEMBERS_GREET_TRIES);
	members_event(members, member, now, member->state,
		PH_MEMBER_BY_IMPORTED, MEMBERS_NOBODY);
	return 0;
}
