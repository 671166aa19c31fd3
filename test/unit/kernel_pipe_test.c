/*
 * Pipes that may drop: what is dropped, where the GAP stands, and that what
 * the GAPs say and what came are together what was sent, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/uio.h>

#include "kernel/terminal.h"
#include "test/kernel_world.h"

enum {
	LIMIT = 4096,
	/* GAP records, two at most, come on top. */
	BOUND = LIMIT + 2 * (PH_FRAME_HEADER + PH_GAP_LENGTH)
};

static enum ph_full_verdict oldest(struct ph_pipe *pipe, uint32_t length)
{
	if (!ph_pipe_could_take(pipe, length) || !ph_pipe_drop_oldest(pipe))
		return PH_FULL_SKIP;
	return PH_FULL_RETRY;
}

static enum ph_full_verdict newest(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_SKIP;
}

static enum ph_full_verdict closing(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_CLOSE;
}

static const struct ph_full_policy drop_oldest = {"o", 0, oldest};
static const struct ph_full_policy drop_newest = {"n", 0, newest};
static const struct ph_full_policy latest = {"l", 1, oldest};
static const struct ph_full_policy disconnect = {"d", 0, closing};

/* A pipe with a source and a sink that do nothing but count. */
struct bench {
	struct world world;
	struct ph_pipe *pipe;
	struct ph_gap sent;
	struct ph_gap gap;
	struct ph_gap came;
	unsigned gaps;
	unsigned rooms;
	unsigned asked;
	int closed;
	int gone;
	bool ended;
	bool cut;
};

static void on_readable(void *context, struct ph_pipe *pipe)
{
	((struct bench *)context)->asked++;
}

static void on_room(void *context, struct ph_pipe *pipe)
{
	((struct bench *)context)->rooms++;
}

static void on_closed(void *context, struct ph_pipe *pipe, int reason)
{
	((struct bench *)context)->closed = reason;
}

static void on_gone(void *context, struct ph_pipe *pipe, int reason)
{
	((struct bench *)context)->gone++;
}

static const struct ph_end_ops ops = {
	.on_readable = on_readable, .on_room = on_room, .on_closed = on_closed};

static void open_bench(struct bench *bench, const struct ph_full_policy *policy)
{
	struct ph_end end = {&ops, bench};
	struct ph_pipe_limits limits = {.bytes = LIMIT, .full = policy};
	struct ph_pipe_watcher watcher = {on_gone, bench};

	*bench = (struct bench){.closed = 1};
	assert_int_equal(world_open(&bench->world, 1), 0);
	assert_int_equal(ph_pipe_create(&bench->world.kernel, end, end, limits,
				 watcher, &bench->pipe),
		0);
}

static void close_bench(struct bench *bench)
{
	ph_pipe_close_source(bench->pipe, -ECANCELED);
	ph_pipe_close_sink(bench->pipe, 0);
	world_run(&bench->world);
	assert_int_equal(bench->gone, 1);
	assert_int_equal(ph_pool_live(bench->world.kernel.pool), 0);
	ph_kernel_fini(&bench->world.kernel);
}

static int give_frame(
	struct bench *bench, uint8_t flags, uint32_t number, uint32_t length)
{
	static uint8_t bytes[PH_FRAME_MAX];
	int error;

	memcpy(bytes, &number, sizeof(number));
	error = ph_pipe_send(bench->pipe, flags, bytes, length);
	if (error == -EAGAIN) {
		unsigned rooms = bench->rooms;

		/* Only until the sink had its turn. */
		world_run(&bench->world);
		assert_int_equal(bench->rooms, rooms + 1);
		error = ph_pipe_send(bench->pipe, flags, bytes, length);
	}
	if (error)
		return error;
	bench->sent.bytes += length;
	bench->sent.messages += flags & PH_FRAME_FIN;
	return 0;
}

static void give(struct bench *bench, uint32_t number, uint32_t length)
{
	assert_int_equal(give_frame(bench, PH_FRAME_FIN, number, length), 0);
}

/* The next frame's number, or the flag of a control frame, above. */
enum {
	NOTHING = 1 << 20,
	GAP,
	LAST
};

static uint32_t take(struct bench *bench)
{
	struct ph_frame frame;
	uint32_t number = GAP;

	if (!ph_pipe_receive(bench->pipe, &frame))
		return NOTHING;
	if (frame.flags & PH_FRAME_GAP) {
		struct ph_gap gap = {0};

		assert_true(ph_gap_read(&gap, frame.data, frame.length));
		bench->gap.messages += gap.messages;
		bench->gap.bytes += gap.bytes;
		bench->gaps++;
	} else if (frame.flags & (PH_FRAME_END | PH_FRAME_CUT)) {
		number = LAST;
		bench->ended = frame.flags & PH_FRAME_END;
		bench->cut = frame.flags & PH_FRAME_CUT;
	} else {
		memcpy(&number, frame.data, sizeof(number));
		bench->came.bytes += frame.length;
		bench->came.messages += frame.flags & PH_FRAME_FIN;
	}
	ph_pipe_release(bench->pipe);
	return number;
}

