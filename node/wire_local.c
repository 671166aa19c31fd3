#include "node/wire.h"

#include <errno.h>
#include <stdio.h>

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	wire_settle(wire);
	wire->finished = reason == 0;
	if (wire->attached)
		wire_detach(wire);
	wire_news(wire, wire->finished,
		wire->why	     ? wire->why
		: reason == -ENOBUFS ? "too slow: its queue was full"
				     : "a server left or broke off");
	wire_free(wire);
}

void wire_local_cut(struct wire *wire, const char *why)
{
	wire->why = why;
	if (!wire->pipe) {
		wire_free(wire);
		return;
	}
	/* Both ends: the output is told, the input gets CUT. */
	ph_pipe_break(wire->pipe, -ECANCELED);
}

static int connect_ends(struct wire *wire, ph_handle input)
{
	struct ph_pipe_watcher watcher = {pipe_gone, wire};
	struct ph_pipe_limits limits = {
		.bytes = wire->limit, .full = wire->full};

	return ph_terminal_connect(&wire->wires->node->kernel, wire->output,
		input, limits, watcher, &wire->pipe);
}

static void on_seated(
	struct wire *wire, ph_handle input, const struct ph_error *error)
{
	struct ph_error gone;

	if (error) {
		wire_answer(wire, error);
		wire_free(wire);
		return;
	}
	wire->attached = true;
	if (connect_ends(wire, input)) {
		ph_fail(&gone, PH_EXIT_CONFLICT, wire->connection, "",
			"a terminal is gone or has a connection already");
		wire_answer(wire, &gone);
		wire_detach(wire);
		wire_free(wire);
		return;
	}
	wire_answer(wire, NULL);
}

int wire_local_open(struct wire *wire)
{
	snprintf(wire->transport, sizeof(wire->transport), "loop");
	return wire_seat(wire, on_seated);
}
