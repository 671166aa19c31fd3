#ifndef PH_NODE_REACH_H
#define PH_NODE_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "node/candidates.h"
#include "node/node.h"
#include "proto/address.h"
#include "proto/reach.h"
#include "proto/value.h"

/*
 * How nodes can be reached from here: the shell of the reach matrix
 * (probe/matrix.h). Every result enters here, whoever found it out: dials,
 * probes, and what peers tell of theirs; the order of every dial comes from
 * here. Keeps what it knows over a restart, tells it to peers, watches this
 * host's addresses, and serves reach.tell and reach.list.
 *
 * Ids are a node's 16 bytes.
 */
struct ph_reachability;

int ph_reach_create(struct ph_reachability **out, struct ph_node *node);
/* What was kept over a restart: a map of the store's space "reach". */
void ph_reach_recall(struct ph_reachability *reach, struct ph_value kept);
/* Watches this host's addresses. */
void ph_reach_start(struct ph_reachability *reach);
/* Keeps what is known. */
void ph_reach_close(struct ph_reachability *reach);
void ph_reach_destroy(struct ph_reachability *reach);

/* What this node's probes found out about ways to `to` (id as text). Where a
 * node can be dialled the order of dials changes at once. -ENOENT: no such
 * node is known. */
int ph_reach_learn(struct ph_node *node, const char *to,
	const struct ph_reach_row *rows, size_t count);
/* Would a probe of the point (address, port, transport) tell anything new? See
 * ph_matrix_needs_probe: the rule by which a newcomer skips what its peers
 * know. */
bool ph_reach_needs_probe(
	struct ph_node *node, const char *to, const struct ph_reach_row *point);

/* What a dial came to. `error`: negative errno, 0. */
void ph_reach_dialled(struct ph_reachability *reach,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_address *address,
	enum ph_verdict verdict, int error, uint32_t rtt_us);
/* Fills priority, rtt_us and near of the candidates of one node. */
void ph_reach_rank(struct ph_reachability *reach,
	const uint8_t to[PH_NODE_ID_BYTES], struct ph_candidates *candidates);
/* A peer was forgotten or revoked. */
void ph_reach_forget(
	struct ph_reachability *reach, const uint8_t id[PH_NODE_ID_BYTES]);

#endif
