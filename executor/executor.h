#ifndef PH_EXECUTOR_EXECUTOR_H
#define PH_EXECUTOR_EXECUTOR_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"
#include "proto/error.h"
#include "proto/identity.h"

/*
 * The supervisor: runs servers, bundled ones on the loop and programs as
 * processes, gives their terminals to the kernel, enters them in the guest
 * book (hostess.register), restarts them by policy, stops them in order. It
 * serves the calls executor.*; the kernel restarts nothing.
 *
 * Streams: a program's stdout that reaches end of file after exit status 0 is
 * a finished stream (END); after any other exit it is a cut one. An input that
 * gets END closes the program's stdin; one that gets CUT never does: the
 * program is ended and its outputs are cut, so that a broken stream cannot be
 * mistaken for a finished one further down. When the consumer of an output is
 * lost, the server is started again when its output is connected again.
 */
struct ph_executor;

struct ph_run;
struct ph_run_config;

struct ph_executor_config {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_kernel *kernel;
	struct ph_door *door;
	const char *fqdn;	    /* of the identities */
	const char *node;	    /* its name, for the journal */
	const char *directory;	    /* servers' working directory */
	const uint8_t *node_key;    /* PH_PUBLIC_KEY bytes */
	struct ph_keepers *keepers; /* its owner's; NULL: no namespaces */
	struct ph_warden *warden;   /* its owner's; NULL: none */
	/* Opens runs that are not on the loop (executor/run.h). NULL: there
	 * are no other places. */
	int (*outside)(void *context, struct ph_run **out,
		const struct ph_run_config *config, struct ph_error *error);
	void *outside_context;
};

/* Copies the texts. SIGPIPE must be ignored by the process. */
int ph_executor_create(
	struct ph_executor **out, const struct ph_executor_config *config);
/* Stops every server. First each has its time to take what is on its way to it
 * and to finish (`drain` of it), all of them together at most `drain` ns; 0:
 * none. Who is left is cut: SIGTERM to each group, SIGKILL after `grace` ns.
 * `stopped` is called once when none is left. */
void ph_executor_stop(struct ph_executor *executor, int64_t drain,
	int64_t grace, void (*stopped)(void *context), void *context);
/* After `stopped`. */
void ph_executor_destroy(struct ph_executor *executor);

#endif
