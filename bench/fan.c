#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/contestants.h"
#include "kernel/terminal.h"
#include "transport/transport.h"

/*
 * One sender, sixteen receivers, each on a connection of its own; all
 * receivers are one process. Ours: a mux, sixteen pipes and carriers. Raw: the
 * best a bare program does, one buffer of many messages written to all sockets.
 * What counts is messages received, by all together.
 */
#define FAN   16
#define BATCH ((size_t)64 * 1024)
/* Of the raw sender; measured: less is slower, more is not faster. */
#define RAW_BATCH ((size_t)256 * 1024)
#define INTAKE	  ((size_t)256 * 1024)
#define MESSAGE	  PH_FRAME_MAX

struct branch {
	struct fan *fan;
	struct ph_carrier *carrier;
	struct ph_pipe *pipe;
	struct ph_terminal *input;
};

struct fan {
	struct bench_side *side;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_transport_host host;
	struct ph_terminal *mux;
	struct branch branches[FAN];
	unsigned accepted;
	unsigned opened;
	unsigned left;
	bool finished;
	uint8_t *payload;
};

static void fan_init(struct fan *fan, struct bench_side *side)
{
	*fan = (struct fan){.side = side, .left = FAN};
	fan->payload = calloc(1, MESSAGE);
	if (!fan->payload || ph_loop_create(&fan->loop, &ph_clock_real) ||
		ph_kernel_init(&fan->kernel, ph_loop_hal(fan->loop)))
		bench_die("kernel");
	fan->host.loop = fan->loop;
	fan->host.pool = fan->kernel.pool;
}

static void branch_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct branch *branch = context;

	if (--branch->fan->left == 0)
		ph_loop_stop(branch->fan->loop);
}

/* Receivers. */
static void take(void *context, struct ph_terminal *terminal)
{
	struct branch *branch = context;
	struct bench_side *side = branch->fan->side;
	struct ph_frame frame;

	if (!side->result.ns)
		bench_begin(side);
	while (ph_terminal_receive(terminal, &frame, NULL)) {
		if (!ph_frame_is_control(frame.flags))
			bench_took(side, frame.data, frame.length);
		ph_terminal_release(terminal);
	}
}

static const struct ph_terminal_ops input_ops = {.on_readable = take};

static void source_room(void *context, struct ph_pipe *pipe)
{
	ph_carrier_pause(((struct branch *)context)->carrier, false);
}

static void source_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct branch *branch = context;

	branch->pipe = NULL;
	ph_carrier_close(branch->carrier);
}

static const struct ph_end_ops source_ops = {
	.on_room = source_room, .on_closed = source_closed};

static void in_open(void *context, struct ph_carrier *carrier)
{
	struct branch *branch = context;
	struct ph_kernel *kernel = &branch->fan->kernel;

	ph_carrier_admit(carrier, PH_FRAME_MAX);
	if (ph_terminal_create(
		    kernel, PH_IN, &input_ops, branch, &branch->input) ||
		ph_terminal_connect_source(kernel,
			(struct ph_end){&source_ops, branch},
			ph_terminal_handle(branch->input),
			(struct ph_pipe_limits){0}, (struct ph_pipe_watcher){0},
			&branch->pipe))
		bench_die("connecting");
}

static void in_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct branch *branch = context;

	if (branch->pipe && !ph_pipe_push(branch->pipe, segment))
		ph_carrier_pause(carrier, true);
}

static const struct ph_carrier_events in_events = {
	.on_open = in_open, .on_frames = in_frames, .on_closed = branch_closed};

static const struct ph_carrier_events *on_accept(
	void *context, const char *source, void **out)
{
	struct fan *fan = context;
	struct branch *branch = &fan->branches[fan->accepted];

	if (fan->accepted++ >= FAN)
		return NULL;
	branch->fan = fan;
	*out = branch;
	return &in_events;
}

static void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	((struct branch *)carrier_context)->carrier = carrier;
}

static const struct ph_listener_events listener_events = {
	.on_accept = on_accept, .on_carrier = on_carrier};

static void ours_serve(struct bench_side *side)
{
	struct ph_listener *listener;
	struct ph_address address;
	struct fan fan;

	fan_init(&fan, side);
	ph_address_parse(&address, "127.0.0.1:7678");
	address.port = 0;
	if (ph_transport_tcp.listen(&fan.host, &address, true, &listener_events,
		    &fan, &listener))
		bench_die("listening");
	ph_listener_address(listener, &address);
	bench_tell_port(side, address.port);
	ph_loop_run(fan.loop);
	bench_end(side);
}

/* The sender. */
static void sink_readable(void *context, struct ph_pipe *pipe)
{
	struct branch *branch = context;
	struct ph_queue *queue = ph_pipe_queue(pipe);
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;

	ph_carrier_send(branch->carrier, queue);
	ph_pipe_took(pipe, bytes, frames, messages);
}

static const struct ph_end_ops sink_ops = {.on_readable = sink_readable};

