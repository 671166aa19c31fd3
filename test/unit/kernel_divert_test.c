/*
 * A filter put into a stream that flows and taken out again: the sink's stream
 * is the same as without, byte for byte, and neither end hears of anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "test/unit/divert_stage.h"

#define FULL_DOSE 10000u

static int64_t wall(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int by_size(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one;
	int64_t b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

/* At full rate: the source sends whenever it is let, the world takes a few
 * steps between. */
static void flow(struct stage *stage, unsigned rounds)
{
	while (rounds--) {
		push(stage, 1 + dice(&stage->world, 12));
		for (unsigned n = dice(&stage->world, 6); n; n--)
			step_world(&stage->world);
	}
}

static void put_in(struct stage *stage)
{
	int error;

	stage_detour(stage, false);
	/* The filter's last stream may still be ending. */
	while ((error = stage_enter(stage)) == -EBUSY)
		flow(stage, 1);
	assert_int_equal(error, 0);
	while (ph_detour_state(stage->detour) != PH_DETOUR_IN)
		flow(stage, 1);
}

/* How long the output was refused by the draining. */
static int64_t take_out(struct stage *stage)
{
	int64_t begin = 0;

	assert_int_equal(ph_detour_leave(stage->detour), 0);
	while (ph_detour_state(stage->detour) != PH_DETOUR_OUT) {
		if (!begin &&
			ph_detour_state(stage->detour) == PH_DETOUR_DRAINING)
			begin = wall();
		flow(stage, 1);
	}
	return begin ? wall() - begin : 0;
}

static void test_ten_thousand_times(void **state)
{
	static int64_t pauses[FULL_DOSE];
	struct stage stage;

	stage_open(&stage, PH_OUT);
	for (unsigned n = 0; n < FULL_DOSE; n++) {
		stage.sink.lazy = n / 100 % 3 == 1;
		stage.filter.most = n / 100 % 3 == 2 ? 1 + n % 7 : 0;
		put_in(&stage);
		flow(&stage, dice(&stage.world, 20));
		pauses[n] = take_out(&stage);
		flow(&stage, dice(&stage.world, 10));
	}
	ends_noticed_nothing(&stage);
	assert_int_equal(stage.sink.gaps, 0);
	assert_true(stage.filter.passed > FULL_DOSE);
	world_run(&stage.world);
	assert_int_equal(stage.filter.runs, FULL_DOSE);
	end_stream(&stage);
	qsort(pauses, FULL_DOSE, sizeof(pauses[0]), by_size);
	print_message("%u times in and out, %llu messages: pause median %lld "
		      "us, p99 %lld us\n",
		FULL_DOSE, (unsigned long long)stage.sink.next,
		(long long)pauses[FULL_DOSE / 2] / 1000,
		(long long)pauses[FULL_DOSE / 100 * 99] / 1000);
	stage_close(&stage);
}

static void test_a_mux_keeps_its_other_pipes(void **state)
{
	struct stage stage;
	struct sink other = {.lazy = true};
	struct ph_pipe *pipe = NULL;

	stage_open(&stage, PH_MUX);
	other.world = &stage.world;
	other.terminal = make(&stage.world, PH_IN, &sink_ops, &other);
	assert_int_equal(ph_terminal_connect(&stage.world.kernel,
				 ph_terminal_handle(stage.source.terminal),
				 ph_terminal_handle(other.terminal),
				 (struct ph_pipe_limits){.bytes = 4096},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
	for (unsigned n = 0; n < 300; n++) {
		put_in(&stage);
		flow(&stage, dice(&stage.world, 20));
		take_out(&stage);
	}
	finish_message(&stage);
	world_run(&stage.world);
	assert_int_equal(other.next, stage.source.next);
	assert_int_equal(stage.sink.next, stage.source.next);
	ph_terminal_destroy(other.terminal);
	stage_close(&stage);
}

static void test_it_waits_for_the_end_of_a_message(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	/* Number 0 comes in two pieces, if it is long enough. */
	stage.source.next = stage.sink.next = 5;
	push(&stage, 1);
	assert_true(stage.source.left > 0);
	stage_detour(&stage, false);
	assert_int_equal(stage_enter(&stage), 0);
	assert_int_equal(ph_detour_state(stage.detour), PH_DETOUR_WAITING);
	world_run(&stage.world);
	assert_int_equal(stage.filter.passed, 0);
	push(&stage, 1);
	assert_int_equal(ph_detour_state(stage.detour), PH_DETOUR_HELD);
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_IN);
	assert_int_equal(stage.filter.passed, 0);
	while (stage.source.next < 10)
		push(&stage, 1);
	push(&stage, 1);
	assert_true(stage.source.left > 0);
	assert_int_equal(ph_detour_leave(stage.detour), 0);
	assert_int_equal(ph_detour_leave(stage.detour), -EALREADY);
	world_run(&stage.world);
	assert_int_equal(ph_detour_state(stage.detour), PH_DETOUR_IN);
	push(&stage, 1);
	assert_false(source_step(&stage.source));
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_OUT);
	assert_true(stage.source.rooms > 0);
	ends_noticed_nothing(&stage);
	end_stream(&stage);
	stage_close(&stage);
}

