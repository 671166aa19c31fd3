#ifndef PH_NODE_MONITOR_CALLS_H
#define PH_NODE_MONITOR_CALLS_H

#include "node/lines.h"

/*
 * Monitors for whoever asks: the calls monitor.*, around node/monitors.h. A
 * monitor is a call that is answered when what it watches is no more, so the
 * notice comes once by what a call is, and who goes away takes its monitors
 * along. Before its deadline a call is answered with what to go on with (`run`,
 * `life`): nothing that ends in between is missed.
 */
/* Through here, of one peer. */
#define PH_MONITORS_OF_PEER 256u

struct ph_monitoring;

/* Serves monitor.set, monitor.drop and monitor.list. -ENOMEM. */
int ph_monitoring_create(struct ph_monitoring **out, struct ph_node *node);
void ph_monitoring_destroy(struct ph_monitoring *monitoring);
/* Membership says so; `id`: the peer's. */
void ph_monitoring_presence(struct ph_monitoring *monitoring, const char *id,
	enum ph_presence presence);

#endif
