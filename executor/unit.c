#include "executor/unit.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/calls.h"

/* The Hostess is a neighbour on the same loop; this is for a broken one. */
#define UNIT_CALL_TIMEOUT (10 * PH_SECOND)
#define UNIT_GRACE	  (10 * PH_SECOND)
/* A source waits so long for all of its wires before it begins with some. */
#define UNIT_GATHER (5 * PH_SECOND)

static const struct ph_caller own_caller = {.role = PH_ROLE_EXEC};
static const char *const directions[] = {"out", "mux", "in", "combine"};

static void unit_step(struct ph_unit *unit, enum ph_policy_event event);
static void tell_started(struct ph_unit *unit, const struct ph_error *error);

static bool is_output(const struct ph_unit *unit, unsigned index)
{
	enum ph_direction direction = unit->spec->terminals[index].direction;

	return direction == PH_OUT || direction == PH_MUX;
}

/* Its consumers may come and go without harm: a mux, and stderr. */
static bool is_free(const struct ph_unit *unit, unsigned index)
{
	const struct ph_spec_terminal *terminal = &unit->spec->terminals[index];

	return terminal->direction != PH_OUT || terminal->fd == 2;
}

static void set_reason(struct ph_unit *unit, const char *text)
{
	snprintf(unit->reason, sizeof(unit->reason), "%s", text);
	ph_logs_clean(unit->reason, strlen(unit->reason));
}

/* Terminals: what happens there is the run's, when there is one. */

/* After a run nothing may look finished that is not: outputs break off (after
 * a good end nobody is left on them), inputs are refused. */
static void cut_terminals(struct ph_unit *unit, int reason)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		if (is_output(unit, i))
			ph_terminal_abort(unit->terminals[i], reason);
		else
			ph_terminal_refuse(unit->terminals[i], reason);
	}
}

static void port_connected(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;
	struct ph_unit *unit = port->unit;

	if (unit->lost == (int)port->index)
		unit->lost = -1;
	if (unit->run && unit->running) {
		unit->run->ops->on_connected(unit->run, port->index);
		return;
	}
	/* Nothing will ever come of it: better told than waited for. */
	if (unit->policy.state == PH_POLICY_FAILED)
		cut_terminals(unit, -ECONNABORTED);
	else if (unit->policy.state == PH_POLICY_FINISHED)
		unit_step(unit, PH_POLICY_WAKE);
	/* The backoff is over and waited for this consumer. */
	else if (unit->policy.state == PH_POLICY_BACKOFF && !unit->timer.slot &&
		 !unit->run)
		unit_step(unit, PH_POLICY_DUE);
}

static void port_room(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;

	if (port->unit->run && port->unit->running)
		port->unit->run->ops->on_room(port->unit->run, port->index);
}

static void port_readable(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;

	if (port->unit->run && port->unit->running)
		port->unit->run->ops->on_readable(port->unit->run, port->index);
}

static void port_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct ph_unit_port *port = context;
	struct ph_unit *unit = port->unit;

	if (!unit->run || !unit->running)
		return;
	if (reason < 0 && is_output(unit, port->index) &&
		!is_free(unit, port->index))
		unit->lost = (int)port->index;
	unit->run->ops->on_closed(unit->run, port->index, reason);
}

static const struct ph_terminal_ops port_ops = {
	.on_connected = port_connected,
	.on_room = port_room,
	.on_readable = port_readable,
	.on_closed = port_closed,
};

/* Runs. */

static void end_run(struct ph_unit *unit, int reason, int64_t grace)
{
	if (!unit->run || !unit->running)
		return;
	unit->running = false;
	cut_terminals(unit, reason);
	unit->run->ops->stop(unit->run, grace);
}

static void run_ended(
	void *context, enum ph_run_cause cause, const struct ph_error *error)
{
	static const enum ph_policy_event events[] = {
		[PH_RUN_SUCCEEDED] = PH_POLICY_SUCCEEDED,
		[PH_RUN_BROKE] = PH_POLICY_BROKE,
		[PH_RUN_LOST] = PH_POLICY_LOST,
	};
	struct ph_unit *unit = context;

	if (cause != PH_RUN_LOST)
		unit->lost = -1;
	set_reason(unit, error ? error->what : "");
	end_run(unit, error ? -ECONNABORTED : -EPIPE, UNIT_GRACE);
	unit_step(unit, events[cause]);
	if (error)
		tell_started(unit, error);
	/* A guest that left is one no more. */
	if (unit->spec->placement == PH_PLACEMENT_GUEST)
		ph_unit_stop(unit, 0);
}

