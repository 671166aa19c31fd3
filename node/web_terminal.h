#ifndef PH_NODE_WEB_TERMINAL_H
#define PH_NODE_WEB_TERMINAL_H

#include "kernel/terminal.h"
#include "node/web_inner.h"
#include "proto/unregister.h"

/*
 * /v1/terminal: a page that is a server (doc/PROTOCOL.md, "A page's
 * terminals"). Two halves that meet by post: the loop's has the kernel's
 * terminals (web_terminal.c) and the entry in the guest book
 * (web_terminal_guest.c), the web thread's
 * (web_terminal_socket.c) the WebSocket and the JSON. The struct goes when the
 * loop's half has answered the end of the other.
 */
#define WEB_TERMINAL_PORTS    16u
#define WEB_TERMINAL_RECORD   5u /* number, then a frame's header */
#define WEB_TERMINAL_BATCH    ((size_t)64 * 1024)
#define WEB_TERMINAL_CREDIT   ((int64_t)256 * 1024)
#define WEB_TERMINAL_MOST     ((int64_t)4 * 1024 * 1024)
#define WEB_TERMINAL_PATIENCE (10 * PH_SECOND) /* until hello */
#define WEB_TERMINALS	      64u	       /* pages at once */
#define WEB_TERMINAL_HELD     4096u /* records that wait, of one output */
/* Messages, and bytes of them, on their way to the loop: above it the page is
 * not read, until half of them are taken. */
#define WEB_TERMINAL_NOTES 256u
#define WEB_TERMINAL_BYTES 1048576u

struct web_terminal;

struct web_held {
	struct web_held *next;
	uint32_t length;
	uint8_t flags;
	uint8_t data[];
};

struct web_port {
	struct web_terminal *owner;
	struct ph_terminal *terminal;
	char name[40];
	char media[64];
	enum ph_direction direction;
	int64_t credit; /* bytes that may still come, or go */
	int64_t spent;	/* output: passed on, credit not yet given again */
	bool waiting;	/* input: for the page to have done with END or CUT */
	bool ending;	/* output: END was passed on, a pipe has not left yet */
	bool cut;	/* output: one of them left before END */
	unsigned held;	/* output: how many */
	struct web_held *first; /* output: what the pipe did not take */
	struct web_held **end;
};

struct web_terminal {
	struct ph_web *web;
	struct ph_http_peer peer;
	bool passed_on;	   /* by a proxy */
	atomic_uint notes; /* on their way to the loop */
	atomic_uint bytes;
	atomic_bool held; /* the socket is not read */
	/* WEB */
	struct ph_websocket *socket;
	struct web_note *pending;
	struct web_note **pending_end;
	/* LOOP */
	bool greeted;
	bool registered;
	bool gone; /* the WebSocket is */
	bool has_token;
	uint8_t hash[16]; /* of its token */
	unsigned calls;
	struct ph_unregister unregister;
	char server[40];
	char identity[PH_IDENTITY_MAX];
	struct web_port ports[WEB_TERMINAL_PORTS];
	unsigned count;
	struct ph_timer patience;
	uint8_t *batch;
	size_t batched;
	struct web_terminal *prev;
	struct web_terminal *next;
};

enum web_note_kind {
	WEB_NOTE_OPEN,
	WEB_NOTE_TEXT, /* a map, encoded */
	WEB_NOTE_BINARY,
	WEB_NOTE_CLOSE, /* to the socket: with a code; from it: it has */
	WEB_NOTE_READ,	/* to the socket: go on */
	WEB_NOTE_FREE
};

struct web_note {
	struct ph_task task;
	struct ph_http_task back;
	struct web_terminal *owner;
	struct web_note *next;
	enum web_note_kind kind;
	unsigned code;
	size_t length;
	uint8_t data[];
};

/* WEB */
int web_terminal_open(struct ph_web *web, struct ph_exchange *exchange,
	const struct ph_websocket_events **events, void **own);
/* To the socket; copies. */
void web_terminal_post(struct web_terminal *page, enum web_note_kind kind,
	unsigned code, const void *data, size_t length);
/* --- LOOP: web_terminal.c --- */
static inline bool web_port_is_output(const struct web_port *port)
{
	return port->direction == PH_OUT || port->direction == PH_MUX;
}
extern const struct ph_terminal_ops web_terminal_ops;
/* By a code of RFC 6455 7.4.1: 1008. */
void web_terminal_close(struct web_terminal *page, const char *why);
/* A message to the page: begun with its type, ended and freed when sent. */
struct ph_writer *web_terminal_begin_map(const char *type);
void web_terminal_send_map(struct web_terminal *page, struct ph_writer *writer);

/* --- LOOP: web_terminal_guest.c --- */
/* Settles what it may, and registers it; answers itself. */
void web_terminal_hello(struct web_terminal *page, struct ph_value hello);
/* The WebSocket is gone: so is the guest, and in the end the page. */
void web_terminal_leave(struct web_terminal *page);
void web_terminal_destroy_ports(struct web_terminal *page);

/* LOOP: what came from it. */
void web_terminal_take(struct ph_task *task);
/* LOOP: the pages that came with this token are closed. */
void web_terminal_revoke(struct ph_web *web, const uint8_t hash[16]);
/* LOOP: every page's terminals go. */
void web_terminal_end_all(struct ph_web *web);

#endif
