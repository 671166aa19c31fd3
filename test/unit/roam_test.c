#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hostess/reservation.h"
#include "test/houses.h"

/* What one house cannot fill is asked of the others. */

#define NVENC "class=2a,caps=gpu=nvenc,free=yes"

static int64_t gamma_is_near(void *context, const char *node)
{
	return strcmp(node, "gamma") == 0 ? 1 : 5;
}

static void servers(struct house *house, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%s%u", house->name, i);
		house_register(house, name, "gpu=nvenc", NULL);
	}
}

/* alpha has one server, beta two, gamma three. */
static int setup(void **state)
{
	struct houses *houses;

	houses_setup(state);
	houses = *state;
	for (unsigned i = 0; i < HOUSES; i++) {
		house_start(&houses->house[i]);
		servers(&houses->house[i], i + 1);
	}
	ph_hostess_set_distance(
		houses->house[0].hostess, gamma_is_near, houses);
	return 0;
}

static size_t all_free(struct houses *houses)
{
	size_t count = 0;

	for (unsigned i = 0; i < HOUSES; i++)
		count += house_count(&houses->house[i], NVENC);
	return count;
}

static unsigned from(const struct answer *answer, const char *node)
{
	struct ph_value items = ph_value_get(answer->body, "items");
	unsigned count = 0;

	for (size_t i = 0; i < ph_value_count(items); i++)
		count += ph_value_is(
			ph_value_get(ph_value_at(items, i), "node"), node);
	return count;
}

static void test_near_first_and_no_more_than_asked(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	house_ask_mask(houses, NVENC, 5);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(from(&answer, "alpha"), 1);
	assert_int_equal(from(&answer, "gamma"), 3);
	assert_int_equal(from(&answer, "beta"), 1);
	assert_string_equal(houses->order, "gb");
	assert_true(ph_value_is(
		ph_value_get(house_item(&answer, 1), "by"), "alpha"));
	assert_int_equal(all_free(houses), 1);
	answer_free(&answer);
	/* They are holds like all others, and run out where they are. */
	houses_advance(houses, PH_HOLD_LASTS);
	assert_int_equal(all_free(houses), 6);
}

static void test_who_shows_room_before_who_is_unknown(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	/* beta's menu is known here, gamma's is not. */
	houses->house[2].away = true;
	houses_advance(houses, PH_SECOND);
	houses->house[2].away = false;
	house_ask_mask(houses, NVENC, 4);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_string_equal(houses->order, "bg");
	answer_free(&answer);
}

static void test_who_has_nothing_is_not_asked(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	for (unsigned i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "gamma%u", i);
		house_unregister(&houses->house[2], name);
	}
	houses_advance(houses, PH_SECOND);
	house_ask_mask(houses, NVENC, 2);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_string_equal(houses->order, "b");
	answer_free(&answer);
}

/* Their menus show none; but menus may be a moment old. */
static void test_everybody_is_asked_who_should_be(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	houses_advance(houses, PH_SECOND);
	house_ask_mask(houses, "class=2a,caps=disk=big,free=yes", 1);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	assert_string_equal(houses->order, "");
	answer_free(&answer);
	house_ask_mask(houses, "class=2a,caps=disk=big,free=yes", 1);
	ph_put_bool(houses->room.writer, "everywhere", true);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	assert_string_equal(houses->order, "gb");
	answer_free(&answer);
}

/* Here, and where it is asked: who does not run is passed over. */
static void test_who_runs_is_told_from_who_does_not(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	house_state(&houses->house[0], "alpha0", "finished");
	house_state(&houses->house[2], "gamma1", "backoff");
	houses_advance(houses, PH_SECOND);
	house_ask_mask(houses, NVENC, 6);
	ph_put_bool(houses->room.writer, "running", true);
	ph_put_bool(houses->room.writer, "some", true);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(from(&answer, "alpha"), 0);
	assert_int_equal(from(&answer, "gamma"), 2);
	assert_int_equal(from(&answer, "beta"), 2);
	answer_free(&answer);
	/* It runs again. */
	house_state(&houses->house[0], "alpha0", "running");
	house_ask_mask(houses, NVENC, 1);
	ph_put_bool(houses->room.writer, "running", true);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(from(&answer, "alpha"), 1);
	answer_free(&answer);
}

