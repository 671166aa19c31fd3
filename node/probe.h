#ifndef PH_NODE_PROBE_H
#define PH_NODE_PROBE_H

#include "node/node.h"

/*
 * Probes of this node and the beacon with which it answers others': serves
 * probe.run, probe.status, beacon.open and beacon.close. One probe and one
 * beacon at a time; what a probe found out goes to the reach matrix.
 *
 * Both sides of a probe between nodes must have been told --probe-peers on.
 */
struct ph_probing;

/* Serves the calls. -ENOMEM. */
int ph_probing_create(struct ph_probing **out, struct ph_node *node);
/* Ends what runs. */
void ph_probing_destroy(struct ph_probing *probing);

#endif
