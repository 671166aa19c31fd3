#include "transport/secure.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "kernel/buffer.h"

static void secure_done(struct ph_secure *secure, int error, const uint8_t *key)
{
	secure->done = true;
	ph_watch_stop(&secure->watch);
	secure->on_done(secure, error, key);
}

static void secure_step(struct ph_secure *secure)
{
	struct ph_filter *filter = secure->filter;
	int error;

	if (secure->done)
		return;
	filter->budget = PH_BUFFER_SMALL;
	error = filter->ops->handshake(filter);
	if (!error && filter->holds)
		error = filter->ops->flush(filter);
	if (error == -EAGAIN)
		error = ph_watch_change(&secure->watch,
			filter->wants_write || filter->holds ? EPOLLOUT
							     : EPOLLIN);
	else if (error == -EBUSY)
		error = ph_watch_change(&secure->watch, 0);
	else if (!error) {
		secure_done(secure, 0, filter->peer_key);
		return;
	}
	if (error)
		secure_done(secure, error, NULL);
}

static void secure_event(struct ph_watch *watch, uint32_t events)
{
	secure_step((struct ph_secure *)((char *)watch -
					 offsetof(struct ph_secure, watch)));
}

static void secure_again(struct ph_filter *filter)
{
	secure_step(filter->owner);
}

int ph_secure_start(struct ph_secure *secure, struct ph_tls *tls,
	struct ph_loop *loop, struct ph_pool *pool, int fd, bool server)
{
	int error = ph_tls_filter(tls, loop, pool, fd, server, &secure->filter);

	if (error)
		return error;
	secure->done = false;
	secure->loop = loop;
	secure->filter->owner = secure;
	secure->filter->again = secure_again;
	secure->watch.on_event = secure_event;
	/* The first step is taken by the loop: nothing calls back from here.
	 * A socket that was just answered on takes more at once. */
	error = ph_watch_start(
		loop, &secure->watch, fd, server ? EPOLLIN : EPOLLOUT);
	if (error)
		ph_secure_stop(secure);
	return error;
}

void ph_secure_stop(struct ph_secure *secure)
{
	if (!secure->filter)
		return;
	ph_watch_stop(&secure->watch);
	secure->filter->ops->destroy(secure->filter);
	secure->filter = NULL;
	secure->done = true;
}
