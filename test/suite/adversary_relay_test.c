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
#include <sys/socket.h>
#include <unistd.h>

#include "node/gate.h"
#include "node/limits.h"
#include "node/lines.h"
#include "node/trust.h"
#include "test/adversary.h"
#include "transport/carrier.h"

/*
 * The one in the middle, who ends the TLS of both: a session of his own with
 * each, and every frame passed on, as it is or with `bind` made anew for the
 * other session, whose exporter he knows. And those who come with less than
 * mutual TLS 1.3.
 */
struct world {
	struct prey alpha; /* dials */
	struct prey beta;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	prey_open(&world->beta, "beta");
	prey_open_beside(&world->alpha, "alpha", &world->beta);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	prey_close(&world->alpha);
	prey_close(&world->beta);
	free(world);
	return 0;
}

#define world_until(world, condition)                                          \
	do {                                                                   \
		int64_t limit_ = adversary_now() + PREY_PATIENCE;              \
		while (!(condition)) {                                         \
			if (adversary_now() > limit_)                          \
				fail_msg("never: %s", #condition);             \
			ph_loop_turn((world)->alpha.node->loop, 0);            \
			ph_loop_turn((world)->beta.node->loop, 0);             \
		}                                                              \
	} while (0)

/* One of the relay's two sessions. */
struct leg {
	struct ph_carrier *carrier;
	struct leg *other;
	struct ph_queue out;
	struct seal seal;
	bool opened;
	bool closed;
	bool sealing;
	unsigned passed; /* frames that came in here */
};

static void leg_on_open(void *context, struct ph_carrier *carrier)
{
	struct leg *leg = context;
	struct ph_carrier_info info;

	leg->carrier = carrier;
	leg->opened = true;
	ph_carrier_admit(carrier, PH_FRAME_MAX);
	ph_carrier_info(carrier, &info);
	seal_init(&leg->seal, info.exporter);
}

/* On to the other side. */
static void leg_pass(struct leg *leg, const uint8_t *record)
{
	uint32_t length = ph_frame_length(record);
	struct leg *other = leg->other;
	uint8_t message[PH_HANDSHAKE_MAX];

	leg->passed++;
	if (length > sizeof(message) || other->closed)
		return;
	memcpy(message, record + PH_FRAME_HEADER, length);
	seal_note(&leg->seal, message, length);
	if (leg->sealing)
		seal_make(&other->seal, message, length);
	seal_note(&other->seal, message, length);
	ph_queue_copy(&other->out, record[3], message, length);
	if (other->opened)
		ph_carrier_send(other->carrier, &other->out);
}

static void leg_on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *end = record + segment->length;

	while (record < end) {
		leg_pass(context, record);
		record += PH_FRAME_HEADER + ph_frame_length(record);
	}
}

static void leg_on_room(void *context, struct ph_carrier *carrier)
{
	struct leg *leg = context;

	ph_carrier_send(carrier, &leg->out);
}

static void leg_on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct leg *leg = context;

	leg->closed = true;
	leg->opened = false;
	if (leg->other->carrier && !leg->other->closed)
		ph_carrier_close(leg->other->carrier);
}

static const struct ph_carrier_events leg_events = {
	.on_open = leg_on_open,
	.on_frames = leg_on_frames,
	.on_room = leg_on_room,
	.on_closed = leg_on_closed,
};

struct relay {
	struct mask *mask; /* on beta's loop */
	struct ph_listener *listener;
	struct ph_address address;
	struct leg front; /* to alpha */
	struct leg back;  /* to beta */
	bool accepted;
};

static const struct ph_carrier_events *relay_accept(
	void *context, const char *source, void **out)
{
	struct relay *relay = context;

	relay->accepted = true;
	*out = &relay->front;
	return &leg_events;
}

static void relay_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	((struct leg *)carrier_context)->carrier = carrier;
}

static const struct ph_listener_events relay_events = {
	relay_accept, relay_carrier};

