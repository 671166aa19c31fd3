#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "executor/logs.h"
#include "executor/stdio.h"
#include "test/rig.h"

/* A program's descriptors as terminals, with the program played by the test. */

struct scene {
	struct rig rig;
	struct rig_sink sink;
	struct rig_source source;
	struct ph_terminal *out;
	struct ph_terminal *in;
	struct ph_stdio_output output;
	struct ph_stdio_input input;
	int stdin_end;	/* what the program reads */
	int stdout_end; /* what it writes */
	unsigned changes;
};

static void out_event(void *context, struct ph_terminal *terminal)
{
	struct scene *scene = context;

	ph_stdio_output_pump(&scene->output);
}

static void in_event(void *context, struct ph_terminal *terminal)
{
	struct scene *scene = context;

	ph_stdio_input_pump(&scene->input);
}

static const struct ph_terminal_ops out_ops = {
	.on_connected = out_event, .on_room = out_event};
static const struct ph_terminal_ops in_ops = {.on_readable = in_event};

static void changed(void *context)
{
	struct scene *scene = context;

	scene->changes++;
}

static void wire(struct scene *scene)
{
	struct ph_pipe *pipe;

	assert_int_equal(ph_terminal_connect(&scene->rig.kernel,
				 ph_terminal_handle(scene->out),
				 ph_terminal_handle(scene->sink.terminal),
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
	assert_int_equal(ph_terminal_connect(&scene->rig.kernel,
				 ph_terminal_handle(scene->source.terminal),
				 ph_terminal_handle(scene->in),
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
}

static void open_scene(struct scene *scene, enum ph_framing framing)
{
	int ends[2];

	memset(scene, 0, sizeof(*scene));
	rig_open(&scene->rig);
	rig_sink_open(&scene->sink, &scene->rig);
	rig_source_open(&scene->source, &scene->rig);
	ph_terminal_create(
		&scene->rig.kernel, PH_OUT, &out_ops, scene, &scene->out);
	ph_terminal_create(
		&scene->rig.kernel, PH_IN, &in_ops, scene, &scene->in);
	scene->output = (struct ph_stdio_output){.loop = scene->rig.loop,
		.pool = scene->rig.kernel.pool,
		.terminal = scene->out,
		.framing = framing,
		.on_change = changed,
		.context = scene};
	scene->input = (struct ph_stdio_input){.loop = scene->rig.loop,
		.terminal = scene->in,
		.framing = framing,
		.on_change = changed,
		.context = scene};
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	scene->stdout_end = ends[1];
	ph_stdio_output_open(&scene->output, ends[0]);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	scene->stdin_end = ends[0];
	ph_stdio_input_open(&scene->input, ends[1]);
}

static void close_scene(struct scene *scene)
{
	ph_stdio_output_close(&scene->output);
	ph_stdio_input_close(&scene->input);
	close(scene->stdin_end);
	if (scene->stdout_end >= 0)
		close(scene->stdout_end);
	ph_terminal_destroy(scene->out);
	ph_terminal_destroy(scene->in);
	rig_sink_close(&scene->sink);
	rig_source_close(&scene->source);
	rig_close(&scene->rig);
}

static void turn(struct scene *scene)
{
	for (int i = 0; i < 20; i++)
		ph_loop_turn(scene->rig.loop, 0);
}

/* The program writes `text` in pieces and closes its stdout. */
static void write_all(
	struct scene *scene, const void *text, size_t length, size_t piece)
{
	for (size_t i = 0; i < length;) {
		size_t part = length - i < piece ? length - i : piece;
		ssize_t wrote =
			write(scene->stdout_end, (const char *)text + i, part);

		i += wrote > 0 ? (size_t)wrote : 0;
		turn(scene);
	}
	close(scene->stdout_end);
	scene->stdout_end = -1;
	turn(scene);
}

static void lines_are_cut_at_newlines(void **state)
{
	static const char text[] = "a\nbb\n\nlast";
	static const size_t ends[] = {2, 5, 6, 10};

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct scene scene;

		open_scene(&scene, PH_FRAMING_LINES);
		wire(&scene);
		write_all(&scene, text, strlen(text), piece);
		assert_true(scene.output.eof);
		assert_int_equal(scene.sink.messages, 4);
		assert_memory_equal(scene.sink.ends, ends, sizeof(ends));
		assert_memory_equal(scene.sink.data, text, strlen(text));
		close_scene(&scene);
	}
}

static void a_line_of_any_length_is_one_message(void **state)
{
	struct scene scene;
	size_t length = 700 * 1000;
	char *text = malloc(length);

	memset(text, 'y', length);
	memcpy(text + 10, "\n", 1);
	text[length - 1] = '\n';
	open_scene(&scene, PH_FRAMING_LINES);
	wire(&scene);
	write_all(&scene, text, length, 65536);
	assert_int_equal(scene.sink.messages, 2);
	assert_int_equal(scene.sink.ends[0], 11);
	assert_int_equal(scene.sink.length, length);
	assert_memory_equal(scene.sink.data, text, length);
	free(text);
	close_scene(&scene);
}

static void lengths_make_messages(void **state)
{
	static const char text[] = "\2\0\0\0hi\0\0\0\0\1\0\0\0!";
	static const size_t ends[] = {2, 2, 3};

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct scene scene;

		open_scene(&scene, PH_FRAMING_LENGTH);
		wire(&scene);
		write_all(&scene, text, sizeof(text) - 1, piece);
		assert_int_equal(scene.output.error, 0);
		assert_int_equal(scene.sink.messages, 3);
		assert_memory_equal(scene.sink.ends, ends, sizeof(ends));
		assert_memory_equal(scene.sink.data, "hi!", 3);
		close_scene(&scene);
	}
}

static void a_message_broken_off_is_an_error(void **state)
{
	static const char *const texts[] = {"\5\0\0\0hi", "\5\0"};
	static const size_t lengths[] = {6, 2};

	for (int i = 0; i < 2; i++) {
		struct scene scene;

		open_scene(&scene, PH_FRAMING_LENGTH);
		wire(&scene);
		write_all(&scene, texts[i], lengths[i], 100);
		assert_int_equal(scene.output.error, -EBADMSG);
		close_scene(&scene);
	}
}

static void input_messages_get_their_lengths(void **state)
{
	struct scene scene;
	char got[64];
	ssize_t count;

	open_scene(&scene, PH_FRAMING_LENGTH);
	wire(&scene);
	ph_terminal_send(scene.source.terminal, 0, "ab", 2);
	ph_terminal_send(scene.source.terminal, PH_FRAME_FIN, "c", 1);
	ph_terminal_send(scene.source.terminal, PH_FRAME_FIN, NULL, 0);
	turn(&scene);
	count = read(scene.stdin_end, got, sizeof(got));
	assert_int_equal(count, 11);
	assert_memory_equal(got, "\3\0\0\0abc\0\0\0\0", 11);
	close_scene(&scene);
}

static void a_full_stdin_holds_the_source(void **state)
{
	struct scene scene;
	size_t length = 3 * 1024 * 1024;
	uint8_t *data = malloc(length);
	uint8_t *got = malloc(length);
	size_t have = 0;

	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 9);
	open_scene(&scene, PH_FRAMING_RAW);
	scene.source.data = data;
	scene.source.length = length;
	scene.source.piece = 50001;
	scene.source.finish = true;
	wire(&scene);
	turn(&scene);
	assert_true(scene.source.sent < length);
	assert_false(scene.input.ended);
	while (have < length) {
		ssize_t count = read(scene.stdin_end, got + have, 7777);

		have += count > 0 ? (size_t)count : 0;
		ph_loop_turn(scene.rig.loop, 0);
		assert_int_not_equal(count, 0);
	}
	turn(&scene);
	assert_memory_equal(got, data, length);
	assert_int_equal(read(scene.stdin_end, got, 1), 0);
	assert_true(scene.input.ended);
	/* END is held until the program's work is accepted. */
	assert_false(scene.source.closed);
	ph_stdio_input_accept(&scene.input);
	turn(&scene);
	assert_true(scene.source.closed);
	assert_int_equal(scene.source.reason, 0);
	free(data);
	free(got);
	close_scene(&scene);
}

static void a_cut_leaves_stdin_open(void **state)
{
	struct scene scene;
	char got[8];

	open_scene(&scene, PH_FRAMING_RAW);
	wire(&scene);
	ph_terminal_send(scene.source.terminal, PH_FRAME_FIN, "x", 1);
	turn(&scene);
	ph_terminal_abort(scene.source.terminal, -ECONNRESET);
	turn(&scene);
	assert_true(scene.input.cut && !scene.input.ended);
	assert_int_equal(read(scene.stdin_end, got, sizeof(got)), 1);
	assert_int_equal(read(scene.stdin_end, got, sizeof(got)), -1);
	assert_int_equal(errno, EAGAIN);
	close_scene(&scene);
}

static void a_closed_stdin_is_told(void **state)
{
	struct scene scene;

	open_scene(&scene, PH_FRAMING_RAW);
	wire(&scene);
	close(scene.stdin_end);
	ph_terminal_send(scene.source.terminal, PH_FRAME_FIN, "x", 1);
	turn(&scene);
	assert_int_equal(scene.input.error, -EPIPE);
	assert_int_equal(scene.changes, 1);
	scene.stdin_end = dup(0);
	close_scene(&scene);
}

static void nothing_is_read_for_nobody(void **state)
{
	struct scene scene;

	open_scene(&scene, PH_FRAMING_RAW);
	assert_int_equal(write(scene.stdout_end, "early", 5), 5);
	turn(&scene);
	assert_true(ph_stdio_output_holds(&scene.output));
	wire(&scene);
	turn(&scene);
	assert_false(ph_stdio_output_holds(&scene.output));
	assert_int_equal(scene.sink.length, 5);
	close_scene(&scene);
}

static void a_slow_sink_holds_the_program(void **state)
{
	struct scene scene;
	static const char block[65536];
	size_t wrote = 0;

	open_scene(&scene, PH_FRAMING_RAW);
	scene.sink.hold = true;
	wire(&scene);
	for (int i = 0; i < 200; i++) {
		ssize_t count = write(scene.stdout_end, block, sizeof(block));

		wrote += count > 0 ? (size_t)count : 0;
		turn(&scene);
	}
	assert_true(wrote < 2 * PH_PIPE_BYTES);
	scene.sink.hold = false;
	rig_sink_pump(&scene.sink);
	write_all(&scene, "", 0, 1);
	assert_int_equal(scene.sink.bytes, wrote);
	close_scene(&scene);
}

static void logs_keep_the_newest(void **state)
{
	struct ph_logs *logs;
	struct ph_logs_line *line = malloc(sizeof(*line));
	char text[100];
	uint64_t since = 0;
	unsigned count = 0;

	assert_int_equal(ph_logs_create(&logs, NULL, NULL), 0);
	assert_false(ph_logs_next(logs, 0, line));
	memset(text, 'a', sizeof(text));
	text[99] = '\n';
	for (int64_t i = 0; i < 5000; i++)
		ph_logs_write(logs, text, 100, i * PH_SECOND, i);
	assert_int_equal(ph_logs_newest(logs), 5000);
	while (ph_logs_next(logs, since, line)) {
		assert_true(line->number > since);
		assert_int_equal(line->length, 99);
		since = line->number;
		count++;
	}
	assert_int_equal(since, 5000);
	assert_in_range(count, 400, 660);
	ph_logs_destroy(logs);
	free(line);
}

static void logs_bound_rate_length_and_bytes(void **state)
{
	struct ph_logs *logs;
	struct ph_logs_line *line = malloc(sizeof(*line));
	char *text = malloc(10000);

	assert_int_equal(ph_logs_create(&logs, NULL, NULL), 0);
	memset(text, 'b', 10000);
	ph_logs_write(logs, text, 10000, 0, 0);
	ph_logs_flush(logs, 0, 0);
	assert_int_equal(ph_logs_newest(logs), 3);
	assert_true(ph_logs_next(logs, 0, line));
	assert_int_equal(line->length, PH_LOGS_LINE);
	ph_logs_write(logs, "\x1b[1m\xff\xc3\xa4\t\xc2\x9b\n", 11, 0, 0);
	ph_logs_next(logs, 3, line);
	assert_int_equal(line->length, 10);
	assert_memory_equal(line->text, "?[1m?\xc3\xa4\t\??", 10);
	for (int i = 0; i < 9000; i++)
		ph_logs_write(logs, "x\n", 2, 0, 0);
	assert_int_equal(ph_logs_newest(logs), PH_LOGS_BURST);
	ph_logs_write(logs, "y\n", 2, PH_SECOND, 0);
	assert_int_equal(ph_logs_newest(logs), PH_LOGS_BURST + 2);
	ph_logs_next(logs, PH_LOGS_BURST, line);
	assert_memory_equal(line->text, "[7004 lines left out", 20);
	ph_logs_destroy(logs);
	free(line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_at_newlines),
		cmocka_unit_test(a_line_of_any_length_is_one_message),
		cmocka_unit_test(lengths_make_messages),
		cmocka_unit_test(a_message_broken_off_is_an_error),
		cmocka_unit_test(input_messages_get_their_lengths),
		cmocka_unit_test(a_full_stdin_holds_the_source),
		cmocka_unit_test(a_cut_leaves_stdin_open),
		cmocka_unit_test(a_closed_stdin_is_told),
		cmocka_unit_test(nothing_is_read_for_nobody),
		cmocka_unit_test(a_slow_sink_holds_the_program),
		cmocka_unit_test(logs_keep_the_newest),
		cmocka_unit_test(logs_bound_rate_length_and_bytes),
	};

	return cmocka_run_group_tests_name("stdio", tests, NULL, NULL);
}
