#ifndef PH_CONTROLSURFACE_CONNECTION_INNER_H
#define PH_CONTROLSURFACE_CONNECTION_INNER_H

#include "controlsurface/connection.h"

/* What the files of the connections' state machine share. */

/* One event's way through the machine. */
struct ph_step {
	struct ph_connection *connection;
	int64_t now;
	const struct ph_connection_event *event;
	struct ph_jitter *jitter;
	struct ph_connection_outputs *outputs;
};

void ph_step_do(struct ph_step *step, enum ph_connection_action action);
void ph_step_arm(struct ph_step *step, int64_t wait);
void ph_step_disarm(struct ph_step *step);
/* The one door for every transition. */
void ph_step_enter(
	struct ph_step *step, enum ph_connection_state to, const char *because);

/* --- connection_drain.c --- */

void ph_connection_withdraw(struct ph_step *step);
/* The same, when what is on its way has been delivered. */
void ph_connection_deliver(struct ph_step *step);
void ph_connection_draining_on(struct ph_step *step);

#endif
