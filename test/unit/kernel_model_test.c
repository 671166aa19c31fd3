/*
 * A million random operations on terminals and pipes, each checked against a
 * model simple enough to be believed: per connection a list of sequence
 * numbers sent and not yet received. The seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "kernel/terminal.h"
#include "test/kernel_world.h"
#include "test/unit/kernel_seed.h"

enum {
	OUTPUTS = 6,
	INPUTS = 6,
	DEPTH = 64
};

/* What the model knows of one connection. */
struct edge {
	bool there;
	unsigned output;
	uint32_t expected[DEPTH]; /* sizes and numbers, oldest first */
	unsigned waiting;
	bool begun;
	bool ended; /* END or CUT waits behind */
	bool finished;
	uint32_t next;
};

struct model {
	struct ph_terminal *out[OUTPUTS];
	struct ph_terminal *in[INPUTS];
	struct edge edges[INPUTS]; /* by input */
	unsigned gone;
	unsigned made;
};

static const struct ph_terminal_ops quiet = {0};

static void on_gone(void *context, struct ph_pipe *pipe, int reason)
{
	((struct model *)context)->gone++;
}

static void make_terminals(struct world *world, struct model *model)
{
	for (unsigned i = 0; i < OUTPUTS; i++)
		assert_int_equal(ph_terminal_create(&world->kernel, PH_OUT,
					 &quiet, NULL, &model->out[i]),
			0);
	for (unsigned i = 0; i < INPUTS; i++)
		assert_int_equal(ph_terminal_create(&world->kernel, PH_IN,
					 &quiet, NULL, &model->in[i]),
			0);
}

static struct edge *edge_of(struct model *model, unsigned output)
{
	for (unsigned i = 0; i < INPUTS; i++)
		if (model->edges[i].there && !model->edges[i].ended &&
			model->edges[i].output == output)
			return &model->edges[i];
	return NULL;
}

/* True while the output still holds its pipe, finished or not. */
static bool output_busy(struct model *model, unsigned output)
{
	return ph_terminal_pipes(model->out[output]) > 0;
}

static void do_connect(struct world *world, struct model *model)
{
	unsigned from = dice(world, OUTPUTS);
	unsigned to = dice(world, INPUTS);
	struct ph_pipe_limits limits = {.bytes = 4096, .messages = DEPTH - 2};
	struct ph_pipe_watcher watcher = {on_gone, model};
	struct ph_pipe *pipe;
	bool busy = output_busy(model, from) || model->edges[to].there;
	int error = ph_terminal_connect(&world->kernel,
		ph_terminal_handle(model->out[from]),
		ph_terminal_handle(model->in[to]), limits, watcher, &pipe);

	assert_int_equal(error, busy ? -EBUSY : 0);
	if (error)
		return;
	model->made++;
	model->edges[to] = (struct edge){.there = true, .output = from};
}

static void do_send(struct world *world, struct model *model)
{
	unsigned from = dice(world, OUTPUTS);
	struct edge *edge = edge_of(model, from);
	uint32_t size = 4 + dice(world, 60);
	uint8_t payload[64] = {0};
	int error;

	if (edge)
		memcpy(payload, &edge->next, 4);
	error = ph_terminal_send(model->out[from], PH_FRAME_FIN, payload, size);
	if (!edge) {
		assert_true(error == -ENOTCONN || error == -EPIPE);
		return;
	}
	if (error == -EAGAIN) {
		assert_true(edge->waiting > 0);
		return;
	}
	assert_int_equal(error, 0);
	assert_true(edge->waiting < DEPTH);
	edge->expected[edge->waiting++] = edge->next++;
}

