#ifndef PH_DISCOVERY_PLAUSIBLE_H
#define PH_DISCOVERY_PLAUSIBLE_H

#include "discovery/interfaces.h"
#include "discovery/neighbours.h"
#include "discovery/udp.h"

/*
 * Where may a stranger say that it is? Anybody can announce a node, and every
 * node that hears it dials: who could name any address would have a whole mesh
 * knock wherever he likes. So only what fits how it was heard is dialled:
 *
 *   the address it was heard from
 *   another of a network that the interface it came in by is on (without one:
 *   of any of this machine's), but for the machine's own
 *   a link-local one, along that interface
 *   heard from this machine's loopback: what leads to this machine
 *
 * Pure. Members may say what they like: their keys are known.
 */
/* `interfaces`: NULL when they are not known. */
bool ph_plausible(const struct ph_udp_end *end, const struct ph_via *via,
	const struct ph_interfaces *interfaces);
/* It came by a datagram of IP, so `via->address` is where from. */
bool ph_via_is_ip(const struct ph_via *via);

#endif
