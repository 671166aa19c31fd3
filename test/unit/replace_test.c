/*
 * Live replacement: programs in a row are replaced, all at once and again and
 * again, while numbers run through them; each number arrives once, in order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/calls.h"
#include "test/rig.h"

#define ROW    4
#define NUMBER 16 /* bytes of one, with its newline */

static const char *const row[ROW] = {"one", "two", "three", "four"};

struct scene {
	struct rig rig;
	struct ph_terminal *source;
	uint64_t sent;
	uint64_t most; /* to be sent */
	int lost;      /* why the source was closed */
	struct ph_terminal *sink;
	char line[NUMBER + 1];
	size_t length;
	uint64_t taken;
	bool any; /* the first number to come may be any */
	uint64_t first;
	bool wrong;
	bool ended;
	bool cut;
	uint64_t wanted; /* to be taken */
	unsigned answers;
	unsigned failures;
	struct ph_error error;
	uint64_t unread;
};

/* --- the ends --- */

static void pump(struct scene *scene)
{
	char text[NUMBER + 1];

	while (scene->sent < scene->most && ph_terminal_pipes(scene->source)) {
		snprintf(text, sizeof(text), "%015llu\n",
			(unsigned long long)scene->sent);
		if (ph_terminal_send(scene->source, PH_FRAME_FIN, text, NUMBER))
			return;
		scene->sent++;
	}
}

static void source_room(void *context, struct ph_terminal *terminal)
{
	pump(context);
}

static void source_closed(
	void *context, struct ph_terminal *terminal, int reason)
{
	struct scene *scene = context;

	scene->lost = reason;
}

static void take(struct scene *scene, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		scene->line[scene->length++] = data[i];
		if (scene->length < NUMBER)
			continue;
		scene->line[NUMBER] = 0;
		scene->length = 0;
		if (scene->any)
			scene->first = scene->taken =
				strtoull(scene->line, NULL, 10);
		scene->any = false;
		scene->wrong |=
			strtoull(scene->line, NULL, 10) != scene->taken ||
			data[i] != '\n';
		scene->taken++;
	}
}

static void sink_readable(void *context, struct ph_terminal *terminal)
{
	struct scene *scene = context;
	struct ph_frame frame;

	while (ph_terminal_receive(terminal, &frame, NULL)) {
		scene->ended |= frame.flags & PH_FRAME_END;
		scene->cut |= frame.flags & PH_FRAME_CUT;
		if (!ph_frame_is_control(frame.flags))
			take(scene, (const char *)frame.data, frame.length);
		ph_terminal_release(terminal);
	}
}

static const struct ph_terminal_ops source_ops = {
	.on_connected = source_room,
	.on_room = source_room,
	.on_closed = source_closed,
};
static const struct ph_terminal_ops sink_ops = {.on_readable = sink_readable};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	assert_int_equal(ph_terminal_create(&scene->rig.kernel, PH_OUT,
				 &source_ops, scene, &scene->source),
		0);
	assert_int_equal(ph_terminal_create(&scene->rig.kernel, PH_IN,
				 &sink_ops, scene, &scene->sink),
		0);
	scene->most = UINT64_MAX;
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ph_terminal_destroy(scene->source);
	ph_terminal_destroy(scene->sink);
	rig_close(&scene->rig);
	free(scene);
	return 0;
}

