#ifndef PH_TRANSPORT_HTTP_INNER_H
#define PH_TRANSPORT_HTTP_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/http.h"

/*
 * The web thread from within. Shared by http.c (the thread, connections,
 * requests), http_door.c (what the loop hands over), http_answer.c (what goes
 * out; both free of libwebsockets) and
 * http_socket.c (WebSocket).
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
	uint8_t *data;	  /* LWS_PRE bytes are free before it */
	uint8_t memory[]; /* LWS_PRE, then the data */
};

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

struct ph_exchange {
	enum owner owner;
	struct ph_http *http;
	struct lws *wsi;
	struct ph_http_peer peer;
	int fd; /* until it is adopted */
	struct ph_http_task task;
	uint64_t id;
	enum phase phase;
	void *own;

	char method[8];
	char path[512];
	char query[2048]; /* fields, each with its NUL; an empty one ends */
	char header[PH_HTTP_HEADERS][256];
	uint8_t *body;
	size_t length;
	size_t room;

	unsigned status;
	char type[64];
	char *headers;
	size_t answer;	/* bytes of the answer's body */
	bool too_long;	/* a header was */
	bool forwarded; /* by a proxy that says so */
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
	uint8_t *scratch;	  /* LWS_PRE and HTTP_PIECE */
	struct lws_vhost *secure; /* for wss, from the first on */
	bool started;
	pthread_t thread;
	_Atomic(struct lws_context *) context;
	_Atomic(struct ph_http_task *) mail;
	atomic_bool stopping;
	atomic_uint count; /* visitors, those on their way included */
	struct lws_vhost *vhost;
	struct ph_exchange *visitors;
	uint64_t last_id;
	size_t pending; /* bytes of answers that wait */
	struct ticker *ticker;
	unsigned period_ms;
	void (*tick)(void *context);
	void *tick_context;
};

/* http.c */
void http_reset(struct ph_exchange *visitor);
/* Reads method, path, query and headers of the request at hand. */
void http_read_request(struct ph_exchange *visitor);

/* http_socket.c: what happens on a WebSocket. Non-zero closes. */
int websocket_event(
	struct ph_exchange *visitor, int reason, void *in, size_t length);
/* The WebSocket of carriers. 0, or non-zero closes. */
int bridge_event(
	struct ph_exchange *visitor, int reason, void *in, size_t length);
int bridge_pipe_event(struct bridge *bridge, int reason);
/* The WebSocket is gone. */
void bridge_left(struct ph_exchange *visitor);
/* Takes the socket; the other end is the loop's. */
struct bridge *bridge_create(struct ph_http *http, int fd);
/* Dials, as ph_http_dial has it. */
int bridge_dial(struct ph_exchange *visitor);
/* http.c */
void *http_run(void *http);
void http_wake(struct lws_context *context);
void http_adopt_visitor(struct ph_http_task *task);
void http_dial_visitor(struct ph_http_task *task);
/* http_door.c */
void http_drop_visitor(struct ph_http_task *task);
void http_read_mail(struct ph_http *http);
/* To the listener, which takes the socket. -1: nobody. */
int http_arrived(struct ph_exchange *visitor, int fd);
/* on_closed, if it was not told yet. */
void websocket_end(struct ph_exchange *visitor);
struct chunk *http_chunk(const void *data, size_t length);
void http_queue(struct ph_exchange *visitor, struct chunk *chunk);
/* The front chunk is done with. */
void http_unqueue(struct ph_exchange *visitor);
void http_ask_room(struct ph_exchange *visitor);
int http_append(struct ph_exchange *visitor, const void *data, size_t length,
	size_t most);

#endif