static void test_all_or_nothing(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	house_ask_mask(houses, NVENC, 7);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_CONFLICT);
	assert_non_null(strstr(answer.error.what, "6 of 7 are free"));
	answer_free(&answer);
	houses_advance(houses, 0);
	assert_int_equal(all_free(houses), 6);
	/* Less is welcome: then what is at home will do. */
	ph_put_bool(house_ask_mask(houses, NVENC, 7), "some", true);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(from(&answer, "alpha"), 1);
	answer_free(&answer);
}

static void test_who_is_away_is_passed_over(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	houses->house[2].away = true;
	house_ask_mask(houses, NVENC, 3);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(from(&answer, "beta"), 2);
	answer_free(&answer);
	/* Neither it nor anybody else has what is missing. */
	house_ask_mask(houses, NVENC, 4);
	assert_int_equal(house_exit(houses->house, NULL, PH_HOSTESS_HOLD),
		PH_EXIT_NOT_FOUND);
	house_ask(houses, "gamma0", "in");
	ph_put_text(houses->room.writer, "node", "gamma");
	assert_int_equal(house_exit(houses->house, NULL, PH_HOSTESS_HOLD),
		PH_EXIT_UNREACHABLE);
}

static void test_nobody_is_asked_twice_removed(void **state)
{
	struct houses *houses = *state;

	/* A peer that asks alpha gets what alpha has. */
	house_ask_mask(houses, NVENC, 2);
	assert_int_equal(house_exit(houses->house, "beta", PH_HOSTESS_HOLD),
		PH_EXIT_CONFLICT);
	house_ask(houses, "gamma0", "in");
	ph_put_text(houses->room.writer, "node", "gamma");
	assert_int_equal(house_exit(houses->house, "beta", PH_HOSTESS_HOLD),
		PH_EXIT_DENIED);
	assert_int_equal(houses->asked, 0);
	ph_put_bool(house_ask_mask(houses, NVENC, 2), "here", true);
	assert_int_equal(house_exit(houses->house, NULL, PH_HOSTESS_HOLD),
		PH_EXIT_CONFLICT);
	assert_int_equal(houses->asked, 0);
}

static void test_who_waits_asks_again(void **state)
{
	struct houses *houses = *state;
	struct answer waiting;

	ph_put_int(house_ask_mask(houses, NVENC, 7), "wait_ms", 20000);
	house_send(houses->house, NULL, PH_HOSTESS_HOLD, &waiting);
	/* What others gave meanwhile is theirs again until it suffices. */
	assert_int_equal(house_count(&houses->house[2], NVENC), 3);
	house_register(&houses->house[1], "late", "gpu=nvenc", NULL);
	assert_false(waiting.come);
	houses_advance(houses, 2 * PH_SECOND);
	assert_true(waiting.come);
	assert_int_equal(waiting.status, PH_CALL_OK);
	assert_int_equal(from(&waiting, "beta"), 3);
	answer_free(&waiting);
}

static void test_who_waits_is_filled_at_home(void **state)
{
	struct houses *houses = *state;
	struct answer waiting;

	ph_put_int(house_ask_mask(houses, "caps=rare", 1), "wait_ms", 20000);
	house_send(houses->house, NULL, PH_HOSTESS_HOLD, &waiting);
	assert_false(waiting.come);
	house_register(houses->house, "new", "rare", NULL);
	house_wait(houses->house, &waiting);
	assert_int_equal(from(&waiting, "alpha"), 1);
	answer_free(&waiting);
}

static void test_a_named_node_does_the_waiting(void **state)
{
	struct houses *houses = *state;
	struct answer waiting;
	char id[PH_RESERVATION_ID];

	house_ask(houses, "gamma0", "in");
	house_call(&houses->house[2], NULL, PH_HOSTESS_HOLD, &waiting);
	ph_get_copy(house_item(&waiting, 0), "id", id, sizeof(id));
	answer_free(&waiting);
	house_ask(houses, "gamma0", "in");
	ph_put_text(houses->room.writer, "node", "gamma");
	ph_put_int(houses->room.writer, "wait_ms", 8000);
	house_send(houses->house, NULL, PH_HOSTESS_HOLD, &waiting);
	houses_advance(houses, 3 * PH_SECOND);
	assert_false(waiting.come);
	assert_int_equal(houses->house[2].holds_asked, 1);
	ph_put_text(room_map(&houses->room), "id", id);
	assert_int_equal(
		house_exit(&houses->house[2], NULL, PH_HOSTESS_RELEASE), 0);
	house_wait(houses->house, &waiting);
	assert_int_equal(waiting.status, PH_CALL_OK);
	assert_int_equal(from(&waiting, "gamma"), 1);
	answer_free(&waiting);
}

