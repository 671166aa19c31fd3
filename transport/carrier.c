#include "transport/carrier.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/log.h"
#include "transport/dial.h"

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

static void carrier_free(struct ph_carrier *carrier)
{
	ph_intake_fini(&carrier->intake);
	free(carrier);
}

/* What was put off until the stack is empty. */
static void carrier_on_task(struct ph_task *task)
{
	struct ph_carrier *carrier = MEMBER(task, struct ph_carrier, task);

	switch (carrier->state) {
	case PH_CARRIER_CLOSED:
		carrier->events->on_closed(
			carrier->context, carrier, carrier->reason);
		carrier_free(carrier);
		return;
	case PH_CARRIER_OPEN:
		if (!carrier->told) {
			carrier->told = true;
			carrier->events->on_open(carrier->context, carrier);
		}
		if (carrier->state == PH_CARRIER_OPEN && !carrier->paused)
			ph_stream_receive(carrier);
		return;
	case PH_CARRIER_DIALING:
	case PH_CARRIER_SECURING:
	case PH_CARRIER_CLOSING:
		return;
	}
}

void ph_carrier_interest(struct ph_carrier *carrier)
{
	uint32_t events = 0;
	int error;

	switch (carrier->state) {
	case PH_CARRIER_SECURING:
		events = carrier->filter->wants_write ? EPOLLOUT : EPOLLIN;
		break;
	case PH_CARRIER_OPEN:
		events = carrier->paused ? 0 : EPOLLIN;
		if (!carrier->broken &&
			(carrier->blocked || carrier->filter->holds))
			events |= EPOLLOUT;
		if (carrier->filter->beside)
			events &= ~(uint32_t)EPOLLOUT;
		break;
	case PH_CARRIER_CLOSING:
		events = EPOLLIN | (carrier->shut ? 0 : EPOLLOUT);
		break;
	case PH_CARRIER_DIALING:
	case PH_CARRIER_CLOSED:
		return;
	}
	if (!carrier->watch.loop)
		error = ph_watch_start(carrier->host->loop, &carrier->watch,
			carrier->filter->fd, events);
	else
		error = ph_watch_change(&carrier->watch, events);
	if (error)
		ph_carrier_fail(carrier, error);
}

/* The owner learns of it in a task of its own, never inside its own call. */
static void carrier_open(struct ph_carrier *carrier)
{
	carrier->state = PH_CARRIER_OPEN;
	ph_timer_stop(carrier->host->loop, &carrier->deadline);
	ph_watch_change(&carrier->watch, 0);
	ph_loop_defer(carrier->host->loop, &carrier->task);
}

static void carrier_secure(struct ph_carrier *carrier)
{
	struct ph_filter *filter = carrier->filter;
	int error;

	filter->budget = PH_BUFFER_SMALL;
	error = filter->ops->handshake(filter);
	switch (error) {
	case 0:
		carrier_open(carrier);
		return;
	case -EAGAIN:
		ph_carrier_interest(carrier);
		return;
	case -EBUSY:
		/* Its turn comes; what the peer sends meanwhile can wait. */
		ph_watch_change(&carrier->watch, 0);
		return;
	default:
		ph_carrier_fail(carrier, error);
	}
}

static void carrier_on_again(struct ph_filter *filter)
{
	struct ph_carrier *carrier = filter->owner;

	if (carrier->state == PH_CARRIER_SECURING) {
		carrier_secure(carrier);
		return;
	}
	if (carrier->state != PH_CARRIER_OPEN || !carrier->told)
		return;
	ph_stream_room(carrier);
	if (carrier->state == PH_CARRIER_OPEN && !carrier->paused)
		ph_stream_receive(carrier);
}

/* Errors are told even to those who listen to nothing. A paused carrier lets
 * what was received lie, so it must not listen at all until it goes on. */
static bool deafen(struct ph_carrier *carrier, uint32_t events)
{
	if (!carrier->paused || !(events & (EPOLLERR | EPOLLHUP)))
		return false;
	carrier->broken = true;
	ph_watch_stop(&carrier->watch);
	/* Who still waits to send learns that there is no point. */
	if (carrier->blocked) {
		carrier->blocked = false;
		carrier->events->on_room(carrier->context, carrier);
	}
	return true;
}

