#include <stdlib.h>
#include <string.h>

#include "controlsurface/graph.h"
#include "node/json.h"
#include "node/web_inner.h"
#include "node/web_mcp.h"
#include "node/web_window.h"

/* Answers of the node into those of HTTP: JSON, and errors; what several lists
 * are made into is in web_report.c. Each web_finish_* ends one request, whose
 * query is freed after it. */
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

struct ph_exchange *web_answer_exchange(const struct web_query *query)
{
	return ph_exchange_find(query->web->http, query->exchange);
}

/* The token stands for too little; it is not the node's peers that are short of
 * a role. */
static bool is_weak(const struct web_query *query, struct ph_error *error)
{
	const struct web_answer *first = query->answers;
	const struct ph_call_type *type;
	const char *role;
	char next[80];

	if (!query->answer_count || first->status != PH_CALL_DENIED)
		return false;
	type = ph_call_type(query->questions[first->question].method);
	if (query->caller.role >= type->role)
		return false;
	role = type->role == PH_ROLE_EXEC ? "admin" : ph_role_name(type->role);
	snprintf(next, sizeof(next), "posthouse token %s makes one that may",
		role);
	ph_fail(error, PH_EXIT_DENIED, query->peer.source, next,
		"this takes a token with the role %s, yours has %s", role,
		ph_role_name((enum ph_role)query->caller.role));
	return true;
}

static void refuse(struct web_query *query, struct ph_exchange *exchange,
	const struct ph_error *error)
{
	if (query->mcp)
		web_mcp_failed(query, exchange, error);
	else
		web_refuse(exchange, error);
}

void web_answer_missing(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_error error;

	if (!exchange || !ph_exchange_waits(exchange))
		return;
	ph_fail(&error, PH_EXIT_NEGATIVE, "", "ask for less, or once more",
		"the answer could not be put together");
	refuse(query, exchange, &error);
}

int web_answer_failed(struct web_query *query, struct ph_exchange *exchange)
{
	const struct web_answer *first = query->answers;
	struct ph_error error;

	if (query->denied) {
		ph_fail(&error, PH_EXIT_DENIED, query->peer.source,
			"posthouse token makes a token; send it as "
			"Authorization: Bearer TOKEN",
			"%s", query->denied);
		refuse(query, exchange, &error);
		return -1;
	}
	if (query->answer_count && !first->status)
		return 0;
	if (is_weak(query, &error))
		;
	else if (query->answer_count)
		ph_error_read_answer(&error,
			query->questions[first->question].method, first->status,
			first->body, first->length);
	else
		ph_fail(&error, PH_EXIT_NEGATIVE, "", "try again", "no memory");
	refuse(query, exchange, &error);
	return -1;
}

static void answer_items(struct web_query *query, struct ph_exchange *exchange,
	struct ph_value items)
{
	size_t length;
	char *text = web_envelope(query, items, query->mesh, &length);

	if (text && query->mcp)
		web_mcp_answer(query, exchange, text, length);
	else if (text)
		ph_exchange_answer(
			exchange, 200, WEB_JSON, web_headers, text, length);
	free(text);
}

void web_answer_written(struct web_query *query, struct ph_exchange *exchange,
	struct ph_writer *writer)
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
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_document *document;
	struct ph_writer *memory;

	if (!exchange || web_answer_failed(query, exchange))
		return;
	if (web_query_items(query, 0, &document, &memory))
		return;
	answer_items(query, exchange, ph_document_root(document));
	ph_document_free(document);
	ph_writer_free(memory);
}

/* Each with its place in a drawing. -1: no memory. */
static int place(struct web_query *query, struct ph_writer *writer)
{
	struct ph_document *document;
	struct ph_writer *memory;
	int code;

	if (web_query_items(query, 0, &document, &memory))
		return -1;
	code = ph_graph_write_connections(writer, ph_document_root(document));
	ph_document_free(document);
	ph_writer_free(memory);
	return code;
}

void web_finish_connections(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_writer *writer;

	if (!exchange || web_answer_failed(query, exchange) ||
		ph_writer_create(&writer))
		return;
	if (!place(query, writer))
		web_answer_written(query, exchange, writer);
	ph_writer_free(writer);
}

void web_finish_flows(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_document *document;
	struct ph_writer *placed;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (!exchange || web_answer_failed(query, exchange) ||
		ph_writer_create(&writer))
		return;
	if (!ph_writer_create(&placed)) {
		if (!place(query, placed) &&
			!ph_writer_finish(placed, &data, &length) &&
			!ph_document_read(
				&document, data, length, PH_SKIM_TABLE)) {
			web_window_write(writer, ph_document_root(document),
				query->windows);
			web_answer_written(query, exchange, writer);
			ph_document_free(document);
		}
		ph_writer_free(placed);
	}
	ph_writer_free(writer);
}

/* A call that changes something answers a map: the one item, unless it is
 * nothing but items. */
void web_finish_change(struct web_query *query)
{
	struct ph_exchange *exchange = web_answer_exchange(query);
	struct ph_document *document;
	struct ph_writer *writer;
	struct ph_value root;

	if (!exchange || web_answer_failed(query, exchange) ||
		ph_writer_create(&writer))
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
	web_answer_written(query, exchange, writer);
	ph_writer_free(writer);
}
