#include "probe/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

static void link_close(struct probe_link *link)
{
	if (link->fd < 0)
		return;
	ph_secure_stop(&link->secure);
	ph_watch_stop(&link->watch);
	close(link->fd);
	link->fd = -1;
	link->rest_length = 0;
}

static void link_lost(struct probe_link *link, int error)
{
	struct probe_links *links = link->links;

	link_close(link);
	ph_probe_session_closed(links->session, link->slot, error, now());
}

/* A port that nobody listens on, dialled from itself: TCP connects it with
 * itself (RFC 9293, 3.5, simultaneous open). */
static bool is_itself(int fd)
{
	struct sockaddr_storage own = {0};
	struct sockaddr_storage other = {0};
	socklen_t own_size = sizeof(own);
	socklen_t other_size = sizeof(other);

	return !getsockname(fd, (struct sockaddr *)&own, &own_size) &&
	       !getpeername(fd, (struct sockaddr *)&other, &other_size) &&
	       own_size == other_size && !memcmp(&own, &other, own_size);
}

static int link_error(struct probe_link *link)
{
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void link_connected(struct probe_link *link)
{
	struct probe_links *links = link->links;
	int error = link_error(link);

	if (!error && is_itself(link->fd))
		error = ECONNREFUSED;
	if (error) {
		link_lost(link, error);
		return;
	}
	link->connecting = false;
	ph_watch_change(&link->watch, EPOLLIN);
	ph_probe_session_connected(links->session, link->slot, now());
}

static void link_receive(struct probe_link *link)
{
	struct probe_links *links = link->links;
	uint8_t bytes[2048];
	ssize_t got = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		link_lost(link, got ? errno : 0);
	else
		ph_probe_session_received(
			links->session, link->slot, bytes, (size_t)got, now());
}

/* Only the report ever finds a full socket. */
static void link_send(
	struct probe_link *link, const uint8_t *data, size_t length)
{
	ssize_t sent =
		send(link->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		link_lost(link, errno);
		return;
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == length)
		return;
	memmove(link->rest, data + sent, length - (size_t)sent);
	link->rest_length = length - (size_t)sent;
	ph_watch_change(&link->watch, EPOLLIN | EPOLLOUT);
	ph_probe_session_blocked(link->links->session);
}

static void link_send_rest(struct probe_link *link)
{
	size_t length = link->rest_length;

	link->rest_length = 0;
	if (length)
		link_send(link, link->rest, length);
	if (link->fd < 0 || link->rest_length)
		return;
	ph_watch_change(&link->watch, EPOLLIN);
	ph_probe_session_writable(link->links->session);
}

static void link_event(struct ph_watch *watch, uint32_t events)
{
	struct probe_link *link =
		(struct probe_link *)((char *)watch -
				      offsetof(struct probe_link, watch));

	if (link->connecting) {
		link_connected(link);
	} else {
		if (events & EPOLLOUT)
			link_send_rest(link);
		if (link->fd >= 0 && (events & ~(uint32_t)EPOLLOUT))
			link_receive(link);
	}
	link->links->on_told(link->links);
}

static int link_open(struct probe_link *link, const struct ph_point *point)
{
	struct sockaddr_storage address;
	socklen_t length = ph_point_socket(point, &address);
	int one = 1;
	int error;

	link->fd = socket(address.ss_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return errno;
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	link->connecting = true;
	link->watch.on_event = link_event;
	if (connect(link->fd, (struct sockaddr *)&address, length) &&
		errno != EINPROGRESS)
		return errno;
	/* An ICMP error that came while connect(2) had the socket wakes nobody:
	 * Linux notes it and tries again. */
	error = link_error(link);
	if (error)
		return error;
	error = ph_watch_start(
		link->links->loop, &link->watch, link->fd, EPOLLOUT);
	return -error;
}

static void perform_connect(
	struct probe_links *links, const struct ph_probe_action *action)
{
	struct probe_link *link = &links->link[action->slot];
	int error = ph_instruct_refuses(links->instruct, &action->point)
			    ? EPERM
			    : link_open(link, &action->point);

	if (error)
		link_lost(link, error);
}

static void secure_done(struct ph_secure *secure, int error, const uint8_t *key)
{
	struct probe_link *link =
		(struct probe_link *)((char *)secure -
				      offsetof(struct probe_link, secure));
	struct probe_links *links = link->links;

	ph_probe_session_secured(
		links->session, link->slot, -error, key, now());
	links->on_told(links);
}

static void perform_secure(
	struct probe_links *links, const struct ph_probe_action *action)
{
	struct probe_link *link = &links->link[action->slot];
	int error;

	ph_watch_stop(&link->watch);
	link->secure.on_done = secure_done;
	error = links->tls ? ph_secure_start(&link->secure, links->tls,
				     links->loop, links->pool, link->fd, false)
			   : -ENOSYS;
	if (error)
		ph_probe_session_secured(
			links->session, action->slot, -error, NULL, now());
}

void probe_links_perform(
	struct probe_links *links, const struct ph_probe_action *action)
{
	struct probe_link *link = &links->link[action->slot];

	switch (action->step) {
	case PH_PROBE_CONNECT:
		perform_connect(links, action);
		break;
	case PH_PROBE_SEND:
		if (link->fd >= 0)
			link_send(link, action->data, action->length);
		break;
	case PH_PROBE_SECURE:
		perform_secure(links, action);
		break;
	case PH_PROBE_CLOSE:
		link_close(link);
		break;
	case PH_PROBE_EXIT:
		break;
	}
}

void probe_links_init(struct probe_links *links)
{
	for (unsigned i = 0; i < PH_PROBE_SLOTS; i++) {
		links->link[i].links = links;
		links->link[i].slot = i;
		links->link[i].fd = -1;
	}
}

void probe_links_close(struct probe_links *links)
{
	for (unsigned i = 0; i < PH_PROBE_SLOTS; i++)
		link_close(&links->link[i]);
}
