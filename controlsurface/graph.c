#include "controlsurface/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

static const char *const kinds[] = {"out", "mux", "in", "combine"};

const char *ph_graph_kind_name(enum ph_terminal_kind kind)
{
	return kinds[kind];
}

/* --- servers --- */

static int compare_servers(const void *a, const void *b)
{
	const struct ph_graph_server *one = a;
	const struct ph_graph_server *other = b;
	int node = strcmp(one->node, other->node);

	return node ? node : strcmp(one->name, other->name);
}

static struct ph_graph_server *server_find(
	const struct ph_graph *graph, const char *node, const char *name)
{
	struct ph_graph_server key;

	snprintf(key.node, sizeof(key.node), "%s", node);
	snprintf(key.name, sizeof(key.name), "%s", name);
	if (!graph->server_count)
		return NULL;
	return bsearch(&key, graph->servers, graph->server_count,
		sizeof(*graph->servers), compare_servers);
}

static enum ph_terminal_kind kind_of(struct ph_value direction)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ph_value_is(direction, kinds[i]))
			return (enum ph_terminal_kind)i;
	}
	return PH_GRAPH_IN;
}

static int take_server(struct ph_graph_server *server, struct ph_value guest)
{
	struct ph_value list = ph_value_get(guest, "terminals");
	size_t count = ph_value_count(list);

	ph_get_copy(guest, "node", server->node, sizeof(server->node));
	ph_get_copy(guest, "server", server->name, sizeof(server->name));
	server->terminals =
		calloc(count ? count : 1, sizeof(*server->terminals));
	if (!server->terminals)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct ph_value item = ph_value_at(list, i);
		struct ph_graph_terminal *terminal = &server->terminals[i];

		ph_get_copy(
			item, "name", terminal->name, sizeof(terminal->name));
		ph_get_copy(
			item, "type", terminal->type, sizeof(terminal->type));
		terminal->kind = kind_of(ph_value_get(item, "direction"));
	}
	server->terminal_count = (unsigned)count;
	return 0;
}

/* Room for the guests, and for two ends of every connection. */
static int take_servers(
	struct ph_graph *graph, struct ph_value guests, size_t connections)
{
	size_t count = ph_value_count(guests);
	int status = 0;

	if (count + 2 * connections > PH_GRAPH_SERVERS + 2 * PH_GRAPH_EDGES)
		return -E2BIG;
	graph->servers =
		calloc(count + 2 * connections + 1, sizeof(*graph->servers));
	if (!graph->servers)
		return -ENOMEM;
	for (size_t i = 0; i < count && !status; i++) {
		graph->server_count++;
		status =
			take_server(&graph->servers[i], ph_value_at(guests, i));
	}
	if (graph->server_count)
		qsort(graph->servers, graph->server_count,
			sizeof(*graph->servers), compare_servers);
	return status;
}

/* --- ends that no guest book knows --- */

static int read_end(
	struct ph_place *place, struct ph_value connection, const char *key)
{
	char text[160];

	return ph_place_parse(
		place, ph_get_copy(connection, key, text, sizeof(text)));
}

/* They stand behind the known ones until all are found. */
static unsigned note_absent(struct ph_graph *graph, unsigned count,
	struct ph_value connection, const char *key)
{
	struct ph_graph_server *server = &graph->servers[count];
	struct ph_place place;

	if (read_end(&place, connection, key) ||
		server_find(graph, place.node, place.server))
		return count;
	snprintf(server->node, sizeof(server->node), "%s", place.node);
	snprintf(server->name, sizeof(server->name), "%s", place.server);
	server->absent = true;
	return count + 1;
}

static void add_absent(struct ph_graph *graph, struct ph_value connections)
{
	unsigned count = graph->server_count;
	unsigned kept = 0;

	for (size_t i = 0; i < ph_value_count(connections); i++) {
		struct ph_value connection = ph_value_at(connections, i);

		count = note_absent(graph, count, connection, "from");
		count = note_absent(graph, count, connection, "to");
	}
	if (count)
		qsort(graph->servers, count, sizeof(*graph->servers),
			compare_servers);
	for (unsigned i = 0; i < count; i++) {
		if (kept && !compare_servers(&graph->servers[i],
				    &graph->servers[kept - 1])) {
			free(graph->servers[i].terminals);
			continue;
		}
		graph->servers[kept++] = graph->servers[i];
	}
	graph->server_count = kept;
}

