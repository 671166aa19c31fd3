#include "discovery/neighbours_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/hal.h"

static struct ph_entry **head_of(
	struct ph_neighbours *table, enum ph_standing standing)
{
	return standing == PH_FOREIGN ? &table->foreign : &table->ours;
}

struct ph_entry *ph_entry_find(const struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], bool foreign)
{
	struct ph_entry *head = foreign ? table->foreign : table->ours;
	struct ph_entry *entry;

	HASH_FIND(hh, head, id, PH_NODE_ID_BYTES, entry);
	return entry;
}

/* Events. */

void ph_entry_tell(struct ph_neighbours *table, struct ph_entry *entry,
	enum ph_neighbour_event_kind kind)
{
	/* Who was not introduced yet has not changed. */
	if (kind == PH_NEIGHBOUR_CHANGED &&
		entry->pending & 1u << PH_NEIGHBOUR_NEW)
		return;
	entry->pending |= 1u << kind;
	if (entry->queued)
		return;
	entry->queued = true;
	entry->next = NULL;
	if (table->last)
		table->last->next = entry;
	else
		table->first = entry;
	table->last = entry;
}

static void entry_free(struct ph_neighbours *table, struct ph_entry *entry)
{
	table->bytes -= sizeof(*entry) + entry->shown.length;
	free((void *)entry->shown.data);
	free(entry);
}

void ph_entry_sweep(struct ph_neighbours *table)
{
	if (table->spent)
		entry_free(table, table->spent);
	table->spent = NULL;
}

/* What each event is worth to be told once more is told last. */
static const enum ph_neighbour_event_kind order[] = {
	PH_NEIGHBOUR_NEW,
	PH_NEIGHBOUR_CHANGED,
	PH_NEIGHBOUR_WISH,
	PH_NEIGHBOUR_GONE,
};

static enum ph_neighbour_event_kind pending_take(struct ph_entry *entry)
{
	unsigned i = 0;

	assert(entry->pending);
	while (!(entry->pending & 1u << order[i]))
		i++;
	entry->pending &= ~(1u << order[i]);
	return order[i];
}

bool ph_neighbours_next(
	struct ph_neighbours *table, struct ph_neighbour_event *out)
{
	struct ph_entry *entry = table->first;

	ph_entry_sweep(table);
	if (!entry)
		return false;
	out->kind = pending_take(entry);
	out->reason = entry->reason;
	out->neighbour = &entry->shown;
	if (!entry->pending) {
		entry->queued = false;
		table->first = entry->next;
		if (!table->first)
			table->last = NULL;
	}
	if (out->kind == PH_NEIGHBOUR_GONE) {
		table->waiting--;
		table->spent = entry;
	}
	return true;
}

/* Time. */

int64_t ph_entry_ttl_end(const struct ph_neighbours *table,
	enum ph_standing standing, uint16_t ttl, int64_t now)
{
	uint16_t most = standing == PH_MEMBER ? table->config.ttl_most
					      : table->config.ttl_stranger;

	return now + (ttl < most ? ttl : most) * PH_SECOND;
}

void ph_entry_times(struct ph_neighbours *table, struct ph_entry *entry)
{
	entry->shown.expires = entry->ttl_until > entry->kept_until
				       ? entry->ttl_until
				       : entry->kept_until;
	if (entry->shown.expires < table->deadline)
		table->deadline = entry->shown.expires;
}

/* Who goes. */

void ph_entry_remove(struct ph_neighbours *table, struct ph_entry *entry,
	enum ph_neighbour_gone reason, int64_t now)
{
	struct ph_neighbour *shown = &entry->shown;
	struct ph_floor floor = {shown->epoch, shown->seq};

	if (shown->standing != PH_FOREIGN)
		ph_floors_set(shown->standing == PH_MEMBER
				      ? table->member_floors
				      : table->stranger_floors,
			shown->id, floor, now);
	HASH_DEL(*head_of(table, shown->standing), entry);
	table->count[shown->standing]--;
	table->waiting++;
	entry->reason = reason;
	entry->pending &= ~(1u << PH_NEIGHBOUR_WISH);
	ph_entry_tell(table, entry, PH_NEIGHBOUR_GONE);
}

static unsigned quota_of(
	const struct ph_neighbours *table, enum ph_standing standing)
{
	return standing == PH_MEMBER	 ? table->config.members
	       : standing == PH_STRANGER ? table->config.strangers
					 : table->config.foreigners;
}

