#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "test/control_world.h"

static void one_node_is_wired(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world_call(world, PH_CONTROL_APPLY, "text", world_here, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_true(ph_value_is(ph_value_get(answer.body, "scope"), "demo"));
	assert_int_equal(ph_get_int(answer.body, "servers"), 2);
	assert_int_equal(ph_get_int(answer.body, "wires"), 1);
	assert_true(ph_value_is(
		ph_value_at(ph_value_get(answer.body, "hosts"), 0), "alpha"));
	world_answer_free(&answer);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "check "), 2);
	assert_int_equal(world_count(world, "start "), 2);
	assert_int_equal(world_count(world, "open alpha#1.1 alpha"), 1);
	assert_int_equal(world_kept(world, "wiring"), 1);
	assert_int_equal(world_kept(world, "connections"), 1);
	assert_string_equal(world_field(world, "actual"), "open");
	assert_string_equal(world_field(world, "from"), "alpha/src:out");
	assert_string_equal(world_field(world, "to"), "alpha/dst:in");
	assert_int_equal(world_count(world, "note apply demo"), 1);
}

static void applying_twice_changes_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "start "), 0);
	assert_int_equal(world_count(world, "put "), 0);
	assert_int_equal(world_count(world, "open "), 0);
	assert_int_equal(world_count(world, "close"), 0);
}

static void durable_before_anything_starts(void **state)
{
	struct world *world = *state;
	struct ph_error error;
	unsigned put = 0;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	while (strncmp(world->events[put], "put wiring", 10))
		put++;
	for (unsigned i = 0; i < put; i++)
		assert_int_not_equal(strncmp(world->events[i], "start", 5), 0);
	/* A disk that refuses: nothing starts. */
	world_forget(world);
	world->store_fails = 1;
	assert_int_equal(
		world_apply(world, world_changed, &error), PH_CALL_FAILED);
	assert_string_equal(error.what, "nothing was applied: disk full");
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "start "), 0);
}

static void a_refused_prepare_changes_nothing(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	world->refused = "dst";
	assert_int_equal(
		world_apply(world, world_here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	assert_non_null(strstr(error.where, "alpha"));
	assert_string_equal(error.what, "no such program");
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world_count(world, "start "), 0);
	assert_int_equal(world->kept_count, 0);
	assert_string_equal(world_field(world, "state"), "0");
}

static void findings_are_answered_with_their_places(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value finding;
	struct ph_writer *writer = world_arguments("text",
		"wiring: 1\nname: demo\nservers:\n"
		"  src: {use: source}\nwires:\n  - src:out -> nobody:in\n"
		"  - src:wrong -> src:out\n");

	ph_put_text(writer, "file", "bad.yaml");
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_APPLY, writer, &answer);
	world_await(world, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_WIRING);
	assert_non_null(strstr(answer.error.where, "bad.yaml:"));
	finding = ph_value_at(ph_value_get(answer.body, "findings"), 0);
	assert_true(ph_value_is(ph_value_get(finding, "file"), "bad.yaml"));
	assert_true(ph_get_int(finding, "line") > 0);
	world_answer_free(&answer);
}

static void two_nodes_prepare_before_they_commit(void **state)
{
	struct world *world = *state;

	world->beta_away = 3;
	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "seed beta 127.0.0.1:7002"), 2);
	assert_int_equal(world_count(world, "seed alpha"), 0);
	assert_int_equal(world_count(world, "unreachable beta"), 3);
	assert_int_equal(
		world_count(world, "beta survey servers=1 wires=0"), 1);
	assert_int_equal(
		world_count(world, "beta prepare servers=1 wires=0"), 1);
	assert_int_equal(world_count(world, "put decisions"), 1);
	assert_int_equal(world_count(world, "beta commit"), 1);
	assert_int_equal(world_count(world, "beta done"), 1);
	assert_int_equal(world_kept(world, "decisions"), 0);
	assert_int_equal(world_kept(world, "transactions"), 0);
	assert_int_equal(world_count(world, "start src"), 1);
	assert_int_equal(world_count(world, "start dst"), 0);
	assert_int_equal(world_count(world, "reserve beta alpha#1.1"), 1);
	assert_int_equal(world_count(world, "open alpha#1.1 beta"), 1);
}

static void one_refusal_stops_all(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	world->held_here = "no program gzip";
	assert_int_equal(
		world_apply(world, world_across, &error), PH_CALL_FAILED);
	assert_non_null(strstr(error.where, "beta"));
	assert_string_equal(error.what, "no program gzip");
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "beta commit"), 0);
	assert_int_equal(world_count(world, "put "), 0);
	assert_int_equal(world_count(world, "start "), 0);
	world->held_here = NULL;
	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
}

