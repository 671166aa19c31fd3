#include "transport/dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

/* A unix listener whose backlog is full says so at once. */
#define DIAL_RETRY (20 * PH_MILLISECOND)

struct attempt {
	struct ph_watch watch;
	struct ph_dialing *dialing;
	int fd;	      /* -1: not under way */
	bool doubted; /* the bridge failed: why, tells a bare connection */
};

struct ph_dialing {
	struct ph_carrier *carrier; /* NULL: given up while resolving */
	struct ph_loop *loop;
	const struct ph_filter_kind *kind;
	struct ph_endpoint candidates[PH_DIAL_CANDIDATES];
	struct attempt attempts[PH_DIAL_CANDIDATES];
	unsigned count;
	unsigned next;
	unsigned under_way;
	int reason; /* of the first that failed: the one preferred */
	struct ph_timer stagger;
	struct ph_job job;
	bool resolving;
	struct ph_transport_host *shared;
	struct ph_dial dial;
	int (*bridge)(struct ph_transport_host *host,
		const struct ph_dial *dial, const struct ph_endpoint *peer);
	char host[sizeof(((struct ph_address *)0)->host)];
	uint16_t port;
};

static void attempt_stop(struct attempt *attempt)
{
	if (attempt->fd < 0)
		return;
	ph_watch_stop(&attempt->watch);
	close(attempt->fd);
	attempt->fd = -1;
	attempt->dialing->under_way--;
}

void ph_dialing_cancel(struct ph_dialing *dialing)
{
	ph_timer_stop(dialing->loop, &dialing->stagger);
	for (unsigned i = 0; i < PH_DIAL_CANDIDATES; i++)
		attempt_stop(&dialing->attempts[i]);
	dialing->carrier = NULL;
	/* A job under way cannot be taken back: it frees what it works on. */
	if (!dialing->resolving)
		free(dialing);
}

static void dialing_failed(struct ph_dialing *dialing, int reason)
{
	if (!dialing->reason)
		dialing->reason = reason;
	if (!dialing->under_way && dialing->next == dialing->count)
		ph_carrier_fail(dialing->carrier, dialing->reason);
	else if (dialing->next < dialing->count)
		ph_timer_start(dialing->loop, &dialing->stagger, 0);
}

static void attempt_won(struct attempt *attempt)
{
	struct ph_dialing *dialing = attempt->dialing;
	struct ph_carrier *carrier = dialing->carrier;
	struct ph_endpoint peer =
		dialing->candidates[attempt - dialing->attempts];
	const struct ph_filter_kind *kind = dialing->kind;
	int fd = attempt->fd;

	ph_watch_stop(&attempt->watch);
	attempt->fd = -1;
	ph_dialing_cancel(dialing);
	ph_carrier_connected(carrier, fd, &peer, kind, false);
}

static int attempt_start(
	struct attempt *attempt, const struct ph_endpoint *endpoint);

/* What the bridge says: us or -errno; -EAGAIN: nothing yet. */
static int bridge_says(int fd)
{
	int32_t word;
	ssize_t got = recv(fd, &word, sizeof(word), MSG_DONTWAIT);

	if (got == sizeof(word))
		return word;
	return got < 0 && errno == EAGAIN ? -EAGAIN : -ECONNRESET;
}

static void attempt_failed(struct attempt *attempt, int reason)
{
	struct ph_dialing *dialing = attempt->dialing;
	unsigned i = (unsigned)(attempt - dialing->attempts);

	attempt_stop(attempt);
	if (reason == -ENOTCONN && dialing->bridge && !attempt->doubted) {
		attempt->doubted = true;
		reason = attempt_start(attempt, &dialing->candidates[i]);
		if (!reason)
			return;
	}
	dialing_failed(dialing, reason);
}

static void attempt_on_event(struct ph_watch *watch, uint32_t events)
{
	struct attempt *attempt = MEMBER(watch, struct attempt, watch);
	bool bridged = attempt->dialing->bridge && !attempt->doubted;
	int error = 0;
	int says = 0;
	socklen_t size = sizeof(error);

	if (bridged)
		says = bridge_says(attempt->fd);
	if (says < 0)
		error = -says;
	else if (bridged)
		attempt->dialing->carrier->rtt_us = (uint32_t)says;
	else if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (bridged && error == EAGAIN)
		return;
	if (!error && attempt->doubted)
		error = ECONNRESET;
	if (!error)
		attempt_won(attempt);
	else
		attempt_failed(attempt, -error);
}

/* 0: under way. */
static int attempt_start(
	struct attempt *attempt, const struct ph_endpoint *endpoint)
{
	struct ph_dialing *dialing = attempt->dialing;
	bool bridged = dialing->bridge && !attempt->doubted;
	int error = 0;

	attempt->fd = bridged ? dialing->bridge(dialing->shared, &dialing->dial,
					endpoint)
			      : ph_socket_open(endpoint);
	if (attempt->fd < 0)
		return attempt->fd;
	attempt->watch.on_event = attempt_on_event;
	if (!bridged)
		error = connect(attempt->fd, &endpoint->any, endpoint->length);
	if (error && errno != EINPROGRESS)
		error = -errno;
	else
		error = ph_watch_start(dialing->loop, &attempt->watch,
			attempt->fd, bridged ? EPOLLIN : EPOLLOUT);
	if (error) {
		close(attempt->fd);
		attempt->fd = -1;
		return error;
	}
	attempt->dialing->under_way++;
	return 0;
}

