#include "servers/servers.h"

/* Takes whatever comes and keeps nothing; for trying wires. */

static int null_open(struct ph_server *server, struct ph_error *error)
{
	return 0;
}

static void null_readable(struct ph_server *server, unsigned terminal)
{
	struct ph_frame frame;

	while (ph_terminal_receive(server->terminals[0], &frame, NULL))
		ph_terminal_release(server->terminals[0]);
}

static void null_close(struct ph_server *server)
{
	server->closed(server);
}

static const struct ph_terminal_type null_terminals[] = {
	{"in", PH_IN, ""},
};

const struct ph_server_type ph_server_null = {
	.name = "null",
	.sentence = "takes messages and forgets them",
	.class = PH_CLASS_SINK,
	.terminals = null_terminals,
	.terminal_count = 1,
	.open = null_open,
	.on_readable = null_readable,
	.close = null_close,
};
