#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "placement/placement.h"
#include "proto/calls.h"
#include "test/rig.h"

/*
 * One battery, three places: a server that is not on the loop must behave as
 * if it were. This binary is also what a server's process runs.
 */
struct scene {
	struct rig rig;
	struct rig_sink sink;
	struct rig_source source;
	const char *placement;
};

static int open_scene(void **state, const char *placement)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	rig_sink_open(&scene->sink, &scene->rig);
	rig_source_open(&scene->source, &scene->rig);
	scene->placement = placement;
	*state = scene;
	return 0;
}

static int on_loop(void **state)
{
	return open_scene(state, "loop");
}

static int on_thread(void **state)
{
	return open_scene(state, "thread");
}

static int in_process(void **state)
{
	return open_scene(state, "process");
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

static int try_start(struct scene *scene, struct rig_spec spec)
{
	if (!spec.name)
		spec.name = "it";
	spec.placement = scene->placement;
	return rig_start(&scene->rig, &spec);
}

static void start(struct scene *scene, struct rig_spec spec)
{
	int status = try_start(scene, spec);

	if (status != PH_CALL_OK)
		print_error("%s\n", scene->rig.error.what);
	assert_int_equal(status, PH_CALL_OK);
}

static void wait_over(struct scene *scene)
{
	rig_until(&scene->rig, rig_sink_is_over, &scene->sink);
}

static void wait_closed(struct scene *scene)
{
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
}

static bool has_message(void *context)
{
	return ((struct rig_sink *)context)->messages > 0;
}

static void turn(struct scene *scene, int times)
{
	for (int i = 0; i < times; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
}

static pid_t pid_of(struct scene *scene)
{
	return (pid_t)ph_get_int(rig_server(&scene->rig, "it"), "pid");
}

static void give(struct scene *scene, const void *data, size_t length)
{
	scene->source.data = data;
	scene->source.length = length;
	scene->source.finish = true;
	assert_int_equal(rig_source_connect(&scene->source, "it", "in"), 0);
}

static void take(struct scene *scene)
{
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "out"), 0);
}

static void lines_are_messages(void **state)
{
	struct scene *scene = *state;
	static const char text[] = "one\ntwo\n\nfour and no newline";
	static const size_t ends[] = {4, 8, 9, 28};

	start(scene, (struct rig_spec){.use = "lines"});
	scene->source.piece = 5;
	give(scene, text, strlen(text));
	take(scene);
	wait_over(scene);
	assert_true(scene->sink.ended && !scene->sink.cut);
	assert_int_equal(scene->sink.length, strlen(text));
	assert_memory_equal(scene->sink.data, text, strlen(text));
	assert_int_equal(scene->sink.messages, 4);
	assert_memory_equal(scene->sink.ends, ends, sizeof(ends));
	wait_closed(scene);
	assert_int_equal(scene->source.reason, 0);
	rig_wait_state(&scene->rig, "it", "finished");
}

static void large_streams_are_whole(void **state)
{
	struct scene *scene = *state;
	size_t length = 5 * 1000 * 1000;
	uint8_t *data = malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	start(scene, (struct rig_spec){.use = "lines"});
	give(scene, data, length);
	take(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.length, length);
	assert_memory_equal(scene->sink.data, data, length);
	free(data);
}

static void a_file_is_written_and_read(void **state)
{
	struct scene *scene = *state;
	char path[128];
	static uint8_t data[300000];

	snprintf(path, sizeof(path), "%s/file", scene->rig.directory);
	memset(data, 'q', sizeof(data));
	start(scene, (struct rig_spec){
			     .use = "file.write", .with = {{"path", path}}});
	give(scene, data, sizeof(data));
	wait_closed(scene);
	assert_int_equal(scene->source.reason, 0);
	rig_wait_state(&scene->rig, "it", "finished");
	/* END is released when it is on the disk, not before. */
	assert_int_equal(access(path, F_OK), 0);
	start(scene, (struct rig_spec){.name = "reader",
			     .use = "file.read",
			     .with = {{"path", path}}});
	assert_int_equal(rig_sink_connect(&scene->sink, "reader", "out"), 0);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.length, sizeof(data));
	assert_memory_equal(scene->sink.data, data, sizeof(data));
	rig_wait_state(&scene->rig, "reader", "finished");
}

