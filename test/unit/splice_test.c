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

#include "executor/stdio.h"
#include "test/rig.h"

/* From one program straight into another: both are played by the test. */

#define CAPACITY ((size_t)1024 * 1024)
#define BLOCK	 ((size_t)256 * 1024)

struct scene {
	struct rig rig;
	struct ph_terminal *out;
	struct ph_terminal *in;
	struct ph_pipe *pipe;
	struct ph_stdio_output output;
	struct ph_stdio_input input;
	int stdin_end;	/* what the second program reads */
	int stdout_end; /* what the first one writes */
	uint64_t wrote;
	uint64_t got;
	uint64_t seen; /* by a tap */
	bool closed;
	int reason;
	uint8_t block[BLOCK];
};

static void out_event(void *context, struct ph_terminal *terminal)
{
	struct scene *scene = context;

	ph_stdio_output_pump(&scene->output);
}

static void out_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct scene *scene = context;

	scene->closed = true;
	scene->reason = reason;
	ph_stdio_output_pump(&scene->output);
}

static void in_event(void *context, struct ph_terminal *terminal)
{
	struct scene *scene = context;

	ph_stdio_input_pump(&scene->input);
}

static const struct ph_terminal_ops out_ops = {.on_connected = out_event,
	.on_room = out_event,
	.on_closed = out_closed};
static const struct ph_terminal_ops in_ops = {.on_readable = in_event};

static void changed(void *context)
{
}

static void turn(struct scene *scene)
{
	for (int i = 0; i < 12; i++)
		ph_loop_turn(scene->rig.loop, 0);
}

static void wire(struct scene *scene)
{
	assert_int_equal(ph_terminal_connect(&scene->rig.kernel,
				 ph_terminal_handle(scene->out),
				 ph_terminal_handle(scene->in),
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &scene->pipe),
		0);
	turn(scene);
}

static void make_pipe(int *ours, int *theirs, int end)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	fcntl(ends[0], F_SETPIPE_SZ, CAPACITY);
	*ours = ends[end];
	*theirs = ends[!end];
}

static struct scene *open_scene(
	enum ph_framing framing, enum ph_direction direction)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	int fd;

	rig_open(&scene->rig);
	ph_terminal_create(
		&scene->rig.kernel, PH_OUT, &out_ops, scene, &scene->out);
	ph_terminal_create(
		&scene->rig.kernel, direction, &in_ops, scene, &scene->in);
	scene->output = (struct ph_stdio_output){.loop = scene->rig.loop,
		.pool = scene->rig.kernel.pool,
		.terminal = scene->out,
		.framing = framing,
		.on_change = changed};
	scene->input = (struct ph_stdio_input){.loop = scene->rig.loop,
		.terminal = scene->in,
		.framing = framing,
		.on_change = changed};
	make_pipe(&fd, &scene->stdout_end, 0);
	ph_stdio_output_open(&scene->output, fd);
	make_pipe(&fd, &scene->stdin_end, 1);
	ph_stdio_input_open(&scene->input, fd);
	wire(scene);
	return scene;
}

static void close_scene(struct scene *scene)
{
	ph_stdio_output_close(&scene->output);
	ph_stdio_input_close(&scene->input);
	if (scene->stdin_end >= 0)
		close(scene->stdin_end);
	if (scene->stdout_end >= 0)
		close(scene->stdout_end);
	ph_terminal_destroy(scene->out);
	ph_terminal_destroy(scene->in);
	rig_close(&scene->rig);
	free(scene);
}

/* The byte at this place of the stream. */
static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)((place * 0x9e3779b97f4a7c15u) >> 56);
}

/* The first program writes up to `length` more; false: it is held. */
static bool put(struct scene *scene, size_t length)
{
	ssize_t count;

	for (size_t i = 0; i < length; i++)
		scene->block[i] = byte_at(scene->wrote + i);
	count = write(scene->stdout_end, scene->block, length);
	if (count > 0)
		scene->wrote += (uint64_t)count;
	return count > 0;
}

/* The second one reads up to `length`; false: there is nothing. */
static bool get(struct scene *scene, size_t length)
{
	ssize_t count = read(scene->stdin_end, scene->block, length);

	for (ssize_t i = 0; i < count; i++)
		if (scene->block[i] != byte_at(scene->got + (uint64_t)i))
			fail_msg("byte %llu is another",
				(unsigned long long)scene->got + i);
	if (count > 0)
		scene->got += (uint64_t)count;
	return count > 0;
}

static void get_all(struct scene *scene)
{
	while (get(scene, BLOCK))
		turn(scene);
}

