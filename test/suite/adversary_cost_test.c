#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/gate.h"
#include "node/limits.h"
#include "node/lines.h"
#include "test/adversary.h"
#include "transport/carrier.h"

/*
 * What those cost who never prove themselves: memory for frames that are only
 * announced, seats for connections that only stand there, time of honest peers.
 */

/* Sends bytes that are no frame of ours through TLS. */
static void send_raw(struct end *end, const uint8_t *bytes, size_t length)
{
	struct ph_buffer *buffer =
		ph_buffer_get(end->mask->host.pool, (uint32_t)length);
	struct ph_segment segment = {
		.buffer = buffer, .length = (uint32_t)length, .frames = 1};

	memcpy(buffer->data, bytes, length);
	buffer->used = (uint32_t)length;
	assert_int_equal(0, ph_queue_append(&end->out, &segment));
	ph_buffer_unref(buffer);
	ph_carrier_send(end->carrier, &end->out);
}

/* Announces a frame and sends only its beginning; what the node held most. */
static size_t announce(struct prey *prey, struct mask *mask, uint32_t length)
{
	struct end end = {.prey = prey};
	uint8_t bytes[64] = {0};
	size_t before, most = 0;

	end_open(&end, mask, 1);
	before = adversary_heap();
	ph_frame_header(bytes, length, PH_FRAME_FIN);
	send_raw(&end, bytes, length < 60 ? 4 + length : sizeof(bytes));
	for (unsigned i = 0; i < 12; i++) {
		prey_turn(prey);
		if (adversary_heap() > before + most)
			most = adversary_heap() - before;
	}
	/* Past the cap the header alone closes; below, it waits for more. */
	if (length > PH_CARRIER_STRANGER)
		prey_until(prey, end.closed);
	else if (length >= 60)
		assert_false(end.closed);
	end_close(&end);
	prey_settle(prey);
	return most;
}

static void announced_frames_cost_nothing(void **state)
{
	struct prey *prey = *state;
	struct mask *thief = mask_open(prey, "thief");
	size_t most = 0;

	announce(prey, thief, 5); /* what is paid once */
	for (unsigned bit = 0; bit < 24; bit++)
		for (int by = -1; by <= 1; by++) {
			size_t held = announce(
				prey, thief, (uint32_t)((1 << bit) + by));

			most = held > most ? held : most;
		}
	announce(prey, thief, 0xffffff);
	assert_int_equal(prey->lines, 0);
	print_message(
		"announced frames: %zu KiB of heap at most\n", most / 1024);
	assert_true(most <= 96 * 1024);
	prey_assert_healthy(prey, 0);
}

static void bombs_for_hello(void **state)
{
	struct prey *prey = *state;
	static uint8_t nested[93], deep[1024], nil[1024], twice[1024];
	const struct {
		const void *data;
		size_t length;
	} bombs[] = {
		{"\xdd\x04\x00\x00\x00", 5},
		{"\xdf\x02\x00\x00\x00", 5},
		{"\xdd\xff\xff\xff\xff", 5},
		{"\xdf\xff\xff\xff\xff", 5},
		{"\xdb\xff\xff\xff\xff", 5},
		{"\xc6\xff\xff\xff\xff", 5},
		{"\xc9\xff\xff\xff\xff\x01", 6},
		{"\x81\xa1t\xdd\x04\x00\x00\x00", 8},
		{"\x81\xa1t\xdf\x04\x00\x00\x00", 8},
		{"", 0},
		{nested, sizeof(nested)},
		{deep, sizeof(deep)},
		{nil, sizeof(nil)},
		{twice, sizeof(twice)},
	};
	struct mask *thief = mask_open(prey, "thief");
	size_t most = 0;

	for (unsigned i = 0; i + 2 < sizeof(nested); i += 3)
		memcpy(nested + i, "\xdc\xff\xff", 3);
	memset(deep, 0x91, sizeof(deep));
	memset(nil, 0xc0, sizeof(nil));
	memcpy(nil, "\xdc\x03\xfd", 3);
	memcpy(twice, "\xde\x01\x54", 3);
	for (unsigned i = 3; i + 2 < sizeof(twice); i += 3)
		memcpy(twice + i, "\xa1t\x01", 3);
	announce(prey, thief, 5); /* what is paid once */
	for (unsigned i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct end end = {.prey = prey};
		size_t before;

		end_open(&end, thief, 1);
		before = adversary_heap();
		end_send(&end, PH_FRAME_FIN, bombs[i].data,
			(uint32_t)bombs[i].length);
		while (!end.closed) {
			prey_turn(prey);
			if (adversary_heap() > before + most)
				most = adversary_heap() - before;
		}
		end_assert_refused(&end);
		end_close(&end);
		prey_settle(prey);
	}
	print_message(
		"bombs for HELLO: %zu KiB of heap at most\n", most / 1024);
	assert_true(most <= 96 * 1024);
	prey_assert_healthy(prey, 0);
}

