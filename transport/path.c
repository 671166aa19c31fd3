#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "transport/carrier.h"
#include "transport/socket.h"

void ph_carrier_retarget(struct ph_carrier *carrier,
	const struct ph_carrier_events *events, void *context)
{
	carrier->events = events;
	carrier->context = context;
}

void ph_carrier_abort(struct ph_carrier *carrier, int reason)
{
	ph_carrier_fail(carrier, reason);
}

void ph_carrier_path(
	const struct ph_carrier *carrier, struct ph_carrier_path *out)
{
	struct ph_endpoint endpoint = {.length = sizeof(endpoint.storage)};
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int fd = carrier->watch.fd;

	*out = (struct ph_carrier_path){.rtt_us = carrier->rtt_us};
	if (!carrier->watch.loop || carrier->scheme != ph_transport_tcp.scheme)
		return;
	if (!getsockname(fd, &endpoint.any, &endpoint.length))
		ph_endpoint_host(&endpoint, out->local, sizeof(out->local));
	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		out->rtt_us = info.tcpi_rtt;
}