static struct ph_graph_terminal *terminal_get(struct ph_graph_server *server,
	const char *name, enum ph_terminal_kind kind)
{
	struct ph_graph_terminal *grown;

	for (unsigned i = 0; i < server->terminal_count; i++) {
		if (!strcmp(server->terminals[i].name, name))
			return &server->terminals[i];
	}
	grown = realloc(server->terminals,
		(server->terminal_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	server->terminals = grown;
	grown += server->terminal_count++;
	memset(grown, 0, sizeof(*grown));
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	grown->kind = kind;
	return grown;
}

/* --- edges --- */

static int compare_edges(const void *a, const void *b)
{
	const struct ph_graph_edge *one = a;
	const struct ph_graph_edge *other = b;

	return strcmp(one->id, other->id);
}

/* A filter runs where the output is. */
static void take_filter(struct ph_graph *graph, struct ph_graph_edge *edge,
	const char *node, struct ph_value via)
{
	struct ph_graph_server *server;

	if (!ph_value_count(via))
		return;
	ph_value_copy(ph_value_at(via, 0), edge->via, sizeof(edge->via));
	server = server_find(graph, node, edge->via);
	if (server)
		server->filter = true;
}

static int take_edge(struct ph_graph *graph, struct ph_value connection)
{
	struct ph_graph_edge *edge = &graph->edges[graph->edge_count];
	struct ph_graph_terminal *output;
	struct ph_graph_terminal *input;
	struct ph_graph_server *server;
	struct ph_place from;
	struct ph_place to;

	if (read_end(&from, connection, "from") ||
		read_end(&to, connection, "to"))
		return 0;
	server = server_find(graph, from.node, from.server);
	edge->from = (unsigned)(server - graph->servers);
	output = terminal_get(server, from.terminal, PH_GRAPH_OUT);
	server = server_find(graph, to.node, to.server);
	edge->to = (unsigned)(server - graph->servers);
	input = terminal_get(server, to.terminal, PH_GRAPH_IN);
	if (!output || !input)
		return -ENOMEM;
	output->connections++;
	input->connections++;
	ph_get_copy(connection, "id", edge->id, sizeof(edge->id));
	ph_get_copy(connection, "state", edge->state, sizeof(edge->state));
	ph_get_copy(connection, "transport", edge->transport,
		sizeof(edge->transport));
	memcpy(edge->output, from.terminal, sizeof(edge->output));
	memcpy(edge->input, to.terminal, sizeof(edge->input));
	take_filter(graph, edge, from.node, ph_value_get(connection, "via"));
	ph_rates_read(&edge->rates, ph_value_get(connection, "rate"));
	edge->manual = ph_value_is(ph_value_get(connection, "scope"), "");
	graph->edge_count++;
	return 0;
}

static int take_edges(struct ph_graph *graph, struct ph_value connections)
{
	size_t count = ph_value_count(connections);
	int status = 0;

	graph->edges = calloc(count + 1, sizeof(*graph->edges));
	if (!graph->edges)
		return -ENOMEM;
	for (size_t i = 0; i < count && !status; i++)
		status = take_edge(graph, ph_value_at(connections, i));
	if (graph->edge_count)
		qsort(graph->edges, graph->edge_count, sizeof(*graph->edges),
			compare_edges);
	return status;
}

/* --- layers (longest path; Kahn) --- */

struct layering {
	struct ph_graph *graph;
	unsigned *first; /* of each server's edges in `out` */
	unsigned *out;	 /* edges by their source */
	unsigned *ready; /* servers whose feeders all have a layer */
	unsigned ready_count;
	bool *done;
};

static void release(struct layering *layering, unsigned server)
{
	struct ph_graph *graph = layering->graph;
	unsigned layer = graph->servers[server].layer;

	layering->done[server] = true;
	for (unsigned i = layering->first[server];
		i < layering->first[server + 1]; i++) {
		unsigned to = graph->edges[layering->out[i]].to;
		struct ph_graph_server *fed = &graph->servers[to];

		if (layering->done[to])
			continue;
		if (fed->layer <= layer)
			fed->layer = layer + 1;
		if (!--fed->feeders)
			layering->ready[layering->ready_count++] = to;
	}
}

static void sort_edges(struct layering *layering)
{
	struct ph_graph *graph = layering->graph;

	for (unsigned i = 0; i < graph->edge_count; i++) {
		layering->first[graph->edges[i].from + 1]++;
		graph->servers[graph->edges[i].to].feeders++;
	}
	for (unsigned i = 0; i < graph->server_count; i++)
		layering->first[i + 1] += layering->first[i];
	for (unsigned i = graph->edge_count; i--;) {
		unsigned from = graph->edges[i].from;

		/* Filled from behind: `first` moves down to its place. */
		layering->out[--layering->first[from + 1]] = i;
	}
	/* Each start now stands one too far to the right. */
	memmove(layering->first, layering->first + 1,
		graph->server_count * sizeof(*layering->first));
	layering->first[graph->server_count] = graph->edge_count;
}

static void give_layers(struct layering *layering)
{
	struct ph_graph *graph = layering->graph;
	unsigned taken = 0;

	for (unsigned i = 0; i < graph->server_count; i++) {
		if (!graph->servers[i].feeders)
			layering->ready[layering->ready_count++] = i;
	}
	for (unsigned next = 0;;) {
		while (taken < layering->ready_count)
			release(layering, layering->ready[taken++]);
		/* What is left feeds itself: cut at the first by name. */
		while (next < graph->server_count && layering->done[next])
			next++;
		if (next == graph->server_count)
			break;
		graph->servers[next].feeders = 0;
		layering->ready[layering->ready_count++] = next;
	}
}

static int give_orders(struct ph_graph *graph)
{
	unsigned *used;

	for (unsigned i = 0; i < graph->server_count; i++) {
		if (graph->servers[i].layer >= graph->layers)
			graph->layers = graph->servers[i].layer + 1;
	}
	used = calloc(graph->layers + 1, sizeof(*used));
	if (!used)
		return -ENOMEM;
	for (unsigned i = 0; i < graph->server_count; i++)
		graph->servers[i].order = used[graph->servers[i].layer]++;
	memset(used, 0, (graph->layers + 1) * sizeof(*used));
	for (unsigned i = 0; i < graph->edge_count; i++) {
		struct ph_graph_edge *edge = &graph->edges[i];

		edge->order = used[graph->servers[edge->from].layer]++;
	}
	free(used);
	return 0;
}

static int lay_out(struct ph_graph *graph)
{
	unsigned servers = graph->server_count;
	struct layering layering = {
		.graph = graph,
		.first = calloc(servers + 2, sizeof(unsigned)),
		.out = calloc(graph->edge_count + 1, sizeof(unsigned)),
		.ready = calloc(servers + 1, sizeof(unsigned)),
		.done = calloc(servers + 1, sizeof(bool)),
	};
	int status = -ENOMEM;

	if (layering.first && layering.out && layering.ready && layering.done) {
		sort_edges(&layering);
		give_layers(&layering);
		status = give_orders(graph);
	}
	free(layering.first);
	free(layering.out);
	free(layering.ready);
	free(layering.done);
	return status;
}

/* --- life --- */

int ph_graph_make(struct ph_graph **out, struct ph_value guests,
	struct ph_value connections)
{
	struct ph_graph *graph = calloc(1, sizeof(*graph));
	int status = -ENOMEM;

	if (!graph)
		return -ENOMEM;
	if (ph_value_count(guests) > PH_GRAPH_SERVERS ||
		ph_value_count(connections) > PH_GRAPH_EDGES)
		status = -E2BIG;
	else
		status = take_servers(
			graph, guests, ph_value_count(connections));
	if (!status) {
		add_absent(graph, connections);
		status = take_edges(graph, connections);
	}
	if (!status)
		status = lay_out(graph);
	if (status)
		ph_graph_free(graph);
	else
		*out = graph;
	return status;
}

void ph_graph_free(struct ph_graph *graph)
{
	if (!graph)
		return;
	for (unsigned i = 0; i < graph->server_count; i++)
		free(graph->servers[i].terminals);
	free(graph->servers);
	free(graph->edges);
	free(graph);
}
