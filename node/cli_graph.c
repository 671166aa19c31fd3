#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/graph.h"
#include "node/cli.h"
#include "node/gather.h"
#include "node/json.h"
#include "node/table.h"

/* graph, topology, flow: the whole mesh as this node can see it. A node that
 * does not answer is named on stderr. */

static int load(struct ph_cli *cli, struct ph_graph **graph)
{
	struct ph_gathered guests;
	struct ph_gathered connections;
	struct ph_error error;
	int code = ph_gather(cli, PH_HOSTESS_GUESTS, NULL, NULL, &guests);

	if (code)
		return code;
	code = ph_gather(cli, PH_CONTROL_LIST, NULL, NULL, &connections);
	if (code) {
		ph_gathered_free(&guests);
		return code;
	}
	code = ph_graph_make(graph, guests.items, connections.items);
	ph_gathered_free(&connections);
	ph_gathered_free(&guests);
	if (!code)
		return 0;
	ph_fail(&error, PH_EXIT_NEGATIVE, "graph",
		"ask for one node with --node", "%s", strerror(-code));
	return ph_cli_fail(cli, &error);
}

static int print_json(struct ph_cli *cli, const struct ph_graph *graph)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(writer);
	ph_graph_write(graph, writer);
	ph_write_end(writer);
	return ph_cli_written(cli, writer);
}

int ph_cmd_graph(struct ph_cli *cli)
{
	const char *format = cli->output ? cli->output : "json";
	ph_graph_fn *print = ph_graph_printer(format);
	struct ph_graph *graph;
	int code;

	if (cli->argc || (!print && strcmp(format, "json") != 0))
		return ph_cli_usage(cli, "graph");
	code = load(cli, &graph);
	if (code)
		return code;
	if (print)
		print(graph, stdout);
	else
		code = print_json(cli, graph);
	ph_graph_free(graph);
	return code;
}

/* --- topology --- */

static void print_edge(
	const struct ph_graph *graph, const struct ph_graph_edge *edge)
{
	const struct ph_graph_server *to = &graph->servers[edge->to];
	char end[130];
	char sent[24];

	snprintf(end, sizeof(end), "%s/%s:%s", to->node, to->name, edge->input);
	ph_text_bytes(sent, sizeof(sent),
		(double)edge->rates.over[PH_RATE_1].of[PH_RATE_SENT_BYTES]);
	printf("    %-16s -> %-36s %-10s %9s/s  %s%s%s%s\n", edge->output, end,
		edge->state, sent, edge->transport,
		edge->manual ? "  by hand" : "", *edge->via ? "  through " : "",
		edge->via);
}

static bool is_wired(const struct ph_graph_server *server)
{
	if (server->filter)
		return true;
	for (unsigned i = 0; i < server->terminal_count; i++) {
		if (server->terminals[i].connections)
			return true;
	}
	return false;
}

static void print_topology(const struct ph_graph *graph)
{
	for (unsigned i = 0; i < graph->server_count; i++) {
		const struct ph_graph_server *server = &graph->servers[i];

		if (!i || strcmp(graph->servers[i - 1].node, server->node) != 0)
			printf("%s\n", server->node);
		printf("  %s%s\n", server->name,
			server->absent	   ? "  (not there)"
			: is_wired(server) ? ""
					   : "  (not wired)");
		for (unsigned k = 0; k < graph->edge_count; k++) {
			if (graph->edges[k].from == i)
				print_edge(graph, &graph->edges[k]);
		}
	}
}

int ph_cmd_topology(struct ph_cli *cli)
{
	struct ph_graph *graph;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "topology");
	code = load(cli, &graph);
	if (code)
		return code;
	if (cli->json)
		code = print_json(cli, graph);
	else
		print_topology(graph);
	ph_graph_free(graph);
	return code;
}

/* --- flow --- */

static uint64_t blocked_of(struct ph_value item)
{
	return ph_get_u64(item, "blocked_ns");
}

/* What is in the way stands first. */
static int compare_flows(const void *a, const void *b)
{
	struct ph_value one = *(const struct ph_value *)a;
	struct ph_value other = *(const struct ph_value *)b;
	uint64_t sent[2] = {ph_get_u64(ph_value_get(one, "rate"), "sent_bps"),
		ph_get_u64(ph_value_get(other, "rate"), "sent_bps")};

	if (blocked_of(one) != blocked_of(other))
		return blocked_of(one) < blocked_of(other) ? 1 : -1;
	return sent[0] < sent[1] ? 1 : sent[0] > sent[1] ? -1 : 0;
}

