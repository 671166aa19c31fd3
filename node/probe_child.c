#include "node/probe_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/log.h"
#include "proto/secret.h"

#define BINARY	"/proc/self/exe"
#define IN_MOST (PH_ORDER_HEADER + PH_ORDER_MOST)

static void child_close(struct probe_child *child)
{
	if (child->fd < 0)
		return;
	ph_watch_stop(&child->watch);
	close(child->fd);
	child->fd = -1;
}

/* Both the descriptor and the process must be through. */
static void child_look(struct probe_child *child)
{
	int code;

	if (child->fd >= 0 || !child->process.exited || child->ended)
		return;
	code = child->process.signal ? -child->process.signal
				     : child->process.code;
	child->ended = true;
	ph_process_end(&child->process);
	free(child->in);
	child->in = NULL;
	child->on_end(child, code);
}

static void child_parse(struct probe_child *child)
{
	struct ph_order order;
	size_t at = 0;
	int error;

	while (!(error = ph_order_read(
			 &order, child->in + at, child->in_length - at))) {
		child->on_order(child, &order);
		/* That may have stopped it. */
		if (child->ended)
			return;
		at += order.size;
	}
	child->in_length -= at;
	memmove(child->in, child->in + at, child->in_length);
	if (error == -EBADMSG) {
		ph_log_error("probe", "process.malformed pid=%d",
			(int)child->process.pid);
		child_close(child);
		ph_process_signal(&child->process, SIGKILL);
	}
}

static void child_event(struct ph_watch *watch, uint32_t events)
{
	struct probe_child *child =
		(struct probe_child *)((char *)watch -
				       offsetof(struct probe_child, watch));
	ssize_t got = recv(child->fd, child->in + child->in_length,
		IN_MOST - child->in_length, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		child_close(child);
	} else {
		child->in_length += (size_t)got;
		child_parse(child);
	}
	child_look(child);
}

static void child_exited(struct ph_process *process)
{
	child_look(
		(struct probe_child *)((char *)process -
				       offsetof(struct probe_child, process)));
}

/* A pipe that holds the secrets already. */
static int secrets_pipe(const struct ph_probe_secrets *secrets)
{
	uint8_t bytes[PH_PROBE_SECRET];
	int ends[2];
	ssize_t wrote;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ph_probe_secrets_write(secrets, bytes);
	wrote = write(ends[1], bytes, sizeof(bytes));
	ph_wipe(bytes, sizeof(bytes));
	close(ends[1]);
	if (wrote == (ssize_t)sizeof(bytes))
		return ends[0];
	close(ends[0]);
	return -EIO;
}

static int spawn(
	struct probe_child *child, const char *verb, int orders, int secrets)
{
	char name[] = "posthouse";
	char word[16];
	char *argv[] = {name, word, NULL};
	char *environment[] = {NULL};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[] = {nothing, nothing, STDERR_FILENO, orders, secrets};
	struct ph_process_order order = {.path = BINARY,
		.argv = argv,
		.environment = environment,
		.directory = "/",
		.fds = fds,
		.fd_count = 5};
	const char *what = "";
	int error = nothing < 0 ? -errno : 0;

	strncpy(word, verb, sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	child->process = (struct ph_process){.on_exit = child_exited};
	if (!error)
		error = ph_process_spawn(
			&child->process, child->loop, &order, &what);
	if (error)
		ph_log_error("probe", "cannot start %s: %s: %s", verb, what,
			strerror(-error));
	if (nothing >= 0)
		close(nothing);
	return error;
}

/* Socket buffers hold the largest order. */
static int give_order(int fd, const uint8_t *order, size_t length)
{
	ssize_t sent = send(fd, order, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0)
		return -errno;
	return (size_t)sent == length ? 0 : -EMSGSIZE;
}

static int start(struct probe_child *child, const char *verb,
	const uint8_t *order, size_t length, int secrets)
{
	int ends[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	error = give_order(ends[0], order, length);
	if (!error)
		error = spawn(child, verb, ends[1], secrets);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		return error;
	}
	child->fd = ends[0];
	child->watch.on_event = child_event;
	error = ph_watch_start(child->loop, &child->watch, child->fd, EPOLLIN);
	if (error)
		probe_child_stop(child);
	return error;
}

int probe_child_start(struct probe_child *child, struct ph_loop *loop,
	const char *verb, const uint8_t *order, size_t length,
	const struct ph_probe_secrets *secrets)
{
	int fd = secrets_pipe(secrets);
	int error;

	if (fd < 0)
		return fd;
	child->loop = loop;
	child->fd = -1;
	child->ended = false;
	child->in_length = 0;
	child->in = malloc(IN_MOST);
	error = child->in ? start(child, verb, order, length, fd) : -ENOMEM;
	close(fd);
	if (error) {
		free(child->in);
		child->in = NULL;
	}
	return error;
}

void probe_child_stop(struct probe_child *child)
{
	if (!child->loop)
		return;
	child->ended = true;
	child_close(child);
	ph_process_end(&child->process);
	free(child->in);
	child->in = NULL;
}

bool probe_child_runs(const struct probe_child *child)
{
	return child->loop && !child->ended;
}
