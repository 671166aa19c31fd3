#ifndef PH_CONTROLSURFACE_TRANSACTION_H
#define PH_CONTROLSURFACE_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/hal.h"
#include "proto/address.h"

/*
 * One node's side of a change that several nodes make together: two-phase
 * commit with presumed abort and cooperative termination (Bernstein,
 * Hadzilacos, Goodman, "Concurrency Control and Recovery in Database
 * Systems", 7.4, 7.5).
 *
 *   preparing -> prepared -> committing -> applying -> noting -> applied
 *                   |            ^                                  |
 *                   v            |                                  v
 *                in doubt -------+                              forgotten
 *                   |                                               ^
 *                   +---> aborting ---------------------------------+
 *
 *   asked before it prepared:  refusing -> refused
 *   what is over and known to all: forgetting -> forgotten
 *   a record that cannot be read back: unreadable -> forgetting, aborting
 *
 * Once prepared (durably) a node has given its word: it can neither go back nor
 * go on alone. It looks after its coordinator now and then; when that is away,
 * or undecided for long, it is in doubt and asks all who take part: one that
 * has committed settles it, one that has not prepared settles it the other way,
 * because by answering so it has promised (durably) never to prepare. If every
 * one has prepared and the coordinator is away, all wait, or a person decides.
 *
 * A record that cannot be read (damaged, or of a newer version) may be a word
 * that was given, or a promise never to give it. So it is neither: nobody is
 * answered from it, nothing is written over it. It goes when its coordinator
 * says that it was given up or is over; else a person lets go of it.
 *
 * Invariants: no node commits what another aborted; `prepared`, `committing`
 * and `refused` are on the disk before anybody hears of them; a node that has
 * committed remembers it until its coordinator has nothing left to ask.
 *
 * Pure: the time is handed in, what is to be done comes out.
 */
#define PH_TRANSACTION_STATES(X)                                               \
	X(PREPARING, "preparing") /* its record is not durable yet */          \
	X(PREPARED, "prepared")	  /* said yes; waits to be told */             \
	X(IN_DOUBT, "in doubt")	  /* was not told: asks those who take part */ \
	X(COMMITTING, "committing") /* the decision is being made durable */   \
	X(APPLYING, "applying")	    /* the new part is being made durable */   \
	X(NOTING, "noting")	/* it is true; that it is, not yet noted */    \
	X(APPLIED, "applied")	/* done here; others may still ask */          \
	X(ABORTING, "aborting") /* the record is being deleted */              \
	X(REFUSING, "refusing") /* the promise is not durable yet */           \
	X(REFUSED, "refused")	/* never prepared, and never will */           \
	X(FORGETTING, "being forgotten") /* the record is being deleted */     \
	X(FORGOTTEN, "forgotten")                                              \
	X(UNREADABLE, "unreadable") /* what its record says is not known */

enum ph_transaction_state {
#define X(ident, name) PH_TRANSACTION_##ident,
	PH_TRANSACTION_STATES(X)
#undef X
};

#define PH_TRANSACTION_EVENTS(X)                                               \
	X(STORED, "stored") /* what was to be durable is */                    \
	X(UNSTORED, "unstored")                                                \
	X(COMMIT, "commit") /* told by the coordinator, or by a person */      \
	X(ABORT, "abort")                                                      \
	X(HEARD, "heard") /* what one who takes part knows of it */            \
	X(DONE, "done")	  /* the coordinator has nothing left to ask */        \
	X(DUE, "due")	  /* the timer */

enum ph_transaction_event_kind {
#define X(ident, name) PH_TRANSACTION_ON_##ident,
	PH_TRANSACTION_EVENTS(X)
#undef X
};

/* What a node knows of a transaction, as it tells others. */
#define PH_OUTCOMES(X)                                                         \
	X(UNHEARD, "unheard")	  /* away, or not asked yet */                 \
	X(UNDECIDED, "undecided") /* the coordinator, before its decision */   \
	X(PREPARED, "prepared")                                                \
	X(COMMITTED, "committed")                                              \
	X(NONE, "none") /* not prepared, and never will be */

enum ph_outcome {
#define X(ident, name) PH_OUTCOME_##ident,
	PH_OUTCOMES(X)
#undef X
};

