#ifndef PH_EXECUTOR_UNIT_H
#define PH_EXECUTOR_UNIT_H

#include <uthash.h>

#include "executor/executor.h"
#include "executor/leash.h"
#include "executor/policy.h"
#include "executor/run.h"
#include "proto/run_end.h"
#include "proto/unregister.h"

/*
 * A server as the executor keeps it, from executor.start to executor.stop:
 * its terminals and its place in the guest book stay the same through all of
 * its runs, so that wires find it again.
 *
 * Invariant: a run that ended has no pipe left on any terminal before the
 * next begins; pipes that come in between wait for it.
 */
struct ph_unit_port {
	struct ph_unit *unit;
	unsigned index;
};

/* Somebody waits until it runs, or until it does not. */
#define PH_UNIT_WISHES 8
struct ph_unit_wish {
	ph_handle ticket;
	bool up;
	bool patient;  /* a run that failed settles nothing */
	int64_t until; /* its deadline: nobody hears the answer then; 0: none */
};

/* Another run takes the place of the one that there is. */
struct ph_unit_change {
	struct ph_run *run;    /* the one to come; NULL: none */
	struct ph_timer timer; /* until it is ready, or has lasted a while */
	bool ready;
	bool ended;	  /* it has, before its turn */
	int64_t lasts;	  /* of the former one, to finish what it has */
	unsigned leaving; /* runs that gave way and are not gone yet */
	uint64_t unread;  /* bytes that were given to the last of those */
};

/* How far it is, of a run that is told to end; see unit_leave.c. */
enum ph_unit_leave {
	PH_UNIT_STAYS,
	PH_UNIT_TAKES, /* what is on its way to it */
	PH_UNIT_ENDS   /* it says what it has left to say */
};

struct ph_unit {
	const struct ph_executor_config *config;
	struct ph_spec *spec;
	struct ph_policy policy;
	struct ph_logs *logs;
	struct ph_terminal *terminals[PH_SPEC_TERMINALS];
	struct ph_unit_port ports[PH_SPEC_TERMINALS];
	struct ph_run *run;
	struct ph_leash *leash; /* of the executor */
	uint64_t run_number; /* of the last run; its unit's maker begins it */
	enum ph_end_cause end_cause; /* of the run; NONE: not by itself */
	struct ph_timer timer;	     /* the end of a backoff */
	struct ph_timer gather;	     /* the end of waiting for all wires */
	struct ph_task task;	     /* tells that the unit is gone */
	char reason[256];	     /* of the last end; "" none */
	int64_t since;		     /* wall clock, of the state */
	unsigned calls;		     /* of its own, not answered yet */
	int lost;		     /* output whose consumer was lost, or -1 */
	bool running;		     /* the run has not been stopped */
	bool started;		     /* `on_started` was told */
	bool registered;
	struct ph_unregister unregister;
	bool stopping; /* for good */
	enum ph_unit_leave leave;
	int64_t leave_due; /* it takes no more then */
	struct ph_unit_change change;
	bool again;	      /* start it when what runs has gone */
	int64_t leave_next;   /* the run to come is to leave, in this time */
	struct ph_spec *swap; /* it runs by this one from then on, or NULL */
	unsigned inside;      /* of the run before, as in struct ph_run */
	int64_t grace;

	/* Told once: NULL when its first run began and it is in the guest
	 * book. With an error the unit is stopped by itself. */
	void (*on_started)(struct ph_unit *unit, const struct ph_error *error);
	/* What became of a replacement: NULL, or why it has the old run still.
	 */
	void (*on_replaced)(struct ph_unit *unit, const struct ph_error *error);
	/* Its run is over. */
	void (*on_ended)(struct ph_unit *unit, const struct ph_run_end *end);
	/* Its state is another one; nothing may be done to it from here. */
	void (*on_state)(struct ph_unit *unit);
	/* Nothing of it is left; free it with ph_unit_destroy. */
	void (*on_gone)(struct ph_unit *unit);
	void *host;
	/* The executor's own. */
	struct ph_unit *next;
	char name[40]; /* its spec's, by which it is found */
	UT_hash_handle hh;
	struct ph_spec *successor;
	ph_handle successor_ticket;
	bool successor_halted;
	bool draining; /* the guest book was told so */
	ph_handle replace_ticket;
	ph_handle start_ticket;
	struct ph_error start_error; /* exit 0: it was just stopped */
	ph_handle stop_tickets[8];
	unsigned stop_count;
	char leader[40]; /* of its group, with whom it was stopped; "" */
	bool doomed;	 /* it is about to be */
	bool held;	 /* it starts when those that go with it have gone */
	bool stirred;	 /* its group is to be looked at */
	bool released;	 /* its leader runs; while that is looked at */
	unsigned turn;	 /* when all stop: after those with less, and... */
	bool called;	 /* ...it has come */
	struct ph_unit_wish wishes[PH_UNIT_WISHES];
	unsigned wish_count;
};

/* Takes the spec on success. Enters the guest book, then runs. */
int ph_unit_create(struct ph_unit **out,
	const struct ph_executor_config *config, struct ph_spec *spec,
	uint64_t seed);
int ph_unit_start(struct ph_unit *unit);
/* At once: its streams are cut. `on_gone` follows. Said again, it may only
 * hurry. */
void ph_unit_stop(struct ph_unit *unit, int64_t grace);
/* The same when it has taken what is on its way to it, within `wait` ns, and
 * said the rest, as by ph_unit_halt. */
void ph_unit_leave(struct ph_unit *unit, int64_t wait);
void ph_unit_destroy(struct ph_unit *unit);

/* What it has to finish what it has taken, in ns, when it is stopped. */
int64_t ph_unit_drain(const struct ph_unit *unit);
/* By hand. What runs has `lasts` ns to finish what it has taken. It stays
 * stopped, in the guest book, until ph_unit_again. */
void ph_unit_halt(struct ph_unit *unit, const char *why, int64_t lasts);
/* Another run beside the one that there is; when that is ready, within
 * `patience` ns, the old one gives way to it, in `lasts` ns. 0 and then
 * `on_replaced`, or -1 with the error told. */
int ph_unit_replace(struct ph_unit *unit, int64_t patience, int64_t lasts,
	struct ph_error *error);
/* Its file says something else now, and its terminals need not notice. */
bool ph_unit_may_swap(const struct ph_unit *unit, const struct ph_spec *spec);
/* Takes the spec. */
void ph_unit_swap(struct ph_unit *unit, struct ph_spec *spec);
void ph_unit_set_reason(struct ph_unit *unit, const char *text);
/* Started with all its chances, whatever it is in: stopped, given up, done,
 * waiting. Once halted and still going: when it has gone. */
void ph_unit_again(struct ph_unit *unit);
/* It need not wait any longer for its next try. */
void ph_unit_wake(struct ph_unit *unit);

#endif