static void connect(struct scene *scene, ph_handle from, ph_handle to)
{
	struct ph_pipe *pipe;

	assert_int_equal(ph_terminal_connect(&scene->rig.kernel, from, to,
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
}

static void start(struct scene *scene, struct rig_spec spec)
{
	assert_int_equal(rig_start(&scene->rig, &spec), PH_CALL_OK);
	rig_wait_state(&scene->rig, spec.name, "running");
}

/* source -> those programs -> sink. */
static void wire(struct scene *scene, unsigned count)
{
	struct rig *rig = &scene->rig;

	for (unsigned i = count; i > 0; i--)
		connect(scene, rig_handle(rig, row[i - 1], "stdout"),
			i == count ? ph_terminal_handle(scene->sink)
				   : rig_handle(rig, row[i], "stdin"));
	connect(scene, ph_terminal_handle(scene->source),
		rig_handle(rig, row[0], "stdin"));
}

static bool has_taken(void *context)
{
	struct scene *scene = context;

	pump(scene);
	return scene->taken >= scene->wanted || scene->wrong;
}

static void flow(struct scene *scene, uint64_t more)
{
	scene->wanted = scene->taken + more;
	rig_until(&scene->rig, has_taken, scene);
	assert_false(scene->wrong);
}

/* --- replacing --- */

static void on_replaced(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct scene *scene = context;
	struct ph_document *document;

	scene->answers++;
	if (status) {
		scene->failures++;
		ph_error_read(&scene->error, status, body, length);
		return;
	}
	assert_int_equal(
		ph_document_read(&document, body, length, PH_SKIM_PEER), 0);
	scene->unread += ph_get_u64(ph_document_root(document), "unread");
	ph_document_free(document);
}

static void ask(struct scene *scene, const char *server, int64_t drain)
{
	static const struct ph_caller self = {.role = PH_ROLE_EXEC};
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", server);
	ph_put_bool(writer, "replace", true);
	ph_put_int(writer, "drain", drain);
	ph_write_end(writer);
	assert_int_equal(
		ph_call_send(scene->rig.door, &self, "", PH_EXECUTOR_RESTART,
			writer, ph_loop_now(scene->rig.loop), 60 * PH_SECOND,
			on_replaced, scene),
		0);
	ph_writer_free(writer);
}

static bool is_answered(void *context)
{
	struct scene *scene = context;

	pump(scene);
	return scene->answers >= scene->wanted;
}

static void wait_answers(struct scene *scene, unsigned count)
{
	scene->wanted = count;
	rig_until(&scene->rig, is_answered, scene);
}

static int64_t pid_of(struct scene *scene, const char *server)
{
	return ph_get_int(rig_server(&scene->rig, server), "pid");
}

static void replace_one(struct scene *scene, int64_t drain, int exit)
{
	scene->answers = scene->failures = 0;
	scene->error = (struct ph_error){0};
	ask(scene, row[0], drain);
	wait_answers(scene, 1);
	assert_int_equal(scene->error.exit, exit);
}

static void finish(struct scene *scene)
{
	scene->most = scene->sent;
	flow(scene, scene->sent - scene->taken);
	assert_int_equal(scene->taken, scene->sent);
	assert_false(scene->ended || scene->cut);
	assert_int_equal(scene->lost, 0);
	assert_int_equal(scene->length, 0);
}

static void replace_all(struct scene *scene, const char *framing)
{
	const char *dose = getenv("PH_DOSE");
	unsigned rounds = dose && !strcmp(dose, "full") ? 100 : 3;

	for (unsigned i = 0; i < ROW; i++)
		start(scene, (struct rig_spec){.name = row[i],
				     .framing = framing,
				     .argv = {"cat"}});
	wire(scene, ROW);
	for (unsigned i = 0; i < rounds; i++) {
		int64_t before = pid_of(scene, row[0]);

		flow(scene, 1000);
		scene->answers = scene->failures = 0;
		for (unsigned k = 0; k < ROW; k++)
			ask(scene, row[k], 0);
		wait_answers(scene, ROW);
		if (scene->failures)
			fail_msg("%s", scene->error.what);
		assert_int_not_equal(pid_of(scene, row[0]), before);
	}
	finish(scene);
	assert_int_equal(scene->unread, 0);
}

static void nothing_is_lost_of_lines(void **state)
{
	replace_all(*state, "lines");
}

/* From program to program the pages move by themselves. */
static void nothing_is_lost_of_raw_bytes(void **state)
{
	replace_all(*state, "raw");
}

/* --- what may go wrong --- */

/* A program that is as its file says at the moment. */
static void write_program(struct scene *scene, const char *text)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/program", scene->rig.directory);
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
}

static void start_program(struct scene *scene, const char *text)
{
	write_program(scene, text);
	start(scene, (struct rig_spec){.name = row[0],
			     .framing = "lines",
			     .argv = {"./program"}});
	wire(scene, 1);
	flow(scene, 100);
}

static void one_that_does_not_run_leaves_the_old_one(void **state)
{
	struct scene *scene = *state;
	int64_t before;

	start_program(scene, "exec cat");
	before = pid_of(scene, row[0]);
	write_program(scene, "echo bad configuration >&2; exit 3");
	replace_one(scene, 0, PH_EXIT_NEGATIVE);
	assert_non_null(strstr(scene->error.what, "bad configuration"));
	assert_int_equal(pid_of(scene, row[0]), before);
	/* One that ends well has not come to run, either. */
	write_program(scene, "exit 0");
	replace_one(scene, 0, PH_EXIT_NEGATIVE);
	assert_int_equal(pid_of(scene, row[0]), before);
	flow(scene, 1000);
	write_program(scene, "exec cat -");
	replace_one(scene, 0, 0);
	assert_int_not_equal(pid_of(scene, row[0]), before);
	flow(scene, 1000);
	finish(scene);
}

/* It goes on as if its input had not ended, until it is told to end. */
static void one_that_does_not_end_is_told_to(void **state)
{
	struct scene *scene = *state;

	start_program(scene, "cat; exec tail -f /dev/null");
	/* So much it has read for sure, however slow this machine is. */
	scene->most = scene->sent;
	flow(scene, scene->sent - scene->taken);
	write_program(scene, "exec cat");
	replace_one(scene, 100 * PH_MILLISECOND, 0);
	scene->most = UINT64_MAX;
	flow(scene, 1000);
	finish(scene);
	assert_int_equal(scene->unread, 0);
}

/* The shell has read its file and become the program. */
static bool is_tail(void *context)
{
	char path[48], name[8] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lld/comm",
		(long long)*(int64_t *)context);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return !strcmp(name, "tail\n");
}