/* What never comes to its end takes nobody along. */
static void test_waiting_can_be_given_up(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	stage.source.next = stage.sink.next = 5;
	push(&stage, 1);
	stage_detour(&stage, false);
	assert_int_equal(stage_enter(&stage), 0);
	assert_int_equal(ph_detour_leave(stage.detour), 0);
	push(&stage, 100);
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_OUT);
	assert_int_equal(stage.filter.passed, 0);
	end_stream(&stage);
	stage_close(&stage);
}

/* The stream ends as it would without a filter, and takes it along. */
static void test_a_stream_ends_through_its_filter(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	put_in(&stage);
	flow(&stage, 50);
	finish_message(&stage);
	ph_terminal_finish(stage.source.terminal);
	assert_int_equal(ph_detour_leave(stage.detour), -EPIPE);
	world_run(&stage.world);
	assert_int_equal(stage.sink.next, stage.source.next);
	assert_int_equal(stage.sink.ends, 1);
	assert_int_equal(stage.source.closed, 0);
	assert_int_equal(stage.state, PH_DETOUR_OVER);
	stage_close(&stage);
}

/* While the filter drains the output may finish, break off or lose its sink. */
static void test_ends_while_it_drains(void **state)
{
	for (unsigned how = 0; how < 3; how++) {
		struct stage stage;

		stage_open(&stage, PH_OUT);
		put_in(&stage);
		stage.filter.stuck = true;
		flow(&stage, 3);
		finish_message(&stage);
		assert_int_equal(ph_detour_leave(stage.detour), 0);
		assert_int_equal(
			ph_detour_state(stage.detour), PH_DETOUR_DRAINING);
		assert_false(source_step(&stage.source));
		if (how == 0)
			ph_terminal_finish(stage.source.terminal);
		else if (how == 1)
			ph_terminal_abort(stage.source.terminal, -EIO);
		else
			ph_terminal_refuse(stage.sink.terminal, -EIO);
		world_run(&stage.world);
		stage.filter.stuck = false;
		if (how == 0)
			filter_pump(&stage.filter, stage.filter.in);
		world_run(&stage.world);
		assert_int_equal(stage.sink.ends, how == 0);
		assert_int_equal(stage.sink.cuts, how == 1);
		if (how == 0)
			assert_int_equal(stage.sink.next, stage.source.next);
		if (how != 1)
			assert_int_equal(
				stage.source.closed, how == 0 ? 0 : -EIO);
		assert_int_equal(
			stage.state, how == 0 ? PH_DETOUR_OUT : PH_DETOUR_OVER);
		stage_close(&stage);
	}
}

/* The output leaves, as one whose wiring is taken away: what it gave comes out
 * of the filter, also when that was asked to go before, and CUT behind it. */
static void test_the_output_leaves(void **state)
{
	for (unsigned how = 0; how < 3; how++) {
		struct stage stage;

		stage_open(&stage, PH_OUT);
		put_in(&stage);
		flow(&stage, 20);
		stage.filter.stuck = true;
		flow(&stage, 3);
		if (how < 2)
			finish_message(&stage);
		else
			while (!stage.source.left)
				if (!source_step(&stage.source))
					break;
		ph_detour_part(stage.detour);
		if (how == 1)
			assert_int_equal(ph_detour_leave(stage.detour), 0);
		ph_terminal_abort(stage.source.terminal, -ECANCELED);
		world_run(&stage.world);
		assert_int_equal(stage.sink.cuts, 0);
		stage.filter.stuck = false;
		filter_pump(&stage.filter, stage.filter.in);
		world_run(&stage.world);
		assert_int_equal(stage.sink.cuts, 1);
		assert_int_equal(stage.sink.ends, 0);
		assert_int_equal(stage.sink.next, stage.source.next);
		/* In the middle of a message it sees no end. */
		assert_int_equal(stage.filter.runs, how < 2);
		stage_close(&stage);
	}
}

/* As the executor does it: everything the filter has is cut. */
static void crash(struct stage *stage)
{
	ph_terminal_abort(stage->filter.out, -ECONNABORTED);
	ph_terminal_refuse(stage->filter.in, -ECONNABORTED);
	stage->filter.ending = false;
}

