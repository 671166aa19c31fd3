#include "discovery/sieve.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/hal.h"

enum {
	WAYS = 8,
};

struct place {
	uint32_t tag;  /* 0: empty */
	uint32_t when; /* ms, wraps after 49 days */
};

struct ph_sieve {
	uint64_t seed;
	uint32_t after, until; /* ms */
	unsigned sets;	       /* a power of two */
	struct place places[];
};

int ph_sieve_create(struct ph_sieve **out, unsigned slots, int64_t after,
	int64_t until, uint64_t seed)
{
	struct ph_sieve *sieve;

	assert(slots >= WAYS && (slots & (slots - 1)) == 0 && after <= until);
	sieve = calloc(1, sizeof(*sieve) + slots * sizeof(struct place));
	if (!sieve)
		return -ENOMEM;
	sieve->seed = seed;
	sieve->after = (uint32_t)(after / PH_MILLISECOND);
	sieve->until = (uint32_t)(until / PH_MILLISECOND);
	sieve->sets = slots / WAYS;
	*out = sieve;
	return 0;
}

void ph_sieve_destroy(struct ph_sieve *sieve)
{
	free(sieve);
}

size_t ph_sieve_memory(const struct ph_sieve *sieve)
{
	return sizeof(*sieve) + sieve->sets * WAYS * sizeof(struct place);
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* No cryptography: nobody sees what comes out, and the seed is a secret. */
static uint64_t fingerprint(
	const struct ph_sieve *sieve, const uint8_t *data, size_t length)
{
	uint64_t hash = mix(sieve->seed + length), word;

	for (; length >= sizeof(word); data += sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		hash = mix((hash ^ word) + UINT64_C(0x9e3779b97f4a7c15));
		length -= sizeof(word);
	}
	word = 0;
	memcpy(&word, data, length);
	return mix((hash ^ word) + sieve->seed);
}

static struct place *place_of(
	struct place *set, uint32_t tag, uint32_t now, bool *known)
{
	struct place *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		*known = set[i].tag == tag;
		if (*known || !set[i].tag)
			return &set[i];
		if (now - set[i].when > now - oldest->when)
			oldest = &set[i];
	}
	return oldest;
}

bool ph_sieve_again(
	struct ph_sieve *sieve, const void *data, size_t length, int64_t now)
{
	uint64_t print = fingerprint(sieve, data, length);
	uint32_t tag = (uint32_t)(print >> 32) | 1;
	uint32_t when = (uint32_t)(now / PH_MILLISECOND);
	struct place *place;
	uint32_t age;
	bool known;

	place = place_of(&sieve->places[(print & (sieve->sets - 1)) * WAYS],
		tag, when, &known);
	age = when - place->when;
	if (known && age < sieve->after)
		return false; /* counts from when it was heard first */
	*place = (struct place){tag, when};
	return known && age <= sieve->until;
}
