#ifndef PH_PROTO_RATE_H
#define PH_PROTO_RATE_H

#include "kernel/hal.h"
#include "proto/value.h"

/*
 * How fast a connection was over the last second, 10 s and 60 s: its counters,
 * sampled about once a second, and as they are when somebody looks. Pure.
 *
 * A window slides. Its begin lies between two samples, where the counters are
 * taken to have grown evenly; what a sample says holds from `from` to `until`,
 * so a pause is a pause. A connection that is younger than the window has the
 * rate of its life. It takes memory while something moved in the last minute.
 */
#define PH_RATE_COUNTS(X)                                                      \
	X(SENT_BYTES, "sent_bps")                                              \
	X(SENT_MESSAGES, "sent_mps")                                           \
	X(RECEIVED_BYTES, "received_bps")                                      \
	X(RECEIVED_MESSAGES, "received_mps")

#define PH_RATE_WINDOWS(X)                                                     \
	X(1, "1s")                                                             \
	X(10, "10s")                                                           \
	X(60, "60s")

enum {
#define X(ident, name) PH_RATE_##ident,
	PH_RATE_COUNTS(X)
#undef X
	PH_RATE_KINDS
};

enum {
#define X(seconds, name) PH_RATE_##seconds,
	PH_RATE_WINDOWS(X)
#undef X
	PH_RATE_SPANS
};

/* Samples are so far apart at least, ns. */
#define PH_RATE_PERIOD PH_SECOND

/* Counters, or what they grow by in a second. */
struct ph_rate_count {
	uint64_t of[PH_RATE_KINDS];
};

/* What is shown: a rate for each window. */
struct ph_rates {
	struct ph_rate_count over[PH_RATE_SPANS];
};

struct ph_rate_sample {
	int64_t from;  /* ns: nothing moved from here */
	int64_t until; /* to here */
	struct ph_rate_count count;
};

struct ph_rate {
	struct ph_rate_sample newest;
	struct ph_rate_sample *past; /* oldest first; NULL */
	unsigned count;
	unsigned room;
};

/* Nothing has moved yet. */
void ph_rate_begin(struct ph_rate *rate, int64_t now);
void ph_rate_fini(struct ph_rate *rate);
/* The counters are `count`, and have been since `from`. Times grow, by
 * PH_RATE_PERIOD at least. Without memory the past is shorter. */
void ph_rate_sample(struct ph_rate *rate, int64_t from, int64_t until,
	const struct ph_rate_count *count);
/* The counters are `count` now: what does that make a second? */
struct ph_rates ph_rate_look(const struct ph_rate *rate, int64_t now,
	const struct ph_rate_count *count);

/* As `key` of the open map: {1s: {sent_bps ...}, 10s: ..., 60s: ...}, and the
 * last second's beside them. */
void ph_rates_write(struct ph_writer *writer, const char *key,
	const struct ph_rates *rates);
/* What is missing is 0. */
void ph_rates_read(struct ph_rates *out, struct ph_value map);

#endif
