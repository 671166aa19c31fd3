#include "beacon/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/bytes.h"
#include "kernel/log.h"

#define BACKLOG	     64
#define ACCEPT_TURN  16 /* of one listener in one turn */
#define OUT_OF_FILES (100 * PH_MILLISECOND)
#define SKIP	     (PH_POINT + 2)
#define POINT_OF(at) ((size_t)(at)*PH_POINT)

struct ph_listener {
	struct ph_listeners *listeners;
	struct ph_watch watch;
	struct ph_point point;
	int fd;
	bool rests;
};

static void breathe(struct ph_timer *timer)
{
	struct ph_listeners *listeners =
		(struct ph_listeners *)((char *)timer -
					offsetof(struct ph_listeners, breath));

	listeners->rests = false;
	for (uint32_t i = 0; i < listeners->count; i++) {
		struct ph_listener *listener = &listeners->all[i];

		if (listener->rests)
			ph_watch_change(&listener->watch, EPOLLIN);
		listener->rests = false;
	}
}

/* Who waits there makes it readable, whether it can be accepted or not. */
static void rest(struct ph_listener *listener)
{
	struct ph_listeners *listeners = listener->listeners;

	listener->rests = true;
	ph_watch_change(&listener->watch, 0);
	if (!listeners->rests)
		ph_timer_start(listeners->loop, &listeners->breath,
			ph_loop_now(listeners->loop) + OUT_OF_FILES);
	listeners->rests = true;
}

static bool accept_one(struct ph_listener *listener)
{
	struct ph_listeners *listeners = listener->listeners;
	int fd =
		accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			      errno == ENOBUFS))
		rest(listener);
	if (fd < 0)
		return false;
	listeners->on_guest(listeners->context, &listener->point, fd);
	return true;
}

static void listener_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_listener *listener =
		(struct ph_listener *)((char *)watch -
				       offsetof(struct ph_listener, watch));
	struct ph_listeners *listeners = listener->listeners;

	for (int i = 0; i < ACCEPT_TURN && accept_one(listener); i++)
		;
	listeners->on_turn(listeners->context);
}

int ph_listeners_init(struct ph_listeners *listeners, size_t points)
{
	listeners->breath.on_due = breathe;
	listeners->all = calloc(points, sizeof(*listeners->all));
	listeners->bound = malloc(points * PH_POINT);
	listeners->skips = malloc(points * SKIP);
	return listeners->all && listeners->bound && listeners->skips ? 0
								      : -ENOMEM;
}

void ph_listeners_fini(struct ph_listeners *listeners)
{
	if (listeners->rests)
		ph_timer_stop(listeners->loop, &listeners->breath);
	listeners->rests = false;
	for (uint32_t i = 0; i < listeners->count; i++) {
		ph_watch_stop(&listeners->all[i].watch);
		close(listeners->all[i].fd);
	}
	free(listeners->all);
	free(listeners->bound);
	free(listeners->skips);
	listeners->all = NULL;
	listeners->bound = NULL;
	listeners->skips = NULL;
	listeners->count = 0;
	listeners->skipped = 0;
}

void ph_listeners_skip(
	struct ph_listeners *listeners, const struct ph_point *point, int error)
{
	uint8_t *at = listeners->skips + (size_t)listeners->skipped++ * SKIP;

	ph_point_write(point, at);
	ph_store16(at + PH_POINT, (uint16_t)error);
}

static int bind_point(const struct ph_point *point)
{
	struct sockaddr_storage address;
	socklen_t length = ph_point_socket(point, &address);
	int one = 1;
	int error = 0;
	int fd = socket(address.ss_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, length) ||
		listen(fd, BACKLOG))
		error = errno;
	if (!error)
		return fd;
	close(fd);
	return -error;
}

/* The lowest free number is given (POSIX): one that is near the limit says that
 * nearly all below it are taken. */
static bool is_spare(int fd)
{
	struct rlimit files;

	return !getrlimit(RLIMIT_NOFILE, &files) &&
	       (rlim_t)fd + PH_LISTENERS_SPARE >= files.rlim_cur;
}

static int open_listener(
	struct ph_listeners *listeners, const struct ph_point *point)
{
	int fd = listeners->full ? -EMFILE : bind_point(point);

	if (fd < 0 || !is_spare(fd))
		return fd;
	listeners->full = true;
	close(fd);
	ph_log_warn("beacon", "descriptors.few bound=%u spare=%d",
		listeners->count, PH_LISTENERS_SPARE);
	return -EMFILE;
}

void ph_listeners_bind(
	struct ph_listeners *listeners, const struct ph_point *point)
{
	struct ph_listener *listener = &listeners->all[listeners->count];
	int fd = open_listener(listeners, point);
	int error;

	if (fd < 0) {
		ph_listeners_skip(listeners, point, -fd);
		return;
	}
	*listener = (struct ph_listener){.listeners = listeners,
		.watch.on_event = listener_event,
		.point = *point,
		.fd = fd};
	error = ph_watch_start(listeners->loop, &listener->watch, fd, EPOLLIN);
	if (error) {
		close(fd);
		ph_listeners_skip(listeners, point, -error);
		return;
	}
	ph_point_write(point, listeners->bound + POINT_OF(listeners->count));
	listeners->count++;
}
