#include "transport/transport.h"

#include <errno.h>
#include <string.h>

const struct ph_transport *const ph_transports[] = {
	[PH_ADDRESS_TCP] = &ph_transport_tcp,
	[PH_ADDRESS_UNIX] = &ph_transport_unix,
	[PH_ADDRESS_SHM] = &ph_transport_shm,
	[PH_ADDRESS_INPROC] = &ph_transport_inproc,
	[PH_ADDRESS_WS] = &ph_transport_ws,
	[PH_ADDRESS_WSS] = &ph_transport_wss,
	NULL,
};

const struct ph_transport *ph_transport_find(enum ph_address_scheme scheme)
{
	switch (scheme) {
	case PH_ADDRESS_TCP:
	case PH_ADDRESS_UNIX:
	case PH_ADDRESS_SHM:
	case PH_ADDRESS_INPROC:
	case PH_ADDRESS_WS:
	case PH_ADDRESS_WSS:
		return ph_transports[scheme];
	}
	return NULL;
}

const char *ph_transport_reason(int reason)
{
	switch (reason) {
	case -ENXIO:
		return "this name has no address: check its spelling";
	case -ENONET:
		return "no name server tells which address this name has";
	default:
		return strerror(-reason);
	}
}
