#ifndef PH_PROTO_RUN_END_H
#define PH_PROTO_RUN_END_H

#include <stdint.h>

#include "proto/value.h"

/*
 * Why something that was watched is no more: a run of a server, or the node it
 * was on. It travels in answers of executor.await and monitor.set as {server
 * run cause code signal reason}.
 */
#define PH_END_CAUSES(X)                                                       \
	X(NONE, "")		/* it runs */                                  \
	X(EXITED, "exited")	/* a program, with a code */                   \
	X(SIGNAL, "signal")	/* a program, by a signal */                   \
	X(FINISHED, "finished") /* a bundled server, its work done */          \
	X(FAILED, "failed")	/* ... or not */                               \
	X(LOST, "lost")		/* a stream that it needs was lost */          \
	X(STOPPED, "stopped")	/* somebody stopped it */                      \
	X(REPLACED, "replaced") /* another run has its place */                \
	X(ENDED, "ended")	/* more is not known */                        \
	X(NOT_RUNNING, "not-running")                                          \
	X(NO_SUCH, "no-such")                                                  \
	X(NODE_LOST, "node-lost")                                              \
	X(NODE_LEFT, "node-left") /* it said goodbye */                        \
	X(REFUSED, "refused")	  /* the node does not tell us */

enum ph_end_cause {
#define X(ident, name) PH_END_##ident,
	PH_END_CAUSES(X)
#undef X
	PH_END_CAUSES_COUNT
};

struct ph_run_end {
	char server[40]; /* "": the node itself */
	uint64_t run;	 /* its number; 0: none */
	enum ph_end_cause cause;
	int code;
	int signal;
	char reason[320];
};

const char *ph_end_cause_name(enum ph_end_cause cause);
/* PH_END_ENDED for a name that is not known: newer nodes may have more. */
enum ph_end_cause ph_end_cause_find(const char *name);
/* Its pairs, into the open map. */
void ph_run_end_write(struct ph_writer *writer, const struct ph_run_end *end);
void ph_run_end_read(struct ph_run_end *out, struct ph_value map);

#endif
