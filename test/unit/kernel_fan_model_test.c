/*
 * As kernel_model_test.c, for outputs that feed many, inputs fed by many, and
 * pipes that may drop. The model of an edge is two numbers: which message comes
 * next, and how many bytes were sent and not told of; a GAP moves both.
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

static const struct ph_terminal_ops quiet = {0};

enum {
	FANS = 4,
	EDGES = 24,
	EDGE_BYTES = 2048
};

struct fan_edge {
	ph_handle pipe; /* 0: free */
	unsigned from;
	uint32_t next;	/* number of the message that comes */
	uint32_t piece; /* of it */
	int64_t owed;	/* bytes sent, neither come nor in a GAP */
	uint32_t last;	/* at END: the first number never sent */
	bool late;	/* a message began before */
	bool gone;	/* finished, aborted, or left the output */
	bool finished;
	bool may_drop;
	const char *policy;
};

struct fan_model {
	struct world *world;
	struct ph_terminal *mux[FANS];
	struct ph_terminal *combine[FANS];
	uint32_t number[FANS]; /* of the message being sent */
	uint32_t piece[FANS];
	bool ending[FANS]; /* finished, and somebody has not consumed that */
	struct fan_edge edges[EDGES];
	uint64_t gaps;
	uint64_t ends;
	uint64_t late_ends; /* of who came behind the end */
	uint64_t dropped;
};

struct fan_stamp {
	uint32_t from;
	uint32_t number;
	uint32_t piece;
};

static enum ph_full_verdict fan_oldest(struct ph_pipe *pipe, uint32_t length)
{
	if (!ph_pipe_could_take(pipe, length) || !ph_pipe_drop_oldest(pipe))
		return PH_FULL_SKIP;
	return PH_FULL_RETRY;
}

static enum ph_full_verdict fan_newest(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_SKIP;
}

static enum ph_full_verdict fan_close(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_CLOSE;
}

static const struct ph_full_policy fan_policies[] = {
	{"block", 0, NULL},
	{"drop-oldest", 0, fan_oldest},
	{"drop-newest", 0, fan_newest},
	{"latest", 1, fan_oldest},
	{"disconnect", 0, fan_close},
};

static struct fan_edge *fan_edge_of(struct fan_model *model, ph_handle pipe)
{
	for (unsigned i = 0; i < EDGES; i++)
		if (model->edges[i].pipe == pipe)
			return &model->edges[i];
	return NULL;
}

static void fan_gone(void *context, struct ph_pipe *pipe, int reason)
{
	struct fan_edge *edge = fan_edge_of(context, ph_pipe_handle(pipe));

	if (edge)
		edge->pipe = 0;
}

/* Its server sends nothing before all are gone; who comes gets the end too. */
static bool fan_is_ending(struct fan_model *model, unsigned from)
{
	model->ending[from] =
		model->ending[from] && ph_terminal_pipes(model->mux[from]) > 0;
	return model->ending[from];
}

static void fan_connect(struct fan_model *model)
{
	struct fan_edge *edge = fan_edge_of(model, 0);
	unsigned from = dice(model->world, FANS);
	unsigned to = dice(model->world, FANS);
	unsigned policy = dice(model->world, 5);
	bool ending = fan_is_ending(model, from);
	struct ph_pipe_limits limits = {
		.bytes = EDGE_BYTES, .full = &fan_policies[policy]};
	struct ph_pipe *pipe;

	if (!edge)
		return;
	model->late_ends += ending;
	assert_int_equal(
		ph_terminal_connect(&model->world->kernel,
			ph_terminal_handle(model->mux[from]),
			ph_terminal_handle(model->combine[to]), limits,
			(struct ph_pipe_watcher){fan_gone, model}, &pipe),
		0);
	*edge = (struct fan_edge){
		.pipe = ph_pipe_handle(pipe),
		.from = from,
		.late = model->piece[from] > 0,
		.next = model->number[from] + (model->piece[from] > 0),
		.may_drop = policy > 0,
		.policy = fan_policies[policy].name,
		.gone = ending,
		.finished = ending,
		.last = model->number[from],
	};
}

