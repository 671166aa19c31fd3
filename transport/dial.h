#ifndef PH_TRANSPORT_DIAL_H
#define PH_TRANSPORT_DIAL_H

#include "transport/carrier.h"

/*
 * Connecting a carrier: resolve the name (on the worker's lane for names),
 * then start the candidates in order, one each PH_DIAL_STAGGER or as soon as
 * the one before failed; the first to connect wins, the others are closed.
 */
#define PH_DIAL_CANDIDATES 8
#define PH_DIAL_STAGGER	   (250 * PH_MILLISECOND)
#define PH_DIAL_PATIENCE   (10 * PH_SECOND)

/* Makes the carrier and starts. -EINVAL: a name, and nobody to resolve it;
 * -ENOMEM. An unknown name ends the carrier with -ENXIO, one that
 * nobody was there to ask for with -ENONET. */
int ph_dial_start(struct ph_transport_host *host, const char *scheme,
	const struct ph_filter_kind *kind, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out);
/* The same, but what is connected is a bridge to the web thread: `bridge` gives
 * for each candidate one end of a socket pair, on which four bytes say how the
 * connection went (its round trip in us, or -errno). */
int ph_dial_bridge(struct ph_transport_host *host, const char *scheme,
	const struct ph_filter_kind *kind, const struct ph_dial *dial,
	int (*bridge)(struct ph_transport_host *host,
		const struct ph_dial *dial, const struct ph_endpoint *peer),
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out);
/* Calls nothing back. */
void ph_dialing_cancel(struct ph_dialing *dialing);

#endif
