#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "proto/calls.h"
#include "proto/identity.h"
#include "test/rig.h"

/* Programs as servers: their streams, ends, deaths, restarts. */

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
	int status;

	if (!spec.name)
		spec.name = "it";
	status = rig_start(&scene->rig, &spec);
	if (status != PH_CALL_OK)
		print_error("%s\n", scene->rig.error.what);
	assert_int_equal(status, PH_CALL_OK);
}

static void wire_sink(struct scene *scene)
{
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "stdout"), 0);
}

static void wire_source(struct scene *scene)
{
	assert_int_equal(rig_source_connect(&scene->source, "it", "stdin"), 0);
}

static void wait_over(struct scene *scene)
{
	rig_until(&scene->rig, rig_sink_is_over, &scene->sink);
}

static void assert_output(struct scene *scene, const char *text)
{
	assert_int_equal(scene->sink.length, strlen(text));
	assert_memory_equal(scene->sink.data, text, strlen(text));
}

static bool has_message(void *context)
{
	struct rig_sink *sink = context;

	return sink->messages > 0;
}

static char *reason_of(struct scene *scene, char out[256])
{
	return ph_get_copy(rig_server(&scene->rig, "it"), "reason", out, 256);
}

static pid_t pid_of(struct scene *scene)
{
	return (pid_t)ph_get_int(rig_server(&scene->rig, "it"), "pid");
}

static void a_finished_program_ends_its_stream(void **state)
{
	struct scene *scene = *state;
	struct ph_identity identity;

	start(scene, (struct rig_spec){.argv = {"echo", "hello"}});
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended && !scene->sink.cut);
	assert_output(scene, "hello\n");
	rig_wait_state(&scene->rig, "it", "finished");
	assert_int_equal(ph_identity_parse(&identity, scene->rig.identity,
				 strlen(scene->rig.identity)),
		0);
	assert_string_equal(identity.fqdn, "test.example");
	assert_string_equal(identity.server, "it");
	assert_string_equal(identity.mechanism, "none");
}

static void a_failed_program_cuts_its_stream(void **state)
{
	struct scene *scene = *state;
	char reason[256];

	start(scene, (struct rig_spec){SH("echo half; echo why >&2; exit 3"),
			     .restart = "never"});
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	rig_wait_state(&scene->rig, "it", "failed");
	assert_string_equal(reason_of(scene, reason), "exited with 3: why");
}

static void end_waits_for_the_exit_status(void **state)
{
	struct scene *scene = *state;

	/* stdout is closed long before the program fails. */
	start(scene, (struct rig_spec){SH("echo x; exec >&-; read a; exit 1"),
			     .restart = "never"});
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	for (int i = 0; i < 10; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
	assert_false(scene->sink.ended);
	scene->source.data = (const uint8_t *)"go\n";
	scene->source.length = 3;
	wire_source(scene);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
}

static void a_killed_program_is_seen_at_once(void **state)
{
	struct scene *scene = *state;
	int64_t before;
	pid_t pid;

	start(scene, (struct rig_spec){SH("echo x; exec sleep 1000")});
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	pid = pid_of(scene);
	before = ph_clock_real.now(&ph_clock_real);
	kill(pid, SIGKILL);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	assert_true(ph_clock_real.now(&ph_clock_real) - before <
		    50 * PH_MILLISECOND);
	rig_wait_state(&scene->rig, "it", "running");
	assert_int_not_equal(pid_of(scene), pid);
}

static void a_filter_moves_every_byte(void **state)
{
	struct scene *scene = *state;
	size_t length = 9 * 1000 * 1000;
	uint8_t *data = malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	start(scene, (struct rig_spec){.argv = {"cat"}});
	scene->source.data = data;
	scene->source.length = length;
	scene->source.finish = true;
	wire_source(scene);
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.length, length);
	assert_memory_equal(scene->sink.data, data, length);
	free(data);
}

static void small_messages_go_through(void **state)
{
	struct scene *scene = *state;
	uint8_t data[100000];

	memset(data, 'x', sizeof(data));
	start(scene, (struct rig_spec){.argv = {"cat"}});
	scene->source.data = data;
	scene->source.length = sizeof(data);
	scene->source.piece = 7;
	scene->source.finish = true;
	wire_source(scene);
	wire_sink(scene);
	wait_over(scene);
	assert_int_equal(scene->sink.length, sizeof(data));
}

