#ifndef PH_CONTROLSURFACE_WIRING_SELECT_H
#define PH_CONTROLSURFACE_WIRING_SELECT_H

#include "controlsurface/wiring_model.h"

/*
 * Which servers and terminals of a file are meant: `server:terminal` with `*`
 * for any characters, or a map {server, terminal, owner, class, caps, labels}
 * all of which must hold. A label may stand at the terminal or at its server;
 * of a wire that is selected, at the wire, too. Of a guest that runs already
 * only its names are known here.
 */
struct ph_wiring_selector {
	const char *pattern; /* of text; NULL: a map */
	const char *server;  /* patterns; NULL: any */
	const char *terminal;
	const char *owner;
	uint64_t class;
	bool has_class;
	const struct ph_yaml_node *caps; /* or NULL */
	const struct ph_yaml_node *labels;
};

/* Text or map; false after telling. */
bool ph_wiring_select_read(struct ph_wiring *wiring, struct ph_yaml_node *node,
	struct ph_wiring_selector *out);
bool ph_wiring_select_end(const struct ph_wiring_selector *selector,
	const struct ph_wiring_end *end);
/* By its own labels, and by what stands at its input. */
bool ph_wiring_select_wire(const struct ph_wiring_selector *selector,
	const struct ph_wiring_wire *wire);

#endif
