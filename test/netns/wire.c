/*
 * What a test does to the frames of a wire, by raw sockets: a kernel may lack
 * netem, and counting frames is little work.
 *
 *   wire count IF            counts what passes until SIGTERM; then a JSON
 *                            object: {"sent": {KIND: {"frames": N, "bytes":
 *                            N}, ...}, "received": {...}}, with the kinds arp
 *                            ndp icmp tcp udp lldp other
 *   wire record IF FILE      keeps the announcements that pass (UDP to port
 *                            7678, LLDP) until SIGTERM
 *   wire replay IF FILE N R  sends them again, N frames, R a second
 *   wire delay IF IF MS      is a cable between the two, MS long each way
 *
 * Each says "ready" when it has begun, replay apart.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MOST (66 * 1024) /* with segmentation offload */
#define PORT	   7678

static volatile sig_atomic_t over;

static void on_signal(int number)
{
	over = number;
}

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

/* With `offload`, each frame has a struct virtio_net_hdr before it, so that a
 * checksum that is still to be made stays so. */
static int wire_open(const char *name, bool offload)
{
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1, room = 16 << 20;

	if (fd < 0 || !where.sll_ifindex)
		die(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (offload &&
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		die("PACKET_VNET_HDR");
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)))
		die(name);
	return fd;
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* --- what a frame is */

enum kind {
	ARP,
	NDP,
	ICMP,
	TCP,
	UDP,
	LLDP,
	OTHER,
	KINDS
};
static const char *const kind_names[KINDS] = {
	"arp", "ndp", "icmp", "tcp", "udp", "lldp", "other"};

struct look {
	enum kind kind;
	unsigned port; /* of UDP: where it goes */
};

/* Router and neighbour discovery, multicast listener reports: the kernel's own
 * doing. */
static bool is_ndp(unsigned type)
{
	return (type >= 130 && type <= 137) || type == 143;
}

static enum kind by_protocol(unsigned protocol, unsigned icmp_type)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP;
	case IPPROTO_UDP:
		return UDP;
	case IPPROTO_ICMP:
		return ICMP;
	case IPPROTO_ICMPV6:
		return is_ndp(icmp_type) ? NDP : ICMP;
	default:
		return OTHER;
	}
}

/* At least 64 bytes. */
static struct look look_at(const uint8_t *frame, size_t length)
{
	struct look look = {OTHER, 0};
	size_t at = ETH_HLEN;
	unsigned type = (unsigned)frame[12] << 8 | frame[13], protocol;

	if (type == ETH_P_IP) {
		protocol = frame[23];
		at += (frame[14] & 15u) * 4;
	} else if (type == ETH_P_IPV6) {
		protocol = frame[20];
		at += 40;
		/* The hop-by-hop header of listener reports. */
		if (protocol == 0) {
			protocol = frame[at];
			at += 8 + frame[at + 1] * 8u;
		}
	} else {
		look.kind = type == ETH_P_ARP ? ARP
			    : type == 0x88cc  ? LLDP
					      : OTHER;
		return look;
	}
	if (at + 4 > length)
		return look;
	look.kind = by_protocol(protocol, frame[at]);
	look.port = (unsigned)frame[at + 2] << 8 | frame[at + 3];
	return look;
}

/* --- count */

struct count {
	uint64_t frames, bytes;
};

static void count_print(const char *way, const struct count *counts)
{
	printf("\"%s\": {", way);
	for (unsigned i = 0; i < KINDS; i++)
		printf("%s\"%s\": {\"frames\": %llu, \"bytes\": %llu}",
			i ? ", " : "", kind_names[i],
			(unsigned long long)counts[i].frames,
			(unsigned long long)counts[i].bytes);
	putchar('}');
}

static int count(char **argv)
{
	static uint8_t frame[FRAME_MOST];
	struct count counts[2][KINDS] = {0};
	int fd = wire_open(argv[0], false);

	say_ready();
	while (!over) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(fd, frame, sizeof(frame), 0,
			(struct sockaddr *)&from, &size);
		struct count *one;
		enum kind kind;

		if (got <= 0)
			continue;
		/* Longer than it is, so that looking is easy. */
		if (got < 64)
			memset(frame + got, 0, (size_t)(64 - got));
		kind = look_at(frame, got < 64 ? 64 : (size_t)got).kind;
		one = &counts[from.sll_pkttype != PACKET_OUTGOING][kind];
		one->frames++;
		one->bytes += (uint64_t)got;
	}
	putchar('{');
	count_print("sent", counts[0]);
	printf(", ");
	count_print("received", counts[1]);
	puts("}");
	return 0;
}

/* --- record and replay: u16 length, frame */

/* Frames leave with the card's own address: who takes another's, only learns
 * what switches do then. */