static void take_all(struct bench *bench)
{
	while (take(bench) != NOTHING)
		;
}

static void assert_exact(const struct bench *bench)
{
	const struct ph_counters *in = ph_pipe_in(bench->pipe);
	const struct ph_counters *out = ph_pipe_out(bench->pipe);

	assert_int_equal(bench->sent.messages,
		bench->gap.messages + bench->came.messages);
	assert_int_equal(
		bench->sent.bytes, bench->gap.bytes + bench->came.bytes);
	assert_int_equal(in->dropped_messages, bench->gap.messages);
	assert_int_equal(in->dropped_bytes, bench->gap.bytes);
	assert_int_equal(in->messages, bench->sent.messages);
	assert_int_equal(in->bytes, bench->sent.bytes);
	assert_int_equal(out->messages, bench->came.messages);
	assert_int_equal(out->bytes, bench->came.bytes);
	assert_int_equal(out->dropped_messages, bench->gap.messages);
	assert_int_equal(out->dropped_bytes, bench->gap.bytes);
}

static void test_oldest_goes_and_the_gap_stands_in_its_place(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_oldest);
	for (uint32_t i = 0; i < 10; i++)
		give(&bench, i, 1000);
	/* Four of 1004 bytes fit into 4096. */
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(bench.gap.messages, 6);
	assert_int_equal(bench.gap.bytes, 6000);
	for (uint32_t i = 6; i < 10; i++)
		assert_int_equal(take(&bench), i);
	assert_int_equal(take(&bench), NOTHING);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_newest_is_not_taken_and_the_gap_stands_behind(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_newest);
	for (uint32_t i = 0; i < 10; i++)
		give(&bench, i, 1000);
	assert_int_equal(take(&bench), 0);
	give(&bench, 10, 1000);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(take(&bench), i);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(bench.gap.messages, 6);
	assert_int_equal(take(&bench), 10);
	assert_int_equal(take(&bench), NOTHING);
	assert_int_equal(bench.gaps, 1);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_latest_keeps_one(void **state)
{
	struct bench bench;

	open_bench(&bench, &latest);
	give(&bench, 0, 100);
	assert_int_equal(take(&bench), 0);
	for (uint32_t i = 1; i < 200; i++)
		give(&bench, i, 100);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(take(&bench), 199);
	assert_int_equal(take(&bench), NOTHING);
	assert_int_equal(bench.gap.messages, 198);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_disconnect_cuts_and_says_what_was_lost(void **state)
{
	struct bench bench;
	int error = 0;

	open_bench(&bench, &disconnect);
	for (uint32_t i = 0; !error; i++)
		error = give_frame(&bench, PH_FRAME_FIN, i, 1000);
	assert_int_equal(error, -EPIPE);
	assert_int_equal(bench.sent.messages, 4);
	world_run(&bench.world);
	assert_int_equal(bench.closed, -ENOBUFS);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(take(&bench), LAST);
	assert_true(bench.cut);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_a_frame_that_stands_is_not_dropped(void **state)
{
	struct bench bench;
	struct ph_frame frame;

	open_bench(&bench, &drop_oldest);
	give(&bench, 7, 1000);
	assert_true(ph_pipe_receive(bench.pipe, &frame));
	for (uint32_t i = 8; i < 100; i++)
		give(&bench, i, 1000);
	assert_int_equal(take(&bench), 7);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(take(&bench), 97);
	take_all(&bench);
	assert_exact(&bench);
	close_bench(&bench);
}

/* Three frames a message; the sink has taken the first of one. */
static void test_a_message_begun_is_never_torn(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_oldest);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(give_frame(&bench,
					 i % 3 == 2 ? PH_FRAME_FIN : 0, i, 300),
			0);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(bench.gap.messages, 6);
	assert_int_equal(take(&bench), 18);
	for (uint32_t i = 30; i < 60; i++)
		assert_int_equal(give_frame(&bench,
					 i % 3 == 2 ? PH_FRAME_FIN : 0, i, 300),
			0);
	assert_int_equal(take(&bench), 19);
	assert_int_equal(take(&bench), 20);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(take(&bench) % 3, 0);
	take_all(&bench);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_a_message_that_outgrows_the_pipe_is_dropped_whole(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_oldest);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(give_frame(&bench, 0, i, 1000), 0);
	assert_true(ph_pipe_queued(bench.pipe) <= LIMIT);
	assert_int_equal(take(&bench), NOTHING);
	assert_int_equal(give_frame(&bench, PH_FRAME_FIN, 9, 1000), 0);
	give(&bench, 10, 50);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(bench.gap.messages, 1);
	assert_int_equal(bench.gap.bytes, 10000);
	assert_int_equal(take(&bench), 10);
	assert_exact(&bench);
	close_bench(&bench);
}

static void test_the_end_comes_after_the_gap(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_newest);
	for (uint32_t i = 0; i < 10; i++)
		give(&bench, i, 1000);
	ph_pipe_finish(bench.pipe);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(take(&bench), i);
	assert_int_equal(take(&bench), GAP);
	assert_int_equal(take(&bench), LAST);
	assert_true(bench.ended);
	assert_exact(&bench);
	close_bench(&bench);
}

