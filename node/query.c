#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controlsurface/control.h"
#include "node/discover.h"
#include "node/gate.h"
#include "node/lines.h"
#include "node/builtin.h"
#include "node/version.h"
#include "node/web.h"
#include "node/wires.h"
#include "store/store.h"

/*
 * node.status, node.health, node.ready, node.stop. What runs and what is wired
 * is asked of those who know it: executor and control surface.
 */
struct servers {
	uint64_t running;
	uint64_t waiting;
	uint64_t failed;
};

struct connections {
	uint64_t open;
	uint64_t closed;
	uint64_t waiting;
	uint64_t failed;
};

#define DOUBTS 8u /* changes that are shown */

struct survey {
	struct ph_node *node;
	ph_handle ticket;
	uint16_t method;
	struct servers servers;
	struct connections connections;
	uint64_t revision;
	char waiting[160]; /* the first thing that is not ready */
	char doubts[DOUBTS][PH_DOUBT_LINE];
	unsigned doubt_count;
};

static void note_waiting(struct survey *survey, struct ph_value answer)
{
	if (!survey->waiting[0])
		ph_get_copy(answer, "waiting_for", survey->waiting,
			sizeof(survey->waiting));
}

static void take_servers(struct survey *survey, struct ph_value answer)
{
	struct ph_value counts = ph_value_get(answer, "counts");

	survey->servers = (struct servers){
		.running = ph_get_u64(counts, "running"),
		.waiting = ph_get_u64(counts, "waiting"),
		.failed = ph_get_u64(counts, "failed"),
	};
	note_waiting(survey, answer);
}

static void take_doubts(struct survey *survey, struct ph_value lines)
{
	size_t length;
	const char *text;

	while (survey->doubt_count < ph_value_count(lines) &&
		survey->doubt_count < DOUBTS) {
		text = ph_value_text(
			ph_value_at(lines, survey->doubt_count), &length);
		snprintf(survey->doubts[survey->doubt_count++], PH_DOUBT_LINE,
			"%.*s", (int)length, text ? text : "");
	}
}

static void take_connections(struct survey *survey, struct ph_value answer)
{
	struct ph_value counts = ph_value_get(answer, "counts");

	survey->revision = ph_get_u64(answer, "revision");
	survey->connections = (struct connections){
		.open = ph_get_u64(counts, "open"),
		.closed = ph_get_u64(counts, "closed"),
		.waiting = ph_get_u64(counts, "waiting"),
		.failed = ph_get_u64(counts, "failed"),
	};
	note_waiting(survey, answer);
	take_doubts(survey, ph_value_get(answer, "in_doubt"));
}

static void take(struct survey *survey, const uint8_t *body, size_t length,
	void (*into)(struct survey *survey, struct ph_value answer))
{
	struct ph_document *document;

	if (ph_document_read(&document, body, length, PH_SKIM_TABLE))
		return;
	into(survey, ph_document_root(document));
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
	const struct servers *servers = &survey->servers;
	const struct connections *connections = &survey->connections;

	ph_put_map(writer, "servers");
	ph_put_u64(writer, "running", servers->running);
	ph_put_u64(writer, "waiting", servers->waiting);
	ph_put_u64(writer, "failed", servers->failed);
	ph_write_end(writer);
	ph_put_map(writer, "connections");
	ph_put_u64(writer, "open", connections->open);
	ph_put_u64(writer, "closed", connections->closed);
	ph_put_u64(writer, "waiting", connections->waiting);
	ph_put_u64(writer, "failed", connections->failed);
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
	ph_put_list(writer, "in_doubt");
	for (unsigned i = 0; i < survey->doubt_count; i++)
		ph_write_text(writer, survey->doubts[i]);
	ph_write_end(writer);
	write_loop(writer, node);
	ph_put_u64(writer, "resident_bytes", resident_bytes());
}

/* NULL: it has what it starts with. */
static const char *why_begins(const struct ph_node *node)
{
	if (!ph_control_is_loaded(node->control))
		return "what was applied before is not read yet";
	if (node->applying)
		return "the wiring it starts with is not applied yet";
	return NULL;
}

static bool is_ready(const struct survey *survey)
{
	return !why_begins(survey->node) && !survey->servers.waiting &&
	       !survey->servers.failed && !survey->connections.waiting &&
	       !survey->connections.failed;
}

/* What people are to see to first: "" when nothing is missing. */
static const char *waits_for(const struct survey *survey, const char *trouble)
{
	const char *why = why_begins(survey->node);

	if (trouble)
		return trouble;
	return why && !survey->waiting[0] ? why : survey->waiting;
}

static void answer_survey(struct survey *survey)
{
	const char *trouble = ph_store_trouble(survey->node->store);
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
	ph_put_bool(writer, "ready", !trouble && is_ready(survey));
	ph_put_bool(writer, "healthy", !trouble && !survey->node->stopping);
	ph_put_text(writer, "waiting_for", waits_for(survey, trouble));
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
		take(survey, body, length, take_connections);
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
	ph_put_bool(writer, "counts", true);
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
		take(survey, body, length, take_servers);
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
