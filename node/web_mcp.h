#ifndef PH_NODE_WEB_MCP_H
#define PH_NODE_WEB_MCP_H

#include "node/web_inner.h"

/*
 * POST /mcp: the Model Context Protocol (streamable HTTP without a stream): one
 * JSON-RPC 2.0 message each, answered with one. The tools are the paths of
 * /v1/ (web_route.c) with the fields of their calls; who may use one, and what
 * it answers, is as it is there. All on the web thread.
 *
 *   web_mcp.c        messages, methods
 *   web_mcp_answer.c what goes back
 *   web_mcp_tools.c  the tools: their list, and one that is called
 */
#define WEB_MCP_PATH "/mcp"

/* What becomes of the query's answer. */
struct web_mcp {
	char *id; /* of the message, as JSON */

	const char *version; /* of the protocol, that is agreed on */
};

/* NULL is harmless. */
void web_mcp_free(struct web_mcp *mcp);
void web_mcp_run(struct ph_web *web, struct ph_exchange *exchange);

/* --- web_mcp_answer.c --- */

/* JSON-RPC 2.0, and one of our own: who asks may not. */
#define WEB_RPC_NOT_JSON   -32700
#define WEB_RPC_NO_REQUEST -32600
#define WEB_RPC_NO_METHOD  -32601
#define WEB_RPC_WRONG	   -32602
#define WEB_RPC_INTERNAL   -32603
#define WEB_RPC_DENIED	   -32001

/* `what` is "result" or "error", `text` the JSON of it, `id` that of the
 * message; NULL: it has none. */
void web_mcp_say(struct ph_exchange *exchange, unsigned status, const char *id,
	const char *what, const char *text);
/* The same of what the writer holds; takes it. */
void web_mcp_write(struct ph_exchange *exchange, unsigned status,
	const char *id, const char *what, struct ph_writer *writer);
/* What is wrong with the message itself. What cannot be one at all is 400. */
void web_mcp_refuse(struct ph_exchange *exchange, const char *id, int code,
	const char *where, const char *what);
/* A tool has answered this envelope. */
void web_mcp_answer(struct web_query *query, struct ph_exchange *exchange,
	const char *text, size_t length);
/* It was refused, or nobody may ask at all. */
void web_mcp_failed(struct web_query *query, struct ph_exchange *exchange,
	const struct ph_error *error);

/* --- web_mcp_tools.c --- */

/* The tool of this name; NULL: there is none. */
const struct web_route *web_mcp_tool(const char *name);
/* The tools that this role may use, as the JSON of {tools}; free it. */
char *web_mcp_list(enum ph_role role);
/* What `arguments` ask of the tool, into the query. -1 with the error. */
int web_mcp_ask(struct web_query *query, const struct web_route *route,
	struct ph_value arguments, struct ph_error *error);

#endif
