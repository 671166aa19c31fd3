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
	struct ph_error error;

	wire->why = why;
	if (!wire->pipe) {
		ph_fail(&error, PH_EXIT_CONFLICT, wire->connection,
			"see `posthouse connections`",
			"taken away before it stood: %s", why);
		wire_answer(wire, &error);
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

/* Both are booked for this wire. What a pipe that ended brought stays with the
 * input until its server reads it: it was sent. */
static void tell(struct ph_error *error, const struct wire *wire, int code)
{
	if (code == -EBUSY)
		ph_fail(error, PH_EXIT_CONFLICT, wire->connection,
			"it comes by itself when the server reads on; "
			"`posthouse restart` drops what is there",
			"the server has not read yet what an earlier "
			"connection brought");
	else
		ph_fail(error, PH_EXIT_CONFLICT, wire->connection,
			"see `posthouse servers`", "a terminal is gone");
}

static void on_seated(
	struct wire *wire, ph_handle input, const struct ph_error *error)
{
	struct ph_error refused;
	int code;

	if (error) {
		wire_answer(wire, error);
		wire_free(wire);
		return;
	}
	wire_attached(wire);
	code = connect_ends(wire, input);
	if (code) {
		tell(&refused, wire, code);
		wire_answer(wire, &refused);
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
