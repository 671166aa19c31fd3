/*
 * A road that breaks: forwards TCP connections to another port of this machine
 * and cuts each at a random moment, in one of the ways networks have.
 *
 *   relay PORT SEED RATE    the port it listens on is its first line; then one
 *                           line for each cut. RATE bytes/s per way, 0: all
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 64
#define CHUNK (64 * 1024)

struct way {
	uint8_t bytes[CHUNK];
	size_t held;
	double credit;
	bool deaf; /* nothing passes any more */
};

struct pair {
	int fd[2];
	struct way way[2]; /* from fd[i] to the other */
	int64_t cut;	   /* ms: when something happens to it */
	int64_t end;	   /* ms: when it is over, after a one-way cut */
};

static struct pair *pairs[PAIRS];
static uint64_t seed;
static double rate;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned dice(unsigned sides)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % sides;
}

static int make_socket(struct sockaddr_in *address, unsigned port)
{
	*address = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void reset(int fd)
{
	struct linger hard = {1, 0};

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void drop(struct pair **slot, bool hard)
{
	for (int i = 0; i < 2; i++) {
		if (hard)
			reset((*slot)->fd[i]);
		else
			close((*slot)->fd[i]);
	}
	free(*slot);
	*slot = NULL;
}

static void take(int listener, unsigned target)
{
	struct sockaddr_in address;
	struct pair **slot = pairs;
	int in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int out = make_socket(&address, target);

	while (slot < pairs + PAIRS && *slot)
		slot++;
	if (in < 0 || out < 0 || slot == pairs + PAIRS ||
		connect(out, (struct sockaddr *)&address, sizeof(address))) {
		reset(in);
		reset(out);
		return;
	}
	*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		exit(1);
	(*slot)->fd[0] = in;
	(*slot)->fd[1] = out;
	(*slot)->cut = now_ms() + 100 + dice(1900);
}

/* Something happens to the pair; it may live on for a while, half. */
static void hurt(struct pair **slot, int64_t now)
{
	static const char *const kinds[] = {"reset", "close", "deaf there",
		"deaf back", "deaf", "half reset"};
	struct pair *pair = *slot;
	unsigned kind = dice(6);

	printf("cut %s\n", kinds[kind]);
	fflush(stdout);
	pair->cut = INT64_MAX;
	pair->end = now + 50 + dice(1000);
	pair->way[0].deaf = kind == 2 || kind == 4;
	pair->way[1].deaf = kind == 3 || kind == 4;
	if (kind < 2) {
		drop(slot, kind == 0);
	} else if (kind == 5) {
		unsigned side = dice(2);

		reset(pair->fd[side]);
		pair->fd[side] = -1;
	}
}

/* Moves what can be moved; false: an end is gone. */
static bool move(struct pair *pair, int from, short events, short room)
{
	struct way *way = &pair->way[from];
	size_t most = CHUNK - way->held;
	ssize_t count;

	if (rate > 0 && (double)most > way->credit)
		most = way->credit > 0 ? (size_t)way->credit : 0;
	if (events & (POLLIN | POLLHUP | POLLERR) && most) {
		count = recv(pair->fd[from], way->bytes + way->held, most,
			MSG_DONTWAIT);
		if (count == 0 || (count < 0 && errno != EAGAIN))
			return false;
		if (count > 0 && !way->deaf)
			way->held += (size_t)count;
		if (count > 0)
			way->credit -= (double)count;
	}
	if (room & POLLOUT && way->held && !way->deaf) {
		count = send(pair->fd[!from], way->bytes, way->held,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (count < 0 && errno != EAGAIN)
			return false;
		if (count > 0) {
			way->held -= (size_t)count;
			memmove(way->bytes, way->bytes + count, way->held);
		}
	}
	return true;
}

static void ask(const struct pair *pair, struct pollfd polls[2])
{
	for (int i = 0; i < 2; i++) {
		const struct way *way = &pair->way[i];

		polls[i].fd = pair->fd[i];
		if (way->held < CHUNK && (rate <= 0 || way->credit > 0))
			polls[i].events |= POLLIN;
		if (pair->way[!i].held && !pair->way[!i].deaf)
			polls[i].events |= POLLOUT;
		/* An end that only hangs up would wake us without end. */
		if (!polls[i].events)
			polls[i].fd = -1;
	}
}

static void serve(struct pair **slot, const struct pollfd polls[2], double ms)
{
	struct pair *pair = *slot;
	int64_t now = now_ms();
	bool alive = true;

	for (int i = 0; i < 2; i++) {
		pair->way[i].credit += rate * ms / 1000;
		if (pair->way[i].credit > rate / 20)
			pair->way[i].credit = rate / 20;
	}
	if (pair->fd[0] >= 0 && pair->fd[1] >= 0) {
		alive = move(pair, 0, polls[0].revents, polls[1].revents);
		alive = alive &&
			move(pair, 1, polls[1].revents, polls[0].revents);
	}
	if (!alive || (pair->end && now >= pair->end))
		drop(slot, dice(2));
	else if (now >= pair->cut)
		hurt(slot, now);
}

static void turn(int listener, unsigned target, double ms)
{
	struct pollfd polls[1 + 2 * PAIRS] = {
		{.fd = listener, .events = POLLIN}};

	for (int i = 0; i < PAIRS; i++) {
		polls[1 + 2 * i].fd = polls[2 + 2 * i].fd = -1;
		if (pairs[i])
			ask(pairs[i], polls + 1 + 2 * i);
	}
	poll(polls, 1 + 2 * PAIRS, 5);
	for (int i = 0; i < PAIRS; i++)
		if (pairs[i])
			serve(&pairs[i], polls + 1 + 2 * i, ms);
	if (polls[0].revents)
		take(listener, target);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int listener = make_socket(&address, 0);
	int64_t before = now_ms();

	if (argc != 4)
		return 2;
	seed = strtoull(argv[2], NULL, 10);
	rate = strtod(argv[3], NULL);
	signal(SIGPIPE, SIG_IGN);
	if (listener < 0 ||
		bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(listener, 64) ||
		getsockname(listener, (struct sockaddr *)&address, &size))
		return 1;
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int64_t now = now_ms();

		turn(listener, (unsigned)atoi(argv[1]), (double)(now - before));
		before = now;
	}
}
