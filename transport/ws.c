#include "transport/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/http.h"
#include "transport/listener.h"

/*
 * ws and wss. The WebSocket lives on the web thread; between it and the loop
 * lies a socket pair, and for the loop that is a carrier's socket like any
 * other: TLS, frames, backpressure and farewell are those of every carrier.
 * The system's buffers between the two are the rings, its polling their bells.
 */

static int bridge(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_endpoint *peer)
{
	bool tls = dial->address.scheme == PH_ADDRESS_WSS;
	char name[sizeof(dial->address.host) + 8];
	char literal[64];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		    pair))
		return -errno;
	ph_endpoint_host(peer, literal, sizeof(literal));
	snprintf(name, sizeof(name),
		strchr(dial->address.host, ':') ? "[%s]:%u" : "%s:%u",
		dial->address.host, dial->address.port);
	ph_http_dial(host->http, pair[1], literal, ph_endpoint_port(peer), name,
		tls);
	return pair[0];
}

static int dial_as(struct ph_transport_host *host, const char *scheme,
	const struct ph_dial *dial, const struct ph_carrier_events *events,
	void *context, struct ph_carrier **out)
{
	if (!host->http)
		return -EOPNOTSUPP;
	if (!dial->address.port)
		return -EINVAL;
	return ph_dial_bridge(host, scheme, ph_carrier_kind(host, dial->plain),
		dial, bridge, events, context, out);
}

static int ws_dial(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_WS)
		return -EINVAL;
	return dial_as(host, "ws", dial, events, context, out);
}

static int wss_dial(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_WSS)
		return -EINVAL;
	return dial_as(host, "wss", dial, events, context, out);
}

static void accepted(
	struct ph_listener *listener, int fd, const struct ph_endpoint *peer)
{
	struct ph_endpoint here = {.length = sizeof(here.storage)};
	struct ph_http_peer visitor = {.door = listener->door,
		.tls = listener->address.scheme == PH_ADDRESS_WSS,
		.from = ph_endpoint_port(peer)};

	ph_endpoint_host(peer, visitor.source, sizeof(visitor.source));
	if (getsockname(fd, &here.any, &here.length)) {
		close(fd);
		return;
	}
	ph_endpoint_host(&here, visitor.local, sizeof(visitor.local));
	visitor.port = ph_endpoint_port(&here);
	visitor.loopback = ph_endpoint_is_loopback(peer);
	ph_socket_tune(fd);
	ph_http_adopt(listener->http, fd, &visitor);
}

static int listen_as(struct ph_transport_host *host, const char *scheme,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	struct ph_listener *listener;
	struct ph_address bound;
	int door, error, fd;

	if (!host->http)
		return -EOPNOTSUPP;
	fd = ph_listener_bind(address, &bound);
	if (fd < 0)
		return fd;
	error = ph_listener_start(host, scheme, fd, &bound,
		ph_carrier_kind(host, plain), events, context, &listener);
	if (error) {
		close(fd);
		return error;
	}
	door = ph_http_bind(host->http, listener);
	if (door < 0) {
		ph_listener_close(listener);
		return door;
	}
	listener->accepted = accepted;
	listener->http = host->http;
	listener->door = (unsigned)door;
	*out = listener;
	return 0;
}

static int ws_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	if (address->scheme != PH_ADDRESS_WS)
		return -EINVAL;
	return listen_as(host, "ws", address, plain, events, context, out);
}

static int wss_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	if (address->scheme != PH_ADDRESS_WSS)
		return -EINVAL;
	return listen_as(host, "wss", address, plain, events, context, out);
}

const struct ph_transport ph_transport_ws = {
	.scheme = "ws",
	.dial = ws_dial,
	.listen = ws_listen,
};

const struct ph_transport ph_transport_wss = {
	.scheme = "wss",
	.dial = wss_dial,
	.listen = wss_listen,
};
