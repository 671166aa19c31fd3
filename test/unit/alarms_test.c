#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "controlsurface/alarm_rule.h"
#include "controlsurface/alarms.h"

#define SECOND INT64_C(1000000000)
#define NOW    (1000000 * SECOND)

/* What nodes answered, written down, and the alarms that come of it. */
struct mesh {
	struct ph_writer *lists[4]; /* peers, servers, connections, rules */
	struct ph_writer *out;
	struct ph_document *documents[5];
	struct ph_value alarms;
};

static int mesh_open(void **state)
{
	static struct mesh mesh;

	memset(&mesh, 0, sizeof(mesh));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ph_writer_create(&mesh.lists[i]), 0);
		ph_write_list(mesh.lists[i]);
	}
	assert_int_equal(ph_writer_create(&mesh.out), 0);
	*state = &mesh;
	return 0;
}

static int mesh_close(void **state)
{
	struct mesh *mesh = *state;

	for (unsigned i = 0; i < 5; i++)
		ph_document_free(mesh->documents[i]);
	for (unsigned i = 0; i < 4; i++)
		ph_writer_free(mesh->lists[i]);
	ph_writer_free(mesh->out);
	return 0;
}

static void peer(struct mesh *mesh, const char *node, const char *state)
{
	ph_write_map(mesh->lists[0]);
	ph_put_text(mesh->lists[0], "node", node);
	ph_put_text(mesh->lists[0], "state", state);
	ph_put_int(mesh->lists[0], "since", NOW - 7 * SECOND);
	ph_write_end(mesh->lists[0]);
}

static void server(struct mesh *mesh, const char *node, const char *name,
	const char *state)
{
	ph_write_map(mesh->lists[1]);
	ph_put_text(mesh->lists[1], "node", node);
	ph_put_text(mesh->lists[1], "name", name);
	ph_put_text(mesh->lists[1], "state", state);
	ph_put_text(mesh->lists[1], "reason", "exit 1, six times");
	ph_put_int(mesh->lists[1], "since", NOW - 9 * SECOND);
	ph_write_end(mesh->lists[1]);
}

static void wire(struct mesh *mesh, const char *id, const char *from,
	const char *to, const char *state, int64_t age, unsigned failures)
{
	struct ph_writer *writer = mesh->lists[2];

	ph_write_map(writer);
	ph_put_text(writer, "node", "a");
	ph_put_text(writer, "id", id);
	ph_put_text(writer, "from", from);
	ph_put_text(writer, "to", to);
	ph_put_text(writer, "state", state);
	ph_put_text(writer, "reason", "no line");
	ph_put_int(writer, "since", NOW - age);
	ph_put_int(writer, "failures", failures);
	ph_write_end(writer);
}

static void rule(struct mesh *mesh, const char *alarm, const char *connection,
	const char *to, const char *when, const char *path)
{
	struct ph_writer *writer = mesh->lists[3];

	ph_write_map(writer);
	ph_put_text(writer, "kind", "rule");
	ph_put_text(writer, "alarm", alarm);
	ph_put_text(writer, "node", "a");
	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "to", to);
	ph_put_text(writer, "when", when);
	ph_put_text(writer, "measured", "rate 3 B/s");
	ph_put_text(writer, "priority", "low");
	ph_put_text(writer, "action", "look");
	ph_put_int(writer, "since", NOW - 20 * SECOND);
	ph_put_list(writer, "path");
	while (*path) {
		size_t length = strcspn(path, " ");

		ph_write_textn(writer, path, length);
		path += length + (path[length] != 0);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

static void mark(struct mesh *mesh, const char *alarm, const char *verb,
	int64_t at, int64_t until)
{
	struct ph_writer *writer = mesh->lists[3];

	ph_write_map(writer);
	ph_put_text(writer, "kind", "mark");
	ph_put_text(writer, "alarm", alarm);
	ph_put_text(writer, "verb", verb);
	ph_put_text(writer, "by", "me");
	ph_put_text(writer, "why", "known");
	ph_put_int(writer, "at", at);
	ph_put_int(writer, "until", until);
	ph_write_end(writer);
}

static struct ph_value read_list(
	struct mesh *mesh, unsigned i, struct ph_writer *writer)
{
	assert_int_equal(
		ph_document_written(&mesh->documents[i], writer, PH_SKIM_TABLE),
		0);
	return ph_document_root(mesh->documents[i]);
}

static size_t look(struct mesh *mesh)
{
	struct ph_alarms alarms = {.now = NOW};

	for (unsigned i = 0; i < 4; i++)
		ph_write_end(mesh->lists[i]);
	alarms.peers = read_list(mesh, 0, mesh->lists[0]);
	alarms.servers = read_list(mesh, 1, mesh->lists[1]);
	alarms.connections = read_list(mesh, 2, mesh->lists[2]);
	alarms.rules = read_list(mesh, 3, mesh->lists[3]);
	assert_int_equal(ph_alarms_write(&alarms, mesh->out), 0);
	mesh->alarms = read_list(mesh, 4, mesh->out);
	return ph_value_count(mesh->alarms);
}

static void expect(
	struct mesh *mesh, size_t i, const char *key, const char *text)
{
	char found[200];

	ph_get_copy(ph_value_at(mesh->alarms, i), key, found, sizeof(found));
	assert_string_equal(found, text);
}

static void a_dead_host_with_fifty_wires_is_one_alarm(void **state)
{
	struct mesh *mesh = *state;
	char id[32];

	peer(mesh, "c", "dead");
	peer(mesh, "b", "alive");
	peer(mesh, "c", "dead");
	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "a#1.%u", i);
		wire(mesh, id, i % 2 ? "a/x:out" : "c/x:out",
			i % 2 ? "c/y:in" : "a/y:in", "failed", SECOND, 9);
	}
	assert_int_equal(look(mesh), 1);
	expect(mesh, 0, "kind", "node");
	expect(mesh, 0, "subject", "c");
	expect(mesh, 0, "priority", "high");
	expect(mesh, 0, "what", "dead, say 2 nodes");
	assert_int_equal(
		ph_get_int(ph_value_at(mesh->alarms, 0), "explained"), 50);
}

