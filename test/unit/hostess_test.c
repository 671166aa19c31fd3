#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess.h"
#include "hostess/reservation.h"
#include "test/room.h"

#define UUID "6ba7b810-9dad-51d1-80b4-00c04fd430c8"

struct fixture {
	struct room room;
	struct ph_hostess *hostess;
	char evicted[96];
	unsigned evictions;
};

static void on_evict(void *context, const char *connection)
{
	struct fixture *fixture = context;

	snprintf(fixture->evicted, sizeof(fixture->evicted), "%s", connection);
	fixture->evictions++;
}

static void terminal_put(struct ph_writer *writer, const char *name,
	const char *direction, const char *type, unsigned handle)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", name);
	ph_put_text(writer, "direction", direction);
	ph_put_text(writer, "type", type);
	ph_put_int(writer, "handle", handle);
	ph_write_end(writer);
}

static void manifest_put(struct fixture *fixture, const char *server)
{
	struct ph_writer *writer = room_map(&fixture->room);
	char identity[128];

	snprintf(identity, sizeof(identity),
		"alpha.example:%s:2a:ops:no:none:" UUID, server);
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "server", server);
	ph_put_list(writer, "terminals");
	terminal_put(writer, "in", "in", "text/plain", 11);
	terminal_put(writer, "merge", "combine", "", 12);
	terminal_put(writer, "out", "out", "text/plain", 13);
	ph_write_end(writer);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	room_open(&fixture->room, true);
	assert_int_equal(ph_hostess_create(&fixture->hostess,
				 &(struct ph_hostess_config){
					 .loop = fixture->room.loop,
					 .door = fixture->room.door,
					 .node = "alpha",
					 .epoch = 7,
				 }),
		0);
	ph_hostess_set_evict(fixture->hostess, on_evict, fixture);
	manifest_put(fixture, "sink");
	room_call_ok(&fixture->room, PH_HOSTESS_REGISTER);
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

static void reserve_put(struct fixture *fixture, const char *connection,
	const char *server, const char *terminal, const char *type)
{
	struct ph_writer *writer = room_map(&fixture->room);

	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "server", server);
	ph_put_text(writer, "terminal", terminal);
	if (type)
		ph_put_text(writer, "type", type);
}

