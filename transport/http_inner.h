#ifndef PH_TRANSPORT_HTTP_INNER_H
#define PH_TRANSPORT_HTTP_INNER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "transport/http.h"

/*
 * The web thread from within. Two files know libwebsockets:
 *
 *   http.c          the thread, its connections, what happens to them
 *   http_wire.c     what is read and written of one
 *
 * and the others do not:
 *
 *   http_door.c     what the loop hands over
 *   http_visitor.c  the life of a visitor, and how many there may be
 *   http_request.c  what becomes of a request
 *   http_guard.c    what libwebsockets would let pass
 *   http_answer.c   what goes out
 *   http_socket.c   the WebSocket of a page
 *   http_bridge.c   the WebSocket of a carrier
 *
 * A visitor is a connection; an exchange or a WebSocket is what it is at the
 * moment. One struct for all, so there is one lifetime: libwebsockets' own,
 * which ends with LWS_CALLBACK_WSI_DESTROY.
 */
struct lws;
struct lws_context;
struct lws_vhost;
struct ph_listener;

enum phase {
	PHASE_IDLE,    /* between requests */
	PHASE_BODY,    /* its body comes */
	PHASE_WAITING, /* for its answer */
	PHASE_HEADERS, /* the answer's headers go first */
	PHASE_SENDING,
	PHASE_WEBSOCKET,
};

struct chunk {
	struct chunk *next;
	size_t length;
	size_t sent;
	bool binary;
	uint8_t *data;	  /* HTTP_PRE bytes are free before it */
	uint8_t memory[]; /* HTTP_PRE, then the data */
};
#define HTTP_PRE 16u /* LWS_PRE */

/* What a connection of libwebsockets belongs to; both begin with it. */
enum owner {
	OWNER_VISITOR,
	OWNER_BRIDGE
};

/* A WebSocket of carriers, and the socket that leads to the loop. It goes when
 * both are gone. */
struct bridge {
	enum owner owner;
	struct ph_http *http;
	struct ph_exchange *visitor; /* NULL: the WebSocket is gone */
	struct lws *pipe;	     /* NULL: not there, or gone */
	int fd;			     /* -1: gone */
	bool open;		     /* the WebSocket stands */
	bool choked; /* the pipe took less: the WebSocket is not read */
	bool ended;  /* nothing more comes from the loop */
	uint8_t *rest;
	size_t length;
	size_t sent;
	size_t room;
};

/* What of its bytes has been seen before libwebsockets had them. */
struct http_guard {
	bool there; /* it sees them: not with a shared libwebsockets */
	bool deaf;  /* nothing of it is heard any more */
	/* The headers of the request at hand. */
	size_t cost;
	unsigned lines;
	unsigned line; /* bytes of the line at hand, CR left out */
	bool whole;
	bool behind; /* more came with their end */
	/* Frames. */
	uint8_t header[10];
	unsigned have;
	uint64_t left; /* of mask and payload */
};

/* Each with a limit of its own. */
enum visitor_kind {
	VISITOR_WEB,
	VISITOR_CARRIER /* or who comes to a door of carriers */
};

struct ph_exchange {
	enum owner owner;
	enum visitor_kind kind;
	struct ph_http *http;
	struct lws *wsi;
	struct ph_http_peer peer;
	int fd; /* until it is adopted */
	struct http_guard guard;
	struct ph_http_task task;
	uint64_t id;
	enum phase phase;
	void *own;

	const char *method;
	char path[512];
	char query[2048]; /* fields, each with its NUL; an empty one ends */
	char header[PH_HTTP_HEADERS][256];
	char length_text[24]; /* Content-Length */
	bool coded;	      /* Transfer-Encoding */
	bool version_13;      /* of WebSocket */
	bool forwarded;	      /* by a proxy that says so */
	unsigned wrong;	      /* the status that it has earned already */
	uint8_t *body;
	size_t length;
	size_t room;
	size_t wanted; /* bytes of the body */

