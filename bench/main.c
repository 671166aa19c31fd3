#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contestants.h"

/*
 * bench [--pin 1] [--rounds N] [--json FILE] [WORD...]: the races whose name
 * holds one of the words, or all of them; --pin 1: the two sides of a race on a
 * CPU each. bench alone [WORD...]: ours once, for a profiler.
 * Goals: 0.5 and so on of raw; 1 against a peer.
 */
#define MS INT64_C(1000000)
/* Of a data thread that has nothing to do, in 1,000 s: a few timers. */
#define WAKEUPS 200
#define LOAD(bytes, time)                                                      \
	{                                                                      \
		.size = (bytes), .ns = (time)                                  \
	}

static const struct bench_race races[] = {
	{
		"64 B messages on one TCP pipe",
		LOAD(64, 300 * MS),
		{&bench_ours, &bench_raw_batched, &bench_zmq, &bench_nng},
		4,
		{{1, BENCH_MESSAGES, 0.5}, {2, BENCH_MESSAGES, 1},
			{3, BENCH_MESSAGES, 1}},
		3,
	},
	{
		"1 KiB messages on one TCP pipe",
		LOAD(1024, 300 * MS),
		{&bench_ours, &bench_raw_gathered, &bench_raw_batched,
			&bench_zmq, &bench_nng},
		5,
		{{1, BENCH_MESSAGES, 0.6}, {2, BENCH_MESSAGES, 0.6},
			{3, BENCH_MESSAGES, 1}, {4, BENCH_MESSAGES, 1}},
		4,
	},
	{
		"64 KiB messages on one TCP pipe",
		LOAD(65536, 300 * MS),
		{&bench_ours, &bench_raw_large, &bench_raw_gathered, &bench_zmq,
			&bench_nng},
		5,
		{{1, BENCH_BYTES, 0.85}, {2, BENCH_BYTES, 0.85},
			{3, BENCH_BYTES, 1}, {4, BENCH_BYTES, 1}},
		4,
	},
	{
		"1 MiB messages on one TCP pipe",
		LOAD(1048576, 300 * MS),
		{&bench_ours, &bench_raw_large, &bench_zmq, &bench_nng},
		4,
		{{1, BENCH_BYTES, 0.95}, {2, BENCH_BYTES, 1},
			{3, BENCH_BYTES, 1}},
		3,
	},
	{
		"64 B messages on one WebSocket",
		LOAD(64, 300 * MS),
		{&bench_ours_ws, &bench_lws},
		2,
		{{1, BENCH_MESSAGES, 10}},
		1,
	},
	{
		"64 KiB messages on one WebSocket",
		LOAD(65536, 300 * MS),
		{&bench_ours_ws, &bench_lws},
		2,
		{{1, BENCH_BYTES, 0.9}},
		1,
	},
	{
		"64 B round trip on TCP",
		LOAD(64, 400 * MS),
		{&bench_ours_ping, &bench_raw_ping, &bench_raw_two,
			&bench_zmq_ping, &bench_nng_ping},
		5,
		{{1, BENCH_P50, 1.15}, {1, BENCH_P99, 2}, {2, BENCH_P50, 1.15},
			{3, BENCH_P50, 1}, {4, BENCH_P50, 1}},
		5,
	},
	{
		"1 KiB messages from one to sixteen, TCP",
		{.size = 1024, .ns = 300 * MS, .width = 16},
		{&bench_ours_fan, &bench_raw_fan},
		2,
		{{1, BENCH_MESSAGES, 0.5}},
		1,
	},
	{
		"64 B between two threads on two CPUs, of CPU time",
		{.size = 64, .ns = 300 * MS, .width = 2},
		{&bench_ring, &bench_ideal_threads},
		2,
		{{1, BENCH_MESSAGES, 0.7}},
		1,
	},
	{
		"64 B between two threads on one CPU, of CPU time",
		{.size = 64, .ns = 300 * MS, .width = 1},
		{&bench_ring, &bench_ideal_threads},
		2,
		{{1, BENCH_MESSAGES, 0.7}},
		1,
	},
	{
		"64 KiB between two processes, shm",
		LOAD(65536, 300 * MS),
		{&bench_ours_shm, &bench_ideal, &bench_ideal_in_place,
			&bench_zmq_ipc},
		4,
		{{1, BENCH_BYTES, 0.8}, {2, BENCH_BYTES, 0.8},
			{3, BENCH_BYTES, 1}},
		3,
	},
	{
		"64 B between two processes, shm",
		LOAD(64, 300 * MS),
		{&bench_ours_shm, &bench_zmq_ipc},
		2,
		{{1, BENCH_MESSAGES, 5}},
		1,
	},
	{
		/* Noted: doc/BENCHMARKS.md. A change that adds to it says why
		 * there. */
		"instructions for a 64 B message",
		LOAD(64, 619),
		{&bench_instructions, &bench_noted},
		2,
		{{1, BENCH_INSTRUCTIONS, 1.02}},
		1,
	},
	{
		"instructions for a 64 B message beside the web thread",
		LOAD(64, 0),
		{&bench_instructions_web, &bench_instructions},
		2,
		{{1, BENCH_INSTRUCTIONS, 1.01}},
		1,
	},
	{
		"1 MiB messages on one TLS pipe",
		LOAD(1048576, 400 * MS),
		{&bench_ours_tls, &bench_openssl},
		2,
		{{1, BENCH_BYTES, 1}},
		1,
	},
	{
		"A | posthouse | B, two nodes, TLS",
		LOAD((size_t)512 << 20, 0),
		{&bench_stream_ours, &bench_stream_ssh,
			&bench_stream_socat_tls},
		3,
		{{1, BENCH_BYTES, 1.8}, {2, BENCH_BYTES, 1}},
		2,
	},
	{
		"A | posthouse | B, one node, plain",
		LOAD((size_t)1 << 30, 0),
		{&bench_stream_here, &bench_stream_splice, &bench_stream_socat},
		3,
		{{1, BENCH_BYTES, 0.85}, {2, BENCH_BYTES, 1}},
		2,
	},
	{
		"A | posthouse | B, one node, plain,",
		LOAD((size_t)1 << 30, 800 * MS),
		{&bench_stream_here, &bench_limit},
		2,
		{{1, BENCH_CPU, 1}},
		1,
	},
	{
		"a stream beside 50 watchers",
		LOAD((size_t)8 << 30, 0),
		{&bench_watched, &bench_unwatched},
		2,
		{{1, BENCH_BYTES, 0.95}},
		1,
	},
	{
		/* A hundredth of what a million messages of 64 B take. */
		"instructions in a second for 50 watchers",
		LOAD(0, 6190000),
		{&bench_watched_count, &bench_limit},
		2,
		{{1, BENCH_INSTRUCTIONS, 1}},
		1,
	},
	{
		"pause of a stream at full rate, a filter in or out",
		LOAD(100, 10 * MS),
		{&bench_pause, &bench_limit},
		2,
		{{1, BENCH_P50, 1}, {1, BENCH_P99, 1}},
		2,
	},
	{
		"idle node",
		{.ns = 6 << 20, .width = WAKEUPS},
		{&bench_idle_node, &bench_limit},
		2,
		{{1, BENCH_MEMORY, 1}, {1, BENCH_WAKEUPS, 1}},
		2,
	},
	{
		"one of 1,000 idle connections, plain",
		{.size = 1000, .ns = 16 << 10, .width = WAKEUPS},
		{&bench_idle_plain, &bench_limit},
		2,
		{{1, BENCH_MEMORY, 1}, {1, BENCH_WAKEUPS, 1}},
		2,
	},
	{
		"one of 1,000 idle connections, TLS",
		{.size = 1000, .ns = 40 << 10, .width = WAKEUPS},
		{&bench_idle_tls, &bench_limit},
		2,
		{{1, BENCH_MEMORY, 1}, {1, BENCH_WAKEUPS, 1}},
		2,
	},
};

