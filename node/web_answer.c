#include <stdlib.h>
#include <string.h>

#include "controlsurface/alarms.h"
#include "controlsurface/graph.h"
#include "controlsurface/metrics.h"
#include "node/json.h"
#include "node/web_inner.h"

/* Answers of the node into those of HTTP: JSON, pictures, metrics, flags.
 * Each web_finish_* ends one request, whose query is freed after it. */
const char web_headers[] =
	"Cache-Control: no-store\r\n"
	"Content-Security-Policy: default-src 'none'; script-src 'self'; "
	"style-src 'self'; img-src 'self'; connect-src 'self'; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n";

/* --- answers --- */

char *web_envelope(const struct web_query *query, struct ph_value items,
	bool sources, size_t *length)
{
	struct ph_envelope envelope = {.node = query->web->node->name,
		.epoch = query->web->node->epoch,
		.revision = query->revision};
	struct ph_document *document = NULL;
	struct ph_writer *writer = NULL;
	const uint8_t *data;
	size_t size;
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (!out)
		return NULL;
	if (sources && !ph_writer_create(&writer)) {
		web_query_sources(query, writer);
		if (!ph_writer_finish(writer, &data, &size) &&
			!ph_document_read(&document, data, size, PH_SKIM_TABLE))
			envelope.sources = ph_document_root(document);
	}
	ph_json_envelope(out, &envelope, items);
	fclose(out);
	ph_document_free(document);
	ph_writer_free(writer);
	return text;
}

static struct ph_exchange *exchange_of(const struct web_query *query)
{
	return ph_exchange_find(query->web->http, query->exchange);
}

/* An error that the asked node told: non-zero, and it is passed on. */
static int failed(struct web_query *query, struct ph_exchange *exchange)
{
	const struct web_answer *first = query->answers;
	struct ph_error error;

	if (query->denied) {
		ph_fail(&error, PH_EXIT_DENIED, query->peer.source,
			"posthouse token makes a token; send it as "
			"Authorization: Bearer TOKEN",
			"%s", query->denied);
		web_refuse(exchange, &error);
		return -1;
	}
	if (query->answer_count && !first->status)
		return 0;
	if (query->answer_count)
		ph_error_read(
			&error, first->status, first->body, first->length);
	else
		ph_fail(&error, PH_EXIT_NEGATIVE, "", "try again", "no memory");
	web_refuse(exchange, &error);
	return -1;
}

static void answer_items(struct web_query *query, struct ph_exchange *exchange,
	struct ph_value items)
{
	size_t length;
	char *text = web_envelope(query, items, query->mesh, &length);

	if (text)
		ph_exchange_answer(
			exchange, 200, WEB_JSON, web_headers, text, length);
	free(text);
}

/* What the writer holds, a list, as the items of the answer. */
static void answer_written(struct web_query *query,
	struct ph_exchange *exchange, struct ph_writer *writer)
{
	struct ph_document *document;
	const uint8_t *data;
	size_t length;

	if (ph_writer_finish(writer, &data, &length) ||
		ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return;
	answer_items(query, exchange, ph_document_root(document));
	ph_document_free(document);
}

void web_finish_items(struct web_query *query)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct ph_document *document;
	struct ph_writer *memory;

	if (!exchange || failed(query, exchange))
		return;
	if (web_query_items(query, 0, &document, &memory))
		return;
	answer_items(query, exchange, ph_document_root(document));
	ph_document_free(document);
	ph_writer_free(memory);
}

/* A call that changes something answers a map: the one item, unless it is
 * nothing but items. */
void web_finish_change(struct web_query *query)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct ph_document *document;
	struct ph_writer *writer;
	struct ph_value root;

	if (!exchange || failed(query, exchange) || ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	if (query->answers->body &&
		!ph_document_read(&document, query->answers->body,
			query->answers->length, PH_SKIM_TABLE)) {
		root = ph_document_root(document);
		if (ph_value_count(root) == 1 &&
			ph_value_type(ph_value_get(root, "items")) == PH_LIST)
			root = ph_value_get(root, "items");
		if (ph_value_type(root) == PH_LIST)
			for (size_t i = 0; i < ph_value_count(root); i++)
				ph_write_value(writer, ph_value_at(root, i));
		else
			ph_write_value(writer, root);
		ph_document_free(document);
	}
	ph_write_end(writer);
	answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

/* Lists of several questions; what a node did not answer is missing. */
struct lists {
	struct ph_document *documents[WEB_QUESTIONS];
	struct ph_writer *memory[WEB_QUESTIONS];
	struct ph_value items[WEB_QUESTIONS];
	unsigned count;
};

static int read_lists(const struct web_query *query, struct lists *lists)
{
	*lists = (struct lists){0};
	for (unsigned i = 0; i < query->question_count; i++) {
		if (web_query_items(
			    query, i, &lists->documents[i], &lists->memory[i]))
			return -1;
		lists->items[i] = ph_document_root(lists->documents[i]);
		lists->count++;
	}
	return 0;
}

static void free_lists(struct lists *lists)
{
	for (unsigned i = 0; i < lists->count; i++) {
		ph_document_free(lists->documents[i]);
		ph_writer_free(lists->memory[i]);
	}
}

/* Those that are not shelved, unless all are wanted. */
static void answer_alarms(struct web_query *query, struct ph_exchange *exchange,
	struct ph_value alarms)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(alarms); i++) {
		struct ph_value alarm = ph_value_at(alarms, i);

		if (query->all ||
			!ph_value_is(ph_value_get(alarm, "state"), "shelved"))
			ph_write_value(writer, alarm);
	}
	ph_write_end(writer);
	answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

