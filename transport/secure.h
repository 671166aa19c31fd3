#ifndef PH_TRANSPORT_SECURE_H
#define PH_TRANSPORT_SECURE_H

#include "kernel/loop.h"
#include "transport/filter.h"

/*
 * A TLS handshake on a connected socket and nothing after it: whether TLS
 * passes there, and whose key it proves. Embed it; zeroed is stopped. The
 * socket stays the caller's, who watches it with nothing else meanwhile.
 */
struct ph_secure {
	struct ph_loop *loop;
	struct ph_filter *filter;
	struct ph_watch watch;
	/* Once, from the loop. `error`: 0 or a negative errno; `key`: the
	 * peer's, of PH_PUBLIC_KEY bytes, when 0. May stop it. */
	void (*on_done)(
		struct ph_secure *secure, int error, const uint8_t *key);
	bool done;
};

/* `on_done` set. -ENOMEM, or what epoll_ctl says. */
int ph_secure_start(struct ph_secure *secure, struct ph_tls *tls,
	struct ph_loop *loop, struct ph_pool *pool, int fd, bool server);
/* Before close(fd). Idempotent. */
void ph_secure_stop(struct ph_secure *secure);

#endif
