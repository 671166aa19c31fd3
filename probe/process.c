#include "probe/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/log.h"
#include "kernel/loop.h"
#include "probe/session.h"
#include "proto/error.h"
#include "proto/probe_fd.h"
#include "proto/secret.h"
#include "transport/secure.h"
#include "transport/tls.h"

/*
 * Sockets for a probe's session. Nothing is decided here but that what the
 * instructions refuse gets no socket, whatever the session says.
 */
#define PROGRESS_EVERY (100 * PH_MILLISECOND)

struct process;

struct link {
	struct process *process;
	struct ph_watch watch;
	struct ph_secure secure;
	unsigned slot;
	int fd; /* -1: none */
	bool connecting;
	uint8_t rest[PH_PROBE_FRAME]; /* what the socket did not take */
	size_t rest_length;
};

struct process {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_tls *tls;
	struct ph_instruct instruct;
	uint8_t *order;
	struct ph_probe_session session;
	struct link links[PH_PROBE_SLOTS];
	struct ph_watch parent; /* descriptor 3 */
	struct ph_timer timer;
	struct ph_timer progress;
	uint32_t told;
	bool orphan;
	bool over;
	int exit;
};

static int64_t now_of(struct process *process)
{
	return ph_clock_real.now(&ph_clock_real);
}

static void link_close(struct link *link)
{
	if (link->fd < 0)
		return;
	ph_secure_stop(&link->secure);
	ph_watch_stop(&link->watch);
	close(link->fd);
	link->fd = -1;
	link->rest_length = 0;
}

static void link_lost(struct link *link, int error)
{
	struct process *process = link->process;

	link_close(link);
	ph_probe_session_closed(
		&process->session, link->slot, error, now_of(process));
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

static int link_error(struct link *link)
{
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void link_connected(struct link *link)
{
	struct process *process = link->process;
	int error = link_error(link);

	if (!error && is_itself(link->fd))
		error = ECONNREFUSED;
	if (error) {
		link_lost(link, error);
		return;
	}
	link->connecting = false;
	ph_watch_change(&link->watch, EPOLLIN);
	ph_probe_session_connected(
		&process->session, link->slot, now_of(process));
}

static void link_receive(struct link *link)
{
	struct process *process = link->process;
	uint8_t bytes[2048];
	ssize_t got = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		link_lost(link, got ? errno : 0);
	else
		ph_probe_session_received(&process->session, link->slot, bytes,
			(size_t)got, now_of(process));
}

/* Only the report ever finds a full socket. */
static void link_send(struct link *link, const uint8_t *data, size_t length)
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
	ph_probe_session_blocked(&link->process->session);
}

static void link_send_rest(struct link *link)
{
	size_t length = link->rest_length;

	link->rest_length = 0;
	if (length)
		link_send(link, link->rest, length);
	if (link->fd < 0 || link->rest_length)
		return;
	ph_watch_change(&link->watch, EPOLLIN);
	ph_probe_session_writable(&link->process->session);
}

static void perform_all(struct process *process);

static void link_event(struct ph_watch *watch, uint32_t events)
{
	struct link *link =
		(struct link *)((char *)watch - offsetof(struct link, watch));

	if (link->connecting) {
		link_connected(link);
	} else {
		if (events & EPOLLOUT)
			link_send_rest(link);
		if (link->fd >= 0 && (events & ~(uint32_t)EPOLLOUT))
			link_receive(link);
	}
	perform_all(link->process);
}

static int link_open(struct link *link, const struct ph_point *point)
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
		link->process->loop, &link->watch, link->fd, EPOLLOUT);
	return -error;
}

static void perform_connect(
	struct process *process, const struct ph_probe_action *action)
{
	struct link *link = &process->links[action->slot];
	int error = ph_instruct_refuses(&process->instruct, &action->point)
			    ? EPERM
			    : link_open(link, &action->point);

	if (error)
		link_lost(link, error);
}

static void secure_done(struct ph_secure *secure, int error, const uint8_t *key)
{
	struct link *link =
		(struct link *)((char *)secure - offsetof(struct link, secure));
	struct process *process = link->process;

	ph_probe_session_secured(
		&process->session, link->slot, -error, key, now_of(process));
	perform_all(process);
}

static void perform_secure(
	struct process *process, const struct ph_probe_action *action)
{
	struct link *link = &process->links[action->slot];
	int error;

	ph_watch_stop(&link->watch);
	link->secure.on_done = secure_done;
	error = process->tls ? ph_secure_start(&link->secure, process->tls,
				       process->loop, process->kernel.pool,
				       link->fd, false)
			     : -ENOSYS;
	if (error)
		ph_probe_session_secured(&process->session, action->slot,
			-error, NULL, now_of(process));
}

static void perform(
	struct process *process, const struct ph_probe_action *action)
{
	struct link *link = &process->links[action->slot];

	switch (action->step) {
	case PH_PROBE_CONNECT:
		perform_connect(process, action);
		break;
	case PH_PROBE_SEND:
		if (link->fd >= 0)
			link_send(link, action->data, action->length);
		break;
	case PH_PROBE_SECURE:
		perform_secure(process, action);
		break;
	case PH_PROBE_CLOSE:
		link_close(link);
		break;
	case PH_PROBE_EXIT:
		process->exit = action->exit;
		process->over = true;
		break;
	}
}

