#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/listener.h"

#define UNIX_BACKLOG 1024
/* Half a second in all: a node that starts, not a turn of a busy loop. */
#define LOCK_TURNS   100
#define LOCK_TURN_MS 5

static int unix_dial(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_UNIX)
		return -EINVAL;
	return ph_dial_start(host, "unix", ph_carrier_kind(host, dial->plain),
		dial, events, context, out);
}

/* Locks the directory of the socket, so that two nodes that start at once
 * cannot both replace the same stale file. Another node holds it for as long as
 * a bind takes; somebody who holds it for ever is not waited for. A descriptor,
 * or -errno. */
static int directory_lock(const char *path)
{
	char copy[sizeof(((struct ph_address *)0)->host)];
	int fd, error, turns = LOCK_TURNS;

	memcpy(copy, path, strlen(path) + 1);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((error = flock(fd, LOCK_EX | LOCK_NB)) && errno == EWOULDBLOCK &&
		--turns)
		poll(NULL, 0, LOCK_TURN_MS);
	if (!error)
		return fd;
	error = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	close(fd);
	return error;
}

/* 0 when the file is a socket that nobody listens on; else -EADDRINUSE. */
static int check_stale(const struct ph_endpoint *endpoint)
{
	struct stat status;
	int fd, error = 0;

	if (lstat(endpoint->local.sun_path, &status) ||
		!S_ISSOCK(status.st_mode))
		return -EADDRINUSE;
	fd = ph_socket_open(endpoint);
	if (fd < 0)
		return fd;
	if (!connect(fd, &endpoint->any, endpoint->length) ||
		errno != ECONNREFUSED)
		error = -EADDRINUSE;
	close(fd);
	return error;
}

int ph_unix_listener_pid(const char *path)
{
	struct ph_endpoint endpoint;
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);
	int fd;

	if (ph_endpoint_local(&endpoint, path))
		return 0;
	fd = ph_socket_open(&endpoint);
	if (fd < 0)
		return 0;
	if (connect(fd, &endpoint.any, endpoint.length) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		peer.pid = 0;
	close(fd);
	return peer.pid;
}

static int unix_bind(int fd, const struct ph_endpoint *endpoint)
{
	int error;

	if (!bind(fd, &endpoint->any, endpoint->length))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	error = check_stale(endpoint);
	if (error)
		return error;
	if (unlink(endpoint->local.sun_path) ||
		bind(fd, &endpoint->any, endpoint->length))
		return -errno;
	return 0;
}

/* A listening socket, or -errno. */
static int unix_open(const struct ph_endpoint *endpoint, bool own)
{
	int lock, fd, error;

	lock = directory_lock(endpoint->local.sun_path);
	if (lock < 0)
		return lock;
	fd = error = ph_socket_open(endpoint);
	if (fd < 0)
		goto out;
	/* Before bind: the file is never open to others, not for a moment. */
	error = own && fchmod(fd, 0600) ? -errno : 0;
	if (!error)
		error = unix_bind(fd, endpoint);
	if (!error && listen(fd, UNIX_BACKLOG))
		error = -errno;
	if (error)
		close(fd);
out:
	close(lock);
	return error < 0 ? error : fd;
}

static void unix_remember(struct ph_listener *listener)
{
	struct stat status;

	if (lstat(listener->address.host, &status))
		return;
	listener->has_file = true;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
}

int ph_listener_local(struct ph_transport_host *host, const char *scheme,
	const struct ph_address *address, const struct ph_filter_kind *kind,
	bool own, const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	struct ph_endpoint endpoint;
	struct ph_listener *listener;
	int fd, error;

	error = ph_endpoint_local(&endpoint, address->host);
	if (error)
		return error;
	fd = unix_open(&endpoint, own);
	if (fd < 0)
		return fd;
	error = ph_listener_start(
		host, scheme, fd, address, kind, events, context, &listener);
	if (error) {
		unlink(address->host);
		close(fd);
		return error;
	}
	unix_remember(listener);
	*out = listener;
	return 0;
}

static int unix_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	if (address->scheme != PH_ADDRESS_UNIX)
		return -EINVAL;
	/* Without TLS the file's mode is what keeps strangers out. */
	return ph_listener_local(host, "unix", address,
		ph_carrier_kind(host, plain), plain, events, context, out);
}

const struct ph_transport ph_transport_unix = {
	.scheme = "unix",
	.dial = unix_dial,
	.listen = unix_listen,
};
