#include "transport/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What may sit unsent in the operating system. More would only age there,
 * where no policy reaches it. */
#define SOCKET_UNSENT (128 * 1024)

/* A silent peer of an idle carrier: 5 s, then a probe each 3 s; the third one
 * without an answer ends it, after 14 s. TCP_USER_TIMEOUT is not set on
 * purpose: it would also kill a healthy peer that has closed its window
 * because its consumer is slow. What is in flight is the pulse's business. */
#define SOCKET_KEEP_IDLE     5
#define SOCKET_KEEP_CALM     120
#define SOCKET_KEEP_INTERVAL 3
#define SOCKET_KEEP_COUNT    3

static void endpoint_v4(
	struct ph_endpoint *out, struct in_addr a, uint16_t port)
{
	*out = (struct ph_endpoint){.length = sizeof(out->v4)};
	out->v4.sin_family = AF_INET;
	out->v4.sin_addr = a;
	out->v4.sin_port = htons(port);
}

static void endpoint_v6(
	struct ph_endpoint *out, struct in6_addr a, uint16_t port)
{
	*out = (struct ph_endpoint){.length = sizeof(out->v6)};
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_addr = a;
	out->v6.sin6_port = htons(port);
}

unsigned ph_endpoint_literal(
	struct ph_endpoint *out, const char *host, uint16_t port)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (!*host) {
		endpoint_v6(&out[0], in6addr_any, port);
		v4.s_addr = htonl(INADDR_ANY);
		endpoint_v4(&out[1], v4, port);
		return 2;
	}
	if (!strcasecmp(host, "localhost")) {
		v4.s_addr = htonl(INADDR_LOOPBACK);
		endpoint_v4(&out[0], v4, port);
		endpoint_v6(&out[1], in6addr_loopback, port);
		return 2;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		endpoint_v4(&out[0], v4, port);
		return 1;
	}
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		endpoint_v6(&out[0], v6, port);
		return 1;
	}
	return 0;
}

int ph_endpoint_local(struct ph_endpoint *out, const char *path)
{
	size_t length = strlen(path);

	if (!length)
		return -EINVAL;
	*out = (struct ph_endpoint){.length = sizeof(out->local)};
	if (length >= sizeof(out->local.sun_path))
		return -ENAMETOOLONG;
	out->local.sun_family = AF_UNIX;
	memcpy(out->local.sun_path, path, length + 1);
	return 0;
}

int ph_endpoint_inproc(struct ph_endpoint *out, const char *name)
{
	/* An abstract address: it begins with a zero and has a length. */
	char *path = out->local.sun_path + 1;
	size_t room = sizeof(out->local.sun_path) - 1;
	int length;

	if (!*name)
		return -EINVAL;
	*out = (struct ph_endpoint){.length = 0};
	length = snprintf(path, room, "posthouse/%d/%s", getpid(), name);
	if (length < 0 || (size_t)length >= room)
		return -ENAMETOOLONG;
	out->local.sun_family = AF_UNIX;
	out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				  (size_t)length);
	return 0;
}

static struct in_addr mapped_v4(const struct in6_addr *address)
{
	struct in_addr v4;

	memcpy(&v4, address->s6_addr + 12, sizeof(v4));
	return v4;
}

void ph_endpoint_host(
	const struct ph_endpoint *endpoint, char *out, size_t size)
{
	const struct in6_addr *v6 = &endpoint->v6.sin6_addr;
	struct in_addr v4 = endpoint->v4.sin_addr;

	snprintf(out, size, "unix");
	if (endpoint->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
		v4 = mapped_v4(v6);
		inet_ntop(AF_INET, &v4, out, (socklen_t)size);
	} else if (endpoint->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, v6, out, (socklen_t)size);
	} else if (endpoint->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &v4, out, (socklen_t)size);
	}
}

bool ph_endpoint_is_loopback(const struct ph_endpoint *endpoint)
{
	const struct in6_addr *v6 = &endpoint->v6.sin6_addr;

	if (endpoint->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(v6) ||
		       (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
	return endpoint->any.sa_family == AF_INET &&
	       ntohl(endpoint->v4.sin_addr.s_addr) >> 24 == 127;
}

uint16_t ph_endpoint_port(const struct ph_endpoint *endpoint)
{
	if (endpoint->any.sa_family == AF_INET6)
		return ntohs(endpoint->v6.sin6_port);
	if (endpoint->any.sa_family == AF_INET)
		return ntohs(endpoint->v4.sin_port);
	return 0;
}

void ph_endpoint_text(
	const struct ph_endpoint *endpoint, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN + 1];

	ph_endpoint_host(endpoint, host, sizeof(host));
	if (endpoint->any.sa_family == AF_UNIX)
		snprintf(out, size, "%s", host);
	else
		snprintf(out, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u",
			host, ph_endpoint_port(endpoint));
}

int ph_socket_open(const struct ph_endpoint *endpoint)
{
	int fd = socket(endpoint->any.sa_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static void set_option(int fd, int level, int name, int value)
{
	/* An option this kernel lacks costs speed, not correctness. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

void ph_socket_tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCKET_UNSENT);
	/* A carrier's data flows one way, so no answer ever carries the
	 * acknowledgement: one for each small frame is a packet of its own,
	 * 2 us of a round trip of 20. This lets them wait for a second one. */
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, SOCKET_KEEP_IDLE);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, SOCKET_KEEP_INTERVAL);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, SOCKET_KEEP_COUNT);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void ph_socket_pace(int fd, bool calm)
{
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE,
		calm ? SOCKET_KEEP_CALM : SOCKET_KEEP_IDLE);
}
