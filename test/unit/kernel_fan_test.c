/*
 * One output for many inputs, one input for many outputs: everybody gets
 * everything, in order; nobody is copied for, starved or held up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "kernel/terminal.h"
#include "test/kernel_world.h"

enum {
	MANY = 64
};

struct sink {
	struct ph_terminal *terminal;
	uint64_t hash;
	uint64_t bytes;
	uint64_t messages;
	unsigned most; /* frames a turn; 0: all */
	bool begun;
	bool ended;
};

static uint64_t hash_more(uint64_t hash, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ data[i]) * 0x100000001b3;
	return hash;
}

static void sink_take(struct sink *sink, const struct ph_frame *frame)
{
	if (frame->flags & PH_FRAME_BEGIN)
		sink->begun = true;
	if (frame->flags & PH_FRAME_END)
		sink->ended = true;
	if (ph_frame_is_control(frame->flags))
		return;
	assert_true(sink->begun);
	sink->hash = hash_more(sink->hash, frame->data, frame->length);
	sink->hash = hash_more(sink->hash, &frame->flags, 1);
	sink->bytes += frame->length;
	sink->messages += frame->flags & PH_FRAME_FIN;
}

static void sink_readable(void *context, struct ph_terminal *terminal)
{
	struct sink *sink = context;
	struct ph_frame frame;

	for (unsigned n = 0; (!sink->most || n < sink->most) &&
			     ph_terminal_receive(terminal, &frame, NULL);
		n++) {
		sink_take(sink, &frame);
		ph_terminal_release(terminal);
	}
}

static const struct ph_terminal_ops sink_ops = {.on_readable = sink_readable};

static void count_room(void *context, struct ph_terminal *terminal)
{
	++*(unsigned *)context;
}

static const struct ph_terminal_ops source_ops = {.on_room = count_room};
static const struct ph_terminal_ops quiet = {0};
static unsigned nobody;

static struct ph_pipe *join(struct world *world, struct ph_terminal *from,
	struct ph_terminal *to, struct ph_pipe_limits limits)
{
	struct ph_pipe *pipe = NULL;

	assert_int_equal(
		ph_terminal_connect(&world->kernel, ph_terminal_handle(from),
			ph_terminal_handle(to), limits,
			(struct ph_pipe_watcher){0}, &pipe),
		0);
	return pipe;
}

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

static void finish(struct world *world)
{
	world_run(world);
	assert_int_equal(ph_handles_count(world->kernel.handles), 0);
	assert_int_equal(ph_pool_live(world->kernel.pool), 0);
	ph_kernel_fini(&world->kernel);
}

static void test_sixty_four_sinks_get_the_same(void **state)
{
	struct world world;
	struct sink sinks[MANY] = {0};
	struct ph_terminal *mux;
	unsigned rooms = 0;
	uint64_t hash = 0;
	uint64_t sent = 0;
	static uint8_t bytes[PH_FRAME_MAX];

	assert_int_equal(world_open(&world, 7), 0);
	mux = make(&world, PH_MUX, &source_ops, &rooms);
	for (unsigned i = 0; i < MANY; i++) {
		sinks[i].terminal = make(&world, PH_IN, &sink_ops, &sinks[i]);
		sinks[i].most = i % 5;
		join(&world, mux, sinks[i].terminal,
			(struct ph_pipe_limits){.bytes = 64 * 1024});
	}
	for (unsigned n = 0; n < 3000; n++) {
		uint32_t size = dice(&world, 100) ? dice(&world, 2000)
						  : dice(&world, PH_FRAME_MAX);
		uint8_t flags = dice(&world, 4) ? PH_FRAME_FIN : 0;

		bytes[n % sizeof(bytes)] = (uint8_t)n;
		while (ph_terminal_send(mux, flags, bytes, size) == -EAGAIN)
			world_run(&world);
		hash = hash_more(hash, bytes, size);
		hash = hash_more(hash, &flags, 1);
		sent += size;
	}
	ph_terminal_finish(mux);
	world_run(&world);
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(sinks[i].ended);
		assert_int_equal(sinks[i].bytes, sent);
		assert_true(sinks[i].hash == hash);
		ph_terminal_destroy(sinks[i].terminal);
	}
	assert_true(rooms > 0);
	ph_terminal_destroy(mux);
	finish(&world);
}

