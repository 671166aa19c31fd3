#ifndef PH_CONTROLSURFACE_WIRING_END_H
#define PH_CONTROLSURFACE_WIRING_END_H

#include "controlsurface/wiring_model.h"

/*
 * The ends of wires: bytes `from`..`to` of a node's text, read as
 * `node/server:terminal` and looked up among the file's servers. False after
 * telling what is wrong.
 */

/* A terminal that is left out is the server's only output, or input. */
bool ph_wiring_read_end(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, size_t from, size_t to, bool output,
	struct ph_wiring_end *end);
/* In the middle of a chain: an input, and the output that goes on. */
bool ph_wiring_read_link(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, size_t from, size_t to,
	struct ph_wiring_end *in, struct ph_wiring_end *out);

#endif
