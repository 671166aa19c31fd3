#ifndef PH_PROBE_PRIORITY_H
#define PH_PROBE_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/reach.h"

/*
 * Which way to a node is tried first: 31 bits, the greatest first.
 *
 *   30 29 | 28..22 | 21..18 | 17..10 | 9..2 | 1 0
 *   trust | type   | over   | average| rtt  | family
 *
 * Trust comes before all else: what this node has seen itself, what a peer
 * saw, what nobody tried, what failed.
 */
enum ph_reach_trust {
	PH_REACH_FAILED,
	PH_REACH_UNVERIFIED,
	PH_REACH_TOLD, /* by an authenticated peer; hearsay never gets more */
	PH_REACH_SEEN, /* by this node */
};

/* Where the address lies, as seen from here. */
enum ph_reach_type {
	PH_REACH_THIRD = 20, /* through another node */
	PH_REACH_MAPPED = 80,
	PH_REACH_ROUTED = 100,
	PH_REACH_NEAR = 110, /* in a subnet of this host */
	PH_REACH_HOST = 120, /* a unix socket, loopback */
	PH_REACH_PROCESS = 126,
};

struct ph_priority {
	enum ph_reach_trust trust;
	enum ph_reach_type type;
	enum ph_reach_transport transport;
	uint8_t average; /* of successes: 255 always */
	uint32_t rtt_us; /* 0: not measured, counts as 10 ms */
	bool v6;
};

uint32_t ph_priority(const struct ph_priority *of);

#endif
