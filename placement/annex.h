#ifndef PH_PLACEMENT_ANNEX_H
#define PH_PLACEMENT_ANNEX_H

#include "executor/run.h"
#include "placement/channel.h"

/*
 * The outside of a proxy: a bundled server on a loop, kernel and worker of its
 * own, in a thread or a process. Its terminals' pipes end in the carriers. It
 * knows nothing of the node but what comes as orders. Shared by annex.c (its
 * life) and annex_port.c (its terminals).
 */
struct annex;
struct annex_port;

/* One stream that comes in. */
struct annex_stream {
	struct annex_port *port;
	uint64_t id; /* as the node calls it */
	struct ph_pipe *pipe;
	struct annex_stream *next;
};

struct annex_port {
	struct annex *annex;
	unsigned index;
	int fd; /* until its channel is open */
	struct channel channel;
	struct ph_terminal *terminal;
	bool is_output;

	struct ph_pipe *pipe; /* an output's stream, or NULL */
	uint64_t id;

	struct annex_stream *streams; /* an input's */
	struct annex_stream *current; /* whose frames come, or NULL */
	uint64_t turn;
};

struct annex {
	enum ph_placement_kind kind;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_transport_host host;
	struct channel orders;
	int orders_fd;
	struct ph_spec *spec;
	struct ph_run *run;
	bool stopping;
	bool over;
	struct ph_terminal *terminals[PH_SPEC_TERMINALS];
	unsigned count;
	struct annex_port ports[PH_SPEC_TERMINALS];
};

/* annex_port.c */
int annex_port_open(struct annex_port *port, enum ph_direction direction);
/* Every stream breaks off; the server hears nothing more. */
void annex_port_cut(struct annex_port *port);
/* The same from our side, when the server is gone. */
void annex_port_close(struct annex_port *port);

#endif