static void a_node_that_stays_away_is_named(void **state)
{
	struct world *world = *state;
	struct ph_error error;
	int64_t began = world->clock.time;

	world->beta_away = UINT32_MAX;
	assert_int_equal(
		world_apply(world, world_across, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(error.where, "beta"));
	assert_in_range(
		world->clock.time - began, 10 * PH_SECOND, 12 * PH_SECOND);
	assert_int_equal(world_count(world, "put "), 0);
	assert_int_equal(world_count(world, "start "), 0);
}

static void a_changed_file_changes_only_what_differs(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
	assert_int_equal(world_apply(world, world_renamed, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "stop dst"), 1);
	assert_int_equal(world_count(world, "stop src"), 0);
	assert_int_equal(world_count(world, "start other"), 1);
	assert_int_equal(world_count(world, "close"), 1);
	assert_int_equal(world_count(world, "release"), 1);
	assert_int_equal(world_count(world, "delete connections alpha#1.1"), 1);
	assert_int_equal(world_count(world, "open alpha#1.2 alpha"), 1);
	assert_string_equal(world_field(world, "to"), "alpha/other:in");
}

static int unapply(struct world *world, struct ph_error *error)
{
	struct answer answer;
	int status;

	world_call(world, PH_CONTROL_UNAPPLY, "name", "demo", &answer);
	status = answer.status;
	if (error)
		*error = answer.error;
	world_answer_free(&answer);
	return status;
}

static void unapply_empties_the_scope(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
	assert_int_equal(unapply(world, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(
		world_count(world, "beta prepare servers=0 wires=0"), 1);
	assert_int_equal(world_count(world, "beta commit"), 1);
	assert_int_equal(world_count(world, "stop src"), 1);
	assert_int_equal(world_count(world, "close"), 1);
	assert_int_equal(world_count(world, "release beta"), 1);
	assert_int_equal(world->kept_count, 0);
	assert_string_equal(world_field(world, "id"), "0");
	assert_int_equal(unapply(world, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
}

static void unapply_says_who_kept_its_part(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world->beta_away = UINT32_MAX;
	assert_int_equal(unapply(world, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(error.what, "beta"));
	/* Its input is still booked there; a restart does not forget that. */
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world_kept(world, "connections"), 1);
	assert_string_equal(world_field(world, "actual"), "draining");
	world_down(world);
	world_up(world);
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world_count(world, "release beta"), 0);
	world->beta_away = 0;
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world_count(world, "release beta"), 1);
	assert_int_equal(world->kept_count, 0);
}

/* He is dead, and somebody has said `peers forget`: what lives changes. */
static void a_forgotten_host_holds_nobody_up(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world->beta_forgotten = true;
	assert_int_equal(
		world_apply(world, world_here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(error.what, "'beta' was not reached"));
	/* Once is enough. */
	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	assert_int_equal(unapply(world, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world->kept_count, 0);
}

static void unapply_goes_on_without_a_forgotten_host(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(world_apply(world, world_across, NULL), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world->beta_forgotten = true;
	assert_int_equal(unapply(world, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_non_null(strstr(error.what, "no such node"));
	world_settle(world, 10 * PH_SECOND);
	assert_int_equal(world->kept_count, 0);
}

/* A peer asks this node to prepare an empty part. */
static int prepare_by_gamma(struct world *world, const char *id)
{
	struct ph_caller gamma = {
		.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};
	struct ph_writer *writer = world_arguments("scope", "demo");
	struct answer answer;
	int status;

	ph_put_map(writer, "part");
	ph_put_text(writer, "scope", "demo");
	ph_write_end(writer);
	ph_put_text(writer, "transaction", id);
	ph_put_list(writer, "nodes");
	ph_write_text(writer, "gamma");
	ph_write_text(writer, "alpha");
	ph_write_end(writer);
	ph_put_u64(writer, "expects", 0);
	ph_write_end(writer);
	world_send(world, &gamma, PH_CONTROL_PREPARE, writer, &answer);
	world_await(world, &answer);
	status = answer.status;
	world_answer_free(&answer);
	return status;
}

static int gamma_says(struct world *world, uint16_t method, const char *id)
{
	struct ph_caller gamma = {
		.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};
	struct ph_writer *writer = world_arguments("transaction", id);
	struct answer answer;
	int status;

	ph_put_text(writer, "scope", "demo");
	ph_write_end(writer);
	world_send(world, &gamma, method, writer, &answer);
	world_await(world, &answer);
	status = answer.status;
	world_answer_free(&answer);
	return status;
}

/* To be told "none" is to be promised that it never will be: so the promise is
 * on the disk first, or nothing is said. */
static void nothing_is_said_without_a_promise(void **state)
{
	struct ph_caller gamma = {
		.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};
	struct world *world = *state;

	for (unsigned fails = 2; fails-- > 0;) {
		struct ph_writer *writer =
			world_arguments("transaction", "delta@1.1");
		struct answer answer;

		world->store_fails = fails;
		ph_write_end(writer);
		world_send(world, &gamma, PH_CONTROL_OUTCOME, writer, &answer);
		world_await(world, &answer);
		assert_int_equal(answer.status, PH_CALL_OK);
		assert_true(ph_value_is(ph_value_get(answer.body, "outcome"),
			fails ? "unheard" : "none"));
		world_answer_free(&answer);
		assert_int_equal(world_kept(world, "transactions"), !fails);
	}
}

/* gamma has this node's part changed; the status, and how it was refused. */
static int commit_by_gamma(struct world *world, const char *server,
	uint64_t expects, struct ph_error *error)
{
	struct ph_caller gamma = {
		.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};
	struct ph_writer *writer = world_arguments("scope", "demo");
	struct answer answer;
	int status;

	ph_put_map(writer, "part");
	ph_put_text(writer, "scope", "demo");
	ph_put_list(writer, "servers");
	if (server) {
		ph_write_map(writer);
		ph_put_text(writer, "name", server);
		ph_put_text(writer, "scope", "demo");
		ph_put_text(writer, "use", "source");
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_put_u64(writer, "expects", expects);
	ph_write_end(writer);
	world_send(world, &gamma, PH_CONTROL_COMMIT, writer, &answer);
	world_await(world, &answer);
	status = answer.status;
	*error = answer.error;
	world_answer_free(&answer);
	return status;
}

/* One host alone changes, and the line breaks before its answer is there: the
 * same again is no conflict. */
static void a_commit_may_be_asked_twice(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			commit_by_gamma(world, "one", 0, &error), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "put wiring"), 1);
	assert_int_equal(world_count(world, "start one"), 1);
	/* Another one is. */
	assert_int_equal(
		commit_by_gamma(world, "two", 0, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	/* And so it is with what is taken away. */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(commit_by_gamma(world, NULL,
					 (world->epoch << 20) + 1, &error),
			PH_CALL_OK);
}

/* Both halves of a scope come from one coordinator. */
static void another_coordinator_has_to_wait(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(prepare_by_gamma(world, "gamma@1.1"), PH_CALL_OK);
	assert_int_equal(
		world_apply(world, world_here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	assert_int_equal(
		gamma_says(world, PH_CONTROL_ABORT, "gamma@1.1"), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_kept(world, "transactions"), 0);
	assert_int_equal(world_apply(world, world_here, &error), PH_CALL_OK);
}

static void a_refused_apply_lets_others_apply(void **state)
{
	struct world *world = *state;

	world->held_here = "no program gzip";
	assert_int_equal(
		world_apply(world, world_across, NULL), PH_CALL_FAILED);
	world_settle(world, PH_SECOND);
	assert_int_equal(prepare_by_gamma(world, "gamma@1.1"), PH_CALL_OK);
}

static void names_belong_to_one_scope(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	assert_int_equal(world_apply(world,
				 "wiring: 1\nname: second\nservers:\n"
				 "  src: {use: source}\n  b: {use: sink}\n"
				 "wires:\n  - src:out -> b:in\n",
				 &error),
		PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	assert_non_null(strstr(error.what, "demo"));
}

/* A part may come from a peer that never saw our lint. */
static void directions_are_checked_here_too(void **state)
{
	struct world *world = *state;
	struct ph_writer *writer = world_arguments("scope", "demo");
	struct answer answer;

	ph_put_map(writer, "part");
	ph_put_text(writer, "scope", "demo");
	ph_put_list(writer, "wires");
	ph_write_map(writer);
	ph_put_text(writer, "from", "guest:in");
	ph_put_text(writer, "to", "alpha/guest:in");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_SURVEY, writer, &answer);
	world_await(world, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_WIRING);
	assert_non_null(strstr(answer.error.what, "guest:in is an input"));
	world_answer_free(&answer);
}

#define TO_GUEST(input)                                                        \
	"wiring: 1\nname: demo\nservers:\n  src: {use: source}\n"              \
	"wires:\n  - src:out -> " input "\n"

/* An input that no server of the file has: its guest book is asked. */
static void guests_are_looked_up(void **state)
{
	struct world *world = *state;

	world->beta_away = 2;
	assert_int_equal(world_apply(world, TO_GUEST("beta/guest:in"), NULL),
		PH_CALL_OK);
	assert_int_equal(world_count(world, "guest beta guest:in"), 1);
	assert_int_equal(world_count(world, "unreachable beta"), 2);
	assert_int_equal(world_count(world, "beta survey"), 0);
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "open alpha#1.1 beta"), 1);
}

static void expect_nothing_of(
	struct world *world, const char *text, enum ph_exit code)
{
	struct ph_error error;

	assert_int_equal(world_apply(world, text, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, code);
	assert_non_null(strstr(error.where, "beta"));
	world_settle(world, PH_SECOND);
	assert_int_equal(world_count(world, "put "), 0);
	assert_int_equal(world_count(world, "start "), 0);
	/* And others may apply this scope. */
	assert_int_equal(prepare_by_gamma(world, "gamma@1.1"), PH_CALL_OK);
	assert_int_equal(
		gamma_says(world, PH_CONTROL_ABORT, "gamma@1.1"), PH_CALL_OK);
	world_settle(world, PH_SECOND);
	world_forget(world);
}

static void guests_that_are_not_there_refuse_all(void **state)
{
	struct world *world = *state;

	expect_nothing_of(world, TO_GUEST("beta/nobody:in"), PH_EXIT_NOT_FOUND);
	expect_nothing_of(world, TO_GUEST("beta/guest:out"), PH_EXIT_WIRING);
	world->beta_away = UINT32_MAX;
	expect_nothing_of(
		world, TO_GUEST("beta/guest:in"), PH_EXIT_UNREACHABLE);
}

/* The file's own server by its full name is not there before the commit. */
static void own_servers_are_no_guests(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_apply(world,
				 "wiring: 1\nname: demo\nservers:\n"
				 "  src: {host: beta, use: source}\n"
				 "  dst: {use: sink}\n"
				 "wires:\n  - src:out -> alpha/dst:in\n",
				 NULL),
		PH_CALL_OK);
	assert_int_equal(world_count(world, "guest "), 0);
	assert_int_equal(world_count(world, "beta commit"), 1);
}

static unsigned applied_with(struct world *world, const char *name)
{
	struct ph_writer *writer = world_arguments("text",
		"wiring: 1\nname: demo\nservers:\n"
		"  src: {use: source, with: {bytes: \"${AMOUNT}\"}}\n"
		"  dst: {use: sink}\nwires:\n  - src:out -> dst:in\n");
	struct answer answer;
	enum ph_exit code;

	ph_put_map(writer, "variables");
	ph_put_text(writer, "OTHER", "x");
	if (name)
		ph_put_text(writer, name, "1MiB");
	ph_write_end(writer);
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_APPLY, writer, &answer);
	world_await(world, &answer);
	code = answer.status ? answer.error.exit : PH_EXIT_OK;
	world_answer_free(&answer);
	return code;
}

/* Those of the command, not of the node. */
static void variables_come_with_the_file(void **state)
{
	struct world *world = *state;

	assert_int_equal(applied_with(world, NULL), PH_EXIT_WIRING);
	setenv("AMOUNT", "2MiB", 1);
	assert_int_equal(applied_with(world, NULL), PH_EXIT_WIRING);
	unsetenv("AMOUNT");
	assert_int_equal(applied_with(world, "AMOUNT"), PH_EXIT_OK);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_node_is_wired),
		TEST(applying_twice_changes_nothing),
		TEST(durable_before_anything_starts),
		TEST(a_refused_prepare_changes_nothing),
		TEST(findings_are_answered_with_their_places),
		TEST(two_nodes_prepare_before_they_commit),
		TEST(one_refusal_stops_all),
		TEST(a_node_that_stays_away_is_named),
		TEST(a_changed_file_changes_only_what_differs),
		TEST(unapply_empties_the_scope),
		TEST(unapply_says_who_kept_its_part),
		TEST(a_forgotten_host_holds_nobody_up),
		TEST(unapply_goes_on_without_a_forgotten_host),
		TEST(nothing_is_said_without_a_promise),
		TEST(a_commit_may_be_asked_twice),
		TEST(another_coordinator_has_to_wait),
		TEST(a_refused_apply_lets_others_apply),
		TEST(names_belong_to_one_scope),
		TEST(directions_are_checked_here_too),
		TEST(guests_are_looked_up),
		TEST(guests_that_are_not_there_refuse_all),
		TEST(own_servers_are_no_guests),
		TEST(variables_come_with_the_file),
	};

	return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
