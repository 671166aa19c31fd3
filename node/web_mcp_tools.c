#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/answers.h"
#include "node/json.h"
#include "node/web_mcp.h"
#include "node/web_window.h"

/* --- which there are --- */

#define PREFIX "/v1/"

/* What the call's sentence does not say, and as which command the tool
 * answers (node/answers.def). */
static const struct note {
	const char *tool;
	const char *sentence;
	const char *answer;
} notes[] = {
	{"status", NULL, "status"},
	{"servers", NULL, "servers"},
	{"logs", NULL, "logs"},
	{"guests", NULL, "guests"},
	{"menu", NULL, "menu"},
	{"show", NULL, "show"},
	{"connections", NULL, "connections"},
	{"journal", NULL, "events"},
	{"drift", NULL, "diff"},
	{"flows",
		"every connection of the mesh: its state, its rates at both "
		"ends, what waits in it; bytes and messages per second",
		NULL},
	{"topology",
		"the whole mesh as a graph: hosts, their servers and "
		"terminals, and what is wired to what",
		"topology"},
	{"alarms",
		"what is wrong in the mesh, each cause once, with what it "
		"explains",
		"alarms"},
	{"plan",
		"what applying a wiring file (YAML, its text) would do; "
		"nothing is changed, the plan is kept to be applied",
		NULL},
};

static const struct note *note_of(const char *tool)
{
	static const struct note none = {0};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (!strcmp(notes[i].tool, tool))
			return &notes[i];
	return &none;
}

/* "" when the path is no tool: what is watched, and what has another name. */
static void name_of(char *out, size_t size, const struct web_route *route)
{
	const char *name = route->path + strlen(PREFIX);

	out[0] = 0;
	if (strncmp(route->path, PREFIX, strlen(PREFIX)) != 0 ||
		route->finish == web_watch_begin ||
		!strcmp(name, "terminals") || !strcmp(name, "connections/"))
		return;
	snprintf(out, size, "%.*s", (int)strcspn(name, "/"), name);
}

const struct web_route *web_mcp_tool(const char *name)
{
	const struct web_route *route;
	char own[40];

	for (unsigned i = 0; (route = web_route_at(i)); i++) {
		name_of(own, sizeof(own), route);
		if (own[0] && !strcmp(own, name))
			return route;
	}
	return NULL;
}

static bool only_looks(const struct web_route *route)
{
	return !strcmp(route->method, "GET");
}

static bool may_use(const struct web_route *route, enum ph_role role)
{
	for (unsigned i = 0; i < route->count; i++)
		if (ph_call_type(route->calls[i])->role > role)
			return false;
	return true;
}

/* --- what each takes --- */

/* Beside the call's own. */
static const struct view {
	const char *name;
	const char *type;
	const char *sentence;
} views[] = {
	{"node", "string", "which node is asked; this one, unless said"},
	{"scope", "string", "mesh (each node is asked) or local"},
	{"all", "boolean", "those that are shelved, too"},
	{"window", "string", "which rates: " WEB_WINDOWS},
};

static bool has_view(const struct web_route *route, const char *view)
{
	if (!strcmp(view, "scope"))
		return route->mesh;
	if (!strcmp(view, "all"))
		return route->finish == web_finish_alarms;
	if (!strcmp(view, "window"))
		return route->finish == web_finish_flows;
	return true;
}

static const struct view *view_find(
	const struct web_route *route, const char *name)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (!strcmp(views[i].name, name) && has_view(route, name))
			return &views[i];
	return NULL;
}

/* Those that make an answer without items, and those that JSON has not. */
static bool is_hidden(const struct ph_field_type *field)
{
	return field->type == PH_BYTES || !strcmp(field->name, "counts") ||
	       !strcmp(field->name, "brief");
}

/* Where several calls make one answer, none of their fields is taken. */
static const struct ph_field_type *field_at(
	const struct web_route *route, size_t index)
{
	const struct ph_call_type *type = ph_call_type(route->calls[0]);

	return route->count == 1 && index < type->field_count
		       ? &type->fields[index]
		       : NULL;
}