static void dialing_on_stagger(struct ph_timer *timer)
{
	struct ph_dialing *dialing = MEMBER(timer, struct ph_dialing, stagger);
	int64_t now = ph_loop_now(dialing->loop);
	unsigned i = dialing->next;
	int error;

	error = attempt_start(&dialing->attempts[i], &dialing->candidates[i]);
	if (error == -EAGAIN) {
		ph_timer_start(dialing->loop, timer, now + DIAL_RETRY);
		return;
	}
	dialing->next++;
	if (error)
		dialing_failed(dialing, error);
	else if (dialing->next < dialing->count)
		ph_timer_start(dialing->loop, timer, now + PH_DIAL_STAGGER);
}

/* What getaddrinfo says, in the words of errno. */
static int name_error(int error)
{
	switch (error) {
	case 0:
		return 0;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_AGAIN:
		return -ENONET;
	default:
		return -ENXIO;
	}
}

/* On the worker's thread. */
static void resolve_work(struct ph_job *job)
{
	struct ph_dialing *dialing = MEMBER(job, struct ph_dialing, job);
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", dialing->port);
	dialing->reason =
		name_error(getaddrinfo(dialing->host, port, &hints, &found));
	for (struct addrinfo *i = found;
		i && dialing->count < PH_DIAL_CANDIDATES; i = i->ai_next) {
		struct ph_endpoint *endpoint =
			&dialing->candidates[dialing->count];

		if (i->ai_addrlen > sizeof(endpoint->storage))
			continue;
		endpoint->length = i->ai_addrlen;
		memcpy(&endpoint->storage, i->ai_addr, i->ai_addrlen);
		dialing->count++;
	}
	if (found)
		freeaddrinfo(found);
}

static void resolve_done(struct ph_job *job)
{
	struct ph_dialing *dialing = MEMBER(job, struct ph_dialing, job);

	dialing->resolving = false;
	if (!dialing->carrier)
		free(dialing);
	else if (!dialing->count)
		ph_carrier_fail(dialing->carrier,
			dialing->reason ? dialing->reason : -ENXIO);
	else
		ph_timer_start(dialing->loop, &dialing->stagger, 0);
}

static int dialing_candidates(
	struct ph_dialing *dialing, const struct ph_address *address)
{
	if (!ph_scheme_is_ip(address->scheme)) {
		dialing->count = 1;
		return address->scheme == PH_ADDRESS_INPROC
			       ? ph_endpoint_inproc(
					 dialing->candidates, address->host)
			       : ph_endpoint_local(
					 dialing->candidates, address->host);
	}
	dialing->count = ph_endpoint_literal(
		dialing->candidates, address->host, address->port);
	return *address->host ? 0 : -EINVAL;
}

static int dialing_create(struct ph_transport_host *host,
	const struct ph_dial *dial, struct ph_dialing **out)
{
	struct ph_dialing *dialing = calloc(1, sizeof(*dialing));
	int error;

	if (!dialing)
		return -ENOMEM;
	dialing->loop = host->loop;
	dialing->shared = host;
	dialing->dial = *dial;
	dialing->port = dial->address.port;
	dialing->stagger.on_due = dialing_on_stagger;
	memcpy(dialing->host, dial->address.host, sizeof(dialing->host));
	for (unsigned i = 0; i < PH_DIAL_CANDIDATES; i++) {
		dialing->attempts[i].fd = -1;
		dialing->attempts[i].dialing = dialing;
	}
	error = dialing_candidates(dialing, &dial->address);
	if (!error && !dialing->count && !host->worker)
		error = -EINVAL;
	if (error) {
		free(dialing);
		return error;
	}
	*out = dialing;
	return 0;
}

int ph_dial_start(struct ph_transport_host *host, const char *scheme,
	const struct ph_filter_kind *kind, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	return ph_dial_bridge(
		host, scheme, kind, dial, NULL, events, context, out);
}

int ph_dial_bridge(struct ph_transport_host *host, const char *scheme,
	const struct ph_filter_kind *kind, const struct ph_dial *dial,
	int (*bridge)(struct ph_transport_host *host,
		const struct ph_dial *dial, const struct ph_endpoint *peer),
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	struct ph_dialing *dialing;
	struct ph_carrier *carrier;
	int error;

	error = ph_carrier_create(host, scheme, events, context, &carrier);
	if (error)
		return error;
	error = dialing_create(host, dial, &dialing);
	if (error) {
		ph_carrier_discard(carrier);
		return error;
	}
	dialing->kind = kind;
	dialing->bridge = bridge;
	carrier->beside = bridge != NULL;
	carrier->dialing = dialing;
	dialing->carrier = carrier;
	ph_carrier_expect(carrier,
		dial->deadline ? dial->deadline
			       : ph_loop_now(host->loop) + PH_DIAL_PATIENCE);
	if (dialing->count) {
		ph_timer_start(host->loop, &dialing->stagger, 0);
	} else {
		dialing->resolving = true;
		dialing->job.work = resolve_work;
		dialing->job.done = resolve_done;
		ph_worker_submit(host->worker, PH_LANE_NAME, &dialing->job);
	}
	*out = carrier;
	return 0;
}
