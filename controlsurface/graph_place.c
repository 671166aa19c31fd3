#include "controlsurface/graph.h"

#include <stdlib.h>
#include <string.h>

static int compare_id(const void *id, const void *entry)
{
	const struct ph_graph_edge *edge = entry;

	return strcmp(id, edge->id);
}

static void write_placed(struct ph_writer *writer, const struct ph_graph *graph,
	struct ph_value connection)
{
	const struct ph_graph_edge *edge = NULL;
	char id[sizeof(edge->id)];

	ph_get_copy(connection, "id", id, sizeof(id));
	if (graph->edge_count)
		edge = bsearch(id, graph->edges, graph->edge_count,
			sizeof(*graph->edges), compare_id);
	ph_write_map(writer);
	for (size_t i = 0; i < ph_value_count(connection); i++) {
		ph_write_value(writer, ph_value_key(connection, i));
		ph_write_value(writer, ph_value_item(connection, i));
	}
	if (edge) {
		ph_put_u64(writer, "layer", graph->servers[edge->from].layer);
		ph_put_u64(writer, "order", edge->order);
	}
	ph_write_end(writer);
}

int ph_graph_write_connections(
	struct ph_writer *writer, struct ph_value connections)
{
	struct ph_graph *graph;
	int status =
		ph_graph_make(&graph, (struct ph_value){NULL}, connections);

	if (status)
		return status;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(connections); i++)
		write_placed(writer, graph, ph_value_at(connections, i));
	ph_write_end(writer);
	ph_graph_free(graph);
	return 0;
}