static const struct ph_field_type *field_find(
	const struct web_route *route, const char *name)
{
	const struct ph_field_type *field;

	for (size_t i = 0; (field = field_at(route, i)); i++)
		if (!is_hidden(field) && !strcmp(field->name, name))
			return field;
	return NULL;
}

static const char *const types[] = {[PH_NIL] = "null",
	[PH_BOOL] = "boolean",
	[PH_INT] = "integer",
	[PH_FLOAT] = "number",
	[PH_TEXT] = "string",
	[PH_BYTES] = "string",
	[PH_LIST] = "array",
	[PH_MAP] = "object"};

static void put_property(struct ph_writer *writer, const char *name,
	const char *type, const char *sentence)
{
	ph_put_map(writer, name);
	ph_put_text(writer, "type", type);
	ph_put_text(writer, "description", sentence);
	ph_write_end(writer);
}

static void put_properties(
	struct ph_writer *writer, const struct web_route *route)
{
	const struct ph_field_type *field;

	ph_put_map(writer, "properties");
	for (size_t i = 0; (field = field_at(route, i)); i++)
		if (!is_hidden(field) && strcmp(field->name, "node") != 0)
			put_property(writer, field->name, types[field->type],
				field->sentence);
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (has_view(route, views[i].name))
			put_property(writer, views[i].name, views[i].type,
				views[i].sentence);
	ph_write_end(writer);
}

static void put_input(struct ph_writer *writer, const struct web_route *route)
{
	const struct ph_field_type *field;

	ph_put_map(writer, "inputSchema");
	ph_put_text(writer, "type", "object");
	put_properties(writer, route);
	ph_put_list(writer, "required");
	for (size_t i = 0; (field = field_at(route, i)); i++)
		if (field->must)
			ph_write_text(writer, field->name);
	ph_write_end(writer);
	ph_put_bool(writer, "additionalProperties", false);
	ph_write_end(writer);
}

/* --- the list --- */

static void put_tool(struct ph_writer *writer, const struct web_route *route,
	const char *name, const struct note *note)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", name);
	ph_put_text(writer, "description",
		note->sentence ? note->sentence
			       : ph_call_type(route->calls[0])->sentence);
	put_input(writer, route);
	ph_put_map(writer, "annotations");
	ph_put_bool(writer, "readOnlyHint", only_looks(route));
	ph_put_bool(writer, "destructiveHint", route->destroys);
	ph_put_bool(writer, "openWorldHint", false);
	ph_write_end(writer);
	ph_write_end(writer);
}

/* One tool. What it answers is text already, and goes behind the rest. */
static int print_tool(FILE *out, const struct web_route *route,
	const char *name, struct ph_writer *writer)
{
	const struct note *note = note_of(name);
	struct ph_document *document;
	const uint8_t *data;
	size_t length;
	char *schema = note->answer ? ph_answer_schema(note->answer) : NULL;
	char *text = NULL;

	ph_writer_reset(writer);
	put_tool(writer, route, name, note);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		text = ph_json_text(ph_document_root(document));
		ph_document_free(document);
	}
	if (text && schema)
		fprintf(out, "%.*s,\"outputSchema\":%s}", (int)strlen(text) - 1,
			text, schema);
	else if (text)
		fputs(text, out);
	free(schema);
	free(text);
	return text ? 0 : -1;
}

static int print_tools(FILE *out, struct ph_writer *writer, enum ph_role role)
{
	const struct web_route *route;
	char name[40];
	bool more = false;
	int code = 0;

	fputs("{\"tools\":[", out);
	for (unsigned i = 0; !code && (route = web_route_at(i)); i++) {
		name_of(name, sizeof(name), route);
		if (!name[0] || !may_use(route, role))
			continue;
		if (more)
			fputc(',', out);
		more = true;
		code = print_tool(out, route, name, writer);
	}
	fputs("]}", out);
	return code;
}

