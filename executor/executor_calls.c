#include "executor/executor_inner.h"

#include <stdint.h>
#include <string.h>

#include "proto/calls.h"

/* A stream that is cut waits no longer for what is being decided. */
#define EXPECT_MOST (30 * PH_SECOND)

/* What the control surface asks, and programs that attach: check, start, stop,
 * attach. */

static int check_spec(struct ph_executor *executor, const struct ph_spec *spec,
	struct ph_error *error)
{
	const struct ph_unit *unit = ph_executor_find(executor, spec->name);

	if (unit && unit->spec->placement == PH_PLACEMENT_GUEST)
		return ph_fail(error, PH_EXIT_CONFLICT, spec->name,
			"name it otherwise, or end that program",
			"the name `%s` is taken by a program that attached",
			spec->name);
	/* One that leaves is waited for. */
	if (unit && !unit->stopping && strcmp(unit->spec->scope, spec->scope))
		return ph_fail(error, PH_EXIT_CONFLICT, spec->name,
			"name it otherwise, or unapply that wiring first",
			"the name `%s` is taken by the wiring `%s`", spec->name,
			unit->spec->scope);
	if (spec->argv)
		return ph_program_check(spec, executor->config.directory,
			executor->config.keepers, error);
	return 0;
}

/* The spec in a call's arguments; NULL when it was answered already. */
static struct ph_spec *read_spec(
	struct ph_executor *executor, struct ph_request *request)
{
	struct ph_value map = ph_value_get(request->arguments, "spec");
	struct ph_spec *spec;
	struct ph_error error;

	if (!ph_spec_read(&spec, map, &error)) {
		if (!check_spec(executor, spec, &error))
			return spec;
		ph_spec_free(spec);
	}
	ph_answer_error(request->door, request->ticket, &error);
	return NULL;
}

void ph_executor_serve_check(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_spec *spec;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	spec = read_spec(executor, &request);
	if (spec)
		ph_answer_ok(executor->config.door, ticket, NULL);
	ph_spec_free(spec);
	ph_request_close(&request);
}

/* The old one ends first: both would want the same files and devices. */
static void replace_unit(struct ph_executor *executor, struct ph_unit *unit,
	struct ph_spec *spec, ph_handle ticket)
{
	if (unit->successor)
		ph_executor_refuse(executor, unit->successor_ticket,
			PH_EXIT_CONFLICT, spec->name, "look at the newer one",
			"replaced by a newer start before it had begun");
	ph_spec_free(unit->successor);
	/* What was stopped by hand stays so. */
	if (!unit->stopping)
		unit->successor_halted =
			!unit->again && !unit->leader[0] &&
			(unit->policy.state == PH_POLICY_STOPPED ||
				unit->policy.state == PH_POLICY_STOPPING);
	unit->successor = spec;
	unit->successor_ticket = ticket;
	/* Whoever feeds it goes on, and would not end: as by hand. */
	ph_executor_leave(executor, unit, 0);
}

/* How many wires each of its outputs is about to get. */
static void read_wires(struct ph_spec *spec, struct ph_value wires)
{
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		int64_t count = ph_get_int(wires, spec->terminals[i].name);

		spec->terminals[i].wires =
			count > 0 && count < UINT16_MAX ? (unsigned)count : 0;
	}
}

/* No more than there can be servers. */
static unsigned read_height(struct ph_value arguments)
{
	int64_t height = ph_get_int(arguments, "height");

	return height > 0 && height < UINT16_MAX ? (unsigned)height : 0;
}

/* What it is, or is about to be. */
static struct ph_spec *become(struct ph_unit *unit)
{
	return unit->swap ? unit->swap : unit->spec;
}

void ph_executor_serve_start(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_spec *spec;
	struct ph_unit *unit;
	bool eager;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	spec = read_spec(executor, &request);
	eager = ph_get_bool(request.arguments, "eager");
	if (spec) {
		read_wires(spec, ph_value_get(request.arguments, "wires"));
		spec->height = read_height(request.arguments);
	}
	ph_request_close(&request);
	if (!spec)
		return;
	unit = ph_executor_find(executor, spec->name);
	if (!unit) {
		ph_executor_begin(executor, spec, ticket, false);
	} else if (!unit->stopping && !ph_spec_equal(become(unit), spec) &&
		   ph_unit_may_swap(unit, spec)) {
		ph_executor_swap(executor, unit, spec);
		ph_executor_answer_waits(executor, ticket);
	} else if (unit->stopping || !ph_spec_equal(become(unit), spec)) {
		replace_unit(executor, unit, spec, ticket);
	} else {
		if (eager)
			ph_unit_wake(unit);
		become(unit)->place = spec->place;
		become(unit)->height = spec->height;
		ph_spec_free(spec);
		ph_executor_answer_started(executor, unit, ticket);
	}
}

void ph_executor_serve_attach(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_spec *spec;
	struct ph_error error;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	if (ph_spec_read_guest(&spec, request.arguments, &error)) {
		ph_answer_error(request.door, ticket, &error);
	} else if (ph_executor_find(executor, spec->name)) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			spec->name,
			"name it otherwise, or end the one that is there",
			"a server of this name is here");
		ph_spec_free(spec);
	} else {
		ph_executor_begin(executor, spec, ticket, false);
	}
	ph_request_close(&request);
}

/* The named unit; NULL when it was answered already. */
struct ph_unit *ph_executor_named(struct ph_executor *executor,
	ph_handle ticket, const struct ph_call *call,
	struct ph_request *request)
{
	struct ph_unit *unit;
	char name[64];

	if (ph_request_open(request, executor->config.door, ticket, call))
		return NULL;
	ph_get_copy(request->arguments, "server", name, sizeof(name));
	unit = ph_executor_find(executor, name);
	if (!unit) {
		ph_executor_refuse(executor, ticket, PH_EXIT_NOT_FOUND, name,
			"see `posthouse servers`", "no such server here");
		ph_request_close(request);
	}
	return unit;
}

void ph_executor_serve_stop(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit =
		ph_executor_named(executor, ticket, call, &request);
	unsigned most =
		sizeof(unit->stop_tickets) / sizeof(unit->stop_tickets[0]);

	if (!unit)
		return;
	ph_request_close(&request);
	if (unit->stop_count == most) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "wait for it",
			"it is being stopped already");
		return;
	}
	unit->stop_tickets[unit->stop_count++] = ticket;
	/* A stop after a replacement means that one too. */
	if (unit->successor)
		ph_executor_refuse(executor, unit->successor_ticket,
			PH_EXIT_CONFLICT, unit->spec->name, "start it again",
			"stopped before it had started");
	ph_spec_free(unit->successor);
	unit->successor = NULL;
	ph_executor_leave(executor, unit, ph_executor_patience(unit));
}

void ph_executor_serve_expect(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit =
		ph_executor_named(executor, ticket, call, &request);
	int64_t lasts;

	if (!unit)
		return;
	lasts = ph_get_int(request.arguments, "for");
	ph_request_close(&request);
	if (unit->run && unit->running && unit->run->ops->expect)
		unit->run->ops->expect(
			unit->run, lasts < EXPECT_MOST ? lasts : EXPECT_MOST);
	ph_answer_ok(executor->config.door, ticket, NULL);
}
