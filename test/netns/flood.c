/*
 * Forged announcements, as many and as good as somebody without the passphrase
 * can make them: right layout, right mesh id, each of a node of its own with a
 * valid signature; only the MAC of the ring is a guess. Each comes from a
 * source of its own: raw frames, so that Ethernet and IP addresses are what it
 * likes.
 *
 *   flood IF MESHID POOL RATE SECONDS [RECORD]
 *
 * POOL identities are made first (60 us each), then "ready" is said; then RATE
 * announcements a second, by IPv4 and IPv6 in turn, until SECONDS are over.
 * When the pool is through it begins anew: who was heard is heard again. A
 * third of them names the ring key that a real announcement in RECORD (of wire
 * record) names, a third another one, a third none, as fresh nodes do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "proto/announcement.h"
#include "proto/seal.h"

#define PORT	  7678
#define IP4_BYTES 20
#define IP6_BYTES 40
#define UDP_BYTES 8

struct forged {
	uint16_t length;
	uint8_t bytes[512];
};

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

/* --- what is forged */

/* The ring key's id in the first announcement of the file; 0: none there. */
static uint64_t ring_of(const char *path)
{
	static uint8_t frame[2048];
	struct ph_announcement real;
	uint16_t length;
	uint64_t ring = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		die(path);
	while (!ring && fread(&length, sizeof(length), 1, file) == 1 &&
		length < sizeof(frame) &&
		fread(frame, 1, length, file) == length) {
		size_t at = ETH_HLEN + UDP_BYTES +
			    (frame[12] == 0x08 ? IP4_BYTES : IP6_BYTES);

		if (length > at && !ph_announcement_read(&real, NULL,
					   frame + at, length - at))
			ring = real.ring;
	}
	fclose(file);
	return ring;
}

static void forge(struct forged *out, const char *mesh, uint64_t ring)
{
	static uint8_t whole[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement lie = {.ttl = 20,
		.epoch = 1 + randombytes_uniform(9),
		.seq = 1 + randombytes_uniform(1000),
		.content = 1,
		.ring = ring,
		.locators = 1};
	uint8_t seed[32], guess[PH_SEAL_KEY];
	struct ph_signer signer;
	int length;

	randombytes_buf(seed, sizeof(seed));
	randombytes_buf(guess, sizeof(guess));
	ph_signer_init(&signer, seed);
	memcpy(lie.key, signer.key, sizeof(lie.key));
	crypto_generichash(
		lie.id, sizeof(lie.id), lie.key, sizeof(lie.key), NULL, 0);
	memcpy(lie.mesh, mesh, sizeof(lie.mesh));
	snprintf(lie.port, sizeof(lie.port), "eth0");
	snprintf(lie.name, sizeof(lie.name), "forged-%08x",
		randombytes_random());
	lie.locator[0] = (struct ph_locator){.transport = PH_LOCATOR_TCP,
		.kind = PH_LOCATOR_IPV4,
		.port = PORT,
		.length = 4,
		.host = {10, 77, 200, (uint8_t)randombytes_uniform(254)}};
	length = ph_announcement_write(&lie, whole);
	if (length < 0 || (size_t)length > sizeof(out->bytes)) {
		fprintf(stderr, "flood: cannot be written: %d\n", length);
		exit(1);
	}
	ph_seal_announcement(
		whole, (size_t)length, &signer, ring ? guess : NULL);
	out->length = (uint16_t)length;
	memcpy(out->bytes, whole, (size_t)length);
}

/* --- frames around it */

static uint32_t sum(uint32_t so_far, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		so_far += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return so_far;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static size_t ethernet(uint8_t *frame, unsigned type, uint32_t number)
{
	/* 4,096 cards: more would only fill the switch's own table. */
	frame[6] = 0x02;
	memset(frame + 7, 0x66, 3);
	put16(frame + 10, number & 4095);
	put16(frame + 12, type);
	return ETH_HLEN;
}

static size_t udp(uint8_t *at, const struct forged *forged)
{
	put16(at, 1024 + randombytes_uniform(60000));
	put16(at + 2, PORT);
	put16(at + 4, UDP_BYTES + forged->length);
	put16(at + 6, 0);
	memcpy(at + UDP_BYTES, forged->bytes, forged->length);
	return (size_t)UDP_BYTES + forged->length;
}

static size_t frame4(
	uint8_t *frame, const struct forged *forged, uint32_t number)
{
	static const uint8_t group[4] = {239, 255, 76, 78};
	uint8_t *ip = frame + ethernet(frame, ETH_P_IP, number);
	size_t length = udp(ip + IP4_BYTES, forged);

	memcpy(frame, (uint8_t[6]){0x01, 0x00, 0x5e, 0x7f, 76, 78}, 6);
	memset(ip, 0, IP4_BYTES);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IP4_BYTES + length));
	ip[8] = 1;
	ip[9] = 17;
	ip[12] = 10;
	ip[13] = 77;
	put16(ip + 14, 1024 + randombytes_uniform(60000));
	memcpy(ip + 16, group, 4);
	put16(ip + 10, folded(sum(0, ip, IP4_BYTES)));
	return ETH_HLEN + IP4_BYTES + length;
}