static void run_opened(void *context)
{
	struct ph_unit *unit = context;

	unit->run->opening = false;
	tell_started(unit, NULL);
}

static void unit_check_gone(struct ph_unit *unit);

static void run_gone(void *context)
{
	struct ph_unit *unit = context;

	unit->run = NULL;
	unit->running = false;
	if (unit->stopping)
		unit_check_gone(unit);
	else if (unit->policy.state == PH_POLICY_BACKOFF && !unit->timer.slot)
		unit_step(unit, PH_POLICY_DUE);
	else if (unit->policy.state == PH_POLICY_FINISHED)
		/* Somebody may have wired it while it went. */
		for (unsigned i = 0; i < unit->spec->terminal_count; i++)
			if (ph_terminal_pipes(unit->terminals[i]))
				unit_step(unit, PH_POLICY_WAKE);
}

static const struct ph_run_host run_host = {run_ended, run_gone, run_opened};

static int run_open(struct ph_unit *unit, struct ph_error *error)
{
	struct ph_run_config config = {
		.loop = unit->config->loop,
		.worker = unit->config->worker,
		.kernel = unit->config->kernel,
		.spec = unit->spec,
		.terminals = unit->terminals,
		.logs = unit->logs,
		.directory = unit->config->directory,
		.host = &run_host,
		.context = unit,
	};

	if (unit->spec->argv)
		return ph_program_open(&unit->run, &config, error);
	if (unit->spec->placement == PH_PLACEMENT_LOOP)
		return ph_bundle_open(&unit->run, &config, error);
	if (unit->config->outside)
		return unit->config->outside(unit->config->outside_context,
			&unit->run, &config, error);
	return ph_fail(error, PH_EXIT_NEGATIVE, unit->spec->name,
		"use placement: loop", "this node has no other places");
}

static void tell_started(struct ph_unit *unit, const struct ph_error *error)
{
	if (unit->started)
		return;
	unit->started = true;
	unit->on_started(unit, error);
	if (error)
		ph_unit_stop(unit, 0);
}

/* What came while nobody ran is told to the new run. */
static void greet_run(struct ph_unit *unit)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		if (!unit->run || !unit->running ||
			!ph_terminal_pipes(unit->terminals[i]))
			continue;
		unit->run->ops->on_connected(unit->run, i);
		if (unit->run && unit->running && !is_output(unit, i))
			unit->run->ops->on_readable(unit->run, i);
	}
}

static void unit_run(struct ph_unit *unit)
{
	struct ph_error error = {0};

	unit->lost = -1;
	if (run_open(unit, &error)) {
		set_reason(unit, error.what);
		cut_terminals(unit, -ECONNABORTED);
		unit_step(unit, PH_POLICY_BROKE);
		tell_started(unit, &error);
		return;
	}
	unit->running = true;
	unit_step(unit, PH_POLICY_STARTED);
	if (!unit->run->opening)
		tell_started(unit, NULL);
	greet_run(unit);
}

/* True when the run to come must wait: for the last one to go, or for the
 * consumer that was lost. */
static bool must_wait(struct ph_unit *unit)
{
	if (unit->run)
		return true;
	if (unit->lost < 0 || ph_terminal_pipes(unit->terminals[unit->lost]))
		return false;
	snprintf(unit->reason, sizeof(unit->reason),
		"waits until %s is connected again",
		unit->spec->terminals[unit->lost].name);
	return true;
}

static void unit_log(struct ph_unit *unit, enum ph_policy_state before)
{
	char reason[256];

	unit->since = ph_clock_wall();
	ph_log_info("executor", "state server=%s from=%s to=%s because=%s",
		unit->spec->name, ph_policy_state_name(before),
		ph_policy_state_name(unit->policy.state),
		unit->reason[0] ? ph_log_escape(reason, sizeof(reason),
					  unit->reason, strlen(unit->reason))
				: "-");
}