/* All who are still fed by it. */
static void fan_count(
	struct fan_model *model, unsigned from, uint32_t size, bool whole)
{
	for (unsigned i = 0; i < EDGES; i++) {
		struct fan_edge *edge = &model->edges[i];

		if (!edge->pipe || edge->gone || edge->from != from)
			continue;
		if (!edge->late)
			edge->owed += size;
		edge->late = edge->late && !whole;
	}
}

/* A pipe that cut itself got nothing of this frame. */
static void fan_leave(struct fan_model *model)
{
	for (unsigned i = 0; i < EDGES; i++) {
		struct fan_edge *edge = &model->edges[i];
		struct ph_pipe *pipe =
			edge->pipe ? ph_pipe_find(
					     &model->world->kernel, edge->pipe)
				   : NULL;

		if (pipe && !edge->gone && ph_pipe_reason(pipe) == -ENOBUFS)
			edge->gone = true;
	}
}

static void fan_send(struct fan_model *model)
{
	unsigned from = dice(model->world, FANS);
	uint8_t payload[800] = {0};
	uint32_t size = sizeof(struct fan_stamp) + dice(model->world, 700);
	bool whole = dice(model->world, 3) > 0;
	struct fan_stamp stamp = {
		from, model->number[from], model->piece[from]};
	int error;

	if (fan_is_ending(model, from))
		return;
	memcpy(payload, &stamp, sizeof(stamp));
	error = ph_terminal_send(
		model->mux[from], whole ? PH_FRAME_FIN : 0, payload, size);
	fan_leave(model);
	if (error) {
		assert_true(error == -EAGAIN || error == -ENOTCONN ||
			    error == -EPIPE);
		return;
	}
	fan_count(model, from, size, whole);
	model->piece[from] = whole ? 0 : model->piece[from] + 1;
	model->number[from] += whole;
}

static void fan_check_data(struct fan_edge *edge, const struct ph_frame *frame)
{
	struct fan_stamp stamp;

	memcpy(&stamp, frame->data, sizeof(stamp));
	assert_int_equal(stamp.from, edge->from);
	assert_int_equal(stamp.number, edge->next);
	assert_int_equal(stamp.piece, edge->piece);
	edge->owed -= frame->length;
	edge->piece = frame->flags & PH_FRAME_FIN ? 0 : edge->piece + 1;
	edge->next += frame->flags & PH_FRAME_FIN;
}

static void fan_check(struct fan_model *model, struct fan_edge *edge,
	const struct ph_frame *frame)
{
	struct ph_gap gap = {0};

	if (frame->flags & PH_FRAME_GAP) {
		assert_true(edge->may_drop);
		/* Never inside a message. */
		assert_int_equal(edge->piece, 0);
		assert_true(ph_gap_read(&gap, frame->data, frame->length));
		edge->next += (uint32_t)gap.messages;
		edge->owed -= (int64_t)gap.bytes;
		model->gaps++;
		model->dropped += gap.messages;
	} else if (frame->flags & PH_FRAME_END) {
		assert_true(edge->gone && edge->finished);
		assert_int_equal(edge->owed, 0);
		assert_int_equal(edge->next, edge->last);
		model->ends++;
	} else if (frame->flags & PH_FRAME_CUT) {
		assert_true(edge->gone && !edge->finished);
		assert_int_equal(edge->owed, 0);
	} else if (!ph_frame_is_control(frame->flags)) {
		fan_check_data(edge, frame);
	}
	assert_true(edge->owed >= 0);
}

