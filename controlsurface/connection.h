#ifndef PH_CONTROLSURFACE_CONNECTION_H
#define PH_CONTROLSURFACE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/hal.h"
#include "kernel/handle.h"

/*
 * One connection, from its declaration to its end: a pure state machine, seen
 * by the node that owns the output terminal.
 *
 *                               +------+            (carrier lost, and back)
 *                               v      |
 *   declared -> reserving -> dialing -> open -> closed   (end)
 *       ^          |            |        |
 *       |          v            v        v
 *       +------- failed <-------+--------+      back-off, then once more
 *
 *   any -> draining -> closed                   (withdrawn)
 *
 * flowing, idle and blocked are names of `open` that depend on when one looks:
 * see ph_connection_shown.
 *
 * Invariants: every state that waits has a deadline; an answer to a question
 * of an earlier attempt changes nothing; the id never changes, and with it the
 * generation only grows, over restarts of the node too (`ceiling` is durable
 * before a generation below it is used); the record goes last, so that what was
 * not given back when the node died is given back by its next life.
 */
#define PH_CONNECTION_STATES(X)                                                \
	X(DECLARED, "declared")	  /* its record is not durable yet */          \
	X(RESERVING, "reserving") /* find the output, book the input */        \
	X(DIALING, "dialing")	  /* booked; a carrier is on its way */        \
	X(OPEN, "open")                                                        \
	X(FLOWING, "flowing")                                                  \
	X(IDLE, "idle")                                                        \
	X(BLOCKED, "blocked")                                                  \
	X(DRAINING, "draining") /* withdrawn; being taken away */              \
	X(CLOSED, "closed")                                                    \
	X(FAILED, "failed") /* waits for the next attempt */

#define PH_CONNECTION_EVENTS(X)                                                \
	X(BEGIN, "begin")                                                      \
	X(RECORDED, "recorded")                                                \
	X(FOUND, "found")	/* output, type */                             \
	X(BOOKED, "booked")	/* token */                                    \
	X(ATTACHED, "attached") /* the carrier is there */                     \
	X(REFUSED, "refused")	/* the step did not work: reason */            \
	X(BROKE, "broke")	/* the stream is cut: reason */                \
	X(LOST, "lost")		/* the stream stands without a carrier */      \
	X(BACK, "back")		/* it has a carrier again */                   \
	X(ENDED, "ended")	/* the stream was finished and consumed */     \
	X(DUE, "due")		/* the timer */                                \
	X(WITHDRAWN, "withdrawn")                                              \
	X(GONE, "gone")	      /* one of close, release, forget was answered */ \
	X(UNHEARD, "unheard") /* the release reached nobody: reason */

enum ph_connection_state {
#define X(ident, name) PH_CONNECTION_##ident,
	PH_CONNECTION_STATES(X)
#undef X
};

enum ph_connection_event_kind {
#define X(ident, name) PH_CONNECTION_ON_##ident,
	PH_CONNECTION_EVENTS(X)
#undef X
};

/* What the shell has to do; each answer comes back as an event that carries
 * the attempt it was asked in. */
enum ph_connection_action {
	PH_CONNECTION_DO_RECORD,  /* make the record durable */
	PH_CONNECTION_DO_FIND,	  /* where is the output */
	PH_CONNECTION_DO_RESERVE, /* book the input */
	PH_CONNECTION_DO_OPEN,	  /* lay the pipe, of `generation` */
	PH_CONNECTION_DO_CLOSE,	  /* take the pipe away; GONE while draining */
	PH_CONNECTION_DO_LEAVE,	  /* the same, when all has been delivered */
	PH_CONNECTION_DO_RELEASE, /* give the booking back; GONE or UNHEARD */
	PH_CONNECTION_DO_FORGET,  /* delete the record; then GONE */
	PH_CONNECTION_DO_ARM,	  /* timer at `deadline` */
	PH_CONNECTION_DO_DISARM,
	PH_CONNECTION_DO_NOTE, /* a line for the journal */
};

struct ph_connection_outputs {
	enum ph_connection_action items[8];
	unsigned count;
};

/* Randomness of the back-off, seeded by whoever owns it. */
struct ph_jitter {
	uint64_t state;
};

#define PH_CONNECTION_ID     96
#define PH_CONNECTION_REASON 192
#define PH_CONNECTION_TOKEN  16

struct ph_connection {
	char id[PH_CONNECTION_ID];
	enum ph_connection_state state;
	char reason[PH_CONNECTION_REASON]; /* why it is in this state */
	char cause[PH_CONNECTION_REASON];  /* of the first failure since it
					      last stood; or empty */
	int64_t since;			   /* ns, when it came into it */
	int64_t deadline;		   /* ns; 0: nothing is awaited */
	uint64_t attempt;
	uint32_t generation; /* of the newest carrier */
	uint32_t ceiling;    /* durable: no larger generation was ever used */
	uint32_t failures;   /* in a row */
	int64_t retry_first; /* ns, the pauses between attempts; 0: as usual */
	int64_t retry_most;
	int64_t patience; /* ns; until then a release is repeated */
	uint8_t leaving;  /* answers that draining still waits for */
	bool delivers;	  /* draining: what is on its way comes first */
	bool owed;	  /* its release is to be told once more */
	bool ended;	  /* its stream is finished: never run again */
	bool recorded;	  /* the newest record is durable */
	bool kept;	  /* there may be a record */
	bool booked;	  /* there may be a booking */
	bool seated;	  /* and a carrier may have come to it */
	bool wired;	  /* there may be a pipe */
	ph_handle output;
	char type[64];
	uint8_t token[PH_CONNECTION_TOKEN];
};

struct ph_connection_event {
	enum ph_connection_event_kind kind;
	/* Of RECORDED FOUND BOOKED ATTACHED REFUSED GONE UNHEARD. */
	uint64_t attempt;
	const char *reason;
	ph_handle output;
	const char *type;
	const uint8_t *token;
	bool gently; /* WITHDRAWN: what is on its way is delivered first */
};

/* For that, at most: whoever feeds it may have to end before. */
#define PH_CONNECTION_LEAVE (20 * PH_SECOND)

/* One carrier's generations that one durable record allows. */
#define PH_CONNECTION_CEILING 1024u

/* A new one (ceiling 0), or one read back: then `ceiling` is the record's, and
 * all generations below it count as used. */
void ph_connection_init(struct ph_connection *connection, const char *id,
	uint32_t ceiling, bool ended, int64_t now);
void ph_connection_step(struct ph_connection *connection, int64_t now,
	const struct ph_connection_event *event, struct ph_jitter *jitter,
	struct ph_connection_outputs *outputs);

/* What the counters tell when one looks at an open connection. A source that
 * is refused now and then is backpressure at work; blocked is when nothing
 * moves. */
struct ph_connection_look {
	bool known;   /* there was an earlier look to compare with */
	bool moved;   /* bytes moved since; without such a look: ever */
	bool blocked; /* the source is refused just now */
};

enum ph_connection_state ph_connection_shown(
	const struct ph_connection *connection, int64_t now,
	struct ph_connection_look look);

const char *ph_connection_state_name(enum ph_connection_state state);
const char *ph_connection_event_name(enum ph_connection_event_kind kind);

/* ns to wait before the attempt after its `failures` (from 1) in a row. */
int64_t ph_connection_backoff(
	const struct ph_connection *connection, struct ph_jitter *jitter);

#endif
