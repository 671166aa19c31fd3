#ifndef PH_NODE_REACH_INNER_H
#define PH_NODE_REACH_INNER_H

#include "discovery/interfaces.h"
#include "node/peer.h"
#include "node/reach.h"
#include "probe/matrix.h"
#include "proto/reach_advert.h"
#include "proto/subnet.h"

/*
 * Shared by reach.c (results and the order of dials), reach_net.c (this host's
 * addresses, and where another's word may send it), reach_tell.c (adverts that
 * go), reach_hear.c (that come), reach_keep.c (what survives a restart) and
 * reach_calls.c (what people ask).
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
	struct ph_timer tell;
	int64_t tell_due;
	uint64_t sequence; /* of adverts of this life */
	struct ph_timer keep;
	uint64_t refused; /* rows told of addresses off the allow-list */
	uint64_t unheard; /* adverts that were not taken */
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
/* Whether a dial may go to an address that only a peer has named: one of this
 * host's networks, what was configured (--join), or --dial-allow; never what
 * is special (ph_ip_special), whoever allows it, nor this host itself. */
bool reach_may_dial(const struct ph_reachability *reach, const char *address);
/* reach_tell.c */
void reach_tell_open(struct ph_reachability *reach);
void reach_tell_all(struct ph_reachability *reach);
/* reach_hear.c */
void reach_hear_open(struct ph_reachability *reach);
/* reach_keep.c */
void reach_keep_now(struct ph_reachability *reach);
void reach_keep_soon(struct ph_reachability *reach);
/* reach_calls.c */
void reach_calls_serve(struct ph_reachability *reach);

#endif
