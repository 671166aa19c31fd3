#include <stdlib.h>
#include <string.h>

#include "controlsurface/alarms.h"
#include "controlsurface/graph.h"
#include "controlsurface/metrics.h"
#include "node/web_inner.h"

/* What answers to several questions are made into: alarms, pictures, metrics,
 * flags. */

/* Lists of several questions; what a node did not answer is missing. */
struct lists {
	struct ph_document *documents[WEB_QUESTIONS];
	struct ph_writer *memory[WEB_QUESTIONS];
	struct ph_value items[WEB_QUESTIONS];
	unsigned count;
};

static int read_lists(struct web_query *query, struct lists *lists)
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
	web_answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

void web_finish_alarms(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_document *document;
	struct ph_writer *writer;
	struct lists lists;
	const uint8_t *data;
	size_t length;

	if (!exchange || web_answer_failed(query, exchange) ||
		ph_writer_create(&writer))
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

bool web_graph_has(const char *format)
{
	return !format[0] || !strcmp(format, "json") ||
	       ph_graph_printer(format);
}

static void answer_text(struct ph_exchange *exchange,
	const struct ph_graph *graph, ph_graph_fn *print)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	print(graph, out);
	fclose(out);
	ph_exchange_answer(exchange, 200, "text/plain; charset=utf-8",
		web_headers, text, length);
	free(text);
}

static void answer_graph(struct web_query *query, struct ph_exchange *exchange,
	const struct ph_graph *graph)
{
	ph_graph_fn *print = ph_graph_printer(query->format);
	struct ph_writer *writer;

	if (print) {
		answer_text(exchange, graph, print);
		return;
	}
	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	ph_graph_write(graph, writer);
	ph_write_end(writer);
	web_answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

void web_finish_graph(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_graph *graph;
	struct lists lists;

	if (!exchange || web_answer_failed(query, exchange))
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
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct lists lists;
	char *text = NULL;
	size_t length;
	FILE *out;

	if (!exchange || web_answer_failed(query, exchange))
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
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct lists lists;
	char text[300];
	char why[200] = "";
	bool yes;

	if (!exchange || web_answer_failed(query, exchange))
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
