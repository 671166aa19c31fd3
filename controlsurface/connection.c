#include "controlsurface/connection.h"

#include <stdio.h>
#include <string.h>

#include "controlsurface/connection_inner.h"
#include "kernel/hal.h"
#include "kernel/log.h"

#define BACKOFF_FIRST (100 * PH_MILLISECOND)
#define BACKOFF_MOST  (5 * PH_SECOND)
/* An open connection that stood this long starts its back-off anew. */
#define STEADY (5 * PH_SECOND)

/* Deadlines of the steps: each a little longer than the calls it makes. */
#define RECORD_TIME  (30 * PH_SECOND)
#define RESERVE_TIME (6 * PH_SECOND)
#define DIAL_TIME    (16 * PH_SECOND)
/* Whoever holds the stream gives up sooner, and says so. */
#define RESUME_TIME (660 * PH_SECOND)

static const char *const state_names[] = {
#define X(ident, name) [PH_CONNECTION_##ident] = name,
	PH_CONNECTION_STATES(X)
#undef X
};

static const char *const event_names[] = {
#define X(ident, name) [PH_CONNECTION_ON_##ident] = name,
	PH_CONNECTION_EVENTS(X)
#undef X
};

const char *ph_connection_state_name(enum ph_connection_state state)
{
	return state_names[state];
}

const char *ph_connection_event_name(enum ph_connection_event_kind kind)
{
	return event_names[kind];
}

