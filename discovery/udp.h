#ifndef PH_DISCOVERY_UDP_H
#define PH_DISCOVERY_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/address.h"

/*
 * What multicast and unicast share: an end of a datagram, sockets, and reading
 * many at once into one set of buffers.
 */
#define PH_DATAGRAM_MOST 1232u /* bytes: IPv6 passes them whole everywhere */
#define PH_UDP_BATCH	 16u

/* An address and a port. IPv4 stands mapped (::ffff:a.b.c.d). */
struct ph_udp_end {
	uint8_t ip[16];
	uint16_t port;
	uint32_t zone; /* interface of a link-local address, else 0 */
};

bool ph_udp_same(const struct ph_udp_end *a, const struct ph_udp_end *b);
bool ph_udp_is_v4(const struct ph_udp_end *end);
bool ph_udp_is_link_local(const struct ph_udp_end *end);
bool ph_udp_is_loopback(const struct ph_udp_end *end);
/* Literal tcp addresses only; a zone may be a name or a number. -EINVAL. */
int ph_udp_parse(struct ph_udp_end *out, const struct ph_address *address);
/* As ph_address_parse reads it: "192.0.2.7:7678", "[fe80::1%eth0]:7678". */
char *ph_udp_text(const struct ph_udp_end *end, char *out, size_t size);
void ph_udp_read(struct ph_udp_end *out, const struct sockaddr *address);
/* For a socket of `family`; an IPv4 end is mapped where that is AF_INET6.
 * Returns the length, 0 when the socket cannot reach it. */
socklen_t ph_udp_write(
	const struct ph_udp_end *end, int family, struct sockaddr_storage *out);

/* A non-blocking socket whose errors (ICMP) and interfaces are told, and that
 * hears only the groups it joined. Or negative errno. */
int ph_udp_socket(int family, bool dual);

struct ph_udp_datagram {
	struct ph_udp_end from;
	unsigned interface; /* it came in by */
	const uint8_t *data;
	size_t length;
};

/* Buffers for one batch, shared by all sockets of a loop. */
struct ph_udp_inbox;
int ph_udp_inbox_create(struct ph_udp_inbox **out);
void ph_udp_inbox_free(struct ph_udp_inbox *inbox);
/* Reads what is there, PH_UDP_BATCH at most; those too long are left out.
 * Returns how many stand at `out`, until the next call; *more tells whether
 * others may wait. */
unsigned ph_udp_receive(struct ph_udp_inbox *inbox, int fd,
	struct ph_udp_datagram out[PH_UDP_BATCH], bool *more);
/* The next error on the socket: 1 when `out` refused a datagram (nobody
 * listens there), 0 for another error, -EAGAIN for none. */
int ph_udp_refused(int fd, struct ph_udp_end *out);

#endif