static void an_end_is_released_when_the_output_was_consumed(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.argv = {"cat"}});
	scene->source.data = (const uint8_t *)"abc";
	scene->source.length = 3;
	scene->source.finish = true;
	scene->sink.hold_end = true;
	wire_source(scene);
	wire_sink(scene);
	wait_over(scene);
	for (int i = 0; i < 20; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
	assert_false(scene->source.closed);
	scene->sink.hold_end = false;
	rig_sink_pump(&scene->sink);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, 0);
	rig_wait_state(&scene->rig, "it", "finished");
}

static void a_cut_input_is_no_end_of_file(void **state)
{
	struct scene *scene = *state;
	char marker[128];

	start(scene, (struct rig_spec){SH("cat; echo end; echo end > marker")});
	scene->source.data = (const uint8_t *)"abc";
	scene->source.length = 3;
	wire_source(scene);
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	ph_terminal_abort(scene->source.terminal, -ECONNRESET);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	assert_output(scene, "abc");
	snprintf(marker, sizeof(marker), "%s/marker", scene->rig.directory);
	assert_int_not_equal(access(marker, F_OK), 0);
	/* And it runs again, for the next stream. */
	rig_wait_state(&scene->rig, "it", "running");
	scene->sink.cut = false;
	scene->source.sent = 0;
	scene->source.finish = true;
	wire_sink(scene);
	wire_source(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(access(marker, F_OK), 0);
}

static bool waits_for_consumer(void *context)
{
	struct scene *scene = context;
	char reason[256];

	return !strcmp(reason_of(scene, reason),
		"waits until stdout is connected again");
}

static void a_lost_consumer_means_from_the_start(void **state)
{
	struct scene *scene = *state;

	start(scene,
		(struct rig_spec){SH("echo from the start; exec sleep 1000")});
	wire_source(scene);
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	ph_terminal_refuse(scene->sink.terminal, -ECONNRESET);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_true(scene->source.reason < 0);
	rig_until(&scene->rig, waits_for_consumer, scene);
	scene->sink.messages = 0;
	scene->sink.length = 0;
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	assert_output(scene, "from the start\n");
	assert_true(rig_state_is(&scene->rig, "it", "running"));
}

static void a_reader_that_stops_early_refuses_the_rest(void **state)
{
	struct scene *scene = *state;
	size_t length = 8 * 1024 * 1024;
	uint8_t *data = calloc(1, length);

	start(scene, (struct rig_spec){.argv = {"head", "-c", "5"}});
	scene->source.data = data;
	scene->source.length = length;
	scene->source.finish = true;
	wire_sink(scene);
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, -EPIPE);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.length, 5);
	free(data);
}

static void nobody_listens_so_the_program_waits(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){SH("echo x; echo gone >&2; exit 0")});
	for (int i = 0; i < 50; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
	assert_true(rig_state_is(&scene->rig, "it", "running"));
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_output(scene, "x\n");
}

static void a_finished_program_runs_again_when_wired_again(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.argv = {"echo", "again"}});
	wire_sink(scene);
	wait_over(scene);
	rig_wait_state(&scene->rig, "it", "finished");
	scene->sink.ended = false;
	scene->sink.length = 0;
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_output(scene, "again\n");
}

static void crashes_end_in_quarantine(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.argv = {"false"}});
	rig_wait_state(&scene->rig, "it", "failed");
	assert_int_equal(
		ph_get_int(rig_server(&scene->rig, "it"), "restarts"), 4);
}

static bool is_dead(void *context)
{
	return kill(*(pid_t *)context, 0) && errno == ESRCH;
}

static void a_stop_ends_the_whole_group(void **state)
{
	struct scene *scene = *state;
	pid_t child;

	start(scene, (struct rig_spec){
			     SH("trap '' TERM; sleep 1000 & echo $!; wait")});
	wire_sink(scene);
	rig_until(&scene->rig, has_message, &scene->sink);
	child = (pid_t)atoi((char *)scene->sink.data);
	assert_true(child > 1 && !kill(child, 0));
	/* It ignores SIGTERM; the grace of rig_close is 1 s. */
	ph_executor_stop(
		scene->rig.executor, 0, 100 * PH_MILLISECOND, NULL, NULL);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	rig_until(&scene->rig, is_dead, &child);
}

