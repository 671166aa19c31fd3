#include "bench/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/report.h"

/* A run that takes this much longer than it should is given up. */
#define PATIENCE_MS 20000

int64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void bench_die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	_exit(1);
}

void bench_begin(struct bench_side *side)
{
	side->result.ns = bench_now();
}

void bench_end(struct bench_side *side)
{
	side->result.ns = bench_now() - side->result.ns;
}

void bench_took(struct bench_side *side, const void *data, size_t length)
{
	side->sum += *(const uint8_t *)data;
	side->result.messages++;
	side->result.bytes += length;
}

void bench_tell_port(struct bench_side *side, uint16_t port)
{
	if (write(side->ports, &port, sizeof(port)) != sizeof(port))
		bench_die("telling the port");
}

struct bench_trips *bench_trips_begin(void)
{
	struct bench_trips *trips = calloc(1, sizeof(*trips));

	if (!trips)
		bench_die("memory");
	return trips;
}

bool bench_trip(struct bench_trips *trips, struct bench_side *side, int64_t ns)
{
	trips->ns[trips->count++] = ns;
	return trips->count < BENCH_TRIPS && bench_now() < side->until;
}

static int compare_ns(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return a < b ? -1 : a > b;
}

void bench_trips_end(struct bench_trips *trips, struct bench_side *side)
{
	qsort(trips->ns, trips->count, sizeof(trips->ns[0]), compare_ns);
	side->result.messages = trips->count;
	side->result.p50 = trips->ns[trips->count / 2];
	side->result.p99 = trips->ns[(uint64_t)trips->count * 99 / 100];
	free(trips);
}

void bench_stay_on(unsigned n)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!n--)
			break;
	}
	sched_setaffinity(0, sizeof(one), &one);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int bench_listen(struct bench_side *side)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
		listen(fd, 128) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		bench_die("listening");
	bench_tell_port(side, ntohs(address.sin_port));
	return fd;
}

static int nodelay(int fd, const char *what)
{
	int on = 1;

	if (fd < 0)
		bench_die(what);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int bench_accept(int listener)
{
	return nodelay(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept");
}

int bench_dial(const struct bench_side *side)
{
	struct sockaddr_in address = loopback(side->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		bench_die("dialling");
	return nodelay(fd, "dialling");
}

/* A child that runs `play` and leaves its result in memory both see. */
static pid_t bench_fork(void (*play)(struct bench_side *side),
	struct bench_side *side, struct bench_result *shared)
{
	unsigned cpu = play == side->serve;

	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (side->load.pinned)
		bench_stay_on(cpu);
	side->until = bench_now() + side->load.ns;
	play(side);
	if (side->result.messages)
		*shared = side->result;
	_exit(side->sum == 1 ? 2 : 0); /* the sum is used */
}

static int bench_reap(pid_t child, int64_t until)
{
	int64_t left = (until - bench_now()) / 1000000;
	int fd = pidfd_open(child, 0);
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	int status;

	if (fd < 0 || poll(&gone, 1, left > 0 ? (int)left : 0) != 1)
		kill(child, SIGKILL);
	close(fd);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

static int bench_pair(const struct bench_contestant *contestant,
	struct bench_side *side, struct bench_result *shared)
{
	int64_t until =
		bench_now() + side->load.ns + PATIENCE_MS * INT64_C(1000000);
	int ends[2], failed;
	pid_t server, driver;

	if (pipe(ends) < 0)
		bench_die("pipe");
	side->ports = ends[1];
	side->serve = contestant->serve;
	server = bench_fork(contestant->serve, side, shared);
	close(ends[1]);
	if (read(ends[0], &side->port, sizeof(side->port)) !=
		sizeof(side->port)) {
		close(ends[0]);
		bench_reap(server, 0);
		return -1;
	}
	close(ends[0]);
	driver = bench_fork(contestant->drive, side, shared);
	failed = bench_reap(driver, until);
	failed |= bench_reap(server, failed ? 0 : until);
	return failed || !shared->messages ? -1 : 0;
}

/* 0 and the result, or -1 and the reason. */
static int bench_once(const struct bench_contestant *contestant,
	const struct bench_load *load, struct bench_result *result,
	const char **reason)
{
	struct bench_side side = {.load = *load};
	struct bench_result *shared = mmap(NULL, sizeof(*shared),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int code;

	if (shared == MAP_FAILED)
		bench_die("mmap");
	*reason = "it failed";
	fflush(NULL);
	if (contestant->run) {
		code = contestant->run(&side, reason);
		*result = side.result;
	} else {
		code = bench_pair(contestant, &side, shared);
		*result = *shared;
	}
	munmap(shared, sizeof(*shared));
	return code;
}

struct round {
	struct bench_result results[BENCH_CONTESTANTS];
	bool ran[BENCH_CONTESTANTS];
};

static void race_report(const struct bench_race *race,
	const struct bench_row *row, const struct round *rounds, unsigned count,
	char *const reasons[], struct bench_output *output)
{
	struct bench_scores scores[3] = {0};
	char name[128];

	snprintf(name, sizeof(name), "%s%s vs %s", race->name,
		bench_metric_suffix(row->metric),
		race->contestants[row->peer]->name);
	for (unsigned i = 0; i < count; i++) {
		double ours, peer;

		if (!rounds[i].ran[0] || !rounds[i].ran[row->peer])
			continue;
		ours = bench_metric_value(row->metric, &rounds[i].results[0]);
		peer = bench_metric_value(
			row->metric, &rounds[i].results[row->peer]);
		scores[0].values[scores[0].count++] = ours;
		scores[1].values[scores[1].count++] = peer;
		scores[2].values[scores[2].count++] = ours / peer;
	}
	if (scores[2].count)
		bench_report_row(output, name, row, scores);
	else
		bench_report_skip(output, name,
			reasons[0] ? reasons[0] : reasons[row->peer]);
}

void bench_race_alone(const struct bench_race *race)
{
	struct bench_result result;
	const char *reason;

	if (bench_once(race->contestants[0], &race->load, &result, &reason))
		printf("%s: %s\n", race->name, reason);
	else
		printf("%s: %" PRIu64 " messages, %" PRIu64 " bytes, %" PRId64
		       " ns, p50 %" PRId64 " ns\n",
			race->name, result.messages, result.bytes, result.ns,
			result.p50);
}

void bench_race_run(const struct bench_race *race, unsigned rounds,
	struct bench_output *output)
{
	char *reasons[BENCH_CONTESTANTS] = {0};
	struct round table[BENCH_ROUNDS] = {0};
	unsigned count = race->contestant_count;

	if (rounds > BENCH_ROUNDS)
		rounds = BENCH_ROUNDS;
	for (unsigned i = 0; i < rounds * count; i++) {
		struct round *round = &table[i / count];
		/* Each round another one goes first. */
		unsigned who = (i + i / count) % count;
		const char *reason;

		if (reasons[who])
			continue;
		round->ran[who] =
			bench_once(race->contestants[who], &race->load,
				&round->results[who], &reason) == 0;
		if (!round->ran[who])
			reasons[who] = strdup(reason);
	}
	for (unsigned i = 0; i < race->row_count; i++)
		race_report(
			race, &race->rows[i], table, rounds, reasons, output);
}
