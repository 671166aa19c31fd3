#ifndef PH_CONTROLSURFACE_ALARMS_H
#define PH_CONTROLSURFACE_ALARMS_H

#include <stdint.h>

#include "proto/value.h"

/*
 * What is wrong in the mesh, so that one cause is one alarm. A node that died
 * takes its connections with it, and a server that was given up its wires:
 * those are not alarms of their own but stand below the one that explains
 * them (ISA-18.2: an alarm is what wants an action).
 *
 *   node        dead, by the word of those that see it     high
 *   server      given up after too many restarts           high
 *   connection  has not stood for 5 s, and nothing above explains it   medium
 *
 * Made of what all nodes answered: who lives, what runs, what is wired. An
 * alarm is there as long as its cause is; when it came and went stands in the
 * journals. Pure.
 */
#define PH_ALARM_PATIENCE (5 * INT64_C(1000000000)) /* ns */

struct ph_alarms {
	struct ph_value peers;	     /* of mesh.peers, of every node */
	struct ph_value servers;     /* of executor.servers, with `node` */
	struct ph_value connections; /* of control.connections */
	int64_t now;		     /* wall clock, ns */
};

/* A list of {kind, subject, node, priority, what, action, since, explains:
 * [connection...]}. The most urgent stand first. -ENOMEM. */
int ph_alarms_write(const struct ph_alarms *alarms, struct ph_writer *writer);

#endif