/* `node` was left out of an apply of demo, says a. */
static void behind(struct mesh *mesh, const char *node)
{
	struct ph_writer *writer = mesh->lists[3];

	ph_write_map(writer);
	ph_put_text(writer, "kind", "change");
	ph_put_text(writer, "alarm", "a-00000008");
	ph_put_text(writer, "node", "a");
	ph_put_text(writer, "transaction", node);
	ph_put_text(writer, "scope", "demo");
	ph_put_text(writer, "coordinator", node);
	ph_put_text(writer, "trouble", "behind");
	ph_put_int(writer, "since", 0);
	ph_write_end(writer);
}

/* Nobody can do anything about who is dead, has left, or was forgotten. */
static void who_is_behind_is_told_of_when_he_is_back(void **state)
{
	struct mesh *mesh = *state;

	peer(mesh, "b", "left");
	peer(mesh, "c", "alive");
	peer(mesh, "c", "suspect");
	behind(mesh, "b");
	behind(mesh, "c");
	behind(mesh, "d");
	assert_int_equal(look(mesh), 1);
	expect(mesh, 0, "kind", "change");
	expect(mesh, 0, "what",
		"c keeps an old part of demo: it was away when that was "
		"applied");
}

static void who_is_alive_for_somebody_is_not_dead(void **state)
{
	struct mesh *mesh = *state;

	peer(mesh, "c", "dead");
	peer(mesh, "c", "alive");
	peer(mesh, "d", "suspect");
	peer(mesh, "e", "left");
	assert_int_equal(look(mesh), 0);
}

static void a_server_given_up_explains_its_wires(void **state)
{
	struct mesh *mesh = *state;

	server(mesh, "b", "enc", "failed");
	server(mesh, "b", "rec", "running");
	wire(mesh, "a#1.1", "a/cam:video", "b/enc:raw", "failed", SECOND, 5);
	wire(mesh, "a#1.2", "a/cam:video", "b/rec:in", "failed", SECOND, 5);
	assert_int_equal(look(mesh), 2);
	expect(mesh, 0, "subject", "b/enc");
	expect(mesh, 0, "what", "given up: exit 1, six times");
	expect(mesh, 0, "action", "posthouse logs b/enc");
	expect(mesh, 1, "kind", "connection");
	expect(mesh, 1, "subject", "a#1.2");
	expect(mesh, 1, "priority", "medium");
	expect(mesh, 1, "action", "posthouse show a#1.2");
}

static void what_has_just_begun_is_no_alarm(void **state)
{
	struct mesh *mesh = *state;

	wire(mesh, "a#1.1", "a/x:out", "b/y:in", "reserving", SECOND, 0);
	wire(mesh, "a#1.2", "a/x:out", "b/y:in", "failed", SECOND, 1);
	wire(mesh, "a#1.3", "a/x:out", "b/y:in", "flowing", 99 * SECOND, 0);
	wire(mesh, "a#1.4", "a/x:out", "b/y:in", "closed", 99 * SECOND, 0);
	wire(mesh, "a#1.5", "a/x:out", "b/y:in", "dialing", 6 * SECOND, 0);
	assert_int_equal(look(mesh), 1);
	expect(mesh, 0, "subject", "a#1.5");
}

