#ifndef PH_EXECUTOR_UNIT_H
#define PH_EXECUTOR_UNIT_H

#include "executor/executor.h"
#include "executor/policy.h"
#include "executor/run.h"

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

struct ph_unit {
	const struct ph_executor_config *config;
	struct ph_spec *spec;
	struct ph_policy policy;
	struct ph_logs *logs;
	struct ph_terminal *terminals[PH_SPEC_TERMINALS];
	struct ph_unit_port ports[PH_SPEC_TERMINALS];
	struct ph_run *run;
	struct ph_timer timer;	/* the end of a backoff */
	struct ph_timer gather; /* the end of waiting for all wires */
	struct ph_task task;	/* tells that the unit is gone */
	char reason[256];	/* of the last end; "" none */
	int64_t since;		/* wall clock, of the state */
	unsigned calls;		/* of its own, not answered yet */
	int lost;		/* output whose consumer was lost, or -1 */
	bool running;		/* the run has not been stopped */
	bool started;		/* `on_started` was told */
	bool registered;
	bool stopping;
	int64_t grace;

	/* Told once: NULL when its first run began and it is in the guest
	 * book. With an error the unit is stopped by itself. */
	void (*on_started)(struct ph_unit *unit, const struct ph_error *error);
	/* Nothing of it is left; free it with ph_unit_destroy. */
	void (*on_gone)(struct ph_unit *unit);
	void *host;
	/* The executor's own. */
	struct ph_unit *next;
	struct ph_spec *successor;
	ph_handle successor_ticket;
	ph_handle start_ticket;
	struct ph_error start_error; /* exit 0: it was just stopped */
	ph_handle stop_tickets[8];
	unsigned stop_count;
};

/* Takes the spec on success. Enters the guest book, then runs. */
int ph_unit_create(struct ph_unit **out,
	const struct ph_executor_config *config, struct ph_spec *spec,
	uint64_t seed);
int ph_unit_start(struct ph_unit *unit);
/* `on_gone` follows. Said again, it may only hurry. */
void ph_unit_stop(struct ph_unit *unit, int64_t grace);
void ph_unit_destroy(struct ph_unit *unit);

#endif
