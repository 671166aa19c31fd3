#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/rate.h"

/* Counters that a generator of known rate turns, and looks at them. */
#define START (1000 * PH_SECOND)

struct world {
	struct ph_rate rate;
	int64_t now;
	int64_t sampled;
	struct ph_rate_count count;
};

static void open_world(struct world *world)
{
	*world = (struct world){.now = START, .sampled = START};
	ph_rate_begin(&world->rate, START);
}

/* For `time` ns a message of `bytes` each `every` ns; a turn of the loop each,
 * in which the sampler runs first. */
static void generate(
	struct world *world, int64_t time, int64_t every, uint64_t bytes)
{
	int64_t ended = world->now;

	for (int64_t at = every; at <= time; at += every) {
		world->now += every;
		if (world->now >= world->sampled + PH_RATE_PERIOD) {
			ph_rate_sample(
				&world->rate, ended, world->now, &world->count);
			world->sampled = world->now;
		}
		world->count.of[PH_RATE_SENT_BYTES] += bytes;
		world->count.of[PH_RATE_SENT_MESSAGES]++;
		ended = world->now;
	}
}

/* Nothing turns the loop until somebody looks, `time` ns later. */
static struct ph_rates look(struct world *world, int64_t time)
{
	int64_t ended = world->now;

	world->now += time;
	if (world->now >= world->sampled + PH_RATE_PERIOD) {
		ph_rate_sample(&world->rate, ended, world->now, &world->count);
		world->sampled = world->now;
	}
	return ph_rate_look(&world->rate, world->now, &world->count);
}

static uint64_t sent(const struct ph_rates *rates, unsigned window)
{
	return rates->over[window].of[PH_RATE_SENT_BYTES];
}

/* Odd steps, so that no window begins at a sample. */
static void ten_seconds_are_within_one_percent(void **state)
{
	static const int64_t steps[] = {
		700001, 7 * PH_MILLISECOND, 33 * PH_MILLISECOND};

	for (unsigned i = 0; i < 3; i++) {
		uint64_t wanted =
			(uint64_t)(1000 * (double)PH_SECOND / (double)steps[i]);
		struct world world;
		struct ph_rates rates;

		open_world(&world);
		for (int64_t time = 3; time < 100; time += 19) {
			generate(&world, 19 * PH_SECOND, steps[i], 1000);
			rates = look(&world, 1);
			assert_in_range(sent(&rates, PH_RATE_10),
				wanted - wanted / 100, wanted + wanted / 100);
			assert_in_range(sent(&rates, PH_RATE_1),
				wanted - wanted / 20, wanted + wanted / 20);
			assert_in_range(sent(&rates, PH_RATE_60),
				wanted - wanted / 100, wanted + wanted / 100);
		}
		assert_true(world.rate.count <= 64);
		ph_rate_fini(&world.rate);
	}
}

/* The first look is as good as any. */
static void a_young_connection_has_the_rate_of_its_life(void **state)
{
	struct world world;
	struct ph_rates rates;

	open_world(&world);
	rates = look(&world, 0);
	assert_int_equal(sent(&rates, PH_RATE_10), 0);
	generate(&world, 4 * PH_SECOND, 10 * PH_MILLISECOND, 1000);
	rates = look(&world, 0);
	assert_in_range(sent(&rates, PH_RATE_10), 99000, 101000);
	assert_in_range(sent(&rates, PH_RATE_60), 99000, 101000);
	assert_in_range(
		rates.over[PH_RATE_10].of[PH_RATE_SENT_MESSAGES], 99, 101);
	assert_int_equal(rates.over[PH_RATE_10].of[PH_RATE_RECEIVED_BYTES], 0);
	ph_rate_fini(&world.rate);
}

/* A pause in which nothing turns the loop is not spread over what was before
 * it. */
static void what_was_before_a_pause_leaves_the_window(void **state)
{
	struct world world;
	struct ph_rates rates;

	open_world(&world);
	generate(&world, 20 * PH_SECOND, 10 * PH_MILLISECOND, 1000);
	rates = look(&world, 5 * PH_SECOND);
	assert_int_equal(sent(&rates, PH_RATE_1), 0);
	assert_in_range(sent(&rates, PH_RATE_10), 49500, 50500);
	rates = look(&world, 6 * PH_SECOND);
	assert_int_equal(sent(&rates, PH_RATE_10), 0);
	assert_in_range(sent(&rates, PH_RATE_60), 64000, 65200);
	rates = look(&world, 60 * PH_SECOND);
	assert_int_equal(sent(&rates, PH_RATE_60), 0);
	/* Nor does it cost anything any more. */
	assert_null(world.rate.past);
	/* Again. */
	generate(&world, 2 * PH_SECOND, 10 * PH_MILLISECOND, 1000);
	rates = look(&world, 0);
	assert_in_range(sent(&rates, PH_RATE_1), 98000, 102000);
	assert_in_range(sent(&rates, PH_RATE_10), 19700, 20300);
	ph_rate_fini(&world.rate);
}

/* Written, read back, and what an older node writes. */
static void rates_are_told(void **state)
{
	struct ph_rates rates = {
		.over = {{{1, 2, 3, 4}}, {{5, 6, 7, 8}}, {{9, 10, 11, 12}}}};
	struct ph_document *document;
	struct ph_rates back = {0};
	struct ph_writer *writer;
	struct ph_value map;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_rates_write(writer, "rate", &rates);
	ph_write_end(writer);
	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_TABLE), 0);
	map = ph_value_get(ph_document_root(document), "rate");
	ph_rates_read(&back, map);
	assert_memory_equal(&back, &rates, sizeof(rates));
	assert_int_equal(ph_get_u64(map, "sent_bps"), 1);
	assert_int_equal(
		ph_get_u64(ph_value_get(map, "60s"), "received_mps"), 12);
	ph_document_free(document);
	ph_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_seconds_are_within_one_percent),
		cmocka_unit_test(a_young_connection_has_the_rate_of_its_life),
		cmocka_unit_test(what_was_before_a_pause_leaves_the_window),
		cmocka_unit_test(rates_are_told),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
