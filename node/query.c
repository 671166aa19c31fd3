#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/discover.h"
#include "node/gate.h"
#include "node/lines.h"
#include "node/builtin.h"
#include "node/version.h"
#include "node/web.h"
#include "node/wires.h"

/*
 * node.status, node.health, node.ready, node.stop. What runs and what is wired
 * is asked of those who know it: executor and control surface.
 */
enum {
	SERVERS_RUNNING,
	SERVERS_WAITING,
	SERVERS_FAILED,
	SERVERS_COUNTS
};
enum {
	WIRES_OPEN,
	WIRES_CLOSED,
	WIRES_WAITING,
	WIRES_FAILED,
	WIRES_COUNTS
};

struct survey {
	struct ph_node *node;
	ph_handle ticket;
	uint16_t method;
	unsigned servers[SERVERS_COUNTS];
	unsigned wires[WIRES_COUNTS];
	uint64_t revision;
	char waiting[160]; /* the first thing that is not ready */
};

static unsigned class_of(struct ph_value state, const char *const *names,
	const unsigned *classes, unsigned otherwise)
{
	for (unsigned i = 0; names[i]; i++)
		if (ph_value_is(state, names[i]))
			return classes[i];
	return otherwise;
}

static unsigned server_class(struct ph_value state)
{
	static const char *const names[] = {
		"running", "finished", "failed", NULL};
	static const unsigned classes[] = {
		SERVERS_RUNNING, SERVERS_RUNNING, SERVERS_FAILED};

	return class_of(state, names, classes, SERVERS_WAITING);
}

static unsigned wire_class(struct ph_value state)
{
	static const char *const names[] = {
		"open", "flowing", "idle", "blocked", "closed", "failed", NULL};
	static const unsigned classes[] = {WIRES_OPEN, WIRES_OPEN, WIRES_OPEN,
		WIRES_OPEN, WIRES_CLOSED, WIRES_FAILED};

	return class_of(state, names, classes, WIRES_WAITING);
}

static void note_waiting(struct survey *survey, struct ph_value item,
	const char *kind, const char *name)
{
	char id[96];
	char state[24];
	char reason[80];

	if (survey->waiting[0])
		return;
	snprintf(survey->waiting, sizeof(survey->waiting), "%s %s is %s%s%.60s",
		kind, ph_get_copy(item, name, id, 64),
		ph_get_copy(item, "state", state, sizeof(state)),
		ph_get_copy(item, "reason", reason, sizeof(reason))[0] ? ": "
								       : "",
		reason);
}

static void count_items(
	struct survey *survey, const uint8_t *body, size_t length, bool servers)
{
	struct ph_document *document;
	struct ph_value items;

	if (ph_document_read(&document, body, length, PH_SKIM_TABLE))
		return;
	items = ph_value_get(ph_document_root(document), "items");
	if (!servers)
		survey->revision =
			ph_get_u64(ph_document_root(document), "revision");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		struct ph_value state = ph_value_get(item, "state");

		if (servers) {
			survey->servers[server_class(state)]++;
			if (server_class(state) != SERVERS_RUNNING)
				note_waiting(survey, item, "server", "name");
		} else {
			/* What is optional is not waited for. */
			if (ph_get_bool(item, "optional") &&
				wire_class(state) >= WIRES_WAITING)
				continue;
			survey->wires[wire_class(state)]++;
			if (wire_class(state) >= WIRES_WAITING)
				note_waiting(survey, item, "connection", "id");
		}
	}
	ph_document_free(document);
}

static uint64_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_counts(struct ph_writer *writer, const struct survey *survey)
{
	ph_put_map(writer, "servers");
	ph_put_u64(writer, "running", survey->servers[SERVERS_RUNNING]);
	ph_put_u64(writer, "waiting", survey->servers[SERVERS_WAITING]);
	ph_put_u64(writer, "failed", survey->servers[SERVERS_FAILED]);
	ph_write_end(writer);
	ph_put_map(writer, "connections");
	ph_put_u64(writer, "open", survey->wires[WIRES_OPEN]);
	ph_put_u64(writer, "closed", survey->wires[WIRES_CLOSED]);
	ph_put_u64(writer, "waiting", survey->wires[WIRES_WAITING]);
	ph_put_u64(writer, "failed", survey->wires[WIRES_FAILED]);
	ph_write_end(writer);
}

