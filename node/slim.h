#ifndef PH_NODE_SLIM_H
#define PH_NODE_SLIM_H

#include "kernel/loop.h"

/*
 * A moment after the boot, and twice later, when the mesh has found together:
 * gives back what only booting needed, the
 * heap's free pages and the mapping of code and tables that will not run
 * again (self-tests of libraries, the schema, the first handshake's
 * certificate). They stay in the page cache; what is still used is mapped
 * again when it is touched, at a microsecond for each 64 KiB.
 */
struct ph_slim {
	struct ph_loop *loop;
	struct ph_timer timer;
	unsigned times;
};

#define PH_SLIM_AFTER (2 * PH_SECOND) /* then five times as long, twice */
#define PH_SLIM_TIMES 3u

void ph_slim_start(struct ph_slim *slim, struct ph_loop *loop);
/* Harmless when it never started. */
void ph_slim_stop(struct ph_slim *slim);

#endif
