#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/contestants.h"
#include "kernel/terminal.h"
#include "transport/http.h"
#include "transport/tls.h"
#include "transport/transport.h"

/*
 * Ours, as a node does it: a server's terminal, a pipe, a tcp carrier; and the
 * same backwards at the other end. Each side is one process with one loop. A
 * round trip takes two connections, one each way.
 */
struct end;

struct wire {
	struct end *end;
	bool outgoing;
	struct ph_carrier *carrier;
	struct ph_pipe *pipe;
};

struct end {
	struct bench_side *side;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_transport_host host;
	const struct ph_transport *transport;
	struct ph_terminal *output;
	struct ph_terminal *input;
	struct wire wires[2];
	unsigned accepted;
	/* Streams. */
	struct ph_buffer *payload;
	size_t sent;	/* of the message that is being sent */
	size_t got;	/* of the message that is coming */
	uint64_t quota; /* messages still to send, or none: until time is up */
	bool finished;
	/* Round trips. */
	struct bench_trips *trips;
	int64_t began;
};

static void end_init_on(struct end *end, struct ph_loop *loop,
	struct bench_side *side, const struct ph_terminal_ops *output,
	const struct ph_terminal_ops *input)
{
	memset(end, 0, sizeof(*end));
	end->side = side;
	end->loop = loop;
	if (ph_kernel_init(&end->kernel, ph_loop_hal(end->loop)) ||
		ph_terminal_create(
			&end->kernel, PH_OUT, output, end, &end->output) ||
		ph_terminal_create(
			&end->kernel, PH_IN, input, end, &end->input))
		bench_die("kernel");
	end->payload = ph_buffer_get(end->kernel.pool, PH_FRAME_MAX);
	memset(end->payload->data, 7, PH_FRAME_MAX);
	end->payload->used = PH_FRAME_MAX;
	end->transport = &ph_transport_tcp;
	end->host.loop = end->loop;
	end->host.pool = end->kernel.pool;
}

static void end_init(struct end *end, struct bench_side *side,
	const struct ph_terminal_ops *output,
	const struct ph_terminal_ops *input)
{
	struct ph_loop *loop;

	if (ph_loop_create(&loop, &ph_clock_real))
		bench_die("loop");
	end_init_on(end, loop, side, output, input);
}

/*
 * Wires: a pipe's far end on a carrier.
 */
static void sink_readable(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;
	struct ph_queue *queue = ph_pipe_queue(pipe);
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;

	ph_carrier_send(wire->carrier, queue);
	ph_pipe_took(pipe, bytes, frames, messages);
}

static void source_room(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;

	ph_carrier_pause(wire->carrier, false);
}

/* The stream was consumed to its end. */
static void source_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	wire->pipe = NULL;
	ph_carrier_close(wire->carrier);
}

static const struct ph_end_ops sink_ops = {.on_readable = sink_readable};
static const struct ph_end_ops source_ops = {
	.on_room = source_room, .on_closed = source_closed};

static void wire_open(void *context, struct ph_carrier *carrier)
{
	struct wire *wire = context;
	struct end *end = wire->end;
	struct ph_pipe_limits limits = {0};
	struct ph_pipe_watcher watcher = {0};
	int code;

	ph_carrier_admit(carrier, PH_FRAME_MAX);
	if (wire->outgoing)
		code = ph_terminal_connect_sink(&end->kernel,
			ph_terminal_handle(end->output),
			(struct ph_end){&sink_ops, wire}, limits, watcher,
			&wire->pipe);
	else
		code = ph_terminal_connect_source(&end->kernel,
			(struct ph_end){&source_ops, wire},
			ph_terminal_handle(end->input), limits, watcher,
			&wire->pipe);
	if (code)
		bench_die("connecting");
}

static void wire_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct wire *wire = context;

	if (wire->pipe && !ph_pipe_push(wire->pipe, segment))
		ph_carrier_pause(carrier, true);
}

static void wire_room(void *context, struct ph_carrier *carrier)
{
	struct wire *wire = context;

	if (wire->outgoing && wire->pipe && ph_pipe_queue(wire->pipe)->count)
		sink_readable(wire, wire->pipe);
}

static void wire_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct wire *wire = context;

	ph_loop_stop(wire->end->loop);
}

static const struct ph_carrier_events wire_events = {
	.on_open = wire_open,
	.on_frames = wire_frames,
	.on_room = wire_room,
	.on_closed = wire_closed,
};

static const struct ph_carrier_events *accept_wire(
	void *context, const char *source, void **out)
{
	struct end *end = context;
	struct wire *wire = &end->wires[end->accepted];

	if (end->accepted == 2)
		return NULL;
	wire->end = end;
	wire->outgoing = end->accepted++ == 1;
	*out = wire;
	return &wire_events;
}