static void test_the_same_call_of_far_ones(void **state)
{
	struct houses *houses = *state;
	struct answer first, again;
	char one[PH_RESERVATION_ID], other[PH_RESERVATION_ID];

	for (unsigned i = 0; i < 2; i++) {
		ph_put_text(house_ask_mask(houses, NVENC, 2), "call", "c1");
		house_call(houses->house, NULL, PH_HOSTESS_HOLD,
			i ? &again : &first);
	}
	assert_int_equal(houses->asked, 1);
	assert_string_equal(
		ph_get_copy(house_item(&first, 1), "id", one, sizeof(one)),
		ph_get_copy(house_item(&again, 1), "id", other, sizeof(other)));
	answer_free(&first);
	answer_free(&again);
	/* Who asks with its id learns the token, so that it can be booked. */
	ph_put_text(room_map(&houses->room), "id", one);
	house_call(houses->house, NULL, PH_HOSTESS_HELD, &first);
	assert_int_equal(first.status, PH_CALL_OK);
	assert_int_equal(
		ph_value_type(ph_value_get(house_item(&first, 0), "token")),
		PH_BYTES);
	answer_free(&first);
}

static void test_by_what_the_node_can(void **state)
{
	struct houses *houses = *state;
	struct answer answer;

	houses_advance(houses, PH_SECOND);
	/* Known menus say who can; the others are not asked. */
	house_ask_mask(houses, "node.caps=gpu,class=2a", 3);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(from(&answer, "gamma"), 3);
	assert_string_equal(houses->order, "g");
	answer_free(&answer);
	assert_int_equal(
		house_count(&houses->house[2], "node.caps=gpu=nv*"), 3);
	assert_int_equal(house_count(houses->house, "node.caps=gpu"), 0);
	assert_int_equal(house_count(houses->house, "node.caps=site=alpha"), 1);
	assert_int_equal(house_count(houses->house, "node.caps=sit"), 0);
}

/* An answer on its way when the Hostess goes. */
static void test_who_asked_is_gone(void **state)
{
	struct houses *houses = *state;
	struct answer waiting;

	ph_put_int(house_ask_mask(houses, NVENC, 9), "wait_ms", 20000);
	house_send(&houses->house[1], NULL, PH_HOSTESS_HOLD, &waiting);
	house_ask_mask(houses, NVENC, 9);
	ph_write_end(houses->room.writer);
	house_restart(&houses->house[1]);
	assert_true(waiting.come);
	assert_int_equal(waiting.status, PH_CALL_UNREACHABLE);
	answer_free(&waiting);
	houses_advance(houses, PH_HOLD_LASTS);
	assert_int_equal(house_count(&houses->house[2], NVENC), 3);
}

/* It holds, and its line breaks before we hear of it: it is told to let go as
 * soon as it can be told, long before its hold would run out. */