/* The one door for changes of state. */
static void unit_step(struct ph_unit *unit, enum ph_policy_event event)
{
	enum ph_policy_state before = unit->policy.state;
	enum ph_policy_action action;
	int64_t now = ph_loop_now(unit->config->loop);

	if ((event == PH_POLICY_DUE || event == PH_POLICY_WAKE) &&
		must_wait(unit))
		return;
	if (event == PH_POLICY_DUE || event == PH_POLICY_WAKE)
		unit->reason[0] = 0;
	action = ph_policy_step(&unit->policy, now, event);
	if (unit->policy.state != before)
		unit_log(unit, before);
	if (action == PH_POLICY_RUN)
		unit_run(unit);
	else if (action == PH_POLICY_WAIT)
		ph_timer_start(
			unit->config->loop, &unit->timer, unit->policy.due);
}

static void unit_due(struct ph_timer *timer)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)timer -
				   offsetof(struct ph_unit, timer));

	unit_step(unit, PH_POLICY_DUE);
}

/* The guest book. */

static int unit_call(struct ph_unit *unit, uint16_t method,
	struct ph_writer *writer, ph_answer_fn *answer)
{
	int error = ph_call_send(unit->config->door, &own_caller, "", method,
		writer, ph_loop_now(unit->config->loop), UNIT_CALL_TIMEOUT,
		answer, unit);

	if (!error)
		unit->calls++;
	return error;
}

static void write_identity(struct ph_unit *unit, struct ph_writer *writer)
{
	const struct ph_spec *spec = unit->spec;
	struct ph_identity identity = {
		.class = spec->class, .auth = spec->auth.flag};
	char text[PH_IDENTITY_MAX + 1] = "";

	snprintf(
		identity.fqdn, sizeof(identity.fqdn), "%s", unit->config->fqdn);
	snprintf(identity.server, sizeof(identity.server), "%s", spec->name);
	snprintf(identity.owner, sizeof(identity.owner), "%s", spec->owner);
	snprintf(identity.mechanism, sizeof(identity.mechanism), "%s",
		ph_mechanism_name(spec->auth.mechanism));
	ph_server_uuid(identity.uuid, unit->config->node_key, spec->name);
	if (ph_identity_format(&identity, text, sizeof(text)) < 0)
		ph_log_error("executor", "identity.invalid server=%s fqdn=%s",
			spec->name, unit->config->fqdn);
	ph_put_text(writer, "identity", text);
}

static void write_labels(struct ph_writer *writer,
	const struct ph_spec_pair *labels, unsigned count)
{
	ph_put_map(writer, "labels");
	for (unsigned i = 0; i < count; i++)
		ph_put_text(writer, labels[i].key, labels[i].value);
	ph_write_end(writer);
}

static void write_manifest(struct ph_unit *unit, struct ph_writer *writer)
{
	const struct ph_spec *spec = unit->spec;
	char rule[PH_AUTH_TEXT];

	ph_write_map(writer);
	write_identity(unit, writer);
	ph_put_text(writer, "server", spec->name);
	ph_put_text(writer, "auth",
		ph_auth_rule_format(&spec->auth, rule, sizeof(rule)));
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", spec->terminals[i].name);
		ph_put_text(writer, "direction",
			directions[spec->terminals[i].direction]);
		ph_put_text(writer, "type", spec->terminals[i].media);
		ph_put_u64(writer, "handle",
			ph_terminal_handle(unit->terminals[i]));
		write_labels(writer, spec->terminals[i].labels,
			spec->terminals[i].label_count);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	for (unsigned i = 0; i < spec->cap_count; i++)
		ph_write_text(writer, spec->caps[i]);
	ph_write_end(writer);
	write_labels(writer, spec->labels, spec->label_count);
	ph_write_end(writer);
}

static void on_registered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unit *unit = context;
	struct ph_error error;

	unit->calls--;
	unit->registered = status == PH_CALL_OK;
	if (unit->stopping) {
		unit->stopping = false;
		ph_unit_stop(unit, unit->grace);
		return;
	}
	if (status == PH_CALL_OK) {
		unit_step(unit, PH_POLICY_START);
		return;
	}
	ph_error_read(&error, status, body, length);
	set_reason(unit, error.what);
	tell_started(unit, &error);
}

static void on_unregistered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unit *unit = context;

	unit->calls--;
	unit_check_gone(unit);
}

static int unit_register(struct ph_unit *unit)
{
	struct ph_writer *writer;
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	write_manifest(unit, writer);
	error = unit_call(unit, PH_HOSTESS_REGISTER, writer, on_registered);
	ph_writer_free(writer);
	return error;
}