static void carrier_on_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_carrier *carrier = MEMBER(watch, struct ph_carrier, watch);

	switch (carrier->state) {
	case PH_CARRIER_SECURING:
		carrier_secure(carrier);
		return;
	case PH_CARRIER_OPEN:
		carrier->filter->stirred = true;
		/* Not yet told: the task of this turn goes on. */
		if (!carrier->told || deafen(carrier, events))
			return;
		if (events & EPOLLOUT)
			ph_stream_room(carrier);
		if (carrier->state == PH_CARRIER_OPEN && !carrier->paused &&
			events & ~(uint32_t)EPOLLOUT)
			ph_stream_receive(carrier);
		return;
	case PH_CARRIER_CLOSING:
		ph_stream_farewell(carrier);
		return;
	case PH_CARRIER_DIALING:
	case PH_CARRIER_CLOSED:
		return;
	}
}

static void carrier_on_deadline(struct ph_timer *timer)
{
	struct ph_carrier *carrier = MEMBER(timer, struct ph_carrier, deadline);

	if (carrier->state == PH_CARRIER_CLOSING)
		ph_carrier_fail(carrier, 0);
	else
		ph_carrier_fail(carrier, -ETIMEDOUT);
}

static void carrier_on_dead(struct ph_pulse *pulse)
{
	struct ph_carrier *carrier = MEMBER(pulse, struct ph_carrier, pulse);

	ph_log_debug("transport", "carrier.silent peer=%s", carrier->peer);
	ph_carrier_fail(carrier, -ETIMEDOUT);
}

int ph_carrier_create(struct ph_transport_host *host, const char *scheme,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	struct ph_carrier *carrier = calloc(1, sizeof(*carrier));

	if (!carrier)
		return -ENOMEM;
	carrier->host = host;
	carrier->scheme = scheme;
	carrier->events = events;
	carrier->context = context;
	carrier->state = PH_CARRIER_DIALING;
	carrier->watch.on_event = carrier_on_event;
	carrier->deadline.on_due = carrier_on_deadline;
	carrier->task.run = carrier_on_task;
	ph_intake_init(&carrier->intake, host->pool, PH_CARRIER_STRANGER);
	*out = carrier;
	return 0;
}

void ph_carrier_discard(struct ph_carrier *carrier)
{
	ph_timer_stop(carrier->host->loop, &carrier->deadline);
	carrier_free(carrier);
}

void ph_carrier_expect(struct ph_carrier *carrier, int64_t when)
{
	ph_timer_start(carrier->host->loop, &carrier->deadline, when);
}

/* Only unix sockets have a peer with a uid. */
static void carrier_identify(
	struct ph_carrier *carrier, int fd, const struct ph_endpoint *peer)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	ph_endpoint_text(peer, carrier->peer, sizeof(carrier->peer));
	if (carrier->beside)
		return;
	if (peer->any.sa_family != AF_UNIX) {
		ph_socket_tune(fd);
		ph_pulse_init(&carrier->pulse, carrier->host->loop, fd,
			carrier_on_dead);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return;
	carrier->has_uid = true;
	carrier->uid = who.uid;
	carrier->pid = who.pid;
}

static int secure_create(struct ph_transport_host *host, int fd, bool server,
	struct ph_filter **out)
{
	return ph_tls_filter(
		host->tls, host->loop, host->pool, fd, server, out);
}

const struct ph_filter_kind ph_filter_tls = {.create = secure_create};

const struct ph_filter_kind *ph_carrier_kind(
	const struct ph_transport_host *host, bool plain)
{
	return plain || !host->tls ? NULL : &ph_filter_tls;
}

