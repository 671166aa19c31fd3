#include "executor/executor.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/unit.h"
#include "proto/calls.h"
#include "proto/relay.h"
#include "proto/server.h"

/* Servers of one node; a wiring file with more is a mistake. */
#define EXECUTOR_UNITS 4096
#define EXECUTOR_GRACE (10 * PH_SECOND)
/* Lines in one answer of executor.logs. */
#define EXECUTOR_LINES 1000

struct ph_executor {
	struct ph_executor_config config; /* its texts are the ones below */
	char fqdn[254];
	char *directory;
	uint8_t node_key[PH_PUBLIC_KEY];
	struct ph_unit *units; /* in the order of their start */
	unsigned count;
	uint64_t seed;
	bool stopping;
	struct ph_task task; /* tells `stopped` */
	void (*stopped)(void *context);
	void *stopped_context;
};

static struct ph_unit *find_unit(struct ph_executor *executor, const char *name)
{
	struct ph_unit *unit = executor->units;

	while (unit && strcmp(unit->spec->name, name))
		unit = unit->next;
	return unit;
}

static void add_unit(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_unit **place = &executor->units;

	while (*place)
		place = &(*place)->next;
	*place = unit;
	executor->count++;
}

static void remove_unit(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_unit **place = &executor->units;

	while (*place != unit)
		place = &(*place)->next;
	*place = unit->next;
	executor->count--;
}

static void answer_failed(struct ph_executor *executor, ph_handle ticket,
	enum ph_exit exit, const char *where, const char *next,
	const char *what)
{
	struct ph_error error;

	ph_fail(&error, exit, where, next, "%s", what);
	ph_answer_error(executor->config.door, ticket, &error);
}

/* The guest's carriers come with this token. */
static void answer_guest(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		answer_failed(executor, unit->start_ticket, PH_EXIT_NEGATIVE,
			unit->spec->name, "try again", "out of memory");
		return;
	}
	ph_write_map(writer);
	ph_put_bytes(
		writer, "token", unit->run->token, sizeof(unit->run->token));
	ph_put_int(writer, "version", PH_RELAY_VERSION);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, unit->start_ticket, writer);
	ph_writer_free(writer);
}

/* A refusal is answered when nothing is left: whoever hears it may try again
 * at once. */
static void on_started(struct ph_unit *unit, const struct ph_error *error)
{
	struct ph_executor *executor = unit->host;

	if (error) {
		unit->start_error = *error;
		return;
	}
	if (unit->start_ticket && unit->spec->placement == PH_PLACEMENT_GUEST)
		answer_guest(executor, unit);
	else if (unit->start_ticket)
		ph_answer_ok(executor->config.door, unit->start_ticket, NULL);
	unit->start_ticket = 0;
}

static void answer_start(struct ph_executor *executor, struct ph_unit *unit)
{
	if (!unit->start_ticket)
		return;
	if (!unit->start_error.exit)
		ph_fail(&unit->start_error, PH_EXIT_CONFLICT, unit->spec->name,
			"start it again", "stopped before it had started");
	ph_answer_error(
		executor->config.door, unit->start_ticket, &unit->start_error);
}

static void start_unit(
	struct ph_executor *executor, struct ph_spec *spec, ph_handle ticket);

static void on_gone(struct ph_unit *unit)
{
	struct ph_executor *executor = unit->host;
	struct ph_spec *successor = unit->successor;
	ph_handle ticket = unit->successor_ticket;

	remove_unit(executor, unit);
	answer_start(executor, unit);
	for (unsigned i = 0; i < unit->stop_count; i++)
		ph_answer_ok(
			executor->config.door, unit->stop_tickets[i], NULL);
	unit->successor = NULL;
	ph_unit_destroy(unit);
	if (successor)
		start_unit(executor, successor, ticket);
	if (executor->stopping && !executor->units)
		ph_loop_defer(executor->config.loop, &executor->task);
}

/* Takes the spec and the ticket. */
static void start_unit(
	struct ph_executor *executor, struct ph_spec *spec, ph_handle ticket)
{
	struct ph_unit *unit;
	int error;

