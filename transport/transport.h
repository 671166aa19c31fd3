#ifndef PH_TRANSPORT_TRANSPORT_H
#define PH_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/buffer.h"
#include "kernel/loop.h"
#include "kernel/queue.h"
#include "kernel/worker.h"
#include "proto/address.h"
#include "proto/identity.h"

/*
 * A transport makes carriers: live duplex channels that carry frames. It knows
 * nothing of pipes, calls or trust: it says who is at the other end and moves
 * whole frames.
 *
 * Law of carriers: a dial or listen that fails never calls back; one that
 * succeeds leads to on_open and later on_closed, or to on_closed alone; nothing
 * calls back before the call returned; on_closed is the last callback, always
 * comes, and the carrier's memory goes at the end of that turn.
 * ph_carrier_close is asynchronous and idempotent.
 */
struct ph_carrier;
struct ph_listener;
struct ph_tls;
struct ph_http;

struct ph_carrier_events {
	/* Ready to send: connected, and TLS done where it applies. */
	void (*on_open)(void *context, struct ph_carrier *carrier);
	/* Whole frames arrived. The segment's buffer is borrowed. */
	void (*on_frames)(void *context, struct ph_carrier *carrier,
		const struct ph_segment *segment);
	/* After ph_carrier_send returned -EAGAIN: more can go. */
	void (*on_room)(void *context, struct ph_carrier *carrier);
	/* 0: the peer closed in order, between frames (TLS: after its
	 * close_notify); -ECONNRESET in mid-frame or torn; -EPROTO bad frame or
	 * TLS alert; -ETIMEDOUT; what connect(2) says; 0 after our own close.
	 */
	void (*on_closed)(
		void *context, struct ph_carrier *carrier, int reason);
};

struct ph_listener_events {
	/* Asked before anything is spent on a connection (no TLS yet):
	 * `source` is the peer's address without port. NULL result: refuse.
	 * Otherwise the events and context (*out) of the carrier to be. */
	const struct ph_carrier_events *(*on_accept)(
		void *context, const char *source, void **out);
	/* Gives the carrier right after on_accept agreed, before its on_open.
	 */
	void (*on_carrier)(void *context, struct ph_carrier *carrier,
		void *carrier_context);
};

/* What carriers of a node share. The caller's; outlives them all. */
struct ph_transport_host {
	struct ph_loop *loop;
	struct ph_worker *worker; /* name resolution; NULL: literals only */
	struct ph_pool *pool;
	struct ph_tls *tls;   /* NULL: everything plain; serves one loop */
	struct ph_http *http; /* NULL: no ws, no wss */
};

struct ph_dial {
	struct ph_address address;
	bool plain;	  /* no TLS */
	int64_t deadline; /* ns, absolute, until on_open; 0: 10 s from now */
};

struct ph_transport {
	const char *scheme; /* "tcp", "unix", "shm", "inproc", "ws", "wss" */
	/* Starts dialling. -EINVAL, -ENOMEM, -ENAMETOOLONG. Later: a name that
	 * nobody knows is -ENXIO, one that no name server answers for -ENONET,
	 * several addresses that all failed what the
	 * first of them said. */
	int (*dial)(struct ph_transport_host *host, const struct ph_dial *dial,
		const struct ph_carrier_events *events, void *context,
		struct ph_carrier **out);
	/* Literal addresses only. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL...
	 * unix: a stale socket file nobody listens on is replaced; a live one
	 * is -EADDRINUSE. `plain`: carriers come without TLS. */
	int (*listen)(struct ph_transport_host *host,
		const struct ph_address *address, bool plain,
		const struct ph_listener_events *events, void *context,
		struct ph_listener **out);
};

extern const struct ph_transport ph_transport_tcp;
extern const struct ph_transport ph_transport_unix;
/* The process that listens on a unix socket; 0: nobody, or not known. */
int ph_unix_listener_pid(const char *path);
/* Rings in shared memory, between processes and between threads. Only `plain`
 * (else -EOPNOTSUPP): what never leaves the machine has no TLS. */