/* Exit code, or 0 with the token. */
static int reserve_as(struct fixture *fixture, const char *node,
	const char *connection, const char *terminal, uint8_t token[16])
{
	struct answer answer;
	const uint8_t *bytes;
	size_t length;
	int code;

	reserve_put(fixture, connection, "sink", terminal, NULL);
	room_send_as(&fixture->room, node, PH_HOSTESS_RESERVE, &answer);
	room_wait(&fixture->room, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	bytes = ph_value_bytes(ph_value_get(answer.body, "token"), &length);
	if (code == 0) {
		assert_int_equal(length, 16);
		memcpy(token, bytes, 16);
	}
	answer_free(&answer);
	return code;
}

static int attach(struct fixture *fixture, const char *connection,
	const uint8_t token[16], int generation, const char *peer)
{
	struct ph_writer *writer = room_map(&fixture->room);
	struct answer answer;
	int code;

	ph_put_text(writer, "connection", connection);
	ph_put_bytes(writer, "token", token, 16);
	ph_put_int(writer, "generation", generation);
	ph_put_text(writer, "peer", peer);
	room_call(&fixture->room, PH_HOSTESS_ATTACH, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	if (code == 0)
		assert_int_equal(ph_get_int(answer.body, "input"), 11);
	answer_free(&answer);
	return code;
}

static void detach(struct fixture *fixture, const char *connection,
	int generation, bool finished)
{
	struct ph_writer *writer = room_map(&fixture->room);

	ph_put_text(writer, "connection", connection);
	ph_put_int(writer, "generation", generation);
	ph_put_bool(writer, "finished", finished);
	room_call_ok(&fixture->room, PH_HOSTESS_DETACH);
}

static void test_names_are_taken_once(void **state)
{
	struct fixture *fixture = *state;

	manifest_put(fixture, "sink");
	room_call_exit(&fixture->room, PH_HOSTESS_REGISTER, PH_EXIT_CONFLICT);
	manifest_put(fixture, "other");
	room_call_ok(&fixture->room, PH_HOSTESS_REGISTER);
	ph_put_text(room_map(&fixture->room), "server", "other");
	room_call_ok(&fixture->room, PH_HOSTESS_UNREGISTER);
	ph_put_text(room_map(&fixture->room), "server", "other");
	room_call_exit(
		&fixture->room, PH_HOSTESS_UNREGISTER, PH_EXIT_NOT_FOUND);
}

static void test_find(void **state)
{
	struct fixture *fixture = *state;
	struct ph_writer *writer = room_map(&fixture->room);
	struct answer answer;

	ph_put_text(writer, "server", "sink");
	ph_put_text(writer, "terminal", "out");
	room_call(&fixture->room, PH_HOSTESS_FIND, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(ph_get_int(answer.body, "handle"), 13);
	assert_true(ph_value_is(ph_value_get(answer.body, "direction"), "out"));
	answer_free(&answer);
	writer = room_map(&fixture->room);
	ph_put_text(writer, "server", "sink");
	ph_put_text(writer, "terminal", "nose");
	room_call(&fixture->room, PH_HOSTESS_FIND, &answer);
	assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	assert_non_null(strstr(answer.error.what, "merge (combine)"));
	answer_free(&answer);
}

static void test_refused_bookings(void **state)
{
	struct fixture *fixture = *state;
	struct room *room = &fixture->room;

	reserve_put(fixture, "beta#1.1", "sunk", "in", NULL);
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_NOT_FOUND);
	reserve_put(fixture, "beta#1.1", "sink", "nose", NULL);
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_NOT_FOUND);
	reserve_put(fixture, "beta#1.1", "sink", "out", NULL);
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_WIRING);
	reserve_put(fixture, "beta#1.1", "sink", "in", "video/mjpeg");
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_WIRING);
	reserve_put(fixture, "no id", "sink", "in", NULL);
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_USAGE);
	reserve_put(fixture, "beta#1.1", "sink", "in", "text/plain");
	room_call_ok(room, PH_HOSTESS_RESERVE);
	reserve_put(fixture, "beta#1.2", "sink", "in", "*/*");
	room_call_exit(room, PH_HOSTESS_RESERVE, PH_EXIT_CONFLICT);
}

static void test_same_id_same_answer(void **state)
{
	struct fixture *fixture = *state;
	uint8_t first[16], second[16];

	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "in", first), 0);
	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "in", second), 0);
	assert_memory_equal(first, second, 16);
	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.2", "merge", second), 0);
	assert_memory_not_equal(first, second, 16);
	/* Another terminal for the same connection is a contradiction. */
	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "merge", second),
		PH_EXIT_CONFLICT);
	/* And nobody books in another's name. */
	assert_int_equal(
		reserve_as(fixture, "gamma", "beta#1.3", "merge", second),
		PH_EXIT_DENIED);
}

static void test_a_hundred_racers(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[100];
	unsigned winners = 0;

	for (unsigned i = 0; i < 100; i++) {
		char node[16], connection[32];

		snprintf(node, sizeof(node), "node%u", i);
		snprintf(connection, sizeof(connection), "node%u#1.1", i);
		reserve_put(fixture, connection, "sink", "in", NULL);
		room_send_as(
			&fixture->room, node, PH_HOSTESS_RESERVE, &answers[i]);
	}
	for (unsigned i = 0; i < 100; i++) {
		room_wait(&fixture->room, &answers[i]);
		winners += answers[i].status == PH_CALL_OK;
		if (answers[i].status)
			assert_int_equal(
				answers[i].error.exit, PH_EXIT_CONFLICT);
		answer_free(&answers[i]);
	}
	assert_int_equal(winners, 1);
}

