#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/web_files.h"
#include "node/web_inner.h"

/*
 * Paths. Each row is a path, the calls that it makes, and what becomes of the
 * answers. The fields of the first call are taken from the query of a GET, or
 * from the JSON object that a POST brings, as proto/calls.def lists them;
 * `node` says which node is asked.
 */
struct route {
	const char *method;
	const char *path; /* ends with '/': something follows, the `rest` */
	const char *rest; /* the field that it is, or NULL */
	bool mesh;	  /* every node is asked, unless one is named */
	bool slow;
	uint16_t calls[WEB_QUESTIONS];
	unsigned count;
	void (*finish)(struct web_query *query);
	const char *owner; /* of this field's node the call is */
};

/* --- errors --- */

static unsigned status_of(enum ph_exit code)
{
	switch (code) {
	case PH_EXIT_USAGE:
		return 400;
	case PH_EXIT_UNREACHABLE:
		return 502;
	case PH_EXIT_NOT_FOUND:
		return 404;
	case PH_EXIT_CONFLICT:
		return 409;
	case PH_EXIT_DENIED:
		return 403;
	case PH_EXIT_TIMEOUT:
		return 504;
	case PH_EXIT_WIRING:
		return 422;
	default:
		return 500;
	}
}

static void refuse_as(struct ph_exchange *exchange, unsigned status,
	const struct ph_error *error)
{
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	char *text = NULL;

	if (!ph_writer_create(&writer)) {
		ph_error_write(writer, error);
		if (!ph_writer_finish(writer, &data, &length) &&
			!ph_document_read(
				&document, data, length, PH_SKIM_TABLE)) {
			text = ph_json_text(ph_document_root(document));
			ph_document_free(document);
		}
		ph_writer_free(writer);
	}
	ph_exchange_answer(exchange, status, WEB_JSON, web_headers,
		text ? text : "{}", text ? strlen(text) : 2);
	free(text);
}

void web_refuse(struct ph_exchange *exchange, const struct ph_error *error)
{
	refuse_as(exchange, status_of(error->exit), error);
}

/* --- the table --- */

