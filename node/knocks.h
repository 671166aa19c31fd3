#ifndef PH_NODE_KNOCKS_H
#define PH_NODE_KNOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/address.h"

/*
 * How often nodes that nobody has proven make this one dial. Each may be
 * invented, and what it says of where it is may be somebody's else: a whole
 * mesh that believes it must still be no flood. At once, then one each:
 *
 *   a node      16   5 s
 *   an address   5  15 s   host and port, whoever names it
 *   a host      32   2 s
 *
 * The table is fixed; when it is full, what was dialled least is forgotten, so
 * that who invents many keeps nobody else from being dialled. Pure: `now` is
 * monotonic ns.
 */
struct ph_knocks;

/* -ENOMEM. */
int ph_knocks_create(struct ph_knocks **out, uint64_t seed);
void ph_knocks_destroy(struct ph_knocks *knocks);
/* true: it may be dialled, and that is counted. */
bool ph_knocks_may(struct ph_knocks *knocks, const char *node,
	const struct ph_address *address, int64_t now);

#endif