static void test_carriers(void **state)
{
	struct fixture *fixture = *state;
	uint8_t token[16], wrong[16];

	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "in", token), 0);
	memcpy(wrong, token, 16);
	wrong[15] ^= 1;
	assert_int_equal(
		attach(fixture, "beta#9.9", token, 1, "beta"), PH_EXIT_DENIED);
	assert_int_equal(
		attach(fixture, "beta#1.1", wrong, 1, "beta"), PH_EXIT_DENIED);
	assert_int_equal(
		attach(fixture, "beta#1.1", token, 1, "gamma"), PH_EXIT_DENIED);
	assert_int_equal(attach(fixture, "beta#1.1", token, 1, "beta"), 0);
	assert_int_equal(
		attach(fixture, "beta#1.1", token, 1, "beta"), PH_EXIT_DENIED);
	assert_int_equal(attach(fixture, "beta#1.1", token, 2, "beta"), 0);
	/* The older one's farewell frees nothing. */
	detach(fixture, "beta#1.1", 1, true);
	assert_int_equal(reserve_as(fixture, "gamma", "gamma#1.1", "in", wrong),
		PH_EXIT_CONFLICT);
	detach(fixture, "beta#1.1", 2, true);
	assert_int_equal(
		reserve_as(fixture, "gamma", "gamma#1.1", "in", wrong), 0);
	assert_int_equal(fixture->evictions, 0);
}

static void test_time_frees(void **state)
{
	struct fixture *fixture = *state;
	uint8_t token[16];

	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "in", token), 0);
	room_advance(&fixture->room, PH_LEASE_LASTS);
	assert_int_equal(
		attach(fixture, "beta#1.1", token, 1, "beta"), PH_EXIT_DENIED);
	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.2", "in", token), 0);
	assert_int_equal(attach(fixture, "beta#1.2", token, 1, "beta"), 0);
	room_advance(&fixture->room, 100 * PH_SEAT_KEPT);
	detach(fixture, "beta#1.2", 1, false);
	assert_int_equal(fixture->evictions, 0);
	room_advance(&fixture->room, PH_SEAT_KEPT - PH_MILLISECOND);
	assert_int_equal(fixture->evictions, 0);
	room_advance(&fixture->room, PH_MILLISECOND);
	assert_int_equal(fixture->evictions, 1);
	assert_string_equal(fixture->evicted, "beta#1.2");
}

static void test_who_leaves_is_evicted(void **state)
{
	struct fixture *fixture = *state;
	uint8_t token[16];

	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.1", "in", token), 0);
	assert_int_equal(attach(fixture, "beta#1.1", token, 1, "beta"), 0);
	ph_put_text(room_map(&fixture->room), "connection", "beta#1.1");
	room_call_ok(&fixture->room, PH_HOSTESS_RELEASE);
	assert_int_equal(fixture->evictions, 1);
	/* Again is harmless. */
	ph_put_text(room_map(&fixture->room), "connection", "beta#1.1");
	room_call_ok(&fixture->room, PH_HOSTESS_RELEASE);
	assert_int_equal(fixture->evictions, 1);
	assert_int_equal(
		reserve_as(fixture, "beta", "beta#1.2", "in", token), 0);
	assert_int_equal(attach(fixture, "beta#1.2", token, 1, "beta"), 0);
	ph_put_text(room_map(&fixture->room), "server", "sink");
	room_call_ok(&fixture->room, PH_HOSTESS_UNREGISTER);
	assert_int_equal(fixture->evictions, 2);
	assert_string_equal(fixture->evicted, "beta#1.2");
}

