#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess.h"
#include "test/room.h"

/* Menus: their versions and digests, and who is told of a change. */

#define UUID "6ba7b810-9dad-51d1-80b4-00c04fd430c8"

struct fixture {
	struct room room;
	struct ph_hostess *hostess;
	unsigned changes;
};

static void on_changed(void *context)
{
	((struct fixture *)context)->changes++;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct ph_hostess_config config = {.node = "alpha", .epoch = 7};

	room_open(&fixture->room, true);
	config.loop = fixture->room.loop;
	config.door = fixture->room.door;
	assert_int_equal(ph_hostess_create(&fixture->hostess, &config), 0);
	ph_hostess_set_menu_changed(fixture->hostess, on_changed, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ph_hostess_destroy(fixture->hostess);
	room_close(&fixture->room);
	free(fixture);
	return 0;
}

static void register_server(struct fixture *fixture, const char *server)
{
	struct ph_writer *writer = room_map(&fixture->room);
	char identity[128];

	snprintf(identity, sizeof(identity),
		"alpha.example:%s:2a:ops:no:none:" UUID, server);
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "server", server);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < 2; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", i ? "out" : "in");
		ph_put_text(writer, "direction", i ? "out" : "in");
		ph_put_text(writer, "type", "text/plain");
		ph_put_int(writer, "handle", 11 + i);
		ph_put_map(writer, "labels");
		if (i)
			ph_put_text(writer, "zone", "out");
		ph_write_end(writer);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	ph_write_text(writer, "gpu=nvenc");
	ph_write_end(writer);
	ph_put_map(writer, "labels");
	ph_put_text(writer, "room", "kitchen");
	ph_write_end(writer);
	room_call_ok(&fixture->room, PH_HOSTESS_REGISTER);
}

static void unregister_server(struct fixture *fixture, const char *server)
{
	ph_put_text(room_map(&fixture->room), "server", server);
	room_call_ok(&fixture->room, PH_HOSTESS_UNREGISTER);
}

static struct ph_menu_version offered(struct fixture *fixture)
{
	struct ph_menu_version version;

	ph_hostess_menu_version(fixture->hostess, &version);
	return version;
}

static void test_a_change_is_told_once(void **state)
{
	struct fixture *fixture = *state;
	struct ph_menu_version first = offered(fixture);

	assert_int_equal(first.epoch, 7);
	assert_int_equal(first.count, 0);
	for (unsigned i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		register_server(fixture, name);
	}
	assert_int_equal(fixture->changes, 0);
	room_advance(&fixture->room, 20 * PH_MILLISECOND);
	assert_int_equal(fixture->changes, 1);
	assert_int_equal(offered(fixture).count, 50);
	assert_int_equal(offered(fixture).version, first.version + 1);
	/* Busy servers are told at most once a second. */
	unregister_server(fixture, "s1");
	room_advance(&fixture->room, 900 * PH_MILLISECOND);
	assert_int_equal(fixture->changes, 1);
	room_advance(&fixture->room, 100 * PH_MILLISECOND);
	assert_int_equal(fixture->changes, 2);
	assert_int_equal(offered(fixture).count, 49);
}

static void test_what_comes_back_is_no_news(void **state)
{
	struct fixture *fixture = *state;
	struct ph_menu_version before, after;

	register_server(fixture, "one");
	register_server(fixture, "two");
	room_advance(&fixture->room, 2 * PH_SECOND);
	before = offered(fixture);
	unregister_server(fixture, "one");
	register_server(fixture, "one");
	room_advance(&fixture->room, 2 * PH_SECOND);
	after = offered(fixture);
	assert_int_equal(after.version, before.version);
	assert_memory_equal(after.digest, before.digest, PH_MENU_DIGEST);
}

static void reserve(struct fixture *fixture, const char *connection)
{
	struct ph_writer *writer = room_map(&fixture->room);

	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "server", "one");
	ph_put_text(writer, "terminal", "in");
	room_call_ok(&fixture->room, PH_HOSTESS_RESERVE);
}

static void test_room_is_part_of_the_menu(void **state)
{
	struct fixture *fixture = *state;
	struct ph_menu_version before;

	register_server(fixture, "one");
	room_advance(&fixture->room, 2 * PH_SECOND);
	before = offered(fixture);
	reserve(fixture, "alpha#7.1");
	room_advance(&fixture->room, 2 * PH_SECOND);
	assert_int_equal(offered(fixture).version, before.version + 1);
	ph_put_text(room_map(&fixture->room), "connection", "alpha#7.1");
	room_call_ok(&fixture->room, PH_HOSTESS_RELEASE);
	room_advance(&fixture->room, 2 * PH_SECOND);
	assert_int_equal(offered(fixture).version, before.version + 2);
	assert_memory_equal(
		offered(fixture).digest, before.digest, PH_MENU_DIGEST);
}

static void test_versions_have_an_order(void **state)
{
	struct ph_menu_version one = {.epoch = 2, .version = 9};
	struct ph_menu_version two = {.epoch = 3, .version = 1};

	assert_int_equal(ph_menu_version_compare(&one, &two), -1);
	assert_int_equal(ph_menu_version_compare(&two, &one), 1);
	two.epoch = 2;
	assert_int_equal(ph_menu_version_compare(&one, &two), 1);
	assert_int_equal(ph_menu_version_compare(&one, &one), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_change_is_told_once),
		TEST(test_what_comes_back_is_no_news),
		TEST(test_room_is_part_of_the_menu),
		cmocka_unit_test(test_versions_have_an_order),
	};

	return cmocka_run_group_tests_name("menu", tests, NULL, NULL);
}