#define LOOK(path_, call)                                                      \
	{                                                                      \
		"GET", path_, NULL, false, false, {PH_##call}, 1,              \
			web_finish_items, NULL                                 \
	}
#define ALL(path_, call)                                                       \
	{                                                                      \
		"GET", path_, NULL, true, false, {PH_##call}, 1,               \
			web_finish_items, NULL                                 \
	}
#define CHANGE(path_, call, owner_)                                            \
	{                                                                      \
		"POST", path_, NULL, false, true, {PH_##call}, 1,              \
			web_finish_change, owner_                              \
	}

static const struct route routes[] = {
	LOOK("/v1/status", NODE_STATUS),
	LOOK("/v1/peers", MESH_PEERS),
	LOOK("/v1/neighbors", DISCOVERY_NEIGHBOURS),
	LOOK("/v1/servers", EXECUTOR_LIST),
	LOOK("/v1/logs", EXECUTOR_LOGS),
	LOOK("/v1/terminals", HOSTESS_GUESTS),
	LOOK("/v1/guests", HOSTESS_GUESTS),
	LOOK("/v1/menu", HOSTESS_MENU),
	LOOK("/v1/connections", CONTROL_LIST),
	{"GET", "/v1/connections/", "address", false, false, {PH_CONTROL_SHOW},
		1, web_finish_items, NULL},
	{"GET", "/v1/show/", "address", false, false, {PH_CONTROL_SHOW}, 1,
		web_finish_items, NULL},
	ALL("/v1/flows", CONTROL_LIST),
	{"GET", "/v1/topology", NULL, true, false,
		{PH_HOSTESS_GUESTS, PH_CONTROL_LIST}, 2, web_finish_graph,
		NULL},
	{"GET", "/v1/alarms", NULL, true, false,
		{PH_MESH_PEERS, PH_EXECUTOR_LIST, PH_CONTROL_LIST,
			PH_CONTROL_ALARMS},
		4, web_finish_alarms, NULL},
	LOOK("/v1/wiring", CONTROL_PARTS),
	LOOK("/v1/drift", CONTROL_DIFF),
	LOOK("/v1/journal", STORE_EVENTS),
	LOOK("/v1/plans", CONTROL_PLANS),
	LOOK("/v1/transactions", CONTROL_TRANSACTIONS),
	{"GET", "/v1/watch", NULL, false, false, {PH_NODE_HEALTH}, 1,
		web_watch_begin, NULL},
	{"GET", "/healthz", NULL, false, false, {PH_NODE_HEALTH}, 1,
		web_finish_health, NULL},
	{"GET", "/readyz", NULL, false, false, {PH_NODE_READY}, 1,
		web_finish_ready, NULL},
	{"GET", "/metrics", NULL, false, false,
		{PH_NODE_STATUS, PH_CONTROL_LIST, PH_EXECUTOR_LIST,
			PH_MESH_PEERS, PH_CONTROL_DIFF, PH_CONTROL_ALARMS},
		6, web_finish_metrics, NULL},
	CHANGE("/v1/plan", CONTROL_PLAN, NULL),
	CHANGE("/v1/apply", CONTROL_APPLY, NULL),
	CHANGE("/v1/unapply", CONTROL_UNAPPLY, NULL),
	CHANGE("/v1/revert", CONTROL_REVERT, "override"),
	CHANGE("/v1/resolve", CONTROL_RESOLVE, NULL),
	CHANGE("/v1/connect", CONTROL_CONNECT, "from"),
	CHANGE("/v1/disconnect", CONTROL_DISCONNECT, "connection"),
	CHANGE("/v1/move", CONTROL_MOVE, "connection"),
	CHANGE("/v1/interpose", CONTROL_INTERPOSE, "connection"),
	CHANGE("/v1/withdraw", CONTROL_WITHDRAW, "connection"),
	CHANGE("/v1/reserve", HOSTESS_HOLD, NULL),
	CHANGE("/v1/release", HOSTESS_RELEASE, NULL),
	CHANGE("/v1/tap", CONTROL_TAP, "address"),
	CHANGE("/v1/ack", CONTROL_ACK, NULL),
	CHANGE("/v1/shelve", CONTROL_SHELVE, NULL),
	CHANGE("/v1/unshelve", CONTROL_UNSHELVE, NULL),
};

/* --- requests --- */

static bool path_is(const struct route *route, const char *path)
{
	size_t length = strlen(route->path);

	if (route->path[length - 1] != '/' || length == 1)
		return !strcmp(route->path, path);
	return !strncmp(route->path, path, length) && path[length];
}

/* NULL; *known: the path is, with another method. */
static const struct route *route_find(
	const char *method, const char *path, bool *known)
{
	bool head = !strcmp(method, "HEAD");

	*known = false;
	if (head)
		method = "GET";
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!path_is(&routes[i], path))
			continue;
		*known = true;
		/* What never ends has no length that HEAD could tell. */
		if (!strcmp(routes[i].method, method) &&
			!(head && routes[i].finish == web_watch_begin))
			return &routes[i];
	}
	return NULL;
}

static void put_field(struct ph_writer *writer,
	const struct ph_field_type *field, const char *text)
{
	if (field->type == PH_INT)
		ph_put_int(writer, field->name, strtoll(text, NULL, 10));
	else if (field->type == PH_BOOL)
		ph_put_bool(writer, field->name, !strcmp(text, "true"));
	else if (field->type == PH_TEXT)
		ph_put_text(writer, field->name, text);
}

static void write_query(struct ph_writer *writer, const struct route *route,
	uint16_t method, const struct ph_exchange *exchange, const char *rest)
{
	const struct ph_call_type *type = ph_call_type(method);
	char text[1024];

	ph_write_map(writer);
	for (size_t i = 0; i < type->field_count; i++) {
		const struct ph_field_type *field = &type->fields[i];

		if (route->rest && !strcmp(route->rest, field->name))
			ph_put_text(writer, field->name, rest);
		else if (strcmp(field->name, "node") != 0 &&
			 ph_exchange_query(
				 exchange, field->name, text, sizeof(text)))
			put_field(writer, field, text);
	}
	ph_write_end(writer);
}

/* The node in front of `node/server:terminal`, `node#epoch.seq`. */
static void owner_of(char *out, size_t size, const char *text)
{
	size_t length = strcspn(text, "/#");

	out[0] = 0;
	if (text[length] && length < size)
		snprintf(out, size, "%.*s", (int)length, text);
}

static int write_body(struct web_query *query, const struct route *route,
	struct ph_writer *writer, struct ph_exchange *exchange,
	struct ph_error *error)
{
	struct ph_document *document;
	const uint8_t *data;
	size_t length;
	char why[200];
	char text[300];
	const uint8_t *body = ph_exchange_body(exchange, &length);

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
		owner_of(query->node, sizeof(query->node), text);
	}
	ph_document_free(document);
	return 0;
}

