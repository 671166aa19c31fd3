#include "executor/executor_inner.h"

#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/*
 * start, stop and restart, as people say them. They are answered when it has
 * come true, or cannot; and stand in the journal. Only what the executor was
 * given to run can be meant: a program that attached is somebody else's.
 */

/* The journal is a neighbour on the same loop. */
#define HAND_NOTE_TIMEOUT (20 * PH_SECOND)
/* What runs has so long to finish what it has taken, at most. */
#define HAND_DRAIN_MOST (600 * PH_SECOND)
/* The same of one whose place is taken meanwhile. */
#define REPLACE_DRAIN (10 * PH_SECOND)
/* Whoever feeds one that is taken away ends within this, as a rule at once. */
#define LEAVE_PATIENCE (5 * PH_SECOND)

static void on_noted(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status != PH_CALL_OK)
		ph_log_warn("executor", "journal.lost status=%d", status);
}

static const struct ph_caller own_caller = {.role = PH_ROLE_EXEC};

static void note(struct ph_executor *executor, const char *by, const char *what)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "actor", by);
	ph_put_text(writer, "what", what);
	ph_write_end(writer);
	ph_call_send(executor->config.door, &own_caller, "", PH_STORE_NOTE,
		writer, ph_loop_now(executor->config.loop), HAND_NOTE_TIMEOUT,
		on_noted, NULL);
	ph_writer_free(writer);
}

/* What a call asks for, besides a server. */
struct deed {
	char why[80];
	bool replace;
	int64_t drain;	  /* ns: to finish what it has taken */
	int64_t patience; /* ns: for the new one to be ready */
};

static void read_deed(struct deed *deed, const struct ph_unit *unit,
	struct ph_value arguments)
{
	deed->replace = ph_get_bool(arguments, "replace");
	deed->drain = ph_get_int(arguments, "drain");
	deed->patience = ph_get_int(arguments, "patience");
	if (deed->drain <= 0 && deed->replace)
		deed->drain = unit->spec->drain > 0 ? unit->spec->drain
						    : REPLACE_DRAIN;
	if (deed->drain <= 0)
		deed->drain = ph_unit_drain(unit);
	if (deed->drain > HAND_DRAIN_MOST)
		deed->drain = HAND_DRAIN_MOST;
	if (deed->patience <= 0 || deed->patience > HAND_DRAIN_MOST)
		deed->patience = unit->spec->start_timeout;
}

/* Questions that have come to their deadline: the door has answered them. */
static void drop_late(struct ph_unit *unit, int64_t now)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < unit->wish_count; i++)
		if (!unit->wishes[i].until || unit->wishes[i].until > now)
			unit->wishes[kept++] = unit->wishes[i];
	unit->wish_count = kept;
}

/* For one more. Of eight the oldest that only asks whether it is ready gives
 * way: who asks so has mostly asked anew since. False: all are people's. */
static bool make_room(struct ph_executor *executor, struct ph_unit *unit)
{
	unsigned i = 0;

	drop_late(unit, ph_loop_now(executor->config.loop));
	if (unit->wish_count < PH_UNIT_WISHES)
		return true;
	while (i < unit->wish_count && !unit->wishes[i].patient)
		i++;
	if (i == unit->wish_count)
		return false;
	ph_executor_refuse(executor, unit->wishes[i].ticket, PH_EXIT_CONFLICT,
		unit->spec->name, "ask again", "eight others have asked since");
	unit->wish_count--;
	memmove(unit->wishes + i, unit->wishes + i + 1,
		(unit->wish_count - i) * sizeof(unit->wishes[0]));
	return true;
}

/* What is asked, and by whom, is written down; NULL: it was answered. */
static struct ph_unit *take(struct ph_executor *executor, ph_handle ticket,
	const struct ph_call *call, const char *verb, struct deed *deed)
{
	struct ph_request request;
	struct ph_unit *unit =
		ph_executor_named(executor, ticket, call, &request);
	const char *by =
		*call->caller->node ? call->caller->node : executor->node;
	char what[80];

	if (!unit)
		return NULL;
	read_deed(deed, unit, request.arguments);
	ph_request_close(&request);
	if (unit->spec->placement == PH_PLACEMENT_GUEST) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			unit->spec->name,
			"start and end that program itself: a newer one may "
			"attach under another name, and `posthouse move` takes "
			"the wires to it",
			"it is a program that attached, which this node did "
			"not start");
		return NULL;
	}
	if (unit->stopping || !make_room(executor, unit)) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "wait for it",
			unit->stopping ? "it is being taken away, or replaced"
				       : "eight others wait for it already");
		return NULL;
	}
	unit->leader[0] = 0;
	unit->doomed = false;
	snprintf(what, sizeof(what), "%s %s", deed->replace ? "replace" : verb,
		unit->spec->name);
	note(executor, by, what);
	snprintf(deed->why, sizeof(deed->why), "stopped by %s", by);
	return unit;
}