static const struct ph_column flows[] = {
	{"ID", "id", PH_CELL_TEXT},
	{"FROM", "from", PH_CELL_TEXT},
	{"TO", "to", PH_CELL_TEXT},
	{"STATE", "state", PH_CELL_TEXT},
	{"SENT/s", "rate.1s.sent_bps", PH_CELL_RATE},
	{"10s", "rate.10s.sent_bps", PH_CELL_RATE},
	{"60s", "rate.60s.sent_bps", PH_CELL_RATE},
	{"MSGS/s", "rate.1s.sent_mps", PH_CELL_TEXT},
	{"RECV/s", "rate.1s.received_bps", PH_CELL_RATE},
	{"QUEUE", "queue.bytes", PH_CELL_BYTES},
	{"THERE", "queue.there", PH_CELL_BYTES},
	{"DROPPED", "dropped.messages", PH_CELL_TEXT},
};

static void print_flows(struct ph_value items)
{
	size_t rows = ph_value_count(items);
	struct ph_value *list = calloc(rows ? rows : 1, sizeof(*list));

	if (!list)
		abort();
	for (size_t i = 0; i < rows; i++)
		list[i] = ph_value_at(items, i);
	qsort(list, rows, sizeof(*list), compare_flows);
	ph_table_print(
		stdout, flows, sizeof(flows) / sizeof(flows[0]), list, rows);
	free(list);
}

static bool is_named(struct ph_value item, const char *key, const char *address)
{
	size_t length = strcspn(address, ":");
	struct ph_value terminals = ph_value_get(item, "terminals");
	char server[64];

	snprintf(server, sizeof(server), "%.*s", (int)length, address);
	if (!ph_value_is(ph_value_get(item, key), server))
		return false;
	for (size_t i = 0; i < ph_value_count(terminals); i++)
		if (address[length] &&
			ph_value_is(
				ph_value_get(ph_value_at(terminals, i), "name"),
				address + length + 1))
			return true;
	return !address[length];
}

static int find_named(struct ph_cli *cli, uint16_t method, const char *key,
	const char *address, bool *found)
{
	struct ph_gathered gathered;
	int code = ph_gather(cli, method, NULL, NULL, &gathered);

	if (code)
		return code;
	for (size_t i = 0; i < ph_value_count(gathered.items); i++)
		*found |=
			is_named(ph_value_at(gathered.items, i), key, address);
	ph_gathered_free(&gathered);
	return 0;
}

/* A name without a node may be that of a server anywhere. */
static int check_name(struct ph_cli *cli, const char *address)
{
	struct ph_error error;
	bool found = false;
	int code =
		find_named(cli, PH_HOSTESS_GUESTS, "server", address, &found);

	if (!code && !found)
		code = find_named(
			cli, PH_EXECUTOR_LIST, "name", address, &found);
	if (code || found)
		return code;
	ph_fail(&error, PH_EXIT_NOT_FOUND, "flow",
		"see `posthouse guests` and `posthouse connections`",
		"nothing is called '%s'", address);
	return ph_cli_fail(cli, &error);
}

/* What has no connection is there, or is mistyped: its node knows. */
static int check_address(struct ph_cli *cli, const char *address)
{
	size_t length = strcspn(address, "/#");
	struct ph_reply reply;
	char node[40];
	int code;

	if (!address[length] && !cli->node[0])
		return check_name(cli, address);
	if (address[length]) {
		snprintf(node, sizeof(node), "%.*s", (int)length, address);
		cli->node = node;
	}
	code = ph_cli_call(cli, PH_CONTROL_SHOW,
		ph_cli_argument("address", address), &reply);
	if (!code)
		ph_reply_free(&reply);
	return code;
}

static int show_flows(struct ph_cli *cli, struct ph_value items)
{
	if (cli->json)
		return ph_cli_envelope(cli, items);
	print_flows(items);
	return 0;
}

int ph_cmd_flow(struct ph_cli *cli)
{
	const char *asked_node = cli->node;
	const char *address = cli->argc ? cli->argv[0] : NULL;
	struct ph_gathered gathered;
	int code;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "flow");
	code = ph_gather(cli, PH_CONTROL_LIST, "address", address, &gathered);
	if (code)
		return code;
	if (address && *address && !ph_value_count(gathered.items))
		code = check_address(cli, address);
	cli->node = asked_node;
	if (!code)
		code = show_flows(cli, gathered.items);
	ph_gathered_free(&gathered);
	return code;
}
