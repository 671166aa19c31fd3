#include "beacon/beacon.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/log.h"
#include "proto/secret.h"
#include "transport/secure.h"

#define BACKLOG	     64
#define ACCEPT_TURN  16 /* of one listener in one turn */
#define SKIP	     (PH_POINT + 2)
#define POINT_OF(at) ((size_t)(at)*PH_POINT)

struct listener {
	struct ph_beacon *beacon;
	struct ph_watch watch;
	struct ph_point point;
	int fd;
};

struct guest {
	struct ph_beacon *beacon;
	struct ph_watch watch;
	struct ph_secure secure;
	unsigned slot;
	int fd; /* -1: none */
};

struct ph_beacon {
	struct ph_loop *loop;
	struct ph_pool *pool;
	struct ph_beacon_order order;
	struct ph_instruct instruct;
	uint8_t *lists; /* what the instructions point to */
	struct ph_beacon_session session;
	struct ph_timer timer;
	struct listener *listeners;
	uint32_t count;
	uint8_t *bound;
	uint8_t *skips;
	uint32_t skipped;
	struct guest guests[PH_BEACON_SLOTS];
	bool over;
};

static void perform_all(struct ph_beacon *beacon);

static void guest_close(struct guest *guest)
{
	if (guest->fd < 0)
		return;
	ph_secure_stop(&guest->secure);
	ph_watch_stop(&guest->watch);
	close(guest->fd);
	guest->fd = -1;
}

static void guest_lost(struct guest *guest)
{
	struct ph_beacon *beacon = guest->beacon;

	guest_close(guest);
	ph_beacon_session_closed(
		&beacon->session, guest->slot, ph_loop_now(beacon->loop));
}

