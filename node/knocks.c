#include "node/knocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "discovery/bucket.h"
#include "kernel/hal.h"

enum {
	SETS = 128, /* a power of two */
	WAYS = 8
};

enum {
	NODE,
	ADDRESS,
	HOST,
	KINDS
};

static const struct {
	unsigned burst;
	int64_t refill;
} limits[KINDS] = {
	[NODE] = {16, 5 * PH_SECOND},
	[ADDRESS] = {5, 15 * PH_SECOND},
	[HOST] = {32, 2 * PH_SECOND},
};

struct knock {
	uint64_t tag; /* 0: free */
	struct ph_bucket bucket;
};

struct ph_knocks {
	uint64_t seed;
	struct knock table[SETS][WAYS];
};

int ph_knocks_create(struct ph_knocks **out, uint64_t seed)
{
	struct ph_knocks *knocks = calloc(1, sizeof(*knocks));

	if (!knocks)
		return -ENOMEM;
	knocks->seed = seed;
	*out = knocks;
	return 0;
}

void ph_knocks_destroy(struct ph_knocks *knocks)
{
	free(knocks);
}

/* No cryptography: what comes out is not seen, and the seed is a secret. */
static uint64_t hash(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 27;
}

/* Free places are those that are full again for the longest. */
static struct knock *knock_get(
	struct ph_knocks *knocks, unsigned kind, uint64_t tag)
{
	struct knock *set = knocks->table[(tag >> 32) % SETS];
	struct knock *place = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (!set[i].tag ||
			(place->tag &&
				set[i].bucket.full_at < place->bucket.full_at))
			place = &set[i];
	}
	*place = (struct knock){
		tag, ph_bucket(limits[kind].burst, limits[kind].refill)};
	return place;
}

bool ph_knocks_may(struct ph_knocks *knocks, const char *node,
	const struct ph_address *address, int64_t now)
{
	uint64_t host = hash(knocks->seed ^ HOST, address->host);
	uint64_t tags[KINDS] = {
		[NODE] = hash(knocks->seed ^ NODE, node) | 1,
		[ADDRESS] = hash(host ^ address->port, "port") | 1,
		[HOST] = host | 1,
	};

	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct knock *knock = knock_get(knocks, kind, tags[kind]);

		/* What is refused after all was tried all the same. */
		if (ph_bucket_at(&knock->bucket) > now)
			return false;
		ph_bucket_take(&knock->bucket, now);
	}
	return true;
}
