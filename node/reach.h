#ifndef PH_NODE_REACH_H
#define PH_NODE_REACH_H

#include <stddef.h>

#include "node/node.h"
#include "proto/reach.h"

/*
 * How nodes can be reached from here: where every result enters, whoever found
 * it out, and what decides the order of dials.
 */

/* What this node found out itself about ways to `to` (id, text). Of points
 * where it can be dialled the order of dials changes at once. -ENOENT: no such
 * node is known. */
int ph_reach_learn(struct ph_node *node, const char *to,
	const struct ph_reach_row *rows, size_t count);

#endif