static bool same_source(const struct ph_via *one, const struct ph_via *other)
{
	return one->carrier == other->carrier &&
	       one->interface == other->interface &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

/* May `entry` go for a newcomer of its class? Members only for those whose key
 * is trusted, and never one that is trusted itself; others when they had their
 * chance, or were heard once only and the newcomer more often. */
static bool may_go(const struct ph_neighbours *table,
	const struct ph_entry *entry, bool trusted, bool repeated, int64_t now)
{
	bool old = now - entry->shown.since >= table->config.chance;

	switch (entry->shown.standing) {
	case PH_MEMBER:
		return trusted && !entry->trusted;
	case PH_STRANGER:
		return old || (repeated && !entry->shown.repeated);
	case PH_FOREIGN:
		return old && !entry->shown.repeated;
	}
	return false;
}

struct room {
	unsigned of_source;	    /* of the newcomer's source */
	struct ph_entry *victim;    /* the oldest that may go */
	struct ph_entry *neighbour; /* the same, of the newcomer's source */
};

static void older(struct ph_entry **oldest, struct ph_entry *entry)
{
	if (!*oldest || entry->shown.since < (*oldest)->shown.since)
		*oldest = entry;
}

static struct room look_around(struct ph_neighbours *table,
	const struct ph_neighbour *shown, bool trusted, bool repeated,
	int64_t now)
{
	struct ph_entry *entry, *next;
	struct room room = {0};

	HASH_ITER(hh, *head_of(table, shown->standing), entry, next)
	{
		bool same = same_source(&entry->shown.via, &shown->via);
		bool may = may_go(table, entry, trusted, repeated, now);

		if (entry->shown.standing != shown->standing)
			continue;
		room.of_source += same;
		if (may)
			older(&room.victim, entry);
		if (may && same)
			older(&room.neighbour, entry);
	}
	return room;
}

static unsigned count_of_source(
	const struct ph_neighbours *table, const struct ph_neighbour *shown)
{
	const struct ph_entry *entry;
	unsigned count = 0;

	for (entry = table->ours; entry; entry = entry->hh.next)
		count += entry->shown.standing == shown->standing &&
			 same_source(&entry->shown.via, &shown->via);
	return count;
}

/* A stranger that comes from a source of its own need not wait until those that
 * one source keeps there had their chance: the oldest of the source with the
 * most goes. */
static struct ph_entry *most_crowded(struct ph_neighbours *table,
	const struct ph_neighbour *shown, unsigned of_source)
{
	struct ph_entry *entry, *next, *found = NULL;
	unsigned most = of_source + 1;

	if (shown->standing != PH_STRANGER)
		return NULL;
	HASH_ITER(hh, table->ours, entry, next)
	{
		unsigned count = entry->shown.standing == PH_STRANGER
					 ? count_of_source(table, &entry->shown)
					 : 0;

		if (count > most) {
			most = count;
			found = entry;
		}
	}
	return found;
}

static bool room_make(struct ph_neighbours *table,
	const struct ph_neighbour *shown, bool trusted, bool repeated,
	int64_t now, enum ph_hearing *why)
{
	bool member = shown->standing == PH_MEMBER;
	bool full = table->count[shown->standing] >=
		    quota_of(table, shown->standing);
	bool crowded;
	struct room room;

	if (member && !full)
		return true; /* however many there are of one source */
	room = look_around(table, shown, trusted, repeated, now);
	crowded = !member && room.of_source >= table->config.per_source;
	if (crowded)
		room.victim = room.neighbour;
	if (!crowded && !full)
		return true;
	if (!crowded && !room.victim && repeated)
		room.victim = most_crowded(table, shown, room.of_source);
	*why = crowded ? PH_HEARD_CROWDED : PH_HEARD_FULL;
	if (!room.victim)
		return false;
	ph_entry_remove(table, room.victim, PH_GONE_EVICTED, now);
	return true;
}

struct ph_entry *ph_entry_add(struct ph_neighbours *table,
	const struct ph_neighbour *shown, bool trusted, bool repeated,
	int64_t now, enum ph_hearing *why)
{
	struct ph_entry *entry, **head = head_of(table, shown->standing);

	if (!room_make(table, shown, trusted, repeated, now, why))
		return NULL;
	*why = PH_HEARD_FULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	table->bytes += sizeof(*entry);
	entry->shown = *shown;
	entry->shown.data = NULL;
	entry->shown.length = 0;
	entry->shown.since = now;
	entry->trusted = trusted;
	entry->shown.repeated = repeated;
	if (ph_entry_say(table, entry, shown->data, shown->length)) {
		entry_free(table, entry);
		return NULL;
	}
	HASH_ADD(hh, *head, shown.id, PH_NODE_ID_BYTES, entry);
	table->count[shown->standing]++;
	ph_entry_tell(table, entry, PH_NEIGHBOUR_NEW);
	return entry;
}

int ph_entry_say(struct ph_neighbours *table, struct ph_entry *entry,
	const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length);

	assert(length && length <= PH_LLDP_MOST);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, length);
	table->bytes += length;
	table->bytes -= entry->shown.length;
	free((void *)entry->shown.data);
	entry->shown.data = copy;
	entry->shown.length = (uint16_t)length;
	return 0;
}

bool ph_entry_promote(struct ph_neighbours *table, struct ph_entry *entry)
{
	if (table->count[PH_MEMBER] >= table->config.members)
		return false;
	table->count[PH_STRANGER]--;
	table->count[PH_MEMBER]++;
	entry->shown.standing = PH_MEMBER;
	return true;
}
