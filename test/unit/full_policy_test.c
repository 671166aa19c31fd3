/*
 * One of eight consumers stands still, under each policy: what the others get,
 * what he gets when he comes back, and what it costs meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "controlsurface/full_policy.h"
#include "kernel/terminal.h"
#include "test/kernel_world.h"

enum {
	SINKS = 8,
	MESSAGES = 20000,
	LIMIT = 64 * 1024
};

struct sink {
	struct ph_terminal *terminal;
	struct ph_pipe *pipe;
	struct ph_gap came;
	struct ph_gap lost;
	uint32_t last; /* number of the newest message */
	bool stands;   /* still */
	bool cut;
};

struct eight {
	struct world world;
	struct ph_terminal *mux;
	struct sink sinks[SINKS];
	struct ph_gap sent;
	unsigned rooms;
	unsigned losses; /* pipes that left the mux */
	size_t most;	 /* buffers of the pool */
};

static void take(struct sink *sink, const struct ph_frame *frame)
{
	struct ph_gap gap = {0};
	uint32_t number;

	if (frame->flags & PH_FRAME_GAP) {
		assert_true(ph_gap_read(&gap, frame->data, frame->length));
		sink->lost.messages += gap.messages;
		sink->lost.bytes += gap.bytes;
	}
	sink->cut |= frame->flags & PH_FRAME_CUT;
	if (ph_frame_is_control(frame->flags))
		return;
	memcpy(&number, frame->data, sizeof(number));
	/* In order, and where the gap is, exactly so many are missing. */
	assert_int_equal(number, sink->came.messages + sink->lost.messages);
	sink->last = number;
	sink->came.messages++;
	sink->came.bytes += frame->length;
}

static void on_readable(void *context, struct ph_terminal *terminal)
{
	struct sink *sink = context;
	struct ph_frame frame;

	while (!sink->stands && ph_terminal_receive(terminal, &frame, NULL)) {
		take(sink, &frame);
		ph_terminal_release(terminal);
	}
}

static void on_room(void *context, struct ph_terminal *terminal)
{
	((struct eight *)context)->rooms++;
}

static void on_closed(void *context, struct ph_terminal *terminal, int reason)
{
	((struct eight *)context)->losses++;
}

static const struct ph_terminal_ops sink_ops = {.on_readable = on_readable};
static const struct ph_terminal_ops mux_ops = {
	.on_room = on_room, .on_closed = on_closed};

static void eight_open(struct eight *eight, const char *policy)
{
	struct ph_pipe_limits limits = {.bytes = LIMIT};
	struct ph_pipe_watcher nobody = {0};

	*eight = (struct eight){0};
	assert_int_equal(world_open(&eight->world, 5), 0);
	assert_int_equal(ph_terminal_create(&eight->world.kernel, PH_MUX,
				 &mux_ops, eight, &eight->mux),
		0);
	for (unsigned i = 0; i < SINKS; i++) {
		struct sink *sink = &eight->sinks[i];

		/* The first has the policy; the others must lose nothing. */
		limits.full = ph_full_policy_find(i ? "block" : policy);
		assert_non_null(limits.full);
		assert_int_equal(ph_terminal_create(&eight->world.kernel, PH_IN,
					 &sink_ops, sink, &sink->terminal),
			0);
		assert_int_equal(ph_terminal_connect(&eight->world.kernel,
					 ph_terminal_handle(eight->mux),
					 ph_terminal_handle(sink->terminal),
					 limits, nobody, &sink->pipe),
			0);
	}
	world_run(&eight->world);
	eight->sinks[0].stands = true;
}

/* Until a message is taken; false when no turn makes room. */
static bool send(struct eight *eight, uint32_t number)
{
	static uint8_t bytes[2048];
	uint32_t length = 4 + dice(&eight->world, sizeof(bytes) - 4);
	unsigned rooms = eight->rooms;
	int error;

	memcpy(bytes, &number, sizeof(number));
	error = ph_terminal_send(eight->mux, PH_FRAME_FIN, bytes, length);
	if (error == -EAGAIN) {
		world_run(&eight->world);
		if (eight->rooms == rooms)
			return false;
		error = ph_terminal_send(
			eight->mux, PH_FRAME_FIN, bytes, length);
	}
	assert_int_equal(error, 0);
	eight->sent.messages++;
	eight->sent.bytes += length;
	return true;
}

static void send_all(struct eight *eight, bool stops)
{
	size_t live;

	for (uint32_t n = 0; n < MESSAGES; n++) {
		if (!send(eight, n)) {
			assert_true(stops);
			return;
		}
		/* Sometimes a turn ends by itself. */
		if (!dice(&eight->world, 30))
			world_run(&eight->world);
		live = ph_pool_live(eight->world.kernel.pool);
		if (live > eight->most)
			eight->most = live;
	}
	assert_false(stops);
}

static void come_back(struct eight *eight)
{
	struct sink *sink = &eight->sinks[0];

	world_run(&eight->world);
	sink->stands = false;
	on_readable(sink, sink->terminal);
	world_run(&eight->world);
}

