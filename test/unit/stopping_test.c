/* Who needs others stops before these, within the time that all have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "proto/calls.h"
#include "test/rig.h"

/* Notes that it began, and that it was told to end; ends when it may. */
#define OBEYS                                                                  \
	.argv = {"sh", "-c",                                                   \
		"trap 'echo -$0 >>notes; until test -e go; do sleep 0.02; "    \
		"done; exit 0' TERM; echo +$0 >>notes; "                       \
		"while :; do sleep 1000 & wait; done"}

struct scene {
	struct rig rig;
	bool stopped;
	const char *wanted;
	char notes[400];
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	rig_close(&((struct scene *)*state)->rig);
	free(*state);
	return 0;
}

static const char *read_file(struct scene *scene, const char *name)
{
	char path[96];
	FILE *file;
	size_t got = 0;

	snprintf(path, sizeof(path), "%s/%s", scene->rig.directory, name);
	file = fopen(path, "re");
	if (file) {
		got = fread(scene->notes, 1, sizeof(scene->notes) - 1, file);
		fclose(file);
	}
	scene->notes[got] = 0;
	return scene->notes;
}

static bool has_note(void *context)
{
	struct scene *scene = context;

	return strstr(read_file(scene, "notes"), scene->wanted) != NULL;
}

static void await_note(struct scene *scene, const char *note)
{
	scene->wanted = note;
	rig_until(&scene->rig, has_note, scene);
}

static void go(struct scene *scene)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/go", scene->rig.directory);
	fclose(fopen(path, "we"));
}

static void start(struct scene *scene, struct rig_spec spec)
{
	char note[40];

	spec.argv[3] = spec.name;
	spec.restart = "always";
	if (rig_start(&scene->rig, &spec) != PH_CALL_OK)
		fail_msg("%s", scene->rig.error.what);
	snprintf(note, sizeof(note), "+%s\n", spec.name);
	if (strstr(spec.argv[2], "notes"))
		await_note(scene, note);
	else
		rig_wait_state(&scene->rig, spec.name, "running");
}

static void on_stopped(void *context)
{
	((struct scene *)context)->stopped = true;
}

static bool is_stopped(void *context)
{
	return ((struct scene *)context)->stopped;
}

static void stop(struct scene *scene)
{
	rig_freeze(&scene->rig);
	ph_executor_stop(scene->rig.executor, 20 * PH_SECOND,
		1500 * PH_MILLISECOND, on_stopped, scene);
}

/* Gives what waits at the programs' ends the time to come. */
static void turn_some(struct scene *scene)
{
	for (int i = 0; i < 10; i++)
		ph_loop_turn(scene->rig.loop, 10 * PH_MILLISECOND);
}

static void on_asked(
	void *context, int status, const uint8_t *body, size_t length)
{
}

/* Whose answer takes its time. */
static void ask(struct scene *scene, uint16_t method, const char *server)
{
	static const struct ph_caller caller = {.role = PH_ROLE_EXEC};
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", server);
	ph_write_end(writer);
	assert_int_equal(ph_call_send(scene->rig.door, &caller, "", method,
				 writer, ph_loop_now(scene->rig.loop),
				 60 * PH_SECOND, on_asked, NULL),
		0);
	ph_writer_free(writer);
}

static bool has_gone(void *context)
{
	struct scene *scene = context;

	return ph_value_type(rig_server(&scene->rig, "slow")) == PH_NIL;
}

static void who_needs_others_stops_first(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.name = "base", OBEYS, .height = 5});
	start(scene, (struct rig_spec){.name = "other", OBEYS});
	start(scene, (struct rig_spec){.name = "middle", OBEYS, .height = 1});
	start(scene, (struct rig_spec){.name = "top", OBEYS});
	stop(scene);
	await_note(scene, "-top\n");
	await_note(scene, "-other\n");
	turn_some(scene);
	assert_null(strstr(read_file(scene, "notes"), "-middle"));
	assert_true(rig_state_is(&scene->rig, "base", "running"));
	go(scene);
	rig_until(&scene->rig, is_stopped, scene);
	assert_non_null(strstr(read_file(scene, "notes"), "-middle\n-base\n"));
}

static void who_is_slow_is_not_waited_for_too_long(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.name = "base", OBEYS, .height = 2});
	start(scene, (struct rig_spec){.name = "middle", OBEYS, .height = 1});
	start(scene, (struct rig_spec){.name = "top", OBEYS});
	stop(scene);
	await_note(scene, "-top\n");
	rig_jump(&scene->rig, 1999 * PH_MILLISECOND);
	turn_some(scene);
	assert_null(strstr(read_file(scene, "notes"), "-middle"));
	/* 2.5 s for all, of which two have 250 ms each. */
	rig_jump(&scene->rig, PH_MILLISECOND);
	await_note(scene, "-middle\n");
	rig_jump(&scene->rig, 250 * PH_MILLISECOND);
	await_note(scene, "-base\n");
	/* Cut, and killed after the grace: none of them would ever end. */
	rig_jump(&scene->rig, 250 * PH_MILLISECOND);
	assert_false(scene->stopped);
	rig_jump(&scene->rig, 1500 * PH_MILLISECOND);
	rig_until(&scene->rig, is_stopped, scene);
}

