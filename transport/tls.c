#include "transport/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "kernel/buffer.h"
#include "kernel/loop.h"
#include "transport/certificate.h"
#include "transport/filter.h"

/*
 * OpenSSL between a carrier and its socket, by a BIO of our own.
 *
 * Receiving, the BIO reads the socket within the turn's budget. Sending, it
 * gathers the records of one write in a pool buffer that then goes out by one
 * system call; what the socket does not take stays there, and nothing more is
 * sealed before it is gone. So SSL_write never sees a full socket, and a frame
 * is either sealed for good or still wholly the queue's.
 *
 * Memory of strangers: until the first record (a ClientHello, or the answer
 * to ours) is here as a whole, a connection is a few hundred bytes and the
 * part of the record that came; only then is there an SSL object.
 */

#define RECORD_HEADER ((uint32_t)5)
#define RECORD_PLAIN  ((uint32_t)16 * 1024)
#define RECORD_EXTRA  ((uint32_t)22) /* header, content type, tag */
/* The first record. Ours have 300 bytes; offers of keys for sessions to come
 * may add some. */
#define HELLO_MAX ((uint32_t)4096)
/* Ciphertext read at once from a peer that is no stranger: four full records
 * to the byte, or each read would leave a rest that costs one more. OpenSSL
 * keeps three bytes to align what it reads. */
#define READ_AHEAD ((size_t)4 * (RECORD_PLAIN + RECORD_EXTRA) + 3)

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

struct session {
	struct ph_filter filter; /* first: a filter is a session */
	struct ph_tls *tls;
	struct ph_loop *loop;
	struct ph_pool *pool;
	SSL *ssl;
	bool server;
	bool reset; /* the socket's own error, seen below OpenSSL */
	uint8_t header[RECORD_HEADER];
	uint8_t *hello; /* the first record, without its header */
	uint32_t hello_size;
	uint32_t hello_have; /* with the header */
	uint32_t hello_given;
	struct ph_buffer *sealed; /* what the socket did not take yet */
	uint32_t sent;
	uint8_t peer_key[PH_PUBLIC_KEY];
	uint8_t exporter[32];
	struct session *next; /* in the line of those that wait */
	bool waiting;
};

struct ph_tls {
	SSL_CTX *context;
	BIO_METHOD *method;
	struct ph_timer timer; /* the next turn */
	struct ph_loop *loop;  /* of those who wait */
	struct session *first;
	struct session *last;
	bool serving;  /* who waited */
	int64_t turn;  /* its time */
	int64_t spent; /* ns on handshakes in it */
	/* Small frames are put together here before they are sealed. */
	uint8_t scratch[RECORD_PLAIN];
};

static struct session *session_of(struct ph_filter *filter)
{
	return (struct session *)filter;
}

/* --- the BIO --- */

static int give_hello(struct session *session, char *bytes, int room)
{
	uint32_t left = session->hello_have - session->hello_given;
	uint32_t count = (uint32_t)room < left ? (uint32_t)room : left;
	uint32_t at = session->hello_given;

	/* OpenSSL asks for the header alone first; never across the seam. */
	if (at < RECORD_HEADER) {
		if (count > RECORD_HEADER - at)
			count = RECORD_HEADER - at;
		memcpy(bytes, session->header + at, count);
	} else {
		memcpy(bytes, session->hello + at - RECORD_HEADER, count);
	}
	session->hello_given += count;
	if (session->hello_given == session->hello_have) {
		free(session->hello);
		session->hello = NULL;
	}
	return (int)count;
}

static int bio_read(BIO *bio, char *bytes, int room)
{
	struct session *session = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (room <= 0)
		return 0;
	if (session->hello_given < session->hello_have)
		return give_hello(session, bytes, room);
	got = ph_filter_receive(&session->filter, bytes, (size_t)room);
	if (got == -EAGAIN) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (got <= 0)
		session->reset = true;
	return got < 0 ? -1 : (int)got;
}