/* Whatever the number of pipes: large payloads are one buffer, small ones
 * are copied once. */
static void test_pipes_share_their_payloads(void **state)
{
	struct world world;
	struct sink sinks[MANY] = {0};
	struct ph_terminal *mux;
	struct ph_frame frame = {.flags = PH_FRAME_FIN, .length = 20000};
	uint8_t small[1000] = {0};
	size_t before;

	assert_int_equal(world_open(&world, 7), 0);
	mux = make(&world, PH_MUX, &source_ops, &nobody);
	for (unsigned i = 0; i < MANY; i++) {
		sinks[i].terminal = make(&world, PH_IN, &sink_ops, &sinks[i]);
		join(&world, mux, sinks[i].terminal,
			(struct ph_pipe_limits){0});
	}
	world_run(&world);
	before = ph_pool_live(world.kernel.pool);
	frame.buffer = ph_buffer_get(world.kernel.pool, 20000);
	frame.data = memset(frame.buffer->data, 1, 20000);
	frame.buffer->used = 20000;
	assert_int_equal(ph_terminal_send_frame(mux, &frame), 0);
	assert_int_equal(frame.buffer->references, 1 + MANY);
	assert_int_equal(ph_pool_live(world.kernel.pool), before + 1);
	for (unsigned n = 0; n < 60; n++)
		assert_int_equal(
			ph_terminal_send(mux, PH_FRAME_FIN, small, 1000), 0);
	/* 60 kB for 64 readers: one buffer of 64 KiB. */
	assert_int_equal(ph_pool_live(world.kernel.pool), before + 2);
	ph_buffer_unref(frame.buffer);
	world_run(&world);
	/* Nothing is held for what may never come. */
	assert_int_equal(ph_pool_live(world.kernel.pool), 0);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(sinks[i].messages, 61);
		ph_terminal_destroy(sinks[i].terminal);
	}
	ph_terminal_destroy(mux);
	finish(&world);
}

static void test_who_comes_in_mid_message_begins_at_the_next(void **state)
{
	struct world world;
	struct sink sinks[2] = {0};
	struct ph_terminal *mux;

	assert_int_equal(world_open(&world, 7), 0);
	mux = make(&world, PH_MUX, &source_ops, &nobody);
	for (unsigned i = 0; i < 2; i++)
		sinks[i].terminal = make(&world, PH_IN, &sink_ops, &sinks[i]);
	join(&world, mux, sinks[0].terminal, (struct ph_pipe_limits){0});
	assert_int_equal(ph_terminal_send(mux, 0, "abc", 3), 0);
	join(&world, mux, sinks[1].terminal, (struct ph_pipe_limits){0});
	assert_int_equal(ph_terminal_send(mux, 0, "def", 3), 0);
	assert_int_equal(ph_terminal_send(mux, PH_FRAME_FIN, "g", 1), 0);
	assert_int_equal(ph_terminal_send(mux, PH_FRAME_FIN, "hi", 2), 0);
	world_run(&world);
	assert_int_equal(sinks[0].messages, 2);
	assert_int_equal(sinks[0].bytes, 9);
	assert_int_equal(sinks[1].messages, 1);
	assert_int_equal(sinks[1].bytes, 2);
	for (unsigned i = 0; i < 2; i++)
		ph_terminal_destroy(sinks[i].terminal);
	ph_terminal_destroy(mux);
	finish(&world);
}

