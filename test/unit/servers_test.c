#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "proto/calls.h"
#include "servers/whole_file.h"
#include "test/rig.h"

/* The bundled servers, run by the real executor. */

struct scene {
	struct rig rig;
	struct rig_sink sink;
	struct rig_source source;
	char path[128];
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	rig_sink_open(&scene->sink, &scene->rig);
	rig_source_open(&scene->source, &scene->rig);
	snprintf(scene->path, sizeof(scene->path), "%s/file",
		scene->rig.directory);
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

static void start(struct scene *scene, const char *use, const char *key,
	const char *value)
{
	struct rig_spec spec = {
		.name = "it", .use = use, .with = {{key, value}}};

	if (rig_start(&scene->rig, &spec) == PH_CALL_OK)
		return;
	print_error("%s\n", scene->rig.error.what);
	fail();
}

static void wire_sink(struct scene *scene)
{
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "out"), 0);
}

static void wire_source(struct scene *scene)
{
	assert_int_equal(rig_source_connect(&scene->source, "it", "in"), 0);
}

static void wait_over(struct scene *scene)
{
	rig_until(&scene->rig, rig_sink_is_over, &scene->sink);
}

static void turn(struct scene *scene, int turns)
{
	for (int i = 0; i < turns; i++)
		ph_loop_turn(scene->rig.loop, PH_MILLISECOND);
}

static void put_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	fclose(file);
}

static void assert_file(const char *path, const void *data, size_t length)
{
	uint8_t *found = malloc(length + 1);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_int_equal(fread(found, 1, length + 1, file), length);
	assert_memory_equal(found, data, length);
	fclose(file);
	free(found);
}

static unsigned files_in(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static uint8_t *random_bytes(size_t length)
{
	uint8_t *data = malloc(length + 1);

	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 11);
	return data;
}

static void read_gives_the_whole_file(void **state)
{
	static const size_t sizes[] = {
		0, 1, PH_FRAME_MAX - 1, PH_FRAME_MAX, 3 * PH_FRAME_MAX + 17};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *data = random_bytes(sizes[i]);
		struct scene *scene;

		setup((void **)&scene);
		put_file(scene->path, data, sizes[i]);
		start(scene, "file.read", "path", scene->path);
		wire_sink(scene);
		wait_over(scene);
		assert_true(scene->sink.ended);
		assert_int_equal(scene->sink.length, sizes[i]);
		if (sizes[i])
			assert_memory_equal(scene->sink.data, data, sizes[i]);
		rig_wait_state(&scene->rig, "it", "finished");
		free(data);
		teardown((void **)&scene);
	}
}

static void read_waits_for_room(void **state)
{
	struct scene *scene = *state;
	size_t length = 8 * 1024 * 1024;
	uint8_t *data = random_bytes(length);

	put_file(scene->path, data, length);
	start(scene, "file.read", "path", scene->path);
	scene->sink.hold = true;
	wire_sink(scene);
	turn(scene, 50);
	assert_in_range(
		ph_pipe_queued(ph_terminal_pipe(scene->sink.terminal, 0)), 1,
		PH_PIPE_BYTES);
	scene->sink.hold = false;
	rig_sink_pump(&scene->sink);
	wait_over(scene);
	assert_int_equal(scene->sink.length, length);
	assert_memory_equal(scene->sink.data, data, length);
	free(data);
}

static void read_tells_what_is_wrong(void **state)
{
	struct scene *scene = *state;
	struct ph_value item;
	char reason[256];

	start(scene, "file.read", "path", "/nowhere/file");
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	rig_wait_state(&scene->rig, "it", "backoff");
	item = rig_server(&scene->rig, "it");
	assert_string_equal(ph_get_copy(item, "reason", reason, sizeof(reason)),
		"cannot open /nowhere/file: No such file or directory");
}

static void read_begins_again_for_a_lost_consumer(void **state)
{
	struct scene *scene = *state;
	size_t length = 4 * 1024 * 1024;
	uint8_t *data = random_bytes(length);

	put_file(scene->path, data, length);
	start(scene, "file.read", "path", scene->path);
	scene->sink.hold = true;
	wire_sink(scene);
	turn(scene, 30);
	ph_terminal_refuse(scene->sink.terminal, -ECONNRESET);
	rig_wait_state(&scene->rig, "it", "backoff");
	scene->sink.hold = false;
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.length, length);
	assert_memory_equal(scene->sink.data, data, length);
	free(data);
}

static void write_keeps_the_whole_stream(void **state)
{
	struct scene *scene = *state;
	size_t length = 5 * 1024 * 1024 + 3;
	uint8_t *data = random_bytes(length);

	start(scene, "file.write", "path", scene->path);
	scene->source.data = data;
	scene->source.length = length;
	wire_source(scene);
	turn(scene, 50);
	/* Nothing is seen under the name before END. */
	assert_int_not_equal(access(scene->path, F_OK), 0);
	scene->source.finish = true;
	rig_source_pump(&scene->source);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, 0);
	assert_file(scene->path, data, length);
	assert_int_equal(files_in(scene->rig.directory), 1);
	rig_wait_state(&scene->rig, "it", "finished");
	free(data);
}