/* --- a crowd --- */

#define CROWD  1000
#define ROUNDS 10

struct crowd {
	struct prey *prey;
	int fds[CROWD];
	uint8_t hello[2000]; /* a whole ClientHello */
	size_t hello_length;
	unsigned again; /* connections made anew */
	unsigned slow;	/* sanitizers: the node takes so many times longer */
	int64_t next;	/* when the next one may come again */
};

/* Of the crowd's connections come again, each ms at most. A third of them cost
 * the node a TLS handshake: a quarter of a core. */
#define AGAIN_MS 2

static void make_hello(struct crowd *crowd)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	BIO *out = BIO_new(BIO_s_mem());

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	SSL_connect(ssl);
	crowd->hello_length =
		(size_t)BIO_read(out, crowd->hello, sizeof(crowd->hello));
	assert_true(crowd->hello_length > 200);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static int crowd_connect(struct crowd *crowd)
{
	struct ph_endpoint to;
	int fd;

	ph_endpoint_literal(&to, "127.0.0.1", crowd->prey->address.port);
	fd = ph_socket_open(&to);
	assert_true(fd >= 0);
	(void)connect(fd, &to.any, to.length);
	return fd;
}

/* What was missed while the machine did something else is not caught up with:
 * that would be another crowd. */
static bool crowd_may_come(struct crowd *crowd)
{
	int64_t each = (int64_t)crowd->slow * PH_MILLISECOND / AGAIN_MS;
	int64_t now = adversary_given();

	if (crowd->next > now)
		return false;
	if (crowd->next < now - 16 * each)
		crowd->next = now - 16 * each;
	crowd->next += each;
	return true;
}

/* A third say nothing, a third trickle, a third stop after ClientHello; who
 * was thrown out comes again. */
static void crowd_stir(struct crowd *crowd, unsigned round)
{
	for (unsigned i = 0; i < CROWD && crowd->next <= adversary_given();
		i++) {
		char byte;

		if (recv(crowd->fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) <
				0 &&
			(errno == EAGAIN || errno == ENOTCONN))
			continue;
		if (i % 3 == 2 && recv(crowd->fds[i], crowd->hello + 1500, 500,
					  MSG_DONTWAIT) > 0)
			continue;
		if (!crowd_may_come(crowd))
			break;
		close(crowd->fds[i]);
		crowd->fds[i] = crowd_connect(crowd);
		if (i % 3 == 2)
			send(crowd->fds[i], crowd->hello, crowd->hello_length,
				MSG_DONTWAIT);
		crowd->again++;
	}
	for (unsigned i = round % 3 ? 1 : CROWD; i < CROWD; i += 3)
		send(crowd->fds[i], crowd->hello + round % 11, 1, MSG_DONTWAIT);
}

