#include "controlsurface/graph.h"

#include <inttypes.h>
#include <string.h>

/* The graph in the languages of others' renderers. Names are what
 * proto/address.h allows, types and states are not: text is escaped. */

/* "Inf" instead of a number is what no renderer draws. */
static void rate_text(char *out, size_t size, uint64_t rate)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double value = (double)rate;
	unsigned unit = 0;

	while (value >= 999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	snprintf(out, size, unit ? "%.3g %s/s" : "%.0f %s/s", value,
		units[unit]);
}

static void edge_label(const struct ph_graph_edge *edge, char *out, size_t size)
{
	uint64_t sent = edge->rates.over[PH_RATE_1].of[PH_RATE_SENT_BYTES];
	char rate[32];

	rate_text(rate, sizeof(rate), sent);
	if (sent)
		snprintf(out, size, "%s", rate);
	else
		snprintf(out, size, "%s", edge->state);
}

static bool starts_host(const struct ph_graph *graph, unsigned i)
{
	return !i ||
	       strcmp(graph->servers[i - 1].node, graph->servers[i].node) != 0;
}

static bool ends_host(const struct ph_graph *graph, unsigned i)
{
	return i + 1 == graph->server_count || starts_host(graph, i + 1);
}

static bool is_open(const struct ph_graph_edge *edge)
{
	return !strcmp(edge->state, "open") ||
	       !strcmp(edge->state, "flowing") ||
	       !strcmp(edge->state, "idle") || !strcmp(edge->state, "blocked");
}

/* --- Graphviz --- */

/* Within "": a quote and a backslash get a backslash; control bytes go. */
static void quote(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char letter = (unsigned char)*text;

		if (letter < 0x20 || letter == 0x7f)
			continue;
		if (letter == '"' || letter == '\\')
			fputc('\\', out);
		fputc(letter, out);
	}
}

/* Within a record label these mean something, too. */
static void quote_record(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char letter = (unsigned char)*text;

		if (letter < 0x20 || letter == 0x7f)
			continue;
		if (strchr("\"\\{}|<> ", letter))
			fputc('\\', out);
		fputc(letter, out);
	}
}

static bool is_output(enum ph_terminal_kind kind)
{
	return kind == PH_GRAPH_OUT || kind == PH_GRAPH_MUX;
}

/* Inputs left, outputs right; one that feeds or takes many says so. */
static void dot_ports(
	const struct ph_graph_server *server, bool outputs, FILE *out)
{
	bool any = false;

	fputc('{', out);
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_graph_terminal *terminal =
			&server->terminals[i];

		if (is_output(terminal->kind) != outputs)
			continue;
		fprintf(out, "%s<%c_", any ? "|" : "", outputs ? 'o' : 'i');
		quote_record(out, terminal->name);
		fputs("> ", out);
		quote_record(out, terminal->name);
		if (terminal->kind == PH_GRAPH_MUX ||
			terminal->kind == PH_GRAPH_COMBINE)
			fprintf(out, "\\ (%s)",
				ph_graph_kind_name(terminal->kind));
		any = true;
	}
	fputc('}', out);
}

static void dot_server(const struct ph_graph_server *server, FILE *out)
{
	fputs("\t\t\"", out);
	quote(out, server->node);
	fputc('/', out);
	quote(out, server->name);
	fputs("\" [label=\"{", out);
	dot_ports(server, false, out);
	fputc('|', out);
	quote_record(out, server->name);
	fputc('|', out);
	dot_ports(server, true, out);
	fprintf(out, "}\"%s];\n", server->absent ? ", style=dashed" : "");
}

static void dot_end(const struct ph_graph_server *server, char side,
	const char *terminal, FILE *out)
{
	fputc('"', out);
	quote(out, server->node);
	fputc('/', out);
	quote(out, server->name);
	fprintf(out, "\":\"%c_", side);
	quote(out, terminal);
	fputc('"', out);
}

static void dot_edge(const struct ph_graph *graph,
	const struct ph_graph_edge *edge, FILE *out)
{
	char label[40];

	edge_label(edge, label, sizeof(label));
	fputc('\t', out);
	dot_end(&graph->servers[edge->from], 'o', edge->output, out);
	fputs(" -> ", out);
	dot_end(&graph->servers[edge->to], 'i', edge->input, out);
	fputs(" [id=\"", out);
	quote(out, edge->id);
	fputs("\", label=\"", out);
	quote(out, label);
	fprintf(out, "\"%s%s];\n", is_open(edge) ? "" : ", style=dashed",
		edge->manual ? ", arrowhead=empty" : "");
}