static void write_keeps_small_messages_in_order(void **state)
{
	struct scene *scene = *state;
	size_t length = 300 * 1000;
	uint8_t *data = random_bytes(length);

	start(scene, "file.write", "path", scene->path);
	scene->source.data = data;
	scene->source.length = length;
	scene->source.piece = 13;
	scene->source.finish = true;
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_file(scene->path, data, length);
	free(data);
}

static void write_keeps_an_empty_stream(void **state)
{
	struct scene *scene = *state;

	start(scene, "file.write", "path", scene->path);
	scene->source.finish = true;
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_file(scene->path, "", 0);
}

static void write_forgets_a_cut_stream(void **state)
{
	struct scene *scene = *state;

	put_file(scene->path, "old", 3);
	start(scene, "file.write", "path", scene->path);
	scene->source.data = (const uint8_t *)"half";
	scene->source.length = 4;
	wire_source(scene);
	turn(scene, 30);
	assert_int_equal(files_in(scene->rig.directory), 2);
	ph_terminal_abort(scene->source.terminal, -ECONNRESET);
	turn(scene, 50);
	assert_int_equal(files_in(scene->rig.directory), 1);
	assert_file(scene->path, "old", 3);
	/* The next stream is taken. */
	scene->source.sent = 0;
	scene->source.finish = true;
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, 0);
	assert_file(scene->path, "half", 4);
}