	unsigned status;
	char type[64];
	char *headers;
	size_t answer; /* bytes of the answer's body */
	bool endless;
	bool ending; /* the stream is over */
	bool last;   /* close after it */
	struct chunk *first;
	struct chunk **end;
	size_t waiting; /* bytes in chunks */
	bool starved;	/* was told -EAGAIN */

	struct bridge *bridge; /* a WebSocket of carriers */
	bool carries;	       /* or will be */
	char name[128];	       /* dialled: the Host header */
	const struct ph_websocket_events *events;
	unsigned close_code; /* 0: not closing */
	char close_why[64];

	struct ph_exchange *prev;
	struct ph_exchange *following;
};

#define HTTP_DOORS 16u
/* Bytes of a binary message to the peer, at most; and of what is read at once.
 */
#define HTTP_PIECE ((size_t)64 * 1024)

struct ph_http {
	struct ph_http_site site;
	struct ph_listener *doors[HTTP_DOORS]; /* the loop's */
	unsigned generation;		       /* of doors */
	unsigned door[HTTP_DOORS];
	uint8_t *scratch;	  /* HTTP_PRE and HTTP_PIECE */
	struct lws_vhost *secure; /* for wss, from the first on */
	bool started;
	pthread_t thread;
	_Atomic(struct lws_context *) context;
	_Atomic(struct ph_http_task *) mail;
	atomic_bool stopping;
	sem_t let_go;	      /* nobody wakes it any more: the context may go */
	atomic_uint count[2]; /* by kind, those on their way included */
	struct lws_vhost *vhost;
	struct ph_exchange *visitors;
	uint64_t last_id;
	size_t pending; /* bytes of answers that wait */
	struct ticker *ticker;
	unsigned period_ms;
	void (*tick)(void *context);
	void *tick_context;
};

/* --- http.c --- */
void *http_run(void *http);
void http_wake(struct lws_context *context);
void http_adopt_visitor(struct ph_http_task *task);
void http_dial_visitor(struct ph_http_task *task);
/* The end that leads to the loop; NULL, and it is closed. */
struct lws *http_adopt_pipe(struct bridge *bridge);

/* --- http_wire.c: non-zero closes --- */
/* Method, path, query and headers of the request at hand. */
void http_read_request(struct ph_exchange *visitor);
int http_send_headers(struct ph_exchange *visitor);
int http_write(
	struct ph_exchange *visitor, uint8_t *data, size_t length, bool final);
/* The answer is out. */
int http_finish(struct ph_exchange *visitor);
void http_ask_room(struct ph_exchange *visitor);
/* Whether the client has only so long. */
void http_patience(struct ph_exchange *visitor, bool limited);
void http_refuse_upgrade(struct ph_exchange *visitor, unsigned status);
/* No more fits into the socket. */
bool http_is_choked(struct ph_exchange *visitor);
/* HTTP_PRE bytes before the data are written over. */
int http_send_message(
	struct ph_exchange *visitor, uint8_t *data, size_t length, bool binary);
/* The piece at hand ends its message. */
bool http_is_whole(const struct ph_exchange *visitor);
bool http_is_binary(const struct ph_exchange *visitor);
/* Part of what was sent is kept back still. */
bool http_holds(const struct ph_exchange *visitor);
void http_read(struct lws *wsi, bool on);
int http_say_close(struct ph_exchange *visitor, unsigned code, const char *why);
/* The peer's Close. A payload of one byte is no code; libwebsockets would
 * repeat it. Where no TLS is in the way it is told so (RFC 6455 7.1.7). */
int http_on_peer_close(struct ph_exchange *visitor, size_t length);
/* To the other end of the socket, as TCP measures it, us; 0: not known. */
int32_t http_round_trip(const struct ph_exchange *visitor);
void http_ask_pipe(struct lws *pipe);
void http_pipe_patience(struct lws *pipe, unsigned seconds);