static void a_stop_is_answered_when_it_is_gone(void **state)
{
	struct scene *scene = *state;
	pid_t pid;

	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	pid = pid_of(scene);
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	assert_true(is_dead(&pid));
	assert_int_equal(rig_handle(&scene->rig, "it", "stdout"), 0);
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_FAILED);
	assert_int_equal(scene->rig.error.exit, PH_EXIT_NOT_FOUND);
}

/* Descriptors of programs are put where 64 others have room. */
static void too_few_open_files_are_named(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {.name = "it", .argv = {"sleep", "1000"}};
	struct rlimit before;
	struct rlimit few;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_FAILED);
	assert_non_null(strstr(scene->rig.error.what, "ulimit -n"));
	assert_non_null(strstr(scene->rig.error.what, strerror(EMFILE)));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
}

static void an_equal_start_changes_nothing(void **state)
{
	struct scene *scene = *state;
	pid_t pid;

	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	pid = pid_of(scene);
	start(scene, (struct rig_spec){.argv = {"sleep", "1000"}});
	assert_int_equal(pid_of(scene), pid);
	start(scene, (struct rig_spec){.argv = {"sleep", "2000"}});
	assert_int_not_equal(pid_of(scene), pid);
	assert_true(is_dead(&pid));
}

static void refuse(struct scene *scene, struct rig_spec spec, enum ph_exit code,
	const char *what)
{
	spec.name = spec.name ? spec.name : "it";
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_FAILED);
	assert_int_equal(scene->rig.error.exit, code);
	assert_non_null(strstr(scene->rig.error.what, what));
	assert_true(scene->rig.error.where[0] && scene->rig.error.next[0]);
	assert_int_equal(rig_check(&scene->rig, &spec), PH_CALL_FAILED);
	assert_int_equal(scene->rig.error.exit, code);
}

static void what_cannot_start_says_why(void **state)
{
	struct scene *scene = *state;

	refuse(scene, (struct rig_spec){.argv = {"no-such-program-here"}},
		PH_EXIT_NOT_FOUND, "no such program: no-such-program-here");
	refuse(scene, (struct rig_spec){.argv = {"/etc/passwd"}},
		PH_EXIT_NOT_FOUND, "not executable");
	refuse(scene, (struct rig_spec){.argv = {"/nowhere/x"}},
		PH_EXIT_NOT_FOUND, "no such program");
	refuse(scene, (struct rig_spec){.argv = {"cat"}, .cwd = "/nowhere"},
		PH_EXIT_NOT_FOUND, "no usable directory");
	refuse(scene, (struct rig_spec){.use = "file.raed"}, PH_EXIT_WIRING,
		"no bundled server");
	refuse(scene, (struct rig_spec){.use = "null", .argv = {"cat"}},
		PH_EXIT_WIRING, "one of `exec` and");
	start(scene, (struct rig_spec){.argv = {"cat"}});
	refuse(scene, (struct rig_spec){.argv = {"cat"}, .scope = "other"},
		PH_EXIT_CONFLICT, "taken by the wiring `test`");
}

static void the_guest_book_may_refuse(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {.name = "it", .argv = {"cat"}};

	scene->rig.refuse = true;
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_FAILED);
	assert_int_equal(scene->rig.error.exit, PH_EXIT_CONFLICT);
	assert_null(rig_server(&scene->rig, "it").object);
}

/* Who cannot say that it is gone is not: its name would be nobody's. */
static void the_guest_book_lets_go_in_the_end(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {.name = "it", .argv = {"cat"}};

	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_OK);
	scene->rig.deaf = 1;
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	assert_int_equal(scene->rig.deaf, 0);
	assert_int_equal(rig_handle(&scene->rig, "it", "stdout"), 0);
	/* A node that goes does not wait for that. */
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_OK);
	scene->rig.deaf = UINT_MAX;
}

static void a_program_that_cannot_be_executed_fails(void **state)
{
	struct scene *scene = *state;
	struct rig_spec spec = {.name = "it"};
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/empty", scene->rig.directory);
	file = fopen(path, "w");
	fputs("no program\n", file);
	fchmod(fileno(file), 0755);
	fclose(file);
	spec.argv[0] = path;
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_FAILED);
	assert_non_null(strstr(scene->rig.error.what, "Exec format error"));
	assert_null(rig_server(&scene->rig, "it").object);
}

