#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/fan.h"

/*
 * The best a bare program does: one buffer of many messages, written to one
 * socket after the other; the receiver waits for all of them by epoll. It is
 * the same whether one source feeds many or many feed one each.
 */
/* Of the sender; measured: less is slower, more is not faster. */
#define RAW_BATCH ((size_t)256 * 1024)
#define INTAKE	  ((size_t)256 * 1024)
#define EVENTS	  64

void fan_limits(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct rest {
	int fd;
	size_t have;
	uint8_t *bytes; /* of a message that is not whole */
};

/* What is received from one of them; false at its end. */
static bool raw_take(
	struct bench_side *side, struct rest *rest, uint8_t *scratch)
{
	size_t size = side->load.size;
	ssize_t got = recv(rest->fd, scratch + rest->have, INTAKE, 0);
	const uint8_t *at = scratch;

	if (got <= 0)
		return false;
	if (!side->result.ns)
		bench_begin(side);
	memcpy(scratch, rest->bytes, rest->have);
	for (rest->have += (size_t)got; rest->have >= size;
		rest->have -= size, at += size)
		bench_took(side, at, size);
	memcpy(rest->bytes, at, rest->have);
	return true;
}

static void raw_accept(
	struct bench_side *side, int listener, int poller, struct rest *rests)
{
	size_t size = side->load.size;

	for (unsigned i = 0; i < side->load.width; i++) {
		struct epoll_event event = {
			.events = EPOLLIN, .data.ptr = &rests[i]};

		rests[i].fd = bench_accept(listener);
		rests[i].bytes = malloc(size);
		if (!rests[i].bytes || epoll_ctl(poller, EPOLL_CTL_ADD,
					       rests[i].fd, &event) < 0)
			bench_die("a connection");
	}
}

static void raw_serve(struct bench_side *side)
{
	struct rest *rests = calloc(side->load.width, sizeof(*rests));
	uint8_t *scratch = calloc(1, INTAKE + side->load.size);
	struct epoll_event events[EVENTS];
	unsigned left = side->load.width;
	int poller = epoll_create1(0);
	int listener;

	fan_limits();
	listener = bench_listen(side);
	if (!rests || !scratch || poller < 0)
		bench_die("memory");
	raw_accept(side, listener, poller, rests);
	while (left) {
		int count = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct rest *rest = events[i].data.ptr;

			if (raw_take(side, rest, scratch))
				continue;
			close(rest->fd);
			left--;
		}
	}
	bench_end(side);
}

static void raw_drive(struct bench_side *side)
{
	size_t size = side->load.size;
	uint8_t *batch = calloc(1, RAW_BATCH);
	uint8_t *message = calloc(1, size);
	int *fds = calloc(side->load.width, sizeof(*fds));

	fan_limits();
	if (!batch || !message || !fds)
		bench_die("memory");
	for (unsigned i = 0; i < side->load.width; i++)
		fds[i] = bench_dial(side);
	side->until = bench_now() + side->load.ns;
	while (bench_now() < side->until) {
		size_t used = 0;

		for (; used + size <= RAW_BATCH; used += size)
			memcpy(batch + used, message, size);
		for (unsigned i = 0; i < side->load.width; i++)
			if (send(fds[i], batch, used, 0) != (ssize_t)used)
				bench_die("send");
	}
	for (unsigned i = 0; i < side->load.width; i++)
		close(fds[i]);
}

const struct bench_contestant bench_raw_fan = {.name = "raw: one buffer to all",
	.serve = raw_serve,
	.drive = raw_drive};
