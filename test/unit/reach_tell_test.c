#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "node/keys.h"
#include "node/node.h"
#include "node/peer.h"
#include "node/reach.h"
#include "test/room.h"

/* What a node found out, told to a peer that does not always take it. */

#define BETA "0123456789abcdef0123456789abcdef"

struct scene {
	struct room room;
	struct ph_node node;
	struct ph_keys keys;
	struct ph_lines lines;
	struct peer beta;
	int status;	/* of the answers */
	unsigned heard; /* adverts that came */
};

static void on_road(void *context, ph_handle ticket, const struct ph_call *call)
{
	struct scene *scene = context;

	assert_string_equal(call->destination, BETA);
	scene->heard++;
	ph_door_answer(scene->room.door, ticket, scene->status, NULL, 0);
}

static int set_up(void **state)
{
	static struct scene scene;

	memset(&scene, 0, sizeof(scene));
	room_open(&scene.room, true);
	ph_door_set_road(scene.room.door, on_road, &scene);
	scene.node.loop = scene.room.loop;
	scene.node.door = scene.room.door;
	scene.node.keys = &scene.keys;
	scene.node.lines = &scene.lines;
	scene.lines.node = &scene.node;
	snprintf(scene.beta.id, sizeof(scene.beta.id), BETA);
	scene.beta.dialling.lines = &scene.lines;
	/* Nobody looks into it: the other side dialled. */
	scene.beta.line = (struct ph_line *)&scene;
	HASH_ADD_STR(scene.lines.peers, id, (&scene.beta));
	assert_int_equal(ph_reach_create(&scene.node.reach, &scene.node), 0);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	scene->node.stopping = true;
	ph_reach_close(scene->node.reach);
	room_close(&scene->room);
	ph_reach_destroy(scene->node.reach);
	HASH_CLEAR(hh, scene->lines.peers);
	return 0;
}

static unsigned heard_within(struct scene *scene, unsigned seconds)
{
	unsigned before = scene->heard;

	while (seconds--)
		room_advance(&scene->room, PH_SECOND);
	return scene->heard - before;
}

static void what_was_heard_is_not_repeated(void **state)
{
	struct scene *scene = *state;

	reach_tell_line(&scene->beta);
	assert_int_equal(heard_within(scene, 1), 1);
	assert_int_equal(heard_within(scene, 60), 0);
}

/* It greets as one that has started anew behind its first advert, say, and
 * finds the second one too soon. */
static void what_was_turned_away_is_told_again(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_DENIED;
	reach_tell_line(&scene->beta);
	assert_int_equal(heard_within(scene, 1), 1);
	scene->status = PH_CALL_OK;
	assert_int_equal(heard_within(scene, 5), 1);
	assert_int_equal(heard_within(scene, 60), 0);
}

static void who_takes_none_is_told_less_and_less_often(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_DENIED;
	reach_tell_line(&scene->beta);
	assert_in_range(heard_within(scene, 600), 7, 8);
	assert_in_range(heard_within(scene, 640), 2, 2);
}

static void an_older_node_is_not_asked_again(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_UNKNOWN;
	reach_tell_line(&scene->beta);
	assert_int_equal(heard_within(scene, 60), 1);
}

/* With its line: it is said on the next one, and all of it. */
static void what_got_lost_is_told_on_the_next_line(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_UNREACHABLE;
	reach_tell_line(&scene->beta);
	room_advance(&scene->room, 0);
	assert_int_equal(scene->heard, 1);
	scene->beta.line = NULL;
	assert_int_equal(heard_within(scene, 20), 0);
	scene->status = PH_CALL_OK;
	scene->beta.line = (struct ph_line *)scene;
	reach_tell_line(&scene->beta);
	assert_true(scene->beta.reach.all);
	assert_int_equal(heard_within(scene, 1), 1);
	assert_int_equal(heard_within(scene, 60), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_heard_is_not_repeated),
		TEST(what_was_turned_away_is_told_again),
		TEST(who_takes_none_is_told_less_and_less_often),
		TEST(an_older_node_is_not_asked_again),
		TEST(what_got_lost_is_told_on_the_next_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