bool bench_wanted(const char *name, char **words, int count)
{
	for (int i = 0; i < count; i++)
		if (strstr(name, words[i]))
			return true;
	return count == 0;
}

static void run_alone(char **words, int count)
{
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		if (bench_wanted(races[i].name, words, count))
			bench_race_alone(&races[i]);
}

static void run(const struct bench_race *race, bool pinned, unsigned rounds,
	struct bench_output *output)
{
	struct bench_race own = *race;
	char name[96];

	own.load.pinned = pinned && race->contestants[0]->serve;
	snprintf(name, sizeof(name), "%s%s", race->name,
		own.load.pinned ? ", a CPU each" : "");
	own.name = name;
	bench_race_run(&own, rounds, output);
}

static int usage(void)
{
	fprintf(stderr, "usage: bench [--pin 1] [--rounds N] [--json FILE] "
			"[WORD...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *json = "build/bench.jsonl";
	struct bench_output *output;
	unsigned rounds = 5, missed;
	bool pinned = false;
	int at = 1;

	if (argc > 1 &&
		(!strcmp(argv[1], "source") || !strcmp(argv[1], "sink") ||
			!strcmp(argv[1], "splice")))
		return bench_stream_main(argc - 1, argv + 1);
	if (argc > 1 && (!strcmp(argv[1], "fill") || !strcmp(argv[1], "flip") ||
				!strcmp(argv[1], "edges")))
		return bench_pause_main(argc - 1, argv + 1);
	if (argc == 5 && !strcmp(argv[1], "watch"))
		return bench_watch_main((uint16_t)atoi(argv[2]),
			(unsigned)atoi(argv[3]), argv[4]);
	if (argc == 4 && !strcmp(argv[1], "idle"))
		return bench_idle_main(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4 &&
		(!strcmp(argv[1], "quota") || !strcmp(argv[1], "beside")))
		return bench_ours_quota(strtoul(argv[2], NULL, 10),
			strtoull(argv[3], NULL, 10), argv[1][0] == 'b');
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--rounds") == 0)
			rounds = (unsigned)atoi(argv[at + 1]);
		else if (strcmp(argv[at], "--pin") == 0)
			pinned = atoi(argv[at + 1]) != 0;
		else if (strcmp(argv[at], "--json") == 0)
			json = argv[at + 1];
		else
			return usage();
	}
	if (at < argc && strcmp(argv[at], "alone") == 0) {
		run_alone(argv + at + 1, argc - at - 1);
		return 0;
	}
	if (rounds < 1 || (at < argc && argv[at][0] == '-'))
		return usage();
	output = bench_output_open(json);
	if (!output) {
		perror(json);
		return 1;
	}
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		if (bench_wanted(races[i].name, argv + at, argc - at))
			run(&races[i], pinned, rounds, output);
	bench_scales_run(argv + at, argc - at, rounds, output);
	missed = bench_output_close(output);
	printf("\n%u rows missed their goal; one JSON line per row in %s\n",
		missed, json);
	return 0;
}
