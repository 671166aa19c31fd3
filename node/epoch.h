#ifndef PH_NODE_EPOCH_H
#define PH_NODE_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

struct ph_node;

/*
 * A node whose state is an older copy (a backup, an image) begins epochs that
 * it has begun before: others take what it says for old. Peers tell what epoch
 * of it they know; it then leaps above that, durably first, without a restart.
 * So a lying peer can make it leap, which costs nobody anything: so far at
 * once, and so often in one life.
 */
#define PH_EPOCH_LEAP  (UINT64_C(1) << 20)
#define PH_EPOCH_LEAPS 8u

/* `by` knows of this epoch of ours; `over`: of an earlier life that was in it.
 */
void ph_epoch_known(
	struct ph_node *node, const char *by, uint64_t epoch, bool over);

#endif