/* Who stands so high that there is no time for each. */
static void many_steps_share_the_time(void **state)
{
	struct scene *scene = *state;
	char name[16];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		start(scene,
			(struct rig_spec){.name = name, OBEYS, .height = i});
	}
	stop(scene);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "-s%u\n", i);
		await_note(scene, name);
		rig_jump(&scene->rig, 125 * PH_MILLISECOND);
	}
	rig_jump(&scene->rig, 1500 * PH_MILLISECOND);
	rig_until(&scene->rig, is_stopped, scene);
}

#define SAYS                                                                   \
	.argv = {"sh", "-c",                                                   \
		"trap 'echo last; exit 0' TERM; echo +$0 >>notes; echo first;" \
		" while :; do sleep 1000 & wait; done"}
#define TAKES .argv = {"sh", "-c", "cat >>taken; echo end >>taken"}

/* It may need the one that feeds it, or the other way round. */
static void who_is_fed_hears_all(struct scene *scene, unsigned source)
{
	start(scene, (struct rig_spec){.name = "src", SAYS, .height = source});
	start(scene,
		(struct rig_spec){.name = "dst", TAKES, .height = 1 - source});
	start(scene, (struct rig_spec){.name = "top", OBEYS});
	assert_int_equal(
		rig_wire(&scene->rig, "src", "stdout", "dst", "stdin"), 0);
	stop(scene);
	await_note(scene, "-top\n");
	turn_some(scene);
	assert_true(rig_state_is(&scene->rig, "dst", "running"));
	go(scene);
	rig_until(&scene->rig, is_stopped, scene);
	assert_string_equal(read_file(scene, "taken"), "first\nlast\nend\n");
}

static void who_is_fed_goes_with_who_feeds_it(void **state)
{
	who_is_fed_hears_all(*state, 1);
}

static void who_feeds_may_go_before(void **state)
{
	who_is_fed_hears_all(*state, 0);
}

/* A group does the same when one of them fails; who failed waits for it. */
static void a_group_stops_in_order(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {
		OBEYS, .group = "g", .strategy = "rest_for_one"};
	static const char *const names[] = {"first", "second", "third"};

	for (unsigned i = 0; i < 3; i++) {
		spec.name = names[i];
		spec.place = i;
		spec.height = 2 - i;
		start(scene, spec);
	}
	rig_freeze(&scene->rig);
	kill((pid_t)ph_get_int(rig_server(&scene->rig, "first"), "pid"),
		SIGKILL);
	await_note(scene, "-third\n");
	/* Its backoff is over long since. */
	rig_jump(&scene->rig, 500 * PH_MILLISECOND);
	turn_some(scene);
	assert_true(rig_state_is(&scene->rig, "second", "running"));
	assert_true(rig_state_is(&scene->rig, "first", "backoff"));
	go(scene);
	/* Who has started writes sooner or later. */
	await_note(scene, "-third\n-second\n+");
	rig_wait_state(&scene->rig, "third", "running");
}

/* Told to stop by hand, and still at it. */
static void halt_slowly(struct scene *scene, uint16_t then)
{
	start(scene, (struct rig_spec){.name = "slow", OBEYS});
	ask(scene, PH_EXECUTOR_HALT, "slow");
	await_note(scene, "-slow\n");
	if (then)
		ask(scene, then, "slow");
	turn_some(scene);
}

static void who_stops_by_hand_is_taken_away_then(void **state)
{
	struct scene *scene = *state;

	halt_slowly(scene, PH_EXECUTOR_STOP);
	go(scene);
	rig_until(&scene->rig, has_gone, scene);
}

static void who_stops_by_hand_is_all_that_is_waited_for(void **state)
{
	struct scene *scene = *state;

	halt_slowly(scene, 0);
	stop(scene);
	turn_some(scene);
	assert_false(scene->stopped);
	go(scene);
	/* No time passes: nobody is cut. */
	rig_until(&scene->rig, is_stopped, scene);
}

/* Whom it took along does not begin because it goes. */
static void a_stopped_group_stays_so(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {.name = "base",
		.argv = {"sh", "-c", "sleep 1000"},
		.group = "g",
		.strategy = "one_for_all",
		.height = 2};

	start(scene, spec);
	spec = (struct rig_spec){.name = "middle", OBEYS, .height = 1};
	start(scene, spec);
	spec = (struct rig_spec){.name = "slow",
		.argv = {"false"},
		.restart = "never",
		.group = "g",
		.strategy = "one_for_all"};
	rig_start(&scene->rig, &spec);
	rig_wait_state(&scene->rig, "base", "stopped");
	stop(scene);
	rig_until(&scene->rig, has_gone, scene);
	turn_some(scene);
	assert_true(rig_state_is(&scene->rig, "base", "stopped"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_needs_others_stops_first),
		TEST(who_is_slow_is_not_waited_for_too_long),
		TEST(many_steps_share_the_time),
		TEST(who_is_fed_goes_with_who_feeds_it),
		TEST(who_feeds_may_go_before),
		TEST(a_group_stops_in_order),
		TEST(a_stopped_group_stays_so),
		TEST(who_stops_by_hand_is_taken_away_then),
		TEST(who_stops_by_hand_is_all_that_is_waited_for),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("stopping", tests, NULL, NULL);
}
