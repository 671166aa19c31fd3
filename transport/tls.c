#include "transport/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "transport/tls_inner.h"

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

#define RECORD_EXTRA ((uint32_t)22) /* header, content type, tag */
/* Ciphertext read at once from a peer that is no stranger: four full records
 * to the byte, or each read would leave a rest that costs one more. OpenSSL
 * keeps three bytes to align what it reads. */
#define READ_AHEAD ((size_t)4 * (RECORD_PLAIN + RECORD_EXTRA) + 3)

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

BIO_METHOD *tls_bio_method(void)
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

int tls_flush(struct ph_filter *filter)
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

int tls_error(struct session *session, int result)
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

/* --- the filter --- */

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
