#ifndef PH_DISCOVERY_NEIGHBOURS_TABLE_H
#define PH_DISCOVERY_NEIGHBOURS_TABLE_H

#include <uthash.h>

#include "discovery/bucket.h"
#include "discovery/floors.h"
#include "discovery/neighbours.h"
#include "discovery/shares.h"
#include "discovery/sieve.h"

/*
 * Inside of the neighbour table: its entries, who goes when there is no room,
 * and the events that wait. What is believed is decided in neighbours_hear.c,
 * and of foreign neighbours in neighbours_foreign.c.
 */
struct ph_entry {
	struct ph_neighbour shown;
	bool trusted; /* its key, when last asked */
	int64_t ttl_until;
	int64_t kept_until;
	int64_t wish_at;
	int64_t wish_span;
	/* Events that wait, bits 1 << ph_neighbour_event_kind. */
	unsigned pending;
	bool queued;
	enum ph_neighbour_gone reason;
	struct ph_entry *next; /* in the queue of events */
	UT_hash_handle hh;     /* in one of the two, until it is gone */
};

struct ph_neighbours {
	struct ph_neighbours_config config;
	struct ph_entry *ours; /* members and strangers, by node id */
	struct ph_entry *foreign;
	unsigned count[PH_MEMBER + 1];
	struct ph_floors *member_floors;
	struct ph_floors *stranger_floors;
	struct ph_sieve *sieve;
	struct ph_shares *shares; /* of the strangers' budget, by source */
	struct ph_bucket member_budget;
	struct ph_bucket stranger_budget;
	int64_t deadline;	       /* nobody expires before */
	struct ph_entry *first, *last; /* the queue of events */
	struct ph_entry *spent; /* its GONE was taken: freed at the next call */
	unsigned waiting;	/* entries that are gone, in the queue */
	size_t bytes;		/* of entries and what they said */
	uint64_t counted[PH_HEARINGS_COUNT];
};

/* Gone ones whose event nobody took: then nothing is heard any more. */
#define PH_NEIGHBOURS_WAITING 2048u

struct ph_entry *ph_entry_find(const struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], bool foreign);
/* With room for it made; NULL and *why when there is none. */
struct ph_entry *ph_entry_add(struct ph_neighbours *table,
	const struct ph_neighbour *shown, bool trusted, bool repeated,
	int64_t now, enum ph_hearing *why);
/* A copy of what it said. -ENOMEM leaves the old one. */
int ph_entry_say(struct ph_neighbours *table, struct ph_entry *entry,
	const uint8_t *data, size_t length);
/* A stranger became one of us. False: no room, it stays a stranger. */
bool ph_entry_promote(struct ph_neighbours *table, struct ph_entry *entry);
void ph_entry_remove(struct ph_neighbours *table, struct ph_entry *entry,
	enum ph_neighbour_gone reason, int64_t now);
/* Until when it lives that says `ttl`, as long as we let it. */
int64_t ph_entry_ttl_end(const struct ph_neighbours *table,
	enum ph_standing standing, uint16_t ttl, int64_t now);
/* After ttl_until or kept_until changed. */
void ph_entry_times(struct ph_neighbours *table, struct ph_entry *entry);
void ph_entry_tell(struct ph_neighbours *table, struct ph_entry *entry,
	enum ph_neighbour_event_kind kind);
/* Frees the one whose GONE was taken. */
void ph_entry_sweep(struct ph_neighbours *table);

/* neighbours_foreign.c: somebody who speaks LLDP alone. */
enum ph_hearing ph_foreign_hear(struct ph_neighbours *table,
	const struct ph_lldp *lldp, const struct ph_via *via, int64_t now);

#endif