/* node@epoch.sequence of its coordinator. */
#define PH_TRANSACTION_ID    96u
#define PH_TRANSACTION_NODES 256u

struct ph_transaction_node {
	char name[PH_NAME_MAX + 1];
	enum ph_outcome heard; /* in this round of asking */
};

struct ph_transaction {
	char id[PH_TRANSACTION_ID];
	char coordinator[PH_NAME_MAX + 1];
	enum ph_transaction_state state;
	struct ph_transaction_node *nodes; /* who takes part; the owner's */
	unsigned node_count;
	unsigned rounds;  /* of asking */
	int64_t deadline; /* ns, loop clock; 0: none */
	bool by_hand;	  /* a person decided */
};

struct ph_transaction_event {
	enum ph_transaction_event_kind kind;
	const char *node;	 /* HEARD: who */
	enum ph_outcome outcome; /* HEARD: what */
	bool by_hand;		 /* COMMIT, ABORT */
};

/* What the shell has to do; each of the first four is answered by STORED or
 * UNSTORED. */
enum ph_transaction_action {
	PH_TRANSACTION_DO_NOTHING,
	PH_TRANSACTION_DO_RECORD, /* make the record durable, as the state is */
	PH_TRANSACTION_DO_APPLY,  /* make the new part durable */
	PH_TRANSACTION_DO_DELETE, /* delete the record */
	PH_TRANSACTION_DO_LOOK,	  /* ask the coordinator; HEARD follows, UNHEARD
				     when it is away */
	PH_TRANSACTION_DO_ASK,	  /* ask everybody what they know */
};

struct ph_transaction_output {
	enum ph_transaction_action action;
	bool yes;     /* it is prepared: say so */
	bool no;      /* it cannot be prepared */
	bool changed; /* the new part is true from now on */
	bool settled; /* done here: answer who told us to */
	bool free;    /* nothing is left of it */
	bool arm;     /* the timer, to `deadline` */
};

/* So long a prepared node waits to be told. Longer than a coordinator's own
 * phases. */
#define PH_TRANSACTION_PATIENCE (20 * PH_SECOND)
/* And so often it looks meanwhile whether its coordinator is there. */
#define PH_TRANSACTION_LOOK (2 * PH_SECOND)
/* Between rounds of asking, doubled up to the second. */
#define PH_TRANSACTION_ASK	(1 * PH_SECOND)
#define PH_TRANSACTION_ASK_MOST (10 * PH_SECOND)
/* One that is applied has no hurry to be forgotten. */
#define PH_TRANSACTION_IDLE_MOST (600 * PH_SECOND)
/* A promise never to prepare outlives every coordinator that might ask. */
#define PH_TRANSACTION_REFUSED_FOR (3600 * PH_SECOND)

/* Begins preparing: record it, then STORED. */
struct ph_transaction_output ph_transaction_begin(
	struct ph_transaction *transaction, int64_t now);
/* Asked of one that is not known: promises never to prepare it. */
struct ph_transaction_output ph_transaction_refuse(
	struct ph_transaction *transaction, int64_t now);
/* Read back from the disk in `state`, which was recorded. */
struct ph_transaction_output ph_transaction_restore(
	struct ph_transaction *transaction, int64_t now,
	enum ph_transaction_state state);
struct ph_transaction_output ph_transaction_step(
	struct ph_transaction *transaction, int64_t now,
	const struct ph_transaction_event *event);
/* Somebody has to look after it: it is in doubt, or cannot be read. */
bool ph_transaction_troubles(const struct ph_transaction *transaction);
/* What others are told; UNHEARD while it is being settled: ask again. */
enum ph_outcome ph_transaction_outcome(
	const struct ph_transaction *transaction);
/* Nobody else may change the scope. */
bool ph_transaction_locks(const struct ph_transaction *transaction);
/* It does, and will be over as soon as the disk has done its work. */
bool ph_transaction_passes(const struct ph_transaction *transaction);

const char *ph_transaction_state_name(enum ph_transaction_state state);
/* -ENOENT. */
int ph_transaction_state_parse(const char *text);
const char *ph_outcome_name(enum ph_outcome outcome);
int ph_outcome_parse(const char *text);

#endif
