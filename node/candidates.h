#ifndef PH_NODE_CANDIDATES_H
#define PH_NODE_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The addresses of one node and what is known of them, and the race among them
 * when the node is dialled: the one that worked last first, then those nobody
 * tried, in the order they were told, then those that failed. The next starts
 * 100 ms after the one before, or at once when all that run have failed.
 *
 * Pure: `now` is monotonic ns.
 */
#define PH_CANDIDATES	      8u
#define PH_CANDIDATES_STAGGER (INT64_C(100) * 1000000)
/* For one try, until TLS stands; twice that after each failure: a dead address
 * is given up soon, a slow node is reached in the end. */
#define PH_CANDIDATES_TRY  (INT64_C(1000) * 1000000)
#define PH_CANDIDATES_LONG (INT64_C(8000) * 1000000)

enum ph_candidate_state {
	PH_CANDIDATE_IDLE,
	PH_CANDIDATE_WAITS, /* for its turn in the race */
	PH_CANDIDATE_RUNS,
	PH_CANDIDATE_LOST,
};

struct ph_candidate {
	char address[128]; /* canonical */
	uint64_t worked;   /* order of successes; 0: never */
	unsigned failed;   /* in a row */
	enum ph_candidate_state state;
};

struct ph_candidates {
	struct ph_candidate list[PH_CANDIDATES];
	unsigned count;
	uint64_t successes;
	int64_t next; /* start of the next one */
};

/* `best`: somebody reached it there. An address too many takes the place of
 * the worst if that one failed or `best` is set. True: it is new. */
bool ph_candidates_add(
	struct ph_candidates *candidates, const char *address, bool best);
/* Sorted, best first. */
void ph_candidates_sort(struct ph_candidates *candidates);
/* Known by its address, or -1. */
int ph_candidates_find(
	const struct ph_candidates *candidates, const char *address);

/* Begins a race; nobody may be running. Indices stand until it is over. */
void ph_candidates_begin(struct ph_candidates *candidates, int64_t now);
/* Whose turn it is (it runs from now on), or -1. */
int ph_candidates_next(struct ph_candidates *candidates, int64_t now);
/* When ph_candidates_next is worth asking; INT64_MAX: not. */
int64_t ph_candidates_due(const struct ph_candidates *candidates);
int64_t ph_candidates_patience(
	const struct ph_candidates *candidates, int index);
void ph_candidates_worked(struct ph_candidates *candidates, int index);
void ph_candidates_failed(struct ph_candidates *candidates, int index);
/* Another was faster: it waits for its turn again. */
void ph_candidates_cancel(struct ph_candidates *candidates, int index);
/* Nobody runs or waits. */
bool ph_candidates_over(const struct ph_candidates *candidates);
void ph_candidates_end(struct ph_candidates *candidates);

#endif
