/*
 * Who comes to an output whose stream is finished, or is just being finished:
 * each pipe sees an end, and the output is rid of all of them in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "kernel/terminal.h"
#include "test/kernel_world.h"

enum {
	SINKS = 4
};

/* What an input saw, a letter a frame: BEGIN B, END E, CUT C, GAP G, a
 * message's last frame m, another of it p. */
struct sink {
	struct ph_terminal *terminal;
	char saw[32];
	bool slow; /* takes nothing */
};

struct scene {
	struct world world;
	struct ph_terminal *out;
	struct sink sinks[SINKS];
	unsigned closed; /* pipes that the output was told to be over */
	int reason;	 /* of the last one */
};

static char letter(uint8_t flags)
{
	if (flags & PH_FRAME_BEGIN)
		return 'B';
	if (flags & PH_FRAME_END)
		return 'E';
	if (flags & PH_FRAME_CUT)
		return 'C';
	if (flags & PH_FRAME_GAP)
		return 'G';
	return flags & PH_FRAME_FIN ? 'm' : 'p';
}

static void sink_readable(void *context, struct ph_terminal *terminal)
{
	struct sink *sink = context;
	struct ph_frame frame;

	while (!sink->slow && ph_terminal_receive(terminal, &frame, NULL)) {
		assert_true(strlen(sink->saw) + 1 < sizeof(sink->saw));
		sink->saw[strlen(sink->saw)] = letter(frame.flags);
		ph_terminal_release(terminal);
	}
}

static void out_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct scene *scene = context;

	scene->closed++;
	scene->reason = reason;
}

static const struct ph_terminal_ops sink_ops = {.on_readable = sink_readable};
static const struct ph_terminal_ops out_ops = {.on_closed = out_closed};

static void scene_open(struct scene *scene, enum ph_direction direction)
{
	*scene = (struct scene){.reason = 1};
	assert_int_equal(world_open(&scene->world, 11), 0);
	assert_int_equal(ph_terminal_create(&scene->world.kernel, direction,
				 &out_ops, scene, &scene->out),
		0);
	for (unsigned i = 0; i < SINKS; i++)
		assert_int_equal(ph_terminal_create(&scene->world.kernel, PH_IN,
					 &sink_ops, &scene->sinks[i],
					 &scene->sinks[i].terminal),
			0);
}

static void scene_close(struct scene *scene)
{
	ph_terminal_destroy(scene->out);
	for (unsigned i = 0; i < SINKS; i++)
		ph_terminal_destroy(scene->sinks[i].terminal);
	world_run(&scene->world);
	assert_int_equal(ph_handles_count(scene->world.kernel.handles), 0);
	assert_int_equal(ph_pool_live(scene->world.kernel.pool), 0);
	ph_kernel_fini(&scene->world.kernel);
}

static enum ph_full_verdict close_it(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_CLOSE;
}

static const struct ph_full_policy disconnect = {"disconnect", 0, close_it};

static void join_with(
	struct scene *scene, unsigned sink, struct ph_pipe_limits limits)
{
	struct ph_pipe *pipe;

	assert_int_equal(
		ph_terminal_connect(&scene->world.kernel,
			ph_terminal_handle(scene->out),
			ph_terminal_handle(scene->sinks[sink].terminal), limits,
			(struct ph_pipe_watcher){0}, &pipe),
		0);
}

static void join(struct scene *scene, unsigned sink)
{
	join_with(scene, sink, (struct ph_pipe_limits){0});
}

static void say(struct scene *scene, uint8_t flags)
{
	assert_int_equal(ph_terminal_send(scene->out, flags, "word", 4), 0);
}

static void wake(struct scene *scene, unsigned sink)
{
	scene->sinks[sink].slow = false;
	sink_readable(&scene->sinks[sink], scene->sinks[sink].terminal);
	world_run(&scene->world);
}

#define assert_saw(scene, sink, text)                                          \
	assert_string_equal((scene)->sinks[sink].saw, text)

static void assert_over(struct scene *scene, unsigned pipes)
{
	world_run(&scene->world);
	assert_int_equal(ph_terminal_pipes(scene->out), 0);
	assert_int_equal(scene->closed, pipes);
	assert_int_equal(scene->reason, 0);
}

/* One that is slow has not consumed the end yet; for who comes meanwhile, too,
 * nothing more will be sent. */
static void test_who_comes_behind_the_end_gets_it(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_MUX);
	scene.sinks[0].slow = true;
	join(&scene, 0);
	join(&scene, 1);
	say(&scene, PH_FRAME_FIN);
	ph_terminal_finish(scene.out);
	world_run(&scene.world);
	assert_saw(&scene, 1, "BmE");
	join(&scene, 2);
	world_run(&scene.world);
	assert_saw(&scene, 2, "BE");
	wake(&scene, 0);
	assert_saw(&scene, 0, "BmE");
	assert_over(&scene, 3);
	/* What comes now is another stream. */
	join(&scene, 3);
	world_run(&scene.world);
	assert_saw(&scene, 3, "B");
	say(&scene, PH_FRAME_FIN);
	ph_terminal_finish(scene.out);
	world_run(&scene.world);
	assert_saw(&scene, 3, "BmE");
	assert_over(&scene, 4);
	scene_close(&scene);
}

