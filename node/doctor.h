#ifndef PH_NODE_DOCTOR_H
#define PH_NODE_DOCTOR_H

#include <stdbool.h>

#include "proto/value.h"

/*
 * What follows from what a node knows of another: why it cannot be reached, and
 * what to do. Pure.
 */
struct ph_finding {
	int exit; /* enum ph_exit; 0: it can be reached */
	char because[400];
	char next[400];
};

/* `why`: the item of reach.why; `items`: the rows of reach.list to the node;
 * `answered`: it answered a call just now. */
void ph_doctor_find(struct ph_finding *finding, const char *name,
	struct ph_value why, struct ph_value items, bool answered);

#endif
