#ifndef PH_PLACEMENT_PLACEMENT_H
#define PH_PLACEMENT_PLACEMENT_H

#include "executor/run.h"
#include "proto/relay.h"
#include "transport/transport.h"

/*
 * Servers that do not run on the node's loop: bundled ones on a thread or in a
 * process of their own, and guests, programs that somebody else started and
 * that attached. The node sees a run like any other (proxy.c): the terminals
 * are the unit's, and each is at the end of a carrier. At the other end the
 * same server source runs on a loop, kernel and worker of its own (annex.c).
 *
 * Invariant: nothing is said to be consumed before the server outside said so,
 * and an end of it that was not told is a cut.
 */
struct ph_placement;

/* `binary`: what a server's process runs, with the verb PH_ANNEX_VERB; copied.
 */
int ph_placement_create(struct ph_placement **out,
	struct ph_transport_host *host, const char *binary);
/* After the last run is gone. */
void ph_placement_destroy(struct ph_placement *placement);

/* As ph_executor_config.outside; the context is the placement. A run of a
 * thread or process opens later: `opened` or `ended` follows. A guest's run
 * waits for its carriers. */
int ph_placement_open(void *context, struct ph_run **out,
	const struct ph_run_config *config, struct ph_error *error);

/* A carrier came on the command socket whose first frame is a claim: whose is
 * it? 0: from now on its events go to `*events` with `*context`; -ENOENT. */
int ph_placement_claim(struct ph_placement *placement,
	const struct ph_relay *claim, struct ph_carrier *carrier,
	const struct ph_carrier_events **events, void **context);

/* The verb of a server's own process: orders come on descriptor 3, the
 * terminals' carriers are 4 and up; their number is argv[2]. Returns the
 * process's exit code. */
#define PH_ANNEX_VERB "_server"
int ph_annex_main(int argc, char **argv);

#endif
