#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/contestants.h"

/*
 * Bare sockets. Sizes are known to both ends, so not even a header travels.
 */
#define BATCH	((size_t)64 * 1024)
#define INTAKE	((size_t)256 * 1024)
#define VECTORS 256
#define GATHER	((size_t)512 * 1024) /* most bytes of one writev */

static uint8_t *memory(size_t size)
{
	uint8_t *bytes = malloc(size);

	if (!bytes)
		bench_die("memory");
	memset(bytes, 7, size); /* no page faults while it is measured */
	return bytes;
}

static void send_all(int fd, const uint8_t *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, 0);

		if (sent < 0)
			bench_die("send");
		data += sent;
		length -= (size_t)sent;
	}
}

/* Receives whatever comes and looks at each whole message in it. */
static void raw_serve(struct bench_side *side)
{
	size_t size = side->load.size, have = 0;
	size_t capacity = INTAKE > 2 * size ? INTAKE : 2 * size;
	uint8_t *buffer = memory(capacity);
	int fd = bench_accept(bench_listen(side));
	ssize_t got;

	while ((got = recv(fd, buffer + have, capacity - have, 0)) > 0) {
		const uint8_t *at = buffer;

		if (!side->result.ns)
			bench_begin(side);
		have += (size_t)got;
		for (; have >= size; have -= size, at += size)
			bench_took(side, at, size);
		if (have && at != buffer)
			memmove(buffer, at, have);
	}
	bench_end(side);
}

static void batched_drive(struct bench_side *side)
{
	size_t size = side->load.size;
	uint8_t *batch = memory(BATCH), *message = memory(size);
	int fd = bench_dial(side);

	while (bench_now() < side->until) {
		size_t used = 0;

		for (; used + size <= BATCH; used += size)
			memcpy(batch + used, message, size);
		send_all(fd, batch, used);
	}
	close(fd);
}

static void gathered_drive(struct bench_side *side)
{
	struct iovec vectors[VECTORS];
	size_t size = side->load.size;
	unsigned count =
		size * VECTORS > GATHER ? (unsigned)(GATHER / size) : VECTORS;
	uint8_t *messages = memory(size * count);
	int fd = bench_dial(side);

	while (bench_now() < side->until) {
		struct iovec *at = vectors;
		size_t left = size * count;

		for (unsigned i = 0; i < count; i++)
			vectors[i] = (struct iovec){messages + i * size, size};
		while (left) {
			ssize_t sent =
				writev(fd, at, (int)(vectors + count - at));

			if (sent < 0)
				bench_die("writev");
			left -= (size_t)sent;
			for (; left && (size_t)sent >= at->iov_len; at++)
				sent -= (ssize_t)at->iov_len;
			at->iov_base = (uint8_t *)at->iov_base + sent;
			at->iov_len -= (size_t)sent;
		}
	}
	close(fd);
}

static void large_drive(struct bench_side *side)
{
	uint8_t *message = memory(side->load.size);
	int fd = bench_dial(side);

	while (bench_now() < side->until)
		send_all(fd, message, side->load.size);
	close(fd);
}

static bool receive_all(int fd, uint8_t *data, size_t length)
{
	while (length) {
		ssize_t got = recv(fd, data, length, 0);

		if (got <= 0)
			return false;
		data += got;
		length -= (size_t)got;
	}
	return true;
}

static void ping_serve(struct bench_side *side)
{
	uint8_t *message = memory(side->load.size);
	int fd = bench_accept(bench_listen(side));

	while (receive_all(fd, message, side->load.size))
		send_all(fd, message, side->load.size);
}

static void ping_drive(struct bench_side *side)
{
	struct bench_trips *trips = bench_trips_begin();
	uint8_t *message = memory(side->load.size);
	int fd = bench_dial(side);
	int64_t began;

	do {
		began = bench_now();
		send_all(fd, message, side->load.size);
		if (!receive_all(fd, message, side->load.size))
			bench_die("recv");
	} while (bench_trip(trips, side, bench_now() - began));
	close(fd);
	bench_trips_end(trips, side);
}

/* The same as a pipe has it: one socket each way, so that no answer carries
 * an acknowledgement. */
static void two_serve(struct bench_side *side)
{
	uint8_t *message = memory(side->load.size);
	int listener = bench_listen(side);
	int in = bench_accept(listener), out = bench_accept(listener);

	while (receive_all(in, message, side->load.size))
		send_all(out, message, side->load.size);
}

static void two_drive(struct bench_side *side)
{
	struct bench_trips *trips = bench_trips_begin();
	uint8_t *message = memory(side->load.size);
	int out = bench_dial(side), in = bench_dial(side);
	int64_t began;

	do {
		began = bench_now();
		send_all(out, message, side->load.size);
		if (!receive_all(in, message, side->load.size))
			bench_die("recv");
	} while (bench_trip(trips, side, bench_now() - began));
	close(out);
	bench_trips_end(trips, side);
}

const struct bench_contestant bench_raw_batched = {
	"raw", raw_serve, batched_drive, NULL};
const struct bench_contestant bench_raw_gathered = {
	"raw writev", raw_serve, gathered_drive, NULL};
const struct bench_contestant bench_raw_large = {
	"raw", raw_serve, large_drive, NULL};
const struct bench_contestant bench_raw_ping = {
	"raw", ping_serve, ping_drive, NULL};
const struct bench_contestant bench_raw_two = {
	"raw, a socket each way", two_serve, two_drive, NULL};
