#ifndef PH_KERNEL_WORKER_H
#define PH_KERNEL_WORKER_H

#include <stdint.h>

#include "kernel/hal.h"

struct ph_loop;

/*
 * The threads for whatever blocks, so that the data thread never does. Work is
 * kept in lanes, so that a dead name server cannot hold back an acknowledgement
 * that waits for the disk. A lane begins its jobs first in, first out; its
 * threads start when they are needed, up to its width. Jobs of one strand run
 * one at a time, in order: a disk that hangs holds up the server that uses it
 * and not its neighbours.
 */
enum ph_lane {
	PH_LANE_STORE, /* database commits: one thread */
	PH_LANE_FILE,  /* file reads, writes and fsync */
	PH_LANE_NAME,  /* name resolution */
	PH_LANE_THINK, /* Argon2id, wiring files: one thread */
	PH_LANES,
};

/* Threads of a lane at most. */
#define PH_LANE_WIDTH 8u

struct ph_job {
	/* On the lane's thread; touches nothing that the loop may touch. */
	void (*work)(struct ph_job *job);
	/* On the loop's thread, once, after work returned. May free the job. */
	void (*done)(struct ph_job *job);
	const void *strand;	  /* NULL: of none */
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