static void write_loop(struct ph_writer *writer, struct ph_node *node)
{
	struct ph_loop_stats stats = ph_loop_stats(node->loop, false);

	ph_put_map(writer, "loop");
	ph_put_u64(writer, "turns", stats.turns);
	ph_put_u64(writer, "wakeups", stats.wakeups);
	ph_put_int(
		writer, "longest_turn_us", stats.longest_turn / PH_MICROSECOND);
	ph_write_end(writer);
}

static void write_status(struct ph_writer *writer, const struct survey *survey)
{
	struct ph_node *node = survey->node;
	char addresses[8][128];
	unsigned count = ph_gate_addresses(node->gate, addresses, 8);

	ph_put_text(writer, "node", node->name);
	ph_put_text(writer, "id", node->id);
	ph_put_text(writer, "mesh", node->mesh);
	ph_put_text(writer, "version", PH_VERSION);
	ph_put_text(
		writer, "built_in_wiring", ph_builtin ? ph_builtin->name : "");
	ph_put_u64(writer, "epoch", node->epoch);
	ph_put_u64(writer, "revision", survey->revision);
	ph_put_int(writer, "pid", getpid());
	ph_put_int(writer, "since", node->started);
	ph_put_list(writer, "listen");
	for (unsigned i = 0; i < count; i++)
		ph_write_text(writer, addresses[i]);
	ph_write_end(writer);
	ph_put_list(writer, "http");
	ph_web_addresses(node->web, writer);
	ph_write_end(writer);
	ph_put_text(writer, "state_directory", node->options.state);
	ph_put_u64(writer, "lines", ph_lines_up(node->lines));
	ph_put_u64(writer, "strangers", ph_gate_strangers(node->gate));
	ph_put_u64(writer, "carriers", ph_wires_count(node->wires));
	ph_discover_report(node, writer);
	write_counts(writer, survey);
	write_loop(writer, node);
	ph_put_u64(writer, "resident_bytes", resident_bytes());
}

static bool is_ready(const struct survey *survey)
{
	return !survey->node->applying && !survey->servers[SERVERS_WAITING] &&
	       !survey->servers[SERVERS_FAILED] &&
	       !survey->wires[WIRES_WAITING] && !survey->wires[WIRES_FAILED];
}

static void answer_survey(struct survey *survey)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	if (survey->method == PH_NODE_STATUS)
		write_status(writer, survey);
	else
		ph_put_text(writer, "node", survey->node->name);
	ph_put_bool(writer, "ready", is_ready(survey));
	ph_put_bool(writer, "healthy", !survey->node->stopping);
	ph_put_text(writer, "waiting_for",
		survey->node->applying && !survey->waiting[0]
			? "the wiring it starts with is not applied yet"
			: survey->waiting);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(survey->node->door, survey->ticket, writer);
	ph_writer_free(writer);
}

static void on_wires(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct survey *survey = context;

	if (!status)
		count_items(survey, body, length, false);
	answer_survey(survey);
	free(survey);
}

static int ask(struct survey *survey, uint16_t method, ph_answer_fn *answer)
{
	struct ph_node *node = survey->node;
	struct ph_writer *writer;
	int code = ph_writer_create(&writer);

	if (code)
		return code;
	ph_write_map(writer);
	ph_put_bool(writer, "brief", true);
	ph_write_end(writer);
	code = ph_call_send(node->door, &ph_node_self, "", method, writer,
		ph_loop_now(node->loop), 2 * PH_SECOND, answer, survey);
	ph_writer_free(writer);
	return code;
}

static void on_servers(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct survey *survey = context;

	if (!status)
		count_items(survey, body, length, true);
	if (ask(survey, PH_CONTROL_LIST, on_wires))
		free(survey);
}

static void serve_survey(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct survey *survey = calloc(1, sizeof(*survey));

	if (!survey)
		return; /* the deadline answers */
	survey->node = context;
	survey->ticket = ticket;
	survey->method = call->method;
	if (ask(survey, PH_EXECUTOR_LIST, on_servers))
		free(survey);
}

static void serve_stop(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_node *node = context;

	ph_answer_ok(node->door, ticket, NULL);
	ph_node_stop(node, "told to");
}

int ph_node_serve(struct ph_node *node)
{
	ph_door_serve(node->door, PH_NODE_STATUS, serve_survey, node);
	ph_door_serve(node->door, PH_NODE_HEALTH, serve_survey, node);
	ph_door_serve(node->door, PH_NODE_READY, serve_survey, node);
	return ph_door_serve(node->door, PH_NODE_STOP, serve_stop, node);
}