static void accepted_wire(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	struct wire *wire = carrier_context;

	wire->carrier = carrier;
}

static const struct ph_listener_events listener_events = {
	.on_accept = accept_wire,
	.on_carrier = accepted_wire,
};

/* Where the server of this port is met. */
static void end_address(
	struct end *end, uint16_t port, struct ph_address *address)
{
	char text[64] = "127.0.0.1:7678";

	if (end->transport == &ph_transport_ws)
		snprintf(text, sizeof(text), "ws://127.0.0.1:7679");

	if (end->transport == &ph_transport_shm)
		snprintf(text, sizeof(text), "shm:/tmp/posthouse-bench-%u",
			port);
	ph_address_parse(address, text);
	address->port = port;
}

static struct ph_listener *end_listen(struct end *end)
{
	bool has_ports = end->transport != &ph_transport_shm;
	struct ph_address address;
	struct ph_listener *listener;

	end_address(end, has_ports ? 0 : (uint16_t)getpid(), &address);
	if (end->transport->listen(&end->host, &address, !end->host.tls,
		    &listener_events, end, &listener))
		bench_die("listening");
	if (has_ports)
		ph_listener_address(listener, &address);
	end->side->port = address.port;
	return listener;
}

static void end_serve(struct end *end)
{
	struct ph_listener *listener = end_listen(end);

	bench_tell_port(end->side, end->side->port);
	ph_loop_run(end->loop);
	ph_listener_close(listener);
}

static void end_dial(struct end *end, unsigned slot)
{
	struct wire *wire = &end->wires[slot];
	struct ph_dial dial = {.plain = !end->host.tls};

	end_address(end, end->side->port, &dial.address);
	wire->end = end;
	wire->outgoing = slot == 0;
	if (end->transport->dial(
		    &end->host, &dial, &wire_events, wire, &wire->carrier))
		bench_die("dialling");
}

/*
 * Streams.
 */
static int send_small(struct end *end)
{
	size_t size = end->side->load.size;
	/* The clock is asked about every 64 KiB, as by the others. */
	size_t each = 65536 / size;

	for (size_t i = 0; i < each; i++) {
		int code = ph_terminal_send(end->output, PH_FRAME_FIN,
			end->payload->data, (uint32_t)size);

		if (code)
			return code;
	}
	return 0;
}

static int send_large(struct end *end)
{
	size_t left = end->side->load.size - end->sent;
	struct ph_frame frame = {
		.data = end->payload->data,
		.length = left < PH_FRAME_MAX ? (uint32_t)left : PH_FRAME_MAX,
		.flags = left <= PH_FRAME_MAX ? PH_FRAME_FIN : 0,
		.buffer = end->payload,
	};
	int code = ph_terminal_send_frame(end->output, &frame);

	if (code)
		return code;
	end->sent = left <= PH_FRAME_MAX ? 0 : end->sent + frame.length;
	return 0;
}

static void stream_pump(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;
	bool small = end->side->load.size < PH_QUEUE_GATHER;

	while (end->sent || bench_now() < end->side->until)
		if ((small ? send_small(end) : send_large(end)) < 0)
			return;
	if (!end->finished)
		ph_terminal_finish(terminal);
	end->finished = true;
}

static void stream_take(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;
	struct bench_side *side = end->side;
	struct ph_frame frame;
	ph_handle source;

	if (!side->result.ns)
		bench_begin(side);
	while (ph_terminal_receive(terminal, &frame, &source)) {
		end->got += frame.length;
		if (frame.flags & PH_FRAME_FIN &&
			!ph_frame_is_control(frame.flags)) {
			bench_took(side, frame.data, end->got);
			end->got = 0;
		}
		if (frame.flags & PH_FRAME_END)
			bench_end(side);
		ph_terminal_release(terminal);
	}
}

static const struct ph_terminal_ops unused_ops = {0};
static const struct ph_terminal_ops stream_output = {
	.on_connected = stream_pump, .on_room = stream_pump};
static const struct ph_terminal_ops stream_input = {.on_readable = stream_take};

static void stream_serve(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &unused_ops, &stream_input);
	end_serve(&end);
}

static void stream_drive(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &stream_output, &unused_ops);
	end_dial(&end, 0);
	ph_loop_run(end.loop);
}

static void shm_serve(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &unused_ops, &stream_input);
	end.transport = &ph_transport_shm;
	end_serve(&end);
}

static void shm_drive(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &stream_output, &unused_ops);
	end.transport = &ph_transport_shm;
	end_dial(&end, 0);
	ph_loop_run(end.loop);
}

static void ws_on(struct end *end)
{
	struct ph_http_site site = {.loop = end->loop};

	end->transport = &ph_transport_ws;
	if (ph_http_create(&end->host.http, &site))
		bench_die("the web thread");
}