	if (executor->stopping || executor->count >= EXECUTOR_UNITS) {
		answer_failed(executor, ticket, PH_EXIT_CONFLICT, spec->name,
			executor->stopping ? "wait until the node is up again"
					   : "stop some, or use another node",
			executor->stopping ? "this node is stopping"
					   : "this node runs 4096 servers");
		ph_spec_free(spec);
		return;
	}
	error = ph_unit_create(
		&unit, &executor->config, spec, ++executor->seed * 0x9e3779b1u);
	if (error) {
		answer_failed(executor, ticket, PH_EXIT_NEGATIVE, spec->name,
			"free memory and start it again", strerror(-error));
		ph_spec_free(spec);
		return;
	}
	unit->host = executor;
	unit->on_started = on_started;
	unit->on_gone = on_gone;
	unit->start_ticket = ticket;
	add_unit(executor, unit);
	/* Without an answer to come from the guest book, stop here. */
	if (ph_unit_start(unit))
		ph_unit_stop(unit, 0);
}

static int check_spec(struct ph_executor *executor, const struct ph_spec *spec,
	struct ph_error *error)
{
	const struct ph_unit *unit = find_unit(executor, spec->name);

	if (unit && unit->spec->placement == PH_PLACEMENT_GUEST)
		return ph_fail(error, PH_EXIT_CONFLICT, spec->name,
			"name it otherwise, or end that program",
			"the name `%s` is taken by a program that attached",
			spec->name);
	if (unit && strcmp(unit->spec->scope, spec->scope))
		return ph_fail(error, PH_EXIT_CONFLICT, spec->name,
			"name it otherwise, or unapply that wiring first",
			"the name `%s` is taken by the wiring `%s`", spec->name,
			unit->spec->scope);
	if (spec->argv)
		return ph_program_check(
			spec, executor->config.directory, error);
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

static void serve_check(
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
		answer_failed(executor, unit->successor_ticket,
			PH_EXIT_CONFLICT, spec->name, "look at the newer one",
			"replaced by a newer start before it had begun");
	ph_spec_free(unit->successor);
	unit->successor = spec;
	unit->successor_ticket = ticket;
	ph_unit_stop(unit, EXECUTOR_GRACE);
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

static void serve_start(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_spec *spec;
	struct ph_unit *unit;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	spec = read_spec(executor, &request);
	if (spec)
		read_wires(spec, ph_value_get(request.arguments, "wires"));
	ph_request_close(&request);
	if (!spec)
		return;
	unit = find_unit(executor, spec->name);
	if (!unit) {
		start_unit(executor, spec, ticket);
	} else if (unit->stopping || !ph_spec_equal(unit->spec, spec)) {
		replace_unit(executor, unit, spec, ticket);
	} else {
		ph_spec_free(spec);
		ph_answer_ok(executor->config.door, ticket, NULL);
	}
}

static void serve_attach(
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
	} else if (find_unit(executor, spec->name)) {
		answer_failed(executor, ticket, PH_EXIT_CONFLICT, spec->name,
			"name it otherwise, or end the one that is there",
			"a server of this name is here");
		ph_spec_free(spec);
	} else {
		start_unit(executor, spec, ticket);
	}
	ph_request_close(&request);
}

/* The named unit; NULL when it was answered already. */
static struct ph_unit *named_unit(struct ph_executor *executor,
	ph_handle ticket, const struct ph_call *call,
	struct ph_request *request)
{
	struct ph_unit *unit;
	char name[64];

