#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "proto/calls.h"
#include "test/rig.h"
#include "test/waited.h"

/* What people ask of servers, with real programs: stop, start, restart. */

#define SH(text) .argv = {"sh", "-c", text}

struct scene {
	struct rig rig;
	struct rig_sink sink;
	struct rig_source source;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	rig_sink_open(&scene->sink, &scene->rig);
	rig_source_open(&scene->source, &scene->rig);
	scene->sink.keep = true;
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	rig_sink_close(&scene->sink);
	rig_source_close(&scene->source);
	rig_close(&scene->rig);
	free(scene);
	return 0;
}

static void start(struct scene *scene, struct rig_spec spec)
{
	if (!spec.name)
		spec.name = "it";
	if (rig_start(&scene->rig, &spec) != PH_CALL_OK)
		fail_msg("%s", scene->rig.error.what);
}

static pid_t pid_of(struct scene *scene)
{
	return (pid_t)ph_get_int(rig_server(&scene->rig, "it"), "pid");
}

static bool has_message(void *context)
{
	return ((struct rig_sink *)context)->messages > 0;
}

static bool is_dead(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

static void assert_state(struct scene *scene, const char *state)
{
	assert_true(rig_state_is(&scene->rig, "it", state));
}

static void a_stop_lets_a_filter_say_the_rest(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){SH("cat; echo rest")});
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "stdout"), 0);
	scene->source.data = (const uint8_t *)"first\n";
	scene->source.length = 6;
	scene->source.piece = 6;
	assert_int_equal(rig_source_connect(&scene->source, "it", "stdin"), 0);
	rig_until(&scene->rig, has_message, &scene->sink);
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_HALT, "it"), PH_CALL_OK);
	assert_state(scene, "stopped");
	rig_until(&scene->rig, rig_sink_is_over, &scene->sink);
	/* Said, but no end. */
	assert_true(scene->sink.cut && !scene->sink.ended);
	assert_int_equal(scene->sink.length, 11);
	assert_memory_equal(scene->sink.data, "first\nrest\n", 11);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, -ESHUTDOWN);
}

static void a_source_is_told_at_once(void **state)
{
	struct scene *scene = *state;
	int64_t began;
	pid_t pid;

	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	pid = pid_of(scene);
	began = ph_clock_real.now(&ph_clock_real) - waited();
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_HALT, "it"), PH_CALL_OK);
	assert_true(is_dead(pid));
	/* Not after a grace of 2 s and more. */
	assert_true(ph_clock_real.now(&ph_clock_real) - waited() - began <
		    2 * PH_SECOND);
	/* It is still somebody, and stays stopped. */
	assert_state(scene, "stopped");
	assert_int_not_equal(rig_handle(&scene->rig, "it", "stdout"), 0);
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_HALT, "it"), PH_CALL_OK);
	assert_int_equal(rig_start_eagerly(&scene->rig,
				 &(struct rig_spec){.name = "it",
					 .argv = {"sleep", "1000"}}),
		PH_CALL_OK);
	assert_state(scene, "stopped");
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	assert_state(scene, "running");
	pid = pid_of(scene);
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	assert_int_equal(pid_of(scene), pid);
}

static void another_one_is_as_stopped(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	rig_ask(&scene->rig, PH_EXECUTOR_HALT, "it");
	start(scene, (struct rig_spec){.argv = {"sleep", "1001"}});
	assert_state(scene, "stopped");
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	assert_state(scene, "running");
	/* One that runs is followed by one that does. */
	start(scene, (struct rig_spec){.argv = {"sleep", "1002"}});
	assert_state(scene, "running");
}

static void a_restart_is_another_process(void **state)
{
	struct scene *scene = *state;
	pid_t pid;

	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	pid = pid_of(scene);
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RESTART, "it"), PH_CALL_OK);
	assert_state(scene, "running");
	assert_true(is_dead(pid));
	assert_int_not_equal(pid_of(scene), pid);
	assert_int_equal(
		ph_get_int(rig_server(&scene->rig, "it"), "restarts"), 1);
}

static void a_start_forgives(void **state)
{
	struct scene *scene = *state;
	char path[96];
	struct rig_spec spec = {.name = "it",
		.argv = {"sh", "-c", "test -e $0 && exec sleep 1000", path}};

	snprintf(path, sizeof(path), "%s/mended", scene->rig.directory);
	start(scene, spec);
	rig_wait_state(&scene->rig, "it", "failed");
	/* An apply does not. */
	assert_int_equal(rig_start_eagerly(&scene->rig, &spec), PH_CALL_OK);
	assert_state(scene, "failed");
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	/* With all its chances. */
	rig_wait_state(&scene->rig, "it", "failed");
	assert_int_equal(
		ph_get_int(rig_server(&scene->rig, "it"), "restarts"), 9);
	fclose(fopen(path, "we"));
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	assert_state(scene, "running");
}

/* Waits long enough that nothing else ends its waiting. */
static bool waits_long(void *context)
{
	struct scene *scene = context;

	return rig_state_is(&scene->rig, "it", "backoff") &&
	       ph_get_int(rig_server(&scene->rig, "it"), "restarts") == 4;
}

