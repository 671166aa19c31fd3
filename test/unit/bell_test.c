/* node.changed: answered by what changes, a storm of it once, each caller by
 * the count that it has seen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "node/bell.h"
#include "test/room.h"

struct scene {
	struct room room;
	struct ph_bell *bell;
	uint64_t life;
	uint64_t count;
};

/* A server that takes every note and every look at once. */
static void serve(void *context, ph_handle ticket, const struct ph_call *call)
{
	struct scene *scene = context;

	ph_answer_ok(scene->room.door, ticket, NULL);
}

static void read(struct scene *scene, struct answer *answer)
{
	assert_true(answer->come);
	assert_int_equal(answer->status, PH_CALL_OK);
	scene->life = ph_get_u64(answer->body, "life");
	scene->count = ph_get_u64(answer->body, "count");
	answer_free(answer);
}

/* Asks by what was read last. */
static void ask(struct scene *scene, const char *node, struct answer *answer)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_u64(writer, "life", scene->life);
	ph_put_u64(writer, "count", scene->count);
	if (*node)
		room_send_as(&scene->room, node, PH_NODE_CHANGED, answer);
	else
		room_send(&scene->room, PH_NODE_CHANGED, answer);
	room_advance(&scene->room, PH_MILLISECOND);
	room_advance(&scene->room, 0);
}

static void note(struct scene *scene)
{
	struct ph_writer *writer = room_map(&scene->room);
	struct answer answer;

	ph_put_text(writer, "actor", "alpha");
	ph_put_text(writer, "what", "something");
	room_send(&scene->room, PH_STORE_NOTE, &answer);
	room_advance(&scene->room, 0);
	room_advance(&scene->room, 0);
	assert_true(answer.come);
	answer_free(&answer);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct answer answer;

	room_open(&scene->room, true);
	assert_int_equal(ph_bell_create(&scene->bell, scene->room.loop,
				 scene->room.door),
		0);
	ph_door_serve(scene->room.door, PH_STORE_NOTE, serve, scene);
	ph_door_serve(scene->room.door, PH_CONTROL_LIST, serve, scene);
	ask(scene, "", &answer);
	read(scene, &answer);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ph_bell_destroy(scene->bell);
	room_close(&scene->room);
	free(scene);
	return 0;
}

static void a_change_answers_all_who_wait(void **state)
{
	struct scene *scene = *state;
	uint64_t before = scene->count;
	struct answer here;
	struct answer there;

	ask(scene, "", &here);
	ask(scene, "beta", &there);
	room_advance(&scene->room, PH_SECOND);
	assert_false(here.come || there.come);
	note(scene);
	assert_false(here.come || there.come);
	room_advance(&scene->room, PH_BELL_COLLECT);
	room_advance(&scene->room, 0);
	read(scene, &here);
	assert_int_equal(scene->count, before + 1);
	read(scene, &there);
	assert_int_equal(scene->count, before + 1);
}

static void a_storm_is_one_word(void **state)
{
	struct scene *scene = *state;
	uint64_t before = scene->count;
	struct answer answer;

	ask(scene, "beta", &answer);
	for (unsigned i = 0; i < 20; i++)
		note(scene);
	assert_false(answer.come);
	room_advance(&scene->room, PH_BELL_COLLECT);
	room_advance(&scene->room, 0);
	read(scene, &answer);
	assert_int_equal(scene->count, before + 20);
}

/* What changed between two questions; it is collected, too. */
static void nothing_is_missed_between(void **state)
{
	struct scene *scene = *state;
	struct answer answer;

	note(scene);
	ask(scene, "", &answer);
	assert_false(answer.come);
	room_advance(&scene->room, PH_BELL_COLLECT);
	room_advance(&scene->room, 0);
	read(scene, &answer);
	/* Of another start of this node nothing is known: at once. */
	scene->life++;
	ask(scene, "", &answer);
	assert_true(answer.come);
	read(scene, &answer);
}

static void looking_changes_nothing(void **state)
{
	struct scene *scene = *state;
	struct answer waits;

	ask(scene, "", &waits);
	room_map(&scene->room);
	room_call_ok(&scene->room, PH_CONTROL_LIST);
	room_advance(&scene->room, PH_SECOND);
	room_advance(&scene->room, 0);
	assert_false(waits.come);
	ph_bell_ring(scene->bell);
	room_advance(&scene->room, PH_BELL_COLLECT);
	room_advance(&scene->room, 0);
	read(scene, &waits);
}

static void a_newer_question_takes_the_place(void **state)
{
	struct scene *scene = *state;
	uint64_t before = scene->count;
	struct answer older;
	struct answer newer;

	ask(scene, "beta", &older);
	ask(scene, "beta", &newer);
	read(scene, &older);
	assert_int_equal(scene->count, before);
	assert_false(newer.come);
	/* A moment before its deadline, with nothing new. */
	for (unsigned i = 0; i < 600 && !newer.come; i++)
		room_advance(&scene->room, 100 * PH_MILLISECOND);
	read(scene, &newer);
	assert_int_equal(scene->count, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_answers_all_who_wait),
		TEST(a_storm_is_one_word),
		TEST(nothing_is_missed_between),
		TEST(looking_changes_nothing),
		TEST(a_newer_question_takes_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