static void fan_receive(struct fan_model *model)
{
	struct ph_terminal *in = model->combine[dice(model->world, FANS)];
	struct ph_frame frame;
	ph_handle source;

	for (unsigned n = dice(model->world, 12); n; n--) {
		struct fan_edge *edge;

		if (!ph_terminal_receive(in, &frame, &source))
			return;
		edge = fan_edge_of(model, source);
		assert_non_null(edge);
		fan_check(model, edge, &frame);
		if (frame.flags & (PH_FRAME_END | PH_FRAME_CUT))
			edge->pipe = 0;
		ph_terminal_release(in);
	}
}

static void fan_end(struct fan_model *model, bool finish)
{
	unsigned from = dice(model->world, FANS);

	for (unsigned i = 0; i < EDGES; i++) {
		struct fan_edge *edge = &model->edges[i];

		if (!edge->pipe || edge->gone || edge->from != from)
			continue;
		edge->gone = true;
		edge->finished = finish;
		edge->last = model->number[from];
		/* Nothing came of a message that it was late for. */
		if (edge->late)
			edge->last++;
	}
	if (finish)
		ph_terminal_finish(model->mux[from]);
	model->ending[from] = finish && dice(model->world, 2) &&
			      ph_terminal_pipes(model->mux[from]) > 0;
	if (!model->ending[from])
		ph_terminal_abort(model->mux[from], -ECANCELED);
	model->piece[from] = 0;
	model->number[from]++;
}

static void fan_refuse(struct fan_model *model)
{
	struct ph_terminal *in = model->combine[dice(model->world, FANS)];

	while (ph_terminal_pipes(in)) {
		struct fan_edge *edge = fan_edge_of(
			model, ph_pipe_handle(ph_terminal_pipe(in, 0)));

		assert_non_null(edge);
		ph_terminal_refuse(in, -ENOSPC);
	}
	world_run(model->world);
}

static void fan_bounds(struct fan_model *model)
{
	for (unsigned i = 0; i < EDGES; i++) {
		const struct fan_edge *edge = &model->edges[i];
		struct ph_pipe *pipe =
			edge->pipe ? ph_pipe_find(
					     &model->world->kernel, edge->pipe)
				   : NULL;

		if (pipe)
			assert_true(ph_pipe_queued(pipe) <= EDGE_BYTES + 64);
	}
}

static void fan_step(struct fan_model *model)
{
	uint32_t roll = dice(model->world, 1000);

	if (roll < 40)
		fan_connect(model);
	else if (roll < 560)
		fan_send(model);
	else if (roll < 860)
		fan_receive(model);
	else if (roll < 864)
		fan_end(model, true);
	else if (roll < 868)
		fan_end(model, false);
	else if (roll < 870)
		fan_refuse(model);
	else if (roll < 880)
		fan_bounds(model);
	else
		world_run(model->world);
}

static void test_fans_and_policies_agree_with_the_model(void **state)
{
	uint64_t seed = seed_of();
	struct world world;
	struct fan_model model = {.world = &world};

	assert_int_equal(world_open(&world, seed), 0);
	for (unsigned i = 0; i < FANS; i++) {
		assert_int_equal(ph_terminal_create(&world.kernel, PH_MUX,
					 &quiet, NULL, &model.mux[i]),
			0);
		assert_int_equal(ph_terminal_create(&world.kernel, PH_COMBINE,
					 &quiet, NULL, &model.combine[i]),
			0);
	}
	for (unsigned n = 0; n < 1000000; n++)
		fan_step(&model);
	assert_true(model.gaps > 5000);
	assert_true(model.dropped > 20000);
	assert_true(model.ends > 500);
	assert_true(model.late_ends > 100);
	for (unsigned i = 0; i < FANS; i++) {
		ph_terminal_destroy(model.mux[i]);
		ph_terminal_destroy(model.combine[i]);
	}
	world_run(&world);
	assert_int_equal(ph_handles_count(world.kernel.handles), 0);
	assert_int_equal(ph_pool_live(world.kernel.pool), 0);
	ph_kernel_fini(&world.kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fans_and_policies_agree_with_the_model),
	};

	return cmocka_run_group_tests_name(
		"kernel fan model", tests, NULL, NULL);
}
