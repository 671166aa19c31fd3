#ifndef PH_DISCOVERY_MULTICAST_H
#define PH_DISCOVERY_MULTICAST_H

#include "discovery/interfaces.h"
#include "discovery/udp.h"
#include "proto/value.h"

/*
 * Announcements to everybody on a segment: 239.255.76.78 and ff02::7678, port
 * 7678, hop limit 1. One socket for each interface and family, bound to the
 * group itself, so that no unicast datagram ever ends there and any number of
 * nodes of a machine share the port. Needs no privilege.
 */
#define PH_MULTICAST_PORT 7678

struct ph_multicast;

struct ph_multicast_events {
	/* The bytes stand until it returns. */
	void (*on_datagram)(
		void *context, const struct ph_udp_datagram *datagram);
	void *context;
};

int ph_multicast_create(struct ph_multicast **out, struct ph_loop *loop,
	struct ph_udp_inbox *inbox, const struct ph_multicast_events *events);
void ph_multicast_destroy(struct ph_multicast *multicast);

/* Interfaces came, went or changed: joins the groups on the new ones (all
 * segments, or those of `names`, separated by commas), leaves what is gone.
 * Returns how many segments it speaks on; *fresh counts the new ones. */
unsigned ph_multicast_follow(struct ph_multicast *multicast,
	const struct ph_interfaces *interfaces, const char *names,
	unsigned *fresh);
enum ph_multicast_how {
	PH_MULTICAST_BOTH,
	PH_MULTICAST_V4, /* where a segment has it, else the other */
	PH_MULTICAST_V6,
};

/* On every segment. Returns how many were sent. */
unsigned ph_multicast_send(struct ph_multicast *multicast,
	enum ph_multicast_how how, const uint8_t *data, size_t length);
/* The names of the segments, into an open list. */
void ph_multicast_report(
	const struct ph_multicast *multicast, struct ph_writer *writer);
/* Whether `name` stands in a list separated by commas; NULL: every name. */
bool ph_names_have(const char *names, const char *name);

#endif
