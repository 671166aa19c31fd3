#include "transport/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/log.h"
#include "transport/http.h"

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

#define LISTENER_TURN	64 /* connections accepted per turn */
#define LISTENER_BREATH (100 * PH_MILLISECOND)

/* Gives the connection to the owner, or closes it at once. */
void ph_listener_offer(
	struct ph_listener *listener, int fd, const struct ph_endpoint *peer)
{
	const struct ph_carrier_events *events;
	struct ph_carrier *carrier;
	char source[INET6_ADDRSTRLEN + 1];
	void *context = NULL;

	/* The carrier first: once the owner has agreed, it must come. */
	if (ph_carrier_create(
		    listener->host, listener->scheme, NULL, NULL, &carrier)) {
		close(fd);
		return;
	}
	ph_endpoint_host(peer, source, sizeof(source));
	events = listener->events->on_accept(
		listener->context, source, &context);
	if (!events) {
		ph_carrier_discard(carrier);
		close(fd);
		return;
	}
	carrier->events = events;
	carrier->context = context;
	listener->events->on_carrier(listener->context, carrier, context);
	if (carrier->state != PH_CARRIER_DIALING) {
		close(fd); /* closed by its owner meanwhile */
		return;
	}
	ph_carrier_expect(
		carrier, ph_loop_now(listener->host->loop) + PH_CARRIER_SECURE);
	ph_carrier_connected(carrier, fd, peer, listener->kind, true);
}

static void listener_rest(struct ph_listener *listener, int error)
{
	ph_log_warn("transport", "listener.rest because=errno-%d", error);
	ph_watch_change(&listener->watch, 0);
	ph_timer_start(listener->host->loop, &listener->breath,
		ph_loop_now(listener->host->loop) + LISTENER_BREATH);
}

static void listener_on_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_listener *listener = MEMBER(watch, struct ph_listener, watch);

	for (int i = 0; i < LISTENER_TURN && watch->loop; i++) {
		struct ph_endpoint peer = {.length = sizeof(peer.storage)};
		int fd = accept4(watch->fd, &peer.any, &peer.length,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (listener->accepted)
				listener->accepted(listener, fd, &peer);
			else
				ph_listener_offer(listener, fd, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS)
			listener_rest(listener, errno);
		/* The others belong to a connection that is gone. */
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void listener_on_breath(struct ph_timer *timer)
{
	struct ph_listener *listener =
		MEMBER(timer, struct ph_listener, breath);

	ph_watch_change(&listener->watch, EPOLLIN);
}

static void listener_on_task(struct ph_task *task)
{
	free(MEMBER(task, struct ph_listener, task));
}

int ph_listener_start(struct ph_transport_host *host, const char *scheme,
	int fd, const struct ph_address *address,
	const struct ph_filter_kind *kind,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	struct ph_listener *listener = calloc(1, sizeof(*listener));
	int error;

	if (!listener)
		return -ENOMEM;
	listener->host = host;
	listener->scheme = scheme;
	listener->events = events;
	listener->context = context;
	listener->kind = kind;
	listener->address = *address;
	listener->watch.on_event = listener_on_event;
	listener->breath.on_due = listener_on_breath;
	listener->task.run = listener_on_task;
	error = ph_watch_start(host->loop, &listener->watch, fd, EPOLLIN);
	if (error) {
		free(listener);
		return error;
	}
	*out = listener;
	return 0;
}

void ph_listener_address(
	const struct ph_listener *listener, struct ph_address *out)
{
	*out = listener->address;
}

/* Only the file we bound: another node may have taken the name since. */
static void listener_unlink(struct ph_listener *listener)
{
	struct stat status;

	if (listener->has_file && !lstat(listener->address.host, &status) &&
		status.st_dev == listener->device &&
		status.st_ino == listener->inode)
		unlink(listener->address.host);
}

void ph_listener_close(struct ph_listener *listener)
{
	int fd;

	if (!listener || !listener->watch.loop)
		return;
	fd = listener->watch.fd;
	ph_timer_stop(listener->host->loop, &listener->breath);
	ph_watch_stop(&listener->watch);
	if (listener->http)
		ph_http_unbind(listener->http, listener->door);
	listener_unlink(listener);
	close(fd);
	ph_loop_defer(listener->host->loop, &listener->task);
}
