#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/web_mcp.h"

/* What goes back: results, answers of tools, and what is wrong. */

void web_mcp_say(struct ph_exchange *exchange, unsigned status, const char *id,
	const char *what, const char *text)
{
	char *whole = NULL;
	size_t length;
	FILE *out = open_memstream(&whole, &length);

	if (!out)
		return;
	fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"%s\":%s}\n",
		id ? id : "null", what, text);
	fclose(out);
	ph_exchange_answer(
		exchange, status, WEB_JSON, web_headers, whole, length);
	free(whole);
}

void web_mcp_write(struct ph_exchange *exchange, unsigned status,
	const char *id, const char *what, struct ph_writer *writer)
{
	char *text = ph_json_written(writer);

	web_mcp_say(
		exchange, text ? status : 500, id, what, text ? text : "{}");
	free(text);
}

void web_mcp_refuse(struct ph_exchange *exchange, const char *id, int code,
	const char *where, const char *what)
{
	struct ph_writer *writer;
	bool none = code == WEB_RPC_NOT_JSON || code == WEB_RPC_NO_REQUEST;
	char text[300];

	if (ph_writer_create(&writer))
		return;
	snprintf(text, sizeof(text), "%s%s%s", where, where[0] ? ": " : "",
		what);
	ph_write_map(writer);
	ph_put_int(writer, "code", code);
	ph_put_text(writer, "message", text);
	ph_write_end(writer);
	web_mcp_write(exchange, none ? 400 : 200, id, "error", writer);
}

/* The content of a tool's answer is the same JSON as text, for clients that
 * know no other. */
static void answer_tool(struct ph_exchange *exchange, const char *id,
	const char *json, size_t length, bool failed)
{
	char *quoted = ph_json_string(json, length);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (quoted && out)
		fprintf(out, "{\"content\":[{\"type\":\"text\",\"text\":%s}],",
			quoted);
	if (quoted && out && !failed)
		fprintf(out, "\"structuredContent\":%.*s,", (int)length, json);
	if (out) {
		fprintf(out, "\"isError\":%s}", failed ? "true" : "false");
		fclose(out);
	}
	if (quoted && text)
		web_mcp_say(exchange, 200, id, "result", text);
	free(quoted);
	free(text);
}

void web_mcp_answer(struct web_query *query, struct ph_exchange *exchange,
	const char *text, size_t length)
{
	while (length && text[length - 1] == '\n')
		length--;
	answer_tool(exchange, query->mcp->id, text, length, false);
}

static void put_error(struct ph_writer *writer, const struct ph_error *error)
{
	ph_write_map(writer);
	ph_put_int(writer, "code", WEB_RPC_DENIED);
	ph_put_text(writer, "message", error->what);
	ph_put_map(writer, "data");
	ph_put_int(writer, "exit", error->exit);
	ph_put_text(writer, "where", error->where);
	ph_put_text(writer, "next", error->next);
	ph_write_end(writer);
	ph_write_end(writer);
}

void web_mcp_failed(struct web_query *query, struct ph_exchange *exchange,
	const struct ph_error *error)
{
	struct ph_writer *writer;
	char *text;

	if (ph_writer_create(&writer))
		return;
	if (query->denied) {
		put_error(writer, error);
		web_mcp_write(exchange, 403, query->mcp->id, "error", writer);
		return;
	}
	ph_error_write(writer, error);
	text = ph_json_written(writer);
	if (text)
		answer_tool(exchange, query->mcp->id, text, strlen(text), true);
	free(text);
}