static void write_keeps_mode_and_link(void **state)
{
	struct scene *scene = *state;
	char link[160];
	struct stat status;

	put_file(scene->path, "old", 3);
	assert_int_equal(chmod(scene->path, 0640), 0);
	snprintf(link, sizeof(link), "%s/link", scene->rig.directory);
	assert_int_equal(symlink(scene->path, link), 0);
	start(scene, "file.write", "path", link);
	scene->source.data = (const uint8_t *)"new";
	scene->source.length = 3;
	scene->source.finish = true;
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, 0);
	assert_file(scene->path, "new", 3);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(stat(scene->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void write_refuses_what_cannot_be(void **state)
{
	struct scene *scene = *state;
	char reason[256];

	start(scene, "file.write", "path", "/nowhere/file");
	rig_wait_state(&scene->rig, "it", "backoff");
	ph_get_copy(rig_server(&scene->rig, "it"), "reason", reason,
		sizeof(reason));
	assert_string_equal(reason,
		"cannot write /nowhere/file: No such file or directory");
	assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
	/* A device must not be renamed over. */
	start(scene, "file.write", "path", "/dev/null");
	rig_wait_state(&scene->rig, "it", "backoff");
}

static void a_full_disk_leaves_the_target_alone(void **state)
{
	struct ph_whole_file file;
	struct iovec vector = {(char *)"x", 1};
	struct scene *scene = *state;

	put_file(scene->path, "old", 3);
	assert_int_equal(ph_whole_file_begin(&file, scene->path, "it"), 0);
	/* The one device that is always full. */
	close(file.fd);
	file.fd = open("/dev/full", O_WRONLY);
	assert_int_equal(ph_whole_file_write(file.fd, &vector, 1), -ENOSPC);
	ph_whole_file_drop(&file);
	assert_file(scene->path, "old", 3);
	assert_int_equal(files_in(scene->rig.directory), 1);
}

static void lines_are_messages(void **state)
{
	struct scene *scene = *state;
	static const char text[] = "a\nbb\n\nlast";
	static const size_t ends[] = {2, 5, 6, 10};

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		start(scene, "lines", NULL, NULL);
		scene->source.data = (const uint8_t *)text;
		scene->source.length = strlen(text);
		scene->source.piece = piece;
		scene->source.finish = true;
		wire_sink(scene);
		wire_source(scene);
		rig_until(&scene->rig, rig_source_is_closed, &scene->source);
		assert_int_equal(scene->source.reason, 0);
		assert_true(scene->sink.ended);
		assert_int_equal(scene->sink.messages, 4);
		assert_memory_equal(scene->sink.ends, ends, sizeof(ends));
		assert_memory_equal(scene->sink.data, text, strlen(text));
		assert_int_equal(rig_stop(&scene->rig, "it"), PH_CALL_OK);
		teardown(state);
		setup(state);
		scene = *state;
	}
}

static void a_long_line_is_broken(void **state)
{
	struct scene *scene = *state;
	size_t length = 3 * 1024 * 1024 / 2;
	uint8_t *data = malloc(length);

	memset(data, 'x', length);
	data[length - 1] = '\n';
	start(scene, "lines", NULL, NULL);
	scene->source.data = data;
	scene->source.length = length;
	scene->source.finish = true;
	wire_sink(scene);
	wire_source(scene);
	wait_over(scene);
	assert_int_equal(scene->sink.messages, 2);
	assert_int_equal(scene->sink.ends[0], 1024 * 1024);
	assert_int_equal(scene->sink.length, length);
	free(data);
}

static void lines_pass_a_cut_on(void **state)
{
	struct scene *scene = *state;

	start(scene, "lines", NULL, NULL);
	scene->source.data = (const uint8_t *)"a\nb";
	scene->source.length = 3;
	wire_sink(scene);
	wire_source(scene);
	turn(scene, 10);
	ph_terminal_abort(scene->source.terminal, -ECONNRESET);
	wait_over(scene);
	assert_true(scene->sink.cut && !scene->sink.ended);
	assert_int_equal(scene->sink.messages, 1);
}

static void lines_pass_a_lost_consumer_back(void **state)
{
	struct scene *scene = *state;

	start(scene, "lines", NULL, NULL);
	wire_sink(scene);
	wire_source(scene);
	turn(scene, 10);
	ph_terminal_refuse(scene->sink.terminal, -ECONNRESET);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_true(scene->source.reason < 0);
}

static bool has_three(void *context)
{
	struct rig_sink *sink = context;

	return sink->messages >= 3;
}

static void the_clock_ticks(void **state)
{
	struct scene *scene = *state;
	int year;
	int month;
	int day;
	char end = 0;

	start(scene, "clock", "every", "10ms");
	wire_sink(scene);
	rig_until(&scene->rig, has_three, &scene->sink);
	assert_int_equal(scene->sink.ends[0], 25);
	assert_int_equal(sscanf((char *)scene->sink.data,
				 "%4d-%2d-%2dT%*2d:%*2d:%*2d.%*3d%c", &year,
				 &month, &day, &end),
		4);
	assert_int_equal(end, 'Z');
	assert_int_equal(scene->sink.data[24], '\n');
}

static void zeros_are_counted(void **state)
{
	struct scene *scene = *state;

	start(scene, "zero", "bytes", "3MiB");
	wire_sink(scene);
	wait_over(scene);
	assert_true(scene->sink.ended);
	assert_int_equal(scene->sink.bytes, 3 * 1024 * 1024);
	for (size_t i = 0; i < scene->sink.length; i++)
		assert_int_equal(scene->sink.data[i], 0);
}

static void zeros_without_end_are_bounded(void **state)
{
	struct scene *scene = *state;

	start(scene, "zero", NULL, NULL);
	scene->sink.hold = true;
	wire_sink(scene);
	turn(scene, 10);
	assert_in_range(
		ph_pipe_queued(ph_terminal_pipe(scene->sink.terminal, 0)), 1,
		PH_PIPE_BYTES);
}

static void null_takes_all(void **state)
{
	struct scene *scene = *state;
	static const uint8_t data[100000];

	start(scene, "null", NULL, NULL);
	scene->source.data = data;
	scene->source.length = sizeof(data);
	scene->source.finish = true;
	wire_source(scene);
	rig_until(&scene->rig, rig_source_is_closed, &scene->source);
	assert_int_equal(scene->source.reason, 0);
}

static void a_pipeline_copies_a_file(void **state)
{
	struct scene *scene = *state;
	size_t length = 20 * 1000 * 1000;
	uint8_t *data = random_bytes(length);
	char copy[160];

	put_file(scene->path, data, length);
	snprintf(copy, sizeof(copy), "%s.copy", scene->path);
	rig_start(&scene->rig, &(struct rig_spec){.name = "read",
				       .use = "file.read",
				       .with = {{"path", scene->path}}});
	rig_start(&scene->rig,
		&(struct rig_spec){.name = "pack", .argv = {"gzip", "-1c"}});
	rig_start(&scene->rig,
		&(struct rig_spec){.name = "unpack", .argv = {"gunzip"}});
	rig_start(&scene->rig, &(struct rig_spec){.name = "write",
				       .use = "file.write",
				       .with = {{"path", copy}}});
	assert_int_equal(
		rig_wire(&scene->rig, "unpack", "stdout", "write", "in"), 0);
	assert_int_equal(
		rig_wire(&scene->rig, "pack", "stdout", "unpack", "stdin"), 0);
	assert_int_equal(
		rig_wire(&scene->rig, "read", "out", "pack", "stdin"), 0);
	rig_wait_state(&scene->rig, "read", "finished");
	rig_wait_state(&scene->rig, "pack", "finished");
	rig_wait_state(&scene->rig, "unpack", "finished");
	rig_wait_state(&scene->rig, "write", "finished");
	assert_file(copy, data, length);
	free(data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_gives_the_whole_file),
		TEST(read_waits_for_room),
		TEST(read_tells_what_is_wrong),
		TEST(read_begins_again_for_a_lost_consumer),
		TEST(write_keeps_the_whole_stream),
		TEST(write_keeps_small_messages_in_order),
		TEST(write_keeps_an_empty_stream),
		TEST(write_forgets_a_cut_stream),
		TEST(write_keeps_mode_and_link),
		TEST(write_refuses_what_cannot_be),
		TEST(a_full_disk_leaves_the_target_alone),
		TEST(lines_are_messages),
		TEST(a_long_line_is_broken),
		TEST(lines_pass_a_cut_on),
		TEST(lines_pass_a_lost_consumer_back),
		TEST(the_clock_ticks),
		TEST(zeros_are_counted),
		TEST(zeros_without_end_are_bounded),
		TEST(null_takes_all),
		TEST(a_pipeline_copies_a_file),
	};

	return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
