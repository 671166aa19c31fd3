#ifndef PH_TRANSPORT_HTTP_H
#define PH_TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/hal.h"

/*
 * HTTP/1.1 and WebSocket (RFC 9112, RFC 6455), by libwebsockets on a thread of
 * its own: the web thread. It begins with the first connection that it is
 * given, and ends with ph_http_destroy. It never listens: connections are
 * accepted by others, who know whom to let in, and handed over.
 *
 * Every callback runs on the web thread, and all functions below belong there
 * but for ph_http_create, ph_http_adopt, ph_http_post and ph_http_destroy.
 * No permessage-deflate, no HTTP/2.
 */
struct ph_http;
struct ph_exchange;
struct ph_websocket;

struct ph_http_peer {
	char source[64]; /* address without port; "unix" */
	char local[64];	 /* the address that it came to, without port */
	uint16_t port;	 /* that it came to; 0: a unix socket */
	bool has_uid;	 /* unix: SO_PEERCRED */
	uint32_t uid;
	bool loopback;
	unsigned door; /* of a ws listener; 0: carriers are not taken here */
	bool tls;      /* TLS outside, with a certificate that proves nothing */
	uint16_t from; /* the peer's port */
};

#define PH_HTTP_CONNECTIONS 512u /* at once; more are closed */
#define PH_HTTP_CARRIERS    512u /* beside them, with what comes to a ws door */
/* Of one source that is not the loopback; of those that are no carrier (yet).
 */
#define PH_HTTP_SOURCE		64u
#define PH_HTTP_SOURCE_CARRIERS 256u
#define PH_HTTP_BODY		((size_t)1024 * 1024)
#define PH_HTTP_PENDING		((size_t)32 * 1024 * 1024) /* bytes of answers */
#define PH_HTTP_STREAM		((size_t)256 * 1024) /* not yet sent, a stream */

struct ph_websocket_events {
	void (*on_open)(void *own, struct ph_websocket *socket);
	/* A whole message; at most PH_HTTP_MESSAGE bytes. Non-zero: closes with
	 * that code (RFC 6455 7.4.1). */
	int (*on_message)(
		void *own, const uint8_t *data, size_t length, bool binary);
	/* What was queued has gone below half of its bound. */
	void (*on_room)(void *own);
	void (*on_closed)(void *own);
};
#define PH_HTTP_MESSAGE ((size_t)256 * 1024 + 16)

struct ph_http_site {
	/* A request is here, its body too. It is answered once, now or later,
	 * or streamed. */
	void (*on_request)(void *context, struct ph_exchange *exchange);
	/* The client went away from an exchange that was not answered to the
	 * end, or whose stream had begun. */
	void (*on_gone)(void *context, struct ph_exchange *exchange);
	/* Somebody asks for a WebSocket: 0 with the events and *own of it, or
	 * the status of the refusal. */
	int (*on_upgrade)(void *context, struct ph_exchange *exchange,
		const struct ph_websocket_events **events, void **own);
	void *context;
	/* For carriers; NULL: there are none. */
	struct ph_loop *loop;
};

/* Copies `site`. No thread yet. -ENOMEM. */
int ph_http_create(struct ph_http **out, const struct ph_http_site *site);
/* Closes everything and waits for the thread. NULL is harmless. */
void ph_http_destroy(struct ph_http *http);
/* Takes a connected, non-blocking socket, closing it when there is no room.
 * From one thread, the loop's. */
void ph_http_adopt(
	struct ph_http *http, int fd, const struct ph_http_peer *peer);
/* From any thread: runs the task on the web thread. Only after something was
 * adopted. Tasks that are not run at the end are dropped, with `drop` called
 * for them if it is set. */
struct ph_http_task {
	void (*run)(struct ph_http_task *task);
	void (*drop)(struct ph_http_task *task);
	struct ph_http_task *next; /* private */
};
void ph_http_post(struct ph_http *http, struct ph_http_task *task);
/* The web thread runs. */
bool ph_http_is_up(const struct ph_http *http);
/* Every `period_ms` on the web thread; 0 stops. One for each ph_http. */
void ph_http_every(struct ph_http *http, unsigned period_ms,
	void (*tick)(void *context), void *context);

/* --- carriers: the loop's thread --- */