/* A loss is told even when nothing comes behind it. */
static void test_a_loss_is_not_silent(void **state)
{
	struct bench bench;

	open_bench(&bench, &drop_newest);
	for (uint32_t i = 0; i < 6; i++)
		give(&bench, i, 1000);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(take(&bench), i);
	assert_true(ph_pipe_waits(bench.pipe));
	assert_int_equal(take(&bench), GAP);
	assert_exact(&bench);
	close_bench(&bench);
}

/* A carrier takes bytes, not frames: cut anywhere, no message is torn. */
static void carry(struct bench *bench, uint8_t *stream, size_t *length)
{
	struct iovec vectors[8];
	struct ph_queue *queue = ph_pipe_queue(bench->pipe);
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;
	unsigned count = ph_queue_vectors(queue, vectors, 8);
	size_t most = 1 + dice(&bench->world, 700);
	size_t taken = 0;

	for (unsigned i = 0; i < count && taken < most; i++) {
		size_t part = vectors[i].iov_len;

		part = part < most - taken ? part : most - taken;
		memcpy(stream + *length, vectors[i].iov_base, part);
		*length += part;
		taken += part;
	}
	ph_queue_advance(queue, taken);
	ph_pipe_took(bench->pipe, bytes, frames, messages);
}

static void read_stream(struct bench *bench, const uint8_t *stream, size_t left)
{
	struct ph_gap gap = {0};

	while (left) {
		uint32_t length = ph_frame_length(stream);

		assert_true(left >= PH_FRAME_HEADER + length);
		if (!(stream[3] & PH_FRAME_GAP)) {
			bench->came.bytes += length;
			bench->came.messages += stream[3] & PH_FRAME_FIN;
		} else {
			assert_true(ph_gap_read(
				&gap, stream + PH_FRAME_HEADER, length));
			bench->gap.messages += gap.messages;
			bench->gap.bytes += gap.bytes;
		}
		stream += PH_FRAME_HEADER + length;
		left -= PH_FRAME_HEADER + length;
	}
}

static void test_bytewise_sinks_get_whole_frames(void **state)
{
	const struct ph_full_policy *policies[] = {
		&drop_oldest, &drop_newest, &latest};
	static uint8_t stream[16 * 1024 * 1024];

	for (unsigned p = 0; p < 3; p++) {
		struct bench bench;
		size_t length = 0;
		bool inside = false;

		open_bench(&bench, policies[p]);
		for (unsigned n = 0; n < 20000; n++) {
			if (dice(&bench.world, 3)) {
				inside = !dice(&bench.world, 4);
				assert_int_equal(
					give_frame(&bench,
						inside ? 0 : PH_FRAME_FIN, n,
						4 + dice(&bench.world, 900)),
					0);
			} else {
				carry(&bench, stream, &length);
			}
			assert_true(ph_pipe_queued(bench.pipe) <= BOUND);
		}
		if (inside)
			give(&bench, 0, 4);
		while (ph_pipe_waits(bench.pipe))
			carry(&bench, stream, &length);
		read_stream(&bench, stream, length);
		assert_true(bench.gap.messages > 1000);
		assert_int_equal(bench.sent.messages,
			bench.gap.messages + bench.came.messages);
		assert_int_equal(
			bench.sent.bytes, bench.gap.bytes + bench.came.bytes);
		close_bench(&bench);
	}
}

/* It has a part in hand: when it took that by a turn of its own, and nothing
 * more is sent, it is asked to take the rest. */