static void a_program_sees_no_secret(void **state)
{
	struct scene *scene = *state;

	setenv("POSTHOUSE_CANARY", "correct-horse", 1);
	setenv("CREDENTIALS_DIRECTORY", "/run/secret", 1);
	start(scene, (struct rig_spec){.argv = {"env"},
			     .env = {{"MINE", "yes"}, {"HOME", "/"}}});
	wire_sink(scene);
	wait_over(scene);
	scene->sink.data[scene->sink.length - 1] = 0;
	assert_null(strstr((char *)scene->sink.data, "correct-horse"));
	assert_null(strstr((char *)scene->sink.data, "secret"));
	assert_non_null(strstr((char *)scene->sink.data, "MINE=yes"));
	assert_non_null(strstr((char *)scene->sink.data, "HOME=/\n"));
	assert_non_null(
		strstr((char *)scene->sink.data, "POSTHOUSE_SERVER=it"));
}

static void a_program_inherits_nothing(void **state)
{
	struct scene *scene = *state;
	sigset_t blocked;
	/* 3 is the directory that ls reads. */
	int leaked = dup(0); /* without close-on-exec, on purpose */

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	start(scene, (struct rig_spec){
			     SH("ls /proc/self/fd >list; tr '\\n' ' ' <list;"
				"grep -E 'SigBlk|SigIgn|NoNewPrivs' "
				"/proc/self/status | tr -d '\\t\\n' |"
				/* 32 and 33 are the C library's own: a parent
				 * of ours may ignore them, we cannot. */
				"sed s/SigIgn:0000000[01][08]0000000/"
				"SigIgn:0000000000000000/")});
	wire_sink(scene);
	wait_over(scene);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	close(leaked);
	assert_output(scene, "0 1 2 3 SigBlk:0000000000000000"
			     "SigIgn:0000000000000000NoNewPrivs:1");
}

static void stderr_is_logged(void **state)
{
	struct scene *scene = *state;
	struct ph_writer *writer;
	struct ph_value items;
	char text[64];

	start(scene, (struct rig_spec){SH("printf 'one\\ntwo\\nlast' >&2")});
	rig_wait_state(&scene->rig, "it", "finished");
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", "it");
	ph_put_int(writer, "since", 1);
	ph_write_end(writer);
	assert_int_equal(rig_call(&scene->rig, PH_EXECUTOR_LOGS, writer), 0);
	ph_writer_free(writer);
	items = ph_value_get(ph_document_root(scene->rig.document), "items");
	assert_int_equal(ph_value_count(items), 2);
	assert_int_equal(ph_get_int(ph_value_at(items, 0), "n"), 2);
	assert_string_equal(
		ph_get_copy(ph_value_at(items, 0), "text", text, sizeof(text)),
		"two");
	assert_string_equal(
		ph_get_copy(ph_value_at(items, 1), "text", text, sizeof(text)),
		"last");
}

static void stderr_may_be_wired(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){SH("read a; echo oops >&2")});
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "stderr"), 0);
	scene->source.data = (const uint8_t *)"go\n";
	scene->source.length = 3;
	scene->source.finish = true;
	wire_source(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_output(scene, "oops\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_finished_program_ends_its_stream),
		TEST(a_failed_program_cuts_its_stream),
		TEST(end_waits_for_the_exit_status),
		TEST(a_killed_program_is_seen_at_once),
		TEST(a_filter_moves_every_byte),
		TEST(small_messages_go_through),
		TEST(an_end_is_released_when_the_output_was_consumed),
		TEST(a_cut_input_is_no_end_of_file),
		TEST(a_lost_consumer_means_from_the_start),
		TEST(a_reader_that_stops_early_refuses_the_rest),
		TEST(nobody_listens_so_the_program_waits),
		TEST(a_finished_program_runs_again_when_wired_again),
		TEST(crashes_end_in_quarantine),
		TEST(a_stop_ends_the_whole_group),
		TEST(a_stop_is_answered_when_it_is_gone),
		TEST(too_few_open_files_are_named),
		TEST(an_equal_start_changes_nothing),
		TEST(what_cannot_start_says_why),
		TEST(the_guest_book_may_refuse),
		TEST(the_guest_book_lets_go_in_the_end),
		TEST(a_program_that_cannot_be_executed_fails),
		TEST(a_program_sees_no_secret),
		TEST(a_program_inherits_nothing),
		TEST(stderr_is_logged),
		TEST(stderr_may_be_wired),
	};

	return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
