/*
 * Foreign services, for probes to leave alone: listens on every port of a range
 * and on every address, and counts what it is sent.
 *
 *   busy FIRST LAST silent|talk|bound [ADDRESS]
 *
 * `silent` accepts and waits, `talk` speaks first, `bound` holds the port and
 * does not listen. Says "ready", and on SIGTERM
 * "connections N bytes N".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned long connections;
static unsigned long bytes;
static int poller;
static int first_connection; /* descriptors below are listeners */

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) {
		perror("epoll_ctl");
		exit(1);
	}
}

static void hold(unsigned port, const char *mode, const char *host)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int one = 1;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET6, host, &address.sin6_addr);
	/* What is only bound may be bound again by who says this too. */
	if (strcmp(mode, "bound") != 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
		(strcmp(mode, "bound") != 0 && listen(fd, 64))) {
		fprintf(stderr, "port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	if (strcmp(mode, "bound") != 0)
		watch(fd);
	first_connection = fd + 1;
}

static void accept_all(int listener, const char *mode)
{
	static const char greeting[] = "SSH-2.0-OpenSSH_9.2p1 Debian\r\n";
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		connections++;
		if (!strcmp(mode, "talk") &&
			write(fd, greeting, sizeof(greeting) - 1) < 0)
			perror("write");
		watch(fd);
	}
}

static void receive(int fd)
{
	char data[4096];
	ssize_t got = read(fd, data, sizeof(data));

	if (got > 0)
		bytes += (unsigned long)got;
	else if (got == 0 || errno != EAGAIN)
		close(fd);
}

static void serve(int stop, const char *mode)
{
	struct epoll_event events[64];

	for (;;) {
		int count = epoll_wait(poller, events, 64, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == stop)
				return;
			if (fd < first_connection)
				accept_all(fd, mode);
			else
				receive(fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = {8192, 8192};
	sigset_t set;
	int stop;

	if (argc < 4)
		return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	poller = epoll_create1(0);
	stop = signalfd(-1, &set, 0);
	watch(stop);
	for (int port = atoi(argv[1]); port <= atoi(argv[2]); port++)
		hold((unsigned)port, argv[3], argc > 4 ? argv[4] : "::");
	puts("ready");
	fflush(stdout);
	serve(stop, argv[3]);
	printf("connections %lu bytes %lu\n", connections, bytes);
	return 0;
}
