#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "bench/contestants.h"

/* libnng at its best: the deepest queues it has, no copy but the one its
 * messages need, no limit on sizes, no delay. */
#define DEPTH 8192
#define BYTES ((size_t)64 << 20) /* and no more memory than this */

static nng_socket nng_room(const struct bench_side *side)
{
	size_t most = BYTES / side->load.size;
	int depth = most < DEPTH ? (int)most : DEPTH;
	nng_socket socket;

	if (nng_pair0_open(&socket))
		bench_die("nng_pair0_open");
	nng_socket_set_int(socket, NNG_OPT_SENDBUF, depth);
	nng_socket_set_int(socket, NNG_OPT_RECVBUF, depth);
	nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0);
	nng_socket_set_bool(socket, NNG_OPT_TCP_NODELAY, true);
	return socket;
}

static nng_socket nng_serve(struct bench_side *side)
{
	nng_socket socket = nng_room(side);
	nng_listener listener;
	nng_sockaddr address;

	if (nng_listen(socket, "tcp://127.0.0.1:0", &listener, 0) ||
		nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address))
		bench_die("nng_listen");
	bench_tell_port(side, ntohs(address.s_in.sa_port));
	return socket;
}

static nng_socket nng_reach(struct bench_side *side)
{
	nng_socket socket = nng_room(side);
	char url[64];

	snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", side->port);
	if (nng_dial(socket, url, NULL, 0))
		bench_die("nng_dial");
	return socket;
}

static void nng_put(nng_socket socket, const void *data, size_t size)
{
	nng_msg *message;

	if (nng_msg_alloc(&message, size))
		bench_die("nng_msg_alloc");
	memcpy(nng_msg_body(message), data, size);
	if (nng_sendmsg(socket, message, 0))
		bench_die("nng_sendmsg");
}

/* A close drops what is queued, so the one who sent last waits for the other
 * to leave. */
static void pipe_left(nng_pipe pipe, nng_pipe_ev event, void *context)
{
	int *ends = context;

	if (write(ends[1], "", 1) < 0)
		bench_die("write");
}

static void nng_farewell(nng_socket socket)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0 ||
		nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, pipe_left, ends))
		bench_die("pipe");
	nng_put(socket, "", 0);
	if (read(ends[0], &byte, 1) < 0)
		bench_die("read");
	nng_close(socket);
}

static void pair_serve(struct bench_side *side)
{
	nng_socket socket = nng_serve(side);
	nng_msg *message;

	while (nng_recvmsg(socket, &message, 0) == 0) {
		size_t length = nng_msg_len(message);

		if (!side->result.ns)
			bench_begin(side);
		if (length)
			bench_took(side, nng_msg_body(message), length);
		nng_msg_free(message);
		if (!length)
			break;
	}
	bench_end(side);
	nng_close(socket);
}

static void pair_drive(struct bench_side *side)
{
	nng_socket socket = nng_reach(side);
	void *payload = calloc(1, side->load.size);

	while (bench_now() < side->until)
		nng_put(socket, payload, side->load.size);
	nng_farewell(socket);
}

static void ping_serve(struct bench_side *side)
{
	nng_socket socket = nng_serve(side);
	nng_msg *message;

	while (nng_recvmsg(socket, &message, 0) == 0 && nng_msg_len(message))
		nng_sendmsg(socket, message, 0);
	nng_close(socket);
}

static void ping_drive(struct bench_side *side)
{
	struct bench_trips *trips = bench_trips_begin();
	nng_socket socket = nng_reach(side);
	void *payload = calloc(1, side->load.size);
	nng_msg *message;
	int64_t began;

	do {
		began = bench_now();
		nng_put(socket, payload, side->load.size);
		if (nng_recvmsg(socket, &message, 0))
			bench_die("nng_recvmsg");
		nng_msg_free(message);
	} while (bench_trip(trips, side, bench_now() - began));
	nng_farewell(socket);
	bench_trips_end(trips, side);
}

const struct bench_contestant bench_nng = {"nng", pair_serve, pair_drive, NULL};
const struct bench_contestant bench_nng_ping = {
	"nng", ping_serve, ping_drive, NULL};