static void an_apply_ends_the_waiting(void **state)
{
	struct scene *scene = *state;
	char path[96];
	struct rig_spec spec = {.name = "it",
		.argv = {"sh", "-c", "test -e $0 && exec sleep 1000", path}};

	snprintf(path, sizeof(path), "%s/there", scene->rig.directory);
	start(scene, spec);
	rig_until(&scene->rig, waits_long, scene);
	fclose(fopen(path, "we"));
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_OK);
	assert_state(scene, "backoff");
	assert_int_equal(rig_start_eagerly(&scene->rig, &spec), PH_CALL_OK);
	assert_state(scene, "running");
}

/* Three of a group; the second one breaks when it is told to. */
static void start_group(struct scene *scene, const char *strategy)
{
	static const char *const names[] = {"first", "second", "third"};

	for (unsigned i = 0; i < 3; i++)
		start(scene, (struct rig_spec){.name = names[i],
				     .argv = {"sleep", "1000"},
				     .group = "g",
				     .strategy = strategy,
				     .place = i});
}

static pid_t pid_named(struct scene *scene, const char *name)
{
	return (pid_t)ph_get_int(rig_server(&scene->rig, name), "pid");
}

static bool all_run(void *context)
{
	struct scene *scene = context;

	return rig_state_is(&scene->rig, "first", "running") &&
	       rig_state_is(&scene->rig, "second", "running") &&
	       rig_state_is(&scene->rig, "third", "running");
}

/* Which of them are other processes after the second was killed: a bit each. */
static unsigned renewed(struct scene *scene, const char *strategy)
{
	static const char *const names[] = {"first", "second", "third"};
	pid_t before[3];
	unsigned mask = 0;

	start_group(scene, strategy);
	for (unsigned i = 0; i < 3; i++)
		before[i] = pid_named(scene, names[i]);
	kill(before[1], SIGKILL);
	rig_wait_state(&scene->rig, "second", "backoff");
	rig_until(&scene->rig, all_run, scene);
	for (unsigned i = 0; i < 3; i++)
		if (pid_named(scene, names[i]) != before[i])
			mask |= 1u << i;
	return mask;
}

static void one_for_one_is_itself(void **state)
{
	assert_int_equal(renewed(*state, "one_for_one"), 2);
}

static void rest_for_one_is_those_behind(void **state)
{
	assert_int_equal(renewed(*state, "rest_for_one"), 6);
}

static void one_for_all_is_all(void **state)
{
	assert_int_equal(renewed(*state, "one_for_all"), 7);
}

static void who_is_given_up_takes_the_group_along(void **state)
{
	struct scene *scene = *state;
	char path[96];

	snprintf(path, sizeof(path), "%s/mended", scene->rig.directory);
	start(scene, (struct rig_spec){.name = "other",
			     .argv = {"sleep", "1000"},
			     .group = "g"});
	start(scene, (struct rig_spec){
			     .argv = {"sh", "-c",
				     "test -e $0 && exec sleep 1000", path},
			     .group = "g",
			     .strategy = "one_for_all"});
	rig_wait_state(&scene->rig, "it", "failed");
	rig_wait_state(&scene->rig, "other", "stopped");
	/* Mended and started, it brings the other back. */
	fclose(fopen(path, "we"));
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_RUN, "it"), PH_CALL_OK);
	rig_wait_state(&scene->rig, "other", "running");
}

/* It breaks, and the next time its work is done before it was seen to run. */
static void who_is_done_at_once_brings_the_group_back(void **state)
{
	struct scene *scene = *state;
	char path[96];

	snprintf(path, sizeof(path), "%s/done", scene->rig.directory);
	start(scene, (struct rig_spec){.name = "other",
			     .argv = {"sleep", "1000"},
			     .group = "g"});
	start(scene, (struct rig_spec){
			     .argv = {"sh", "-c",
				     "test -e $0 || exec sleep 1000", path},
			     .ready = "notify",
			     .group = "g",
			     .strategy = "one_for_all"});
	fclose(fopen(path, "we"));
	kill(pid_of(scene), SIGKILL);
	rig_wait_state(&scene->rig, "other", "stopped");
	rig_wait_state(&scene->rig, "it", "finished");
	rig_wait_state(&scene->rig, "other", "running");
}

static void what_cannot_be_asked_is_refused(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(rig_ask(&scene->rig, PH_EXECUTOR_HALT, "nobody"),
		PH_CALL_FAILED);
	assert_int_equal(scene->rig.error.exit, PH_EXIT_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_stop_lets_a_filter_say_the_rest),
		TEST(a_source_is_told_at_once),
		TEST(another_one_is_as_stopped),
		TEST(a_restart_is_another_process),
		TEST(a_start_forgives),
		TEST(an_apply_ends_the_waiting),
		TEST(one_for_one_is_itself),
		TEST(rest_for_one_is_those_behind),
		TEST(one_for_all_is_all),
		TEST(who_is_given_up_takes_the_group_along),
		TEST(who_is_done_at_once_brings_the_group_back),
		TEST(what_cannot_be_asked_is_refused),
	};
#undef TEST

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("supervise", tests, NULL, NULL);
}
