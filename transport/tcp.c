#include "transport/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/listener.h"

/* Connections that wait for their turn; the system cuts it to its own limit. */
#define TCP_BACKLOG 1024

static int tcp_dial(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_TCP || !dial->address.port)
		return -EINVAL;
	return ph_dial_start(host, "tcp", ph_carrier_kind(host, dial->plain),
		dial, events, context, out);
}

/* A listening socket, or -errno. */
static int tcp_bind(const struct ph_endpoint *endpoint)
{
	int fd = ph_socket_open(endpoint);
	int on = 1, off = 0, error;

	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* [::] takes both families. */
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (!bind(fd, &endpoint->any, endpoint->length) &&
		!listen(fd, TCP_BACKLOG))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Whether the next literal is worth trying: no IPv6 here, as in containers. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static void tcp_bound(
	int fd, const struct ph_address *asked, struct ph_address *out)
{
	struct ph_endpoint bound = {.length = sizeof(bound.storage)};

	*out = *asked;
	if (getsockname(fd, &bound.any, &bound.length))
		return;
	ph_endpoint_host(&bound, out->host, sizeof(out->host));
	out->port = ph_endpoint_port(&bound);
}

int ph_listener_bind(const struct ph_address *address, struct ph_address *out)
{
	struct ph_endpoint endpoints[2];
	unsigned count =
		ph_endpoint_literal(endpoints, address->host, address->port);
	int fd;

	if (!count)
		return -EINVAL;
	fd = tcp_bind(&endpoints[0]);
	if (count > 1 && is_absent(fd))
		fd = tcp_bind(&endpoints[1]);
	if (fd >= 0)
		tcp_bound(fd, address, out);
	return fd;
}

static int tcp_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	struct ph_address bound;
	int fd, error;

	if (address->scheme != PH_ADDRESS_TCP)
		return -EINVAL;
	fd = ph_listener_bind(address, &bound);
	if (fd < 0)
		return fd;
	error = ph_listener_start(host, "tcp", fd, &bound,
		ph_carrier_kind(host, plain), events, context, out);
	if (error)
		close(fd);
	return error;
}

const struct ph_transport ph_transport_tcp = {
	.scheme = "tcp",
	.dial = tcp_dial,
	.listen = tcp_listen,
};
