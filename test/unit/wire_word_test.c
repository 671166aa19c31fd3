#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"
#include "node/wire.h"
#include "test/room.h"

/* What the wires tell the Hostess of this node, also when the door is full. */

struct scene {
	struct room room;
	struct ph_node node;
	struct ph_wires wires;
	ph_handle stuck[PH_DOOR_PENDING]; /* calls that wait for an answer */
	unsigned stuck_count;
	char heard[64];
};

static void on_detach(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct scene *scene = context;
	size_t length = strlen(scene->heard);

	assert_true(length + 1 < sizeof(scene->heard));
	scene->heard[length] = (char)call->arguments[call->length - 1];
	ph_door_answer(scene->room.door, ticket, PH_CALL_OK, NULL, 0);
}

static void on_flows(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct scene *scene = context;

	scene->stuck[scene->stuck_count++] = ticket;
}

static void ignored(
	void *context, int status, const uint8_t *body, size_t length)
{
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	room_open(&scene->room, true);
	scene->node.loop = scene->room.loop;
	scene->node.door = scene->room.door;
	scene->wires.node = &scene->node;
	ph_door_serve(scene->room.door, PH_HOSTESS_DETACH, on_detach, scene);
	ph_door_serve(scene->room.door, PH_WIRE_FLOWS, on_flows, scene);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	wire_words_fini(&scene->wires);
	room_close(&scene->room);
	free(scene);
	return 0;
}

/* Its arguments' last byte is what is heard. */
static void say(struct scene *scene, const char *what)
{
	ph_write_text(room_map(&scene->room), "connection");
	ph_write_text(scene->room.writer, what);
	ph_write_end(scene->room.writer);
	wire_word(&scene->wires, PH_HOSTESS_DETACH, scene->room.writer);
}

static void fill_door(struct scene *scene)
{
	struct ph_call call = {
		.method = PH_WIRE_FLOWS,
		.caller = &ph_node_self,
		.destination = "",
		.deadline = INT64_MAX,
	};

	while (ph_door_call(scene->room.door, &call, ignored, NULL) == 0)
		continue;
	room_advance(&scene->room, 0);
}

static void empty_door(struct scene *scene)
{
	while (scene->stuck_count)
		ph_door_answer(scene->room.door,
			scene->stuck[--scene->stuck_count], PH_CALL_OK, NULL,
			0);
	room_advance(&scene->room, 0);
}

static void words_are_heard_at_once(void **state)
{
	struct scene *scene = *state;

	say(scene, "a");
	say(scene, "b");
	room_advance(&scene->room, 0);
	assert_string_equal(scene->heard, "ab");
}

static void a_full_door_loses_no_word_and_keeps_the_order(void **state)
{
	struct scene *scene = *state;

	fill_door(scene);
	say(scene, "a");
	say(scene, "b");
	room_advance(&scene->room, PH_SECOND);
	assert_string_equal(scene->heard, "");
	empty_door(scene);
	say(scene, "c");
	room_advance(&scene->room, PH_SECOND);
	assert_string_equal(scene->heard, "abc");
	say(scene, "d");
	room_advance(&scene->room, 0);
	assert_string_equal(scene->heard, "abcd");
}

static void what_was_not_said_goes_with_the_node(void **state)
{
	struct scene *scene = *state;

	fill_door(scene);
	say(scene, "a");
	empty_door(scene);
	assert_string_equal(scene->heard, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(words_are_heard_at_once),
		TEST(a_full_door_loses_no_word_and_keeps_the_order),
		TEST(what_was_not_said_goes_with_the_node),
	};

	return cmocka_run_group_tests_name("wire_word", tests, NULL, NULL);
}
