#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/contestants.h"

/*
 * What it costs that many watch: `bench watch PORT COUNT FILE` has so many
 * streams of /v1/watch, and makes FILE when each has told something.
 * bench/watch.sh puts it beside a node.
 */
#define WATCHERS 50
#define MOST	 256

static int watch_one(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char words[128];
	int length = snprintf(words, sizeof(words),
		"GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", port);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
		write(fd, words, (size_t)length) != length)
		bench_die("watch");
	return fd;
}

/* Flows and not only a head. */
static bool tells(const char *bytes)
{
	return strstr(bytes, "event: flows");
}

int bench_watch_main(uint16_t port, unsigned count, const char *path)
{
	static char bytes[1 << 16];
	struct pollfd fds[MOST] = {0};
	bool told[MOST] = {false};
	unsigned telling = 0;

	for (unsigned i = 0; i < count && i < MOST; i++)
		fds[i] = (struct pollfd){watch_one(port), POLLIN, 0};
	while (poll(fds, count, -1) > 0) {
		for (unsigned i = 0; i < count; i++) {
			ssize_t got;

			if (!fds[i].revents)
				continue;
			got = read(fds[i].fd, bytes, sizeof(bytes) - 1);
			if (got <= 0)
				return 0; /* the node went */
			bytes[got] = '\0';
			telling += !told[i] && tells(bytes);
			told[i] = told[i] || tells(bytes);
		}
		if (telling == count && access(path, F_OK))
			close(open(path, O_CREAT | O_CLOEXEC, 0600));
	}
	return 0;
}

/* What the script says first, or why it cannot. */
static int watch_run(struct bench_side *side, const char *what,
	unsigned watchers, const char **reason)
{
	static char line[256];
	long long figures[2] = {0};
	char self[256], command[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *script;

	if (length < 0)
		bench_die("/proc/self/exe");
	self[length] = '\0';
	snprintf(command, sizeof(command), "bench/watch.sh %s %s %u", self,
		what, watchers);
	script = popen(command, "re");
	line[0] = '\0';
	*reason = "bench/watch.sh said nothing";
	if (!script)
		return -1;
	if (fgets(line, sizeof(line), script)) {
		line[strcspn(line, "\n\"\\")] = '\0';
		*reason = line;
	}
	pclose(script);
	if (sscanf(line, "%lld %lld", &figures[0], &figures[1]) != 2)
		return -1;
	side->result.bytes = (uint64_t)figures[0];
	side->result.p50 = figures[0];
	side->result.ns = figures[1];
	side->result.messages = 1;
	return 0;
}

static int stream_run(
	struct bench_side *side, unsigned watchers, const char **reason)
{
	char bytes[24];

	snprintf(bytes, sizeof(bytes), "%zu", side->load.size);
	return watch_run(side, bytes, watchers, reason);
}

static int watched_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, WATCHERS, reason);
}

static int unwatched_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, 0, reason);
}

static int count_run(struct bench_side *side, const char **reason)
{
	return watch_run(side, "count", WATCHERS, reason);
}

const struct bench_contestant bench_watched = {
	"50 watch", NULL, NULL, watched_run};
const struct bench_contestant bench_unwatched = {
	"nobody watches", NULL, NULL, unwatched_run};
const struct bench_contestant bench_watched_count = {
	"50 watch", NULL, NULL, count_run};
