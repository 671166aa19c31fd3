#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "transport/certificate.h"
#include "transport/tls_inner.h"

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

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

void tls_unwait(struct session *session)
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

void tls_on_turn(struct ph_timer *timer)
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

int tls_handshake(struct ph_filter *filter)
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