/* Makes sure that there is a buffer to seal into. */
static int sealed_begin(struct session *session, uint32_t capacity)
{
	if (session->sealed)
		return 0;
	session->sealed = ph_buffer_get(session->pool, capacity);
	session->sent = 0;
	return session->sealed ? 0 : -ENOMEM;
}

static int bio_write(BIO *bio, const char *bytes, int count)
{
	struct session *session = BIO_get_data(bio);
	struct ph_buffer *sealed;

	BIO_clear_retry_flags(bio);
	if (count <= 0 || sealed_begin(session, PH_BUFFER_SMALL))
		return -1;
	sealed = session->sealed;
	/* A bound, not a case: a peer that makes us answer without ever
	 * reading ends here. */
	if (sealed->capacity - sealed->used < (uint32_t)count)
		return -1;
	memcpy(sealed->data + sealed->used, bytes, (size_t)count);
	sealed->used += (uint32_t)count;
	session->filter.holds = true;
	return count;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

	if (method && BIO_meth_set_read(method, bio_read) &&
		BIO_meth_set_write(method, bio_write) &&
		BIO_meth_set_ctrl(method, bio_control) &&
		BIO_meth_set_create(method, bio_create))
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* --- sending --- */

static int tls_flush(struct ph_filter *filter)
{
	struct session *session = session_of(filter);
	struct ph_buffer *sealed = session->sealed;
	ssize_t sent;

	if (!sealed)
		return 0;
	do
		sent = send(filter->fd, sealed->data + session->sent,
			sealed->used - session->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	session->sent += (uint32_t)sent;
	if (session->sent < sealed->used)
		return -EAGAIN;
	ph_buffer_unref(sealed);
	session->sealed = NULL;
	filter->holds = false;
	return 0;
}

/* Where a write stands in its vectors. */
struct cursor {
	const struct iovec *vectors;
	unsigned count;
	unsigned index;
	size_t offset;
};

/* The next bytes to seal, at most `most`: in place when they fill a record by
 * themselves, else put together in the scratch. */
static size_t cursor_next(struct cursor *cursor, size_t most, uint8_t *scratch,
	const uint8_t **bytes)
{
	size_t have = 0;

	*bytes = scratch;
	while (cursor->index < cursor->count && have < most) {
		const struct iovec *vector = &cursor->vectors[cursor->index];
		const uint8_t *at =
			(const uint8_t *)vector->iov_base + cursor->offset;
		size_t left = vector->iov_len - cursor->offset;
		size_t part = left < most - have ? left : most - have;

		if (!have && part == most) {
			*bytes = at;
		} else if (part) {
			memcpy(scratch + have, at, part);
		}
		have += part;
		cursor->offset += part;
		if (cursor->offset == vector->iov_len) {
			cursor->index++;
			cursor->offset = 0;
		}
	}
	return have;
}

static ssize_t tls_write(
	struct ph_filter *filter, const struct iovec *vectors, unsigned count)
{
	struct session *session = session_of(filter);
	struct cursor cursor = {.vectors = vectors, .count = count};
	size_t total = 0;
	int error;

	error = tls_flush(filter);
	if (!error)
		error = sealed_begin(session, PH_BUFFER_LARGE);
	if (error)
		return error;
	for (;;) {
		size_t room = session->sealed->capacity - session->sealed->used;
		size_t most = room > RECORD_EXTRA ? room - RECORD_EXTRA : 0;
		const uint8_t *bytes;
		size_t part;

		part = cursor_next(&cursor,
			most < RECORD_PLAIN ? most : RECORD_PLAIN,
			session->tls->scratch, &bytes);
		if (!part)
			break;
		ERR_clear_error();
		if (SSL_write(session->ssl, bytes, (int)part) != (int)part)
			return -EPROTO;
		total += part;
	}
	error = tls_flush(filter);
	return error && error != -EAGAIN ? error : (ssize_t)total;
}

static void tls_finish(struct ph_filter *filter)
{
	struct session *session = session_of(filter);

	ERR_clear_error();
	if (session->ssl && SSL_is_init_finished(session->ssl))
		(void)SSL_shutdown(session->ssl);
}

/* --- receiving --- */

static int tls_error(struct session *session, int result)
{
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		/* The socket ended without a farewell, or the peer, or
		 * somebody between, speaks no TLS that we accept. */
		return session->reset ? -ECONNRESET : -EPROTO;
	}
}

static ssize_t tls_read(struct ph_filter *filter, void *bytes, size_t room)
{
	struct session *session = session_of(filter);
	size_t total = 0;

	while (total < room) {
		int got, error;

		ERR_clear_error();
		got = SSL_read(session->ssl, (uint8_t *)bytes + total,
			(int)(room - total));
		if (got > 0) {
			total += (size_t)got;
			continue;
		}
		/* What ends it will still be there in the next call. */
		if (total)
			break;
		error = tls_error(session, got);
		return error;
	}
	return (ssize_t)total;
}

static void tls_trust(struct ph_filter *filter)
{
	struct session *session = session_of(filter);

	if (!session->ssl)
		return;
	SSL_set_default_read_buffer_len(session->ssl, READ_AHEAD);
	SSL_set_read_ahead(session->ssl, 1);
}

/* --- the handshake --- */

/* Where the first record ends, as far as known. 0: not TLS, or too much. */
static uint32_t hello_need(const struct session *session)
{
	const uint8_t *header = session->header;
	uint32_t size;

	if (session->hello_have < RECORD_HEADER)
		return RECORD_HEADER;
	/* Handshake; 3.1 from a client, 3.3 from a server (RFC 8446 5.1): the
	 * version is in no transcript, so it is held to what we send. */
	if (header[0] != 0x16 || header[1] != 0x03 ||
		header[2] != (session->server ? 0x01 : 0x03))
		return 0;
	size = (uint32_t)header[3] << 8 | header[4];
	return size && size <= HELLO_MAX ? RECORD_HEADER + size : 0;
}

static ssize_t hello_receive(struct session *session, uint32_t need)
{
	uint32_t have = session->hello_have;
	uint8_t *at = session->header + have;

	if (have >= RECORD_HEADER) {
		if (!session->hello)
			session->hello = malloc(need - RECORD_HEADER);
		if (!session->hello)
			return -ENOMEM;
		at = session->hello + have - RECORD_HEADER;
	}
	return ph_filter_receive(&session->filter, at, need - have);
}

/* 0: the first record is here as a whole. */
static int hello_collect(struct session *session)
{
	for (;;) {
		uint32_t need = hello_need(session);
		ssize_t got;

		if (!need)
			return -EPROTO;
		if (session->hello_have == need)
			return 0;
		got = hello_receive(session, need);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0)
			return (int)got;
		session->hello_have += (uint32_t)got;
	}
}

