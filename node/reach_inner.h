#ifndef PH_NODE_REACH_INNER_H
#define PH_NODE_REACH_INNER_H

#include "discovery/interfaces.h"
#include "node/peer.h"
#include "node/reach.h"
#include "probe/matrix.h"
#include "proto/subnet.h"

/*
 * Shared by reach.c (results and the order of dials) and reach_net.c (this
 * host's addresses).
 */
#define REACH_SUBNETS 64u

struct ph_reachability {
	struct ph_node *node;
	struct ph_matrix *matrix;
	uint8_t self[PH_NODE_ID_BYTES];
	/* This host's networks; its own addresses are `ip` of `own`. */
	struct ph_interface_watch *watch;
	struct ph_subnet subnets[REACH_SUBNETS];
	struct ph_ip own[REACH_SUBNETS];
	unsigned owns;
	bool looked; /* the interfaces are known */
};

/* What is dialled there, as a point. -EINVAL: too long to be kept. */
int reach_point(struct ph_reach_row *out, const struct ph_address *address);
/* Where the address lies. */
enum ph_reach_type reach_type(
	const struct ph_reachability *reach, const struct ph_address *address);
/* Lines that this node dialled prove their addresses as long as they live. */
void reach_refresh(struct ph_reachability *reach);

/* reach_net.c */
int reach_net_open(struct ph_reachability *reach);
void reach_net_close(struct ph_reachability *reach);

#endif
