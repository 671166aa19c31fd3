#include "executor/executor_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/calls.h"

/* executor.servers and executor.logs: what people and other servers see. */

/* Lines in one answer of executor.logs. */
#define EXECUTOR_LINES 1000

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

const char *ph_executor_state(const struct ph_unit *unit)
{
	return ph_policy_state_name(unit->policy.state == PH_POLICY_IDLE
					    ? PH_POLICY_STARTING
					    : unit->policy.state);
}

static void write_brief(struct ph_writer *writer, const struct ph_unit *unit)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", unit->spec->name);
	ph_put_text(writer, "state", ph_executor_state(unit));
	ph_put_text(writer, "reason", unit->reason);
	ph_write_end(writer);
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
		ph_put_text(writer, "confine",
			unit->run && unit->run->level
				? unit->run->level
				: ph_confine_name(spec->confine));
	ph_put_text(writer, "state", ph_executor_state(unit));
	ph_put_int(writer, "pid", unit->run ? unit->run->pid : 0);
	if (unit->run && unit->run->status && *unit->run->status)
		ph_put_text(writer, "status", unit->run->status);
	if (*spec->group)
		ph_put_text(writer, "group", spec->group);
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
		ph_executor_refuse(executor, ticket, PH_EXIT_NEGATIVE, "",
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

/* `waiting_for`: the first that does not run, and should. */
static void count_units(
	const struct ph_executor *executor, struct ph_writer *writer)
{
	unsigned running = 0, waiting = 0, failed = 0;
	const struct ph_unit *first = NULL;
	char text[160] = "";

	for (const struct ph_unit *unit = executor->units; unit;
		unit = unit->next) {
		enum ph_policy_state state = unit->policy.state;
		bool runs = state == PH_POLICY_RUNNING ||
			    state == PH_POLICY_FINISHED;

		running += runs;
		failed += state == PH_POLICY_FAILED;
		waiting += !runs && state != PH_POLICY_FAILED;
		if (!runs && !first)
			first = unit;
	}
	ph_put_map(writer, "counts");
	ph_put_u64(writer, "running", running);
	ph_put_u64(writer, "waiting", waiting);
	ph_put_u64(writer, "failed", failed);
	ph_write_end(writer);
	if (first)
		snprintf(text, sizeof(text), "server %.64s is %s%s%.60s",
			first->spec->name, ph_executor_state(first),
			*first->reason ? ": " : "", first->reason);
	ph_put_text(writer, "waiting_for", text);
}

static void answer_counts(struct ph_executor *executor, ph_handle ticket)
{
	struct ph_writer *writer = open_items(executor, ticket);

	if (!writer)
		return;
	ph_write_end(writer);
	count_units(executor, writer);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, ticket, writer);
	ph_writer_free(writer);
}

void ph_executor_serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_writer *writer;
	char name[64];
	bool brief, counts;

	if (ph_request_open(&request, executor->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "server", name, sizeof(name));
	brief = ph_get_bool(request.arguments, "brief");
	counts = ph_get_bool(request.arguments, "counts");
	ph_request_close(&request);
	if (counts) {
		answer_counts(executor, ticket);
		return;
	}
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

void ph_executor_serve_logs(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_executor *executor = context;
	struct ph_request request;
	struct ph_unit *unit =
		ph_executor_named(executor, ticket, call, &request);
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