void ph_graph_dot(const struct ph_graph *graph, FILE *out)
{
	fputs("digraph posthouse {\n\trankdir=LR;\n"
	      "\tnode [shape=record, fontname=\"sans-serif\"];\n"
	      "\tedge [fontname=\"sans-serif\", fontsize=10];\n",
		out);
	for (unsigned i = 0; i < graph->server_count; i++) {
		if (starts_host(graph, i)) {
			fputs("\tsubgraph \"cluster_", out);
			quote(out, graph->servers[i].node);
			fputs("\" {\n\t\tlabel=\"", out);
			quote(out, graph->servers[i].node);
			fputs("\";\n", out);
		}
		dot_server(&graph->servers[i], out);
		if (ends_host(graph, i))
			fputs("\t}\n", out);
	}
	for (unsigned i = 0; i < graph->edge_count; i++)
		dot_edge(graph, &graph->edges[i], out);
	fputs("}\n", out);
}

/* --- Mermaid: numbers are names, labels are quoted --- */

static void entity(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char letter = (unsigned char)*text;

		if (letter < 0x20 || letter == 0x7f)
			continue;
		if (strchr("\"#<>&;`|", letter))
			fprintf(out, "#%u;", letter);
		else
			fputc(letter, out);
	}
}

static const char *many(
	const struct ph_graph_server *server, const char *terminal)
{
	for (unsigned i = 0; i < server->terminal_count; i++) {
		if (strcmp(server->terminals[i].name, terminal) != 0)
			continue;
		if (server->terminals[i].kind == PH_GRAPH_MUX)
			return " (mux)";
		if (server->terminals[i].kind == PH_GRAPH_COMBINE)
			return " (combine)";
	}
	return "";
}

static void mermaid_edge(const struct ph_graph *graph,
	const struct ph_graph_edge *edge, FILE *out)
{
	char label[40];

	edge_label(edge, label, sizeof(label));
	fprintf(out, "\ts%u %s|\"", edge->from, is_open(edge) ? "-->" : "-.->");
	entity(out, edge->output);
	entity(out, many(&graph->servers[edge->from], edge->output));
	fputs(" to ", out);
	entity(out, edge->input);
	entity(out, many(&graph->servers[edge->to], edge->input));
	fputs(", ", out);
	entity(out, label);
	fprintf(out, "%s\"| s%u\n", edge->manual ? ", by hand" : "", edge->to);
}

void ph_graph_mermaid(const struct ph_graph *graph, FILE *out)
{
	unsigned host = 0;

	fputs("flowchart LR\n", out);
	for (unsigned i = 0; i < graph->server_count; i++) {
		if (starts_host(graph, i)) {
			fprintf(out, "\tsubgraph h%u[\"", host++);
			entity(out, graph->servers[i].node);
			fputs("\"]\n", out);
		}
		fprintf(out, "\t\ts%u[\"", i);
		entity(out, graph->servers[i].name);
		fprintf(out, "\"]%s\n",
			graph->servers[i].absent ? ":::absent" : "");
		if (ends_host(graph, i))
			fputs("\tend\n", out);
	}
	for (unsigned i = 0; i < graph->edge_count; i++)
		mermaid_edge(graph, &graph->edges[i], out);
	fputs("\tclassDef absent stroke-dasharray: 4 4\n", out);
}

/* --- D2: containers are hosts, then servers --- */

static void d2_name(FILE *out, const char *text)
{
	fputc('"', out);
	quote(out, text);
	fputc('"', out);
}

static void d2_end(
	const struct ph_graph_server *server, const char *terminal, FILE *out)
{
	d2_name(out, server->node);
	fputc('.', out);
	d2_name(out, server->name);
	fputc('.', out);
	d2_name(out, terminal);
}