static void assert_others_got_all(struct eight *eight)
{
	for (unsigned i = 1; i < SINKS; i++) {
		assert_int_equal(
			eight->sinks[i].came.messages, eight->sent.messages);
		assert_int_equal(eight->sinks[i].came.bytes, eight->sent.bytes);
		assert_int_equal(eight->sinks[i].lost.messages, 0);
	}
}

static void assert_exact(const struct eight *eight)
{
	const struct sink *sink = &eight->sinks[0];

	assert_int_equal(sink->came.messages + sink->lost.messages,
		eight->sent.messages);
	assert_int_equal(
		sink->came.bytes + sink->lost.bytes, eight->sent.bytes);
}

static void eight_close(struct eight *eight)
{
	for (unsigned i = 0; i < SINKS; i++)
		ph_terminal_destroy(eight->sinks[i].terminal);
	ph_terminal_destroy(eight->mux);
	world_run(&eight->world);
	assert_int_equal(ph_pool_live(eight->world.kernel.pool), 0);
	ph_kernel_fini(&eight->world.kernel);
}

static void test_dropping_holds_nobody_up(void **state)
{
	static const char *const names[] = {
		"drop-oldest", "drop-newest", "latest"};

	for (unsigned p = 0; p < 3; p++) {
		struct eight eight;
		struct sink *slow = &eight.sinks[0];
		const struct ph_counters *in;

		eight_open(&eight, names[p]);
		send_all(&eight, false);
		assert_true(ph_pipe_queued(slow->pipe) <= LIMIT + 40);
		in = ph_pipe_in(slow->pipe);
		assert_true(in->dropped_messages > MESSAGES / 2);
		come_back(&eight);
		assert_others_got_all(&eight);
		assert_exact(&eight);
		assert_int_equal(in->dropped_messages, slow->lost.messages);
		/* 64 KiB wait; what a buffer holds more is shared. */
		assert_in_range(eight.most, 1, 6);
		if (p == 1)
			assert_true(slow->last < MESSAGES / 2);
		else
			assert_int_equal(slow->last, MESSAGES - 1);
		if (p == 2)
			assert_int_equal(slow->came.messages, 1);
		eight_close(&eight);
	}
}

static void test_disconnect_holds_nobody_up(void **state)
{
	struct eight eight;

	eight_open(&eight, "disconnect");
	send_all(&eight, false);
	world_run(&eight.world);
	assert_others_got_all(&eight);
	assert_int_equal(eight.losses, 1);
	assert_int_equal(ph_terminal_pipes(eight.mux), SINKS - 1);
	come_back(&eight);
	assert_true(eight.sinks[0].cut);
	/* All that was sent until then, and not a byte of memory more. */
	assert_in_range(eight.sinks[0].lost.bytes, LIMIT - 4096, LIMIT);
	eight_close(&eight);
}

static void test_block_holds_all_up_and_loses_nothing(void **state)
{
	struct eight eight;

	eight_open(&eight, "block");
	send_all(&eight, true);
	assert_in_range(eight.sent.bytes, LIMIT - 4096, LIMIT);
	come_back(&eight);
	assert_others_got_all(&eight);
	assert_exact(&eight);
	assert_int_equal(eight.sinks[0].lost.messages, 0);
	/* And goes on. */
	assert_true(send(&eight, (uint32_t)eight.sent.messages));
	eight_close(&eight);
}

/* One message now and then: what waits is bounded, whatever passes by. */
static void test_a_crawling_consumer_stays_under_its_bound(void **state)
{
	struct eight eight;
	struct sink *slow = &eight.sinks[0];
	struct ph_frame frame;

	eight_open(&eight, "drop-oldest");
	for (uint32_t n = 0; n < MESSAGES; n++) {
		assert_true(send(&eight, n));
		if (n % 500 == 0 &&
			ph_terminal_receive(slow->terminal, &frame, NULL)) {
			take(slow, &frame);
			ph_terminal_release(slow->terminal);
		}
		assert_true(ph_pipe_queued(slow->pipe) <= LIMIT + 40);
		assert_in_range(ph_pool_live(eight.world.kernel.pool), 0, 6);
	}
	come_back(&eight);
	assert_exact(&eight);
	eight_close(&eight);
}

static void test_names(void **state)
{
	for (unsigned i = 0; ph_full_policy_names[i]; i++)
		assert_string_equal(
			ph_full_policy_find(ph_full_policy_names[i])->name,
			ph_full_policy_names[i]);
	assert_string_equal(ph_full_policy_find("")->name, "block");
	assert_null(ph_full_policy_find("spill"));
	assert_true(ph_full_policy_blocks(NULL));
	assert_true(ph_full_policy_blocks(ph_full_policy_find("block")));
	assert_false(ph_full_policy_blocks(ph_full_policy_find("latest")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_dropping_holds_nobody_up),
		cmocka_unit_test(test_disconnect_holds_nobody_up),
		cmocka_unit_test(test_block_holds_all_up_and_loses_nothing),
		cmocka_unit_test(
			test_a_crawling_consumer_stays_under_its_bound),
	};

	return cmocka_run_group_tests_name("full policy", tests, NULL, NULL);
}