void ph_carrier_connected(struct ph_carrier *carrier, int fd,
	const struct ph_endpoint *peer, const struct ph_filter_kind *kind,
	bool server)
{
	struct ph_transport_host *host = carrier->host;
	int error = 0;

	assert(carrier->state == PH_CARRIER_DIALING);
	carrier->dialing = NULL;
	carrier_identify(carrier, fd, peer);
	ph_filter_plain(&carrier->plain, fd);
	carrier->filter = &carrier->plain;
	carrier->state = PH_CARRIER_SECURING;
	if (kind)
		error = kind->create(host, fd, server, &carrier->filter);
	if (!error)
		error = ph_watch_start(host->loop, &carrier->watch, fd, 0);
	if (error) {
		ph_carrier_fail(carrier, error);
		return;
	}
	carrier->filter->owner = carrier;
	carrier->filter->again = carrier_on_again;
	carrier_secure(carrier);
}

void ph_carrier_fail(struct ph_carrier *carrier, int reason)
{
	struct ph_loop *loop = carrier->host->loop;
	struct ph_filter *filter = carrier->filter;

	if (carrier->state == PH_CARRIER_CLOSED)
		return;
	if (carrier->dialing)
		ph_dialing_cancel(carrier->dialing);
	carrier->dialing = NULL;
	ph_timer_stop(loop, &carrier->deadline);
	ph_pulse_stop(&carrier->pulse);
	ph_watch_stop(&carrier->watch);
	if (filter) {
		int fd = filter->fd;

		filter->ops->destroy(filter);
		carrier->filter = NULL;
		close(fd);
	}
	/* After our own close it does not matter how the peer took it. */
	carrier->reason = carrier->state == PH_CARRIER_CLOSING ? 0 : reason;
	carrier->state = PH_CARRIER_CLOSED;
	ph_intake_fini(&carrier->intake);
	ph_loop_defer(loop, &carrier->task);
}

void ph_carrier_close(struct ph_carrier *carrier)
{
	switch (carrier->state) {
	case PH_CARRIER_DIALING:
	case PH_CARRIER_SECURING:
		ph_carrier_fail(carrier, 0);
		return;
	case PH_CARRIER_OPEN:
		carrier->state = PH_CARRIER_CLOSING;
		carrier->filter->ops->finish(carrier->filter);
		ph_intake_fini(&carrier->intake);
		ph_carrier_expect(carrier,
			ph_loop_now(carrier->host->loop) + PH_CARRIER_LINGER);
		ph_stream_farewell(carrier);
		return;
	case PH_CARRIER_CLOSING:
	case PH_CARRIER_CLOSED:
		return;
	}
}

void ph_carrier_pause(struct ph_carrier *carrier, bool paused)
{
	if (carrier->paused == paused)
		return;
	carrier->paused = paused;
	if (carrier->state != PH_CARRIER_OPEN)
		return;
	/* What came before the pause is handed up from a task. */
	if (!paused)
		ph_loop_defer(carrier->host->loop, &carrier->task);
	if (carrier->told)
		ph_carrier_interest(carrier);
}

void ph_carrier_pace(struct ph_carrier *carrier, bool calm)
{
	if (carrier->watch.loop && carrier->scheme == ph_transport_tcp.scheme)
		ph_socket_pace(carrier->watch.fd, calm);
}

void ph_carrier_admit(struct ph_carrier *carrier, uint32_t most)
{
	carrier->intake.admitted = most < PH_FRAME_MAX ? most : PH_FRAME_MAX;
	if (carrier->filter && most > PH_CARRIER_STRANGER)
		carrier->filter->ops->trust(carrier->filter);
}

void ph_carrier_info(
	const struct ph_carrier *carrier, struct ph_carrier_info *out)
{
	const struct ph_filter *filter = carrier->filter;

	*out = (struct ph_carrier_info){
		.scheme = carrier->scheme,
		.has_uid = carrier->has_uid,
		.uid = carrier->uid,
		.pid = carrier->pid,
	};
	memcpy(out->peer, carrier->peer, sizeof(out->peer));
	if (!filter || !filter->peer_key)
		return;
	out->tls = true;
	memcpy(out->peer_key, filter->peer_key, sizeof(out->peer_key));
	memcpy(out->exporter, filter->exporter, sizeof(out->exporter));
}
