#ifndef PH_CONTROLSURFACE_WIRING_LIST_H
#define PH_CONTROLSURFACE_WIRING_LIST_H

#include "controlsurface/wiring.h"

/* Servers and wires of a wiring that was read, one by one. */
struct ph_wiring_server_line {
	const char *node; /* "": the node that applies */
	const char *name;
	const char *runs; /* a program, or a bundled server */
};

/* false: no more. */
bool ph_wiring_server_at(const struct ph_wiring *wiring, size_t index,
	struct ph_wiring_server_line *out);

struct ph_wiring_end_line {
	const char *node; /* "": the node that applies */
	const char *server;
	const char *terminal;
};

/* The next one after *position, which is NULL at first; false: no more. */
bool ph_wiring_next_wire(const struct ph_wiring *wiring,
	const struct ph_wiring_wire **position, struct ph_wiring_end_line *from,
	struct ph_wiring_end_line *to);

#endif