	if (ph_request_open(request, executor->config.door, ticket, call))
		return NULL;
	ph_get_copy(request->arguments, "server", name, sizeof(name));
	unit = find_unit(executor, name);
	if (!unit) {
		answer_failed(executor, ticket, PH_EXIT_NOT_FOUND, name,
			"see `posthouse servers`", "no such server here");
		ph_request_close(request);
	}
	return unit;
}

static void serve_stop(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit = named_unit(executor, ticket, call, &request);
	unsigned most =
		sizeof(unit->stop_tickets) / sizeof(unit->stop_tickets[0]);

	if (!unit)
		return;
	ph_request_close(&request);
	if (unit->stop_count == most) {
		answer_failed(executor, ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "wait for it",
			"it is being stopped already");
		return;
	}
	unit->stop_tickets[unit->stop_count++] = ticket;
	/* A stop after a replacement means that one too. */
	if (unit->successor)
		answer_failed(executor, unit->successor_ticket,
			PH_EXIT_CONFLICT, unit->spec->name, "start it again",
			"stopped before it had started");
	ph_spec_free(unit->successor);
	unit->successor = NULL;
	ph_unit_stop(unit, EXECUTOR_GRACE);
}

static void write_what(struct ph_writer *writer, const struct ph_spec *spec)
{
	char text[512];
	size_t length = 0;

	if (!spec->argv) {
		ph_put_text(writer, "what",
			spec->placement == PH_PLACEMENT_GUEST ? "attached"
							      : spec->use);
		return;
	}
	text[0] = 0;
	for (unsigned i = 0; spec->argv[i] && length < sizeof(text) - 1; i++) {
		int wrote = snprintf(text + length, sizeof(text) - length,
			"%s%s", i ? " " : "", spec->argv[i]);

		length += wrote > 0 ? (size_t)wrote : 0;
	}
	ph_logs_clean(text, strlen(text));
	ph_put_text(writer, "what", text);
}

static const char *kind_of(const struct ph_spec *spec)
{
	if (spec->placement == PH_PLACEMENT_GUEST)
		return "guest";
	return spec->argv ? "program" : "bundled";
}

static const char *state_of(const struct ph_unit *unit)
{
	return ph_policy_state_name(unit->policy.state == PH_POLICY_IDLE
					    ? PH_POLICY_STARTING
					    : unit->policy.state);
}

static void write_brief(struct ph_writer *writer, const struct ph_unit *unit)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", unit->spec->name);
	ph_put_text(writer, "state", state_of(unit));
	ph_put_text(writer, "reason", unit->reason);
	ph_write_end(writer);
}

static void write_confine(struct ph_writer *writer, const struct ph_spec *spec)
{
	const struct ph_confine_host host = ph_confine_probe();
	const struct ph_confine_plan plan =
		ph_confine_plan(spec->confine, &host);
	char text[PH_CONFINE_TEXT];

	ph_put_text(writer, "confine",
		ph_confine_level(text, sizeof(text), &plan, &host));
}

static void write_unit(struct ph_writer *writer, const struct ph_unit *unit)
{
	static const char *const directions[] = {"out", "mux", "in", "combine"};
	const struct ph_spec *spec = unit->spec;

	ph_write_map(writer);
	ph_put_text(writer, "name", spec->name);
	ph_put_text(writer, "scope", spec->scope);
	ph_put_text(writer, "kind", kind_of(spec));
	ph_put_text(writer, "placement", ph_placement_name(spec->placement));
	write_what(writer, spec);
	if (spec->argv)
		write_confine(writer, spec);
	ph_put_text(writer, "state", state_of(unit));
	ph_put_int(writer, "pid", unit->run ? unit->run->pid : 0);
	ph_put_u64(writer, "restarts", unit->policy.restarts);
	ph_put_int(writer, "since", unit->since);
	ph_put_text(writer, "reason", unit->reason);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", spec->terminals[i].name);
		ph_put_text(writer, "direction",
			directions[spec->terminals[i].direction]);
		ph_put_text(writer, "type", spec->terminals[i].media);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

static struct ph_writer *open_items(
	struct ph_executor *executor, ph_handle ticket)
{
	struct ph_writer *writer;
	int error = ph_writer_create(&writer);

	if (error) {
		answer_failed(executor, ticket, PH_EXIT_NEGATIVE, "",
			"try again", strerror(-error));
		return NULL;
	}
	ph_write_map(writer);
	ph_put_list(writer, "items");
	return writer;
}

static void send_items(struct ph_executor *executor, ph_handle ticket,
	struct ph_writer *writer)
{
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, ticket, writer);
	ph_writer_free(writer);
}

static void serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_writer *writer;
	char name[64];
	bool brief;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "server", name, sizeof(name));
	brief = ph_get_bool(request.arguments, "brief");
	ph_request_close(&request);
	writer = open_items(executor, ticket);
	if (!writer)
		return;
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next)
		if (!*name || !strcmp(unit->spec->name, name))
			(brief ? write_brief : write_unit)(writer, unit);
	send_items(executor, ticket, writer);
}