static void relay_open(struct relay *relay, struct world *world)
{
	struct ph_address any = {PH_ADDRESS_TCP, "127.0.0.1", 0};

	memset(relay, 0, sizeof(*relay));
	relay->mask = mask_open(&world->beta, "relay");
	assert_int_equal(
		0, ph_transport_tcp.listen(&relay->mask->host, &any, false,
			   &relay_events, relay, &relay->listener));
	ph_listener_address(relay->listener, &relay->address);
}

static void relay_close(struct relay *relay, struct world *world)
{
	ph_listener_close(relay->listener);
	for (unsigned i = 0; i < 4; i++)
		ph_loop_turn(world->beta.node->loop, 0);
}

/* Alpha dials, the relay carries on to beta; true if anybody let it in. */
static bool relay_run(struct relay *relay, struct world *world, bool sealing)
{
	struct ph_dial dial = {.address = world->beta.address};
	struct ph_session *session;
	unsigned lines = world->alpha.lines + world->beta.lines;

	memset(&relay->front, 0, sizeof(relay->front));
	memset(&relay->back, 0, sizeof(relay->back));
	relay->accepted = false;
	relay->front.other = &relay->back;
	relay->back.other = &relay->front;
	relay->front.sealing = relay->back.sealing = sealing;
	ph_queue_init(&relay->front.out, relay->mask->host.pool);
	ph_queue_init(&relay->back.out, relay->mask->host.pool);
	assert_int_equal(
		0, ph_transport_tcp.dial(&relay->mask->host, &dial, &leg_events,
			   &relay->back, &relay->back.carrier));
	world_until(world, relay->back.opened);
	assert_int_equal(
		0, ph_gate_dial(world->alpha.node->gate, &relay->address,
			   10 * PH_SECOND, NULL, &session));
	world_until(world,
		relay->accepted && relay->front.closed && relay->back.closed);
	world_until(world, !ph_gate_strangers(world->beta.node->gate) &&
				   !ph_gate_strangers(world->alpha.node->gate));
	for (unsigned i = 0; i < 4; i++) {
		ph_loop_turn(world->alpha.node->loop, 0);
		ph_loop_turn(world->beta.node->loop, 0);
	}
	ph_queue_fini(&relay->front.out);
	ph_queue_fini(&relay->back.out);
	prey_forgive(&world->alpha);
	prey_forgive(&world->beta);
	return world->alpha.lines + world->beta.lines != lines;
}

/* The control: without a relay between them they do let each other in. */
static void meet(struct world *world)
{
	struct ph_session *session;

	assert_int_equal(
		0, ph_gate_dial(world->alpha.node->gate, &world->beta.address,
			   10 * PH_SECOND, NULL, &session));
	world_until(world, ph_lines_up(world->alpha.node->lines) == 1 &&
				   ph_lines_up(world->beta.node->lines) == 1);
}

static void relay_between(struct world *world, size_t pins)
{
	struct relay relay;
	unsigned runs = adversary_dose(20, 1000);

	relay_open(&relay, world);
	for (unsigned i = 0; i < runs; i++) {
		bool sealing = i % 2;

		assert_false(relay_run(&relay, world, sealing));
		/* With a right `bind` they come as far as the tags. */
		assert_int_equal(relay.front.passed, sealing ? 3 : 1);
	}
	relay_close(&relay, world);
	assert_int_equal(ph_trust_count(world->alpha.node->trust), pins);
	assert_int_equal(ph_trust_count(world->beta.node->trust), pins);
	assert_null(ph_trust_find(world->alpha.node->trust, relay.mask->key));
	assert_null(ph_trust_find(world->beta.node->trust, relay.mask->key));
}

static void relay_of_strangers(void **state)
{
	struct world *world = *state;

	relay_between(world, 0);
	meet(world);
}

