#include <stdio.h>

#include "bench/contestants.h"

/*
 * Rows that are many: how the rate goes with the size of messages, with the
 * number of connections and with fan-out (what `make bench-plot` draws), and
 * one of eight that stands still, under each policy.
 */
#define MS INT64_C(1000000)
/* Pairs of a consumer that stands still and of none that does. */
#define PAIRS 10

static void run_sizes(unsigned rounds, struct bench_output *output)
{
	for (size_t size = 16; size <= (size_t)16 << 20; size *= 4) {
		char name[48];
		struct bench_race race = {
			.name = name,
			.load = {.size = size, .ns = 200 * MS},
			.contestants = {&bench_ours,
				size < 4096 ? &bench_raw_batched
					    : &bench_raw_large},
			.contestant_count = 2,
			.rows = {{1, BENCH_MESSAGES, 0}},
			.row_count = 1,
		};

		snprintf(name, sizeof(name), "scale: messages of %zu B", size);
		bench_race_run(&race, rounds, output);
	}
}

static void run_widths(const char *what, const struct bench_contestant *ours,
	const unsigned *widths, unsigned rounds, struct bench_output *output)
{
	for (; *widths; widths++) {
		char name[48];
		struct bench_race race = {
			.name = name,
			.load = {.size = 1024,
				.ns = 300 * MS,
				.width = *widths},
			.contestants = {ours, &bench_raw_fan},
			.contestant_count = 2,
			.rows = {{1, BENCH_MESSAGES, 0}},
			.row_count = 1,
		};

		snprintf(name, sizeof(name), "scale: %s %u", what, *widths);
		bench_race_run(&race, rounds, output);
	}
}

static void run_still(struct bench_output *output)
{
	static const struct {
		const char *policy;
		double goal;
	} rows[] = {{"drop-oldest", 0.95}, {"drop-newest", 0.95},
		{"latest", 0.95}, {"disconnect", 0.95},
		/* Declared to hold all up. */
		{"block", 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[80];
		struct bench_race race = {
			.name = name,
			.load = {.size = 1024,
				.ns = 300 * MS,
				.width = 8,
				.policy = rows[i].policy,
				.still = true},
			.contestants = {&bench_ours_fan, &bench_ours_fan_all},
			.contestant_count = 2,
			.rows = {{1, BENCH_MESSAGES, rows[i].goal}},
			.row_count = 1,
		};

		snprintf(name, sizeof(name),
			"one of eight stands still (%s), the others",
			rows[i].policy);
		bench_race_run(&race, PAIRS, output);
	}
}

void bench_scales_run(
	char **words, int count, unsigned rounds, struct bench_output *output)
{
	static const unsigned connections[] = {1, 3, 10, 30, 100, 300, 1000, 0};
	static const unsigned widths[] = {1, 2, 4, 8, 16, 32, 64, 0};

	if (bench_wanted("one of eight stands still", words, count))
		run_still(output);
	rounds = rounds < 3 ? rounds : 3;
	if (bench_wanted("scale: messages of", words, count))
		run_sizes(rounds, output);
	if (bench_wanted("scale: connections", words, count))
		run_widths("connections", &bench_ours_apart, connections,
			rounds, output);
	if (bench_wanted("scale: fan-out", words, count))
		run_widths("fan-out", &bench_ours_fan, widths, rounds, output);
}
