#include "discovery/neighbours.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/neighbours_table.h"
#include "kernel/hal.h"

#define HOUR (3600 * PH_SECOND)

enum {
	STRANGER_FLOORS = 512,
	SHARES = 1024,
};

struct ph_neighbours_config ph_neighbours_defaults(void)
{
	return (struct ph_neighbours_config){
		.members = 1024,
		.strangers = 64,
		.foreigners = 64,
		.per_source = 8,
		.floors = 4096,
		.fingerprints = 32768,
		.floor_for = 24 * HOUR,
		.twice_after = 100 * PH_MILLISECOND,
		.twice_until = 3 * PH_SECOND,
		.chance = 2 * PH_SECOND,
		.wish_again = 5 * PH_SECOND,
		.ttl_most = 3600,
		.ttl_stranger = 300,
		.member_burst = 1024,
		.member_rate = 1000,
		.stranger_burst = 64,
		.stranger_rate = 250,
		.source_burst = 8,
		.source_rate = 4,
	};
}

static const char *const hearing_names[] = {
#define X(ident, name) name,
	PH_HEARINGS(X)
#undef X
};

const char *ph_hearing_name(enum ph_hearing hearing)
{
	return hearing_names[hearing];
}

const char *ph_gone_name(enum ph_neighbour_gone reason)
{
	static const char *const names[] = {
		[PH_GONE_GOODBYE] = "goodbye",
		[PH_GONE_EXPIRED] = "expired",
		[PH_GONE_EVICTED] = "evicted",
		[PH_GONE_FORGOTTEN] = "forgotten",
	};

	return names[reason];
}

const char *ph_standing_name(enum ph_standing standing)
{
	static const char *const names[] = {
		[PH_FOREIGN] = "foreign",
		[PH_STRANGER] = "stranger",
		[PH_MEMBER] = "member",
	};

	return names[standing];
}

int ph_neighbours_create(
	struct ph_neighbours **out, const struct ph_neighbours_config *config)
{
	struct ph_neighbours *table = calloc(1, sizeof(*table));

