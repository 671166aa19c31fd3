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
 * Life: open, at most one `ended`, then `stop`, then one `gone`; the run's
 * memory goes after `gone`. Neither is called from within open or stop.
 */
struct ph_run;

struct ph_run_ops {
	void (*on_connected)(struct ph_run *run, unsigned terminal);
	void (*on_room)(struct ph_run *run, unsigned terminal);
	void (*on_readable)(struct ph_run *run, unsigned terminal);
	void (*on_closed)(struct ph_run *run, unsigned terminal, int reason);
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
};

struct ph_run_config {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_kernel *kernel;
	const struct ph_spec *spec;
	struct ph_terminal **terminals; /* as in spec->terminals */
	struct ph_logs *logs;
	const char *directory;
	const struct ph_run_host *host;
	void *context;
};

struct ph_run {
	const struct ph_run_ops *ops;
	struct ph_run_config config;
	pid_t pid;	   /* 0: none of its own */
	bool opening;	   /* whether it works is told later */
	uint8_t token[16]; /* of a guest: what its carriers must show */
};

/* 0, or -1 with the error told and no run. */
int ph_program_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error);
int ph_bundle_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error);
/* Could the program be started? As ph_program_open, without starting it. */
int ph_program_check(const struct ph_spec *spec, const char *directory,
	struct ph_error *error);

#endif
