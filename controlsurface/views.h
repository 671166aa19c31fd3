#ifndef PH_CONTROLSURFACE_VIEWS_H
#define PH_CONTROLSURFACE_VIEWS_H

#include "controlsurface/control_inner.h"

/* What somebody wants to look at: everything, a server, a terminal, or one
 * connection. */
struct ph_view_address {
	char text[160];
	bool given;
	bool id; /* `text` is a connection's id */
	struct ph_place place;
};

/* "" is everything. -EINVAL and the like. */
int ph_view_address(struct ph_view_address *out, const char *text);
/* From the call's `address`; answers itself when it is none. */
int ph_view_open(struct ph_view_address *out, struct ph_request *request);
/* Arguments of wire.flows: of which connections. */
void ph_view_write_flows(const struct ph_control *control,
	const struct ph_view_address *address, struct ph_writer *writer);
/* NULL: everything does. */
bool ph_view_matches(const struct ph_control *control,
	const struct ph_view_address *address, const struct ph_edge *edge);

#endif
