#include "placement/proxy.h"

#include <errno.h>

/* Inputs: the unit's terminal gives, the channel takes. */

/* Of the frame that stands, whose stream is it? */
static int put_turn(struct proxy_port *port, ph_handle source)
{
	struct ph_relay relay = {.op = PH_RELAY_TURN, .id = source};
	uint8_t bytes[PH_RELAY_HEADER];
	struct ph_frame note = {.data = bytes,
		.length = sizeof(bytes),
		.flags = PH_FRAME_ATTACH | PH_FRAME_FIN};
	int error;

	if (port->turn == source)
		return 0;
	ph_relay_write(&relay, bytes);
	error = channel_put(&port->channel, &note);
	if (!error)
		port->turn = source;
	return error;
}

/* One frame; false: no more for now. END and CUT stand until the server
 * outside has consumed them. */
static bool pass_frame(struct proxy_port *port)
{
	struct ph_frame frame;
	ph_handle source;

	if (port->waiting || channel_is_full(&port->channel) ||
		!ph_terminal_receive(port->terminal, &frame, &source))
		return false;
	if (put_turn(port, source) || channel_put(&port->channel, &frame)) {
		if (port->channel.carrier)
			proxy_break(port->proxy, "free memory",
				"out of memory for its input");
		return false;
	}
	if (frame.flags & (PH_FRAME_END | PH_FRAME_CUT)) {
		port->waiting = source;
		port->cut = frame.flags & PH_FRAME_CUT;
		return false;
	}
	ph_terminal_release(port->terminal);
	return true;
}

void proxy_port_readable(struct proxy_port *port)
{
	if (port->is_output || !port->channel.carrier)
		return;
	while (pass_frame(port))
		;
	channel_flush(&port->channel);
}

/* The pipe that has `source` is still on the terminal. */
static bool is_there(struct proxy_port *port, ph_handle source)
{
	for (unsigned i = 0; i < ph_terminal_pipes(port->terminal); i++)
		if (ph_pipe_handle(ph_terminal_pipe(port->terminal, i)) ==
			source)
			return true;
	return false;
}

/* The server outside has done with a stream of its input. */
static void input_closed(struct proxy_port *port, ph_handle id, int reason)
{
	bool waiting = port->waiting == id;

	if (waiting)
		port->waiting = 0;
	if (!is_there(port, id))
		return;
	if (waiting && (port->cut || !reason)) {
		ph_terminal_release(port->terminal);
		proxy_port_readable(port);
		return;
	}
	ph_terminal_refuse(port->terminal, reason ? reason : -EPROTO);
}

/* Outputs: the channel gives, the unit's terminal takes. */

static void connect_output(struct proxy_port *port)
{
	if (port->flow != PROXY_IDLE || !port->channel.carrier ||
		!ph_terminal_pipes(port->terminal))
		return;
	port->flow = PROXY_FLOWING;
	channel_say(&port->channel, PH_RELAY_CONNECTED, ++port->id, 0);
}

void proxy_port_connected(struct proxy_port *port)
{
	if (port->is_output)
		connect_output(port);
	else
		proxy_port_readable(port);
}

void proxy_port_room(struct proxy_port *port)
{
	if (port->is_output)
		channel_resume(&port->channel);
}

void proxy_port_closed(struct proxy_port *port, int reason)
{
	const struct ph_spec_terminal *type =
		&port->proxy->run.config.spec->terminals[port->index];

	if (!port->is_output)
		return;
	if (reason < 0 && type->direction == PH_OUT)
		port->proxy->lost = true;
	if (port->flow == PROXY_FLOWING && !ph_terminal_pipes(port->terminal)) {
		port->flow = PROXY_CLOSING;
		channel_say(&port->channel, PH_RELAY_CLOSED, port->id, reason);
	}
	/* One consumer less may be what the others waited for, and what nobody
	 * takes any more is dropped. */
	channel_resume(&port->channel);
}

static void output_gone(struct proxy_port *port, uint64_t id)
{
	if (id != port->id || port->flow == PROXY_IDLE)
		return;
	if (port->flow == PROXY_FLOWING)
		ph_terminal_abort(port->terminal, -ECONNRESET);
	port->flow = PROXY_IDLE;
	connect_output(port);
}

static bool take_stream(struct proxy_port *port, const struct ph_frame *frame)
{
	int error;

	if (!port->is_output || port->flow != PROXY_FLOWING ||
		(frame->flags & PH_FRAME_BEGIN))
		return true; /* our terminal begins its streams itself */
	if (frame->flags & PH_FRAME_END) {
		ph_terminal_finish(port->terminal);
		return true;
	}
	if (frame->flags & PH_FRAME_CUT) {
		ph_terminal_abort(port->terminal, -ECONNRESET);
		port->flow = PROXY_CLOSING;
		return true;
	}
	error = ph_terminal_send_frame(port->terminal, frame);
	if (error == -ENOMEM)
		ph_terminal_abort(port->terminal, error);
	/* -EPIPE and -ENOTCONN: who listened has left, which is told. */
	return error != -EAGAIN;
}

static bool port_frame(struct channel *channel, const struct ph_frame *frame,
	const struct ph_relay *relay)
{
	struct proxy_port *port =
		(struct proxy_port *)((char *)channel -
				      offsetof(struct proxy_port, channel));

	if (port->proxy->stopping)
		return true;
	if (!relay)
		return take_stream(port, frame);
	if (relay->op == PH_RELAY_CLOSED && !port->is_output)
		input_closed(port, relay->id, relay->reason);
	else if (relay->op == PH_RELAY_GONE && port->is_output)
		output_gone(port, relay->id);
	else if (relay->op == PH_RELAY_DONE)
		port->done = true;
	proxy_look(port->proxy);
	return true;
}

static void port_room(struct channel *channel)
{
	struct proxy_port *port =
		(struct proxy_port *)((char *)channel -
				      offsetof(struct proxy_port, channel));

	if (!port->proxy->stopping)
		proxy_port_readable(port);
}

static void port_gone(struct channel *channel, int reason)
{
	struct proxy_port *port =
		(struct proxy_port *)((char *)channel -
				      offsetof(struct proxy_port, channel));

	proxy_tear(port->proxy);
}

const struct channel_ops proxy_port_ops = {
	.on_frame = port_frame,
	.on_room = port_room,
	.on_closed = port_gone,
};
