/* monitor.*: a monitor is a call, answered once, dropped, or gone on with. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/monitor_calls.h"
#include "node/node.h"
#include "proto/run_end.h"
#include "test/room.h"

#define RUN  5
#define LIFE 77

/* A node that has a door and, for an executor, this. */
struct scene {
	struct room room;
	struct ph_node node;
	struct ph_monitoring *monitoring;
	ph_handle question; /* the one that is out; 0: none */
	bool over;
};

static void answer_question(struct scene *scene)
{
	struct ph_run_end end = {.server = "it", .run = RUN};
	struct ph_writer *writer = room_map(&scene->room);

	if (scene->over) {
		end.cause = PH_END_EXITED;
		end.code = 3;
	}
	ph_put_u64(writer, "life", LIFE);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	ph_run_end_write(writer, &end);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(scene->room.door, scene->question, writer);
	scene->question = 0;
}

static void serve_await(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct scene *scene = context;
	struct ph_request request;

	if (ph_request_open(&request, scene->room.door, ticket, call))
		return;
	scene->question = ticket;
	if (scene->over || ph_get_bool(request.arguments, "fresh"))
		answer_question(scene);
	ph_request_close(&request);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	room_open(&scene->room, true);
	scene->node.loop = scene->room.loop;
	scene->node.door = scene->room.door;
	snprintf(scene->node.name, sizeof(scene->node.name), "alpha");
	assert_int_equal(
		ph_monitoring_create(&scene->monitoring, &scene->node), 0);
	assert_int_equal(ph_door_serve(scene->room.door, PH_EXECUTOR_AWAIT,
				 serve_await, scene),
		0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ph_monitoring_destroy(scene->monitoring);
	room_close(&scene->room);
	free(scene);
	return 0;
}

static void watch(struct scene *scene, const char *node, const char *label,
	struct answer *answer)
{
	struct ph_writer *writer = room_map(&scene->room);

	ph_put_text(writer, "target", "alpha/it");
	ph_put_text(writer, "label", label);
	if (*node)
		room_send_as(&scene->room, node, PH_MONITOR_SET, answer);
	else
		room_send(&scene->room, PH_MONITOR_SET, answer);
	room_advance(&scene->room, 10 * PH_MILLISECOND);
}

static void drop(
	struct scene *scene, const char *node, const char *label, bool well)
{
	struct ph_writer *writer = room_map(&scene->room);
	struct answer answer;

	ph_put_text(writer, "label", label);
	room_send_as(&scene->room, node, PH_MONITOR_DROP, &answer);
	room_wait(&scene->room, &answer);
	assert_int_equal(answer.status == PH_CALL_OK, well);
	answer_free(&answer);
}

static size_t count(struct scene *scene)
{
	struct answer answer;
	size_t found;

	room_map(&scene->room);
	room_call(&scene->room, PH_MONITOR_LIST, &answer);
	found = ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	return found;
}

static struct ph_run_end read_end(struct answer *answer, uint64_t *life)
{
	struct ph_value item =
		ph_value_at(ph_value_get(answer->body, "items"), 0);
	struct ph_run_end end;

	assert_int_equal(answer->status, PH_CALL_OK);
	ph_run_end_read(&end, item);
	*life = ph_get_u64(item, "life");
	return end;
}

static void the_notice_is_the_answer(void **state)
{
	struct scene *scene = *state;
	struct answer one;
	struct answer other;
	uint64_t life;

	watch(scene, "", "", &one);
	watch(scene, "beta", "", &other);
	assert_int_equal(count(scene), 2);
	assert_false(one.come || other.come);
	scene->over = true;
	answer_question(scene);
	room_wait(&scene->room, &one);
	room_wait(&scene->room, &other);
	assert_int_equal(read_end(&one, &life).code, 3);
	assert_int_equal(read_end(&other, &life).cause, PH_END_EXITED);
	assert_int_equal(count(scene), 0);
	answer_free(&one);
	answer_free(&other);
}

/* A peer drops what it has set, by its own word for it. */
static void who_set_it_drops_it(void **state)
{
	struct scene *scene = *state;
	struct answer mine;
	struct answer others;

	watch(scene, "beta", "cam", &mine);
	watch(scene, "gamma", "cam", &others);
	drop(scene, "beta", "mic", false);
	drop(scene, "beta", "cam", true);
	room_wait(&scene->room, &mine);
	assert_int_equal(mine.status, PH_CALL_FAILED);
	assert_false(others.come);
	drop(scene, "beta", "cam", false);
	assert_int_equal(count(scene), 1);
	drop(scene, "gamma", "cam", true);
	room_wait(&scene->room, &others);
	answer_free(&mine);
	answer_free(&others);
}

static void before_its_deadline_it_says_how_to_go_on(void **state)
{
	struct scene *scene = *state;
	struct answer answer;
	struct ph_run_end end;
	uint64_t life;

	watch(scene, "", "", &answer);
	for (unsigned i = 0; i < 600 && !answer.come; i++)
		room_advance(&scene->room, 100 * PH_MILLISECOND);
	assert_true(answer.come);
	end = read_end(&answer, &life);
	assert_int_equal(end.cause, PH_END_NONE);
	assert_int_equal(end.run, RUN);
	assert_int_equal(life, LIFE);
	assert_int_equal(count(scene), 0);
	answer_free(&answer);
}

static void who_is_gone_watches_no_more(void **state)
{
	struct scene *scene = *state;
	struct ph_caller peer = {
		.line = 9, .role = PH_ROLE_VIEW, .node = "beta"};
	struct ph_writer *writer = room_map(&scene->room);
	struct answer answer = {0};

	ph_put_text(writer, "target", "alpha/it");
	ph_write_end(writer);
	assert_int_equal(
		ph_call_send(scene->room.door, &peer, "", PH_MONITOR_SET,
			writer, ph_loop_now(scene->room.loop), 300 * PH_SECOND,
			answer_take, &answer),
		0);
	room_advance(&scene->room, 10 * PH_MILLISECOND);
	assert_int_equal(count(scene), 1);
	ph_door_forget(scene->room.door, 9);
	room_advance(&scene->room, 3 * PH_SECOND);
	assert_int_equal(count(scene), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_notice_is_the_answer),
		TEST(who_set_it_drops_it),
		TEST(before_its_deadline_it_says_how_to_go_on),
		TEST(who_is_gone_watches_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
