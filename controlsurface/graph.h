#ifndef PH_CONTROLSURFACE_GRAPH_H
#define PH_CONTROLSURFACE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/rate.h"

/*
 * The topology as a graph to draw: hosts hold servers, servers have terminals,
 * edges are connections. Made of what guest books (hostess.guests) and control
 * surfaces (control.connections) answered, and put in an order that does not
 * depend on the order of the answers: the same mesh gives the same picture.
 *
 * Layers are for renderers: every server stands right of those that feed it, as
 * far left as that allows; within a layer they stand by node and name. Cycles
 * are cut at the first server by name.
 *
 * Pure. Text from outside is escaped as each format wants it.
 */
struct ph_graph;

enum ph_terminal_kind {
	PH_GRAPH_OUT,
	PH_GRAPH_MUX,
	PH_GRAPH_IN,
	PH_GRAPH_COMBINE
};

struct ph_graph_terminal {
	char name[40];
	char type[64];
	enum ph_terminal_kind kind;
	unsigned connections;
};

struct ph_graph_server {
	char node[40];
	char name[40];
	bool absent; /* wired, but in no guest book */
	bool filter; /* put into a connection */
	struct ph_graph_terminal *terminals;
	unsigned terminal_count;
	unsigned layer;
	unsigned order;	  /* within its layer */
	unsigned feeders; /* the algorithm's */
};

struct ph_graph_edge {
	char id[96];
	unsigned from; /* index of its server */
	unsigned to;
	char output[40];
	char input[40];
	char state[24];
	char transport[24];
	char via[40]; /* the filter in it; "" */
	struct ph_rates rates;
	bool manual;	/* by hand */
	unsigned order; /* among those that leave the same layer */
};

struct ph_graph {
	struct ph_graph_server *servers; /* by node and name */
	unsigned server_count;
	struct ph_graph_edge *edges; /* by id */
	unsigned edge_count;
	unsigned layers;
};

/* Lists of the two answers; what is not in them is not drawn. -ENOMEM,
 * -E2BIG past PH_GRAPH_SERVERS or PH_GRAPH_EDGES. */
#define PH_GRAPH_SERVERS 65536u
#define PH_GRAPH_EDGES	 262144u
int ph_graph_make(struct ph_graph **out, struct ph_value guests,
	struct ph_value connections);
void ph_graph_free(struct ph_graph *graph);

typedef void ph_graph_fn(const struct ph_graph *graph, FILE *out);

/* Graphviz; Mermaid flowchart; D2. */
ph_graph_fn ph_graph_dot;
ph_graph_fn ph_graph_mermaid;
ph_graph_fn ph_graph_d2;
/* By the format's name: dot, mermaid or d2. NULL: there is none of that name.
 */
ph_graph_fn *ph_graph_printer(const char *format);
/* {nodes: [...], edges: [...]} as a value. */
void ph_graph_write(const struct ph_graph *graph, struct ph_writer *writer);
/* graph_place.c: the connections again, a list, each with the `layer` that it
 * leaves and its `order` there, among those of the list. -ENOMEM, -E2BIG. */
int ph_graph_write_connections(
	struct ph_writer *writer, struct ph_value connections);
const char *ph_graph_kind_name(enum ph_terminal_kind kind);

#endif