	assert(config->judge && config->member_burst && config->member_rate &&
		config->stranger_burst && config->stranger_rate);
	if (!table)
		return -ENOMEM;
	table->config = *config;
	table->deadline = INT64_MAX;
	table->member_budget = ph_bucket(
		config->member_burst, PH_SECOND / config->member_rate);
	table->stranger_budget = ph_bucket(
		config->stranger_burst, PH_SECOND / config->stranger_rate);
	if (ph_floors_create(
		    &table->member_floors, config->floors, config->floor_for) ||
		ph_floors_create(&table->stranger_floors, STRANGER_FLOORS,
			config->floor_for) ||
		ph_sieve_create(&table->sieve, config->fingerprints,
			config->twice_after, config->twice_until,
			config->seed) ||
		ph_shares_create(&table->shares, SHARES, config->source_burst,
			PH_SECOND / config->source_rate, config->seed)) {
		ph_neighbours_destroy(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

static void entries_free(struct ph_entry **head)
{
	struct ph_entry *entry, *next;

	HASH_ITER(hh, *head, entry, next)
	{
		HASH_DEL(*head, entry);
		free((void *)entry->shown.data);
		free(entry);
	}
}

void ph_neighbours_destroy(struct ph_neighbours *table)
{
	struct ph_neighbour_event event;

	if (!table)
		return;
	while (ph_neighbours_next(table, &event))
		;
	ph_entry_sweep(table);
	entries_free(&table->ours);
	entries_free(&table->foreign);
	ph_floors_destroy(table->member_floors);
	ph_floors_destroy(table->stranger_floors);
	ph_sieve_destroy(table->sieve);
	ph_shares_destroy(table->shares);
	free(table);
}

/* Ageing and what the owner says. */

static void head_step(
	struct ph_neighbours *table, struct ph_entry *head, int64_t now)
{
	struct ph_entry *entry, *next;

	HASH_ITER(hh, head, entry, next)
	{
		if (entry->shown.expires <= now)
			ph_entry_remove(table, entry, PH_GONE_EXPIRED, now);
		else if (entry->shown.expires < table->deadline)
			table->deadline = entry->shown.expires;
	}
}

void ph_neighbours_step(struct ph_neighbours *table, int64_t now)
{
	ph_entry_sweep(table);
	if (now < table->deadline)
		return;
	table->deadline = INT64_MAX;
	head_step(table, table->ours, now);
	head_step(table, table->foreign, now);
}

int64_t ph_neighbours_deadline(const struct ph_neighbours *table)
{
	return table->deadline;
}

void ph_neighbours_keep(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t until)
{
	struct ph_entry *entry = ph_entry_find(table, id, false);

	if (!entry || until <= entry->kept_until)
		return;
	entry->kept_until = until;
	ph_entry_times(table, entry);
}

void ph_neighbours_forget(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now)
{
	struct ph_entry *entry = ph_entry_find(table, id, false);

	ph_entry_sweep(table);
	if (entry)
		ph_entry_remove(table, entry, PH_GONE_FORGOTTEN, now);
}

static void entry_review(
	struct ph_neighbours *table, struct ph_entry *entry, int64_t now)
{
	enum ph_key_verdict key = table->config.judge->key(
		table->config.context, entry->shown.key);

	entry->trusted = key == PH_KEY_TRUSTED;
	if (key == PH_KEY_REVOKED)
		ph_entry_remove(table, entry, PH_GONE_FORGOTTEN, now);
	else if (entry->trusted && entry->shown.standing == PH_STRANGER &&
		 ph_entry_promote(table, entry))
		ph_entry_tell(table, entry, PH_NEIGHBOUR_CHANGED);
}

void ph_neighbours_review(struct ph_neighbours *table, int64_t now)
{
	struct ph_entry *entry, *next;

	ph_entry_sweep(table);
	HASH_ITER(hh, table->ours, entry, next)
	entry_review(table, entry, now);
}

void ph_neighbours_floor(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], uint64_t epoch, uint32_t seq,
	int64_t now)
{
	struct ph_entry *entry = ph_entry_find(table, id, false);
	struct ph_floor floor = {epoch, seq};

	if (!entry) {
		ph_floors_set(table->member_floors, id, floor, now);
	} else if (ph_floor_below((struct ph_floor){entry->shown.epoch,
					  entry->shown.seq},
			   epoch, seq)) {
		entry->shown.epoch = epoch;
		entry->shown.seq = seq;
	}
}

void ph_neighbours_floors(const struct ph_neighbours *table, int64_t now,
	void (*visit)(void *context, const uint8_t id[PH_NODE_ID_BYTES],
		struct ph_floor floor),
	void *context)
{
	const struct ph_entry *entry;

	for (entry = table->ours; entry; entry = entry->hh.next)
		if (entry->shown.standing == PH_MEMBER)
			visit(context, entry->shown.id,
				(struct ph_floor){
					entry->shown.epoch, entry->shown.seq});
	ph_floors_each(table->member_floors, now, visit, context);
}

uint64_t ph_neighbours_epoch(const struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now)
{
	const struct ph_entry *entry = ph_entry_find(table, id, false);
	struct ph_floor floor;

	if (entry)
		return entry->shown.epoch;
	return ph_floors_get(table->member_floors, id, now, &floor)
		       ? floor.epoch
		       : 0;
}

/* Looking. */

const struct ph_neighbour *ph_neighbours_find(
	const struct ph_neighbours *table, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct ph_entry *entry = ph_entry_find(table, id, false);

	if (!entry)
		entry = ph_entry_find(table, id, true);
	return entry ? &entry->shown : NULL;
}

const struct ph_neighbour *ph_neighbours_walk(
	const struct ph_neighbours *table, const struct ph_neighbour *after)
{
	const struct ph_entry *entry = (const struct ph_entry *)after, *next;

	static_assert(offsetof(struct ph_entry, shown) == 0, "shown is first");
	next = entry ? entry->hh.next : table->ours;
	if (!next && (!entry || entry->shown.standing != PH_FOREIGN))
		next = table->foreign;
	return next ? &next->shown : NULL;
}

unsigned ph_neighbours_count(
	const struct ph_neighbours *table, enum ph_standing standing)
{
	return table->count[standing];
}

uint64_t ph_neighbours_counted(
	const struct ph_neighbours *table, enum ph_hearing hearing)
{
	return table->counted[hearing];
}

size_t ph_neighbours_memory(const struct ph_neighbours *table)
{
	return sizeof(*table) + table->bytes + HASH_OVERHEAD(hh, table->ours) +
	       HASH_OVERHEAD(hh, table->foreign) +
	       ph_floors_memory(table->member_floors) +
	       ph_floors_memory(table->stranger_floors) +
	       ph_sieve_memory(table->sieve) + ph_shares_memory(table->shares);
}
