#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/ssl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "test/suite/tls_world.h"
#include "transport/certificate.h"

/*
 * What TLS must prove and refuse. Honest ends are carriers; dishonest ones are
 * OpenSSL by hand, or sockets with bytes on them; the one in the middle is a
 * relay that flips what it is told to.
 */

/* --- what TLS proves --- */

static void public_key(const uint8_t *seed, uint8_t *key)
{
	uint8_t secret[64];

	assert_int_equal(0, crypto_sign_seed_keypair(key, secret, seed));
}

static void keys_and_exporter(void **state)
{
	struct world *world = *state;
	static const uint8_t zero[32];
	uint8_t alpha[32], beta[32], first[32];

	public_key(alpha_seed, alpha);
	public_key(beta_seed, beta);
	listen_with(world, &listener_events);
	dial_at(world, &world->address);
	turn_until(world, world->client.opened && world->server.opened);
	assert_true(world->client.info.tls && world->server.info.tls);
	assert_memory_equal(world->client.info.peer_key, beta, 32);
	assert_memory_equal(world->server.info.peer_key, alpha, 32);
	assert_memory_equal(
		world->client.info.exporter, world->server.info.exporter, 32);
	assert_memory_not_equal(world->client.info.exporter, zero, 32);
	memcpy(first, world->client.info.exporter, 32);

	/* Another session, another exporter. */
	ph_carrier_close(world->client.carrier);
	turn_until(world, world->client.closed && world->server.closed);
	assert_int_equal(world->server.reason, 0);
	world->server.opened = world->server.closed = false;
	dial_at(world, &world->address);
	turn_until(world, world->client.opened && world->server.opened);
	assert_memory_not_equal(world->client.info.exporter, first, 32);
}

/* --- what TLS refuses; the other end is OpenSSL by hand --- */

struct bare {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

static void bare_connect(struct world *world, struct bare *bare)
{
	struct ph_endpoint endpoint;

	ph_endpoint_literal(&endpoint, "127.0.0.1", world->address.port);
	bare->fd = ph_socket_open(&endpoint);
	(void)connect(bare->fd, &endpoint.any, endpoint.length);
	bare->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(bare->context, SSL_VERIFY_NONE, NULL);
}

/* An Ed25519 certificate of our own making, or of another kind of key. */
static void bare_identify(struct bare *bare, EVP_PKEY *key, EVP_PKEY *signer)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	const EVP_MD *digest =
		EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256();

	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, signer, digest) > 0);
	assert_int_equal(
		1, SSL_CTX_use_certificate(bare->context, certificate));
	assert_int_equal(1, SSL_CTX_use_PrivateKey(bare->context, key));
	X509_free(certificate);
}

/* Drives the handshake and reads, until either side gives up. */
static bool bare_refused(struct world *world, struct bare *bare)
{
	char byte;

	bare->ssl = SSL_new(bare->context);
	SSL_set_fd(bare->ssl, bare->fd);
	for (int64_t limit = now() + 60 * PH_SECOND; now() < limit;) {
		int result = SSL_connect(bare->ssl);

		if (result == 1)
			result = SSL_read(bare->ssl, &byte, 1);
		ph_loop_turn(world->loop, PH_MILLISECOND);
		if (world->server.opened)
			return false;
		if (world->server.closed)
			return true;
		(void)result;
	}
	return false;
}

static void bare_close(struct bare *bare)
{
	SSL_free(bare->ssl);
	SSL_CTX_free(bare->context);
	close(bare->fd);
}

static void tls_1_2(void **state)
{
	struct world *world = *state;
	struct bare bare;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	listen_with(world, &listener_events);
	bare_connect(world, &bare);
	bare_identify(&bare, key, key);
	SSL_CTX_set_max_proto_version(bare.context, TLS1_2_VERSION);
	assert_true(bare_refused(world, &bare));
	assert_int_equal(world->server.reason, -EPROTO);
	bare_close(&bare);
	EVP_PKEY_free(key);
}

static void no_certificate(void **state)
{
	struct world *world = *state;
	struct bare bare;

	listen_with(world, &listener_events);
	bare_connect(world, &bare);
	assert_true(bare_refused(world, &bare));
	assert_int_equal(world->server.reason, -EPROTO);
	bare_close(&bare);
}

/* The control: what the refusals above and below would look like otherwise. */
static void sound_certificate(void **state)
{
	struct world *world = *state;
	struct bare bare;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	listen_with(world, &listener_events);
	bare_connect(world, &bare);
	bare_identify(&bare, key, key);
	assert_false(bare_refused(world, &bare));
	assert_true(world->server.opened);
	bare_close(&bare);
	turn_until(world, world->server.closed);
	/* A FIN without a farewell is a break, though between frames. */
	assert_int_equal(world->server.reason, -ECONNRESET);
	EVP_PKEY_free(key);
}

