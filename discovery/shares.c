#include "discovery/shares.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "discovery/bucket.h"

struct ph_shares {
	uint64_t seed;
	unsigned slots;
	struct ph_bucket buckets[];
};

int ph_shares_create(struct ph_shares **out, unsigned slots, unsigned burst,
	int64_t refill, uint64_t seed)
{
	struct ph_shares *shares;

	assert(slots && (slots & (slots - 1)) == 0);
	shares = calloc(1, sizeof(*shares) + slots * sizeof(struct ph_bucket));
	if (!shares)
		return -ENOMEM;
	shares->seed = seed;
	shares->slots = slots;
	for (unsigned i = 0; i < slots; i++)
		shares->buckets[i] = ph_bucket(burst, refill);
	*out = shares;
	return 0;
}

void ph_shares_destroy(struct ph_shares *shares)
{
	free(shares);
}

size_t ph_shares_memory(const struct ph_shares *shares)
{
	return sizeof(*shares) + shares->slots * sizeof(struct ph_bucket);
}

static unsigned slot_of(
	const struct ph_shares *shares, const uint8_t *data, size_t length)
{
	uint64_t hash = shares->seed;

	for (size_t i = 0; i < length; i++) {
		hash = (hash ^ data[i]) * UINT64_C(0xbf58476d1ce4e5b9);
		hash ^= hash >> 29;
	}
	return (unsigned)(hash >> 32) & (shares->slots - 1);
}

bool ph_shares_left(const struct ph_shares *shares, const void *source,
	size_t length, int64_t now)
{
	return ph_bucket_at(
		       &shares->buckets[slot_of(shares, source, length)]) <=
	       now;
}

void ph_shares_take(struct ph_shares *shares, const void *source, size_t length,
	int64_t now)
{
	ph_bucket_take(&shares->buckets[slot_of(shares, source, length)], now);
}