/* The first connection is down for lack of the node; the server that it fed
 * waits, and so does what that one feeds. */
static void who_waits_for_a_cause_is_none(void **state)
{
	struct mesh *mesh = *state;

	peer(mesh, "c", "dead");
	server(mesh, "a", "x", "waiting");
	server(mesh, "a", "y", "waiting");
	server(mesh, "a", "z", "running");
	wire(mesh, "a#1.1", "a/x:out", "c/s:in", "failed", SECOND, 9);
	wire(mesh, "a#1.2", "a/y:out", "a/x:in", "failed", SECOND, 9);
	wire(mesh, "a#1.3", "a/z:out", "a/y:in", "failed", SECOND, 9);
	wire(mesh, "a#1.4", "a/z:other", "b/q:in", "failed", SECOND, 9);
	assert_int_equal(look(mesh), 2);
	expect(mesh, 0, "kind", "node");
	assert_int_equal(
		ph_get_int(ph_value_at(mesh->alarms, 0), "explained"), 3);
	/* z runs: its other wire has a reason of its own. */
	expect(mesh, 1, "subject", "a#1.4");
}

static void one_reason_between_two_nodes_is_one_alarm(void **state)
{
	struct mesh *mesh = *state;

	wire(mesh, "a#1.1", "a/x:out", "b/s:in", "failed", SECOND, 9);
	wire(mesh, "b#1.2", "b/y:out", "a/x:in", "failed", SECOND, 9);
	wire(mesh, "a#1.3", "a/x:out", "c/s:in", "failed", SECOND, 9);
	wire(mesh, "a#1.4", "a/x:out", "a/s:in", "failed", SECOND, 9);
	wire(mesh, "a#1.5", "a/y:out", "a/s:in", "failed", SECOND, 9);
	assert_int_equal(look(mesh), 4);
	expect(mesh, 0, "kind", "link");
	expect(mesh, 0, "subject", "a - b");
	expect(mesh, 1, "subject", "a#1.3");
}

static void rules_go_below_what_explains_them(void **state)
{
	static const char *const few = "rate < 5B/s";
	struct mesh *mesh = *state;

	peer(mesh, "c", "dead");
	wire(mesh, "a#1.9", "a/s:out", "a/t:in", "failed", SECOND, 9);
	rule(mesh, "a-00000001", "a#1.1", "a/x:in", few, "a/w c/v");
	rule(mesh, "a-00000002", "a#1.2", "c/x:in", "queue > 5%", "a/w");
	rule(mesh, "a-00000003", "a#1.9", "a/t:in", few, "a/s");
	rule(mesh, "a-00000004", "a#1.4", "a/u:in", few, "a/t a/s");
	/* Three of one chain, told in the wrong order, and one of another. */
	rule(mesh, "a-00000007", "a#1.7", "b/3:in", few, "b/2 b/1 b/0");
	rule(mesh, "a-00000005", "a#1.5", "b/1:in", "silent > 1s", "b/0");
	rule(mesh, "a-00000006", "a#1.6", "b/2:in", few, "b/1 b/0");
	rule(mesh, "a-00000008", "a#1.8", "b/2:x", "blocked > 1%", "b/1 b/0");
	assert_int_equal(look(mesh), 4);
	expect(mesh, 0, "kind", "node");
	assert_int_equal(
		ph_get_int(ph_value_at(mesh->alarms, 0), "explained"), 2);
	expect(mesh, 1, "kind", "connection");
	assert_int_equal(
		ph_get_int(ph_value_at(mesh->alarms, 1), "explained"), 2);
	expect(mesh, 2, "alarm", "a-00000005");
	assert_int_equal(
		ph_get_int(ph_value_at(mesh->alarms, 2), "explained"), 2);
	expect(mesh, 2, "what", "rate 3 B/s (silent > 1s)");
	expect(mesh, 3, "alarm", "a-00000008");
}

static void doubt(struct mesh *mesh, const char *node, const char *transaction,
	int64_t since)
{
	struct ph_writer *writer = mesh->lists[3];

	ph_write_map(writer);
	ph_put_text(writer, "kind", "change");
	ph_put_text(writer, "alarm", "a-00000009");
	ph_put_text(writer, "node", node);
	ph_put_text(writer, "transaction", transaction);
	ph_put_text(writer, "scope", "demo");
	ph_put_text(writer, "coordinator", "a");
	ph_put_text(writer, "priority", "high");
	ph_put_int(writer, "since", since);
	ph_write_end(writer);
}

