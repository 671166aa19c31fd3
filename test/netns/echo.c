/*
 * Answers datagrams, and asks for answers: how a test knows that a network is
 * broken in the way it meant.
 *
 *   echo serve GROUP...      answers on UDP port 7, also what comes to the
 *                            GROUPs (IPv4 or IPv6, on eth0), until killed
 *   echo ask ADDRESS N MS    sends N datagrams and waits MS for answers;
 *                            prints "ANSWERS FROM MEDIAN_US": how many came,
 *                            from how many addresses
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 7
#define MOST 65536

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* One family for both: an IPv4 address is mapped. */
static struct sockaddr_in6 address_read(const char *text)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s",
		strchr(text, ':') ? "" : "::ffff:", text);
	if (inet_pton(AF_INET6, mapped, &address.sin6_addr) != 1)
		die(text);
	if (address.sin6_addr.s6_addr[0] >= 0xfe)
		address.sin6_scope_id = if_nametoindex("eth0");
	return address;
}

static void join(int fd, const char *text)
{
	struct ipv6_mreq six = {.ipv6mr_interface = if_nametoindex("eth0")};
	struct ip_mreqn four = {.imr_ifindex = (int)if_nametoindex("eth0")};

	if (inet_pton(AF_INET6, text, &six.ipv6mr_multiaddr) == 1) {
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six,
			    sizeof(six)))
			die(text);
	} else if (inet_pton(AF_INET, text, &four.imr_multiaddr) != 1 ||
		   setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four,
			   sizeof(four))) {
		die(text);
	}
}

static _Noreturn void serve(int count, char **groups)
{
	struct sockaddr_in6 here = {
		.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	char bytes[2048];

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)))
		die("echo");
	for (int i = 0; i < count; i++)
		join(fd, groups[i]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in6 from;
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(fd, bytes, sizeof(bytes), 0,
			(struct sockaddr *)&from, &size);

		if (got > 0)
			sendto(fd, bytes, (size_t)got, 0,
				(struct sockaddr *)&from, size);
	}
}

static int by_value(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

struct answers {
	int64_t took[MOST];
	struct in6_addr from[256];
	unsigned count, sources;
};

static void answer_note(
	struct answers *answers, int64_t sent, const struct sockaddr_in6 *from)
{
	unsigned i = 0;

	if (answers->count == MOST)
		return;
	answers->took[answers->count++] = now_us() - sent;
	while (i < answers->sources &&
		memcmp(&answers->from[i], &from->sin6_addr,
			sizeof(from->sin6_addr)) != 0)
		i++;
	if (i == answers->sources && i < 256)
		answers->from[answers->sources++] = from->sin6_addr;
}

static int ask(int count, char **argv)
{
	static struct answers answers;
	struct sockaddr_in6 to = address_read(argv[0]);
	unsigned number = (unsigned)atoi(argv[1]);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct pollfd one = {fd, POLLIN, 0};
	int64_t sent, end;

	if (fd < 0 || count != 3)
		die("echo");
	for (unsigned i = 0; i < number; i++) {
		sent = now_us();
		if (sendto(fd, &sent, sizeof(sent), 0, (struct sockaddr *)&to,
			    sizeof(to)) < 0)
			break; /* no road at all: no answers */
		poll(NULL, 0, 1);
	}
	end = now_us() + atoi(argv[2]) * INT64_C(1000);
	for (;;) {
		struct sockaddr_in6 from;
		socklen_t size = sizeof(from);
		int64_t left = end - now_us();

		if (left <= 0 || poll(&one, 1, (int)(left / 1000) + 1) < 1)
			break;
		if (recvfrom(fd, &sent, sizeof(sent), 0,
			    (struct sockaddr *)&from, &size) == sizeof(sent))
			answer_note(&answers, sent, &from);
	}
	qsort(answers.took, answers.count, sizeof(answers.took[0]), by_value);
	printf("%u %u %lld\n", answers.count, answers.sources,
		answers.count ? (long long)answers.took[answers.count / 2]
			      : -1LL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "serve"))
		serve(argc - 2, argv + 2);
	if (argc >= 2 && !strcmp(argv[1], "ask"))
		return ask(argc - 2, argv + 2);
	fprintf(stderr, "echo: the head of echo.c says what it can\n");
	return 2;
}
