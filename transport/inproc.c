#include "transport/transport.h"

#include <errno.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/listener.h"

#define INPROC_BACKLOG 1024

/*
 * From one thread's loop to another's: the rings of shm.c, met under a name
 * that only this process has. The two loops need to share nothing before.
 */
static int inproc_dial(struct ph_transport_host *host,
	const struct ph_dial *dial, const struct ph_carrier_events *events,
	void *context, struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_INPROC)
		return -EINVAL;
	if (!dial->plain)
		return -EOPNOTSUPP;
	return ph_dial_start(
		host, "inproc", &ph_filter_inproc, dial, events, context, out);
}

static int inproc_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	struct ph_endpoint endpoint;
	int fd, error;

	if (address->scheme != PH_ADDRESS_INPROC)
		return -EINVAL;
	if (!plain)
		return -EOPNOTSUPP;
	error = ph_endpoint_inproc(&endpoint, address->host);
	if (error)
		return error;
	fd = ph_socket_open(&endpoint);
	if (fd < 0)
		return fd;
	if (bind(fd, &endpoint.any, endpoint.length) ||
		listen(fd, INPROC_BACKLOG))
		error = -errno;
	if (!error)
		error = ph_listener_start(host, "inproc", fd, address,
			&ph_filter_inproc, events, context, out);
	if (error)
		close(fd);
	return error;
}

const struct ph_transport ph_transport_inproc = {
	.scheme = "inproc",
	.dial = inproc_dial,
	.listen = inproc_listen,
};