static void test_a_broken_filter_is_bypassed(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	for (unsigned n = 0; n < 500; n++) {
		uint64_t lost = stage.sink.lost;
		unsigned gaps = stage.sink.gaps;

		stage_detour(&stage, true);
		finish_message(&stage);
		assert_int_equal(stage_enter(&stage), 0);
		world_run(&stage.world);
		stage.filter.most = 0;
		flow(&stage, 10);
		finish_message(&stage);
		world_run(&stage.world);
		stage.filter.stuck = true;
		push(&stage, dice(&stage.world, 30));
		if (n % 2)
			finish_message(&stage);
		crash(&stage);
		stage.filter.stuck = false;
		assert_false(source_step(&stage.source));
		world_run(&stage.world);
		assert_int_equal(stage.state, PH_DETOUR_OUT);
		assert_int_equal(ph_detour_reason(stage.detour), -ECONNABORTED);
		assert_int_equal(stage.sink.gaps, gaps + 1);
		assert_int_equal(ph_detour_lost(stage.detour).messages,
			stage.sink.lost - lost);
		/* What came too late for the filter is nobody's. */
		finish_message(&stage);
		push(&stage, 5);
		finish_message(&stage);
		world_run(&stage.world);
		assert_int_equal(stage.sink.next, stage.source.next);
	}
	assert_true(stage.sink.lost > 0);
	assert_int_equal(
		ph_pipe_in(stage.pipe)->dropped_messages, stage.sink.lost);
	ends_noticed_nothing(&stage);
	end_stream(&stage);
	stage_close(&stage);
}

static void test_a_broken_filter_blocks(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	for (unsigned n = 0; n < 200; n++) {
		put_in(&stage);
		flow(&stage, 10);
		finish_message(&stage);
		world_run(&stage.world);
		crash(&stage);
		world_run(&stage.world);
		assert_int_equal(stage.state, PH_DETOUR_HELD);
		assert_false(source_step(&stage.source));
		assert_false(source_step(&stage.source));
		if (n % 2)
			assert_int_equal(stage_enter(&stage), 0);
		else
			assert_int_equal(ph_detour_leave(stage.detour), 0);
		world_run(&stage.world);
		assert_true(source_step(&stage.source));
		finish_message(&stage);
		if (n % 2)
			take_out(&stage);
		world_run(&stage.world);
	}
	/* It was empty each time it broke. */
	assert_int_equal(stage.sink.lost, 0);
	assert_int_equal(stage.sink.gaps, 200);
	ends_noticed_nothing(&stage);
	end_stream(&stage);
	stage_close(&stage);
}

/* Also while it drains: who wants it out gets it out. */
static void test_a_filter_that_breaks_while_it_drains(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	put_in(&stage);
	finish_message(&stage);
	world_run(&stage.world);
	stage.filter.stuck = true;
	push(&stage, 4);
	finish_message(&stage);
	assert_int_equal(ph_detour_leave(stage.detour), 0);
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_DRAINING);
	crash(&stage);
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_OUT);
	assert_int_equal(stage.sink.gaps, 1);
	assert_true(stage.sink.lost > 0);
	end_stream(&stage);
	stage_close(&stage);
}

/* Half a message came out: it can be neither finished nor taken back. */
static void test_broken_in_the_middle_of_a_message(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	stage.source.next = stage.sink.next = 5;
	stage_detour(&stage, true);
	assert_int_equal(stage_enter(&stage), 0);
	world_run(&stage.world);
	push(&stage, 1);
	world_run(&stage.world);
	assert_true(stage.sink.inside);
	crash(&stage);
	world_run(&stage.world);
	assert_int_equal(stage.sink.cuts, 1);
	assert_int_equal(stage.source.closed, -ECONNABORTED);
	assert_int_equal(stage.state, PH_DETOUR_OVER);
	stage_close(&stage);
}