static void ws_serve(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &unused_ops, &stream_input);
	ws_on(&end);
	end_serve(&end);
}

static void ws_drive(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &stream_output, &unused_ops);
	ws_on(&end);
	end_dial(&end, 0);
	ph_loop_run(end.loop);
}

static void tls_on(struct end *end, uint8_t who)
{
	uint8_t seed[32] = {who};

	if (ph_tls_create(&end->host.tls, seed))
		bench_die("TLS");
}

static void tls_serve(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &unused_ops, &stream_input);
	tls_on(&end, 1);
	end_serve(&end);
}

static void tls_drive(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &stream_output, &unused_ops);
	tls_on(&end, 2);
	end_dial(&end, 0);
	ph_loop_run(end.loop);
}

/*
 * Round trips: the one who dials sends, the other sends back what comes.
 */
static void ping_send(struct end *end)
{
	if (ph_terminal_send(end->output, PH_FRAME_FIN, end->payload->data,
		    (uint32_t)end->side->load.size))
		bench_die("sending");
}

static void ping_connected(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;

	/* Both directions must be there; the one who comes last begins. */
	if (end->began || !ph_terminal_pipes(end->output) ||
		!ph_terminal_pipes(end->input))
		return;
	end->began = bench_now();
	ping_send(end);
}

static bool ping_receive(struct ph_terminal *terminal)
{
	struct ph_frame frame;
	ph_handle source;
	bool message = false;

	while (!message && ph_terminal_receive(terminal, &frame, &source)) {
		message = !ph_frame_is_control(frame.flags);
		ph_terminal_release(terminal);
	}
	return message;
}

static void ping_answer(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;

	while (ping_receive(terminal))
		ping_send(end);
}

static void ping_take(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;
	int64_t now;

	while (ping_receive(terminal)) {
		now = bench_now();
		if (!bench_trip(end->trips, end->side, now - end->began)) {
			ph_loop_stop(end->loop);
			return;
		}
		end->began = bench_now();
		ping_send(end);
	}
}

static const struct ph_terminal_ops ping_output = {
	.on_connected = ping_connected};
static const struct ph_terminal_ops ping_input = {
	.on_connected = ping_connected, .on_readable = ping_take};
static const struct ph_terminal_ops answer_input = {.on_readable = ping_answer};

static void ping_serve(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &unused_ops, &answer_input);
	end_serve(&end);
}

static void ping_drive(struct bench_side *side)
{
	struct end end;

	end_init(&end, side, &ping_output, &ping_input);
	end.trips = bench_trips_begin();
	end_dial(&end, 0);
	end_dial(&end, 1);
	ph_loop_run(end.loop);
	bench_trips_end(end.trips, side);
}

/*
 * A given number of messages between two ends on one loop, so that every run
 * takes the same steps: what an instruction counter looks at.
 */
static void quota_pump(void *context, struct ph_terminal *terminal)
{
	struct end *end = context;

	for (; end->quota; end->quota--)
		if (ph_terminal_send(terminal, PH_FRAME_FIN, end->payload->data,
			    (uint32_t)end->side->load.size))
			return;
	if (!end->finished)
		ph_terminal_finish(terminal);
	end->finished = true;
}

static const struct ph_terminal_ops quota_output = {
	.on_connected = quota_pump, .on_room = quota_pump};

static void web_beside(struct ph_loop *loop)
{
	struct ph_http_site site = {.loop = loop};
	struct ph_http_peer peer = {.source = "unix", .has_uid = true};
	struct ph_http *http;
	int pair[2];

	if (ph_http_create(&http, &site) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		bench_die("the web thread");
	ph_http_adopt(http, pair[0], &peer);
}

int bench_ours_quota(size_t size, uint64_t messages, bool web)
{
	struct bench_side side = {.load = {size, 0}};
	struct end from, to;

	end_init(&to, &side, &unused_ops, &stream_input);
	end_init_on(&from, to.loop, &side, &quota_output, &unused_ops);
	from.quota = messages;
	if (web)
		web_beside(to.loop);
	end_listen(&to);
	end_dial(&from, 0);
	ph_loop_run(to.loop);
	return side.result.messages == messages ? 0 : 1;
}

const struct bench_contestant bench_ours = {
	"posthouse", stream_serve, stream_drive, NULL};
const struct bench_contestant bench_ours_ping = {
	"posthouse", ping_serve, ping_drive, NULL};
const struct bench_contestant bench_ours_ws = {
	"posthouse", ws_serve, ws_drive, NULL};
const struct bench_contestant bench_ours_shm = {
	"posthouse", shm_serve, shm_drive, NULL};
const struct bench_contestant bench_ours_tls = {
	"posthouse", tls_serve, tls_drive, NULL};
