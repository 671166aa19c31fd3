#include "bench/fan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/full_policy.h"
#include "kernel/terminal.h"
#include "transport/transport.h"

/*
 * One sending process, one receiving, `width` connections. Fan-out: a mux
 * feeds them all. Apart: an output for each. Standing still: a mux feeds them
 * all, and the first one's receiver never reads, which its policy has to bear.
 * What counts is messages received, by all together; where one may stand
 * still, by the others.
 */
/* What waits in all queues of a side together. */
#define FAN_QUEUES ((uint32_t)64 * 1024 * 1024)
/* Dials under way: a listener's queue is short. */
#define FAN_DIALS 32u

struct branch {
	struct fan *fan;
	struct ph_carrier *carrier;
	struct ph_pipe *pipe;
	struct ph_terminal *terminal; /* its input; its output, when apart */
	bool counts;
	bool still;
};

struct fan {
	struct bench_side *side;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_transport_host host;
	struct ph_terminal *mux; /* NULL: apart */
	struct branch *branches;
	struct ph_address address;
	struct ph_timer end;
	unsigned width;
	unsigned accepted;
	unsigned dialled;
	unsigned opened;
	unsigned left;
	bool finished;
	uint8_t *payload;
};

static void fan_init(struct fan *fan, struct bench_side *side)
{
	const struct bench_load *load = &side->load;

	fan_limits();
	*fan = (struct fan){.side = side,
		.width = load->width,
		.left = load->width - (load->still ? 1 : 0)};
	fan->payload = calloc(1, PH_FRAME_MAX);
	fan->branches = calloc(fan->width, sizeof(*fan->branches));
	if (!fan->payload || !fan->branches ||
		ph_loop_create(&fan->loop, &ph_clock_real) ||
		ph_kernel_init(&fan->kernel, ph_loop_hal(fan->loop)))
		bench_die("kernel");
	fan->host.loop = fan->loop;
	fan->host.pool = fan->kernel.pool;
	for (unsigned i = 0; i < fan->width; i++) {
		fan->branches[i].fan = fan;
		fan->branches[i].counts = i || !load->policy;
		fan->branches[i].still = !i && load->still;
	}
	ph_address_parse(&fan->address, "127.0.0.1:7678");
	fan->address.port = side->port;
}

static struct ph_pipe_limits fan_limit(const struct branch *branch)
{
	const struct fan *fan = branch->fan;
	const char *policy = fan->side->load.policy;
	struct ph_pipe_limits limits = {.bytes = FAN_QUEUES / fan->width};

	if (limits.bytes > PH_PIPE_BYTES)
		limits.bytes = PH_PIPE_BYTES;
	if (policy && branch == fan->branches)
		limits.full = ph_full_policy_find(policy);
	return limits;
}

/* One that stands still is waited for by nobody. */
static void branch_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct branch *branch = context;

	branch->carrier = NULL;
	if (!branch->still && --branch->fan->left == 0)
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
		if (branch->counts && !ph_frame_is_control(frame.flags))
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
	if (branch->still)
		ph_carrier_pause(carrier, true);
	if (ph_terminal_create(
		    kernel, PH_IN, &input_ops, branch, &branch->terminal) ||
		ph_terminal_connect_source(kernel,
			(struct ph_end){&source_ops, branch},
			ph_terminal_handle(branch->terminal),
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

	if (fan->accepted == fan->width)
		return NULL;
	*out = &fan->branches[fan->accepted++];
	return &in_events;
}

static void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	((struct branch *)carrier_context)->carrier = carrier;
}

static const struct ph_listener_events listener_events = {
	.on_accept = on_accept, .on_carrier = on_carrier};

static void serve(struct bench_side *side)
{
	struct ph_listener *listener;
	struct fan fan;

	fan_init(&fan, side);
	fan.address.port = 0;
	if (ph_transport_tcp.listen(&fan.host, &fan.address, true,
		    &listener_events, &fan, &listener))
		bench_die("listening");
	ph_listener_address(listener, &fan.address);
	bench_tell_port(side, fan.address.port);
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
	/* Too slow, and that is its end. */
	if (ph_pipe_reason(pipe) == -ENOBUFS) {
		ph_pipe_close_sink(pipe, -ENOBUFS);
		branch->pipe = NULL;
	}
}

static const struct ph_end_ops sink_ops = {.on_readable = sink_readable};

/* Until it is full, or the time is up. */
static void pump(struct fan *fan, struct ph_terminal *terminal)
{
	size_t size = fan->side->load.size;

	while (bench_now() < fan->side->until)
		for (size_t i = 0; i < FAN_BATCH / size; i++)
			if (ph_terminal_send(terminal, PH_FRAME_FIN,
				    fan->payload, (uint32_t)size))
				return;
}

