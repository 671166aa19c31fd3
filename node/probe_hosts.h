#ifndef PH_NODE_PROBE_HOSTS_H
#define PH_NODE_PROBE_HOSTS_H

#include "node/node.h"
#include "proto/probe_order.h"
#include "proto/value.h"

/*
 * The addresses that a probe may have to do with. Lists are packed as they lie
 * in INSTRUCT; none holds an address that no probe may touch.
 */
struct probe_hosts {
	uint8_t points[PH_ORDER_TARGETS * PH_POINT]; /* port 0 */
	uint32_t count;
	uint8_t blocks[PH_ORDER_TARGETS * PH_POINT_BLOCK];
	uint32_t block_count;
	uint32_t left_out; /* addresses for which there was no room */
};

/* Where this node listens; every address of this host where it listens on all
 * of them. `outside`: without the loopback, unless it listens there alone. Each
 * is a block of its own. */
void probe_hosts_own(
	struct probe_hosts *hosts, const struct ph_node *node, bool outside);
/* The addresses at which a peer's beacon is, as READY tells them. Allowed are
 * those on this host's own networks, in --dial-allow, and those by which the
 * peer is known already (`known`: addresses of mesh.peers): no peer can point a
 * probe at somebody else. */
void probe_hosts_peer(struct probe_hosts *hosts, const struct ph_node *node,
	const struct ph_ready *ready, struct ph_value known);

#endif