static size_t frame6(
	uint8_t *frame, const struct forged *forged, uint32_t number)
{
	static const uint8_t group[16] = {0xff, 0x02, [14] = 0x76, [15] = 0x78};
	uint8_t *ip = frame + ethernet(frame, ETH_P_IPV6, number);
	uint8_t *datagram = ip + IP6_BYTES;
	size_t length = udp(datagram, forged);

	memcpy(frame, (uint8_t[6]){0x33, 0x33, 0, 0, 0x76, 0x78}, 6);
	memset(ip, 0, IP6_BYTES);
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)length);
	ip[6] = 17;
	ip[7] = 1;
	ip[8] = 0xfe;
	ip[9] = 0x80;
	randombytes_buf(ip + 16, 8);
	memcpy(ip + 24, group, 16);
	put16(datagram + 6, folded(sum(sum(17 + (uint32_t)length, ip + 8, 32),
				    datagram, length)));
	return ETH_HLEN + IP6_BYTES + length;
}

/* --- the flood */

static int raw_open(const char *name)
{
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
		.sll_protocol = 0,
		.sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), room = 16 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof(where)))
		die(name);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

static void pour(int fd, const struct forged *pool, unsigned count,
	unsigned rate, double seconds)
{
	static uint8_t frame[1024];
	int64_t begin = now_us(), now;
	unsigned long sent = 0, failed = 0;

	while ((now = now_us() - begin) < (int64_t)(seconds * 1e6)) {
		unsigned long due = (unsigned long)now * rate / 1000000;

		for (; sent + failed < due;) {
			unsigned long i = sent + failed;
			const struct forged *one = &pool[i % count];
			size_t length = i & 1 ? frame6(frame, one, (uint32_t)i)
					      : frame4(frame, one, (uint32_t)i);

			if (send(fd, frame, length, 0) == (ssize_t)length)
				sent++;
			else
				failed++;
		}
		poll(NULL, 0, 1);
	}
	printf("{\"sent\": %lu, \"failed\": %lu, \"ms\": %lld}\n", sent, failed,
		(long long)(now_us() - begin) / 1000);
}

int main(int argc, char **argv)
{
	uint64_t ring = 0;
	struct forged *pool;
	unsigned count;

	if (argc < 6 || strlen(argv[2]) != PH_MESH_BYTES || sodium_init() < 0) {
		fprintf(stderr, "flood: the head of flood.c says how\n");
		return 2;
	}
	count = (unsigned)atoi(argv[3]);
	pool = calloc(count ? count : 1, sizeof(*pool));
	if (!pool || !count)
		die("flood");
	if (argc > 6)
		ring = ring_of(argv[6]);
	for (unsigned i = 0; i < count; i++)
		forge(&pool[i], argv[2],
			i % 3 == 0   ? 0
			: i % 3 == 1 ? ring
				     : ring + i);
	puts("ready");
	fflush(stdout);
	pour(raw_open(argv[1]), pool, count, (unsigned)atoi(argv[4]),
		atof(argv[5]));
	free(pool);
	return 0;
}
