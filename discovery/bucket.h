#ifndef PH_DISCOVERY_BUCKET_H
#define PH_DISCOVERY_BUCKET_H

#include <stdint.h>

/*
 * A token bucket, full at first: at once `burst`, then one each `refill` ns.
 * It is one number: when it will be full again.
 */
struct ph_bucket {
	int64_t full_at;
	int64_t refill;
	unsigned burst;
};

static inline struct ph_bucket ph_bucket(unsigned burst, int64_t refill)
{
	return (struct ph_bucket){INT64_MIN / 2, refill, burst};
}

/* When a token is there; in the past: now. */
static inline int64_t ph_bucket_at(const struct ph_bucket *bucket)
{
	return bucket->full_at - (bucket->burst - 1) * bucket->refill;
}

/* One must be there. */
static inline void ph_bucket_take(struct ph_bucket *bucket, int64_t now)
{
	if (bucket->full_at < now)
		bucket->full_at = now;
	bucket->full_at += bucket->refill;
}

/* How many were taken and are not back. */
static inline unsigned ph_bucket_used(
	const struct ph_bucket *bucket, int64_t now)
{
	if (bucket->full_at <= now)
		return 0;
	return (unsigned)((bucket->full_at - now + bucket->refill - 1) /
			  bucket->refill);
}

#endif
