#ifndef PH_TRANSPORT_TLS_INNER_H
#define PH_TRANSPORT_TLS_INNER_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "kernel/buffer.h"
#include "kernel/loop.h"
#include "transport/filter.h"
#include "transport/tls.h"

/*
 * TLS from within. Shared by tls.c (bytes in and out), tls_handshake.c (the
 * first record, the handshake, and how many of them a turn bears) and
 * tls_context.c (what all sessions of a node have in common).
 */
#define RECORD_HEADER ((uint32_t)5)
#define RECORD_PLAIN  ((uint32_t)16 * 1024)
/* The first record. Ours have 300 bytes; offers of keys for sessions to come
 * may add some. */
#define HELLO_MAX ((uint32_t)4096)

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

static inline struct session *session_of(struct ph_filter *filter)
{
	return (struct session *)filter;
}

/* tls.c: sends what is sealed. 0, -EAGAIN. What OpenSSL's result means. The
 * BIO's functions; NULL: out of memory. */
int tls_flush(struct ph_filter *filter);
int tls_error(struct session *session, int result);
BIO_METHOD *tls_bio_method(void);
/* tls_handshake.c: of the filter; out of the line of those that wait; their
 * turn. */
int tls_handshake(struct ph_filter *filter);
void tls_unwait(struct session *session);
void tls_on_turn(struct ph_timer *timer);

#endif