/* What it was given and never read is counted; what it was not given yet is
 * the other one's. */
static void what_is_not_read_is_counted(void **state)
{
	struct scene *scene = *state;
	int64_t pid;

	write_program(scene, "exec tail -f /dev/null");
	start(scene, (struct rig_spec){.name = row[0],
			     .framing = "lines",
			     .argv = {"./program"}});
	scene->any = true;
	wire(scene, 1);
	pump(scene);
	pid = pid_of(scene, row[0]);
	rig_until(&scene->rig, is_tail, &pid);
	write_program(scene, "exec cat");
	replace_one(scene, 100 * PH_MILLISECOND, 0);
	flow(scene, 1000);
	assert_true(scene->unread > 0);
	assert_int_equal(scene->first * NUMBER, scene->unread);
	finish(scene);
}

/* --- what a file takes away or changes --- */

static void tell(struct scene *scene, uint16_t method, int64_t lasts)
{
	static const struct ph_caller self = {.role = PH_ROLE_EXEC};
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", row[0]);
	if (lasts)
		ph_put_int(writer, "for", lasts);
	ph_write_end(writer);
	scene->answers = 0;
	assert_int_equal(ph_call_send(scene->rig.door, &self, "", method,
				 writer, ph_loop_now(scene->rig.loop),
				 60 * PH_SECOND, on_replaced, scene),
		0);
	ph_writer_free(writer);
}

static bool is_told(void *context)
{
	struct scene *scene = context;

	return scene->answers > 0;
}