static int prepare(struct web_query *query, const struct route *route,
	struct ph_exchange *exchange, struct ph_error *error)
{
	const char *rest = ph_exchange_path(exchange) + strlen(route->path);
	struct ph_writer *writer;
	char all[8];
	int code = 0;

	ph_exchange_query(exchange, "node", query->node, sizeof(query->node));
	ph_exchange_query(
		exchange, "format", query->format, sizeof(query->format));
	if (!web_graph_has(query->format))
		return ph_fail(error, PH_EXIT_USAGE, query->format,
			"json, dot, mermaid or d2", "no such format");
	query->all = ph_exchange_query(exchange, "all", all, sizeof(all));
	if (route->rest && !query->node[0])
		owner_of(query->node, sizeof(query->node), rest);
	if (ph_writer_create(&writer))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "", "try again", "no memory");
	for (unsigned i = 0; i < route->count && !code; i++) {
		ph_writer_reset(writer);
		if (!strcmp(route->method, "POST"))
			code = write_body(
				query, route, writer, exchange, error);
		else
			write_query(
				writer, route, route->calls[i], exchange, rest);
		if (!code && web_query_ask(query, route->calls[i], writer))
			code = ph_fail(error, PH_EXIT_USAGE, "", "",
				"cannot be asked");
	}
	ph_writer_free(writer);
	return code;
}

static void run_route(struct ph_web *web, struct ph_exchange *exchange,
	const struct route *route)
{
	struct ph_error error;
	struct web_query *query;

	if (web->queries >= WEB_QUERIES) {
		ph_fail(&error, PH_EXIT_TIMEOUT, "", "ask again later",
			"%u requests are on their way", WEB_QUERIES);
		refuse_as(exchange, 503, &error);
		return;
	}
	query = web_query_create(web, exchange);
	if (!query)
		return;
	query->mesh = route->mesh;
	query->timeout = route->slow ? WEB_SLOW_TIMEOUT : WEB_TIMEOUT;
	query->finish = route->finish;
	if (prepare(query, route, exchange, &error)) {
		web_refuse(exchange, &error);
		web_query_free(query);
		return;
	}
	web_query_send(query);
}

/* --- files --- */

static bool answer_file(struct ph_exchange *exchange)
{
	const char *encodings =
		ph_exchange_header(exchange, PH_HTTP_ACCEPT_ENCODING);
	bool packed = strstr(encodings, "gzip") != NULL;
	const struct ph_web_file *file = ph_web_files;
	char headers[1200];

	if (strcmp(ph_exchange_method(exchange), "GET") != 0 &&
		strcmp(ph_exchange_method(exchange), "HEAD") != 0)
		return false;
	while (file->path && strcmp(file->path, ph_exchange_path(exchange)))
		file++;
	if (!file->path)
		return false;
	snprintf(headers, sizeof(headers), "%sETag: %s\r\n%s", web_headers,
		file->tag,
		packed ? "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
		       : "Vary: Accept-Encoding\r\n");
	ph_exchange_answer(exchange, 200, file->type, headers,
		packed ? file->packed : file->plain,
		packed ? file->packed_length : file->plain_length);
	return true;
}

void web_route(struct ph_web *web, struct ph_exchange *exchange)
{
	const char *path = ph_exchange_path(exchange);
	struct web_claim claim = {.peer = ph_exchange_peer(exchange),
		.host = ph_exchange_header(exchange, PH_HTTP_HOST),
		.origin = ph_exchange_header(exchange, PH_HTTP_ORIGIN),
		.fetch_site = ph_exchange_header(exchange, PH_HTTP_FETCH_SITE)};
	const struct route *route;
	struct ph_error error;
	const char *why;
	bool known;

	if (!web_auth_origin(&claim, &why)) {
		ph_fail(&error, PH_EXIT_DENIED, claim.host,
			"use the address that posthouse status shows as http",
			"%s", why);
		web_refuse(exchange, &error);
		return;
	}
	route = route_find(ph_exchange_method(exchange), path, &known);
	if (route) {
		run_route(web, exchange, route);
		return;
	}
	if (!known && answer_file(exchange))
		return;
	ph_fail(&error, PH_EXIT_NOT_FOUND, path, "doc/HTTP.md lists the paths",
		known ? "another method takes it" : "no such path");
	refuse_as(exchange, known ? 405 : 404, &error);
}
