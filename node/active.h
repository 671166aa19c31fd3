#ifndef PH_NODE_ACTIVE_H
#define PH_NODE_ACTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/identity.h"

/*
 * Which peers have a line now. Up to eight peers: all. More: every node puts
 * all members on a few circles, each in an order of its own that follows from
 * the ids alone, and keeps a line to its neighbour on either side of each. So
 * two nodes with the same view want the same line, nobody has more than two a
 * circle, one circle alone connects everybody, and several of them stay
 * connected when a third of the nodes dies at once (bench of it:
 * test/unit/active_test.c). Who joins or leaves moves a handful of lines. A
 * neighbour that cannot be reached is stepped over, and tried again.
 *
 * Whom nobody has proven yet stands on no circle: a node without any line
 * enrols with two of them at once, whoever they are (some may be invented);
 * later the nearest on the first circle is given time to come by itself, or to
 * be vouched for, and is then dialled.
 *
 * Other lines are dialled on demand and hung up by the side that dialled when
 * they were idle; past PH_ACTIVE_MOST either side hangs up what it does not
 * want. The node with the lower id dials first.
 *
 * Pure: `now` is monotonic ns, randomness (of backoff) from a seed.
 */
#define PH_ACTIVE_FULL	  8u  /* peers up to which everybody has every line */
#define PH_ACTIVE_MOST	  16u /* lines that are kept without demand */
#define PH_ACTIVE_CIRCLES 7u
#define PH_ACTIVE_DIALS	  8u /* at once, without demand */
#define PH_ACTIVE_ENROLS  2u /* of them, to keys nobody has proven */
/* A machine of the same network answers at once. Who does not, may be invented:
 * so many of them are waited for beside those that are dialled. */
#define PH_ACTIVE_QUICK (60 * PH_ACTIVE_MS)
#define PH_ACTIVE_SLOW	64u
#define PH_ACTIVE_PEERS 1024u

#define PH_ACTIVE_MS	   INT64_C(1000000)
#define PH_ACTIVE_COURTESY (300 * PH_ACTIVE_MS)
#define PH_ACTIVE_GRACE	   (500 * PH_ACTIVE_MS)
#define PH_ACTIVE_IDLE	   (60000 * PH_ACTIVE_MS) /* after the last call */
#define PH_ACTIVE_UNUSED   (10000 * PH_ACTIVE_MS) /* never a call on it */
#define PH_ACTIVE_FIRST	   (100 * PH_ACTIVE_MS)	  /* backoff */
#define PH_ACTIVE_LAST	   (5000 * PH_ACTIVE_MS)
#define PH_ACTIVE_DEAD	   (30000 * PH_ACTIVE_MS) /* of who is held dead */
/* A line that ends sooner was refused by the other side's rules: it is tried
 * again ever later, as a dial that failed. */
#define PH_ACTIVE_BRIEF (2000 * PH_ACTIVE_MS)

struct ph_active_peer {
	uint8_t id[PH_NODE_ID_BYTES];
	uint64_t place[PH_ACTIVE_CIRCLES];
	bool proven;   /* its key is pinned */
	bool repeated; /* heard more than once: less likely made up */
	bool dialable; /* an address is known */
	bool dead;     /* membership says so */
	bool left;     /* it said goodbye */
	bool held;     /* wires need it */
	bool up;
	bool ours; /* this node dialled the line */
	bool trying;
	bool wanted;	 /* chosen */
	unsigned failed; /* dials in a row */
	int64_t heard;
	int64_t since;	/* of the line */
	int64_t tried;	/* when the dial under way began */
	int64_t used;	/* last call on the line, or need of it */
	int64_t idle;	/* when it was wanted last */
	int64_t needed; /* a call waits until then */
	int64_t due;	/* not dialled before */
	int64_t backoff;
};

struct ph_active;

enum ph_active_act {
	PH_ACTIVE_REST,	   /* nothing before ph_active_due */
	PH_ACTIVE_DIAL,	   /* leads to _up, _failed or _hopeless */
	PH_ACTIVE_HANG_UP, /* leads to _down, or _used if it is busy */
};

int ph_active_create(struct ph_active **out,
	const uint8_t self[PH_NODE_ID_BYTES], uint64_t seed);
void ph_active_destroy(struct ph_active *active);

/* The peer's memory is the caller's until _remove. -ENOSPC. */
int ph_active_add(struct ph_active *active, struct ph_active_peer *peer,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now);
void ph_active_remove(struct ph_active *active, struct ph_active_peer *peer);
/* After changing proven, dialable, dead, left or held of a peer. */
void ph_active_changed(struct ph_active *active);
/* It can be reached in a new way: worth a try now. */
void ph_active_hint(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now);
/* A call waits for a line, until `until`. */
void ph_active_need(struct ph_active *active, struct ph_active_peer *peer,
	int64_t now, int64_t until);
/* A call went over the line, either way. */
void ph_active_used(struct ph_active_peer *peer, int64_t now);
void ph_active_up(struct ph_active *active, struct ph_active_peer *peer,
	bool ours, int64_t now);
/* Lost or hung up; a dial of it may be under way. */
void ph_active_down(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now);
void ph_active_failed(
	struct ph_active *active, struct ph_active_peer *peer, int64_t now);
/* Not to be tried for so long, whoever wants it. */
void ph_active_hopeless(struct ph_active *active, struct ph_active_peer *peer,
	int64_t now, int64_t wait);

/* What to do next; DIAL marks the peer as being tried. Call until REST. */
enum ph_active_act ph_active_next(
	struct ph_active *active, int64_t now, struct ph_active_peer **peer);
/* When to call again if nothing happens before; INT64_MAX: never. */
int64_t ph_active_due(struct ph_active *active, int64_t now);
unsigned ph_active_lines(const struct ph_active *active);
/* Lines a node of a mesh with so many others aims at. */
unsigned ph_active_target(unsigned others);

#endif
