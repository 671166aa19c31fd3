#ifndef PH_CONTROLSURFACE_WIRING_RIG_H
#define PH_CONTROLSURFACE_WIRING_RIG_H

#include "controlsurface/wiring_trial.h"

/* The small wiring of a test: wiring_rig.c says which servers and wires it
 * has, wiring_rig_file.c writes it. */
#define PH_RIG_OWN "posthouse."

struct ph_rig_link {
	const char *from;
	const char *to; /* NULL: what collects for `expect` */
	unsigned expect;
	const char *on_full;
	uint64_t queue;
	struct ph_rig_link *next;
};

struct ph_rig {
	struct ph_wiring *wiring;
	const struct ph_wiring_test *test;
	const char *directory;
	struct ph_writer *writer;
	unsigned char *runs; /* by server */
	unsigned char *kept; /* wires, by server and terminal */
	struct ph_rig_link *links;
	struct ph_rig_link *last;
	unsigned collected[PH_TRIAL_PUTS];
	unsigned fed[PH_TRIAL_PUTS]; /* wires of an injector */
	unsigned empties;
	unsigned nulls;
};

/* `servers` and `wires`, into the open map. */
void ph_rig_write(struct ph_rig *rig);

#endif
