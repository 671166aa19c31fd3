#ifndef PH_DISCOVERY_FLOORS_H
#define PH_DISCOVERY_FLOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * The highest (epoch, seq) heard of nodes that are gone, so that nothing they
 * once said is believed again. Each is kept for a time; when there are too
 * many, the oldest goes first.
 */
struct ph_floors;

struct ph_floor {
	uint64_t epoch;
	uint32_t seq;
};

/* -ENOMEM. */
int ph_floors_create(struct ph_floors **out, unsigned most, int64_t keep);
void ph_floors_destroy(struct ph_floors *floors);
/* Never lowers. What there is no memory for is not kept. */
void ph_floors_set(struct ph_floors *floors, const uint8_t id[PH_NODE_ID_BYTES],
	struct ph_floor floor, int64_t now);
/* False: none is known. */
bool ph_floors_get(const struct ph_floors *floors,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now, struct ph_floor *out);
void ph_floors_drop(
	struct ph_floors *floors, const uint8_t id[PH_NODE_ID_BYTES]);
/* Those that count at `now`. */
void ph_floors_each(const struct ph_floors *floors, int64_t now,
	void (*visit)(void *context, const uint8_t id[PH_NODE_ID_BYTES],
		struct ph_floor floor),
	void *context);
unsigned ph_floors_count(const struct ph_floors *floors);
size_t ph_floors_memory(const struct ph_floors *floors);

static inline bool ph_floor_below(
	struct ph_floor floor, uint64_t epoch, uint32_t seq)
{
	return epoch > floor.epoch || (epoch == floor.epoch && seq > floor.seq);
}

#endif
