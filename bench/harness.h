#ifndef PH_BENCH_HARNESS_H
#define PH_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Races: several contestants do the same work, one after another, round after
 * round in one run, so that whatever else the machine does meets them all.
 * What counts is the ratio within a round; reported are the medians over the
 * rounds and how far the ratios spread.
 *
 * A contestant is two processes, forked for each run: `serve` listens and
 * says on which port, `drive` dials. Whoever measures fills `result`.
 */
#define BENCH_CONTESTANTS 5
#define BENCH_ROWS	  6
#define BENCH_ROUNDS	  10 /* at most */

struct bench_load {
	size_t size; /* bytes of a message */
	int64_t ns;  /* how long to send */
	/* Of races with many connections. */
	unsigned width;
	const char *policy; /* of the first of them; it does not count then */
	bool still;	    /* the first one's receiver reads nothing */
	bool pinned;	    /* each of the two sides has a CPU of its own */
};

struct bench_result {
	uint64_t messages;
	uint64_t bytes;
	int64_t ns;  /* that they took */
	int64_t p50; /* ns of a round trip */
	int64_t p99;
};

struct bench_side {
	struct bench_load load;
	uint16_t port; /* of the server, for the one who dials */
	int64_t until; /* stop sending then */
	struct bench_result result;
	int ports; /* private: where the port is told */
	void (*serve)(struct bench_side *side); /* private: which one that is */
	uint64_t sum; /* of what was received: nothing is optimised away */
};

struct bench_contestant {
	const char *name;
	void (*serve)(struct bench_side *side);
	void (*drive)(struct bench_side *side);
	/* Instead of the two: does it all. Non-zero with *reason: cannot. */
	int (*run)(struct bench_side *side, const char **reason);
};

enum bench_metric {
	BENCH_MESSAGES,
	BENCH_BYTES,
	BENCH_P50,
	BENCH_P99,
	BENCH_INSTRUCTIONS, /* in p50 */
	BENCH_CPU,	    /* ns in p50 for the bytes moved */
	BENCH_MEMORY,	    /* bytes in p50 */
	BENCH_WAKEUPS,	    /* in 1,000 s, in p99 */
};

struct bench_row {
	unsigned peer; /* index in the race's contestants */
	enum bench_metric metric;
	double goal; /* of ours / peer; for latencies a most, else a least */
};

struct bench_race {
	const char *name;
	struct bench_load load;
	const struct bench_contestant *contestants[BENCH_CONTESTANTS];
	unsigned contestant_count; /* the first is ours */
	struct bench_row rows[BENCH_ROWS];
	unsigned row_count;
};

/* Runs it and prints its rows, as a table to stdout and as JSON lines. */
struct bench_output;
void bench_race_run(const struct bench_race *race, unsigned rounds,
	struct bench_output *output);

/* Ours alone, once: for a profiler. */
void bench_race_alone(const struct bench_race *race);

/* Writes the JSON lines to `path`. NULL when it cannot be written. */
struct bench_output *bench_output_open(const char *path);
/* How many rows missed their goal. */
unsigned bench_output_close(struct bench_output *output);

/* For contestants. Anything that fails ends the child with a message. */
void bench_tell_port(struct bench_side *side, uint16_t port);
_Noreturn void bench_die(const char *what);
int64_t bench_now(void);
/* One message was received. */
void bench_took(struct bench_side *side, const void *data, size_t length);
/* Starts and ends a receiver's measuring. */
void bench_begin(struct bench_side *side);
void bench_end(struct bench_side *side);

/* Round trips, as they come; bench_trips_end fills p50 and p99. */
#define BENCH_TRIPS 200000u
struct bench_trips {
	unsigned count;
	int64_t ns[BENCH_TRIPS];
};
struct bench_trips *bench_trips_begin(void);
/* False when it is enough. */
bool bench_trip(struct bench_trips *trips, struct bench_side *side, int64_t ns);
void bench_trips_end(struct bench_trips *trips, struct bench_side *side);

/* On the n-th CPU that there is, or on the last. */
void bench_stay_on(unsigned n);

/* Loopback sockets, TCP_NODELAY. */
int bench_listen(struct bench_side *side);
int bench_accept(int listener);
int bench_dial(const struct bench_side *side);

#endif