static void test_what_nobody_heard_of_goes_back(void **state)
{
	struct houses *houses = *state;
	struct house *far = &houses->house[2];
	struct answer answer;

	far->loses = 1;
	ph_put_int(house_ask_mask(houses, NVENC, 3), "for_ms", 60000);
	house_call(houses->house, NULL, PH_HOSTESS_HOLD, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(from(&answer, "beta"), 2);
	answer_free(&answer);
	houses_advance(houses, 5 * PH_SECOND);
	assert_int_equal(house_count(far, NVENC), 1);
	far->away = false;
	houses_advance(houses, 3 * PH_SECOND);
	assert_int_equal(house_count(far, NVENC), 3);
	/* What was heard of stays. */
	assert_int_equal(house_count(&houses->house[1], NVENC), 0);
}

/* The same of what is too much, and was to go back. */
static void test_what_goes_back_is_told_again(void **state)
{
	struct houses *houses = *state;
	struct house *near = &houses->house[2];

	houses->house[1].loses = 1;
	ph_put_int(house_ask_mask(houses, NVENC, 6), "for_ms", 60000);
	assert_int_not_equal(
		house_exit(houses->house, NULL, PH_HOSTESS_HOLD), 0);
	houses->house[1].away = false;
	houses_advance(houses, 3 * PH_SECOND);
	assert_int_equal(house_count(near, NVENC), 3);
	assert_int_equal(house_count(&houses->house[1], NVENC), 2);
}

/* It waits there for what nobody would hear of any more: it waits no longer,
 * and what becomes free is not held for it. */
static void test_who_waits_for_nobody_is_released(void **state)
{
	struct houses *houses = *state;
	struct house *far = &houses->house[2];
	static struct answer held, waiting;
	char id[PH_RESERVATION_ID];

	house_ask(houses, "gamma0", "in");
	house_call(far, NULL, PH_HOSTESS_HOLD, &held);
	ph_get_copy(house_item(&held, 0), "id", id, sizeof(id));
	house_ask(houses, "gamma0", "in");
	ph_put_text(houses->room.writer, "call", "roam-1");
	ph_put_int(houses->room.writer, "wait_ms", 60000);
	house_send(far, "alpha", PH_HOSTESS_HOLD, &waiting);
	houses_advance(houses, PH_SECOND);
	assert_false(waiting.come);
	ph_put_text(room_map(&houses->room), "call", "roam-1");
	assert_int_equal(house_exit(far, "alpha", PH_HOSTESS_RELEASE), 0);
	house_wait(far, &waiting);
	assert_int_equal(waiting.status, PH_CALL_FAILED);
	ph_put_text(room_map(&houses->room), "id", id);
	assert_int_equal(house_exit(far, NULL, PH_HOSTESS_RELEASE), 0);
	assert_int_equal(house_count(far, NVENC), 3);
	answer_free(&held);
	answer_free(&waiting);
}

/* The line is away for longer than the hold lasts, but not than it waits. */
static void test_who_waits_is_told_as_long_as_it_may_wait(void **state)
{
	struct houses *houses = *state;
	struct house *far = &houses->house[2];
	static struct answer held, waiting;

	ph_put_int(house_ask(houses, "gamma0", "in"), "for_ms", 15000);
	house_call(far, NULL, PH_HOSTESS_HOLD, &held);
	ph_put_int(house_ask(houses, "gamma0", "in"), "for_ms", 3000);
	ph_put_text(houses->room.writer, "node", "gamma");
	ph_put_int(houses->room.writer, "wait_ms", 60000);
	house_send(houses->house, NULL, PH_HOSTESS_HOLD, &waiting);
	houses_advance(houses, PH_SECOND);
	house_lose(far);
	house_wait(houses->house, &waiting);
	assert_int_not_equal(waiting.status, PH_CALL_OK);
	houses_advance(houses, 8 * PH_SECOND);
	far->away = false;
	houses_advance(houses, 7 * PH_SECOND);
	assert_int_equal(house_count(far, NVENC), 3);
	answer_free(&held);
	answer_free(&waiting);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, houses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_near_first_and_no_more_than_asked),
		TEST(test_who_shows_room_before_who_is_unknown),
		TEST(test_who_has_nothing_is_not_asked),
		TEST(test_everybody_is_asked_who_should_be),
		TEST(test_who_runs_is_told_from_who_does_not),
		TEST(test_all_or_nothing),
		TEST(test_who_is_away_is_passed_over),
		TEST(test_nobody_is_asked_twice_removed),
		TEST(test_who_waits_asks_again),
		TEST(test_who_waits_is_filled_at_home),
		TEST(test_a_named_node_does_the_waiting),
		TEST(test_the_same_call_of_far_ones),
		TEST(test_by_what_the_node_can),
		TEST(test_who_asked_is_gone),
		TEST(test_what_nobody_heard_of_goes_back),
		TEST(test_what_goes_back_is_told_again),
		TEST(test_who_waits_for_nobody_is_released),
		TEST(test_who_waits_is_told_as_long_as_it_may_wait),
	};

	return cmocka_run_group_tests_name("roam", tests, NULL, NULL);
}
