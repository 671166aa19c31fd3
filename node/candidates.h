#ifndef PH_NODE_CANDIDATES_H
#define PH_NODE_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The addresses of one node and the race among them when it is dialled: in the
 * order of their priority (probe/priority.h), with the next started when the
 * one before has been silent for a while, or at once when all that run have
 * failed. At most four are under way: the one that is silent longest gives its
 * place to the next and has its full time at the end.
 *
 * Pure: `now` is monotonic ns.
 */
#define PH_CANDIDATES	     8u
#define PH_CANDIDATES_FLYING 4u
/* Until the next one starts: four round trips, or this when they are not
 * known, for an address in a subnet of this host the least. */
#define PH_CANDIDATES_STAGGER (INT64_C(250) * 1000000)
#define PH_CANDIDATES_LEAST   (INT64_C(100) * 1000000)
#define PH_CANDIDATES_MOST    (INT64_C(2000) * 1000000)
/* For one try, until TLS stands; twice that after each failure: a dead address
 * is given up soon, a slow node is reached in the end. */
#define PH_CANDIDATES_TRY  (INT64_C(1000) * 1000000)
#define PH_CANDIDATES_LONG (INT64_C(8000) * 1000000)
/* Tries, in so long, at addresses that nobody but another peer named. */
#define PH_CANDIDATES_HEARSAY 3u
#define PH_CANDIDATES_MINUTE  (INT64_C(60) * 1000000000)

enum ph_candidate_state {
	PH_CANDIDATE_IDLE,
	PH_CANDIDATE_WAITS, /* for its turn in the race */
	PH_CANDIDATE_RUNS,
	PH_CANDIDATE_LOST,
};

/* Where an address is from; the greater one is kept. */
enum ph_candidate_origin {
	PH_ORIGIN_HEARSAY,    /* where a peer says that it reached it */
	PH_ORIGIN_OBSERVED,   /* where its line came from */
	PH_ORIGIN_GATHERED,   /* its own word, or that of who vouches for it */
	PH_ORIGIN_CONFIGURED, /* --join, a wiring file */
};

struct ph_candidate {
	char address[128]; /* canonical */
	enum ph_candidate_origin origin;
	char observer[40]; /* hearsay: who says so */
	bool announced;
	bool withdrawn; /* was announced, and is no more */
	/* As ranked; 0 all of them: in the order of the rest. */
	uint32_t priority;
	uint32_t rtt_us; /* 0: not known */
	bool near;
	uint64_t worked; /* order of successes; 0: never */
	unsigned failed; /* in a row */
	enum ph_candidate_state state;
	bool yielded; /* gave its place to another in this race */
	int64_t started;
};

struct ph_candidates {
	struct ph_candidate list[PH_CANDIDATES];
	unsigned count;
	uint64_t successes;
	int64_t next;				/* start of the next one */
	int64_t hearsay[PH_CANDIDATES_HEARSAY]; /* last tries; 0: none */
};

const char *ph_origin_name(enum ph_candidate_origin origin);

/* `best`: somebody reached it there. An address too many takes the place of
 * the worst if that one failed or `best` is set. True: it is new. */
bool ph_candidates_add(struct ph_candidates *candidates, const char *address,
	enum ph_candidate_origin origin, bool best);
/* The node announces that it is at these (canonical), and at no other that it
 * announced before. True: it left some. */
bool ph_candidates_announced(struct ph_candidates *candidates,
	const char (*addresses)[128], unsigned count);
/* Sorted, best first: by priority, then the one that worked last, those nobody
 * tried in the order they were told, those that failed. */
void ph_candidates_sort(struct ph_candidates *candidates);
/* Known by its address, or -1. */
int ph_candidates_find(
	const struct ph_candidates *candidates, const char *address);

/* Begins a race; nobody may be running. Indices stand until it is over. */
void ph_candidates_begin(struct ph_candidates *candidates, int64_t now);
/* Whose turn it is (it runs from now on), or -1. */
int ph_candidates_next(struct ph_candidates *candidates, int64_t now);
/* Who gives up its place, so that the next can start: its try is let go. -1:
 * nobody. */
int ph_candidates_yield(struct ph_candidates *candidates, int64_t now);
/* When ph_candidates_yield and _next are worth asking; INT64_MAX: not. */
int64_t ph_candidates_due(const struct ph_candidates *candidates);
int64_t ph_candidates_patience(
	const struct ph_candidates *candidates, int index);
void ph_candidates_worked(struct ph_candidates *candidates, int index);
void ph_candidates_failed(struct ph_candidates *candidates, int index);
/* Another was faster: it waits for its turn again. */
void ph_candidates_cancel(struct ph_candidates *candidates, int index);
/* It was started in this race and has not answered. */
bool ph_candidate_is_silent(const struct ph_candidate *candidate);
/* Nobody runs or waits. */
bool ph_candidates_over(const struct ph_candidates *candidates);
void ph_candidates_end(struct ph_candidates *candidates);

#endif
