#ifndef PH_KERNEL_WORKER_H
#define PH_KERNEL_WORKER_H

#include <stdint.h>

#include "kernel/hal.h"

struct ph_loop;

/*
 * The thread for whatever blocks, so that the data thread never does. Work is
 * kept in lanes: one thread a lane, started by its first job, first in first
 * out. Lanes exist so that a dead name server cannot hold back an
 * acknowledgement that waits for the disk.
 */
enum ph_lane {
	PH_LANE_STORE, /* database commits */
	PH_LANE_FILE,  /* file writes and fsync */
	PH_LANE_NAME,  /* name resolution */
	PH_LANE_THINK, /* Argon2id, wiring files */
	PH_LANES,
};

struct ph_job {
	/* On the lane's thread; touches nothing that the loop may touch. */
	void (*work)(struct ph_job *job);
	/* On the loop's thread, once, after work returned. May free the job. */
	void (*done)(struct ph_job *job);
	struct ph_task task;	  /* private */
	struct ph_job *next;	  /* private */
	struct ph_worker *worker; /* private */
};

struct ph_worker;

int ph_worker_create(struct ph_worker **out, struct ph_loop *loop);
/* Finishes what was submitted, joins the threads; `done` callbacks still run
 * if the loop turns. Call it before ph_loop_destroy. */
void ph_worker_destroy(struct ph_worker *worker);

/* Takes the job until `done`. Only from the loop's thread. */
void ph_worker_submit(
	struct ph_worker *worker, enum ph_lane lane, struct ph_job *job);
/* Jobs submitted whose `done` has not run. */
unsigned ph_worker_pending(const struct ph_worker *worker);

#endif