static void foreign_signature(void **state)
{
	struct world *world = *state;
	struct bare bare;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	listen_with(world, &listener_events);
	bare_connect(world, &bare);
	bare_identify(&bare, key, other);
	assert_true(bare_refused(world, &bare));
	bare_close(&bare);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void other_kind_of_key(void **state)
{
	struct world *world = *state;
	struct bare bare;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	listen_with(world, &listener_events);
	bare_connect(world, &bare);
	bare_identify(&bare, key, key);
	assert_true(bare_refused(world, &bare));
	bare_close(&bare);
	EVP_PKEY_free(key);
}

/* --- the one in the middle --- */

#define RELAY_STALL (PH_SECOND / 10)

struct relay {
	int fds[2];	    /* to the client, to the server */
	uint64_t passed[2]; /* bytes from each */
	int side;	    /* whose byte is flipped */
	uint64_t flip;	    /* its number */
	uint8_t mask;	    /* 0: none */
	bool flipped;
};

static int relay_open(struct ph_address *address)
{
	struct ph_endpoint endpoint, bound = {.length = sizeof(bound.storage)};
	int fd;

	ph_endpoint_literal(&endpoint, "127.0.0.1", 0);
	fd = ph_socket_open(&endpoint);
	assert_int_equal(0, bind(fd, &endpoint.any, endpoint.length));
	assert_int_equal(0, listen(fd, 4));
	getsockname(fd, &bound.any, &bound.length);
	*address = (struct ph_address){
		PH_ADDRESS_TCP, "127.0.0.1", ph_endpoint_port(&bound)};
	return fd;
}

static void relay_pass(struct relay *relay, int side)
{
	uint8_t bytes[4096];
	ssize_t got =
		recv(relay->fds[side], bytes, sizeof(bytes), MSG_DONTWAIT);
	uint64_t at = relay->flip - relay->passed[side];

	if (got < 0)
		return;
	if (got == 0) {
		shutdown(relay->fds[!side], SHUT_WR);
		return;
	}
	if (side == relay->side && relay->flip >= relay->passed[side] &&
		at < (uint64_t)got && relay->mask) {
		bytes[at] ^= relay->mask;
		relay->flipped = true;
	}
	relay->passed[side] += (uint64_t)got;
	(void)!write(relay->fds[!side], bytes, (size_t)got);
}

/* True when something moved. */
static bool relay_turn(struct world *world, struct relay *relay)
{
	uint64_t before = relay->passed[0] + relay->passed[1];

	ph_loop_turn(world->loop, 0);
	relay_pass(relay, 0);
	relay_pass(relay, 1);
	return relay->passed[0] + relay->passed[1] > before;
}

/* One exchange through the relay: the client sends 100 bytes, the server 100.
 * Returns true when both got them. */
static bool exchange_through(struct world *world, struct relay *relay)
{
	struct ph_address through;
	static const uint8_t payload[100];
	int listening = relay_open(&through);
	struct pollfd ready = {.fd = listening, .events = POLLIN};
	bool passed;

	memset(relay->passed, 0, sizeof(relay->passed));
	relay->flipped = false;
	world->server.opened = world->server.closed = false;
	world->server.carrier = NULL;
	world->client.bytes = world->server.bytes = 0;
	ph_queue_copy(&world->client.out, PH_FRAME_FIN, payload, 100);
	ph_queue_copy(&world->server.out, PH_FRAME_FIN, payload, 100);
	dial_at(world, &through);
	ph_loop_turn(world->loop, 0);
	assert_int_equal(1, poll(&ready, 1, 5000));
	relay->fds[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	relay->fds[1] = connect_raw(world->address.port);
	/* A flipped length leaves an end waiting for bytes that never come. */
	for (int64_t limit = now() + RELAY_STALL; now() < limit;) {
		if (relay_turn(world, relay))
			limit = now() + RELAY_STALL;
		if (world->client.bytes == 100 && world->server.bytes == 100)
			break;
		if (world->client.closed && world->server.closed)
			break;
	}
	passed = world->client.bytes == 100 && world->server.bytes == 100;
	end_fini(&world->client);
	end_fini(&world->server);
	close(relay->fds[0]);
	close(relay->fds[1]);
	close(listening);
	turn_until(world, world->client.closed && world->server.closed);
	ph_queue_clear(&world->client.out);
	ph_queue_clear(&world->server.out);
	return passed;
}

/* Every byte of the whole conversation, one bit of each. */
static void flipped_bytes(void **state)
{
	struct world *world = *state;
	struct relay relay = {0};
	uint64_t sizes[2];

	listen_with(world, &listener_events);
	assert_true(exchange_through(world, &relay));
	sizes[0] = relay.passed[0];
	sizes[1] = relay.passed[1];
	assert_true(sizes[0] > 500 && sizes[1] > 500);
	for (relay.side = 0; relay.side < 2; relay.side++)
		for (relay.flip = 0; relay.flip < sizes[relay.side];
			relay.flip++) {
			relay.mask = (uint8_t)(1u << (relay.flip % 8));
			if (!exchange_through(world, &relay))
				continue;
			if (relay.flipped)
				fail_msg("byte %d of side %d had no effect",
					(int)relay.flip, relay.side);
		}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(keys_and_exporter),
		T(tls_1_2),
		T(no_certificate),
		T(sound_certificate),
		T(foreign_signature),
		T(other_kind_of_key),
		T(flipped_bytes),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
