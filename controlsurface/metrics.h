#ifndef PH_CONTROLSURFACE_METRICS_H
#define PH_CONTROLSURFACE_METRICS_H

#include <stdio.h>

#include "proto/value.h"

/*
 * A node in numbers: Prometheus text exposition format 0.0.4. Names begin with
 * posthouse_, units are base units, counters end in _total. Connections are
 * labelled by their ends, never by their ids, so that a restart begins no new
 * series; past PH_METRICS_WIRES of them only the number of those left out is
 * told.
 *
 * Made of what the node's own calls answered; a missing list is an empty one.
 * Pure.
 */
#define PH_METRICS_WIRES 10000u

struct ph_metrics {
	struct ph_value status;	     /* the item of node.status */
	struct ph_value connections; /* items of control.connections */
	struct ph_value servers;     /* items of executor.servers */
	struct ph_value peers;	     /* items of mesh.peers */
	struct ph_value changes;     /* items of control.diff */
	struct ph_value alarms;	     /* items of control.alarms */
};

void ph_metrics_print(const struct ph_metrics *metrics, FILE *out);

#endif
