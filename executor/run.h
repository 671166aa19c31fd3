#ifndef PH_EXECUTOR_RUN_H
#define PH_EXECUTOR_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "executor/logs.h"
#include "executor/spec.h"
#include "kernel/loop.h"
#include "kernel/worker.h"

/*
 * One run of a server, from a start to its end; a program and a bundled server
 * look the same from here. The terminals outlive runs and belong to the unit.
 *
 * Life: open, at most one `ended` or `yielded`, then `stop`, then one `gone`;
 * the run's memory goes after `gone`. Neither is called from within open or
 * stop.
 */
struct ph_leash;
struct ph_run;

struct ph_run_ops {
	void (*on_connected)(struct ph_run *run, unsigned terminal);
	void (*on_room)(struct ph_run *run, unsigned terminal);
	void (*on_readable)(struct ph_run *run, unsigned terminal);
	void (*on_closed)(struct ph_run *run, unsigned terminal, int reason);
	/* May be NULL. Takes nothing more behind the messages that are on their
	 * way, and finishes what it has: its inputs end, what it still says is
	 * passed on, and none of it counts as finished. `lasts` ns from now, or
	 * at once when nothing feeds it, a process gets SIGTERM, and after
	 * that SIGKILL. `yielded` follows, or `ended`. What it has not taken
	 * waits in the terminals for another run. */
	void (*yield)(struct ph_run *run, int64_t lasts);
	/* May be NULL. It is being taken away, and so is whoever feeds it: when
	 * what they sent has come, to CUT, it yields as above by itself; at
	 * once when nothing feeds it. */
	void (*leave)(struct ph_run *run, int64_t lasts);
	/* May be NULL. For `lasts` ns nobody knows whether it will be told to
	 * leave: a CUT waits for that. 0: it is not. */
	void (*expect)(struct ph_run *run, int64_t lasts);
	/* Of a run that was opened `held`: the terminals are its own now. They
	 * were `former`'s, which has yielded. */
	void (*begin)(struct ph_run *run, const struct ph_run *former);
	/* Let go of everything; a process gets SIGTERM and, `grace` ns later,
	 * SIGKILL. The terminals have been cut before. Said again, it may
	 * only hurry. */
	void (*stop)(struct ph_run *run, int64_t grace);
};

enum ph_run_cause {
	PH_RUN_SUCCEEDED, /* outputs finished and consumed, inputs accepted */
	PH_RUN_BROKE,	  /* by its own fault */
	PH_RUN_LOST,	  /* an input was cut, or an output's consumer lost */
};

struct ph_run_host {
	void (*ended)(void *context, enum ph_run_cause cause,
		const struct ph_error *error); /* NULL when it succeeded */
	void (*gone)(void *context);
	/* Of a run that is `opening`: it works. Else `ended` comes alone. */
	void (*opened)(void *context);
	/* Of a run that `waits`: it is ready. */
	void (*ready)(void *context);
	/* It has done what `yield` says. NULL: it is never asked to. */
	void (*yielded)(void *context);
};

struct ph_run_config {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_kernel *kernel;
	const struct ph_spec *spec;
	struct ph_terminal **terminals; /* as in spec->terminals */
	struct ph_logs *logs;
	const char *directory;
	struct ph_leash *leash;	    /* of what programs leave behind */
	struct ph_keepers *keepers; /* of namespaces; NULL: none */
	struct ph_warden *warden;   /* of programs without; NULL: none */
	const struct ph_run_host *host;
	void *context;
	bool held;	/* the terminals are another run's until `begin` */
	unsigned skips; /* inputs in the middle of a message: bits */
};

struct ph_run {
	const struct ph_run_ops *ops;
	struct ph_run_config config;
	pid_t pid;	    /* 0: none of its own */
	bool opening;	    /* whether it works is told later */
	bool waits;	    /* it says itself when it is ready */
	const char *status; /* what it says of itself, or NULL */
	bool exited;	    /* its process has; of one that has one... */
	int code;	    /* ...with this status... */
	int signal;	    /* ...or by this signal */
	const char *level;  /* of confinement that it reached; NULL: none */
	unsigned inside;    /* of one that yielded: inputs that it left within a
			       message, bits */
	uint64_t unread; /* of one that yielded: bytes it was given and left */
	uint8_t token[16]; /* of a guest: what its carriers must show */
};

/* 0, or -1 with the error told and no run. */
int ph_program_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error);
int ph_bundle_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error);
/* Could the program be started? As ph_program_open, without starting it. */
int ph_program_check(const struct ph_spec *spec, const char *directory,
	struct ph_keepers *keepers, struct ph_error *error);

#endif
