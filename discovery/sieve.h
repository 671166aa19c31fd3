#ifndef PH_DISCOVERY_SIEVE_H
#define PH_DISCOVERY_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Was this heard before, a moment ago? A fixed table of fingerprints, eight
 * places to choose from for each, of which the oldest is given up. 64 KiB
 * remember 8,192 of them: at 10,000 different ones a second 96 of 100 are still
 * there after 250 ms.
 *
 * Wrong answers are rare and harmless: a forgotten one is heard a third time, a
 * mistaken one costs what a second hearing would have cost.
 */
struct ph_sieve;

/* `slots`: a power of two, at least 8. Between `after` and `until` ns counts.
 * -ENOMEM. */
int ph_sieve_create(struct ph_sieve **out, unsigned slots, int64_t after,
	int64_t until, uint64_t seed);
void ph_sieve_destroy(struct ph_sieve *sieve);
/* Remembers; true when it was remembered from `after` to `until` ago. */
bool ph_sieve_again(
	struct ph_sieve *sieve, const void *data, size_t length, int64_t now);
size_t ph_sieve_memory(const struct ph_sieve *sieve);

#endif
