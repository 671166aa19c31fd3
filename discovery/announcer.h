#ifndef PH_DISCOVERY_ANNOUNCER_H
#define PH_DISCOVERY_ANNOUNCER_H

#include <stdbool.h>
#include <stdint.h>

#include "discovery/bucket.h"

/*
 * When to announce: the transmit side of LLDP (IEEE 802.1AB clause 9.2) for
 * one port, or for all carriers of a node together. It says *when* and with
 * which TTL; what is said, the epoch and the seq are its owner's.
 *
 *   off --up--> active --stop--> leaving --last goodbye--> reinit --2 s--> off
 *    ^            |                                          |
 *    +---down-----+  no goodbye: the link is gone            +-- up: active
 *                                                                after reinit
 *
 * Active: every max(interval, members / per_second) +-10 %; fast when it
 * begins and when somebody new is heard (4 at 250 ms; of a crowd every one says
 * less, see `crowd_fast`); within 100 ms after a change, several changes at
 * once. A bucket of 5, refilled by 1 a second, bounds it all but the goodbye.
 *
 * Pure: `now` is monotonic ns, and never goes back.
 */
struct ph_announcer_config {
	int64_t interval;      /* ns */
	unsigned per_second;   /* announcements a second on one link */
	unsigned hold;	       /* TTL = interval * hold + 1 s */
	unsigned jitter;       /* per cent, of interval and fast start */
	unsigned fast;	       /* announcements of a fast start */
	unsigned crowd;	       /* members from which on a newcomer is... */
	unsigned crowd_fast;   /* ...greeted with so many only; 0: not at all */
	int64_t fast_interval; /* ns */
	int64_t change_after;  /* ns: gathers changes, < 100 ms */
	unsigned bucket;
	int64_t refill; /* ns per token */
	unsigned goodbyes;
	int64_t goodbye_interval; /* ns */
	int64_t reinit;		  /* ns of silence after the last goodbye */
	uint64_t seed;		  /* of the jitter; other nodes, other seed */
};

/* Research section 5: 5 s, 5 a second, x4, 10 %, 4 at 250 ms, 50 ms, 5 at
 * 1 s, 3 goodbyes 20 ms apart, 2 s. */
struct ph_announcer_config ph_announcer_defaults(uint64_t seed);

#define PH_ANNOUNCER_STATES(X)                                                 \
	X(OFF, "off")                                                          \
	X(ACTIVE, "active")                                                    \
	X(LEAVING, "leaving")                                                  \
	X(REINIT, "reinit")

#define PH_ANNOUNCER_EVENTS(X)                                                 \
	X(UP, "up")		/* start, or the link came up */               \
	X(DOWN, "down")		/* the link is gone */                         \
	X(CHANGED, "changed")	/* the content is another */                   \
	X(NEWCOMER, "newcomer") /* a new neighbour was heard */                \
	X(STOP, "stop")		/* say goodbye */

enum ph_announcer_state {
#define X(ident, name) PH_ANNOUNCER_##ident,
	PH_ANNOUNCER_STATES(X)
#undef X
};

enum ph_announcer_event {
#define X(ident, name) PH_ANNOUNCER_ON_##ident,
	PH_ANNOUNCER_EVENTS(X)
#undef X
};

/* Embedded; private but for `state`. */
struct ph_announcer {
	struct ph_announcer_config config;
	enum ph_announcer_state state;
	unsigned members;
	unsigned fast_left;
	unsigned goodbyes_left;
	bool up_again;	/* UP was said during leaving or reinit */
	int64_t next;	/* regular or fast transmission */
	int64_t change; /* a change is said then; INT64_MAX: none waits */
	struct ph_bucket bucket;
	uint64_t random;
};

void ph_announcer_init(struct ph_announcer *announcer,
	const struct ph_announcer_config *config);
/* Asks for the deadline anew after each of these three. */
void ph_announcer_step(struct ph_announcer *announcer,
	enum ph_announcer_event event, int64_t now);
/* How many share the link; the interval follows, never past the TTL that was
 * said last. */
void ph_announcer_crowd(
	struct ph_announcer *announcer, unsigned members, int64_t now);
/*
 * One transmission that is due: true, and *ttl in seconds, 0 for a goodbye.
 * The caller then writes, seals and sends one announcement. Ask until false.
 */
bool ph_announcer_due(
	struct ph_announcer *announcer, int64_t now, uint16_t *ttl);
/* When to ask again; INT64_MAX: after the next event. */
int64_t ph_announcer_deadline(const struct ph_announcer *announcer);
const char *ph_announcer_state_name(enum ph_announcer_state state);

#endif
