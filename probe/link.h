#ifndef PH_PROBE_LINK_H
#define PH_PROBE_LINK_H

#include "kernel/buffer.h"
#include "kernel/loop.h"
#include "probe/session.h"
#include "transport/secure.h"
#include "transport/tls.h"

/*
 * The sockets of a probe's session, one a slot: does what the session asks for
 * and tells it what came of it. Nothing is decided here but that what the
 * instructions refuse gets no socket, whatever the session says.
 */
struct probe_links;

struct probe_link {
	struct probe_links *links;
	struct ph_watch watch;
	struct ph_secure secure;
	unsigned slot;
	int fd; /* -1: none */
	bool connecting;
	uint8_t rest[PH_PROBE_FRAME]; /* what the socket did not take */
	size_t rest_length;
};

struct probe_links {
	struct ph_loop *loop;
	struct ph_pool *pool;
	struct ph_tls *tls; /* NULL: no TLS here */
	const struct ph_instruct *instruct;
	struct ph_probe_session *session;
	/* The session was told of something, from the loop: ask it what is to
	 * be done. */
	void (*on_told)(struct probe_links *links);
	struct probe_link link[PH_PROBE_SLOTS];
};

/* What stands above `link` is set. No socket yet. */
void probe_links_init(struct probe_links *links);
/* Closes all; nothing is told. */
void probe_links_close(struct probe_links *links);
/* CONNECT, SEND, SECURE or CLOSE; what comes of it at once the session is told
 * before this returns. */
void probe_links_perform(
	struct probe_links *links, const struct ph_probe_action *action);

#endif
