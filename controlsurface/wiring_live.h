#ifndef PH_CONTROLSURFACE_WIRING_LIVE_H
#define PH_CONTROLSURFACE_WIRING_LIVE_H

#include "controlsurface/wiring.h"

/*
 * A wiring file against what is there now: rule O5, and P5 for hosts that do
 * not answer. Who asks the nodes hands in what they said.
 */
struct ph_wiring_facts {
	const char *host;	 /* as in the file; "": the node that applies */
	const char *away;	 /* why it could not be asked, or NULL */
	struct ph_value servers; /* lists: executor.servers, */
	struct ph_value guests;	 /* hostess.guests, */
	struct ph_value connections; /* control.connections */
};

/* The hosts to ask: those that take part, and those of guests. The next one
 * after `host`, which is NULL at first; NULL: no more. */
const char *ph_wiring_live_host(
	const struct ph_wiring *wiring, const char *host);
/* Adds findings. `text` is what was read. */
void ph_wiring_live(struct ph_wiring *wiring, const char *text, size_t length,
	const struct ph_wiring_facts *facts, size_t count);

#endif