/* Until neither the programs nor the node take any more. */
static void fill(struct scene *scene)
{
	while (put(scene, BLOCK))
		turn(scene);
	turn(scene);
}

static void check_counters(struct scene *scene)
{
	const struct ph_counters *in = ph_pipe_in(scene->pipe);
	const struct ph_counters *out = ph_pipe_out(scene->pipe);

	assert_int_equal(in->bytes, scene->wrote);
	assert_int_equal(out->bytes, scene->wrote);
	assert_int_equal(in->messages, out->messages);
	assert_int_equal(in->frames, out->frames);
	/* BEGIN is one. */
	assert_int_equal(in->frames, in->messages + 1);
}

static void every_byte_arrives_and_is_counted(void **state)
{
	const char *dose = getenv("PH_DOSE");
	bool full = dose && strcmp(dose, "full") == 0;
	uint64_t size = (full ? 256u : 32u) * (uint64_t)CAPACITY;
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	while (scene->wrote < size) {
		assert_non_null(ph_terminal_conduit(scene->out));
		assert_true(put(scene, BLOCK));
		ph_loop_turn(scene->rig.loop, 0);
		assert_int_equal(ph_pipe_queued(scene->pipe), 0);
		assert_null(scene->output.buffer);
		while (get(scene, BLOCK))
			;
	}
	get_all(scene);
	assert_int_equal(scene->got, size);
	check_counters(scene);
	close_scene(scene);
}

static void a_slow_reader_holds_the_writer(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	fill(scene);
	/* What the two pipes of the operating system hold, and no more. */
	assert_in_range(scene->wrote, CAPACITY, 2 * CAPACITY);
	assert_true(ph_pipe_blocked_since(scene->pipe) > 0);
	assert_null(scene->output.watch.loop);
	assert_non_null(scene->input.watch.loop);
	turn(scene);
	get_all(scene);
	assert_int_equal(scene->got, scene->wrote);
	assert_int_equal(ph_pipe_blocked_since(scene->pipe), 0);
	assert_null(scene->input.watch.loop);
	check_counters(scene);
	assert_true(put(scene, 100));
	turn(scene);
	get_all(scene);
	assert_int_equal(scene->got, scene->wrote);
	close_scene(scene);
}

static void end_of_file_is_end(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	fill(scene);
	close(scene->stdout_end);
	scene->stdout_end = -1;
	turn(scene);
	assert_false(scene->output.eof);
	get_all(scene);
	assert_true(scene->output.eof);
	ph_terminal_finish(scene->out);
	turn(scene);
	assert_true(scene->input.ended);
	assert_int_equal(scene->got, scene->wrote);
	assert_int_equal(read(scene->stdin_end, scene->block, 1), 0);
	assert_false(scene->closed);
	ph_stdio_input_accept(&scene->input);
	turn(scene);
	assert_true(scene->closed);
	assert_int_equal(scene->reason, 0);
	close_scene(scene);
}

/* All is in the reader's pipe, which is full: the end is seen at once. */
static void the_end_does_not_wait_for_room(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	while (scene->wrote < CAPACITY) {
		assert_true(put(scene, BLOCK));
		turn(scene);
	}
	assert_int_equal(ph_pipe_in(scene->pipe)->bytes, CAPACITY);
	close(scene->stdout_end);
	scene->stdout_end = -1;
	turn(scene);
	assert_true(scene->output.eof);
	get_all(scene);
	assert_int_equal(scene->got, CAPACITY);
	close_scene(scene);
}

/* END comes while the reader has not taken what was moved. */
static void end_goes_behind_what_was_moved(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	while (scene->wrote < CAPACITY / 2)
		put(scene, BLOCK);
	close(scene->stdout_end);
	scene->stdout_end = -1;
	turn(scene);
	assert_true(scene->output.eof);
	ph_terminal_finish(scene->out);
	turn(scene);
	assert_true(scene->input.ended);
	get_all(scene);
	assert_int_equal(scene->got, scene->wrote);
	assert_int_equal(read(scene->stdin_end, scene->block, 1), 0);
	close_scene(scene);
}

static void a_cut_is_told_to_a_full_reader(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	fill(scene);
	ph_terminal_abort(scene->out, -EPIPE);
	turn(scene);
	assert_true(scene->input.cut);
	assert_true(scene->input.fd >= 0);
	close_scene(scene);
}

