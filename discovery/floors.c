#include "discovery/floors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	uint8_t id[PH_NODE_ID_BYTES];
	struct ph_floor floor;
	int64_t until;
	UT_hash_handle hh;
};

struct ph_floors {
	struct entry *entries; /* in order of `until` */
	unsigned most;
	int64_t keep;
};

int ph_floors_create(struct ph_floors **out, unsigned most, int64_t keep)
{
	struct ph_floors *floors = calloc(1, sizeof(*floors));

	if (!floors)
		return -ENOMEM;
	floors->most = most;
	floors->keep = keep;
	*out = floors;
	return 0;
}

static void entry_remove(struct ph_floors *floors, struct entry *entry)
{
	HASH_DEL(floors->entries, entry);
	free(entry);
}

void ph_floors_destroy(struct ph_floors *floors)
{
	struct entry *entry, *next;

	if (!floors)
		return;
	HASH_ITER(hh, floors->entries, entry, next)
	entry_remove(floors, entry);
	free(floors);
}

static struct entry *entry_find(
	const struct ph_floors *floors, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct entry *entry;

	HASH_FIND(hh, floors->entries, id, PH_NODE_ID_BYTES, entry);
	return entry;
}

/* Those whose time is over, and one more when there is no room. */
static void make_room(struct ph_floors *floors, int64_t now)
{
	while (floors->entries &&
		(floors->entries->until <= now ||
			HASH_COUNT(floors->entries) >= floors->most))
		entry_remove(floors, floors->entries);
}

void ph_floors_set(struct ph_floors *floors, const uint8_t id[PH_NODE_ID_BYTES],
	struct ph_floor floor, int64_t now)
{
	struct entry *entry = entry_find(floors, id);

	if (entry && !ph_floor_below(entry->floor, floor.epoch, floor.seq))
		floor = entry->floor;
	if (entry)
		HASH_DEL(floors->entries, entry);
	else {
		make_room(floors, now);
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return;
		memcpy(entry->id, id, PH_NODE_ID_BYTES);
	}
	entry->floor = floor;
	entry->until = now + floors->keep;
	HASH_ADD(hh, floors->entries, id, PH_NODE_ID_BYTES, entry);
}

bool ph_floors_get(const struct ph_floors *floors,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now, struct ph_floor *out)
{
	const struct entry *entry = entry_find(floors, id);

	if (!entry || entry->until <= now)
		return false;
	*out = entry->floor;
	return true;
}

void ph_floors_drop(
	struct ph_floors *floors, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct entry *entry = entry_find(floors, id);

	if (entry)
		entry_remove(floors, entry);
}

void ph_floors_each(const struct ph_floors *floors, int64_t now,
	void (*visit)(void *context, const uint8_t id[PH_NODE_ID_BYTES],
		struct ph_floor floor),
	void *context)
{
	const struct entry *entry;

	for (entry = floors->entries; entry; entry = entry->hh.next)
		if (entry->until > now)
			visit(context, entry->id, entry->floor);
}

unsigned ph_floors_count(const struct ph_floors *floors)
{
	return HASH_COUNT(floors->entries);
}

size_t ph_floors_memory(const struct ph_floors *floors)
{
	return sizeof(*floors) +
	       HASH_COUNT(floors->entries) * sizeof(struct entry) +
	       HASH_OVERHEAD(hh, floors->entries);
}
