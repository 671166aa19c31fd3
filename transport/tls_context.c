#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "transport/certificate.h"
#include "transport/tls_inner.h"

/* What all sessions of a node share: one context, its key and its rules. */

/* Whom to trust is decided above, by key. Here: one certificate, no chain,
 * Ed25519, signed by the key that the handshake then proves. */
static int verify_peer(X509_STORE_CTX *store, void *unused)
{
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);

	if (!certificate || sk_X509_num(chain) > 1 ||
		!ph_certificate_is_sound(certificate)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* Whether this machine has instructions for AES, by what OpenSSL found: bit
 * 57 on x86, bit 2 on Arm. */
static bool has_aes(void)
{
	const char *settings = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
	unsigned long long bits;

	if (!settings)
		return false;
	if (sscanf(settings, "OPENSSL_ia32cap=%llx", &bits) == 1)
		return bits >> 57 & 1;
	if (sscanf(settings, "OPENSSL_armcap=%llx", &bits) == 1)
		return bits >> 2 & 1;
	return false;
}

static const char *cipher_list(void)
{
	return has_aes() ? "TLS_AES_128_GCM_SHA256:"
			   "TLS_CHACHA20_POLY1305_SHA256:"
			   "TLS_AES_256_GCM_SHA384"
			 : "TLS_CHACHA20_POLY1305_SHA256:"
			   "TLS_AES_128_GCM_SHA256:"
			   "TLS_AES_256_GCM_SHA384";
}

static int context_key(SSL_CTX *context, const uint8_t seed[32])
{
	EVP_PKEY *key;
	X509 *certificate;
	int error, set;

	error = ph_certificate_create(seed, &key, &certificate);
	if (error)
		return error;
	set = SSL_CTX_use_certificate(context, certificate) == 1 &&
	      SSL_CTX_use_PrivateKey(context, key) == 1;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return set ? 0 : -EINVAL;
}

static int context_set(SSL_CTX *context, const uint8_t seed[32])
{
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	SSL_CTX_set_mode(context,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context,
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, verify_peer, NULL);
	SSL_CTX_set_max_cert_list(context, HELLO_MAX);
	if (!SSL_CTX_set_num_tickets(context, 0) ||
		!SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
		!SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) ||
		!SSL_CTX_set1_groups_list(context, "X25519") ||
		!SSL_CTX_set1_sigalgs_list(context, "ed25519") ||
		!SSL_CTX_set_ciphersuites(context, cipher_list()))
		return -EINVAL;
	return context_key(context, seed);
}

int ph_tls_create(struct ph_tls **out, const uint8_t seed[32])
{
	struct ph_tls *tls = calloc(1, sizeof(*tls));
	int error = -ENOMEM;

	if (!tls)
		return error;
	tls->timer.on_due = tls_on_turn;
	tls->method = tls_bio_method();
	tls->context = SSL_CTX_new(TLS_method());
	if (tls->method && tls->context)
		error = context_set(tls->context, seed);
	if (error) {
		ph_tls_destroy(tls);
		return error;
	}
	*out = tls;
	return 0;
}

void ph_tls_destroy(struct ph_tls *tls)
{
	if (!tls)
		return;
	assert(!tls->first);
	SSL_CTX_free(tls->context);
	BIO_meth_free(tls->method);
	free(tls);
}
