/* A server that is being stopped takes nothing new, and says so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess.h"
#include "test/room.h"

#define IDENTITY                                                               \
	"alpha.example:sink:2a:ops:no:none:"                                   \
	"6ba7b810-9dad-51d1-80b4-00c04fd430c8"

struct scene {
	struct room room;
	struct ph_hostess *hostess;
};

static void enter(struct scene *scene)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "identity", IDENTITY);
	ph_put_text(writer, "server", "sink");
	ph_put_list(writer, "terminals");
	ph_write_map(writer);
	ph_put_text(writer, "name", "in");
	ph_put_text(writer, "direction", "combine");
	ph_put_text(writer, "type", "");
	ph_put_int(writer, "handle", 11);
	ph_write_end(writer);
	ph_write_end(writer);
	room_call_ok(&scene->room, PH_HOSTESS_REGISTER);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	const struct ph_hostess_config config = {
		.node = "alpha",
		.epoch = 7,
	};
	struct ph_hostess_config mine = config;

	room_open(&scene->room, true);
	mine.loop = scene->room.loop;
	mine.door = scene->room.door;
	assert_int_equal(ph_hostess_create(&scene->hostess, &mine), 0);
	enter(scene);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ph_hostess_destroy(scene->hostess);
	room_close(&scene->room);
	free(scene);
	return 0;
}

static void drain(struct scene *scene, int64_t lasts)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "server", "sink");
	if (lasts)
		ph_put_int(writer, "for", lasts);
	room_call_ok(&scene->room, PH_HOSTESS_DRAIN);
}

static void ask_reserve(
	struct scene *scene, const char *connection, struct answer *answer)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "server", "sink");
	ph_put_text(writer, "terminal", "in");
	room_send_as(&scene->room, "beta", PH_HOSTESS_RESERVE, answer);
	room_wait(&scene->room, answer);
}

static void reserve(struct scene *scene, const char *connection, bool well)
{
	struct answer answer;

	ask_reserve(scene, connection, &answer);
	assert_int_equal(answer.status == PH_CALL_OK, well);
	if (!well) {
		assert_int_equal(answer.error.exit, PH_EXIT_CONFLICT);
		assert_non_null(strstr(answer.error.what, "draining"));
	}
	answer_free(&answer);
}

static void ask_hold(struct scene *scene, int64_t wait, struct answer *answer)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "server", "sink");
	ph_put_text(writer, "terminal", "in");
	ph_put_int(writer, "wait_ms", wait);
	room_send_as(&scene->room, "gamma", PH_HOSTESS_HOLD, answer);
}

static size_t count_free(struct scene *scene, bool *draining)
{
	struct answer answer;
	size_t count;

	ph_put_text(room_map(&scene->room), "mask", "terminal=in,free=yes");
	room_call(&scene->room, PH_HOSTESS_MENU, &answer);
	count = ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	room_map(&scene->room);
	room_call(&scene->room, PH_HOSTESS_MENU, &answer);
	*draining = ph_get_bool(
		ph_value_at(ph_value_get(answer.body, "items"), 0), "draining");
	answer_free(&answer);
	return count;
}

static void nothing_new_comes_while_it_drains(void **state)
{
	struct scene *scene = *state;
	bool draining;

	reserve(scene, "beta#1.1", true);
	assert_int_equal(count_free(scene, &draining), 1);
	assert_false(draining);
	drain(scene, 10 * PH_SECOND);
	assert_int_equal(count_free(scene, &draining), 0);
	assert_true(draining);
	/* What is there may be renewed. */
	reserve(scene, "beta#1.1", true);
	reserve(scene, "beta#1.2", false);
	drain(scene, 0);
	assert_int_equal(count_free(scene, &draining), 1);
	assert_false(draining);
	reserve(scene, "beta#1.2", true);
}

static void who_wants_to_hold_it_is_told_until_when(void **state)
{
	struct scene *scene = *state;
	struct answer answer;

	drain(scene, 10 * PH_SECOND);
	room_advance(&scene->room, 3 * PH_SECOND);
	ask_hold(scene, 0, &answer);
	room_wait(&scene->room, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_CONFLICT);
	assert_non_null(strstr(answer.error.what, "draining, for 7 s more"));
	answer_free(&answer);
}

static void who_waits_gets_it_when_it_is_back(void **state)
{
	struct scene *scene = *state;
	struct answer answer;

	drain(scene, 10 * PH_SECOND);
	ask_hold(scene, 5000, &answer);
	room_advance(&scene->room, 100 * PH_MILLISECOND);
	assert_false(answer.come);
	drain(scene, 0);
	room_wait(&scene->room, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_new_comes_while_it_drains),
		TEST(who_wants_to_hold_it_is_told_until_when),
		TEST(who_waits_gets_it_when_it_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