/* splitmix64: enough to keep a mesh's redials apart. */
static uint64_t jitter_next(struct ph_jitter *jitter)
{
	uint64_t z = jitter->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t ph_connection_backoff(
	const struct ph_connection *connection, struct ph_jitter *jitter)
{
	bool said = connection->retry_most > 0;
	int64_t most = said ? connection->retry_most : BACKOFF_MOST;
	int64_t wait = said ? connection->retry_first : BACKOFF_FIRST;
	int64_t fifth;

	for (uint32_t i = 1; i < connection->failures && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	fifth = wait / 5;
	return wait - fifth +
	       (int64_t)(jitter_next(jitter) % (uint64_t)(2 * fifth + 1));
}

void ph_connection_init(struct ph_connection *connection, const char *id,
	uint32_t ceiling, bool ended, int64_t now)
{
	memset(connection, 0, sizeof(*connection));
	snprintf(connection->id, sizeof(connection->id), "%s", id);
	connection->since = now;
	connection->ceiling = ceiling;
	connection->generation = ceiling;
	connection->ended = ended;
	connection->kept = ceiling != 0;
	connection->booked = ceiling != 0 && !ended;
	connection->seated = connection->booked;
	connection->recorded = ended;
	connection->state =
		ended ? PH_CONNECTION_CLOSED : PH_CONNECTION_DECLARED;
	snprintf(connection->reason, sizeof(connection->reason), "%s",
		ended ? "end" : "");
}

void ph_step_do(struct ph_step *step, enum ph_connection_action action)
{
	step->outputs->items[step->outputs->count++] = action;
}

void ph_step_arm(struct ph_step *step, int64_t wait)
{
	step->connection->deadline = step->now + wait;
	ph_step_do(step, PH_CONNECTION_DO_ARM);
}

void ph_step_disarm(struct ph_step *step)
{
	step->connection->deadline = 0;
	ph_step_do(step, PH_CONNECTION_DO_DISARM);
}

/* Until it stands again, what made it fail at first stays to be seen, whatever
 * an attempt is at or ends with. */
static void connection_recall(struct ph_connection *connection)
{
	size_t used = strlen(connection->reason);

	if (connection->state == PH_CONNECTION_FAILED && !connection->cause[0])
		memcpy(connection->cause, connection->reason, used + 1);
	else if (connection->state == PH_CONNECTION_OPEN ||
		 connection->state == PH_CONNECTION_DRAINING ||
		 connection->state == PH_CONNECTION_CLOSED)
		connection->cause[0] = '\0';
	if (!connection->cause[0] ||
		!strcmp(connection->cause, connection->reason))
		return;
	snprintf(connection->reason + used, sizeof(connection->reason) - used,
		"; at first: %s", connection->cause);
}

/* The one door for every transition. */
void ph_step_enter(
	struct ph_step *step, enum ph_connection_state to, const char *because)
{
	struct ph_connection *connection = step->connection;
	char text[256];

	ph_log_info("control",
		"connection.state id=%s from=%s to=%s because=%s",
		connection->id, state_names[connection->state], state_names[to],
		ph_log_escape(text, sizeof(text), because, strlen(because)));
	connection->state = to;
	connection->since = step->now;
	/* May be its own text. */
	if (because != connection->reason)
		snprintf(connection->reason, sizeof(connection->reason), "%s",
			because);
	connection_recall(connection);
}

static void connection_begin(struct ph_step *step, const char *because)
{
	struct ph_connection *connection = step->connection;

	connection->attempt++;
	if (connection->generation >= connection->ceiling) {
		connection->ceiling =
			connection->generation + PH_CONNECTION_CEILING;
		connection->recorded = false;
	}
	if (!connection->recorded) {
		ph_step_enter(step, PH_CONNECTION_DECLARED, because);
		connection->kept = true;
		ph_step_do(step, PH_CONNECTION_DO_RECORD);
		ph_step_arm(step, RECORD_TIME);
		return;
	}
	ph_step_enter(step, PH_CONNECTION_RESERVING, because);
	ph_step_do(step, PH_CONNECTION_DO_FIND);
	ph_step_arm(step, RESERVE_TIME);
}

static void connection_fail(struct ph_step *step, const char *because)
{
	struct ph_connection *connection = step->connection;
	bool first;

	if (connection->state == PH_CONNECTION_OPEN &&
		step->now - connection->since >= STEADY)
		connection->failures = 0;
	first = !connection->failures++;
	/* A carrier that comes after all would have nobody to serve it. */
	if (connection->state == PH_CONNECTION_DIALING)
		ph_step_do(step, PH_CONNECTION_DO_CLOSE);
	connection->attempt++;
	connection->wired = false;
	ph_step_enter(step, PH_CONNECTION_FAILED,
		because && *because ? because : "no reason given");
	ph_step_arm(step, ph_connection_backoff(connection, step->jitter));
	/* A peer that is away for a day is one line, not 17,280. */
	if (first)
		ph_step_do(step, PH_CONNECTION_DO_NOTE);
}

static void connection_end(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;

	connection->attempt++;
	connection->ended = true;
	connection->recorded = false;
	connection->wired = false;
	connection->booked = false; /* its Hostess frees it with the stream */
	connection->failures = 0;
	ph_step_enter(step, PH_CONNECTION_CLOSED, "end");
	ph_step_do(step, PH_CONNECTION_DO_RECORD);
	ph_step_arm(step, RECORD_TIME);
	ph_step_do(step, PH_CONNECTION_DO_NOTE);
}

static void declared_on(struct ph_step *step)
{
	switch (step->event->kind) {
	case PH_CONNECTION_ON_BEGIN:
		connection_begin(step, "declared");
		break;
	case PH_CONNECTION_ON_RECORDED:
		step->connection->recorded = true;
		connection_begin(step, "recorded");
		break;
	case PH_CONNECTION_ON_REFUSED:
		connection_fail(step, step->event->reason);
		break;
	case PH_CONNECTION_ON_DUE:
		connection_fail(step, "the store did not answer in time");
		break;
	default:
		break;
	}
}

static void reserving_on(struct ph_step *step)
{
	const struct ph_connection_event *event = step->event;
	struct ph_connection *connection = step->connection;

	switch (event->kind) {
	case PH_CONNECTION_ON_FOUND:
		connection->output = event->output;
		snprintf(connection->type, sizeof(connection->type), "%s",
			event->type ? event->type : "");
		/* From here on a lost answer may have booked. */
		connection->booked = true;
		ph_step_do(step, PH_CONNECTION_DO_RESERVE);
		break;
	case PH_CONNECTION_ON_BOOKED:
		memcpy(connection->token, event->token,
			sizeof(connection->token));
		connection->generation++;
		connection->wired = true;
		connection->seated = true;
		ph_step_enter(step, PH_CONNECTION_DIALING, "booked");
		ph_step_do(step, PH_CONNECTION_DO_OPEN);
		ph_step_arm(step, DIAL_TIME);
		break;
	case PH_CONNECTION_ON_REFUSED:
		connection_fail(step, event->reason);
		break;
	case PH_CONNECTION_ON_DUE:
		connection_fail(step, "no booking in time");
		break;
	default:
		break;
	}
}

static void dialing_on(struct ph_step *step)
{
	switch (step->event->kind) {
	case PH_CONNECTION_ON_ATTACHED:
		ph_step_enter(step, PH_CONNECTION_OPEN, "attached");
		ph_step_disarm(step);
		/* The journal had its failure: it has its end, too. */
		if (step->connection->failures)
			ph_step_do(step, PH_CONNECTION_DO_NOTE);
		break;
	case PH_CONNECTION_ON_BACK:
		ph_step_enter(step, PH_CONNECTION_OPEN, step->event->reason);
		ph_step_disarm(step);
		break;
	case PH_CONNECTION_ON_REFUSED:
	case PH_CONNECTION_ON_BROKE:
		connection_fail(step, step->event->reason);
		break;
	case PH_CONNECTION_ON_DUE:
		connection_fail(step, "no carrier in time");
		break;
	default:
		break;
	}
}

static void open_on(struct ph_step *step)
{
	switch (step->event->kind) {
	case PH_CONNECTION_ON_BROKE:
		connection_fail(step, step->event->reason);
		break;
	case PH_CONNECTION_ON_LOST:
		ph_step_enter(step, PH_CONNECTION_DIALING, step->event->reason);
		ph_step_arm(step, RESUME_TIME);
		break;
	default:
		break;
	}
}

static void failed_on(struct ph_step *step)
{
	if (step->event->kind == PH_CONNECTION_ON_DUE)
		connection_begin(step, "once more");
}

/* Finished: all that may still be missing is the durable word of it. */
static void closed_on(struct ph_step *step)
{
	struct ph_connection *connection = step->connection;

	if (!connection->ended)
		return;
	switch (step->event->kind) {
	case PH_CONNECTION_ON_RECORDED:
		connection->recorded = true;
		connection->failures = 0;
		ph_step_disarm(step);
		break;
	case PH_CONNECTION_ON_REFUSED:
		connection->failures++;
		ph_step_arm(
			step, ph_connection_backoff(connection, step->jitter));
		break;
	case PH_CONNECTION_ON_DUE:
		connection->attempt++;
		ph_step_do(step, PH_CONNECTION_DO_RECORD);
		ph_step_arm(step, RECORD_TIME);
		break;
	default:
		break;
	}
}

typedef void state_fn(struct ph_step *step);

static state_fn *const states[] = {
	[PH_CONNECTION_DECLARED] = declared_on,
	[PH_CONNECTION_RESERVING] = reserving_on,
	[PH_CONNECTION_DIALING] = dialing_on,
	[PH_CONNECTION_OPEN] = open_on,
	[PH_CONNECTION_DRAINING] = ph_connection_draining_on,
	[PH_CONNECTION_CLOSED] = closed_on,
	[PH_CONNECTION_FAILED] = failed_on,
};

/* True for events that concern another moment than this one. */
static bool event_is_stale(const struct ph_step *step)
{
	switch (step->event->kind) {
	case PH_CONNECTION_ON_RECORDED:
	case PH_CONNECTION_ON_FOUND:
	case PH_CONNECTION_ON_BOOKED:
	case PH_CONNECTION_ON_ATTACHED:
	case PH_CONNECTION_ON_REFUSED:
	case PH_CONNECTION_ON_GONE:
	case PH_CONNECTION_ON_UNHEARD:
		return step->event->attempt != step->connection->attempt;
	case PH_CONNECTION_ON_DUE:
		return !step->connection->deadline ||
		       step->now < step->connection->deadline;
	default:
		return false;
	}
}

void ph_connection_step(struct ph_connection *connection, int64_t now,
	const struct ph_connection_event *event, struct ph_jitter *jitter,
	struct ph_connection_outputs *outputs)
{
	struct ph_step step = {connection, now, event, jitter, outputs};
	bool over = connection->state == PH_CONNECTION_CLOSED ||
		    connection->state == PH_CONNECTION_DRAINING;

	outputs->count = 0;
	if (event_is_stale(&step))
		return;
	/* That the stream was consumed stays true whatever else goes on. */
	if (event->kind == PH_CONNECTION_ON_ENDED && !over)
		connection_end(&step);
	else if (event->kind == PH_CONNECTION_ON_WITHDRAWN &&
		 connection->state != PH_CONNECTION_DRAINING) {
		if (event->gently && connection->state == PH_CONNECTION_OPEN)
			ph_connection_deliver(&step);
		else
			ph_connection_withdraw(&step);
	} else
		states[connection->state](&step);
}

enum ph_connection_state ph_connection_shown(
	const struct ph_connection *connection, int64_t now,
	struct ph_connection_look look)
{
	if (connection->state != PH_CONNECTION_OPEN)
		return connection->state;
	if (look.blocked && !(look.known && look.moved))
		return PH_CONNECTION_BLOCKED;
	if (!look.known)
		return look.moved && now - connection->since < PH_SECOND
			       ? PH_CONNECTION_FLOWING
			       : PH_CONNECTION_OPEN;
	return look.moved ? PH_CONNECTION_FLOWING : PH_CONNECTION_IDLE;
}
