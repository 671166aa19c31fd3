#include "probe/priority.h"

#include <math.h>

#define RTT_UNKNOWN 10000u

static uint32_t over(enum ph_reach_transport transport)
{
	switch (transport) {
	case PH_REACH_TLS:
		return 3;
	case PH_REACH_WSS:
	case PH_REACH_WS:
		return 2;
	case PH_REACH_TCP:
		return 1;
	default:
		return 0;
	}
}

/* 255 at once; a step for each twelfth of a doubling from 50 us on. */
static uint32_t quickness(uint32_t rtt_us)
{
	double rtt = rtt_us ? rtt_us : RTT_UNKNOWN;
	double steps = floor(12 * log2(1 + rtt / 50));

	return steps > 255 ? 0 : 255 - (uint32_t)steps;
}

uint32_t ph_priority(const struct ph_priority *of)
{
	return (uint32_t)of->trust << 29 | (uint32_t)of->type << 22 |
	       over(of->transport) << 18 | (uint32_t)of->average << 10 |
	       quickness(of->rtt_us) << 2 | (of->v6 ? 1 : 0);
}
