#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/contestants.h"

/*
 * libzmq at its best: high-water marks that never stop a small message, large
 * ones handed over without a copy, one I/O thread (more do not help one
 * connection).
 */
#define MOST_MESSAGES 100000
#define MOST_BYTES    ((size_t)64 << 20) /* and no more memory than this */

static void *zmq_open(struct bench_side *side, void *context, int type)
{
	void *socket = zmq_socket(context, type);
	size_t room = MOST_BYTES / side->load.size;
	int mark = room > MOST_MESSAGES ? MOST_MESSAGES : (int)room;
	int linger = -1;

	if (!socket)
		bench_die("zmq_socket");
	zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof(mark));
	zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof(mark));
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
	return socket;
}

static void ipc_endpoint(char endpoint[64], uint16_t port)
{
	snprintf(endpoint, 64, "ipc:///tmp/posthouse-bench-zmq-%u", port);
}

static void *zmq_listen(struct bench_side *side, void *context, int type)
{
	void *socket = zmq_open(side, context, type);
	char endpoint[128];
	size_t length = sizeof(endpoint);

	if (zmq_bind(socket, "tcp://127.0.0.1:*") < 0 ||
		zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &length) <
			0)
		bench_die("zmq_bind");
	bench_tell_port(side, (uint16_t)atoi(strrchr(endpoint, ':') + 1));
	return socket;
}

static void *zmq_dial(struct bench_side *side, void *context, int type)
{
	void *socket = zmq_open(side, context, type);
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", side->port);
	if (zmq_connect(socket, endpoint) < 0)
		bench_die("zmq_connect");
	return socket;
}

/* An empty message says that it was the last. */
static void pull(struct bench_side *side, void *context, void *socket)
{
	zmq_msg_t message;

	zmq_msg_init(&message);
	while (zmq_msg_recv(&message, socket, 0) > 0) {
		if (!side->result.ns)
			bench_begin(side);
		bench_took(
			side, zmq_msg_data(&message), zmq_msg_size(&message));
	}
	bench_end(side);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static void pull_serve(struct bench_side *side)
{
	void *context = zmq_ctx_new();

	pull(side, context, zmq_listen(side, context, ZMQ_PULL));
}

static void ipc_serve(struct bench_side *side)
{
	void *context = zmq_ctx_new();
	void *socket = zmq_open(side, context, ZMQ_PULL);
	char endpoint[64];

	side->port = (uint16_t)getpid();
	ipc_endpoint(endpoint, side->port);
	if (zmq_bind(socket, endpoint) < 0)
		bench_die("zmq_bind");
	bench_tell_port(side, side->port);
	pull(side, context, socket);
	unlink(endpoint + strlen("ipc://"));
}

static void keep(void *data, void *hint)
{
}

static void push(struct bench_side *side, void *context, void *socket)
{
	size_t size = side->load.size;
	uint8_t *payload = calloc(1, size);
	/* The clock is asked about every 64 KiB, as by the others. */
	size_t each = size < 65536 ? 65536 / size : 1;

	while (bench_now() < side->until)
		for (size_t i = 0; i < each; i++) {
			zmq_msg_t message;

			if (size < 16384) {
				zmq_send(socket, payload, size, 0);
				continue;
			}
			zmq_msg_init_data(&message, payload, size, keep, NULL);
			zmq_msg_send(&message, socket, 0);
		}
	zmq_send(socket, "", 0, 0);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static void push_drive(struct bench_side *side)
{
	void *context = zmq_ctx_new();

	push(side, context, zmq_dial(side, context, ZMQ_PUSH));
}

static void ipc_drive(struct bench_side *side)
{
	void *context = zmq_ctx_new();
	void *socket = zmq_open(side, context, ZMQ_PUSH);
	char endpoint[64];

	ipc_endpoint(endpoint, side->port);
	if (zmq_connect(socket, endpoint) < 0)
		bench_die("zmq_connect");
	push(side, context, socket);
}

static void ping_serve(struct bench_side *side)
{
	void *context = zmq_ctx_new();
	void *socket = zmq_listen(side, context, ZMQ_PAIR);
	char *message = malloc(side->load.size);
	int length;

	while ((length = zmq_recv(socket, message, side->load.size, 0)) > 0)
		zmq_send(socket, message, (size_t)length, 0);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static void ping_drive(struct bench_side *side)
{
	struct bench_trips *trips = bench_trips_begin();
	void *context = zmq_ctx_new();
	void *socket = zmq_dial(side, context, ZMQ_PAIR);
	char *message = calloc(1, side->load.size);
	int64_t began;

	do {
		began = bench_now();
		zmq_send(socket, message, side->load.size, 0);
		if (zmq_recv(socket, message, side->load.size, 0) < 0)
			bench_die("zmq_recv");
	} while (bench_trip(trips, side, bench_now() - began));
	zmq_send(socket, "", 0, 0);
	zmq_close(socket);
	zmq_ctx_term(context);
	bench_trips_end(trips, side);
}

const struct bench_contestant bench_zmq = {"zmq", pull_serve, push_drive, NULL};
const struct bench_contestant bench_zmq_ipc = {
	"zmq ipc", ipc_serve, ipc_drive, NULL};
const struct bench_contestant bench_zmq_ping = {
	"zmq", ping_serve, ping_drive, NULL};
