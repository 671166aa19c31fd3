#include "servers/servers.h"

#include <errno.h>
#include <string.h>

/*
 * Makes each line a message of its own; no byte changes. Pieces of a line are
 * passed on as they come (a message is frames until FIN), so a line costs no
 * memory here. A line past 1 MiB is broken in messages of that size.
 *
 * END of the input is released when the output's END was consumed; CUT goes
 * on as CUT.
 */
#define LINES_MOST ((uint32_t)1024 * 1024)

enum {
	LINES_IN,
	LINES_OUT
};

struct lines {
	uint32_t offset; /* into the frame that stands */
	uint32_t length; /* of the line so far */
	bool ending;	 /* END came: the last line is to be closed */
	bool finished;
};

static int lines_open(struct ph_server *server, struct ph_error *error)
{
	return 0;
}

/* Sends the frame's next piece. */
static int send_piece(struct ph_server *server, const struct ph_frame *frame)
{
	struct lines *lines = server->state;
	const uint8_t *start = frame->data + lines->offset;
	uint32_t left = frame->length - lines->offset;
	uint32_t most = LINES_MOST - lines->length;
	const uint8_t *newline;
	struct ph_frame piece = {
		.data = start,
		.length = left < most ? left : most,
		.buffer = frame->buffer,
	};
	int error;

	newline = memchr(start, '\n', piece.length);
	if (newline)
		piece.length = (uint32_t)(newline - start) + 1;
	if (newline || piece.length == most)
		piece.flags = PH_FRAME_FIN;
	error = ph_terminal_send_frame(server->terminals[LINES_OUT], &piece);
	if (error)
		return error;
	lines->offset += piece.length;
	lines->length += piece.length;
	if (piece.flags & PH_FRAME_FIN)
		lines->length = 0;
	return 0;
}

static void finish(struct ph_server *server)
{
	struct lines *lines = server->state;
	struct ph_terminal *out = server->terminals[LINES_OUT];

	lines->ending = true;
	if (!ph_terminal_pipes(out))
		return; /* nobody to finish for yet */
	if (lines->length && ph_terminal_send(out, PH_FRAME_FIN, NULL, 0))
		return; /* on_room comes back here */
	lines->length = 0;
	lines->finished = true;
	ph_terminal_finish(out);
}

static void cut(struct ph_server *server)
{
	struct lines *lines = server->state;

	ph_terminal_abort(server->terminals[LINES_OUT], -ECONNRESET);
	*lines = (struct lines){0};
	ph_terminal_release(server->terminals[LINES_IN]);
}

static bool step(struct ph_server *server)
{
	struct lines *lines = server->state;
	struct ph_terminal *in = server->terminals[LINES_IN];
	struct ph_frame frame;

	if (!ph_terminal_receive(in, &frame, NULL))
		return false;
	if (frame.flags & PH_FRAME_CUT) {
		cut(server);
		return true;
	}
	if (frame.flags & PH_FRAME_END) {
		finish(server);
		return false;
	}
	/* What was lost before is lost here, too. */
	if ((frame.flags & PH_FRAME_GAP) &&
		ph_terminal_send_frame(server->terminals[LINES_OUT], &frame))
		return false;
	if (!ph_frame_is_control(frame.flags))
		while (lines->offset < frame.length)
			if (send_piece(server, &frame))
				return false;
	lines->offset = 0;
	ph_terminal_release(in);
	return true;
}

static void lines_pump(struct ph_server *server, unsigned terminal)
{
	struct lines *lines = server->state;

	while (!lines->finished && step(server))
		;
}

static void lines_closed(
	struct ph_server *server, unsigned terminal, int reason)
{
	struct lines *lines = server->state;

	if (terminal != LINES_OUT || ph_terminal_pipes(server->terminals[1]))
		return;
	if (reason < 0) {
		ph_server_break(server, "consumer lost", "", reason,
			"nothing: it starts again when it is wired again");
		return;
	}
	if (!lines->finished)
		return;
	ph_terminal_release(server->terminals[LINES_IN]); /* END */
	server->done(server, NULL);
}

static void lines_close(struct ph_server *server)
{
	server->closed(server);
}

static const struct ph_terminal_type lines_terminals[] = {
	[LINES_IN] = {"in", PH_IN, ""},
	[LINES_OUT] = {"out", PH_OUT, "text/plain"},
};

const struct ph_server_type ph_server_lines = {
	.name = "lines",
	.sentence = "makes each line a message of its own",
	.class = PH_CLASS_FILTER,
	.terminals = lines_terminals,
	.terminal_count = 2,
	.state_size = sizeof(struct lines),
	.open = lines_open,
	.on_connected = lines_pump,
	.on_room = lines_pump,
	.on_readable = lines_pump,
	.on_closed = lines_closed,
	.close = lines_close,
};
