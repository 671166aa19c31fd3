#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "test/control_world.h"

static void a_broken_carrier_comes_back_under_its_id(void **state)
{
	struct world *world = *state;
	uint64_t generation;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, 10 * PH_SECOND);
	generation = world->generation;
	world->reserve_fails = 2;
	world_forget(world);
	world_news(world, "failed", "connection reset");
	assert_string_equal(world_field(world, "state"), "failed");
	assert_string_equal(world_field(world, "reason"), "connection reset");
	world_settle(world, 60 * PH_MILLISECOND);
	assert_int_equal(world_count(world, "reserve"), 0);
	world_settle(world, 70 * PH_MILLISECOND);
	assert_int_equal(world_count(world, "reserve"), 1);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "reserve alpha#1.1"), 3);
	assert_int_equal(world_count(world, "open alpha#1.1"), 1);
	assert_true(world->generation > generation);
	assert_string_equal(world_field(world, "actual"), "open");
	assert_int_equal(
		world_count(world, "note connection alpha#1.1 failed"), 1);
}

static void a_dial_without_an_answer_is_given_up(void **state)
{
	struct world *world = *state;

	world->hold_open = true;
	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_string_equal(world_field(world, "state"), "dialing");
	world->hold_open = false;
	world_settle(world, 20 * PH_SECOND);
	assert_string_equal(world_field(world, "actual"), "open");
	assert_int_equal(world->generation, 2);
}

static void a_restart_keeps_the_id(void **state)
{
	struct world *world = *state;
	uint64_t generation;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	generation = world->generation;
	world_down(world);
	world_forget(world);
	world_up(world);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "start "), 2);
	assert_int_equal(world_count(world, "open alpha#1.1 alpha"), 1);
	assert_true(world->generation > generation);
	assert_int_equal(world_kept(world, "connections"), 1);
}

static void a_finished_stream_is_not_run_again(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_news(world, "closed", "end");
	world_settle(world, PH_SECOND);
	assert_string_equal(world_field(world, "state"), "closed");
	assert_string_equal(world_field(world, "reason"), "end");
	world_down(world);
	world_forget(world);
	world_up(world);
	world_settle(world, 10 * PH_SECOND);
	assert_string_equal(world_field(world, "state"), "closed");
	assert_string_equal(world_field(world, "reason"), "end");
	assert_string_equal(world_field(world, "id"), "alpha#1.1");
	assert_int_equal(world_count(world, "start src"), 0);
	assert_int_equal(world_count(world, "start dst"), 1);
	assert_int_equal(world_count(world, "open"), 0);
	/* The same file again: still finished. Another source: a new run. */
	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "open"), 0);
	assert_int_equal(world_apply(world, world_changed, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "start src"), 1);
	assert_int_equal(world_count(world, "open alpha#2.1"), 1);
	assert_int_equal(world_kept(world, "connections"), 1);
}

/* The Hostess and the wires close the older carrier when a newer one comes. */
static void news_of_an_older_carrier_is_no_news(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_news(world, "failed", "reset");
	world_settle(world, PH_SECOND);
	assert_int_equal(world->generation, 2);
	world->news_generation = 1;
	world_news(world, "failed", "a newer carrier came");
	assert_string_equal(world_field(world, "actual"), "open");
	world->news_generation = 2;
	world_news(world, "failed", "reset");
	assert_string_equal(world_field(world, "state"), "failed");
}

static void what_passed_stays_to_be_seen(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value item;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_news(world, "closed", "end");
	*world->connection = '\0';
	world_call(world, PH_CONTROL_LIST, NULL, NULL, &answer);
	item = ph_value_at(ph_value_get(answer.body, "items"), 0);
	assert_int_equal(ph_get_int(ph_value_get(item, "sent"), "bytes"), 4711);
	assert_int_equal(ph_get_int(ph_value_get(item, "rate"), "sent_bps"), 0);
	world_answer_free(&answer);
}

static void an_end_while_stopping_is_remembered(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
	ph_control_quiesce(world->control);
	world_news(world, "closed", "end");
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "put connections alpha#1.1"), 1);
}

static void a_stopping_node_redials_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
	ph_control_quiesce(world->control);
	world_news(world, "failed", "this node stops");
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world->event_count, 0);
}

static void a_state_is_what_moved_in_its_last_second(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value item;
	struct ph_value rate;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, 100 * PH_MILLISECOND);
	assert_string_equal(world_field(world, "state"), "open");
	world_settle(world, 2 * PH_SECOND);
	world->sent = 51000;
	world->rate = 500;
	world_call(world, PH_CONTROL_LIST, NULL, NULL, &answer);
	item = ph_value_at(ph_value_get(answer.body, "items"), 0);
	assert_true(ph_value_is(ph_value_get(item, "state"), "flowing"));
	assert_int_equal(
		ph_get_int(ph_value_get(item, "sent"), "bytes"), 51000);
	/* What waits here, and what waits at the other end. */
	assert_int_equal(ph_get_int(ph_value_get(item, "queue"), "bytes"), 31);
	assert_int_equal(ph_get_int(ph_value_get(item, "queue"), "there"), 17);
	rate = ph_value_get(item, "rate");
	assert_int_equal(ph_get_int(rate, "sent_bps"), 500);
	assert_int_equal(ph_get_int(ph_value_get(rate, "1s"), "sent_bps"), 500);
	assert_int_equal(
		ph_get_int(ph_value_get(rate, "10s"), "sent_bps"), 250);
	assert_int_equal(ph_get_int(ph_value_get(rate, "60s"), "sent_bps"), 0);
	world_answer_free(&answer);
	world->rate = 0;
	assert_string_equal(world_field(world, "state"), "idle");
	world->blocked = true;
	assert_string_equal(world_field(world, "state"), "blocked");
}