static void zeros_are_counted(void **state)
{
	struct scene *scene = *state;

	scene->sink.keep = false;
	start(scene,
		(struct rig_spec){.use = "zero", .with = {{"bytes", "64MiB"}}});
	take(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.bytes, 64 << 20);
	rig_wait_state(&scene->rig, "it", "finished");
}

static void a_clock_ticks(void **state)
{
	struct scene *scene = *state;

	start(scene,
		(struct rig_spec){.use = "clock", .with = {{"every", "5ms"}}});
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
}

static void end_waits_for_the_consumer(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.use = "lines"});
	scene->sink.hold_end = true;
	give(scene, "abc\n", 4);
	take(scene);
	wait_over(scene);
	turn(scene, 20);
	assert_false(scene->source.closed);
	scene->sink.hold_end = false;
	rig_sink_pump(&scene->sink);
	wait_closed(scene);
	assert_int_equal(scene->source.reason, 0);
}

static void a_cut_goes_on_as_a_cut(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.use = "lines"});
	scene->source.data = (const uint8_t *)"abc\n";
	scene->source.length = 4;
	assert_int_equal(rig_source_connect(&scene->source, "it", "in"), 0);
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	ph_terminal_abort(scene->source.terminal, -ECONNRESET);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	/* The next stream is a new one. */
	scene->sink.cut = false;
	scene->sink.length = 0;
	scene->source.sent = 0;
	turn(scene, 10);
	give(scene, "new\n", 4);
	take(scene);
	wait_over(scene);
	assert_true(scene->sink.ended && !scene->sink.cut);
	assert_memory_equal(scene->sink.data, "new\n", 4);
}

static void a_lost_consumer_is_told(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.use = "zero"});
	scene->sink.keep = false;
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	ph_terminal_refuse(scene->sink.terminal, -ECONNRESET);
	rig_wait_state(&scene->rig, "it", "backoff");
	/* It waits for another, and begins anew. */
	scene->sink.began = false;
	scene->sink.messages = 0;
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	assert_true(scene->sink.began);
}

static void a_slow_consumer_holds_it_up(void **state)
{
	struct scene *scene = *state;
	uint64_t before;

	start(scene,
		(struct rig_spec){.use = "zero", .with = {{"bytes", "40MiB"}}});
	scene->sink.keep = false;
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	scene->sink.hold = true;
	turn(scene, 100);
	before = scene->sink.bytes;
	assert_true(ph_pool_live(scene->rig.kernel.pool) < 64);
	scene->sink.hold = false;
	rig_sink_pump(&scene->sink);
	assert_true(before < 20 << 20);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.bytes, 40 << 20);
}

static void what_cannot_open_is_told(void **state)
{
	struct scene *scene = *state;
	int status = try_start(scene,
		(struct rig_spec){.use = "clock", .with = {{"every", "1us"}}});

	assert_int_not_equal(status, PH_CALL_OK);
	assert_non_null(strstr(scene->rig.error.what, "not a time"));
	assert_int_equal(scene->rig.error.exit, PH_EXIT_WIRING);
}

static void a_mux_feeds_many(void **state)
{
	struct scene *scene = *state;
	struct rig_sink other;

	rig_sink_open(&other, &scene->rig);
	start(scene, (struct rig_spec){.use = "zero",
			     .with = {{"bytes", "9MiB"}},
			     .mux = true});
	other.keep = scene->sink.keep = false;
	assert_int_equal(rig_sink_connect(&other, "it", "out"), 0);
	take(scene);
	wait_over(scene);
	rig_until(&scene->rig, rig_sink_is_over, &other);
	assert_true(scene->sink.ended && other.ended);
	assert_int_equal(scene->sink.bytes, other.bytes);
	rig_sink_close(&other);
}

static void a_loss_is_told_outside_too(void **state)
{
	struct scene *scene = *state;
	uint8_t gap[16] = {3, [8] = 77};

	start(scene, (struct rig_spec){.use = "null"});
	assert_int_equal(rig_source_connect(&scene->source, "it", "in"), 0);
	turn(scene, 3);
	assert_int_equal(ph_terminal_send(scene->source.terminal,
				 PH_FRAME_GAP | PH_FRAME_FIN, gap, sizeof(gap)),
		0);
	scene->source.finish = true;
	rig_source_pump(&scene->source);
	wait_closed(scene);
	assert_int_equal(scene->source.reason, 0);
}

