#include "transport/transport.h"

#include <errno.h>

#include "transport/carrier.h"

int ph_carrier_adopt(struct ph_transport_host *host, int fd,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	struct ph_endpoint peer = {.length = sizeof(sa_family_t)};
	struct ph_carrier *carrier;
	int error;

	if (fd < 0)
		return -EBADF;
	error = ph_carrier_create(host, "unix", events, context, &carrier);
	if (error)
		return error;
	peer.any.sa_family = AF_UNIX;
	ph_carrier_connected(carrier, fd, &peer, false, false);
	*out = carrier;
	return 0;
}