/* They know each other's keys; the relay's is neither. */
static void relay_of_pinned_peers(void **state)
{
	struct world *world = *state;

	meet(world);
	relay_between(world, 1);
}

/* --- less than mutual TLS 1.3 --- */

struct bare {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

static void bare_open(struct bare *bare, struct prey *prey)
{
	struct ph_endpoint to;

	ph_endpoint_literal(&to, "127.0.0.1", prey->address.port);
	bare->fd = ph_socket_open(&to);
	(void)connect(bare->fd, &to.any, to.length);
	bare->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(bare->context, SSL_VERIFY_NONE, NULL);
}

static void bare_identify(struct bare *bare, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	const EVP_MD *digest = EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL;

	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, digest) > 0);
	assert_int_equal(
		1, SSL_CTX_use_certificate(bare->context, certificate));
	assert_int_equal(1, SSL_CTX_use_PrivateKey(bare->context, key));
	X509_free(certificate);
}

/* Shakes hands by TLS, then says a frame of `length` bytes; what came back
 * until the end, at most `room`. */
static int bare_talk(
	struct bare *bare, struct prey *prey, uint8_t *in, size_t room)
{
	static const uint8_t hello[] = {4, 0, 0, PH_FRAME_FIN, 1, 2, 3, 4};
	int64_t limit = adversary_now() + 5 * PH_SECOND;
	bool said = false;
	size_t have = 0;

	bare->ssl = SSL_new(bare->context);
	SSL_set_fd(bare->ssl, bare->fd);
	while (adversary_now() < limit) {
		int result = SSL_connect(bare->ssl);

		if (result == 1 && !said)
			said = SSL_write(bare->ssl, hello, sizeof(hello)) > 0;
		if (result == 1)
			result = SSL_read(
				bare->ssl, in + have, (int)(room - have));
		if (result > 0)
			have += (size_t)result;
		else if (SSL_get_error(bare->ssl, result) !=
				 SSL_ERROR_WANT_READ &&
			 SSL_get_error(bare->ssl, result) !=
				 SSL_ERROR_WANT_WRITE)
			return (int)have;
		prey_turn(prey);
	}
	fail_msg("the node never closed");
	return -1;
}

static void bare_close(struct bare *bare)
{
	SSL_free(bare->ssl);
	SSL_CTX_free(bare->context);
	close(bare->fd);
}

/* Returns how many bytes the node said before it closed. */
static int bare_try(
	struct prey *prey, const char *kind, const char *curve, int version)
{
	EVP_PKEY *key = !kind	? NULL
			: curve ? EVP_PKEY_Q_keygen(NULL, NULL, kind, curve)
				: EVP_PKEY_Q_keygen(NULL, NULL, kind);
	struct bare bare;
	uint8_t in[2000];
	int got;

	bare_open(&bare, prey);
	if (key)
		bare_identify(&bare, key);
	if (version)
		SSL_CTX_set_max_proto_version(bare.context, version);
	got = bare_talk(&bare, prey, in, sizeof(in));
	bare_close(&bare);
	EVP_PKEY_free(key);
	prey_settle(prey);
	return got;
}

static void less_than_mutual_tls_1_3(void **state)
{
	struct world *world = *state;
	struct prey *prey = &world->beta;

	/* The control: this one gets as far as our CLOSE. */
	assert_int_equal(8, bare_try(prey, "ED25519", NULL, 0));
	assert_int_equal(0, bare_try(prey, "ED25519", NULL, TLS1_2_VERSION));
	assert_int_equal(0, bare_try(prey, NULL, NULL, 0));
	assert_int_equal(0, bare_try(prey, "EC", "P-256", 0));
	assert_int_equal(0, bare_try(prey, "ED448", NULL, 0));
	assert_int_equal(prey->lines, 0);
	prey_assert_healthy(prey, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(relay_of_strangers),
		T(relay_of_pinned_peers),
		T(less_than_mutual_tls_1_3),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name(
		"adversary_relay", tests, NULL, NULL);
}
