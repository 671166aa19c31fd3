#ifndef PH_TRANSPORT_FILTER_H
#define PH_TRANSPORT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/identity.h"

struct iovec;
struct ph_filter;
struct ph_loop;
struct ph_pool;
struct ph_tls;
struct ph_transport_host;

/*
 * What stands between a carrier and its socket: nothing (plain), TLS, or rings
 * in shared memory beside it. None of these blocks; errors are negative errnos.
 */
struct ph_filter_ops {
	/* 0: ready. -EAGAIN: when the socket is readable, or writable as
	 * `wants_write` says. -EBUSY: not now, `again` is called in a later
	 * turn. */
	int (*handshake)(struct ph_filter *filter);
	/* Bytes received; 0: the peer closed in order; -EAGAIN: nothing more
	 * in this turn. */
	ssize_t (*read)(struct ph_filter *filter, void *bytes, size_t room);
	/* Bytes taken from the vectors, more than none; -EAGAIN. */
	ssize_t (*write)(struct ph_filter *filter, const struct iovec *vectors,
		unsigned count);
	/* Sends what the filter itself holds. 0: nothing left. -EAGAIN. */
	int (*flush)(struct ph_filter *filter);
	/* Puts a farewell behind what is held. */
	void (*finish)(struct ph_filter *filter);
	/* The peer is no stranger any more. */
	void (*trust)(struct ph_filter *filter);
	void (*destroy)(struct ph_filter *filter);
};

struct ph_filter {
	const struct ph_filter_ops *ops;
	int fd;
	uint32_t budget; /* bytes ph_filter_receive may still take this turn */
	bool wants_write;
	bool holds; /* bytes of its own wait for ops->flush */
	/* Bytes do not pass through the socket: `again` tells that there is
	 * something or room, the socket only that the peer is gone. */
	bool beside;
	bool stirred; /* by the owner: the socket has told something */
	/* The peer as TLS proved it, or NULL. */
	const uint8_t *peer_key;
	const uint8_t *exporter;
	/* Set by the owner before the handshake. Called last of all: the
	 * filter may be gone afterwards. */
	void (*again)(struct ph_filter *filter);
	void *owner;
};

/* What a transport's carriers are filtered by; NULL is plain. */
struct ph_filter_kind {
	/* `server`: this side accepted. -ENOMEM, -EACCES. */
	int (*create)(struct ph_transport_host *host, int fd, bool server,
		struct ph_filter **out);
};
extern const struct ph_filter_kind ph_filter_tls;
extern const struct ph_filter_kind ph_filter_shm;
extern const struct ph_filter_kind ph_filter_inproc; /* this process only */

void ph_filter_plain(struct ph_filter *filter, int fd);

/* recv(2) within the budget; a short read ends the turn, which spares the
 * call that would only say EAGAIN. 0: end of stream. */
ssize_t ph_filter_receive(struct ph_filter *filter, void *bytes, size_t room);

/* The filter that TLS is. -ENOMEM. `server`: answers the handshake. */
int ph_tls_filter(struct ph_tls *tls, struct ph_loop *loop,
	struct ph_pool *pool, int fd, bool server, struct ph_filter **out);

#endif