char *web_mcp_list(enum ph_role role)
{
	struct ph_writer *writer;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int code;

	if (!out)
		return NULL;
	code = ph_writer_create(&writer);
	if (!code) {
		code = print_tools(out, writer, role);
		ph_writer_free(writer);
	}
	if (!fclose(out) && !code)
		return text;
	free(text);
	return NULL;
}

/* --- one that is called --- */

static int not_valid(
	struct ph_error *error, const char *field, const char *next)
{
	return ph_fail(error, PH_EXIT_USAGE, field, next, "not valid");
}

/* Every argument is one of the tool's, and of its type: a name that is written
 * wrong would change something else than was meant. */
static int check(const struct web_route *route, struct ph_value arguments,
	struct ph_error *error)
{
	const struct ph_field_type *field;
	const struct view *view;
	const char *wanted;
	enum ph_type type;
	char name[80];

	for (size_t i = 0; i < ph_value_count(arguments); i++) {
		ph_value_copy(ph_value_key(arguments, i), name, sizeof(name));
		view = view_find(route, name);
		field = view ? NULL : field_find(route, name);
		if (!view && !field)
			return ph_fail(error, PH_EXIT_USAGE, name,
				"tools/list has those that there are",
				"no such argument");
		wanted = view ? view->type : types[field->type];
		type = ph_value_type(ph_value_item(arguments, i));
		if (strcmp(types[type], wanted) != 0)
			return ph_fail(error, PH_EXIT_USAGE, name,
				"tools/list has the types",
				"must be of the type %s", wanted);
	}
	return 0;
}

static int read_view(struct web_query *query, const struct web_route *route,
	struct ph_value arguments, struct ph_error *error)
{
	char text[300];

	ph_get_copy(arguments, "node", query->node, sizeof(query->node));
	ph_get_copy(arguments, "scope", text, sizeof(text));
	if (text[0] && strcmp(text, "mesh") != 0 && strcmp(text, "local") != 0)
		return not_valid(error, "scope", "mesh or local");
	query->mesh = route->mesh && strcmp(text, "local") != 0;
	query->all = ph_get_bool(arguments, "all");
	ph_get_copy(arguments, "window", text, sizeof(text));
	if (!web_window_read(&query->windows, text))
		return not_valid(error, "window", WEB_WINDOWS);
	if (!query->node[0] && (route->owner || route->rest)) {
		ph_get_copy(arguments,
			route->owner ? route->owner : route->rest, text,
			sizeof(text));
		web_owner_of(query->node, sizeof(query->node), text);
	}
	return 0;
}

static void write_fields(struct ph_writer *writer,
	const struct web_route *route, struct ph_value arguments)
{
	const struct ph_field_type *field;
	struct ph_value item;

	ph_write_map(writer);
	for (size_t i = 0; (field = field_at(route, i)); i++) {
		item = ph_value_get(arguments, field->name);
		if (ph_value_type(item) == PH_NIL ||
			(only_looks(route) && !strcmp(field->name, "node")))
			continue;
		ph_write_text(writer, field->name);
		ph_write_value(writer, item);
	}
	ph_write_end(writer);
}

int web_mcp_ask(struct web_query *query, const struct web_route *route,
	struct ph_value arguments, struct ph_error *error)
{
	struct ph_writer *writer;
	int code = 0;

	if (check(route, arguments, error) ||
		read_view(query, route, arguments, error))
		return -1;
	if (ph_writer_create(&writer))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "", "try again", "no memory");
	for (unsigned i = 0; i < route->count && !code; i++) {
		ph_writer_reset(writer);
		write_fields(writer, route, arguments);
		if (web_query_ask(query, route->calls[i], writer))
			code = ph_fail(error, PH_EXIT_USAGE, "", "",
				"cannot be asked");
	}
	ph_writer_free(writer);
	query->timeout = route->slow ? WEB_SLOW_TIMEOUT : WEB_TIMEOUT;
	query->finish = route->finish;
	return code;
}
