#include <stdio.h>
#include <string.h>

#include "controlsurface/connection_inner.h"
#include "kernel/hal.h"
#include "proto/skim.h"

/*
 * The end of a connection that nobody wants any more: its pipe is taken away,
 * its booking given back, and when that was heard, its record deleted.
 */

/* A little longer than the calls it makes. */
#define DRAIN_TIME (6 * PH_SECOND)
/* How long a booking may stand at a Hostess who hears nothing of it (hostess/
 * reservation.h): longer there is nothing to give back. */
#define BOOKED_TIME (60 * PH_SECOND)
#define SEATED_TIME (660 * PH_SECOND)

/* All was answered that had to be: the record goes last. */
static void connection_leave(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;

	connection->booked = false;
	connection->owed = false;
	if (connection->kept) {
		connection->kept = false;
		connection->leaving = 1;
		ph_step_do(step, PH_CONNECTION_DO_FORGET);
		ph_step_arm(step, DRAIN_TIME);
		return;
	}
	ph_step_enter(step, PH_CONNECTION_CLOSED, "withdrawn");
	ph_step_disarm(step);
}

void ph_connection_withdraw(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;

	connection->attempt++;
	connection->leaving = 0;
	connection->delivers = false;
	connection->failures = 0;
	connection->patience =
		step->now + (connection->seated ? SEATED_TIME : BOOKED_TIME);
	ph_step_enter(step, PH_CONNECTION_DRAINING, "withdrawn");
	if (connection->wired) {
		ph_step_do(step, PH_CONNECTION_DO_CLOSE);
		connection->leaving++;
	}
	if (connection->booked) {
		ph_step_do(step, PH_CONNECTION_DO_RELEASE);
		connection->leaving++;
	}
	if (connection->leaving)
		ph_step_arm(step, DRAIN_TIME);
	else
		connection_leave(step);
}

/* Its booking stands until all has come: with it the carrier would go. */
void ph_connection_deliver(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;

	connection->attempt++;
	connection->delivers = true;
	ph_step_enter(step, PH_CONNECTION_DRAINING,
		"withdrawn; what is on its way is delivered");
	ph_step_do(step, PH_CONNECTION_DO_LEAVE);
	ph_step_arm(step, PH_CONNECTION_LEAVE + DRAIN_TIME);
}

static void delivering_on(struct ph_step *step)
{
	if (step->event->kind == PH_CONNECTION_ON_GONE)
		step->connection->wired = false;
	else if (step->event->kind != PH_CONNECTION_ON_DUE)
		return;
	ph_connection_withdraw(step);
}

/* Its Hostess still holds the terminal for it: nobody else could have it. */
static void release_unheard(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;
	/* What the wire says of its own pauses is not meant for this. */
	struct ph_connection usual = {0};
	char because[PH_CONNECTION_REASON];

	if (!connection->failures++) {
		snprintf(because, sizeof(because),
			"withdrawn; not yet given back: %s",
			step->event->reason);
		because[ph_text_valid(because, strlen(because))] = '\0';
		ph_step_enter(step, PH_CONNECTION_DRAINING, because);
	}
	connection->owed = true;
	usual.failures = connection->failures;
	ph_step_arm(step, ph_connection_backoff(&usual, step->jitter));
}

void ph_connection_draining_on(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;
	bool patient = step->now < connection->patience;

	if (connection->delivers) {
		delivering_on(step);
		return;
	}
	switch (step->event->kind) {
	case PH_CONNECTION_ON_UNHEARD:
		if (!patient)
			connection_leave(step);
		else
			release_unheard(step);
		break;
	case PH_CONNECTION_ON_GONE:
		if (!--connection->leaving)
			connection_leave(step);
		break;
	case PH_CONNECTION_ON_DUE:
		if (!connection->owed) {
			connection_leave(step);
			break;
		}
		connection->owed = false;
		ph_step_do(step, PH_CONNECTION_DO_RELEASE);
		ph_step_arm(step, DRAIN_TIME);
		break;
	default:
		break;
	}
}