/* All that was sent, and then CUT, while nobody knows what that means. */
static void cut_while_it_is_decided(struct scene *scene)
{
	start_program(scene, "exec cat");
	tell(scene, PH_EXECUTOR_EXPECT, 20 * PH_SECOND);
	rig_until(&scene->rig, is_told, scene);
	pump(scene);
	scene->most = scene->sent;
	ph_terminal_abort(scene->source, -ECANCELED);
	flow(scene, scene->sent - scene->taken);
	for (int i = 0; i < 20; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
	assert_true(rig_state_is(&scene->rig, row[0], "running"));
}

static void who_leaves_says_all_of_it(void **state)
{
	struct scene *scene = *state;

	cut_while_it_is_decided(scene);
	tell(scene, PH_EXECUTOR_STOP, 0);
	rig_until(&scene->rig, is_told, scene);
	assert_int_equal(scene->taken, scene->sent);
	assert_true(scene->cut && !scene->ended);
}

static bool is_started_again(void *context)
{
	struct scene *scene = context;

	return rig_state_is(&scene->rig, row[0], "backoff");
}

static void who_stays_after_all_has_a_stream_that_broke(void **state)
{
	struct scene *scene = *state;

	cut_while_it_is_decided(scene);
	tell(scene, PH_EXECUTOR_EXPECT, 0);
	rig_until(&scene->rig, is_started_again, scene);
}

/* What is in the pipe when the word comes is taken, too. */
static void who_leaves_takes_what_is_on_its_way(void **state)
{
	struct scene *scene = *state;

	start_program(scene, "exec cat");
	pump(scene);
	scene->most = scene->sent;
	tell(scene, PH_EXECUTOR_STOP, 0);
	ph_loop_turn(scene->rig.loop, 0);
	ph_terminal_abort(scene->source, -ECANCELED);
	rig_until(&scene->rig, is_told, scene);
	flow(scene, scene->sent - scene->taken);
	assert_int_equal(scene->taken, scene->sent);
	assert_false(scene->ended);
}

static bool is_another(void *context)
{
	struct scene *scene = context;

	pump(scene);
	return rig_state_is(&scene->rig, row[0], "running") &&
	       pid_of(scene, row[0]) != (int64_t)scene->first;
}

static void one_that_its_file_changes_goes_on(void **state)
{
	struct scene *scene = *state;
	struct rig_spec changed = {
		.name = row[0], .framing = "lines", .argv = {"./program", "-"}};

	start_program(scene, "exec cat");
	scene->first = (uint64_t)pid_of(scene, row[0]);
	assert_int_equal(rig_start(&scene->rig, &changed), PH_CALL_OK);
	rig_until(&scene->rig, is_another, scene);
	flow(scene, 1000);
	finish(scene);
}

static void what_cannot_be_replaced_is_refused(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.name = row[0], .use = "lines"});
	replace_one(scene, 0, PH_EXIT_CONFLICT);
	assert_non_null(strstr(scene->error.what, "only a program"));
	start(scene, (struct rig_spec){.name = row[1], .argv = {"cat"}});
	scene->answers = 0;
	ask(scene, row[1], 0);
	ask(scene, row[1], 0);
	wait_answers(scene, 2);
	assert_non_null(strstr(scene->error.what, "being replaced"));
	scene->answers = 0;
	ask(scene, "nobody", 0);
	wait_answers(scene, 1);
	assert_int_equal(scene->error.exit, PH_EXIT_NOT_FOUND);
}

/* Its stop does not wait for what is half done. */
static void a_stop_ends_both(void **state)
{
	struct scene *scene = *state;

	start_program(scene, "exec cat");
	scene->answers = 0;
	ask(scene, row[0], 0);
	assert_int_equal(rig_stop(&scene->rig, row[0]), PH_CALL_OK);
	wait_answers(scene, 1);
	assert_int_equal(scene->error.exit, PH_EXIT_CONFLICT);
	assert_true(scene->cut);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_lost_of_lines),
		TEST(nothing_is_lost_of_raw_bytes),
		TEST(one_that_does_not_run_leaves_the_old_one),
		TEST(one_that_does_not_end_is_told_to),
		TEST(what_is_not_read_is_counted),
		TEST(who_leaves_says_all_of_it),
		TEST(who_stays_after_all_has_a_stream_that_broke),
		TEST(who_leaves_takes_what_is_on_its_way),
		TEST(one_that_its_file_changes_goes_on),
		TEST(what_cannot_be_replaced_is_refused),
		TEST(a_stop_ends_both),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