static int session_begin(struct session *session)
{
	BIO *bio;

	if (session->ssl)
		return 0;
	ERR_clear_error();
	session->ssl = SSL_new(session->tls->context);
	bio = session->ssl ? BIO_new(session->tls->method) : NULL;
	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, session);
	SSL_set_bio(session->ssl, bio, bio);
	if (session->server)
		SSL_set_accept_state(session->ssl);
	else
		SSL_set_connect_state(session->ssl);
	return 0;
}

/* What the handshake proved. */
static int session_prove(struct session *session)
{
	X509 *certificate = SSL_get0_peer_certificate(session->ssl);

	if (!certificate ||
		!ph_certificate_key(certificate, session->peer_key) ||
		SSL_export_keying_material(session->ssl, session->exporter,
			sizeof(session->exporter), EXPORTER_LABEL,
			sizeof(EXPORTER_LABEL) - 1, NULL, 0, 1) != 1)
		return -EPROTO;
	session->filter.peer_key = session->peer_key;
	session->filter.exporter = session->exporter;
	return 0;
}

/* --- handshakes share a turn --- */

static void tls_wait(struct session *session)
{
	struct ph_tls *tls = session->tls;

	if (session->waiting)
		return;
	session->waiting = true;
	session->next = NULL;
	if (tls->last)
		tls->last->next = session;
	else
		tls->first = session;
	tls->last = session;
	tls->loop = session->loop;
	if (!tls->timer.slot)
		ph_timer_start(tls->loop, &tls->timer, 0);
}