static void d2_server(const struct ph_graph_server *server, FILE *out)
{
	fputs("  ", out);
	d2_name(out, server->name);
	fputs(": {\n", out);
	if (server->absent)
		fputs("    style.stroke-dash: 4\n", out);
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_graph_terminal *terminal =
			&server->terminals[i];

		fputs("    ", out);
		d2_name(out, terminal->name);
		if (terminal->kind == PH_GRAPH_MUX ||
			terminal->kind == PH_GRAPH_COMBINE)
			fputs(": {shape: hexagon}\n", out);
		else
			fputs(is_output(terminal->kind) ? ": {shape: oval}\n"
							: "\n",
				out);
	}
	fputs("  }\n", out);
}

static void d2_edge(const struct ph_graph *graph,
	const struct ph_graph_edge *edge, FILE *out)
{
	char label[40];

	edge_label(edge, label, sizeof(label));
	d2_end(&graph->servers[edge->from], edge->output, out);
	fputs(" -> ", out);
	d2_end(&graph->servers[edge->to], edge->input, out);
	fputs(": ", out);
	d2_name(out, label);
	if (!is_open(edge))
		fputs(" {style.stroke-dash: 4}", out);
	fputc('\n', out);
}

void ph_graph_d2(const struct ph_graph *graph, FILE *out)
{
	fputs("direction: right\n", out);
	for (unsigned i = 0; i < graph->server_count; i++) {
		if (starts_host(graph, i)) {
			d2_name(out, graph->servers[i].node);
			fputs(": {\n", out);
		}
		d2_server(&graph->servers[i], out);
		if (ends_host(graph, i))
			fputs("}\n", out);
	}
	for (unsigned i = 0; i < graph->edge_count; i++)
		d2_edge(graph, &graph->edges[i], out);
}

/* --- our own --- */

static void write_server(
	const struct ph_graph_server *server, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_text(writer, "node", server->node);
	ph_put_text(writer, "server", server->name);
	ph_put_bool(writer, "absent", server->absent);
	ph_put_int(writer, "layer", server->layer);
	ph_put_int(writer, "order", server->order);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_graph_terminal *terminal =
			&server->terminals[i];

		ph_write_map(writer);
		ph_put_text(writer, "name", terminal->name);
		ph_put_text(writer, "kind", ph_graph_kind_name(terminal->kind));
		ph_put_text(writer, "type", terminal->type);
		ph_put_int(writer, "connections", terminal->connections);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

static void write_end(struct ph_writer *writer, const char *key,
	const struct ph_graph_server *server, const char *terminal)
{
	char text[128];

	snprintf(text, sizeof(text), "%s/%s:%s", server->node, server->name,
		terminal);
	ph_put_text(writer, key, text);
}

void ph_graph_write(const struct ph_graph *graph, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_int(writer, "layers", graph->layers);
	ph_put_list(writer, "nodes");
	for (unsigned i = 0; i < graph->server_count; i++)
		write_server(&graph->servers[i], writer);
	ph_write_end(writer);
	ph_put_list(writer, "edges");
	for (unsigned i = 0; i < graph->edge_count; i++) {
		const struct ph_graph_edge *edge = &graph->edges[i];
		const struct ph_rate_count *rate = &edge->rates.over[PH_RATE_1];

		ph_write_map(writer);
		ph_put_int(writer, "layer", graph->servers[edge->from].layer);
		ph_put_int(writer, "order", edge->order);
		ph_put_text(writer, "id", edge->id);
		write_end(writer, "from", &graph->servers[edge->from],
			edge->output);
		write_end(writer, "to", &graph->servers[edge->to], edge->input);
		ph_put_text(writer, "state", edge->state);
		ph_put_text(writer, "transport", edge->transport);
		ph_put_u64(writer, "sent_bps", rate->of[PH_RATE_SENT_BYTES]);
		ph_put_u64(writer, "received_bps",
			rate->of[PH_RATE_RECEIVED_BYTES]);
		ph_rates_write(writer, "rate", &edge->rates);
		ph_put_bool(writer, "manual", edge->manual);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

ph_graph_fn *ph_graph_printer(const char *format)
{
	static const struct {
		const char *name;
		ph_graph_fn *print;
	} formats[] = {
		{"dot", ph_graph_dot},
		{"mermaid", ph_graph_mermaid},
		{"d2", ph_graph_d2},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(format, formats[i].name))
			return formats[i].print;
	return NULL;
}