static void test_the_menu(void **state)
{
	struct fixture *fixture = *state;
	struct ph_value items, item, terminal;
	struct answer answer;
	uint8_t token[16];

	reserve_as(fixture, "beta", "beta#1.1", "in", token);
	ph_put_text(room_map(&fixture->room), "mask", "terminal=in");
	room_send_as(&fixture->room, "beta", PH_HOSTESS_MENU, &answer);
	room_wait(&fixture->room, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	items = ph_value_get(answer.body, "items");
	assert_int_equal(ph_value_count(items), 1);
	item = ph_value_at(items, 0);
	assert_true(ph_value_is(ph_value_get(item, "identity"),
		"alpha.example:sink:2a:ops:no:none:" UUID));
	assert_true(ph_value_is(ph_value_get(item, "node"), "alpha"));
	assert_true(ph_value_is(ph_value_get(item, "server"), "sink"));
	assert_int_equal(ph_get_int(item, "class"), 0x2a);
	assert_int_equal(ph_value_count(ph_value_get(item, "terminals")), 1);
	terminal = ph_value_at(ph_value_get(item, "terminals"), 0);
	assert_int_equal(ph_get_int(terminal, "in_use"), 1);
	assert_int_equal(ph_get_int(terminal, "capacity"), 1);
	assert_true(ph_value_is(
		ph_value_at(ph_value_get(terminal, "connections"), 0),
		"beta#1.1"));
	answer_free(&answer);
	ph_put_text(room_map(&fixture->room), "mask", "colour=red");
	room_call_exit(&fixture->room, PH_HOSTESS_GUESTS, PH_EXIT_USAGE);
}

static void connection_put(struct ph_writer *writer, const char *id,
	const char *from, const char *state)
{
	ph_write_map(writer);
	ph_put_text(writer, "id", id);
	ph_put_text(writer, "from", from);
	ph_put_text(writer, "state", state);
	ph_write_end(writer);
}

/* Stands in for the control surface. */
static void serve_connections(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct fixture *fixture = context;
	struct ph_writer *writer = room_map(&fixture->room);

	ph_put_list(writer, "items");
	connection_put(writer, "alpha#1.1", "alpha/sink:out", "flowing");
	connection_put(writer, "alpha#1.2", "alpha/sink:out", "closed");
	connection_put(writer, "alpha#1.3", "alpha/gone:out", "flowing");
	connection_put(writer, "beta#1.4", "beta/sink:out", "flowing");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(fixture->room.door, ticket, writer);
}

static size_t menu_count(struct fixture *fixture, const char *mask)
{
	struct answer answer;
	size_t count;

	ph_put_text(room_map(&fixture->room), "mask", mask);
	room_call(&fixture->room, PH_HOSTESS_MENU, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	count = ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	return count;
}

static void test_outputs_as_the_control_surface_says(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(menu_count(fixture, "terminal=out,free=yes"), 1);
	ph_door_serve(fixture->room.door, PH_CONTROL_LIST, serve_connections,
		fixture);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			menu_count(fixture, "terminal=out,free=yes"), 0);
		assert_int_equal(
			menu_count(fixture, "terminal=out,free=no"), 1);
	}
}

/* The answer of the control surface comes when the Hostess is gone. */
static void test_a_query_outlives_the_hostess(void **state)
{
	struct fixture *fixture = *state;
	struct answer answer;

	room_map(&fixture->room);
	room_send(&fixture->room, PH_HOSTESS_MENU, &answer);
	ph_loop_turn(fixture->room.loop, 0);
	ph_hostess_destroy(fixture->hostess);
	fixture->hostess = NULL;
	room_advance(&fixture->room, 30 * PH_SECOND);
	assert_true(answer.come);
	answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_names_are_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_refused_bookings, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_same_id_same_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_hundred_racers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_carriers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_time_frees, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_who_leaves_is_evicted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_menu, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_outputs_as_the_control_surface_says, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_a_query_outlives_the_hostess, setup, teardown),
	};

	return cmocka_run_group_tests_name("hostess", tests, NULL, NULL);
}
