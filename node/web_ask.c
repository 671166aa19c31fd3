#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/web_inner.h"
#include "node/web_window.h"

/*
 * What a request asks. The fields of the call are taken from the query of a
 * GET, or from the JSON object that a POST brings, as proto/calls.def lists
 * them; `node` says which node is asked.
 */

static int not_valid(struct ph_error *error, const char *field,
	const char *text, const char *next)
{
	return ph_fail(
		error, PH_EXIT_USAGE, field, next, "not valid: '%.60s'", text);
}

/* A field of the query. 0: it is not there; -1: it is longer than that. */
static int take(const struct ph_exchange *exchange, const char *name, char *out,
	size_t size, struct ph_error *error)
{
	char text[WEB_QUERY];

	if (!ph_exchange_query(exchange, name, text, sizeof(text)))
		return 0;
	if (strlen(text) >= size)
		return not_valid(error, name, text, "give a shorter one");
	snprintf(out, size, "%s", text);
	return 1;
}

static int put_int(struct ph_writer *writer, const char *name, const char *text,
	struct ph_error *error)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end || !(isdigit((unsigned char)text[0]) || *text == '-'))
		return not_valid(error, name, text, "give a number");
	ph_put_int(writer, name, number);
	return 0;
}

static int put_bool(struct ph_writer *writer, const char *name,
	const char *text, struct ph_error *error)
{
	bool yes = !strcmp(text, "true") || !strcmp(text, "1");

	if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return not_valid(error, name, text, "true or false");
	ph_put_bool(writer, name, yes);
	return 0;
}

static int put_field(struct ph_writer *writer,
	const struct ph_field_type *field, const char *text,
	struct ph_error *error)
{
	switch (field->type) {
	case PH_INT:
		return put_int(writer, field->name, text, error);
	case PH_BOOL:
		return put_bool(writer, field->name, text, error);
	case PH_TEXT:
		ph_put_text(writer, field->name, text);
		return 0;
	default:
		return 0; /* lists and maps are no queries */
	}
}

static int write_query(struct ph_writer *writer, const struct web_route *route,
	uint16_t method, const struct ph_exchange *exchange,
	struct ph_error *error)
{
	const char *rest = ph_exchange_path(exchange) + strlen(route->path);
	const struct ph_call_type *type = ph_call_type(method);
	char text[WEB_QUERY];
	int code = 0;

	ph_write_map(writer);
	for (size_t i = 0; i < type->field_count && !code; i++) {
		const struct ph_field_type *field = &type->fields[i];

		if (route->rest && !strcmp(route->rest, field->name))
			ph_put_text(writer, field->name, rest);
		else if (strcmp(field->name, "node") != 0 &&
			 ph_exchange_query(
				 exchange, field->name, text, sizeof(text)))
			code = put_field(writer, field, text, error);
	}
	ph_write_end(writer);
	return code;
}

/* The node in front of `node/server:terminal`, `node#epoch.seq`. */
void web_owner_of(char *out, size_t size, const char *text)
{
	size_t length = strcspn(text, "/#");

	out[0] = 0;
	if (text[length] && length < size)
		snprintf(out, size, "%.*s", (int)length, text);
}

static int write_body(struct web_query *query, const struct web_route *route,
	struct ph_writer *writer, struct ph_exchange *exchange,
	struct ph_error *error)
{
	struct ph_document *document;
	const uint8_t *data;
	size_t length;
	char why[200];
	char text[300];
	const uint8_t *body = ph_exchange_body(exchange, &length);

	if (!length)
		return ph_fail(error, PH_EXIT_USAGE, "the body",
			"send one JSON object", "it is empty");
	if (ph_json_read(writer, (const char *)body, length, why, sizeof(why)))
		return ph_fail(error, PH_EXIT_USAGE, "the body",
			"send one JSON object", "%s", why);
	if (ph_writer_finish(writer, &data, &length) ||
		ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return ph_fail(error, PH_EXIT_USAGE, "the body",
			"send one JSON object", "cannot be taken");
	ph_get_copy(ph_document_root(document), "node", query->node,
		sizeof(query->node));
	if (!query->node[0] && route->owner) {
		ph_get_copy(ph_document_root(document), route->owner, text,
			sizeof(text));
		web_owner_of(query->node, sizeof(query->node), text);
	}
	ph_document_free(document);
	return 0;
}

/* Which nodes are asked, and how they are to be shown. */
static int read_view(struct web_query *query, const struct web_route *route,
	const struct ph_exchange *exchange, struct ph_error *error)
{
	const char *rest = ph_exchange_path(exchange) + strlen(route->path);
	char scope[8] = "mesh";
	char all[8] = "";
	char window[32] = "";

	if (take(exchange, "node", query->node, sizeof(query->node), error) <
			0 ||
		take(exchange, "format", query->format, sizeof(query->format),
			error) < 0 ||
		take(exchange, "scope", scope, sizeof(scope), error) < 0 ||
		take(exchange, "all", all, sizeof(all), error) < 0 ||
		take(exchange, "window", window, sizeof(window), error) < 0)
		return -1;
	if (!web_window_read(&query->windows, window))
		return not_valid(error, "window", window, WEB_WINDOWS);
	if (!web_graph_has(query->format))
		return not_valid(error, "format", query->format,
			"json, dot, mermaid or d2");
	if (strcmp(scope, "mesh") != 0 && strcmp(scope, "local") != 0)
		return not_valid(error, "scope", scope, "mesh or local");
	query->mesh = route->mesh && !strcmp(scope, "mesh");
	query->all = all[0] && strcmp(all, "0") != 0;
	if (route->rest && !query->node[0])
		web_owner_of(query->node, sizeof(query->node), rest);
	return 0;
}

int web_ask(struct web_query *query, const struct web_route *route,
	struct ph_exchange *exchange, struct ph_error *error)
{
	struct ph_writer *writer;
	int code = 0;

	if (read_view(query, route, exchange, error))
		return -1;
	if (ph_writer_create(&writer))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "", "try again", "no memory");
	for (unsigned i = 0; i < route->count && !code; i++) {
		ph_writer_reset(writer);
		if (!strcmp(route->method, "POST"))
			code = write_body(
				query, route, writer, exchange, error);
		else
			code = write_query(writer, route, route->calls[i],
				exchange, error);
		if (!code && web_query_ask(query, route->calls[i], writer))
			code = ph_fail(error, PH_EXIT_USAGE, "", "",
				"cannot be asked");
	}
	ph_writer_free(writer);
	return code;
}
