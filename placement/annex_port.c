#include "placement/annex.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Terminals: their events are the server's. */

static struct ph_run *run_of(const struct annex_port *port)
{
	return port->annex->stopping ? NULL : port->annex->run;
}

static void terminal_connected(void *context, struct ph_terminal *terminal)
{
	struct annex_port *port = context;
	struct ph_run *run = run_of(port);

	if (run)
		run->ops->on_connected(run, port->index);
}

static void terminal_room(void *context, struct ph_terminal *terminal)
{
	struct annex_port *port = context;
	struct ph_run *run = run_of(port);

	if (run)
		run->ops->on_room(run, port->index);
}

static void terminal_readable(void *context, struct ph_terminal *terminal)
{
	struct annex_port *port = context;
	struct ph_run *run = run_of(port);

	if (run)
		run->ops->on_readable(run, port->index);
}

static void terminal_closed(
	void *context, struct ph_terminal *terminal, int reason)
{
	struct annex_port *port = context;
	struct ph_run *run = run_of(port);

	if (run)
		run->ops->on_closed(run, port->index, reason);
}

static const struct ph_terminal_ops terminal_ops = {
	.on_connected = terminal_connected,
	.on_room = terminal_room,
	.on_readable = terminal_readable,
	.on_closed = terminal_closed,
};

/* An output: the server's terminal gives, the channel takes. */

static void output_leave(struct annex_port *port, int reason)
{
	struct ph_pipe *pipe = port->pipe;

	port->pipe = NULL;
	if (pipe)
		ph_pipe_close_sink(pipe, reason);
	channel_say(&port->channel, PH_RELAY_GONE, port->id, 0);
}

static void output_pump(struct annex_port *port)
{
	struct ph_frame frame;
	bool cut = false;

	while (port->pipe && !cut && !channel_is_full(&port->channel) &&
		ph_pipe_receive(port->pipe, &frame)) {
		if (channel_put(&port->channel, &frame))
			break;
		cut = frame.flags & PH_FRAME_CUT;
		ph_pipe_release(port->pipe);
	}
	if (cut)
		output_leave(port, -ECONNRESET);
	channel_flush(&port->channel);
}

static void output_readable(void *context, struct ph_pipe *pipe)
{
	output_pump(context);
}

static const struct ph_end_ops sink_ops = {.on_readable = output_readable};

static void output_connect(struct annex_port *port, uint64_t id)
{
	struct ph_end sink = {&sink_ops, port};

	port->id = id;
	if (port->pipe || ph_terminal_connect_sink(&port->annex->kernel,
				  ph_terminal_handle(port->terminal), sink,
				  (struct ph_pipe_limits){0},
				  (struct ph_pipe_watcher){0}, &port->pipe))
		channel_say(&port->channel, PH_RELAY_GONE, id, 0);
}

/* Inputs: the channel gives, the server's terminal takes. */

static void stream_forget(struct annex_stream *stream)
{
	struct annex_port *port = stream->port;
	struct annex_stream **place = &port->streams;

	while (*place != stream)
		place = &(*place)->next;
	*place = stream->next;
	if (port->current == stream)
		port->current = NULL;
	free(stream);
}

static void stream_room(void *context, struct ph_pipe *pipe)
{
	struct annex_stream *stream = context;

	channel_resume(&stream->port->channel);
}

static void stream_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct annex_stream *stream = context;
	struct annex_port *port = stream->port;

	channel_say(&port->channel, PH_RELAY_CLOSED, stream->id, reason);
	stream_forget(stream);
	/* What follows of it is dropped. */
	channel_resume(&port->channel);
}

static const struct ph_end_ops source_ops = {
	.on_room = stream_room,
	.on_closed = stream_closed,
};

static void stream_begin(struct annex_port *port)
{
	struct annex_stream *stream = calloc(1, sizeof(*stream));
	struct ph_end source = {&source_ops, stream};

	if (!stream || ph_terminal_connect_source(&port->annex->kernel, source,
			       ph_terminal_handle(port->terminal),
			       (struct ph_pipe_limits){0},
			       (struct ph_pipe_watcher){0}, &stream->pipe)) {
		free(stream);
		channel_say(&port->channel, PH_RELAY_CLOSED, port->turn,
			-ECONNREFUSED);
		return;
	}
	stream->port = port;
	stream->id = port->turn;
	stream->next = port->streams;
	port->streams = stream;
	port->current = stream;
}

static void take_turn(struct annex_port *port, uint64_t id)
{
	struct annex_stream *stream = port->streams;

	while (stream && stream->id != id)
		stream = stream->next;
	port->turn = id;
	port->current = stream;
}

/* A stream begins with BEGIN; of one that is over nothing is taken. */
static bool take_stream(struct annex_port *port, const struct ph_frame *frame)
{
	if (!port->current && (frame->flags & PH_FRAME_BEGIN))
		stream_begin(port);
	if (!port->current)
		return true;
	return ph_pipe_send_frame(port->current->pipe, frame) != -EAGAIN;
}

static struct annex_port *port_of(struct channel *channel)
{
	return (struct annex_port *)((char *)channel -
				     offsetof(struct annex_port, channel));
}

static bool port_frame(struct channel *channel, const struct ph_frame *frame,
	const struct ph_relay *relay)
{
	struct annex_port *port = port_of(channel);

	if (port->annex->stopping)
		return true;
	if (!relay)
		return port->is_output || take_stream(port, frame);
	if (relay->op == PH_RELAY_TURN && !port->is_output)
		take_turn(port, relay->id);
	else if (relay->op == PH_RELAY_CONNECTED && port->is_output)
		output_connect(port, relay->id);
	else if (relay->op == PH_RELAY_CLOSED && port->is_output &&
		 port->pipe && port->id == relay->id)
		output_leave(port, relay->reason);
	return true;
}

static void port_room(struct channel *channel)
{
	output_pump(port_of(channel));
}

/* Only with the orders, or when its node broke it: the orders tell. */
static void port_gone(struct channel *channel, int reason)
{
	annex_port_close(port_of(channel));
}

static const struct channel_ops port_ops = {
	.on_frame = port_frame,
	.on_room = port_room,
	.on_closed = port_gone,
};

int annex_port_open(struct annex_port *port, enum ph_direction direction)
{
	port->channel.ops = &port_ops;
	port->is_output = direction == PH_OUT || direction == PH_MUX;
	return ph_terminal_create(&port->annex->kernel, direction,
		&terminal_ops, port, &port->terminal);
}

void annex_port_cut(struct annex_port *port)
{
	if (!port->terminal)
		return;
	if (port->is_output)
		ph_terminal_abort(port->terminal, -ESHUTDOWN);
	else
		ph_terminal_refuse(port->terminal, -ESHUTDOWN);
}

void annex_port_close(struct annex_port *port)
{
	struct ph_pipe *pipe = port->pipe;

	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	port->pipe = NULL;
	if (pipe)
		ph_pipe_close_sink(pipe, -ECONNRESET);
	while (port->streams) {
		pipe = port->streams->pipe;
		stream_forget(port->streams);
		ph_pipe_close_source(pipe, -ECONNRESET);
	}
}