static void a_stop_leaves_nothing(void **state)
{
	struct scene *scene = *state;
	pid_t pid;

	scene->sink.keep = false;
	start(scene, (struct rig_spec){.use = "zero"});
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	pid = pid_of(scene);
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	wait_over(scene);
	assert_true(scene->sink.cut);
	assert_null(rig_server(&scene->rig, "it").object);
	if (pid)
		assert_int_equal(kill(pid, 0), -1);
}

static void killed(struct scene *scene)
{
	int64_t before;

	scene->sink.ended = scene->sink.cut = false;
	scene->sink.messages = 0;
	take(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	before = ph_clock_real.now(&ph_clock_real);
	kill(pid_of(scene), SIGKILL);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	assert_true(ph_clock_real.now(&ph_clock_real) - before <
		    100 * PH_MILLISECOND);
}

static void a_killed_process_is_told_at_once(void **state)
{
	struct scene *scene = *state;
	char reason[256];

	scene->sink.keep = false;
	start(scene, (struct rig_spec){.use = "zero"});
	killed(scene);
	ph_get_copy(rig_server(&scene->rig, "it"), "reason", reason, 256);
	assert_non_null(strstr(reason, "signal 9"));
	rig_wait_state(&scene->rig, "it", "running");
	killed(scene);
}

/* In the middle of writes; told each time, nothing left behind. */
static void many_deaths_are_all_told(void **state)
{
	struct scene *scene = *state;
	const char *dose = getenv("PH_DOSE");
	int deaths = dose && !strcmp(dose, "full") ? 1000 : 20;

	scene->sink.keep = false;
	for (int i = 0; i < deaths; i++) {
		start(scene, (struct rig_spec){.use = "zero"});
		killed(scene);
		assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	}
}

static void a_stopped_process_is_killed_in_the_end(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.use = "zero"});
	kill(pid_of(scene), SIGSTOP);
	/* The teardown stops it with a second of grace. */
}

static bool state_is_gone(struct scene *scene)
{
	return rig_state_is(&scene->rig, "it", "failed") ||
	       rig_state_is(&scene->rig, "it", "backoff");
}

static void a_killed_consumer_refuses(void **state)
{
	struct scene *scene = *state;
	static uint8_t data[40 << 20];

	start(scene, (struct rig_spec){.use = "null"});
	kill(pid_of(scene), SIGSTOP);
	give(scene, data, sizeof(data));
	turn(scene, 20);
	assert_false(scene->source.closed);
	kill(pid_of(scene), SIGKILL);
	wait_closed(scene);
	assert_true(scene->source.reason < 0);
	assert_true(state_is_gone(scene));
}

#define ROWS(name)                                                             \
	cmocka_unit_test_setup_teardown(name, on_loop, teardown),              \
		cmocka_unit_test_setup_teardown(name, on_thread, teardown),    \
		cmocka_unit_test_setup_teardown(name, in_process, teardown)
#define PROCESS(name)                                                          \
	cmocka_unit_test_setup_teardown(name, in_process, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROWS(lines_are_messages),
		ROWS(large_streams_are_whole),
		ROWS(a_file_is_written_and_read),
		ROWS(zeros_are_counted),
		ROWS(a_clock_ticks),
		ROWS(end_waits_for_the_consumer),
		ROWS(a_cut_goes_on_as_a_cut),
		ROWS(a_lost_consumer_is_told),
		ROWS(a_slow_consumer_holds_it_up),
		ROWS(what_cannot_open_is_told),
		ROWS(a_mux_feeds_many),
		ROWS(a_loss_is_told_outside_too),
		ROWS(a_stop_leaves_nothing),
		PROCESS(a_killed_process_is_told_at_once),
		PROCESS(many_deaths_are_all_told),
		PROCESS(a_stopped_process_is_killed_in_the_end),
		PROCESS(a_killed_consumer_refuses),
	};

	if (argc > 1 && !strcmp(argv[1], PH_ANNEX_VERB))
		return ph_annex_main(argc, argv);
	return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
