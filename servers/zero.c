#include "servers/servers.h"

#include <errno.h>
#include <string.h>

/* Zero bytes, as fast as they are taken: `bytes` of them, or without end. One
 * buffer of zeros is sent again and again; nothing is copied. */
struct zero {
	struct ph_buffer *buffer;
	uint64_t left;
	bool endless;
	bool finished;
};

static int zero_open(struct ph_server *server, struct ph_error *error)
{
	struct zero *zero = server->state;
	const char *bytes = ph_server_parameter(server, "bytes");

	zero->endless = !bytes;
	if (bytes && ph_parse_bytes(&zero->left, bytes))
		return ph_fail(error, PH_EXIT_WIRING, server->name,
			"write it like 64MiB", "not a size: %s", bytes);
	zero->buffer = ph_buffer_get(server->kernel->pool, PH_FRAME_MAX);
	if (!zero->buffer)
		return ph_fail(error, PH_EXIT_NEGATIVE, server->name,
			"free memory and start it again", "out of memory");
	memset(zero->buffer->data, 0, PH_FRAME_MAX);
	zero->buffer->used = PH_FRAME_MAX;
	return 0;
}

static void zero_pump(struct ph_server *server, unsigned terminal)
{
	struct zero *zero = server->state;
	struct ph_frame frame = {
		.data = zero->buffer->data,
		.flags = PH_FRAME_FIN,
		.buffer = zero->buffer,
	};

	while (!zero->finished && (zero->endless || zero->left)) {
		frame.length = zero->endless || zero->left > PH_FRAME_MAX
				       ? PH_FRAME_MAX
				       : (uint32_t)zero->left;
		if (ph_terminal_send_frame(server->terminals[0], &frame))
			return;
		if (!zero->endless)
			zero->left -= frame.length;
	}
	if (zero->finished)
		return;
	zero->finished = true;
	ph_terminal_finish(server->terminals[0]);
}

static void zero_closed(struct ph_server *server, unsigned terminal, int reason)
{
	struct zero *zero = server->state;

	if (ph_terminal_pipes(server->terminals[0]))
		return; /* a mux: the others go on */
	if (reason < 0)
		ph_server_break(server, "consumer lost", "", reason,
			"nothing: it starts again when it is wired again");
	else if (zero->finished)
		server->done(server, NULL);
}

static void zero_close(struct ph_server *server)
{
	struct zero *zero = server->state;

	ph_buffer_unref(zero->buffer);
	zero->buffer = NULL;
	server->closed(server);
}

static const struct ph_terminal_type zero_terminals[] = {
	{"out", PH_OUT, "application/octet-stream"},
};

static const struct ph_parameter_type zero_parameters[] = {
	{"bytes", PH_PARAMETER_BYTES, false, "how many; without it, no end"},
};

const struct ph_server_type ph_server_zero = {
	.name = "zero",
	.sentence = "gives zero bytes",
	.class = PH_CLASS_SOURCE,
	.terminals = zero_terminals,
	.terminal_count = 1,
	.parameters = zero_parameters,
	.parameter_count = 1,
	.state_size = sizeof(struct zero),
	.open = zero_open,
	.on_connected = zero_pump,
	.on_room = zero_pump,
	.on_closed = zero_closed,
	.close = zero_close,
};