static void a_reader_that_is_gone_is_told(void **state)
{
	for (int full = 0; full < 2; full++) {
		struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

		put(scene, 100);
		turn(scene);
		if (full)
			fill(scene);
		close(scene->stdin_end);
		scene->stdin_end = -1;
		turn(scene);
		if (!full)
			put(scene, 100);
		turn(scene);
		assert_int_equal(scene->input.error, -EPIPE);
		assert_null(ph_terminal_conduit(scene->out));
		ph_terminal_refuse(scene->in, -EPIPE);
		turn(scene);
		assert_true(scene->closed);
		assert_int_equal(scene->reason, -EPIPE);
		close_scene(scene);
	}
}

/* The next consumer gets the bytes that were held, from its beginning. */
static void a_reader_that_leaves_lets_the_writer_go_on(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	fill(scene);
	scene->got = ph_pipe_out(scene->pipe)->bytes;
	ph_stdio_input_close(&scene->input);
	ph_terminal_refuse(scene->in, -EPIPE);
	close(scene->stdin_end);
	make_pipe(&scene->input.fd, &scene->stdin_end, 1);
	ph_stdio_input_open(&scene->input, scene->input.fd);
	turn(scene);
	assert_true(scene->closed);
	wire(scene);
	get_all(scene);
	assert_int_equal(scene->got, scene->wrote);
	close_scene(scene);
}

static void see(void *context, const struct ph_frame *frame)
{
	struct scene *scene = context;

	for (uint32_t i = 0; i < frame->length; i++)
		assert_int_equal(frame->data[i], byte_at(scene->seen + i));
	scene->seen += frame->length;
}

static void a_tap_sees_all_that_comes_after_it(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	fill(scene);
	scene->seen = ph_pipe_in(scene->pipe)->bytes;
	ph_terminal_set_tap(scene->out, see, scene);
	assert_null(ph_terminal_conduit(scene->out));
	for (int i = 0; i < 20; i++) {
		get_all(scene);
		fill(scene);
	}
	get_all(scene);
	assert_int_equal(scene->seen, scene->wrote);
	ph_terminal_set_tap(scene->out, NULL, NULL);
	put(scene, 1000);
	turn(scene);
	get_all(scene);
	assert_int_equal(scene->seen, scene->wrote - 1000);
	assert_int_equal(scene->got, scene->wrote);
	check_counters(scene);
	close_scene(scene);
}

static void nothing_overtakes_what_is_on_its_way(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	assert_non_null(ph_terminal_conduit(scene->out));
	ph_terminal_send(scene->out, PH_FRAME_FIN, "a", 1);
	assert_null(ph_terminal_conduit(scene->out));
	turn(scene);
	assert_non_null(ph_terminal_conduit(scene->out));
	ph_terminal_send(scene->out, 0, "b", 1);
	turn(scene);
	assert_null(ph_terminal_conduit(scene->out));
	ph_terminal_send(scene->out, PH_FRAME_FIN, "c", 1);
	turn(scene);
	assert_non_null(ph_terminal_conduit(scene->out));
	ph_terminal_finish(scene->out);
	assert_null(ph_terminal_conduit(scene->out));
	close_scene(scene);
}

static enum ph_full_verdict drop_newest(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_SKIP;
}

/* What may be dropped has to be looked at. */
static void a_policy_that_drops_needs_messages(void **state)
{
	static const struct ph_full_policy policy = {"newest", 0, drop_newest};
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);

	ph_terminal_abort(scene->out, -EPIPE);
	turn(scene);
	ph_stdio_input_close(&scene->input);
	close(scene->stdin_end);
	make_pipe(&scene->input.fd, &scene->stdin_end, 1);
	scene->input.cut = false;
	ph_stdio_input_open(&scene->input, scene->input.fd);
	assert_int_equal(ph_terminal_connect(&scene->rig.kernel,
				 ph_terminal_handle(scene->out),
				 ph_terminal_handle(scene->in),
				 (struct ph_pipe_limits){.full = &policy},
				 (struct ph_pipe_watcher){0}, &scene->pipe),
		0);
	turn(scene);
	assert_null(ph_terminal_conduit(scene->out));
	assert_true(put(scene, 1000));
	turn(scene);
	get_all(scene);
	assert_int_equal(scene->got, 1000);
	close_scene(scene);
}

static void messages_that_are_framed_are_not_moved(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_LENGTH, PH_IN);
	struct ph_pipe *pipe = scene->pipe;

	assert_null(ph_terminal_conduit(scene->out));
	close_scene(scene);
	scene = open_scene(PH_FRAMING_LINES, PH_IN);
	pipe = scene->pipe;
	assert_int_equal(write(scene->stdout_end, "a\nb\nc", 5), 5);
	turn(scene);
	assert_int_equal(ph_pipe_in(pipe)->messages, 2);
	close_scene(scene);
}