/* The one that refused left: nobody else would tell of the room. */
static void test_room_when_the_slow_one_leaves(void **state)
{
	struct world world;
	struct sink fast = {0};
	struct ph_terminal *slow;
	struct ph_terminal *mux;
	unsigned rooms = 0;
	uint8_t bytes[1000] = {0};

	assert_int_equal(world_open(&world, 7), 0);
	mux = make(&world, PH_MUX, &source_ops, &rooms);
	fast.terminal = make(&world, PH_IN, &sink_ops, &fast);
	slow = make(&world, PH_IN, &quiet, NULL);
	join(&world, mux, fast.terminal,
		(struct ph_pipe_limits){.bytes = 4096});
	join(&world, mux, slow, (struct ph_pipe_limits){.bytes = 4096});
	while (!ph_terminal_send(mux, PH_FRAME_FIN, bytes, sizeof(bytes)))
		world_run(&world);
	world_run(&world);
	assert_int_equal(rooms, 0);
	ph_terminal_destroy(slow);
	world_run(&world);
	assert_int_equal(rooms, 1);
	assert_int_equal(
		ph_terminal_send(mux, PH_FRAME_FIN, bytes, sizeof(bytes)), 0);
	ph_terminal_destroy(fast.terminal);
	ph_terminal_destroy(mux);
	finish(&world);
}

/* Fan-in. Every message says who sent it and which of his it is. */
struct source {
	struct ph_terminal *terminal;
	ph_handle pipe;
	uint32_t size; /* of its messages */
	uint32_t next;
	uint32_t seen;
	uint64_t bytes;
};

struct stamp {
	uint32_t who;
	uint32_t number;
};

/* As much as there is room for, in frames of 16 KiB at most. */
static void source_fill(struct source *source, uint32_t who)
{
	static uint8_t bytes[16 * 1024];
	struct stamp stamp = {who, source->next};

	for (;;) {
		uint32_t left = source->size - source->seen;
		uint32_t part = left < sizeof(bytes) ? left : sizeof(bytes);

		stamp.number = source->next;
		memcpy(bytes, &stamp, sizeof(stamp));
		if (ph_terminal_send(source->terminal,
			    part == left ? PH_FRAME_FIN : 0, bytes, part))
			return;
		source->seen += part;
		if (source->seen < source->size)
			continue;
		source->seen = 0;
		source->next++;
	}
}

struct fan_in {
	struct world world;
	struct ph_terminal *in;
	struct source sources[MANY];
	uint32_t came[MANY]; /* messages of each, whole */
	int inside;	     /* whose message is under way, or -1 */
};

static void fan_in_open(struct fan_in *fan)
{
	*fan = (struct fan_in){.inside = -1};
	assert_int_equal(world_open(&fan->world, 11), 0);
	fan->in = make(&fan->world, PH_COMBINE, &quiet, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		struct source *source = &fan->sources[i];

		/* 16 bytes to 160 KiB, more than a turn and than a pipe. */
		source->size = i % 3 == 0   ? 16 + i
			       : i % 3 == 1 ? 1000 + i
					    : 10000 + i * 2400;
		source->terminal =
			make(&fan->world, PH_OUT, &source_ops, &nobody);
		source->pipe = ph_pipe_handle(
			join(&fan->world, source->terminal, fan->in,
				(struct ph_pipe_limits){.bytes = 64 * 1024}));
	}
}

static void fan_in_close(struct fan_in *fan)
{
	for (unsigned i = 0; i < MANY; i++)
		ph_terminal_destroy(fan->sources[i].terminal);
	ph_terminal_destroy(fan->in);
	finish(&fan->world);
}

static void fan_in_take(struct fan_in *fan)
{
	struct ph_frame frame;
	struct stamp stamp;
	ph_handle from;

	if (!ph_terminal_receive(fan->in, &frame, &from))
		return;
	if (!ph_frame_is_control(frame.flags)) {
		memcpy(&stamp, frame.data, sizeof(stamp));
		assert_in_range(stamp.who, 0, MANY - 1);
		assert_int_equal(fan->sources[stamp.who].pipe, from);
		assert_int_equal(stamp.number, fan->came[stamp.who]);
		assert_true(fan->inside < 0 || fan->inside == (int)stamp.who);
		fan->inside = (int)stamp.who;
		fan->sources[stamp.who].bytes += PH_FRAME_HEADER + frame.length;
		if (frame.flags & PH_FRAME_FIN) {
			fan->inside = -1;
			fan->came[stamp.who]++;
		}
	}
	ph_terminal_release(fan->in);
}