static void pump_mux(void *context, struct ph_terminal *terminal)
{
	struct fan *fan = context;

	if (fan->opened == fan->width && !fan->finished)
		pump(fan, terminal);
}

/* Until it is full: the queue bounds what the first gets before the others. */
static void pump_branch(void *context, struct ph_terminal *terminal)
{
	struct fan *fan = ((struct branch *)context)->fan;
	uint32_t size = (uint32_t)fan->side->load.size;

	if (fan->opened < fan->width || fan->finished)
		return;
	while (!ph_terminal_send(terminal, PH_FRAME_FIN, fan->payload, size))
		;
}

static const struct ph_terminal_ops mux_ops = {.on_room = pump_mux};
static const struct ph_terminal_ops out_ops = {.on_room = pump_branch};

static void time_is_up(struct ph_timer *timer)
{
	struct fan *fan =
		(struct fan *)((char *)timer - offsetof(struct fan, end));

	fan->finished = true;
	if (fan->mux)
		ph_terminal_finish(fan->mux);
	for (unsigned i = 0; i < fan->width && !fan->mux; i++)
		ph_terminal_finish(fan->branches[i].terminal);
}

static void branch_connect(struct branch *branch)
{
	struct fan *fan = branch->fan;

	branch->terminal = fan->mux;
	if (!fan->mux && ph_terminal_create(&fan->kernel, PH_OUT, &out_ops,
				 branch, &branch->terminal))
		bench_die("kernel");
	if (ph_terminal_connect_sink(&fan->kernel,
		    ph_terminal_handle(branch->terminal),
		    (struct ph_end){&sink_ops, branch}, fan_limit(branch),
		    (struct ph_pipe_watcher){0}, &branch->pipe))
		bench_die("connecting");
}

static void begin(struct fan *fan)
{
	for (unsigned i = 0; i < fan->width; i++)
		branch_connect(&fan->branches[i]);
	fan->side->until = bench_now() + fan->side->load.ns;
	fan->end.on_due = time_is_up;
	ph_timer_start(fan->loop, &fan->end, fan->side->until);
	if (fan->mux)
		pump_mux(fan, fan->mux);
	for (unsigned i = 0; i < fan->width && !fan->mux; i++)
		pump_branch(&fan->branches[i], fan->branches[i].terminal);
}

static void dial_next(struct fan *fan);

static void out_open(void *context, struct ph_carrier *carrier)
{
	struct fan *fan = ((struct branch *)context)->fan;

	if (++fan->opened == fan->width)
		begin(fan);
	else
		dial_next(fan);
}

static void out_room(void *context, struct ph_carrier *carrier)
{
	struct branch *branch = context;

	if (branch->pipe && ph_pipe_waits(branch->pipe))
		sink_readable(branch, branch->pipe);
}

static const struct ph_carrier_events out_events = {
	.on_open = out_open, .on_room = out_room, .on_closed = branch_closed};

static void dial_next(struct fan *fan)
{
	struct ph_dial dial = {.plain = true, .address = fan->address};

	if (fan->dialled == fan->width)
		return;
	if (ph_transport_tcp.dial(&fan->host, &dial, &out_events,
		    &fan->branches[fan->dialled],
		    &fan->branches[fan->dialled].carrier))
		bench_die("dialling");
	fan->dialled++;
}

static void drive(struct bench_side *side, bool apart)
{
	struct fan fan;

	fan_init(&fan, side);
	if (!apart && ph_terminal_create(
			      &fan.kernel, PH_MUX, &mux_ops, &fan, &fan.mux))
		bench_die("kernel");
	/* The first is the receiver's first: it may be the one that stands
	 * still. */
	dial_next(&fan);
	while (!fan.opened)
		ph_loop_turn(fan.loop, PH_SECOND);
	for (unsigned i = 0; i < FAN_DIALS; i++)
		dial_next(&fan);
	ph_loop_run(fan.loop);
}

static void drive_mux(struct bench_side *side)
{
	drive(side, false);
}

static void drive_apart(struct bench_side *side)
{
	drive(side, true);
}

/* One stands still in every second run only. */
static void serve_all(struct bench_side *side)
{
	side->load.still = false;
	serve(side);
}

static void drive_all(struct bench_side *side)
{
	side->load.still = false;
	drive(side, false);
}

const struct bench_contestant bench_ours_fan = {
	.name = "posthouse", .serve = serve, .drive = drive_mux};
const struct bench_contestant bench_ours_apart = {
	.name = "posthouse", .serve = serve, .drive = drive_apart};
const struct bench_contestant bench_ours_fan_all = {
	.name = "none standing still", .serve = serve_all, .drive = drive_all};
