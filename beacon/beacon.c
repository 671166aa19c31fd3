#include "beacon/beacon.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "beacon/listeners.h"
#include "kernel/log.h"
#include "proto/secret.h"
#include "transport/secure.h"

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
	struct ph_listeners listeners;
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

/* Takes the descriptor. */
static void on_guest(void *context, const struct ph_point *point, int fd)
{
	struct ph_beacon *beacon = context;
	int slot = ph_beacon_session_accepted(
		&beacon->session, point, ph_loop_now(beacon->loop));

	if (slot < 0)
		close(fd);
	else
		guest_open(beacon, fd, (unsigned)slot);
}

static void on_turn(void *context)
{
	perform_all(context);
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

/* Port by port: the first port of each address comes first. */
static void open_points(struct ph_beacon *beacon)
{
	const struct ph_instruct *instruct = &beacon->instruct;
	struct ph_point point;

	for (uint32_t port = instruct->first; port <= instruct->last; port++)
		for (uint32_t i = 0; i < instruct->targets.count; i++) {
			ph_point_at(&instruct->targets, i, &point);
			point.port = (uint16_t)port;
			if (ph_instruct_refuses(instruct, &point))
				ph_listeners_skip(
					&beacon->listeners, &point, EPERM);
			else
				ph_listeners_bind(&beacon->listeners, &point);
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
	if (!beacon->lists || ph_listeners_init(&beacon->listeners, points))
		return -ENOMEM;
	memcpy(beacon->lists, from->targets.data, targets);
	memcpy(beacon->lists + targets, from->allow, blocks);
	beacon->instruct.targets.data = beacon->lists;
	beacon->instruct.allow = beacon->lists + targets;
	beacon->instruct.bound = (struct ph_point_list){0};
	return 0;
}

static int open_session(
	struct ph_beacon *beacon, const struct ph_beacon_order *order)
{
	struct ph_probe_config config;
	int error;

	ph_probe_config_init(&config, &beacon->instruct, order->key,
		order->secret, order->secrets);
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
	beacon->listeners = (struct ph_listeners){.loop = loop,
		.on_guest = on_guest,
		.on_turn = on_turn,
		.context = beacon};
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++)
		beacon->guests[i] =
			(struct guest){.beacon = beacon, .slot = i, .fd = -1};
	error = copy_order(beacon, order);
	if (!error)
		error = open_session(beacon, order);
	if (!error)
		open_points(beacon);
	if (!error && !beacon->listeners.count)
		error = beacon->listeners.full ? -EMFILE : -EADDRINUSE;
	if (error) {
		ph_beacon_destroy(beacon);
		return error;
	}
	ph_log_info("beacon", "session.ready bound=%u skipped=%u",
		beacon->listeners.count, beacon->listeners.skipped);
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
	ph_listeners_fini(&beacon->listeners);
	ph_beacon_session_fini(&beacon->session);
	free(beacon->lists);
	free(beacon);
}

void ph_beacon_ready(const struct ph_beacon *beacon, struct ph_ready *ready)
{
	memset(ready, 0, sizeof(*ready));
	memcpy(ready->session, beacon->instruct.session, PH_PROBE_SESSION);
	if (beacon->order.tls_key)
		memcpy(ready->secure_key, beacon->order.tls_key, PH_PUBLIC_KEY);
	ready->bound = (struct ph_point_list){
		beacon->listeners.bound, beacon->listeners.count};
	ready->skips = beacon->listeners.skips;
	ready->skipped = beacon->listeners.skipped;
}
