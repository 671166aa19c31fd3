#ifndef PH_TEST_RESTLESS_H
#define PH_TEST_RESTLESS_H

#include "node/node.h"
#include "test/room.h"

/*
 * A whole node in this process, changed at random by the calls that people use:
 * servers come and go, wires are laid, moved and taken, filters put in and
 * out, a file applied and taken back, changes reverted. Many calls are under
 * way at once; what is refused changes nothing and is counted.
 */
#define RESTLESS_SERVERS 30u /* s0, s1, ... */
#define RESTLESS_MANY	 1024u
#define RESTLESS_ID	 96u

struct restless {
	struct ph_node *node;
	struct room room; /* with the node's own loop and door */
	uint64_t seed;
	char directory[64];
	unsigned changes;
	unsigned refused;
	const char *kinds[RESTLESS_SERVERS]; /* as started last; NULL */
	/* What there is to change: who looks fills it. */
	char ids[RESTLESS_MANY][RESTLESS_ID];
	unsigned id_count;
	char overrides[RESTLESS_MANY][RESTLESS_ID];
	unsigned override_count;
};

void restless_open(struct restless *restless, uint64_t seed);
void restless_close(struct restless *restless);
/* A few dozen calls; waits until all are answered. */
void restless_change(struct restless *restless);

#endif
