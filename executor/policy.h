#ifndef PH_EXECUTOR_POLICY_H
#define PH_EXECUTOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "executor/spec.h"

/*
 * When a server runs, waits, or has had its chances. Pure: time is an
 * argument, jitter comes from a seed.
 *
 *   start -> starting -> running -> finished            (succeeded)
 *                 ^         |-----> backoff -> starting (failed, or lost)
 *                 |         `-----> failed              (quarantined)
 *                 `--- finished, when a terminal is connected again
 *   any -> stopping -> stopped -> starting (by hand, as from finished,
 *                                           failed and backoff: AGAIN)
 *
 * Backoff doubles from 100 ms to 30 s, +-25 %, and begins anew after a run of
 * 60 s. More than 5 starts within 60 s end in `failed`; starts whose cause was
 * a lost consumer or a cut stream do not count: they are not the server's
 * fault.
 */
#define PH_POLICY_STATES(X)                                                    \
	X(IDLE, "idle")                                                        \
	X(STARTING, "starting")                                                \
	X(RUNNING, "running")                                                  \
	X(BACKOFF, "backoff")                                                  \
	X(FINISHED, "finished")                                                \
	X(FAILED, "failed")                                                    \
	X(STOPPING, "stopping")                                                \
	X(STOPPED, "stopped")

enum ph_policy_state {
#define X(ident, name) PH_POLICY_##ident,
	PH_POLICY_STATES(X)
#undef X
};

enum ph_policy_event {
	PH_POLICY_START,     /* it is wanted */
	PH_POLICY_STARTED,   /* it runs */
	PH_POLICY_SUCCEEDED, /* its work ended well */
	PH_POLICY_BROKE,     /* it failed by itself */
	PH_POLICY_LOST,	     /* a stream it needs was cut, or its consumer */
	PH_POLICY_DUE,	     /* `due` has come */
	PH_POLICY_WAKE,	     /* a terminal of a finished one was connected */
	PH_POLICY_STOP,
	PH_POLICY_GONE,	 /* nothing of it is left; only after STOP */
	PH_POLICY_AGAIN, /* somebody wants it to run: what was, is forgiven */
};

enum ph_policy_action {
	PH_POLICY_NOTHING,
	PH_POLICY_RUN,	/* start it now */
	PH_POLICY_WAIT, /* say DUE at `due` */
	PH_POLICY_END,	/* end it; say GONE when it is */
};

#define PH_POLICY_FIRST	  (100 * PH_MILLISECOND)
#define PH_POLICY_MOST	  (30 * PH_SECOND)
#define PH_POLICY_WINDOW  (60 * PH_SECOND)
#define PH_POLICY_CHANCES 5

struct ph_policy {
	enum ph_policy_state state;
	enum ph_restart restart;
	uint64_t seed;
	int64_t since; /* in this state */
	int64_t began; /* the last run */
	int64_t delay; /* the next backoff without jitter */
	int64_t due;
	uint64_t restarts;
	int64_t starts[PH_POLICY_CHANCES]; /* that counted, newest first */
	unsigned start_count;
	bool lost; /* the start to come has a lost stream as its cause */
};

void ph_policy_init(
	struct ph_policy *policy, enum ph_restart restart, uint64_t seed);
enum ph_policy_action ph_policy_step(
	struct ph_policy *policy, int64_t now, enum ph_policy_event event);
/* It starts or runs. */
bool ph_policy_is_up(const struct ph_policy *policy);
const char *ph_policy_state_name(enum ph_policy_state state);

#endif