static void own_address(int fd, const char *name, uint8_t address[6])
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		die(name);
	memcpy(address, request.ifr_hwaddr.sa_data, 6);
}

static int record(char **argv)
{
	static uint8_t frame[FRAME_MOST];
	FILE *file = fopen(argv[1], "w");
	int fd = wire_open(argv[0], false);
	unsigned long kept = 0;

	if (!file)
		die(argv[1]);
	say_ready();
	while (!over) {
		ssize_t got = recv(fd, frame, sizeof(frame), 0);
		struct look look;
		uint16_t length;

		if (got < 64 || got > 2048)
			continue;
		look = look_at(frame, (size_t)got);
		if (look.kind != LLDP &&
			(look.kind != UDP || look.port != PORT))
			continue;
		length = (uint16_t)got;
		fwrite(&length, sizeof(length), 1, file);
		fwrite(frame, length, 1, file);
		kept++;
	}
	fclose(file);
	printf("%lu\n", kept);
	return 0;
}

static int replay(char **argv)
{
	static uint8_t frame[FRAME_MOST];
	FILE *file = fopen(argv[1], "r");
	int fd = wire_open(argv[0], false);
	unsigned long most = strtoul(argv[2], NULL, 10), sent = 0, failed = 0;
	double pause = 1e6 / atof(argv[3]);
	int64_t begin = now_us();
	uint8_t own[6];
	uint16_t length;

	if (!file)
		die(argv[1]);
	own_address(fd, argv[0], own);
	while (sent + failed < most && !over) {
		int64_t wait =
			begin + (int64_t)(pause * (double)sent) - now_us();

		if (fread(&length, sizeof(length), 1, file) != 1) {
			if (!sent && !failed)
				break; /* nothing was recorded */
			rewind(file);
			continue;
		}
		if (fread(frame, 1, length, file) != length)
			break;
		memcpy(frame + 6, own, sizeof(own));
		if (wait > 1000)
			poll(NULL, 0, (int)(wait / 1000));
		if (send(fd, frame, length, 0) == length)
			sent++;
		else
			failed++;
	}
	printf("{\"sent\": %lu, \"failed\": %lu}\n", sent, failed);
	return sent ? 0 : 1;
}

/* --- delay: what came waits in a ring until its time */

struct waiting {
	int64_t due;
	uint8_t *bytes;
	size_t length;
};

#define WAITING 8192

struct way {
	int from, to;
	unsigned first, count;
	struct waiting waiting[WAITING];
};

static void way_take(struct way *way, int64_t delay_us)
{
	static uint8_t frame[FRAME_MOST];

	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(way->from, frame, sizeof(frame),
			MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		struct waiting *one;

		if (got <= 0)
			return;
		/* What this program sent itself is seen, too. */
		if (from.sll_pkttype == PACKET_OUTGOING ||
			way->count == WAITING)
			continue;
		one = &way->waiting[(way->first + way->count) % WAITING];
		one->bytes = malloc((size_t)got);
		if (!one->bytes)
			continue;
		memcpy(one->bytes, frame, (size_t)got);
		one->length = (size_t)got;
		one->due = now_us() + delay_us;
		way->count++;
	}
}

/* How long until the next is due, in ms; -1: nothing waits. */
static int way_give(struct way *way)
{
	while (way->count) {
		struct waiting *one = &way->waiting[way->first];
		int64_t left = one->due - now_us();

		if (left > 500)
			return (int)((left + 999) / 1000);
		if (send(way->to, one->bytes, one->length, 0) < 0 &&
			errno != ENOBUFS && errno != ENETDOWN)
			perror("wire: delay");
		free(one->bytes);
		way->first = (way->first + 1) % WAITING;
		way->count--;
	}
	return -1;
}

static int delay(char **argv)
{
	static struct way ways[2];
	struct pollfd polls[2];
	int64_t delay_us = (int64_t)(atof(argv[2]) * 1000);

	for (int i = 0; i < 2; i++) {
		polls[i] = (struct pollfd){wire_open(argv[i], true), POLLIN, 0};
		ways[i].from = polls[i].fd;
		ways[!i].to = polls[i].fd;
	}
	say_ready();
	while (!over) {
		int first = way_give(&ways[0]), second = way_give(&ways[1]);
		int wait = first < 0 || (second >= 0 && second < first) ? second
									: first;

		if (poll(polls, 2, wait) < 0 && errno != EINTR)
			die("poll");
		for (int i = 0; i < 2; i++)
			way_take(&ways[i], delay_us);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(char **argv);
	} verbs[] = {{"count", 1, count}, {"record", 2, record},
		{"replay", 4, replay}, {"delay", 3, delay}};
	/* No restart: a signal ends the wait for a frame. */
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (argc == verbs[i].arguments + 2 &&
			!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argv + 2);
	fprintf(stderr, "wire: the head of wire.c says what it can\n");
	return 2;
}