static void write_lines(struct ph_writer *writer, const struct ph_logs *logs,
	uint64_t since, uint64_t count)
{
	struct ph_logs_line *line = malloc(sizeof(*line));
	uint64_t newest = ph_logs_newest(logs);

	if (count > EXECUTOR_LINES)
		count = EXECUTOR_LINES;
	/* Whoever follows saw the lines of the server before this one. */
	if (since > newest)
		since = 0;
	if (newest > count && since < newest - count)
		since = newest - count;
	while (line && ph_logs_next(logs, since, line)) {
		ph_write_map(writer);
		ph_put_u64(writer, "n", line->number);
		ph_put_int(writer, "ts", line->time);
		ph_write_text(writer, "text");
		ph_write_textn(writer, line->text, line->length);
		ph_write_end(writer);
		since = line->number;
	}
	free(line);
}

static void serve_logs(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit = named_unit(executor, ticket, call, &request);
	struct ph_writer *writer = unit ? open_items(executor, ticket) : NULL;
	struct ph_value count;

	if (writer) {
		count = ph_value_get(request.arguments, "count");
		write_lines(writer, unit->logs,
			ph_get_u64(request.arguments, "since"),
			ph_value_u64(count, EXECUTOR_LINES));
		send_items(executor, ticket, writer);
	}
	if (unit)
		ph_request_close(&request);
}

static void tell_stopped(struct ph_task *task)
{
	struct ph_executor *executor =
		(struct ph_executor *)((char *)task -
				       offsetof(struct ph_executor, task));

	if (executor->stopped)
		executor->stopped(executor->stopped_context);
	executor->stopped = NULL;
}

static int serve_all(struct ph_executor *executor)
{
	static const struct {
		uint16_t method;
		ph_call_fn *serve;
	} calls[] = {
		{PH_EXECUTOR_CHECK, serve_check},
		{PH_EXECUTOR_START, serve_start},
		{PH_EXECUTOR_STOP, serve_stop},
		{PH_EXECUTOR_ATTACH, serve_attach},
		{PH_EXECUTOR_LIST, serve_list},
		{PH_EXECUTOR_LOGS, serve_logs},
	};
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(calls) / sizeof(*calls); i++)
		error = ph_door_serve(executor->config.door, calls[i].method,
			calls[i].serve, executor);
	return error;
}

static int copy_config(
	struct ph_executor *executor, const struct ph_executor_config *config)
{
	executor->config = *config;
	snprintf(executor->fqdn, sizeof(executor->fqdn), "%s", config->fqdn);
	memcpy(executor->node_key, config->node_key, PH_PUBLIC_KEY);
	executor->directory = strdup(config->directory);
	executor->config.fqdn = executor->fqdn;
	executor->config.node_key = executor->node_key;
	executor->config.directory = executor->directory;
	return executor->directory ? 0 : -ENOMEM;
}

int ph_executor_create(
	struct ph_executor **out, const struct ph_executor_config *config)
{
	struct ph_executor *executor = calloc(1, sizeof(*executor));
	int error;

	if (!executor)
		return -ENOMEM;
	executor->task.run = tell_stopped;
	/* Jitter needs to differ between nodes, not to be secret. */
	executor->seed = (uint64_t)getpid() << 32 ^ (uint64_t)ph_clock_wall();
	error = copy_config(executor, config);
	if (!error)
		error = serve_all(executor);
	if (error) {
		free(executor->directory);
		free(executor);
		return error;
	}
	*out = executor;
	return 0;
}

void ph_executor_stop(struct ph_executor *executor, int64_t grace,
	void (*stopped)(void *context), void *context)
{
	executor->stopping = true;
	executor->stopped = stopped;
	executor->stopped_context = context;
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next)
		ph_unit_stop(unit, grace);
	if (!executor->units)
		ph_loop_defer(executor->config.loop, &executor->task);
}

void ph_executor_destroy(struct ph_executor *executor)
{
	if (!executor)
		return;
	while (executor->units) {
		struct ph_unit *unit = executor->units;

		remove_unit(executor, unit);
		ph_unit_destroy(unit);
	}
	ph_loop_cancel(executor->config.loop, &executor->task);
	free(executor->directory);
	free(executor);
}
