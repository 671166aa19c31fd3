#ifndef PH_DISCOVERY_SHARES_H
#define PH_DISCOVERY_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What each source has used of a budget that all share: a token bucket for
 * every fingerprint, in a fixed table. Two that fall on one place share it,
 * which nobody can arrange, for the seed is a secret.
 */
struct ph_shares;

/* At once `burst`, then one each `refill` ns; `slots`: a power of two. -ENOMEM.
 */
int ph_shares_create(struct ph_shares **out, unsigned slots, unsigned burst,
	int64_t refill, uint64_t seed);
void ph_shares_destroy(struct ph_shares *shares);
/* Whether there is something left for it. */
bool ph_shares_left(const struct ph_shares *shares, const void *source,
	size_t length, int64_t now);
void ph_shares_take(struct ph_shares *shares, const void *source, size_t length,
	int64_t now);
size_t ph_shares_memory(const struct ph_shares *shares);

#endif