struct ph_listener;
/* What comes to this door and asks for a WebSocket of carriers is offered to
 * the listener (ph_listener_offer). The door's number, or -ENOSPC. */
int ph_http_bind(struct ph_http *http, struct ph_listener *listener);
void ph_http_unbind(struct ph_http *http, unsigned door);
/* Dials ws at a literal host. The other end of the pair whose end `fd` is,
 * taken in any case, hears in four bytes the round trip (us; 0: not known) or
 * -errno (-ENOTCONN: there is no connection), and then the stream. `name`: the
 * Host header. */
void ph_http_dial(struct ph_http *http, int fd, const char *host, uint16_t port,
	const char *name, bool tls);
/* Where carriers are asked for. */
#define PH_HTTP_CARRIER_PATH "/v1/carrier"

/* --- an exchange --- */

/* Unique for the life of the ph_http. */
uint64_t ph_exchange_id(const struct ph_exchange *exchange);
/* NULL when it is over. */
struct ph_exchange *ph_exchange_find(struct ph_http *http, uint64_t id);
const struct ph_http_peer *ph_exchange_peer(const struct ph_exchange *exchange);
/* "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS". */
const char *ph_exchange_method(const struct ph_exchange *exchange);
/* The path, percent-decoded, without the query. */
const char *ph_exchange_path(const struct ph_exchange *exchange);
/* The value of a field of the query; false: it is not there, or longer. */
bool ph_exchange_query(const struct ph_exchange *exchange, const char *name,
	char *out, size_t size);
enum ph_http_header {
	PH_HTTP_HOST,
	PH_HTTP_ORIGIN,
	PH_HTTP_AUTHORIZATION,
	PH_HTTP_CONTENT_TYPE,
	PH_HTTP_ACCEPT,
	PH_HTTP_ACCEPT_ENCODING,
	PH_HTTP_LAST_EVENT,
	PH_HTTP_PROTOCOL,
	PH_HTTP_FETCH_SITE,
	PH_HTTP_MCP_VERSION,
	PH_HTTP_HEADERS
};
/* "" when it is not there. One of more than 255 bytes is answered with 431 (a
 * path or a query that does not fit with 414), and the request never comes
 * here; but Accept and Accept-Encoding are then as if they were not there. */
const char *ph_exchange_header(
	const struct ph_exchange *exchange, enum ph_http_header header);
/* Somebody else's request, as a proxy tells that passes it on (RFC 7239, Via,
 * X-Forwarded-For, X-Real-IP). */
bool ph_exchange_forwarded(const struct ph_exchange *exchange);
const uint8_t *ph_exchange_body(
	const struct ph_exchange *exchange, size_t *length);

/* Neither answered nor a stream yet. */
bool ph_exchange_waits(const struct ph_exchange *exchange);
/* Answers. `headers`: lines "name: value\r\n", or NULL. Copies the body. */
void ph_exchange_answer(struct ph_exchange *exchange, unsigned status,
	const char *type, const char *headers, const void *body, size_t length);
/* Begins a stream without end (server-sent events). */
void ph_exchange_stream(
	struct ph_exchange *exchange, const char *type, const char *headers);
/* Copies. -EAGAIN: the client is slow, PH_HTTP_STREAM bytes wait already, or
 * half of PH_HTTP_PENDING for all clients together. */
int ph_exchange_send(
	struct ph_exchange *exchange, const void *data, size_t length);
/* Ends a stream: the connection is closed. on_gone follows. */
void ph_exchange_end(struct ph_exchange *exchange);
/* Bytes that wait to be sent. */
size_t ph_exchange_waiting(const struct ph_exchange *exchange);
void *ph_exchange_own(const struct ph_exchange *exchange);
void ph_exchange_set_own(struct ph_exchange *exchange, void *own);

/* --- a WebSocket --- */

/* One message. Copies. -EAGAIN: as ph_exchange_send, on_room follows. */
int ph_websocket_send(struct ph_websocket *socket, const void *data,
	size_t length, bool binary);
/* on_closed follows. `why` is short. */
void ph_websocket_close(
	struct ph_websocket *socket, unsigned code, const char *why);
/* Whether the peer is read; what it sent already waits in the system. */
void ph_websocket_read(struct ph_websocket *socket, bool on);

#endif