static void show_gathers_what_is_known(void **state)
{
	struct world *world = *state;
	struct answer answer;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_call(world, PH_CONTROL_SHOW, "address", "src", &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 3);
	world_answer_free(&answer);
	world_call(world, PH_CONTROL_SHOW, "address", "alpha#1.1", &answer);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 1);
	world_answer_free(&answer);
	world_call(world, PH_CONTROL_SHOW, "address", "src:nope", &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	world_answer_free(&answer);
	world_call(world, PH_CONTROL_SHOW, "address", "nobody", &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	world_answer_free(&answer);
	world_call(world, PH_CONTROL_SHOW, "address", ":::", &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_USAGE);
	world_answer_free(&answer);
}

static void begin_tap(
	struct world *world, int64_t wanted, struct answer *answer)
{
	struct ph_writer *writer = world_arguments("address", "src:out");

	ph_put_int(writer, "count", wanted);
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_TAP, writer, answer);
	world_settle(world, 50 * PH_MILLISECOND);
}

static const struct ph_terminal_ops quiet;

static void a_tap_copies_messages(void **state)
{
	struct world *world = *state;
	struct ph_terminal *output;
	struct ph_terminal *input;
	struct ph_pipe *pipe;
	struct answer answer;
	struct answer second;
	struct ph_value item;
	char *large = calloc(1, 10000);

	assert_int_equal(ph_terminal_create(
				 &world->kernel, PH_OUT, &quiet, NULL, &output),
		0);
	assert_int_equal(
		ph_terminal_create(&world->kernel, PH_IN, &quiet, NULL, &input),
		0);
	assert_int_equal(
		ph_terminal_connect(&world->kernel, ph_terminal_handle(output),
			ph_terminal_handle(input), (struct ph_pipe_limits){0},
			(struct ph_pipe_watcher){0}, &pipe),
		0);
	world->output = ph_terminal_handle(output);
	begin_tap(world, 3, &answer);
	begin_tap(world, 1, &second);
	world_await(world, &second);
	assert_int_equal(second.error.exit, PH_EXIT_CONFLICT);
	world_answer_free(&second);
	ph_terminal_send(output, 0, "hel", 3);
	ph_terminal_send(output, PH_FRAME_FIN, "lo", 2);
	ph_terminal_send(output, PH_FRAME_FIN, large, 10000);
	world_settle(world, 50 * PH_MILLISECOND);
	assert_false(answer.done);
	ph_terminal_send(output, PH_FRAME_FIN, "", 0);
	world_await(world, &answer);
	item = ph_value_at(ph_value_get(answer.body, "items"), 0);
	assert_int_equal(ph_get_int(item, "length"), 5);
	item = ph_value_at(ph_value_get(answer.body, "items"), 1);
	assert_int_equal(ph_get_int(item, "length"), 10000);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 3);
	world_answer_free(&answer);
	/* Nothing comes: it answers with what it has before the deadline, and
	 * again may be tapped. */
	begin_tap(world, 3, &answer);
	world_settle(world, 56 * PH_SECOND);
	assert_true(answer.done);
	assert_int_equal(answer.status, PH_CALL_OK);
	world_answer_free(&answer);
	begin_tap(world, 0, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_USAGE);
	world_answer_free(&answer);
	free(large);
	ph_terminal_destroy(output);
	ph_terminal_destroy(input);
	world_settle(world, 50 * PH_MILLISECOND);
}

/* Whatever it was doing: nothing is left, nothing is called afterwards. */
static void it_can_go_at_any_moment(void **state)
{
	struct world *world = *state;

	for (int turns = 0; turns < 60; turns++) {
		struct ph_writer *writer =
			world_arguments("text", world_across);
		struct answer answer;

		ph_write_end(writer);
		world_send(
			world, &world_self, PH_CONTROL_APPLY, writer, &answer);
		for (int i = 0; i < turns; i++)
			world_turn(world);
		world_down(world);
		assert_true(answer.done);
		world_answer_free(&answer);
		world_forget(world);
		while (turns % 2 && world->kept_count)
			kept_drop(world, world->kept);
		world_up(world);
	}
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_broken_carrier_comes_back_under_its_id),
		TEST(a_dial_without_an_answer_is_given_up),
		TEST(a_restart_keeps_the_id),
		TEST(a_finished_stream_is_not_run_again),
		TEST(news_of_an_older_carrier_is_no_news),
		TEST(what_passed_stays_to_be_seen),
		TEST(an_end_while_stopping_is_remembered),
		TEST(a_stopping_node_redials_nothing),
		TEST(a_state_is_what_moved_in_its_last_second),
		TEST(show_gathers_what_is_known),
		TEST(a_tap_copies_messages),
		TEST(it_can_go_at_any_moment),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
