#ifndef PH_CONTROLSURFACE_CONTROL_H
#define PH_CONTROLSURFACE_CONTROL_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"
#include "proto/server.h"

/*
 * The control surface: the source of truth for the connections whose output
 * terminal is on this node. It keeps this node's part of every applied wiring
 * file (durably, by store.*), brings what is closer to what is declared, and
 * serves the calls control.*.
 */
struct ph_control;

struct ph_control_config {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_kernel *kernel;
	struct ph_door *door;
	const char *node; /* this node's name */
	uint64_t epoch;
	const struct ph_server_type *const *bundled;
	/* A wiring file told where a host is: a seed for the lines. */
	void (*seed)(void *context, const char *node, const char *address);
	void *context;
};

/* A change that is in doubt, and what to do, as status shows it. */
#define PH_DOUBT_LINE 400

int ph_control_create(
	struct ph_control **out, const struct ph_control_config *config);
/* Loads what was applied (store.list) and starts bringing it about. */
void ph_control_start(struct ph_control *control);
/* No more dialling or restarting: the node is stopping. */
void ph_control_quiesce(struct ph_control *control);
/* It is a higher one from now on (node/epoch.h). */
void ph_control_set_epoch(struct ph_control *control, uint64_t epoch);
void ph_control_destroy(struct ph_control *control);
/* Grows with every change of what is declared here, also over restarts: the
 * epoch counts them. */
uint64_t ph_control_revision(const struct ph_control *control);
/* What was applied before is read back: until then it takes no change. */
bool ph_control_is_loaded(const struct ph_control *control);

#endif
