#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "node/node.h"
#include "node/web_news.h"
#include "test/room.h"

/* Who has changed, while anybody watches: what is asked of the nodes, and what
 * the web thread is told. That thread is the test. */

struct scene {
	struct room room;
	struct ph_node node;
	struct ph_web web;
	struct ph_http_task *mail; /* NULL: none */
	bool deaf;		   /* the web thread makes nothing of it */
	unsigned looks;
	ph_handle question; /* of beta, that is out; 0: none */
	uint64_t count;
};

static struct scene scene;

/* In place of the product's (test/test.mk). */
void __wrap_ph_http_post(struct ph_http *http, struct ph_http_task *task);
void __wrap_web_watch_heard(struct ph_web *web);

void __wrap_ph_http_post(struct ph_http *http, struct ph_http_task *task)
{
	/* One that lies there already must not be put there again. */
	assert_null(scene.mail);
	scene.mail = task;
}

static void look(struct web_query *query, const char *node)
{
	scene.looks++;
}

void __wrap_web_watch_heard(struct ph_web *web)
{
	if (scene.deaf)
		return;
	web_news_take(web->news, look, NULL);
	web_news_taken(web->news);
}

/* The web thread comes to its mail. */
static void run_web(void)
{
	struct ph_http_task *task = scene.mail;

	scene.mail = NULL;
	if (task)
		task->run(task);
}

static void answer(void)
{
	struct ph_writer *writer = room_map(&scene.room);

	ph_put_u64(writer, "life", 7);
	ph_put_u64(writer, "count", scene.count);
	ph_write_end(writer);
	ph_answer_ok(scene.room.door, scene.question, writer);
	scene.question = 0;
	room_advance(&scene.room, 0);
}

static void on_road(void *context, ph_handle ticket, const struct ph_call *call)
{
	assert_string_equal(call->destination, "beta");
	assert_int_equal(call->method, PH_NODE_CHANGED);
	scene.question = ticket;
}

static int set_up(void **state)
{
	memset(&scene, 0, sizeof(scene));
	room_open(&scene.room, true);
	ph_door_set_road(scene.room.door, on_road, NULL);
	scene.node.loop = scene.room.loop;
	scene.node.door = scene.room.door;
	snprintf(scene.node.name, sizeof(scene.node.name), "alpha");
	scene.web.node = &scene.node;
	assert_int_equal(web_news_create(&scene.web.news, &scene.web), 0);
	web_news_watch(scene.web.news, "beta");
	room_advance(&scene.room, 0);
	/* The first answer is no news. */
	answer();
	room_advance(&scene.room, PH_SECOND);
	assert_null(scene.mail);
	assert_true(scene.question);
	return 0;
}

static int tear_down(void **state)
{
	web_news_destroy(scene.web.news);
	room_close(&scene.room);
	return 0;
}

static void change(void)
{
	scene.count++;
	answer();
}

static void what_changes_is_looked_at(void **state)
{
	change();
	assert_non_null(scene.mail);
	run_web();
	assert_int_equal(scene.looks, 1);
	room_advance(&scene.room, PH_SECOND);
	assert_null(scene.mail);
}

/* It has much to compress, say. */
static void a_web_thread_that_is_busy_finds_the_word_once(void **state)
{
	change();
	for (unsigned i = 0; i < 20; i++) {
		room_advance(&scene.room, PH_SECOND);
		web_news_watch(scene.web.news, "beta");
	}
	run_web();
	assert_int_equal(scene.looks, 1);
}

static void a_word_that_was_lost_is_said_again(void **state)
{
	scene.deaf = true;
	change();
	run_web();
	assert_int_equal(scene.looks, 0);
	scene.deaf = false;
	room_advance(&scene.room, 4 * PH_SECOND);
	web_news_watch(scene.web.news, "beta");
	run_web();
	assert_int_equal(scene.looks, 1);
}

/* The look at all is begun again only when that node was waited for, and then
 * a second. */
static void what_changes_while_another_node_hangs_is_news(void **state)
{
	web_news_watch(scene.web.news, "beta");
	room_advance(&scene.room, WEB_PEER_TIMEOUT + PH_SECOND / 2);
	change();
	room_advance(&scene.room, PH_SECOND);
	web_news_watch(scene.web.news, "beta");
	run_web();
	assert_int_equal(scene.looks, 1);
}

static void whom_nobody_watches_is_not_asked(void **state)
{
	room_advance(&scene.room, 12 * PH_SECOND);
	change();
	assert_int_equal(scene.question, 0);
	assert_null(scene.mail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_changes_is_looked_at),
		TEST(a_web_thread_that_is_busy_finds_the_word_once),
		TEST(a_word_that_was_lost_is_said_again),
		TEST(what_changes_while_another_node_hangs_is_news),
		TEST(whom_nobody_watches_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
