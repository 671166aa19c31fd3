#ifndef PH_TEST_UNIT_DIVERT_STAGE_H
#define PH_TEST_UNIT_DIVERT_STAGE_H

/*
 * What the tests of filters play with: an output that numbers its messages, a
 * sink that counts them, and a filter beside.
 */
#include "kernel/detour.h"
#include "test/kernel_world.h"

/* Numbered messages, some in several frames. */
struct source {
	struct ph_terminal *terminal;
	uint64_t next;
	uint32_t left; /* bytes of the message that is being sent */
	unsigned rooms;
	unsigned connects;
	int closed; /* 1: not */
};

struct filter {
	struct ph_terminal *in;
	struct ph_terminal *out;
	struct world *world;
	unsigned passed;
	unsigned most; /* frames a turn; 0: all */
	bool stuck;
	bool ending;
	unsigned runs; /* streams it saw from BEGIN to END */
};

struct sink {
	struct ph_terminal *terminal;
	struct world *world;
	uint64_t next;
	uint64_t lost; /* by GAPs */
	unsigned gaps;
	unsigned begins;
	unsigned ends;
	unsigned cuts;
	bool inside;
	bool lazy; /* takes a little each turn */
};

struct stage {
	struct world world;
	struct source source;
	struct filter filter;
	struct sink sink;
	struct ph_pipe *pipe;
	struct ph_detour *detour;
	enum ph_detour_state state;
};

static uint32_t size_of(uint64_t number)
{
	return 8 + (uint32_t)(number * 2654435761u % 200);
}

/* One frame; false: refused. */
static bool source_step(struct source *source)
{
	uint8_t bytes[256] = {0};
	uint32_t size = size_of(source->next);
	uint32_t part = source->left ? source->left : size;
	int error;

	/* Every fifth comes in two pieces. */
	if (!source->left && source->next % 5 == 0)
		part = size / 2 < 8 ? 8 : size / 2;
	memcpy(bytes, &source->next, 8);
	error = ph_terminal_send(source->terminal,
		part == (source->left ? source->left : size) ? PH_FRAME_FIN : 0,
		bytes, part);
	if (error) {
		assert_int_equal(error, -EAGAIN);
		return false;
	}
	source->left = (source->left ? source->left : size) - part;
	source->next += !source->left;
	return true;
}

static void source_room(void *context, struct ph_terminal *terminal)
{
	((struct source *)context)->rooms++;
}

static void source_connected(void *context, struct ph_terminal *terminal)
{
	((struct source *)context)->connects++;
}

static void source_closed(
	void *context, struct ph_terminal *terminal, int reason)
{
	((struct source *)context)->closed = reason;
}

static const struct ph_terminal_ops source_ops = {
	.on_room = source_room,
	.on_connected = source_connected,
	.on_closed = source_closed,
};

static bool filter_step(struct filter *filter)
{
	struct ph_frame frame;

	if (filter->stuck || filter->ending ||
		!ph_terminal_receive(filter->in, &frame, NULL))
		return false;
	if (frame.flags & PH_FRAME_END) {
		filter->ending = true;
		ph_terminal_finish(filter->out);
		return false;
	}
	if (frame.flags & PH_FRAME_CUT) {
		ph_terminal_abort(filter->out, -ECONNRESET);
		ph_terminal_release(filter->in);
		return false;
	}
	if (!ph_frame_is_control(frame.flags)) {
		if (ph_terminal_send_frame(filter->out, &frame))
			return false;
		filter->passed++;
	}
	ph_terminal_release(filter->in);
	return true;
}

static void filter_pump(void *context, struct ph_terminal *terminal)
{
	struct filter *filter = context;

	for (unsigned n = 0; !filter->most || n < filter->most; n++)
		if (!filter_step(filter))
			return;
}

/* The servers' rule: END is consumed when the output's END was. */
static void filter_closed(
	void *context, struct ph_terminal *terminal, int reason)
{
	struct filter *filter = context;

	if (terminal != filter->out || !filter->ending || filter->stuck)
		return;
	filter->ending = false;
	if (reason) {
		ph_terminal_refuse(filter->in, reason);
		return;
	}
	filter->runs++;
	ph_terminal_release(filter->in);
}

static const struct ph_terminal_ops filter_ops = {
	.on_connected = filter_pump,
	.on_room = filter_pump,
	.on_readable = filter_pump,
	.on_closed = filter_closed,
};

