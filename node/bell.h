#ifndef PH_NODE_BELL_H
#define PH_NODE_BELL_H

#include "kernel/door.h"
#include "kernel/loop.h"

/*
 * Whether this node is as somebody has seen it: the call node.changed. What
 * changes here changes by a call (a server came to run, a connection was
 * attached, a line of the journal is on the disk), so each call of such a kind
 * that was answered counts. A caller says the count that it has and is answered
 * when there is another, collected for a moment, so that a storm of changes is
 * a word now and then; or a moment before its deadline. What it then looks at
 * is its own business: rates and what else changes all the time is not told.
 *
 * One question of each caller is out; a newer one has the older answered.
 */
#define PH_BELL_ASKERS	1024u
#define PH_BELL_COLLECT (30 * PH_MILLISECOND)

struct ph_bell;

/* Serves node.changed, and listens at the door. -ENOMEM, -EEXIST. */
int ph_bell_create(
	struct ph_bell **out, struct ph_loop *loop, struct ph_door *door);
/* NULL is harmless. */
void ph_bell_destroy(struct ph_bell *bell);
/* Something is another that no call has changed. */
void ph_bell_ring(struct ph_bell *bell);

#endif
