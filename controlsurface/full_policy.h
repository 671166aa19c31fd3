#ifndef PH_CONTROLSURFACE_FULL_POLICY_H
#define PH_CONTROLSURFACE_FULL_POLICY_H

#include "kernel/pipe.h"

/*
 * What becomes of messages for which a connection has no room: `on_full` of a
 * wire. The kernel has the means (kernel/pipe.h) and calls these tables.
 *
 *   block        the sender waits; nothing is lost
 *   drop-oldest  the oldest that waits goes
 *   drop-newest  the new one is not taken
 *   latest       only the newest waits
 *   disconnect   the connection is cut
 */

/* NULL: no such policy. "" is block. */
const struct ph_full_policy *ph_full_policy_find(const char *name);
/* Their names, ended by NULL. */
extern const char *const ph_full_policy_names[];
/* Can it hold up its sender? */
bool ph_full_policy_blocks(const struct ph_full_policy *policy);

#endif
