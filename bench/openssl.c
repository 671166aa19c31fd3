#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/contestants.h"

/* A bare TLS 1.3 loop on blocking sockets: one 16 KiB record for each write,
 * AES-128-GCM, whatever the size of the message. */
#define RECORD ((size_t)16 * 1024)

static X509 *certificate(EVP_PKEY *key)
{
	X509 *made = X509_new();

	X509_set_version(made, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
	X509_gmtime_adj(X509_getm_notBefore(made), 0);
	X509_gmtime_adj(X509_getm_notAfter(made), 3600);
	X509_set_pubkey(made, key);
	X509_sign(made, key, NULL);
	return made;
}

static SSL *tls_on(int fd, bool server)
{
	SSL_CTX *context =
		SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	SSL *tls;

	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_num_tickets(context, 0);
	if (server) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

		SSL_CTX_use_PrivateKey(context, key);
		SSL_CTX_use_certificate(context, certificate(key));
	}
	tls = SSL_new(context);
	SSL_set_fd(tls, fd);
	if ((server ? SSL_accept(tls) : SSL_connect(tls)) != 1)
		bench_die("TLS handshake");
	return tls;
}

static void tls_serve(struct bench_side *side)
{
	SSL *tls = tls_on(bench_accept(bench_listen(side)), true);
	uint8_t *buffer = malloc(RECORD);
	size_t have = 0;
	int got;

	while ((got = SSL_read(tls, buffer, (int)RECORD)) > 0) {
		if (!side->result.ns)
			bench_begin(side);
		have += (size_t)got;
		for (; have >= side->load.size; have -= side->load.size)
			bench_took(side, buffer, side->load.size);
	}
	bench_end(side);
}

static void tls_drive(struct bench_side *side)
{
	int fd = bench_dial(side);
	SSL *tls = tls_on(fd, false);
	uint8_t *buffer = calloc(1, RECORD);

	while (bench_now() < side->until)
		for (size_t sent = 0; sent < side->load.size; sent += RECORD)
			if (SSL_write(tls, buffer, (int)RECORD) <= 0)
				bench_die("SSL_write");
	SSL_shutdown(tls);
	close(fd);
}

const struct bench_contestant bench_openssl = {
	"OpenSSL loop", tls_serve, tls_drive, NULL};