static void test_sixty_four_sources_get_their_share(void **state)
{
	struct fan_in fan;
	uint64_t all = 0;

	fan_in_open(&fan);
	for (unsigned n = 0; n < 400000; n++) {
		if (n % 16 == 0)
			for (unsigned i = 0; i < MANY; i++)
				source_fill(&fan.sources[i], i);
		fan_in_take(&fan);
		if (n % 64 == 0)
			world_run(&fan.world);
	}
	for (unsigned i = 0; i < MANY; i++)
		all += fan.sources[i].bytes;
	/* Not only half of the fair share: nine tenths. */
	for (unsigned i = 0; i < MANY; i++)
		assert_true(fan.sources[i].bytes > all / MANY * 9 / 10);
	fan_in_close(&fan);
}

/* Half a message of one source is not begun while others have whole ones. */
static void test_a_source_in_mid_message_holds_nobody_up(void **state)
{
	struct world world;
	struct ph_terminal *in;
	struct ph_terminal *out[2];
	struct ph_frame frame;
	unsigned rooms = 0;

	assert_int_equal(world_open(&world, 3), 0);
	in = make(&world, PH_COMBINE, &quiet, NULL);
	for (unsigned i = 0; i < 2; i++) {
		out[i] = make(&world, PH_OUT, &source_ops, &rooms);
		join(&world, out[i], in, (struct ph_pipe_limits){0});
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_true(ph_terminal_receive(in, &frame, NULL));
		assert_true(frame.flags & PH_FRAME_BEGIN);
		ph_terminal_release(in);
	}
	assert_int_equal(ph_terminal_send(out[0], 0, "half", 4), 0);
	assert_false(ph_terminal_receive(in, &frame, NULL));
	assert_int_equal(ph_terminal_send(out[1], PH_FRAME_FIN, "whole", 5), 0);
	assert_true(ph_terminal_receive(in, &frame, NULL));
	assert_int_equal(frame.length, 5);
	ph_terminal_release(in);
	assert_int_equal(ph_terminal_send(out[0], PH_FRAME_FIN, "", 0), 0);
	assert_true(ph_terminal_receive(in, &frame, NULL));
	assert_int_equal(frame.length, 4);
	ph_terminal_release(in);
	for (unsigned i = 0; i < 2; i++)
		ph_terminal_destroy(out[i]);
	ph_terminal_destroy(in);
	finish(&world);
}

/* A sink that takes a little each turn is asked until nothing is left,
 * whichever pipe it took from. */
static void test_a_slow_combine_is_asked_again(void **state)
{
	struct world world;
	struct sink sink = {.most = 1};
	struct ph_terminal *out[8];

	assert_int_equal(world_open(&world, 3), 0);
	sink.terminal = make(&world, PH_COMBINE, &sink_ops, &sink);
	for (unsigned i = 0; i < 8; i++) {
		out[i] = make(&world, PH_OUT, &source_ops, &nobody);
		join(&world, out[i], sink.terminal, (struct ph_pipe_limits){0});
		for (unsigned n = 0; n < 100; n++)
			assert_int_equal(ph_terminal_send(out[i], PH_FRAME_FIN,
						 "message", 7),
				0);
	}
	world_run(&world);
	assert_int_equal(sink.messages, 800);
	for (unsigned i = 0; i < 8; i++)
		ph_terminal_destroy(out[i]);
	ph_terminal_destroy(sink.terminal);
	finish(&world);
}