static void guest_event(struct ph_watch *watch, uint32_t events)
{
	struct guest *guest =
		(struct guest *)((char *)watch - offsetof(struct guest, watch));
	struct ph_beacon *beacon = guest->beacon;
	uint8_t bytes[2048];
	ssize_t got = recv(guest->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		guest_lost(guest);
	else
		ph_beacon_session_received(&beacon->session, guest->slot, bytes,
			(size_t)got, ph_loop_now(beacon->loop));
	perform_all(beacon);
}

/* Whatever came of TLS: the probe has seen it, and hangs up. */
static void secure_done(struct ph_secure *secure, int error, const uint8_t *key)
{
	struct guest *guest = (struct guest *)((char *)secure -
					       offsetof(struct guest, secure));
	struct ph_beacon *beacon = guest->beacon;

	guest_lost(guest);
	perform_all(beacon);
}

static void guest_secure(struct guest *guest)
{
	struct ph_beacon *beacon = guest->beacon;

	ph_watch_stop(&guest->watch);
	guest->secure.on_done = secure_done;
	if (!beacon->order.tls ||
		ph_secure_start(&guest->secure, beacon->order.tls, beacon->loop,
			beacon->pool, guest->fd, true))
		guest_lost(guest);
}

static void guest_open(struct ph_beacon *beacon, int fd, unsigned slot)
{
	struct guest *guest = &beacon->guests[slot];
	int one = 1;

	guest->fd = fd;
	guest->watch.on_event = guest_event;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (ph_watch_start(beacon->loop, &guest->watch, fd, EPOLLIN))
		guest_lost(guest);
}

static bool accept_one(struct listener *listener)
{
	struct ph_beacon *beacon = listener->beacon;
	int fd =
		accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int slot;

	if (fd < 0)
		return false;
	slot = ph_beacon_session_accepted(
		&beacon->session, &listener->point, ph_loop_now(beacon->loop));
	if (slot < 0)
		close(fd);
	else
		guest_open(beacon, fd, (unsigned)slot);
	return true;
}

static void listener_event(struct ph_watch *watch, uint32_t events)
{
	struct listener *listener =
		(struct listener *)((char *)watch -
				    offsetof(struct listener, watch));
	struct ph_beacon *beacon = listener->beacon;

	for (int i = 0; i < ACCEPT_TURN && accept_one(listener); i++)
		;
	perform_all(beacon);
}

/* Everything a beacon says fits into a socket that was just opened. */
static void perform(
	struct ph_beacon *beacon, const struct ph_beacon_action *action)
{
	struct guest *guest = &beacon->guests[action->slot];

	switch (action->step) {
	case PH_BEACON_SEND:
		if (guest->fd >= 0 &&
			send(guest->fd, action->data, action->length,
				MSG_NOSIGNAL | MSG_DONTWAIT) !=
				(ssize_t)action->length)
			guest_lost(guest);
		break;
	case PH_BEACON_SECURE:
		if (guest->fd >= 0)
			guest_secure(guest);
		break;
	case PH_BEACON_DROP:
		guest_close(guest);
		break;
	case PH_BEACON_OVER:
		beacon->over = true;
		break;
	}
}

static void perform_all(struct ph_beacon *beacon)
{
	struct ph_beacon_action action;
	int64_t due;

	while (ph_beacon_session_next(&beacon->session, &action))
		perform(beacon, &action);
	/* The end is told by the timer, when nothing of ours is running. */
	due = beacon->over ? 0 : ph_beacon_session_due(&beacon->session);
	ph_timer_start(beacon->loop, &beacon->timer, due);
}

static void tell_over(struct ph_beacon *beacon)
{
	const struct ph_beacon_counters *counters = &beacon->session.counters;
	struct ph_over over = {.exit = beacon->session.terminated ? 0 : 3,
		.connects = counters->greeted,
		.ignored = counters->forged + counters->ignored,
		.guesses = counters->guesses};

	ph_log_info("beacon",
		"session.over ended=%s greeted=%u answered=%u forged=%u "
		"ignored=%u guesses=%u",
		beacon->session.terminated ? "terminate" : "deadline-or-loss",
		counters->greeted, counters->answered, counters->forged,
		counters->ignored, counters->guesses);
	beacon->order.on_over(
		beacon->order.context, &over, &beacon->session.report.matrix);
}

static void timer_due(struct ph_timer *timer)
{
	struct ph_beacon *beacon =
		(struct ph_beacon *)((char *)timer -
				     offsetof(struct ph_beacon, timer));

	if (beacon->over) {
		tell_over(beacon);
		return;
	}
	ph_beacon_session_tick(&beacon->session, ph_loop_now(beacon->loop));
	perform_all(beacon);
}

/* Binding. */

static void skip_point(
	struct ph_beacon *beacon, const struct ph_point *point, int error)
{
	uint8_t *at = beacon->skips + (size_t)beacon->skipped++ * SKIP;

	ph_point_write(point, at);
	at[PH_POINT] = (uint8_t)error;
	at[PH_POINT + 1] = (uint8_t)(error >> 8);
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

static void open_point(struct ph_beacon *beacon, const struct ph_point *point)
{
	struct listener *listener = &beacon->listeners[beacon->count];
	int fd = ph_instruct_refuses(&beacon->instruct, point)
			 ? -EPERM
			 : bind_point(point);
	int error;

	if (fd < 0) {
		skip_point(beacon, point, -fd);
		return;
	}
	*listener = (struct listener){.beacon = beacon,
		.watch.on_event = listener_event,
		.point = *point,
		.fd = fd};
	error = ph_watch_start(beacon->loop, &listener->watch, fd, EPOLLIN);
	if (error) {
		close(fd);
		skip_point(beacon, point, -error);
		return;
	}
	ph_point_write(point, beacon->bound + POINT_OF(beacon->count));
	beacon->count++;
}

/* Port by port: the first port of each address comes first. */
static void open_points(struct ph_beacon *beacon)
{
	const struct ph_instruct *instruct = &beacon->instruct;
	struct ph_point point;

	for (uint32_t port = instruct->first; port <= instruct->last; port++)
		for (uint32_t i = 0; i < instruct->targets.count; i++) {
			ph_point_at(&instruct->targets, i, &point);
			point.port = (uint16_t)port;
			open_point(beacon, &point);
		}
}

static int copy_order(
	struct ph_beacon *beacon, const struct ph_beacon_order *order)
{
	const struct ph_instruct *from = order->instruct;
	size_t targets = (size_t)from->targets.count * PH_POINT;
	size_t blocks = (size_t)from->allowed * PH_POINT_BLOCK;
	size_t points =
		(size_t)(from->last - from->first + 1) * from->targets.count;

	if (!points || points > PH_ORDER_BOUND)
		return -EINVAL;
	beacon->order = *order;
	beacon->instruct = *from;
	beacon->lists = malloc(targets + blocks);
	beacon->listeners = calloc(points, sizeof(*beacon->listeners));
	beacon->bound = malloc(points * PH_POINT);
	beacon->skips = malloc(points * SKIP);
	if (!beacon->lists || !beacon->listeners || !beacon->bound ||
		!beacon->skips)
		return -ENOMEM;
	memcpy(beacon->lists, from->targets.data, targets);
	memcpy(beacon->lists + targets, from->allow, blocks);
	beacon->instruct.targets.data = beacon->lists;
	beacon->instruct.allow = beacon->lists + targets;
	beacon->instruct.bound = (struct ph_point_list){0};
	return 0;
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
	struct ph_beacon *beacon, const struct ph_beacon_order *order)
{
	struct ph_beacon_config config = {.instruct = &beacon->instruct,
		.secrets = order->secrets,
		.random = {fill_random, fill_scalar, NULL}};
	int error;

	memcpy(config.key, order->key, sizeof(config.key));
	memcpy(config.secret, order->secret, sizeof(config.secret));
	error = ph_beacon_session_init(
		&beacon->session, &config, ph_loop_now(beacon->loop));
	ph_wipe(&config, sizeof(config));
	return error;
}

int ph_beacon_create(struct ph_beacon **out, struct ph_loop *loop,
	struct ph_pool *pool, const struct ph_beacon_order *order)
{
	struct ph_beacon *beacon = calloc(1, sizeof(*beacon));
	int error;

	if (!beacon)
		return -ENOMEM;
	beacon->loop = loop;
	beacon->pool = pool;
	beacon->timer.on_due = timer_due;
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++)
		beacon->guests[i] =
			(struct guest){.beacon = beacon, .slot = i, .fd = -1};
	error = copy_order(beacon, order);
	if (!error)
		error = open_session(beacon, order);
	if (!error)
		open_points(beacon);
	if (!error && !beacon->count)
		error = -EADDRINUSE;
	if (error) {
		ph_beacon_destroy(beacon);
		return error;
	}
	ph_log_info("beacon", "session.ready bound=%u skipped=%u",
		beacon->count, beacon->skipped);
	perform_all(beacon);
	*out = beacon;
	return 0;
}

void ph_beacon_destroy(struct ph_beacon *beacon)
{
	if (!beacon)
		return;
	ph_timer_stop(beacon->loop, &beacon->timer);
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++)
		guest_close(&beacon->guests[i]);
	for (uint32_t i = 0; i < beacon->count; i++) {
		ph_watch_stop(&beacon->listeners[i].watch);
		close(beacon->listeners[i].fd);
	}
	ph_beacon_session_fini(&beacon->session);
	free(beacon->listeners);
	free(beacon->bound);
	free(beacon->skips);
	free(beacon->lists);
	free(beacon);
}

void ph_beacon_ready(const struct ph_beacon *beacon, struct ph_ready *ready)
{
	memset(ready, 0, sizeof(*ready));
	memcpy(ready->session, beacon->instruct.session, PH_PROBE_SESSION);
	if (beacon->order.tls_key)
		memcpy(ready->secure_key, beacon->order.tls_key, PH_PUBLIC_KEY);
	ready->bound = (struct ph_point_list){beacon->bound, beacon->count};
	ready->skips = beacon->skips;
	ready->skipped = beacon->skipped;
}