static void tls_unwait(struct session *session)
{
	struct ph_tls *tls = session->tls;
	struct session **link = &tls->first;
	struct session *previous = NULL;

	if (!session->waiting)
		return;
	session->waiting = false;
	while (*link != session) {
		previous = *link;
		link = &previous->next;
	}
	*link = session->next;
	if (tls->last == session)
		tls->last = previous;
	if (!tls->first)
		ph_timer_stop(tls->loop, &tls->timer);
}

static bool tls_exhausted(struct ph_tls *tls, int64_t now)
{
	if (tls->turn != now) {
		tls->turn = now;
		tls->spent = 0;
	}
	return tls->spent >= PH_TLS_TURN_BUDGET;
}

static void tls_on_turn(struct ph_timer *timer)
{
	struct ph_tls *tls = (struct ph_tls *)((char *)timer -
					       offsetof(struct ph_tls, timer));
	struct session *session;

	tls->serving = true;
	while ((session = tls->first) &&
		!tls_exhausted(tls, ph_loop_now(tls->loop))) {
		tls_unwait(session);
		session->filter.again(&session->filter);
	}
	tls->serving = false;
	if (tls->first)
		ph_timer_start(tls->loop, timer, 0);
}

/* One step of OpenSSL's, on the turn's account. */
static int session_step(struct session *session)
{
	struct ph_tls *tls = session->tls;
	struct ph_clock *clock = &ph_clock_real;
	int64_t begun = clock->now(clock);
	int error, result, flushed;

	error = session_begin(session);
	if (error)
		return error;
	ERR_clear_error();
	result = SSL_do_handshake(session->ssl);
	error = result == 1 ? session_prove(session)
			    : tls_error(session, result);
	if (!error && result != 1)
		error = -ECONNRESET; /* a farewell in mid-handshake */
	/* The last words of a refusal are for the peer; best effort. */
	flushed = tls_flush(&session->filter);
	tls->spent += clock->now(clock) - begun;
	session->filter.wants_write = session->filter.holds;
	if (flushed == -EAGAIN)
		flushed = 0; /* goes when it can */
	return error && error != -EAGAIN ? error : flushed ? flushed : error;
}

static int tls_handshake(struct ph_filter *filter)
{
	struct session *session = session_of(filter);
	struct ph_tls *tls = session->tls;
	int error;

	error = tls_flush(filter);
	filter->wants_write = filter->holds;
	if (error)
		return error;
	/* A client speaks first; a server, once it heard a whole hello. */
	if (session->server || session->ssl) {
		error = hello_collect(session);
		if (error)
			return error;
	}
	if (session->waiting)
		return -EBUSY;
	/* No overtaking: who waits is served first. */
	if ((tls->first && !tls->serving) ||
		tls_exhausted(tls, ph_loop_now(session->loop))) {
		tls_wait(session);
		return -EBUSY;
	}
	return session_step(session);
}

static void tls_destroy(struct ph_filter *filter)
{
	struct session *session = session_of(filter);

	tls_unwait(session);
	ERR_clear_error();
	SSL_free(session->ssl);
	free(session->hello);
	ph_buffer_unref(session->sealed);
	free(session);
}

static const struct ph_filter_ops tls_ops = {
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.flush = tls_flush,
	.finish = tls_finish,
	.trust = tls_trust,
	.destroy = tls_destroy,
};

int ph_tls_filter(struct ph_tls *tls, struct ph_loop *loop,
	struct ph_pool *pool, int fd, bool server, struct ph_filter **out)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->filter.ops = &tls_ops;
	session->filter.fd = fd;
	session->tls = tls;
	session->loop = loop;
	session->pool = pool;
	session->server = server;
	*out = &session->filter;
	return 0;
}

/* --- what all sessions of a node share --- */

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
	tls->method = bio_method();
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
