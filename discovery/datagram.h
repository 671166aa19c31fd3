#ifndef PH_DISCOVERY_DATAGRAM_H
#define PH_DISCOVERY_DATAGRAM_H

#include "discovery/udp.h"
#include "kernel/loop.h"

/*
 * Unicast datagrams: announcements to seeds, and membership. Bound to the port
 * of the node's first listener, once for each address that it listens on. What
 * is sent in one turn leaves at its end, many by one system call; what the
 * network does not take is lost and counted, as datagrams are.
 *
 * A port that nobody listens on any more says so (ICMP): that is a hint.
 */
#define PH_DATAGRAM_DOORS 4u

struct ph_datagrams;

struct ph_datagram_events {
	/* The bytes stand until it returns. */
	void (*on_datagram)(
		void *context, const struct ph_udp_datagram *datagram);
	/* Nobody listens there. */
	void (*on_refused)(void *context, const struct ph_udp_end *end);
	void *context;
};

int ph_datagrams_create(struct ph_datagrams **out, struct ph_loop *loop,
	struct ph_udp_inbox *inbox, const struct ph_datagram_events *events);
/* A literal address ("" is every interface) and a port. -ENOSPC past 4 doors;
 * negative errno of socket(2) and bind(2). */
int ph_datagrams_bind(
	struct ph_datagrams *datagrams, const struct ph_address *address);
/* Whether there is a door: without, nothing is sent or heard. */
bool ph_datagrams_are_bound(const struct ph_datagrams *datagrams);
/* Sends what waits, then closes. */
void ph_datagrams_destroy(struct ph_datagrams *datagrams);

/* Copies. `fresh`: a datagram came from there just now, so the system need not
 * ask the link whether it is still there. -ENETUNREACH: no door leads there;
 * -EMSGSIZE. */
int ph_datagrams_send(struct ph_datagrams *datagrams,
	const struct ph_udp_end *to, bool fresh, const uint8_t *data,
	size_t length);
/* Sends what waits, now. */
void ph_datagrams_flush(struct ph_datagrams *datagrams);

struct ph_datagram_stats {
	uint64_t sent;
	uint64_t sent_bytes; /* of payload */
	uint64_t lost;	     /* the system did not take them */
	uint64_t received;
};

struct ph_datagram_stats ph_datagrams_stats(
	const struct ph_datagrams *datagrams);

#endif
