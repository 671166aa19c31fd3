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
 *   change      of several nodes, in doubt where they gave their word for
 *               it and were not told what became of it     high
 *   server      given up after too many restarts           high
 *   link        several connections between two nodes do
 *               not stand, all for one reason              high
 *   connection  has not stood for 5 s, and nothing above explains it   medium
 *   rule        an alarm of a wiring file (alarm_rule.h)   as the file says
 *
 * A connection is explained by what its ends are on; when its server waits
 * because another of its connections is explained, by the same; a rule, by what
 * explains its connection or whatever leads to it, and by a rule nearer to the
 * source that says as much.
 *
 * Made of what all nodes answered: who lives, what runs, what is wired, which
 * rules are broken, which changes are in doubt, what people said. An alarm is
 * there as long as its cause is; when it came and went stands in the journals.
 * Pure.
 */
#define PH_ALARM_PATIENCE (5 * INT64_C(1000000000)) /* ns */

struct ph_alarms {
	struct ph_value peers;	     /* of mesh.peers, of every node */
	struct ph_value servers;     /* of executor.servers, with `node` */
	struct ph_value connections; /* of control.connections */
	struct ph_value
		rules; /* of control.alarms: changes, marks too; or nil */
	int64_t now;   /* wall clock, ns */
};

/* A list of {alarm, kind, subject, node, priority, what, action, since,
 * explained, explains: [connection, or alarm...], state: raised | acked |
 * shelved, by, why, until}. The most urgent stand first. -ENOMEM. */
int ph_alarms_write(const struct ph_alarms *alarms, struct ph_writer *writer);

#endif