/* The slow one is cut by its policy while the last words are sent, and wired
 * again: before the end, and behind it. */
static void test_who_was_disconnected_and_comes_again(void **state)
{
	for (unsigned behind = 0; behind < 2; behind++) {
		struct scene scene;
		struct sink *cut = &scene.sinks[1];

		scene_open(&scene, PH_MUX);
		scene.sinks[0].slow = cut->slow = true;
		join(&scene, 0);
		join_with(&scene, 1,
			(struct ph_pipe_limits){
				.bytes = 20, .full = &disconnect});
		world_run(&scene.world);
		while (ph_terminal_pipes(scene.out) == 2) {
			say(&scene, PH_FRAME_FIN);
			world_run(&scene.world);
		}
		assert_int_equal(scene.closed, 1);
		assert_int_equal(scene.reason, -ENOBUFS);
		wake(&scene, 1);
		assert_int_equal(cut->saw[strlen(cut->saw) - 1], 'C');
		memset(cut->saw, 0, sizeof(cut->saw));
		if (!behind)
			join(&scene, 1);
		ph_terminal_finish(scene.out);
		if (behind)
			join(&scene, 1);
		world_run(&scene.world);
		assert_saw(&scene, 1, "BE");
		wake(&scene, 0);
		assert_over(&scene, 3);
		scene_close(&scene);
	}
}

/* The first of two has not consumed it when the second comes. */
static void test_an_empty_stream_ends_for_all_who_come(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_MUX);
	ph_terminal_finish(scene.out);
	scene.sinks[0].slow = true;
	join(&scene, 0);
	join(&scene, 1);
	world_run(&scene.world);
	assert_saw(&scene, 1, "BE");
	wake(&scene, 0);
	assert_saw(&scene, 0, "BE");
	assert_over(&scene, 2);
	join(&scene, 2);
	world_run(&scene.world);
	assert_saw(&scene, 2, "B");
	scene_close(&scene);
}

/* It is told to nobody before all are there; then to all of them. */
static void test_an_empty_stream_ends_for_all_who_are_gathered(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_MUX);
	ph_terminal_gather(scene.out, 3);
	join(&scene, 0);
	ph_terminal_finish(scene.out);
	world_run(&scene.world);
	assert_saw(&scene, 0, "BE");
	join(&scene, 1);
	world_run(&scene.world);
	join(&scene, 2);
	world_run(&scene.world);
	assert_saw(&scene, 1, "BE");
	assert_saw(&scene, 2, "BE");
	assert_over(&scene, 3);
	scene_close(&scene);
}

/* Broken off behind its end, by its server: that stream is over for good. */
static void test_an_abort_forgets_the_end(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_MUX);
	scene.sinks[0].slow = true;
	join(&scene, 0);
	say(&scene, PH_FRAME_FIN);
	ph_terminal_finish(scene.out);
	ph_terminal_abort(scene.out, -ECANCELED);
	join(&scene, 1);
	world_run(&scene.world);
	assert_saw(&scene, 1, "B");
	say(&scene, PH_FRAME_FIN);
	ph_terminal_abort(scene.out, -ECANCELED);
	world_run(&scene.world);
	assert_saw(&scene, 1, "BmC");
	wake(&scene, 0);
	assert_saw(&scene, 0, "BmE");
	scene_close(&scene);
}

/* Every one of them is lost behind the end: so is the end. */
static void test_the_end_goes_with_the_last_pipe(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_MUX);
	scene.sinks[0].slow = scene.sinks[1].slow = true;
	join(&scene, 0);
	say(&scene, PH_FRAME_FIN);
	ph_terminal_finish(scene.out);
	join(&scene, 1);
	for (unsigned i = 0; i < 2; i++)
		ph_terminal_refuse(scene.sinks[i].terminal, -EIO);
	world_run(&scene.world);
	assert_int_equal(scene.closed, 2);
	assert_int_equal(scene.reason, -EIO);
	join(&scene, 2);
	world_run(&scene.world);
	assert_saw(&scene, 2, "B");
	scene_close(&scene);
}

/* An `out` has one consumer: the next stream is the next one's. */
static void test_an_out_ends_once(void **state)
{
	struct scene scene;

	scene_open(&scene, PH_OUT);
	join(&scene, 0);
	say(&scene, PH_FRAME_FIN);
	ph_terminal_finish(scene.out);
	world_run(&scene.world);
	assert_saw(&scene, 0, "BmE");
	join(&scene, 1);
	world_run(&scene.world);
	assert_saw(&scene, 1, "B");
	say(&scene, PH_FRAME_FIN);
	world_run(&scene.world);
	assert_saw(&scene, 1, "Bm");
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_behind_the_end_gets_it),
		cmocka_unit_test(test_who_was_disconnected_and_comes_again),
		cmocka_unit_test(test_an_empty_stream_ends_for_all_who_come),
		cmocka_unit_test(
			test_an_empty_stream_ends_for_all_who_are_gathered),
		cmocka_unit_test(test_an_abort_forgets_the_end),
		cmocka_unit_test(test_the_end_goes_with_the_last_pipe),
		cmocka_unit_test(test_an_out_ends_once),
	};

	return cmocka_run_group_tests_name("kernel late", tests, NULL, NULL);
}
