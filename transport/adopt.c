#include "transport/transport.h"

#include <errno.h>
#include <string.h>

#include "transport/carrier.h"

static const struct {
	const char *scheme;
	const struct ph_filter_kind *kind;
} kinds[] = {
	{"unix", NULL},
	{"shm", &ph_filter_shm},
	{"inproc", &ph_filter_inproc},
};

int ph_carrier_adopt(struct ph_transport_host *host, int fd, const char *scheme,
	bool server, const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	struct ph_endpoint peer = {.length = sizeof(sa_family_t)};
	struct ph_carrier *carrier;
	size_t i = 0;
	int error;

	while (i < sizeof(kinds) / sizeof(*kinds) &&
		strcmp(kinds[i].scheme, scheme) != 0)
		i++;
	if (fd < 0 || i == sizeof(kinds) / sizeof(*kinds))
		return -EINVAL;
	error = ph_carrier_create(
		host, kinds[i].scheme, events, context, &carrier);
	if (error)
		return error;
	peer.any.sa_family = AF_UNIX;
	ph_carrier_connected(carrier, fd, &peer, kinds[i].kind, server);
	*out = carrier;
	return 0;
}