static void sink_frame(struct sink *sink, const struct ph_frame *frame)
{
	struct ph_gap gap = {0};
	uint64_t number;

	if (ph_frame_is_control(frame->flags)) {
		sink->begins += !!(frame->flags & PH_FRAME_BEGIN);
		sink->ends += !!(frame->flags & PH_FRAME_END);
		sink->cuts += !!(frame->flags & PH_FRAME_CUT);
		if (!(frame->flags & PH_FRAME_GAP))
			return;
		assert_false(sink->inside);
		assert_true(ph_gap_read(&gap, frame->data, frame->length));
		sink->lost += gap.messages;
		sink->next += gap.messages;
		sink->gaps++;
		return;
	}
	assert_int_equal(sink->begins, 1);
	/* A message's second piece may be shorter. */
	if (!sink->inside || frame->length >= 8) {
		memcpy(&number, frame->data, 8);
		assert_int_equal(number, sink->next);
	}
	sink->inside = !(frame->flags & PH_FRAME_FIN);
	sink->next += frame->flags & PH_FRAME_FIN;
}

static void sink_readable(void *context, struct ph_terminal *terminal)
{
	struct sink *sink = context;
	struct ph_frame frame;
	unsigned most = sink->lazy ? 1 + dice(sink->world, 8) : 1000000;

	while (most-- && ph_terminal_receive(terminal, &frame, NULL)) {
		sink_frame(sink, &frame);
		ph_terminal_release(terminal);
	}
}

static const struct ph_terminal_ops sink_ops = {.on_readable = sink_readable};

static struct ph_terminal *make(struct world *world,
	enum ph_direction direction, const struct ph_terminal_ops *ops,
	void *context)
{
	struct ph_terminal *terminal = NULL;

	assert_int_equal(ph_terminal_create(&world->kernel, direction, ops,
				 context, &terminal),
		0);
	return terminal;
}

static void changed(void *context, enum ph_detour_state state)
{
	((struct stage *)context)->state = state;
}

static const struct ph_detour_events events = {changed};

static void stage_open(struct stage *stage, enum ph_direction direction)
{
	struct world *world = &stage->world;

	*stage = (struct stage){0};
	assert_int_equal(world_open(world, 77), 0);
	stage->source.closed = 1;
	stage->source.terminal =
		make(world, direction, &source_ops, &stage->source);
	stage->filter.world = world;
	stage->filter.in = make(world, PH_IN, &filter_ops, &stage->filter);
	stage->filter.out = make(world, PH_OUT, &filter_ops, &stage->filter);
	stage->sink.world = world;
	stage->sink.terminal = make(world, PH_IN, &sink_ops, &stage->sink);
	assert_int_equal(ph_terminal_connect(&world->kernel,
				 ph_terminal_handle(stage->source.terminal),
				 ph_terminal_handle(stage->sink.terminal),
				 (struct ph_pipe_limits){.bytes = 4096},
				 (struct ph_pipe_watcher){0}, &stage->pipe),
		0);
	world_run(world);
}

static void stage_close(struct stage *stage)
{
	ph_detour_destroy(stage->detour);
	ph_terminal_destroy(stage->source.terminal);
	ph_terminal_destroy(stage->filter.in);
	ph_terminal_destroy(stage->filter.out);
	ph_terminal_destroy(stage->sink.terminal);
	world_run(&stage->world);
	assert_int_equal(ph_handles_count(stage->world.kernel.handles), 0);
	assert_int_equal(ph_pool_live(stage->world.kernel.pool), 0);
	ph_kernel_fini(&stage->world.kernel);
}

static void stage_detour(struct stage *stage, bool bypass)
{
	ph_detour_destroy(stage->detour);
	stage->detour = NULL;
	assert_int_equal(ph_detour_create(&stage->world.kernel, stage->pipe,
				 bypass, &events, stage, &stage->detour),
		0);
}

static int stage_enter(struct stage *stage)
{
	return ph_detour_enter(stage->detour,
		ph_terminal_handle(stage->filter.in),
		ph_terminal_handle(stage->filter.out));
}

/* One task, as a turn of the loop may end anywhere. */
static void step_world(struct world *world)
{
	struct ph_task *task = world->first;

	if (!task)
		return;
	world->first = task->next;
	if (!world->first)
		world->last = &world->first;
	task->queued = false;
	task->run(task);
}

static void push(struct stage *stage, unsigned frames)
{
	while (frames--)
		if (!source_step(&stage->source))
			break;
}

static void finish_message(struct stage *stage)
{
	while (stage->source.left)
		if (!source_step(&stage->source))
			step_world(&stage->world);
}

/* The output's server heard nothing but that there is room. */
static void ends_noticed_nothing(const struct stage *stage)
{
	assert_int_equal(stage->source.connects, 1);
	assert_int_equal(stage->source.closed, 1);
	assert_int_equal(stage->sink.begins, 1);
	assert_int_equal(stage->sink.ends + stage->sink.cuts, 0);
}

static void end_stream(struct stage *stage)
{
	finish_message(stage);
	ph_terminal_finish(stage->source.terminal);
	world_run(&stage->world);
	assert_int_equal(stage->sink.next, stage->source.next);
	assert_int_equal(stage->sink.ends, 1);
	assert_int_equal(stage->sink.cuts, 0);
	assert_int_equal(stage->source.closed, 0);
}

#endif