static void perform_all(struct process *process)
{
	struct ph_probe_action action;

	while (ph_probe_session_next(
		&process->session, now_of(process), &action))
		perform(process, &action);
	if (process->over)
		ph_timer_stop(process->loop, &process->timer);
	else
		ph_timer_start(process->loop, &process->timer,
			ph_probe_session_due(&process->session));
}

static void timer_due(struct ph_timer *timer)
{
	struct process *process =
		(struct process *)((char *)timer -
				   offsetof(struct process, timer));

	ph_probe_session_tick(&process->session, now_of(process));
	perform_all(process);
}

static void progress_due(struct ph_timer *timer)
{
	struct process *process =
		(struct process *)((char *)timer -
				   offsetof(struct process, progress));
	struct ph_progress progress =
		ph_probe_session_progress(&process->session);
	uint8_t out[64];
	int length = ph_progress_write(&progress, out, sizeof(out));

	if (progress.done != process->told)
		ph_probe_fd_write(PH_PROBE_ORDERS_FD, out, (size_t)length);
	process->told = progress.done;
	ph_timer_start(process->loop, timer,
		ph_loop_now(process->loop) + PROGRESS_EVERY);
}

/* The node says nothing more: whatever happens there is its end. */
static void parent_event(struct ph_watch *watch, uint32_t events)
{
	struct process *process =
		(struct process *)((char *)watch -
				   offsetof(struct process, parent));

	process->orphan = true;
	process->over = true;
	process->exit = PH_PROBE_DEADLINE;
	ph_watch_stop(watch);
}

static void fill_random(void *context, void *out, size_t length)
{
	(void)context;
	ph_random(out, length);
}

static void fill_scalar(void *context, uint8_t out[PH_CPACE_SCALAR])
{
	(void)context;
	ph_random_scalar(out);
}

static int open_session(
	struct process *process, const struct ph_probe_secrets *secrets)
{
	struct ph_probe_config config = {.instruct = &process->instruct,
		.secrets = secrets->count,
		.random = {fill_random, fill_scalar, NULL}};
	int error;

	memcpy(config.key, secrets->key, sizeof(config.key));
	memcpy(config.secret, secrets->secret, sizeof(config.secret));
	error = ph_probe_session_init(
		&process->session, &config, now_of(process));
	ph_wipe(&config, sizeof(config));
	return error;
}

static int open_floor(struct process *process)
{
	uint8_t seed[32];
	int error = ph_loop_create(&process->loop, &ph_clock_real);

	if (!error)
		error = ph_kernel_init(
			&process->kernel, ph_loop_hal(process->loop));
	ph_random(seed, sizeof(seed));
	if (!error && process->instruct.secure)
		error = ph_tls_create(&process->tls, seed);
	ph_wipe(seed, sizeof(seed));
	for (unsigned i = 0; i < PH_PROBE_SLOTS; i++) {
		process->links[i].process = process;
		process->links[i].slot = i;
		process->links[i].fd = -1;
	}
	process->timer.on_due = timer_due;
	process->progress.on_due = progress_due;
	process->parent.on_event = parent_event;
	if (!error)
		error = ph_watch_start(process->loop, &process->parent,
			PH_PROBE_ORDERS_FD, EPOLLIN);
	return error;
}

static void run(struct process *process)
{
	struct ph_probe_session *session = &process->session;
	struct ph_over over;

	perform_all(process);
	progress_due(&process->progress);
	while (!process->over)
		ph_loop_turn(process->loop, -1);
	over = (struct ph_over){.exit = (uint8_t)process->exit,
		.connects = session->counters.connects,
		.ignored =
			session->counters.forged + session->counters.ignored};
	if (!process->orphan)
		ph_probe_report_send(
			PH_PROBE_ORDERS_FD, &session->matrix, &over);
}

static void close_all(struct process *process)
{
	for (unsigned i = 0; i < PH_PROBE_SLOTS; i++)
		link_close(&process->links[i]);
	ph_timer_stop(process->loop, &process->timer);
	ph_timer_stop(process->loop, &process->progress);
	ph_watch_stop(&process->parent);
	ph_probe_session_fini(&process->session);
	ph_tls_destroy(process->tls);
	ph_loop_turn(process->loop, 0);
	ph_kernel_fini(&process->kernel);
	ph_loop_destroy(process->loop);
	free(process->order);
}

static int refuse(const char *why)
{
	fprintf(stderr,
		"posthouse: %s is a node's own business: %s\n"
		"  next: posthouse probe local\n",
		PH_PROBE_VERB, why);
	return PH_PROBE_BAD_ORDER;
}

int ph_probe_main(int argc, char **argv)
{
	struct ph_probe_secrets *secrets = ph_secret_alloc(sizeof(*secrets));
	struct process *process = calloc(1, sizeof(*process));
	int error;

	if (argc != 2 || !secrets || !process)
		return refuse("no arguments are taken");
	signal(SIGPIPE, SIG_IGN);
	ph_log_open(NULL, NULL, PH_LOG_WARN);
	error = ph_probe_secrets_read(secrets, PH_PROBE_SECRETS_FD);
	if (!error)
		error = ph_probe_instruct_receive(PH_PROBE_ORDERS_FD,
			&process->instruct, &process->order);
	if (error)
		return refuse("bad instructions");
	fcntl(PH_PROBE_ORDERS_FD, F_SETFD, FD_CLOEXEC);
	error = open_floor(process);
	if (!error)
		error = open_session(process, secrets);
	ph_secret_free(secrets);
	if (error)
		return refuse(strerror(-error));
	run(process);
	close_all(process);
	error = process->exit;
	free(process);
	return error;
}