static void unit_unregister(struct ph_unit *unit)
{
	struct ph_writer *writer;

	if (!unit->registered || ph_writer_create(&writer))
		return;
	unit->registered = false;
	ph_write_map(writer);
	ph_put_text(writer, "server", unit->spec->name);
	ph_write_end(writer);
	unit_call(unit, PH_HOSTESS_UNREGISTER, writer, on_unregistered);
	ph_writer_free(writer);
}

/* Life. */

static void log_line(void *context, const struct ph_logs_line *line)
{
	struct ph_unit *unit = context;
	char text[512];

	if (ph_log_most() < PH_LOG_DEBUG)
		return;
	ph_log_debug("executor", "stderr server=%s line=%s", unit->spec->name,
		ph_log_escape(text, sizeof(text), line->text, line->length));
}

static void unit_gone(struct ph_task *task)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)task -
				   offsetof(struct ph_unit, task));

	unit_step(unit, PH_POLICY_GONE);
	unit->on_gone(unit);
}

static void unit_check_gone(struct ph_unit *unit)
{
	if (unit->stopping && !unit->run && !unit->calls)
		ph_loop_defer(unit->config->loop, &unit->task);
}

static void gather_due(struct ph_timer *timer)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)timer -
				   offsetof(struct ph_unit, gather));

	for (unsigned i = 0; i < unit->spec->terminal_count; i++)
		ph_terminal_gather(unit->terminals[i], 0);
}

/* Outputs that are to feed several begin with all of them. */
static void unit_gather(struct ph_unit *unit)
{
	bool any = false;

	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		unsigned wires = unit->spec->terminals[i].wires;

		if (wires < 2 || unit->spec->terminals[i].direction != PH_MUX)
			continue;
		ph_terminal_gather(unit->terminals[i], wires);
		any = true;
	}
	unit->gather.on_due = gather_due;
	if (any)
		ph_timer_start(unit->config->loop, &unit->gather,
			ph_loop_now(unit->config->loop) + UNIT_GATHER);
}

int ph_unit_create(struct ph_unit **out,
	const struct ph_executor_config *config, struct ph_spec *spec,
	uint64_t seed)
{
	struct ph_unit *unit = calloc(1, sizeof(*unit));
	int error = unit ? 0 : -ENOMEM;

	if (error)
		return error;
	unit->config = config;
	unit->spec = spec;
	unit->lost = -1;
	unit->timer.on_due = unit_due;
	unit->task.run = unit_gone;
	unit->since = ph_clock_wall();
	ph_policy_init(&unit->policy, spec->restart, seed);
	error = ph_logs_create(&unit->logs, log_line, unit);
	for (unsigned i = 0; !error && i < spec->terminal_count; i++) {
		unit->ports[i] = (struct ph_unit_port){unit, i};
		error = ph_terminal_create(config->kernel,
			spec->terminals[i].direction, &port_ops,
			&unit->ports[i], &unit->terminals[i]);
	}
	if (error) {
		unit->spec = NULL;
		ph_unit_destroy(unit);
		return error;
	}
	unit_gather(unit);
	*out = unit;
	return 0;
}

int ph_unit_start(struct ph_unit *unit)
{
	return unit_register(unit);
}

void ph_unit_stop(struct ph_unit *unit, int64_t grace)
{
	unit->grace = grace;
	/* A run that is ending already may be hurried. */
	if (unit->run && !unit->running)
		unit->run->ops->stop(unit->run, grace);
	if (unit->stopping)
		return;
	unit->stopping = true;
	ph_timer_stop(unit->config->loop, &unit->timer);
	unit_unregister(unit);
	/* Inputs are refused and outputs cut first: a program that is told to
	 * end must not look like one that came to its end. */
	end_run(unit, -ESHUTDOWN, grace);
	unit_step(unit, PH_POLICY_STOP);
	unit_check_gone(unit);
}

void ph_unit_destroy(struct ph_unit *unit)
{
	for (unsigned i = 0; i < PH_SPEC_TERMINALS; i++)
		ph_terminal_destroy(unit->terminals[i]);
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_timer_stop(unit->config->loop, &unit->gather);
	ph_loop_cancel(unit->config->loop, &unit->task);
	ph_logs_destroy(unit->logs);
	ph_spec_free(unit->spec);
	ph_spec_free(unit->successor);
	free(unit);
}