/* It is an alarm of its own, though a dead node explains it: somebody may have
 * to decide. */
static void a_change_in_doubt_is_one_alarm_of_all_who_are(void **state)
{
	struct mesh *mesh = *state;

	peer(mesh, "a", "dead");
	doubt(mesh, "b", "a@1.1", NOW - 8 * SECOND);
	doubt(mesh, "b", "a@1.2", NOW - SECOND);
	doubt(mesh, "c", "a@1.1", NOW - 9 * SECOND);
	assert_int_equal(look(mesh), 3);
	expect(mesh, 0, "kind", "node");
	expect(mesh, 1, "kind", "change");
	expect(mesh, 1, "subject", "a@1.1");
	expect(mesh, 1, "node", "b");
	expect(mesh, 1, "priority", "high");
	expect(mesh, 1, "what",
		"a change of demo is in doubt on b, c; a began it");
	expect(mesh, 1, "action",
		"start a; or posthouse plan resolve a@1.1 commit|abort "
		"--node b");
	assert_int_equal(ph_get_int(ph_value_at(mesh->alarms, 1), "since"),
		NOW - 9 * SECOND);
	expect(mesh, 2, "subject", "a@1.2");
}

static void what_people_said_counts_as_long_as_it_may(void **state)
{
	static const char *const when = "rate < 5B/s";
	struct mesh *mesh = *state;

	for (unsigned i = 1; i < 6; i++) {
		char id[16];

		snprintf(id, sizeof(id), "a-0000000%u", i);
		rule(mesh, id, "a#1.1", "a/x:in", "queue > 5%", when);
	}
	/* Of the time before; since; shelved until then; long ago; both. */
	mark(mesh, "a-00000001", "ack", NOW - 21 * SECOND, 0);
	mark(mesh, "a-00000002", "ack", NOW - 19 * SECOND, 0);
	mark(mesh, "a-00000003", "shelve", NOW - 99 * SECOND, NOW + 1);
	mark(mesh, "a-00000004", "shelve", NOW - 99 * SECOND, NOW - 1);
	mark(mesh, "a-00000005", "ack", NOW - SECOND, 0);
	mark(mesh, "a-00000005", "shelve", NOW - SECOND, NOW + SECOND);
	assert_int_equal(look(mesh), 5);
	expect(mesh, 0, "state", "raised");
	expect(mesh, 0, "by", "");
	expect(mesh, 1, "state", "acked");
	expect(mesh, 1, "by", "me");
	expect(mesh, 1, "why", "known");
	expect(mesh, 2, "state", "shelved");
	expect(mesh, 3, "state", "raised");
	expect(mesh, 4, "state", "shelved");
}

/* Nobody knows since when: what was said of another time is no word of this. */
static void of_who_is_behind_people_spoke_long_ago(void **state)
{
	struct mesh *mesh = *state;
	char id[PH_ALARM_ID];

	peer(mesh, "b", "alive");
	peer(mesh, "c", "alive");
	behind(mesh, "b");
	behind(mesh, "c");
	ph_alarm_id(id, (const char *const[]){"change", "b"}, 2);
	mark(mesh, id, "ack", NOW - 2 * 86400 * SECOND, 0);
	ph_alarm_id(id, (const char *const[]){"change", "c"}, 2);
	mark(mesh, id, "ack", NOW - 3600 * SECOND, 0);
	assert_int_equal(look(mesh), 2);
	expect(mesh, 0, "state", "raised");
	expect(mesh, 1, "state", "acked");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mesh_open, mesh_close)
	const struct CMUnitTest tests[] = {
		TEST(a_dead_host_with_fifty_wires_is_one_alarm),
		TEST(who_is_alive_for_somebody_is_not_dead),
		TEST(who_is_behind_is_told_of_when_he_is_back),
		TEST(a_server_given_up_explains_its_wires),
		TEST(what_has_just_begun_is_no_alarm),
		TEST(who_waits_for_a_cause_is_none),
		TEST(one_reason_between_two_nodes_is_one_alarm),
		TEST(rules_go_below_what_explains_them),
		TEST(a_change_in_doubt_is_one_alarm_of_all_who_are),
		TEST(what_people_said_counts_as_long_as_it_may),
		TEST(of_who_is_behind_people_spoke_long_ago),
	};

	return cmocka_run_group_tests_name("alarms", tests, NULL, NULL);
}
