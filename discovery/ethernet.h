#ifndef PH_DISCOVERY_ETHERNET_H
#define PH_DISCOVERY_ETHERNET_H

#include "discovery/interfaces.h"

/*
 * Real LLDP: frames of ethertype 88cc, so that switches and lldpd see the node
 * and it sees them. Needs CAP_NET_RAW once, to open the socket; a process that
 * has it gives it up then.
 */
enum ph_l2 {
	PH_L2_OFF,
	PH_L2_LISTEN,
	PH_L2_EMIT, /* and listen */
};

struct ph_ethernet;

/* Opens the socket and drops CAP_NET_RAW of this thread: before others are
 * started. -EPERM: may not; other errors of socket(2). `out` NULL for off. */
int ph_ethernet_open(struct ph_ethernet **out, enum ph_l2 mode);
void ph_ethernet_close(struct ph_ethernet *ethernet);
enum ph_l2 ph_ethernet_mode(const struct ph_ethernet *ethernet);

/* Frames come in from the loop, from now on. `interface` by its name; `source`
 * is a MAC. */
int ph_ethernet_start(struct ph_ethernet *ethernet, struct ph_loop *loop,
	void (*on_frame)(void *context, unsigned interface,
		const uint8_t source[6], const uint8_t *lldpdu, size_t length),
	void *context);
/* Joins LLDP's groups on the interfaces that are new. */
unsigned ph_ethernet_follow(struct ph_ethernet *ethernet,
	const struct ph_interfaces *interfaces, const char *names);
/* On every interface, to both groups: the nearest bridge's, and the one that
 * bridges of Linux forward. Nothing unless PH_L2_EMIT. */
unsigned ph_ethernet_send(
	struct ph_ethernet *ethernet, const uint8_t *lldpdu, size_t length);

#endif
