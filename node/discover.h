#ifndef PH_NODE_DISCOVER_H
#define PH_NODE_DISCOVER_H

#include "node/node.h"

/*
 * Where discovery, lines, trust, the Hostess and the journal meet: what was
 * found becomes a word to the lines, what the lines know becomes a hint to
 * membership, the trust book judges keys, menus that changed are fetched, and
 * every change of a node's state is written down.
 */
struct ph_discover;
struct ph_ethernet;

/* Before any thread: the raw socket of --l2, whose privilege is then dropped.
 * What cannot be had is said once, in the log. */
struct ph_ethernet *ph_discover_ethernet(const struct ph_options *options);
/* `ethernet` is taken. After the listeners are bound. With --discovery off: 0,
 * and nothing is made. -1 with `error`. */
int ph_discover_open(struct ph_discover **out, struct ph_node *node,
	struct ph_ethernet *ethernet, struct ph_error *error);
/* Open for business. Everything below takes NULL. */
void ph_discover_start(struct ph_discover *discover);
/* Says goodbye; `stopped` is always told, later. */
void ph_discover_stop(struct ph_discover *discover,
	void (*stopped)(void *context), void *context);
void ph_discover_close(struct ph_discover *discover);

/* This node's epoch is a higher one; announced anew. */
void ph_discover_set_epoch(struct ph_discover *discover, uint64_t epoch);

/* For node.status: a list "caps", and "discovery" and "l2" in words. */
void ph_discover_report(const struct ph_node *node, struct ph_writer *writer);

#endif