extern const struct ph_transport ph_transport_shm;
extern const struct ph_transport ph_transport_inproc;
/* Frames within binary messages of a WebSocket, on the web thread: what passes
 * proxies. `plain` is without our own TLS inside; wss has TLS outside too,
 * which proves nothing. Who listens there serves HTTP as well. */
extern const struct ph_transport ph_transport_ws;
extern const struct ph_transport ph_transport_wss;
/* NULL-terminated: the transports of this build. */
extern const struct ph_transport *const ph_transports[];
const struct ph_transport *ph_transport_find(enum ph_address_scheme scheme);
/* What on_closed gave as its reason, in words: not 0. */
const char *ph_transport_reason(int reason);

/* The bound address (a port of 0 became a real one). */
void ph_listener_address(
	const struct ph_listener *listener, struct ph_address *out);
void ph_listener_close(struct ph_listener *listener);

/* A plain carrier over a connected, non-blocking unix socket (socketpair(2)):
 * as `scheme` "unix", "shm" or "inproc" would have it, both ends the same, one
 * of them the `server`. Takes the descriptor on success. on_open follows, or
 * on_closed. -EINVAL, -ENOMEM. */
int ph_carrier_adopt(struct ph_transport_host *host, int fd, const char *scheme,
	bool server, const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out);

/* Writes what fits from the queue's front and takes it off. 0: the queue is
 * empty; -EAGAIN: on_room follows; -EPIPE: closed. At most one system call for
 * 256 KiB of frames. */
int ph_carrier_send(struct ph_carrier *carrier, struct ph_queue *queue);
/* Stops and resumes on_frames (and the peer, by TCP's window). */
void ph_carrier_pause(struct ph_carrier *carrier, bool paused);
/* The largest payload taken from the peer from now on. Carriers start at
 * PH_CARRIER_STRANGER; a larger frame closes with -EPROTO, before anything is
 * allocated for it. */
void ph_carrier_admit(struct ph_carrier *carrier, uint32_t most);
#define PH_CARRIER_STRANGER 1024u
/* While it is idle, asks every 2 min whether the peer is there instead of every
 * 5 s: for whoever knows that by other means. Nothing but for tcp. */
void ph_carrier_pace(struct ph_carrier *carrier, bool calm);
/* Sends what the transport itself still holds, then closes in order. */
void ph_carrier_close(struct ph_carrier *carrier);

/* From now on another hears of it; within on_open, or later. */
void ph_carrier_retarget(struct ph_carrier *carrier,
	const struct ph_carrier_events *events, void *context);
/* The way it took is known to be gone: on_closed follows, with `reason`
 * (negative errno), without a farewell. Idempotent. */
void ph_carrier_abort(struct ph_carrier *carrier, int reason);

struct ph_carrier_info {
	const char *scheme;
	char peer[64]; /* "192.0.2.7:51234", "unix" */
	bool tls;
	uint8_t peer_key[PH_PUBLIC_KEY]; /* Ed25519, proven by TLS */
	uint8_t exporter[32];		 /* RFC 9266 tls-exporter */
	bool has_uid;			 /* unix: SO_PEERCRED */
	uint32_t uid;
	int32_t pid;
};

/* How a tcp carrier runs now. Of one that was dialled as ws or wss the round
 * trip when it began, as far as its TCP goes; empty of others. A system call or
 * two. */
struct ph_carrier_path {
	char local[64];	 /* this side's address, without port */
	uint32_t rtt_us; /* as TCP measures it; 0: not yet */
};
void ph_carrier_path(
	const struct ph_carrier *carrier, struct ph_carrier_path *out);

/* Valid from on_open. */
void ph_carrier_info(
	const struct ph_carrier *carrier, struct ph_carrier_info *out);

#endif
