#ifndef PH_EXECUTOR_ENDS_H
#define PH_EXECUTOR_ENDS_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "proto/run_end.h"

/*
 * Who waits to hear that a run has ended: the call executor.await. A caller
 * (this node, or a peer) has one question out; a newer one of the same caller
 * has the older answered with nothing. A question is answered when one of the
 * runs that it names is over, which may have been before it was asked, and
 * otherwise a moment before its deadline.
 *
 * The last ends are remembered with their causes; of older ones it is only
 * known that they are over.
 */
#define PH_ENDS_KEPT   256u  /* ends with their causes */
#define PH_ENDS_ASKERS 4096u /* questions */
#define PH_ENDS_NAMED  256u  /* runs in one of them */

struct ph_ends;

/* How the server is now: `out->server` is set, to be filled is the run that it
 * has, or run 0, why it has none (NOT_RUNNING, NO_SUCH) and a reason. */
typedef void ph_ends_look_fn(void *context, struct ph_run_end *out);

/* Serves executor.await. -ENOMEM, -EEXIST. */
int ph_ends_create(struct ph_ends **out, struct ph_loop *loop,
	struct ph_door *door, ph_ends_look_fn *look, void *context);
void ph_ends_destroy(struct ph_ends *ends);
/* A run is over. Who waits for it is answered at the end of the turn. */
void ph_ends_note(struct ph_ends *ends, const struct ph_run_end *end);

#endif
