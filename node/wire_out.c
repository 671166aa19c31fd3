#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/* Reading ATTACHED and ACK: a stream's receiver has nothing else to say. */

static void close_carrier(struct wire *wire)
{
	wire->closing = true;
	ph_carrier_close(wire->carrier);
}

void wire_out_cut(struct wire *wire, const char *why)
{
	if (wire->closing)
		return;
	wire->why = why;
	close_carrier(wire);
}

static void pipe_readable(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;
	struct ph_queue *queue = ph_pipe_queue(pipe);
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;

	if (wire->closing)
		return;
	ph_carrier_send(wire->carrier, queue);
	ph_pipe_took(pipe, bytes, frames, messages);
	/* on_full: disconnect. Nobody waits for one that is too slow. */
	if (ph_pipe_reason(pipe) == -ENOBUFS && ph_pipe_waits(pipe))
		wire_out_cut(wire, "too slow: its queue was full");
}

static const struct ph_end_ops sink_ops = {.on_readable = pipe_readable};

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	wire_settle(wire);
	/* The server cut its stream: the carrier must say so. What waited in
	 * the queue, CUT included, was sent before the sink closed. */
	if (!wire->closing)
		close_carrier(wire);
}

/* The receiver lets us in: the output's frames may flow. */
static void attach_output(struct wire *wire)
{
	struct ph_pipe_watcher watcher = {pipe_gone, wire};
	struct ph_end sink = {&sink_ops, wire};
	struct ph_pipe_limits limits = {
		.bytes = wire->limit, .full = wire->full};
	struct ph_error error;
	int code = ph_terminal_connect_sink(&wire->wires->node->kernel,
		wire->output, sink, limits, watcher, &wire->pipe);

	if (code) {
		ph_fail(&error, PH_EXIT_CONFLICT, wire->connection, "",
			"the output cannot be connected: %s",
			code == -EBUSY ? "it has a connection already"
				       : "it is gone");
		wire_answer(wire, &error);
		wire_out_cut(wire, "the output is not free");
		return;
	}
	wire->attached = true;
	wire_answer(wire, NULL);
}

static void take_attached(
	struct wire *wire, const uint8_t *data, uint32_t length)
{
	struct ph_attached attached;

	if (ph_attached_read(&attached, data, length) || attached.status ||
		attached.generation != wire->generation) {
		wire_out_cut(wire, "the peer refused the carrier");
		return;
	}
	attach_output(wire);
}

static void take_ack(struct wire *wire, const uint8_t *data, uint32_t length)
{
	struct ph_ack ack;
	struct ph_counters sent;

	if (!wire->pipe || ph_ack_read(&ack, data, length) ||
		ack.frames < wire->acked.frames) {
		wire_out_cut(wire, "malformed acknowledgement");
		return;
	}
	sent = ph_pipe_handed(wire->pipe);
	if (ack.frames > sent.frames || ack.bytes > sent.bytes) {
		wire_out_cut(wire, "more acknowledged than sent");
		return;
	}
	wire->acked = ack;
	if (!ph_pipe_is_finished(wire->pipe) || ph_pipe_waits(wire->pipe) ||
		ack.frames != sent.frames)
		return;
	wire->finished = true;
	ph_pipe_close_sink(wire->pipe, 0);
	close_carrier(wire);
}

static void take_frame(struct wire *wire, const uint8_t *record)
{
	uint32_t length = ph_frame_length(record);
	const uint8_t *data = record + PH_FRAME_HEADER;

	if (!wire->attached && (record[3] & PH_FRAME_ATTACH))
		take_attached(wire, data, length);
	else if (wire->attached && (record[3] & PH_FRAME_ACK))
		take_ack(wire, data, length);
	else
		wire_out_cut(wire, "the peer refused the carrier");
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct wire *wire = context;
	struct ph_attach attach = {.generation = wire->generation};
	uint8_t bytes[PH_ATTACH_MAX];
	struct ph_carrier_info info;

	if (wire->closing)
		return;
	ph_carrier_info(carrier, &info);
	if (memcmp(info.peer_key, wire->peer_key, PH_PUBLIC_KEY) != 0) {
		wire_out_cut(wire, "another node answered at that address");
		return;
	}
	snprintf(wire->transport, sizeof(wire->transport), "%s", info.scheme);
	memcpy(attach.token, wire->token, sizeof(attach.token));
	snprintf(attach.connection, sizeof(attach.connection), "%s",
		wire->connection);
	if (ph_queue_copy(&wire->queue, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
		    (uint32_t)ph_attach_write(&attach, bytes)))
		wire_out_cut(wire, "out of memory");
	else
		wire_flush(wire);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct wire *wire = context;
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *end = record + segment->length;

	while (record < end && !wire->closing) {
		take_frame(wire, record);
		record += PH_FRAME_HEADER + ph_frame_length(record);
	}
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	struct wire *wire = context;

	if (!wire->attached)
		wire_flush(wire);
	else if (wire->pipe && ph_pipe_queue(wire->pipe)->count)
		pipe_readable(wire, wire->pipe);
}

static void tell_failure(struct wire *wire, const char *why)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_UNREACHABLE, wire->peer,
		"posthouse peers shows the lines and their addresses",
		"no carrier to %s: %s", wire->peer, why);
	wire_answer(wire, &error);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct wire *wire = context;
	const char *why = wire->why;

	if (!why)
		why = reason ? strerror(-reason) : "the peer closed it";
	wire->closing = true;
	if (wire->pipe) {
		struct ph_pipe *pipe = wire->pipe;

		wire_settle(wire);
		ph_pipe_set_watcher(pipe, (struct ph_pipe_watcher){0});
		ph_pipe_close_sink(pipe, -ECONNRESET);
	}
	if (!wire->attached)
		tell_failure(wire, why);
	else
		wire_news(wire, wire->finished, why);
	wire_free(wire);
}

static const struct ph_carrier_events carrier_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

int wire_out_open(struct wire *wire, const struct ph_address *address)
{
	const struct ph_transport *transport =
		ph_transport_find(address->scheme);
	struct ph_dial dial = {.address = *address};

	return transport->dial(&wire->wires->node->host, &dial, &carrier_events,
		wire, &wire->carrier);
}