static void test_a_bytewise_sink_is_asked_until_nothing_waits(void **state)
{
	struct ph_pipe_limits limits = {.full = &drop_oldest};
	struct ph_pipe_watcher watcher = {0};
	struct bench bench = {.closed = 1};
	struct ph_end end = {&ops, &bench};

	assert_int_equal(world_open(&bench.world, 1), 0);
	assert_int_equal(ph_pipe_create(&bench.world.kernel, end, end, limits,
				 watcher, &bench.pipe),
		0);
	for (uint32_t i = 0; i < 300; i++)
		give(&bench, i, 1000);
	ph_pipe_finish(bench.pipe);
	world_run(&bench.world);
	while (ph_pipe_waits(bench.pipe)) {
		struct ph_queue *queue = ph_pipe_queue(bench.pipe);
		uint64_t bytes = queue->bytes;
		uint64_t frames = queue->frames;
		uint64_t messages = queue->messages;
		unsigned asked = bench.asked;

		assert_true(bytes < 100000);
		ph_queue_advance(queue, bytes);
		ph_pipe_took(bench.pipe, bytes, frames, messages);
		world_run(&bench.world);
		assert_int_equal(
			bench.asked - asked, ph_pipe_waits(bench.pipe));
	}
	ph_pipe_close_sink(bench.pipe, 0);
	world_run(&bench.world);
	ph_kernel_fini(&bench.world.kernel);
}

/* A sink that was not asked is not slow: a burst over the limit loses
 * nothing when the sink takes all in its turn. */
static void greedy_readable(void *context, struct ph_pipe *pipe)
{
	take_all(context);
}

static const struct ph_end_ops greedy = {.on_readable = greedy_readable,
	.on_room = on_room,
	.on_closed = on_closed};

static void test_a_burst_loses_nothing_when_the_sink_keeps_up(void **state)
{
	struct ph_pipe_limits limits = {.bytes = LIMIT, .full = &drop_oldest};
	struct ph_pipe_watcher watcher = {on_gone, NULL};
	struct ph_end source = {&ops, NULL};
	struct ph_end sink = {&greedy, NULL};
	struct bench bench = {.closed = 1};

	assert_int_equal(world_open(&bench.world, 1), 0);
	source.context = sink.context = watcher.context = &bench;
	assert_int_equal(ph_pipe_create(&bench.world.kernel, source, sink,
				 limits, watcher, &bench.pipe),
		0);
	for (uint32_t i = 0; i < 1000; i++)
		give(&bench, i, 1000);
	world_run(&bench.world);
	assert_int_equal(bench.came.messages, 1000);
	assert_int_equal(bench.gaps, 0);
	close_bench(&bench);
}

/* A source that is never full would never return to the loop. */
static void test_an_endless_source_is_refused_once_a_turn(void **state)
{
	struct bench bench;
	uint8_t bytes[1000] = {0};
	unsigned taken = 0;

	open_bench(&bench, &drop_oldest);
	while (!ph_pipe_send(bench.pipe, PH_FRAME_FIN, bytes, sizeof(bytes)))
		assert_in_range(++taken, 1, 10);
	world_run(&bench.world);
	assert_int_equal(bench.rooms, 1);
	assert_int_equal(bench.asked, 1);
	close_bench(&bench);
}

/* Memory, not only counts: tiny messages never hold a buffer each. */
static void test_memory_stays_near_the_limit(void **state)
{
	struct bench bench;
	size_t most = 0;

	open_bench(&bench, &drop_oldest);
	for (uint32_t i = 0; i < 100000; i++) {
		give(&bench, i, 16);
		if (i % 7 == 0)
			take(&bench);
		if (ph_pool_live(bench.world.kernel.pool) > most)
			most = ph_pool_live(bench.world.kernel.pool);
	}
	/* Of 64 KiB: what stands, what waits, what is filled, GAPs. */
	assert_in_range(most, 1, 4);
	take_all(&bench);
	assert_exact(&bench);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_oldest_goes_and_the_gap_stands_in_its_place),
		cmocka_unit_test(
			test_newest_is_not_taken_and_the_gap_stands_behind),
		cmocka_unit_test(test_latest_keeps_one),
		cmocka_unit_test(test_disconnect_cuts_and_says_what_was_lost),
		cmocka_unit_test(test_a_frame_that_stands_is_not_dropped),
		cmocka_unit_test(test_a_message_begun_is_never_torn),
		cmocka_unit_test(
			test_a_message_that_outgrows_the_pipe_is_dropped_whole),
		cmocka_unit_test(test_the_end_comes_after_the_gap),
		cmocka_unit_test(test_a_loss_is_not_silent),
		cmocka_unit_test(test_bytewise_sinks_get_whole_frames),
		cmocka_unit_test(
			test_a_bytewise_sink_is_asked_until_nothing_waits),
		cmocka_unit_test(
			test_a_burst_loses_nothing_when_the_sink_keeps_up),
		cmocka_unit_test(test_an_endless_source_is_refused_once_a_turn),
		cmocka_unit_test(test_memory_stays_near_the_limit),
	};

	return cmocka_run_group_tests_name("kernel pipe", tests, NULL, NULL);
}