static void crowd_open(struct crowd *crowd, struct prey *prey)
{
	crowd->prey = prey;
	make_hello(crowd);
	crowd->slow = adversary_heap() ? 1 : 10;
	for (unsigned i = 0; i < CROWD; i++) {
		crowd->fds[i] = crowd_connect(crowd);
		if (i % 3 == 2)
			send(crowd->fds[i], crowd->hello, crowd->hello_length,
				MSG_DONTWAIT);
		if (i % 20 == 19)
			prey_turn(prey);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a;
	int64_t other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

/* False: its seat went to one of the crowd, as may happen where the node does
 * not get its share of the processor. */
static bool honest_try(struct crowd *crowd, struct mask *mask, bool pinned)
{
	struct prey *prey = crowd->prey;
	struct end end = {.prey = prey};
	unsigned lines = prey->lines;
	enum ph_handshake_verdict verdict = PH_HANDSHAKE_REFUSED;

	end_dial(&end, mask, 1);
	for (unsigned i = 0; !end.opened && !end.closed; i++) {
		crowd_stir(crowd, i);
		prey_turn(prey);
	}
	if (end.opened) {
		verdict = PH_HANDSHAKE_GOES_ON;
		end_begin(&end, pinned ? NULL : prey->secret, pinned);
	}
	while (verdict == PH_HANDSHAKE_GOES_ON) {
		end_send(&end, PH_FRAME_FIN, end.message, (uint32_t)end.length);
		crowd_stir(crowd, lines);
		verdict = end_step(&end);
	}
	if (verdict == PH_HANDSHAKE_IN)
		prey_until(prey, prey->lines == lines + 1);
	end_close(&end);
	return verdict == PH_HANDSHAKE_IN;
}

/* From connect to line, in ns that it was given, while the crowd goes on; it
 * dials again as any node does. */
static int64_t honest_run(struct crowd *crowd, struct mask *mask, bool pinned)
{
	int64_t begun = adversary_given();
	unsigned tries = 1;

	while (!honest_try(crowd, mask, pinned))
		assert_true(tries++ < 5);
	return adversary_given() - begun;
}

static void tell(const char *who, int64_t *took, unsigned slow)
{
	qsort(took, ROUNDS, sizeof(*took), compare);
	print_message("among %d strangers, %s: median %d us, most %d us\n",
		CROWD, who, (int)(took[ROUNDS / 2] / 1000),
		(int)(took[ROUNDS - 1] / 1000));
	assert_true(took[ROUNDS - 1] < 200 * PH_MILLISECOND * slow);
}

/* All behind the same address as the crowd. */
static void a_crowd_of_strangers(void **state)
{
	struct prey *prey = *state;
	static struct crowd crowd;
	struct rlimit files = {8192, 8192};
	int64_t fresh[ROUNDS], known[ROUNDS];
	struct mask *friends[ROUNDS];
	struct end end = {.prey = prey};
	size_t before, grown;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	end_enrol(&end, mask_open(prey, "first"), PH_ROLE_EXEC);
	end_close(&end);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "friend%u", i);
		friends[i] = mask_open(prey, name);
	}
	before = adversary_resident();
	crowd_open(&crowd, prey);
	for (unsigned i = 0; i < 100; i++) {
		crowd_stir(&crowd, i);
		prey_turn(prey);
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		fresh[i] = honest_run(&crowd, friends[i], false);
	for (unsigned i = 0; i < ROUNDS; i++)
		known[i] = honest_run(&crowd, friends[i], true);
	grown = adversary_resident() - before;
	tell("enrolment", fresh, crowd.slow);
	tell("a pinned peer", known, crowd.slow);
	print_message("%u came again; %u strangers seated; resident grew by "
		      "%zu KiB\n",
		crowd.again, ph_gate_strangers(prey->node->gate), grown / 1024);
	assert_true(ph_gate_strangers(prey->node->gate) <= PH_LIMITS_PENDING);
	assert_true(crowd.again > 0);
	/* Sanitizers keep what was freed, and tell no heap. */
	assert_true(!adversary_heap() || grown <= (size_t)16 << 20);
	for (unsigned i = 0; i < CROWD; i++)
		close(crowd.fds[i]);
	prey_settle(prey);
	prey_assert_healthy(prey, 0);
}

/* --- the command socket --- */

static int command_connect(struct prey *prey)
{
	struct ph_endpoint to;
	int fd;

	assert_int_equal(0, ph_endpoint_local(&to, prey->node->options.socket));
	fd = ph_socket_open(&to);
	assert_true(fd >= 0);
	assert_int_equal(0, connect(fd, &to.any, to.length));
	return fd;
}

/* Sends what the node takes; false when it hung up. */
static bool command_say(
	struct prey *prey, int fd, const uint8_t *bytes, size_t length)
{
	int64_t limit = adversary_now() + PREY_PATIENCE;
	uint8_t answer[4096];

	while (length) {
		ssize_t sent = send(fd, bytes, length, MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
		}
		while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			;
		prey_turn(prey);
		assert_true(adversary_now() < limit);
	}
	return true;
}

/* Random bytes; frames of random bytes; calls with random bodies. */
static size_t make_noise(struct dice *dice, uint8_t *out, unsigned kind)
{
	static const uint8_t head[] = {0x96, 0, 1, 0xab, 'n', 'o', 'd', 'e',
		'.', 'h', 'e', 'a', 'l', 't', 'h', 0xa0, 1};
	uint32_t length = 1 + dice_below(dice, 1000);

	dice_fill(dice, out, 1100);
	if (kind == 0)
		return length;
	ph_frame_header(out, length, PH_FRAME_CALL | PH_FRAME_FIN);
	if (kind == 2 && length > sizeof(head))
		memcpy(out + PH_FRAME_HEADER, head, sizeof(head));
	return PH_FRAME_HEADER + length;
}

static void noise_at_the_command_socket(void **state)
{
	struct prey *prey = *state;
	struct dice dice = {.state = 77};
	uint8_t bytes[1200];
	size_t total = 0;
	size_t before;

	prey_assert_healthy(prey, 0);
	before = adversary_heap();
	for (unsigned run = 0; total < 3 * 100000; run++) {
		int fd = command_connect(prey);

		for (unsigned i = 0; i < 50; i++) {
			size_t length = make_noise(&dice, bytes, run % 3);

			total += length;
			if (!command_say(prey, fd, bytes, length))
				break;
		}
		prey_turn(prey);
		close(fd);
	}
	for (unsigned i = 0; i < 100; i++)
		prey_turn(prey);
	prey_assert_healthy(prey, 0);
	assert_true(adversary_heap() < before + (1 << 20));
}

#define T(name) cmocka_unit_test_setup_teardown(name, prey_setup, prey_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(announced_frames_cost_nothing),
		T(bombs_for_hello),
		T(a_crowd_of_strangers),
		T(noise_at_the_command_socket),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("adversary_cost", tests, NULL, NULL);
}