static void pump(void *context, struct ph_terminal *terminal)
{
	struct fan *fan = context;
	size_t size = fan->side->load.size;

	if (ph_terminal_pipes(terminal) < FAN)
		return;
	while (bench_now() < fan->side->until)
		for (size_t i = 0; i < BATCH / size; i++)
			if (ph_terminal_send(terminal, PH_FRAME_FIN,
				    fan->payload, (uint32_t)size))
				return;
	if (!fan->finished)
		ph_terminal_finish(terminal);
	fan->finished = true;
}

static const struct ph_terminal_ops mux_ops = {
	.on_connected = pump, .on_room = pump};

static void out_open(void *context, struct ph_carrier *carrier)
{
	struct branch *branch = context;
	struct fan *fan = branch->fan;

	if (++fan->opened < FAN)
		return;
	for (unsigned i = 0; i < FAN; i++)
		if (ph_terminal_connect_sink(&fan->kernel,
			    ph_terminal_handle(fan->mux),
			    (struct ph_end){&sink_ops, &fan->branches[i]},
			    (struct ph_pipe_limits){0},
			    (struct ph_pipe_watcher){0},
			    &fan->branches[i].pipe))
			bench_die("connecting");
}

static void out_room(void *context, struct ph_carrier *carrier)
{
	struct branch *branch = context;

	if (branch->pipe && ph_pipe_waits(branch->pipe))
		sink_readable(branch, branch->pipe);
}

static const struct ph_carrier_events out_events = {
	.on_open = out_open, .on_room = out_room, .on_closed = branch_closed};

static void ours_drive(struct bench_side *side)
{
	struct ph_dial dial = {.plain = true};
	struct fan fan;

	fan_init(&fan, side);
	ph_address_parse(&dial.address, "127.0.0.1:7678");
	dial.address.port = side->port;
	if (ph_terminal_create(&fan.kernel, PH_MUX, &mux_ops, &fan, &fan.mux))
		bench_die("kernel");
	for (unsigned i = 0; i < FAN; i++) {
		fan.branches[i].fan = &fan;
		if (ph_transport_tcp.dial(&fan.host, &dial, &out_events,
			    &fan.branches[i], &fan.branches[i].carrier))
			bench_die("dialling");
	}
	ph_loop_run(fan.loop);
}

const struct bench_contestant bench_ours_fan = {
	.name = "posthouse", .serve = ours_serve, .drive = ours_drive};

/* Raw: what is received from one of the sixteen; false at its end. */
static bool raw_take(struct bench_side *side, int fd, uint8_t *buffer,
	size_t *have, uint8_t *scratch)
{
	size_t size = side->load.size;
	ssize_t got = recv(fd, scratch + *have, INTAKE, 0);
	const uint8_t *at = scratch;

	if (got <= 0)
		return false;
	if (!side->result.ns)
		bench_begin(side);
	memcpy(scratch, buffer, *have);
	for (*have += (size_t)got; *have >= size; *have -= size, at += size)
		bench_took(side, at, size);
	memcpy(buffer, at, *have);
	return true;
}

static void raw_serve(struct bench_side *side)
{
	struct pollfd polls[FAN];
	size_t size = side->load.size;
	uint8_t *rests = calloc(FAN, size);
	uint8_t *scratch = calloc(1, INTAKE + size);
	size_t have[FAN] = {0};
	unsigned left = FAN;
	int listener = bench_listen(side);

	if (!rests || !scratch)
		bench_die("memory");
	for (unsigned i = 0; i < FAN; i++)
		polls[i] = (struct pollfd){
			.fd = bench_accept(listener), .events = POLLIN};
	while (left) {
		if (poll(polls, FAN, -1) < 0)
			bench_die("poll");
		for (unsigned i = 0; i < FAN; i++) {
			if (polls[i].fd < 0 || !polls[i].revents ||
				raw_take(side, polls[i].fd, rests + i * size,
					&have[i], scratch))
				continue;
			polls[i].fd = -1;
			left--;
		}
	}
	bench_end(side);
}

static void raw_drive(struct bench_side *side)
{
	size_t size = side->load.size;
	uint8_t *batch = calloc(1, RAW_BATCH);
	uint8_t *message = calloc(1, size);
	int fds[FAN];

	if (!batch || !message)
		bench_die("memory");
	for (unsigned i = 0; i < FAN; i++)
		fds[i] = bench_dial(side);
	while (bench_now() < side->until) {
		size_t used = 0;

		for (; used + size <= RAW_BATCH; used += size)
			memcpy(batch + used, message, size);
		for (unsigned i = 0; i < FAN; i++)
			if (send(fds[i], batch, used, 0) != (ssize_t)used)
				bench_die("send");
	}
	for (unsigned i = 0; i < FAN; i++)
		close(fds[i]);
}

const struct bench_contestant bench_raw_fan = {.name = "raw: one buffer to all",
	.serve = raw_serve,
	.drive = raw_drive};
