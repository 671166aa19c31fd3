#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/queue.h"

/*
 * A retaining queue against a list: whatever was put in, taken, acknowledged
 * and sent again, what comes next is what the list says, byte for byte.
 */
#define FRAMES_MOST 4096u
#define BYTES_MOST  (8u * 1024 * 1024)

struct model {
	struct ph_pool *pool;
	struct ph_queue queue;
	struct ph_buffer *source;
	uint8_t *bytes;			/* every record ever put in */
	size_t starts[FRAMES_MOST + 1]; /* of each frame in them */
	unsigned frames;
	size_t taken; /* bytes, from the start */
	unsigned acknowledged;
	uint64_t seed;
};

static unsigned dice(struct model *model, unsigned sides)
{
	model->seed = model->seed * UINT64_C(6364136223846793005) + 1;
	return (unsigned)(model->seed >> 33) % sides;
}

static void put(struct model *model)
{
	static const unsigned sizes[] = {0, 8, 64, 3000, 20000, 60000};
	uint32_t length = dice(model, sizes[dice(model, 6)] + 1);
	uint8_t flags = dice(model, 2) ? PH_FRAME_FIN : 0;
	size_t start = model->starts[model->frames];
	const uint8_t *data = model->source->data +
			      dice(model, model->source->used - length + 1);

	if (model->frames == FRAMES_MOST ||
		start + length + PH_FRAME_HEADER > BYTES_MOST)
		return;
	if (length >= PH_QUEUE_GATHER)
		assert_int_equal(0, ph_queue_gather(&model->queue, flags,
					    model->source, data, length));
	else
		assert_int_equal(
			0, ph_queue_copy(&model->queue, flags, data, length));
	ph_frame_header(model->bytes + start, length, flags);
	memcpy(model->bytes + start + PH_FRAME_HEADER, data, length);
	model->starts[++model->frames] = start + PH_FRAME_HEADER + length;
}

/* What the queue offers is what the list says, inside the window. */
static void take(struct model *model)
{
	struct iovec vectors[16];
	unsigned count = ph_queue_vectors(&model->queue, vectors, 16);
	size_t offered = 0;

	for (unsigned i = 0; i < count; i++) {
		assert_true(vectors[i].iov_len > 0);
		assert_memory_equal(model->bytes + model->taken + offered,
			vectors[i].iov_base, vectors[i].iov_len);
		offered += vectors[i].iov_len;
	}
	assert_true(model->queue.kept + offered <= model->queue.window);
	assert_true((offered > 0) == ph_queue_sendable(&model->queue));
	if (offered && dice(model, 3))
		offered = dice(model, (unsigned)offered) + 1;
	ph_queue_advance(&model->queue, offered);
	model->taken += offered;
}

/* Frames that are out as a whole. */
static unsigned whole(const struct model *model)
{
	unsigned frames = model->acknowledged;

	while (frames < model->frames &&
		model->starts[frames + 1] <= model->taken)
		frames++;
	return frames;
}

static void acknowledge(struct model *model)
{
	unsigned most = whole(model) - model->acknowledged;
	uint64_t kept = model->queue.kept;

	model->acknowledged += dice(model, most + 1);
	ph_queue_acknowledge(&model->queue, model->acknowledged);
	assert_true(model->queue.kept <= kept);
	assert_true(model->queue.first <= model->acknowledged);
	/* A whole buffer at most stays for one frame of it. */
	assert_true(model->starts[model->acknowledged] -
			    model->starts[model->queue.first] <=
		    PH_BUFFER_SMALL + PH_FRAME_MAX);
}

static void again(struct model *model)
{
	unsigned span = whole(model) - model->acknowledged;
	unsigned next = model->acknowledged + dice(model, span + 1);

	assert_int_equal(0, ph_queue_rewind(&model->queue, next));
	model->taken = model->starts[next];
}

static void check(const struct model *model)
{
	const struct ph_queue *queue = &model->queue;

	assert_true(
		queue->bytes == model->starts[model->frames] - model->taken);
	assert_true(queue->kept == model->taken - model->starts[queue->first]);
	/* One begun counts, and so do those of its segment. */
	assert_true(queue->frames >= model->frames - whole(model));
	if (!queue->bytes)
		assert_true(!queue->frames && !queue->messages);
}

static void run(uint64_t seed)
{
	static void (*const verbs[])(struct model *) = {
		put, put, put, take, take, take, acknowledge, again};
	static struct model model;
	size_t live;

	memset(&model, 0, sizeof(model));
	model.seed = seed;
	assert_int_equal(0, ph_pool_create(&model.pool));
	model.bytes = malloc(BYTES_MOST);
	model.source = ph_buffer_get(model.pool, PH_BUFFER_LARGE);
	model.source->used = 256 * 1024;
	for (unsigned i = 0; i < model.source->used; i++)
		model.source->data[i] = (uint8_t)dice(&model, 256);
	ph_queue_init(&model.queue, model.pool);
	ph_queue_retain(&model.queue, 300 * 1024);
	for (unsigned i = 0; i < 3000; i++) {
		verbs[dice(&model, i % 50 ? 7 : 8)](&model);
		check(&model);
	}
	assert_int_equal(
		-ERANGE, ph_queue_rewind(&model.queue, model.frames + 1));
	if (model.queue.first)
		assert_int_equal(-ERANGE,
			ph_queue_rewind(&model.queue, model.queue.first - 1));
	/* Everything out and acknowledged: nothing is held. */
	while (model.queue.bytes) {
		take(&model);
		acknowledge(&model);
	}
	ph_queue_acknowledge(&model.queue, model.frames);
	assert_int_equal(model.queue.count, 0);
	assert_true(model.queue.kept == 0);
	live = ph_pool_live(model.pool);
	assert_int_equal(live, 1);
	ph_queue_fini(&model.queue);
	ph_buffer_unref(model.source);
	ph_pool_destroy(model.pool);
	free(model.bytes);
}

static void like_a_list(void **state)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		run(seed);
}

/* Small messages of a slow talker share a buffer also while they are kept. */
static void small_ones_stay_packed(void **state)
{
	struct ph_pool *pool;
	struct ph_queue queue;

	assert_int_equal(0, ph_pool_create(&pool));
	ph_queue_init(&queue, pool);
	ph_queue_retain(&queue, 1024 * 1024);
	for (unsigned i = 0; i < 500; i++) {
		struct iovec vectors[4];

		assert_int_equal(
			0, ph_queue_copy(&queue, PH_FRAME_FIN, "word", 4));
		assert_int_equal(1, ph_queue_vectors(&queue, vectors, 4));
		assert_int_equal(8, vectors[0].iov_len);
		ph_queue_advance(&queue, 8);
		assert_int_equal(0, queue.frames);
	}
	assert_int_equal(queue.kept, 500 * 8);
	assert_int_equal(ph_pool_live(pool), 1);
	ph_queue_acknowledge(&queue, 499);
	assert_int_equal(ph_pool_live(pool), 1);
	ph_queue_acknowledge(&queue, 500);
	assert_int_equal(ph_pool_live(pool), 0);
	ph_queue_fini(&queue);
	ph_pool_destroy(pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_a_list),
		cmocka_unit_test(small_ones_stay_packed),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