void web_finish_alarms(struct web_query *query)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct ph_document *document;
	struct ph_writer *writer;
	struct lists lists;
	const uint8_t *data;
	size_t length;

	if (!exchange || failed(query, exchange) || ph_writer_create(&writer))
		return;
	if (!read_lists(query, &lists) &&
		!ph_alarms_write(
			&(struct ph_alarms){
				.peers = lists.items[0],
				.servers = lists.items[1],
				.connections = lists.items[2],
				.rules = lists.items[3],
				.now = ph_clock_wall(),
			},
			writer) &&
		!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		answer_alarms(query, exchange, ph_document_root(document));
		ph_document_free(document);
	}
	free_lists(&lists);
	ph_writer_free(writer);
}

static const struct {
	const char *name;
	ph_graph_fn *print;
} formats[] = {
	{"dot", ph_graph_dot},
	{"mermaid", ph_graph_mermaid},
	{"d2", ph_graph_d2},
};

bool web_graph_has(const char *format)
{
	if (!format[0] || !strcmp(format, "json"))
		return true;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(format, formats[i].name))
			return true;
	return false;
}

static void answer_graph(struct web_query *query, struct ph_exchange *exchange,
	const struct ph_graph *graph)
{
	struct ph_writer *writer;
	char *text = NULL;
	size_t length;
	FILE *out;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(query->format, formats[i].name) != 0)
			continue;
		out = open_memstream(&text, &length);
		if (!out)
			return;
		formats[i].print(graph, out);
		fclose(out);
		ph_exchange_answer(exchange, 200, "text/plain; charset=utf-8",
			web_headers, text, length);
		free(text);
		return;
	}
	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	ph_graph_write(graph, writer);
	ph_write_end(writer);
	answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

void web_finish_graph(struct web_query *query)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct ph_graph *graph;
	struct lists lists;

	if (!exchange || failed(query, exchange))
		return;
	if (!read_lists(query, &lists) &&
		!ph_graph_make(&graph, lists.items[0], lists.items[1])) {
		answer_graph(query, exchange, graph);
		ph_graph_free(graph);
	}
	free_lists(&lists);
}

void web_finish_metrics(struct web_query *query)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct lists lists;
	char *text = NULL;
	size_t length;
	FILE *out;

	if (!exchange || failed(query, exchange))
		return;
	out = read_lists(query, &lists) ? NULL : open_memstream(&text, &length);
	if (out) {
		ph_metrics_print(
			&(struct ph_metrics){
				.status = ph_value_at(lists.items[0], 0),
				.connections = lists.items[1],
				.servers = lists.items[2],
				.peers = lists.items[3],
				.changes = lists.items[4],
				.alarms = lists.items[5],
			},
			out);
		fclose(out);
		ph_exchange_answer(exchange, 200,
			"text/plain; version=0.0.4; charset=utf-8", web_headers,
			text, length);
	}
	free(text);
	free_lists(&lists);
}

/* 200 or 503, and one word: for those who only look at the status. */
static void answer_flag(struct web_query *query, const char *flag)
{
	struct ph_exchange *exchange = exchange_of(query);
	struct lists lists;
	char text[300];
	char why[200] = "";
	bool yes;

	if (!exchange || failed(query, exchange))
		return;
	if (!read_lists(query, &lists)) {
		struct ph_value item = ph_value_at(lists.items[0], 0);

		yes = ph_get_bool(item, flag);
		if (!yes)
			ph_get_copy(item, "waiting_for", why, sizeof(why));
		snprintf(text, sizeof(text), "%s%s%s%s\n", yes ? "" : "not ",
			flag, why[0] ? ": " : "", why);
		ph_exchange_answer(exchange, yes ? 200 : 503,
			"text/plain; charset=utf-8", web_headers, text,
			strlen(text));
	}
	free_lists(&lists);
}

void web_finish_health(struct web_query *query)
{
	answer_flag(query, "healthy");
}

void web_finish_ready(struct web_query *query)
{
	answer_flag(query, "ready");
}
