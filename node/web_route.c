#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/web_files.h"
#include "node/web_inner.h"
#include "node/web_mcp.h"

/* Paths: what each asks is in web_ask.c, what becomes of it in web_answer.c. */

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
	const char *headers, const struct ph_error *error)
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
	ph_exchange_answer(exchange, status, WEB_JSON, headers,
		text ? text : "{}", text ? strlen(text) : 2);
	free(text);
}

void web_refuse(struct ph_exchange *exchange, const struct ph_error *error)
{
	refuse_as(exchange, status_of(error->exit), web_headers, error);
}

/* --- the table --- */

#define LOOK(path_, call)                                                      \
	{                                                                      \
		"GET", path_, NULL, false, false, {PH_##call}, 1,              \
			web_finish_items, NULL, false                          \
	}
#define CHANGE(path_, call, owner_)                                            \
	{                                                                      \
		"POST", path_, NULL, false, true, {PH_##call}, 1,              \
			web_finish_change, owner_, true                        \
	}
/* Takes nothing away. */
#define ADD(path_, call, owner_)                                               \
	{                                                                      \
		"POST", path_, NULL, false, true, {PH_##call}, 1,              \
			web_finish_change, owner_, false                       \
	}

static const struct web_route routes[] = {
	LOOK("/v1/status", NODE_STATUS),
	LOOK("/v1/peers", MESH_PEERS),
	LOOK("/v1/neighbors", DISCOVERY_NEIGHBOURS),
	LOOK("/v1/servers", EXECUTOR_LIST),
	LOOK("/v1/logs", EXECUTOR_LOGS),
	LOOK("/v1/terminals", HOSTESS_GUESTS),
	LOOK("/v1/guests", HOSTESS_GUESTS),
	LOOK("/v1/menu", HOSTESS_MENU),
	{"GET", "/v1/connections", NULL, false, false, {PH_CONTROL_LIST}, 1,
		web_finish_connections, NULL, false},
	{"GET", "/v1/connections/", "address", false, false, {PH_CONTROL_SHOW},
		1, web_finish_items, NULL, false},
	{"GET", "/v1/show/", "address", false, false, {PH_CONTROL_SHOW}, 1,
		web_finish_items, NULL, false},
	{"GET", "/v1/flows", NULL, true, false, {PH_CONTROL_LIST}, 1,
		web_finish_flows, NULL, false},
	{"GET", "/v1/topology", NULL, true, false,
		{PH_HOSTESS_GUESTS, PH_CONTROL_LIST}, 2, web_finish_graph, NULL,
		false},
	{"GET", "/v1/alarms", NULL, true, false,
		{PH_MESH_PEERS, PH_EXECUTOR_LIST, PH_CONTROL_LIST,
			PH_CONTROL_ALARMS},
		4, web_finish_alarms, NULL, false},
	LOOK("/v1/wiring", CONTROL_PARTS),
	LOOK("/v1/drift", CONTROL_DIFF),
	LOOK("/v1/journal", STORE_EVENTS),
	LOOK("/v1/plans", CONTROL_PLANS),
	LOOK("/v1/transactions", CONTROL_TRANSACTIONS),
	{"GET", "/v1/watch", NULL, false, false, {PH_NODE_HEALTH}, 1,
		web_watch_begin, NULL, false},
	{"GET", "/healthz", NULL, false, false, {PH_NODE_HEALTH}, 1,
		web_finish_health, NULL, false},
	{"GET", "/readyz", NULL, false, false, {PH_NODE_READY}, 1,
		web_finish_ready, NULL, false},
	{"GET", "/metrics", NULL, false, false,
		{PH_NODE_STATUS, PH_CONTROL_LIST, PH_EXECUTOR_LIST,
			PH_MESH_PEERS, PH_CONTROL_DIFF, PH_CONTROL_ALARMS},
		6, web_finish_metrics, NULL, false},
	ADD("/v1/plan", CONTROL_PLAN, NULL),
	CHANGE("/v1/apply", CONTROL_APPLY, NULL),
	CHANGE("/v1/unapply", CONTROL_UNAPPLY, NULL),
	CHANGE("/v1/revert", CONTROL_REVERT, "override"),
	CHANGE("/v1/resolve", CONTROL_RESOLVE, NULL),
	ADD("/v1/connect", CONTROL_CONNECT, "from"),
	CHANGE("/v1/disconnect", CONTROL_DISCONNECT, "connection"),
	CHANGE("/v1/move", CONTROL_MOVE, "connection"),
	CHANGE("/v1/interpose", CONTROL_INTERPOSE, "connection"),
	CHANGE("/v1/withdraw", CONTROL_WITHDRAW, "connection"),
	ADD("/v1/reserve", HOSTESS_HOLD, NULL),
	CHANGE("/v1/release", HOSTESS_RELEASE, NULL),
	ADD("/v1/start", EXECUTOR_RUN, NULL),
	CHANGE("/v1/stop", EXECUTOR_HALT, NULL),
	CHANGE("/v1/restart", EXECUTOR_RESTART, NULL),
	ADD("/v1/tap", CONTROL_TAP, "address"),
	ADD("/v1/ack", CONTROL_ACK, NULL),
	ADD("/v1/shelve", CONTROL_SHELVE, NULL),
	ADD("/v1/unshelve", CONTROL_UNSHELVE, NULL),
};

const struct web_route *web_route_at(unsigned index)
{
	return index < sizeof(routes) / sizeof(routes[0]) ? &routes[index]
							  : NULL;
}

/* --- requests --- */

#define LOOKS "GET, HEAD"

static bool path_is(const struct web_route *route, const char *path)
{
	size_t length = strlen(route->path);

	if (route->path[length - 1] != '/' || length == 1)
		return !strcmp(route->path, path);
	return !strncmp(route->path, path, length) && path[length];
}

/* NULL; *allow: with which methods the path is there, or NULL. */
static const struct web_route *route_find(
	const char *method, const char *path, const char **allow)
{
	bool head = !strcmp(method, "HEAD");

	*allow = NULL;
	if (head)
		method = "GET";
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!path_is(&routes[i], path))
			continue;
		/* What never ends has no length that HEAD could tell. */
		*allow = routes[i].finish == web_watch_begin ? "GET"
			 : !strcmp(routes[i].method, "GET")  ? LOOKS
							     : "POST";
		if (!strcmp(routes[i].method, method) &&
			!(head && routes[i].finish == web_watch_begin))
			return &routes[i];
	}
	return NULL;
}

struct web_query *web_route_begin(
	struct ph_web *web, struct ph_exchange *exchange)
{
	struct ph_error error;

	if (web->queries < WEB_QUERIES)
		return web_query_create(web, exchange);
	ph_fail(&error, PH_EXIT_TIMEOUT, "", "ask again later",
		"%u requests are on their way", WEB_QUERIES);
	refuse_as(exchange, 503, web_headers, &error);
	return NULL;
}

static void run_route(struct ph_web *web, struct ph_exchange *exchange,
	const struct web_route *route)
{
	struct web_query *query = web_route_begin(web, exchange);
	struct ph_error error;

	if (!query)
		return;
	query->timeout = route->slow ? WEB_SLOW_TIMEOUT : WEB_TIMEOUT;
	query->finish = route->finish;
	if (web_ask(query, route, exchange, &error)) {
		web_refuse(exchange, &error);
		web_query_free(query);
		return;
	}
	web_query_send(query);
}

/* --- files --- */

static const struct ph_web_file *file_find(const char *path)
{
	const struct ph_web_file *file = ph_web_files;

	while (file->path && strcmp(file->path, path) != 0)
		file++;
	return file->path ? file : NULL;
}

static void answer_file(
	struct ph_exchange *exchange, const struct ph_web_file *file)
{
	const char *encodings =
		ph_exchange_header(exchange, PH_HTTP_ACCEPT_ENCODING);
	bool packed = strstr(encodings, "gzip") != NULL;
	char headers[1200];

	snprintf(headers, sizeof(headers), "%sETag: %s\r\n%s", web_headers,
		file->tag,
		packed ? "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
		       : "Vary: Accept-Encoding\r\n");
	ph_exchange_answer(exchange, 200, file->type, headers,
		packed ? file->packed : file->plain,
		packed ? file->packed_length : file->plain_length);
}

/* The path is there, but for another method. */
static void refuse_method(
	struct ph_exchange *exchange, const char *path, const char *allow)
{
	char headers[1200];
	struct ph_error error;

	snprintf(headers, sizeof(headers), "%sAllow: %s\r\n", web_headers,
		allow);
	ph_fail(&error, PH_EXIT_USAGE, path, allow, "takes no %s",
		ph_exchange_method(exchange));
	refuse_as(exchange, 405, headers, &error);
}

void web_route(struct ph_web *web, struct ph_exchange *exchange)
{
	const char *method = ph_exchange_method(exchange);
	const char *path = ph_exchange_path(exchange);
	const struct ph_web_file *file = file_find(path);
	struct web_claim claim = web_claim_of(web, exchange);
	const struct web_route *route;
	struct ph_error error;
	const char *allow;
	const char *why;

	if (!web_auth_origin(&claim, &why)) {
		ph_fail(&error, PH_EXIT_DENIED, claim.host,
			"use the address that posthouse status shows as http",
			"%s", why);
		web_refuse(exchange, &error);
		return;
	}
	route = route_find(method, path, &allow);
	if (!strcmp(path, WEB_MCP_PATH)) {
		if (!strcmp(method, "POST"))
			web_mcp_run(web, exchange);
		else
			refuse_method(exchange, path, "POST");
	} else if (route) {
		run_route(web, exchange, route);
	} else if (file &&
		   (!strcmp(method, "GET") || !strcmp(method, "HEAD"))) {
		answer_file(exchange, file);
	} else if (allow || file) {
		refuse_method(exchange, path, allow ? allow : LOOKS);
	} else {
		ph_fail(&error, PH_EXIT_NOT_FOUND, path,
			"doc/HTTP.md lists the paths", "no such path");
		web_refuse(exchange, &error);
	}
}