/* splice(2) refuses a file that is appended to. */
static void what_cannot_be_spliced_is_copied(void **state)
{
	char path[] = "/tmp/posthouse-splice-XXXXXX";
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);
	int named = mkstemp(path);
	int fd = open(path, O_WRONLY | O_APPEND);

	ph_stdio_input_close(&scene->input);
	ph_stdio_input_open(&scene->input, fd);
	ph_stdio_input_pump(&scene->input);
	close(scene->stdin_end);
	scene->stdin_end = named;
	for (int i = 0; i < 20; i++) {
		put(scene, 100 * 1000);
		turn(scene);
	}
	assert_true(scene->output.copies);
	get_all(scene);
	assert_int_equal(scene->got, 2 * 1000 * 1000);
	unlink(path);
	close_scene(scene);
}

/* While the first waits for room, a second source comes to the input. */
static void a_second_source_takes_turns(void **state)
{
	struct scene *scene = open_scene(PH_FRAMING_RAW, PH_COMBINE);
	struct ph_pipe *pipe;
	struct rig_source source;
	ssize_t count;

	fill(scene);
	rig_source_open(&source, &scene->rig);
	source.data = (const uint8_t *)"second";
	source.length = 6;
	assert_int_equal(ph_terminal_connect(&scene->rig.kernel,
				 ph_terminal_handle(source.terminal),
				 ph_terminal_handle(scene->in),
				 (struct ph_pipe_limits){0},
				 (struct ph_pipe_watcher){0}, &pipe),
		0);
	turn(scene);
	assert_null(ph_terminal_conduit(scene->out));
	/* What was moved comes first, in order. */
	while (scene->got < CAPACITY / 2)
		assert_true(get(scene, 4096));
	while ((count = read(scene->stdin_end, scene->block, BLOCK)) > 0) {
		scene->got += (uint64_t)count;
		turn(scene);
	}
	assert_int_equal(scene->got, scene->wrote + source.length);
	assert_null(ph_terminal_conduit(scene->out));
	source.finish = true;
	rig_source_pump(&source);
	turn(scene);
	assert_true(source.finished);
	assert_int_equal(ph_terminal_pipes(scene->in), 1);
	/* Alone again, it has the short road again. */
	assert_non_null(ph_terminal_conduit(scene->out));
	assert_int_equal(ph_pipe_out(scene->pipe)->bytes, scene->wrote);
	rig_source_close(&source);
	close_scene(scene);
}

static unsigned next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33);
}

/* Writer, reader, tap and node in any order: the stream is the stream. */
static void any_order_of_events_keeps_the_order_of_bytes(void **state)
{
	for (uint64_t run = 0; run < 20; run++) {
		struct scene *scene = open_scene(PH_FRAMING_RAW, PH_IN);
		uint64_t seed = run;
		bool tap = false;

		for (int i = 0; i < 1500; i++) {
			unsigned size = 1u << (next(&seed) % 18);

			switch (next(&seed) % 8) {
			case 0:
			case 1:
			case 2:
				put(scene, 1 + next(&seed) % size);
				break;
			case 3:
			case 4:
				get(scene, 1 + next(&seed) % size);
				break;
			case 5:
				tap = !tap;
				scene->seen = ph_pipe_in(scene->pipe)->bytes;
				ph_terminal_set_tap(
					scene->out, tap ? see : NULL, scene);
				break;
			default:
				ph_loop_turn(scene->rig.loop, 0);
			}
		}
		turn(scene);
		get_all(scene);
		assert_int_equal(scene->got, scene->wrote);
		check_counters(scene);
		close_scene(scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_arrives_and_is_counted),
		cmocka_unit_test(a_slow_reader_holds_the_writer),
		cmocka_unit_test(end_of_file_is_end),
		cmocka_unit_test(the_end_does_not_wait_for_room),
		cmocka_unit_test(end_goes_behind_what_was_moved),
		cmocka_unit_test(a_cut_is_told_to_a_full_reader),
		cmocka_unit_test(a_reader_that_is_gone_is_told),
		cmocka_unit_test(a_reader_that_leaves_lets_the_writer_go_on),
		cmocka_unit_test(a_tap_sees_all_that_comes_after_it),
		cmocka_unit_test(nothing_overtakes_what_is_on_its_way),
		cmocka_unit_test(a_policy_that_drops_needs_messages),
		cmocka_unit_test(messages_that_are_framed_are_not_moved),
		cmocka_unit_test(what_cannot_be_spliced_is_copied),
		cmocka_unit_test(a_second_source_takes_turns),
		cmocka_unit_test(any_order_of_events_keeps_the_order_of_bytes),
	};

	return cmocka_run_group_tests_name("splice", tests, NULL, NULL);
}