static void check_frame(struct edge *edge, const struct ph_frame *frame)
{
	uint32_t number;

	if (frame->flags & PH_FRAME_BEGIN) {
		assert_false(edge->begun);
		edge->begun = true;
		return;
	}
	assert_true(edge->begun);
	if (frame->flags & (PH_FRAME_END | PH_FRAME_CUT)) {
		assert_int_equal(edge->waiting, 0);
		assert_true(edge->ended);
		assert_int_equal(
			!!(frame->flags & PH_FRAME_END), edge->finished);
		edge->there = false;
		return;
	}
	assert_true(edge->waiting > 0);
	memcpy(&number, frame->data, 4);
	assert_int_equal(number, edge->expected[0]);
	memmove(edge->expected, edge->expected + 1,
		--edge->waiting * sizeof(uint32_t));
}

static void do_receive(struct world *world, struct model *model)
{
	unsigned to = dice(world, INPUTS);
	struct edge *edge = &model->edges[to];
	struct ph_frame frame;

	for (unsigned n = dice(world, 8); n; n--) {
		if (!ph_terminal_receive(model->in[to], &frame, NULL)) {
			assert_true(!edge->there ||
				    (edge->begun && !edge->waiting &&
					    !edge->ended));
			return;
		}
		check_frame(edge, &frame);
		ph_terminal_release(model->in[to]);
	}
}

static void do_finish(struct world *world, struct model *model)
{
	unsigned from = dice(world, OUTPUTS);
	struct edge *edge = edge_of(model, from);

	/* Without a pipe the end would wait for one: not modelled here. */
	if (!output_busy(model, from))
		return;
	ph_terminal_finish(model->out[from]);
	if (edge)
		edge->ended = edge->finished = true;
}

static void do_abort(struct world *world, struct model *model)
{
	unsigned from = dice(world, OUTPUTS);
	struct edge *edge = edge_of(model, from);

	ph_terminal_abort(model->out[from], -ECANCELED);
	if (edge)
		edge->ended = true;
}

static void do_replace(struct world *world, struct model *model)
{
	unsigned from = dice(world, OUTPUTS);
	struct edge *edge = edge_of(model, from);
	ph_handle stale = ph_terminal_handle(model->out[from]);

	ph_terminal_destroy(model->out[from]);
	if (edge)
		edge->ended = true;
	assert_null(ph_terminal_find(&world->kernel, stale));
	assert_int_equal(ph_terminal_create(&world->kernel, PH_OUT, &quiet,
				 NULL, &model->out[from]),
		0);
}

static void do_refuse(struct world *world, struct model *model)
{
	unsigned to = dice(world, INPUTS);

	ph_terminal_refuse(model->in[to], -ENOSPC);
	model->edges[to].there = false;
	/* The output learns of it in the next turn. */
	world_run(world);
}

static void step(struct world *world, struct model *model)
{
	uint32_t roll = dice(world, 100);

	world->now++;
	if (roll < 12)
		do_connect(world, model);
	else if (roll < 50)
		do_send(world, model);
	else if (roll < 90)
		do_receive(world, model);
	else if (roll < 92)
		do_finish(world, model);
	else if (roll < 94)
		do_abort(world, model);
	else if (roll < 95)
		do_replace(world, model);
	else if (roll < 96)
		do_refuse(world, model);
	else
		world_run(world);
}

static void close_all(struct world *world, struct model *model)
{
	for (unsigned i = 0; i < OUTPUTS; i++)
		ph_terminal_destroy(model->out[i]);
	for (unsigned i = 0; i < INPUTS; i++)
		ph_terminal_destroy(model->in[i]);
	world_run(world);
	assert_int_equal(ph_handles_count(world->kernel.handles), 0);
	assert_int_equal(ph_pool_live(world->kernel.pool), 0);
	assert_int_equal(model->gone, model->made);
	ph_kernel_fini(&world->kernel);
}

static void test_random_operations_agree_with_the_model(void **state)
{
	uint64_t seed = seed_of();
	struct model model = {0};
	struct world world;

	assert_int_equal(world_open(&world, seed), 0);
	make_terminals(&world, &model);
	for (unsigned n = 0; n < 1000000; n++)
		step(&world, &model);
	assert_true(model.made > 10000);
	close_all(&world, &model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations_agree_with_the_model),
	};

	return cmocka_run_group_tests_name("kernel model", tests, NULL, NULL);
}