/* A frame that stands is the next one, whoever comes meanwhile. */
static void test_a_frame_that_stands_stays_the_next(void **state)
{
	struct world world;
	struct ph_terminal *in;
	struct ph_terminal *out[2];
	struct ph_frame frame;
	ph_handle first;
	ph_handle again;

	assert_int_equal(world_open(&world, 3), 0);
	in = make(&world, PH_COMBINE, &quiet, NULL);
	for (unsigned i = 0; i < 2; i++)
		out[i] = make(&world, PH_OUT, &source_ops, &nobody);
	join(&world, out[0], in, (struct ph_pipe_limits){0});
	assert_true(ph_terminal_receive(in, &frame, &first));
	join(&world, out[1], in, (struct ph_pipe_limits){0});
	assert_true(ph_terminal_receive(in, &frame, &again));
	assert_int_equal(first, again);
	for (unsigned i = 0; i < 2; i++)
		ph_terminal_destroy(out[i]);
	ph_terminal_destroy(in);
	finish(&world);
}

static void count_connected(void *context, struct ph_terminal *terminal)
{
	++*(unsigned *)context;
}

static const struct ph_terminal_ops gather_ops = {
	.on_connected = count_connected};

/* Who comes late misses nothing when the output waits for all; it waits once,
 * and can be told to wait no more. */
static void test_an_output_begins_when_all_are_there(void **state)
{
	struct world world;
	struct ph_terminal *out, *in[3];
	struct sink sinks[3] = {0};
	unsigned connected = 0;

	assert_int_equal(world_open(&world, 1), 0);
	out = make(&world, PH_MUX, &gather_ops, &connected);
	for (unsigned i = 0; i < 3; i++)
		in[i] = make(&world, PH_IN, &sink_ops, &sinks[i]);
	ph_terminal_gather(out, 2);
	join(&world, out, in[0], (struct ph_pipe_limits){0});
	world_run(&world);
	assert_int_equal(connected, 0);
	assert_int_equal(ph_terminal_pipes(out), 0);
	assert_int_equal(
		ph_terminal_send(out, PH_FRAME_FIN, "x", 1), -ENOTCONN);
	join(&world, out, in[1], (struct ph_pipe_limits){0});
	world_run(&world);
	assert_int_equal(connected, 1);
	assert_int_equal(ph_terminal_pipes(out), 2);
	assert_int_equal(ph_terminal_send(out, PH_FRAME_FIN, "x", 1), 0);
	world_run(&world);
	assert_int_equal(sinks[0].bytes, 1);
	assert_int_equal(sinks[1].bytes, 1);
	/* One leaves: it does not wait again. */
	ph_terminal_destroy(in[1]);
	world_run(&world);
	assert_int_equal(ph_terminal_send(out, PH_FRAME_FIN, "y", 1), 0);
	ph_terminal_gather(out, 3);
	join(&world, out, in[2], (struct ph_pipe_limits){0});
	world_run(&world);
	assert_int_equal(ph_terminal_pipes(out), 0);
	ph_terminal_gather(out, 0);
	world_run(&world);
	assert_int_equal(ph_terminal_pipes(out), 2);
	assert_int_equal(connected, 2);
	ph_terminal_destroy(out);
	world_run(&world);
	ph_terminal_destroy(in[0]);
	ph_terminal_destroy(in[2]);
	finish(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sixty_four_sinks_get_the_same),
		cmocka_unit_test(test_pipes_share_their_payloads),
		cmocka_unit_test(
			test_who_comes_in_mid_message_begins_at_the_next),
		cmocka_unit_test(test_room_when_the_slow_one_leaves),
		cmocka_unit_test(test_sixty_four_sources_get_their_share),
		cmocka_unit_test(test_a_source_in_mid_message_holds_nobody_up),
		cmocka_unit_test(test_a_slow_combine_is_asked_again),
		cmocka_unit_test(test_a_frame_that_stands_stays_the_next),
		cmocka_unit_test(test_an_output_begins_when_all_are_there),
	};

	return cmocka_run_group_tests_name("kernel fan", tests, NULL, NULL);
}