/* --- http_door.c --- */
void http_drop_visitor(struct ph_http_task *task);
void http_read_mail(struct ph_http *http);
/* To the listener, which takes the socket. -1: nobody. */
int http_arrived(struct ph_exchange *visitor, int fd);

/* --- http_guard.c --- */
/* Bytes of a request's headers, of its line, and HTTP_HEADER for each. */
#define HTTP_HEAD   ((size_t)8192)
#define HTTP_HEADER 8u
/* A request begins. */
void http_guard_begin(struct http_guard *guard);
/* Its headers. What is over the bound is cut off there: `data` then ends as a
 * request does. How much of `data` counts. */
size_t http_guard_head(
	struct http_guard *guard, uint8_t *data, size_t length, size_t room);
/* 0, or the status that the headers have earned. */
unsigned http_guard_verdict(const struct http_guard *guard);
/* What a client sends before the answer to its handshake would be frames that
 * nobody has looked at (RFC 6455 4.1 forbids it). */
bool http_guard_may_upgrade(const struct http_guard *guard);
/* Frames of a client. NULL, or why this is none (1002). */
const char *http_guard_frames(
	struct http_guard *guard, const uint8_t *data, size_t length);

/* --- http_visitor.c --- */
void http_reset(struct ph_exchange *visitor);
void http_visitor_left(struct ph_exchange *visitor);
void http_visitor_free(struct ph_exchange *visitor);
/* When it was not freed with what libwebsockets had begun. */
void http_visitor_free_if_there(struct ph_http *http, uint64_t id);
/* Whoever is new comes from where too many are already. */
bool http_source_is_full(
	const struct ph_http *http, const struct ph_exchange *new);

/* --- http_request.c: non-zero closes --- */
int http_on_request(struct ph_exchange *visitor);
int http_on_body(struct ph_exchange *visitor, const void *in, size_t length);
void http_on_whole(struct ph_exchange *visitor);
/* 0 goes on, 1 was answered, -1 hangs up. */
int http_on_upgrade(struct ph_exchange *visitor, const char *to);
/* Of Content-Length's text, "" when there is none; `coded`: there is a
 * Transfer-Encoding. 0, or the status of the refusal. */
unsigned http_body_length(const char *text, bool coded, size_t *out);
/* A field twice: who takes the first and who the last would not agree. */
bool http_query_repeats(const char *query);
int http_append(struct ph_exchange *visitor, const void *data, size_t length,
	size_t most);

/* --- http_answer.c --- */
int http_on_room(struct ph_exchange *visitor);
struct chunk *http_chunk(const void *data, size_t length);
void http_queue(struct ph_exchange *visitor, struct chunk *chunk);
/* The front chunk is done with. */
void http_unqueue(struct ph_exchange *visitor);

/* --- http_socket.c: non-zero closes --- */
void websocket_on_open(struct ph_exchange *visitor);
int websocket_on_piece(struct ph_exchange *visitor, void *in, size_t length);
int websocket_on_room(struct ph_exchange *visitor);
/* on_closed, if it was not told yet. */
void websocket_end(struct ph_exchange *visitor);

/* --- http_bridge.c: non-zero closes --- */
/* Takes the socket; the other end is the loop's. */
struct bridge *bridge_create(struct ph_http *http, int fd);
int bridge_on_open(struct ph_exchange *visitor);
int bridge_on_dialled(struct ph_exchange *visitor);
void bridge_on_failed(struct ph_exchange *visitor, const char *why);
int bridge_on_piece(
	struct ph_exchange *visitor, const uint8_t *data, size_t length);
int bridge_on_room(struct ph_exchange *visitor);
/* The WebSocket is gone. */
void bridge_left(struct ph_exchange *visitor);
int bridge_on_loop_data(struct bridge *bridge);
int bridge_on_loop_room(struct bridge *bridge);
void bridge_on_loop_closed(struct bridge *bridge);
void bridge_pipe_gone(struct bridge *bridge);

#endif