static void test_who_is_not_free_is_refused(void **state)
{
	struct stage stage;
	struct ph_pipe *pipe;

	stage_open(&stage, PH_OUT);
	stage_detour(&stage, false);
	assert_int_equal(ph_detour_enter(stage.detour, 999, 999), -ESTALE);
	assert_int_equal(ph_detour_enter(stage.detour,
				 ph_terminal_handle(stage.filter.out),
				 ph_terminal_handle(stage.filter.in)),
		-EINVAL);
	assert_int_equal(ph_terminal_connect(&stage.world.kernel,
				 ph_terminal_handle(stage.filter.out),
				 ph_terminal_handle(stage.filter.in),
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
	assert_int_equal(stage_enter(&stage), -EBUSY);
	flow(&stage, 10);
	end_stream(&stage);
	assert_int_equal(stage.state, PH_DETOUR_OVER);
	assert_int_equal(stage_enter(&stage), -EPIPE);
	stage_close(&stage);
}

/* One that does not read gets nothing, and nothing is lost in it. */
static void test_a_filter_that_does_not_run(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	stage_detour(&stage, false);
	flow(&stage, 10);
	finish_message(&stage);
	world_run(&stage.world);
	stage.filter.stuck = true;
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(stage_enter(&stage), 0);
		world_run(&stage.world);
		assert_int_equal(stage_enter(&stage), -EALREADY);
		assert_int_equal(stage.state, PH_DETOUR_HELD);
		assert_false(source_step(&stage.source));
		if (n % 3 == 0)
			crash(&stage);
		else if (n % 3 == 1)
			ph_terminal_refuse(stage.filter.in, -EIO);
		else
			ph_terminal_finish(stage.filter.out);
		world_run(&stage.world);
		/* CUT of a filter that ended too early is for its next run. */
		ph_terminal_refuse(stage.filter.in, -EIO);
		world_run(&stage.world);
	}
	stage.filter.stuck = false;
	assert_int_equal(stage_enter(&stage), 0);
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_IN);
	flow(&stage, 10);
	assert_int_equal(stage.sink.gaps, 0);
	ends_noticed_nothing(&stage);
	end_stream(&stage);
	stage_close(&stage);
}

/* A stream that begins anew goes through its filter from the first byte. */
static void test_held_from_the_beginning(void **state)
{
	struct stage stage;

	stage_open(&stage, PH_OUT);
	stage_detour(&stage, false);
	assert_int_equal(ph_detour_hold(stage.detour), 0);
	assert_false(source_step(&stage.source));
	world_run(&stage.world);
	assert_int_equal(stage.state, PH_DETOUR_HELD);
	assert_int_equal(stage_enter(&stage), 0);
	world_run(&stage.world);
	push(&stage, 20);
	finish_message(&stage);
	world_run(&stage.world);
	assert_true(stage.filter.passed >= 20);
	ends_noticed_nothing(&stage);
	end_stream(&stage);
	stage_close(&stage);
}

/* Terminals that go, at every point of a filter's stay. */
static void test_anybody_may_go_at_any_time(void **state)
{
	for (unsigned n = 0; n < 2000; n++) {
		struct stage stage;
		struct ph_terminal **goes[4];

		stage_open(&stage, n % 2 ? PH_OUT : PH_MUX);
		goes[0] = &stage.source.terminal;
		goes[1] = &stage.filter.in;
		goes[2] = &stage.filter.out;
		goes[3] = &stage.sink.terminal;
		stage.world.random += n;
		stage_detour(&stage, n % 3);
		for (unsigned i = dice(&stage.world, 20); i; i--)
			push(&stage, 2);
		assert_int_equal(stage_enter(&stage), 0);
		stage.filter.stuck = n % 5 == 0;
		flow(&stage, dice(&stage.world, 6));
		if (n % 4)
			ph_detour_leave(stage.detour);
		flow(&stage, dice(&stage.world, 3));
		if (n % 7 == 0) {
			ph_detour_destroy(stage.detour);
			stage.detour = NULL;
		}
		for (unsigned i = 4; i; i--) {
			unsigned who = dice(&stage.world, 4);

			if (*goes[who])
				ph_terminal_destroy(*goes[who]);
			*goes[who] = NULL;
			if (who == 1 || who == 2)
				stage.filter.stuck = true;
			for (unsigned k = dice(&stage.world, 5); k; k--)
				step_world(&stage.world);
		}
		stage_close(&stage);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_thousand_times),
		cmocka_unit_test(test_a_mux_keeps_its_other_pipes),
		cmocka_unit_test(test_it_waits_for_the_end_of_a_message),
		cmocka_unit_test(test_waiting_can_be_given_up),
		cmocka_unit_test(test_a_stream_ends_through_its_filter),
		cmocka_unit_test(test_ends_while_it_drains),
		cmocka_unit_test(test_the_output_leaves),
		cmocka_unit_test(test_a_broken_filter_is_bypassed),
		cmocka_unit_test(test_a_broken_filter_blocks),
		cmocka_unit_test(test_a_filter_that_breaks_while_it_drains),
		cmocka_unit_test(test_broken_in_the_middle_of_a_message),
		cmocka_unit_test(test_who_is_not_free_is_refused),
		cmocka_unit_test(test_a_filter_that_does_not_run),
		cmocka_unit_test(test_held_from_the_beginning),
		cmocka_unit_test(test_anybody_may_go_at_any_time),
	};

	return cmocka_run_group_tests_name("kernel divert", tests, NULL, NULL);
}
