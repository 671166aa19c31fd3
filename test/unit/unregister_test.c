/* A server that leaves is out of the guest book in the end, whatever was in the
 * way of saying so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "hostess/hostess.h"
#include "proto/unregister.h"
#include "test/room.h"

#define IDENTITY                                                               \
	"alpha.example:sink:2a:ops:no:none:"                                   \
	"6ba7b810-9dad-51d1-80b4-00c04fd430c8"

struct scene {
	struct room room;
	struct ph_hostess *hostess;
	struct ph_unregister unregister;
	int status;	/* a call of unregister is refused with, or 0 */
	unsigned asked; /* so often was it made */
	unsigned done;
};

static int guard(void *context, const struct ph_call *call)
{
	struct scene *scene = context;

	if (call->method != PH_HOSTESS_UNREGISTER)
		return 0;
	scene->asked++;
	return scene->status;
}

/* Nobody is answered. */
static void serve_never(
	void *context, ph_handle ticket, const struct ph_call *call)
{
}

static void enter(struct scene *scene)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "identity", IDENTITY);
	ph_put_text(writer, "server", "sink");
	ph_put_list(writer, "terminals");
	ph_write_end(writer);
	room_call_ok(&scene->room, PH_HOSTESS_REGISTER);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct ph_hostess_config config = {.node = "alpha", .epoch = 7};

	room_open(&scene->room, true);
	config.loop = scene->room.loop;
	config.door = scene->room.door;
	assert_int_equal(ph_hostess_create(&scene->hostess, &config), 0);
	assert_int_equal(ph_door_guard(config.door, guard, scene), 0);
	assert_int_equal(
		ph_door_serve(config.door, PH_NODE_STATUS, serve_never, scene),
		0);
	enter(scene);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ph_unregister_fini(&scene->unregister);
	ph_hostess_destroy(scene->hostess);
	room_close(&scene->room);
	free(scene);
	return 0;
}

static void on_done(void *context)
{
	((struct scene *)context)->done++;
}

static void begin(struct scene *scene, const char *server)
{
	ph_unregister_begin(&scene->unregister, scene->room.loop,
		scene->room.door, server, on_done, scene);
	assert_int_equal(scene->done, 0);
	room_advance(&scene->room, 0);
}

static bool is_in_the_book(struct scene *scene)
{
	struct answer answer;
	size_t count;

	room_map(&scene->room);
	room_call(&scene->room, PH_HOSTESS_GUESTS, &answer);
	count = ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	return count;
}

static void test_out_at_once(void **state)
{
	struct scene *scene = *state;

	begin(scene, "sink");
	assert_int_equal(scene->done, 1);
	assert_false(is_in_the_book(scene));
}

static void test_not_there(void **state)
{
	struct scene *scene = *state;

	begin(scene, "nobody");
	assert_int_equal(scene->done, 1);
	room_advance(&scene->room, 5 * PH_SECOND);
	assert_int_equal(scene->asked, 1);
}

static void test_refused(void **state)
{
	static const int statuses[] = {
		PH_CALL_TIMEOUT, PH_CALL_DENIED, PH_CALL_FAILED};
	struct scene *scene = *state;

	scene->status = statuses[0];
	begin(scene, "sink");
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(scene->asked, i);
		assert_int_equal(scene->done, 0);
		assert_true(is_in_the_book(scene));
		scene->status = i < 3 ? statuses[i] : 0;
		room_advance(&scene->room, PH_SECOND);
	}
	assert_int_equal(scene->done, 1);
	assert_false(is_in_the_book(scene));
	/* Its name is anybody's. */
	enter(scene);
	room_advance(&scene->room, 5 * PH_SECOND);
	assert_int_equal(scene->asked, 4);
	assert_true(is_in_the_book(scene));
}

/* Not even taken: the answers are kept for the end. */
static void test_door_is_full(void **state)
{
	struct scene *scene = *state;
	struct answer *answers = calloc(PH_DOOR_PENDING, sizeof(*answers));

	for (unsigned i = 0; i < PH_DOOR_PENDING; i++) {
		room_map(&scene->room);
		room_send(&scene->room, PH_NODE_STATUS, &answers[i]);
	}
	begin(scene, "sink");
	assert_int_equal(scene->asked, 0);
	assert_int_equal(scene->done, 0);
	/* They have timed out. */
	for (unsigned i = 0; i < 30 && !scene->done; i++)
		room_advance(&scene->room, PH_SECOND);
	assert_int_equal(scene->done, 1);
	assert_false(is_in_the_book(scene));
	for (unsigned i = 0; i < PH_DOOR_PENDING; i++)
		answer_free(&answers[i]);
	free(answers);
}

static void test_last(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_TIMEOUT;
	begin(scene, "sink");
	assert_int_equal(scene->done, 0);
	ph_unregister_last(&scene->unregister);
	assert_int_equal(scene->done, 0);
	room_advance(&scene->room, 0);
	assert_int_equal(scene->done, 1);
	room_advance(&scene->room, 5 * PH_SECOND);
	assert_int_equal(scene->asked, 1);
	assert_int_equal(scene->done, 1);
}

static void test_last_before(void **state)
{
	struct scene *scene = *state;

	scene->status = PH_CALL_TIMEOUT;
	ph_unregister_last(&scene->unregister);
	begin(scene, "sink");
	room_advance(&scene->room, 0);
	assert_int_equal(scene->asked, 1);
	assert_int_equal(scene->done, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_out_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_door_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_last_before, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
