#ifndef PH_NODE_DISCOVER_INNER_H
#define PH_NODE_DISCOVER_INNER_H

#include "discovery/discovery.h"
#include "node/discover.h"
#include "proto/seal.h"

/* Shared by discover.c (its life) and discover_tell.c (who is told what). */
struct ph_discover {
	struct ph_node *node;
	struct ph_discovery *discovery;
	struct ph_signer *signer; /* locked memory */
	struct ph_timer calm;
};

/* What discovery asks and tells. */
struct ph_discovery_events discover_events(struct ph_discover *discover);
/* It hears of keys and menus as they are now, and of what the lines and the
 * Hostess tell from now on. */
void discover_listen(struct ph_discover *discover);

#endif