void ph_executor_serve_ready(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit =
		ph_executor_named(executor, ticket, call, &request);

	if (!unit)
		return;
	ph_request_close(&request);
	if (!make_room(executor, unit)) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "wait for it",
			"eight others wait for it already");
		return;
	}
	unit->wishes[unit->wish_count++] =
		(struct ph_unit_wish){.ticket = ticket,
			.up = true,
			.patient = true,
			.until = call->deadline};
	ph_executor_answer_wishes(executor, unit);
}

/* It takes nothing new while it finishes what it has. */
static void drain(
	struct ph_executor *executor, const struct ph_unit *unit, int64_t lasts)
{
	struct ph_writer *writer;

	if (!unit->registered || ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "server", unit->spec->name);
	if (lasts)
		ph_put_int(writer, "for", lasts);
	ph_write_end(writer);
	ph_call_send(executor->config.door, &own_caller, "", PH_HOSTESS_DRAIN,
		writer, ph_loop_now(executor->config.loop), HAND_NOTE_TIMEOUT,
		on_noted, NULL);
	ph_writer_free(writer);
}

static void begin_drain(
	struct ph_executor *executor, struct ph_unit *unit, int64_t lasts)
{
	if (!unit->run || !unit->running || unit->draining)
		return;
	unit->draining = true;
	drain(executor, unit, lasts);
}

static void halt(struct ph_executor *executor, struct ph_unit *unit,
	const struct deed *deed)
{
	begin_drain(executor, unit, deed->drain);
	ph_unit_halt(unit, deed->why, deed->drain);
}

void ph_executor_swap(struct ph_executor *executor, struct ph_unit *unit,
	struct ph_spec *spec)
{
	begin_drain(executor, unit, ph_unit_drain(unit));
	ph_unit_swap(unit, spec);
}

int64_t ph_executor_patience(const struct ph_unit *unit)
{
	int64_t drain = ph_unit_drain(unit);

	return drain > LEAVE_PATIENCE ? drain : LEAVE_PATIENCE;
}

void ph_executor_leave(
	struct ph_executor *executor, struct ph_unit *unit, int64_t wait)
{
	if (!unit->stopping)
		begin_drain(executor, unit, wait + ph_unit_drain(unit));
	ph_unit_leave(unit, wait);
}

void ph_executor_look_at_drain(
	struct ph_executor *executor, struct ph_unit *unit)
{
	if (!unit->draining || unit->policy.state == PH_POLICY_STOPPING)
		return;
	unit->draining = false;
	drain(executor, unit, 0);
}

static void replace(struct ph_executor *executor, struct ph_unit *unit,
	ph_handle ticket, const struct deed *deed)
{
	struct ph_error error;

	if (ph_unit_replace(unit, deed->patience, deed->drain, &error))
		ph_answer_error(executor->config.door, ticket, &error);
	else
		unit->replace_ticket = ticket;
}

static void answer_replaced(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_executor_refuse(executor, unit->replace_ticket,
			PH_EXIT_NEGATIVE, unit->spec->name,
			"see `posthouse servers`", "out of memory");
		return;
	}
	ph_write_map(writer);
	ph_put_text(writer, "server", unit->spec->name);
	ph_put_text(writer, "state", ph_policy_state_name(unit->policy.state));
	ph_put_u64(writer, "unread", unit->change.unread);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, unit->replace_ticket, writer);
	ph_writer_free(writer);
}

void ph_executor_on_replaced(struct ph_unit *unit, const struct ph_error *error)
{
	struct ph_executor *executor = unit->host;
	char what[400];

	if (error)
		ph_answer_error(
			executor->config.door, unit->replace_ticket, error);
	else
		answer_replaced(executor, unit);
	unit->replace_ticket = 0;
	snprintf(what, sizeof(what), "%s %s%s", unit->spec->name,
		error ? "goes on as it was: " : "is another process now",
		error ? error->what : "");
	note(executor, executor->node, what);
}

static void wish(struct ph_executor *executor, struct ph_unit *unit,
	ph_handle ticket, bool up)
{
	unit->wishes[unit->wish_count++] =
		(struct ph_unit_wish){.ticket = ticket, .up = up};
	ph_executor_answer_wishes(executor, unit);
}

void ph_executor_serve_run(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct deed deed;
	struct ph_unit *unit = take(executor, ticket, call, "start", &deed);

	if (!unit)
		return;
	ph_unit_again(unit);
	wish(executor, unit, ticket, true);
}

void ph_executor_serve_halt(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct deed deed;
	struct ph_unit *unit = take(executor, ticket, call, "stop", &deed);

	if (!unit)
		return;
	halt(executor, unit, &deed);
	wish(executor, unit, ticket, false);
}

void ph_executor_serve_restart(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct deed deed;
	struct ph_unit *unit = take(executor, ticket, call, "restart", &deed);

	if (!unit)
		return;
	if (deed.replace) {
		replace(executor, unit, ticket, &deed);
		return;
	}
	halt(executor, unit, &deed);
	ph_unit_again(unit);
	wish(executor, unit, ticket, true);
}
