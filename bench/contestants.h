#ifndef PH_BENCH_CONTESTANTS_H
#define PH_BENCH_CONTESTANTS_H

#include "bench/harness.h"

/* Ours: kernel pipe and tcp carrier, each side on its own loop. */
extern const struct bench_contestant bench_ours;
extern const struct bench_contestant bench_ours_ping;
extern const struct bench_contestant bench_ours_tls;
extern const struct bench_contestant bench_ours_shm;
extern const struct bench_contestant bench_ours_ws;

/* Many connections: one source feeds them all, or each has its own. */
extern const struct bench_contestant bench_ours_fan;
extern const struct bench_contestant bench_ours_fan_all; /* none stands still */
extern const struct bench_contestant bench_ours_apart;
extern const struct bench_contestant bench_raw_fan;

/* Rings: ours between two threads, and the least one can be. */
extern const struct bench_contestant bench_ring;
extern const struct bench_contestant bench_ideal_threads;
extern const struct bench_contestant bench_ideal;
extern const struct bench_contestant bench_ideal_in_place;

/* So many messages on one loop; `bench quota SIZE MESSAGES`. `web`: the web
 * thread runs beside it, with a client; `bench beside SIZE MESSAGES`. */
int bench_ours_quota(size_t size, uint64_t messages, bool web);
/* Instructions of that for each message. */
extern const struct bench_contestant bench_instructions;
extern const struct bench_contestant bench_instructions_web;
/* Figures in the place of contestants. */
extern const struct bench_contestant bench_noted;
extern const struct bench_contestant bench_limit;
/* `bench idle plain|tls COUNT`. */
int bench_idle_main(const char *how, size_t count);
/* What a node, or a carrier with its pipe, holds while nothing happens. */
extern const struct bench_contestant bench_idle_node;
extern const struct bench_contestant bench_idle_plain;
extern const struct bench_contestant bench_idle_tls;

/* The best bare programs for the row. */
extern const struct bench_contestant bench_raw_batched;
extern const struct bench_contestant bench_raw_gathered;
extern const struct bench_contestant bench_raw_large;
extern const struct bench_contestant bench_raw_ping;
extern const struct bench_contestant bench_raw_two;
extern const struct bench_contestant bench_openssl;
extern const struct bench_contestant bench_lws;

/* What people would pick instead. */
extern const struct bench_contestant bench_zmq;
extern const struct bench_contestant bench_zmq_ping;
extern const struct bench_contestant bench_zmq_ipc;
extern const struct bench_contestant bench_nng;
extern const struct bench_contestant bench_nng_ping;

/* A stream beside watchers of /v1/watch; instructions that the data thread
 * takes in a second because of them. */
extern const struct bench_contestant bench_watched;
extern const struct bench_contestant bench_unwatched;
extern const struct bench_contestant bench_watched_count;
/* `bench watch PORT COUNT FILE`. */
int bench_watch_main(uint16_t port, unsigned count, const char *path);

/* A filter comes and goes at full rate: what the reader sees of it. */
extern const struct bench_contestant bench_pause;
/* `bench fill|flip|edges ...`. */
int bench_pause_main(int argc, char **argv);

/* The races whose name holds one of the words: see bench/scale.c. */
bool bench_wanted(const char *name, char **words, int count);
void bench_scales_run(
	char **words, int count, unsigned rounds, struct bench_output *output);

/* Programs joined across TCP: `source | X | sink`. */
extern const struct bench_contestant bench_stream_ours;	  /* two nodes */
extern const struct bench_contestant bench_stream_here;	  /* one node */
extern const struct bench_contestant bench_stream_splice; /* bare */
extern const struct bench_contestant bench_stream_socat_tls;
extern const struct bench_contestant bench_stream_socat;
extern const struct bench_contestant bench_stream_ssh;
/* Those programs: this one, called as `bench source|sink ...`. */
int bench_stream_main(int argc, char **argv);

#endif
