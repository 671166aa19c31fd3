#include "discovery/discovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/inner.h"
#include "kernel/log.h"
#include "proto/secret.h"

/* Announcements to seeds, once somebody is known: one in so many. */
#define SEEDS_EVERY 12u
/* Newcomers among so many are answered within 50 ms. */
#define ANSWERED_CROWD 8u

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

/*
 * Sending. One announcer speaks for all carriers: each transmission has a seq
 * of its own and goes out the same everywhere, so that whoever hears it twice
 * knows it.
 */
/* Whoever knows somebody is known by him: a seed is reminded now and then, so
 * that two halves which lost each other find together. */
static bool seeds_are_due(const struct ph_discovery *discovery)
{
	return !discovery->own.ttl || discovery->own.seq % SEEDS_EVERY == 0 ||
	       !ph_neighbours_count(discovery->neighbours, PH_MEMBER);
}

/* News go by IPv4 and IPv6, mere repetitions by one of them in turn: who hears
 * one only still hears two in the time to live. */
static enum ph_multicast_how families(const struct ph_discovery *discovery)
{
	if (!discovery->own.ttl || discovery->announcer.fast_left ||
		discovery->said != discovery->own.content)
		return PH_MULTICAST_BOTH;
	return discovery->own.seq % 2 ? PH_MULTICAST_V4 : PH_MULTICAST_V6;
}

static void send_everywhere(struct ph_discovery *discovery)
{
	const uint8_t *bytes = discovery->bytes;
	size_t length = discovery->length;

	if (discovery->multicast)
		ph_multicast_send(discovery->multicast, families(discovery),
			bytes, length);
	if (discovery->ethernet)
		ph_ethernet_send(discovery->ethernet, bytes, length);
	if (seeds_are_due(discovery))
		seeds_send(discovery, bytes, length);
}

static void say_goodbye_over(struct ph_discovery *discovery)
{
	void (*stopped)(void *context) = discovery->stopped;

	ph_datagrams_flush(discovery->datagrams);
	discovery->stopped = NULL;
	if (stopped)
		stopped(discovery->stopped_context);
}

static void announce_due(struct ph_timer *timer)
{
	struct ph_discovery *discovery =
		MEMBER(timer, struct ph_discovery, announce);
	uint32_t said = discovery->said;
	uint16_t ttl;

	while (ph_announcer_due(
		&discovery->announcer, ph_loop_now(discovery->loop), &ttl)) {
		int error = content_write(discovery, ttl);

		if (error)
			ph_log_error("discovery",
				"announcement.unwritten because=\"%s\"",
				strerror(-error));
		else
			send_everywhere(discovery);
	}
	if (discovery->length && said != discovery->own.content) {
		discovery->said = discovery->own.content;
		discovery->events.announced(
			discovery->events.context, discovery->said);
	}
	announcer_arm(discovery);
	if (discovery->stopped &&
		discovery->announcer.state != PH_ANNOUNCER_LEAVING)
		say_goodbye_over(discovery);
}

void announcer_arm(struct ph_discovery *discovery)
{
	int64_t due = ph_announcer_deadline(&discovery->announcer);

	if (due == INT64_MAX)
		ph_timer_stop(discovery->loop, &discovery->announce);
	else
		ph_timer_start(discovery->loop, &discovery->announce, due);
}

static void announcer_event(
	struct ph_discovery *discovery, enum ph_announcer_event event)
{
	if (!discovery->started)
		return;
	ph_announcer_step(
		&discovery->announcer, event, ph_loop_now(discovery->loop));
	announcer_arm(discovery);
}

/*
 * Hearing.
 */
static void tell_heard(
	struct ph_discovery *discovery, const struct ph_neighbour *neighbour)
{
	struct view view;
	struct ph_discovery_node node;

	if (!view_of(discovery, neighbour, &view, &node))
		discovery->events.heard(discovery->events.context, &node);
}

/* What strangers do must not fill the log of a quiet node. */
static void log_neighbour(
	const struct ph_neighbour *neighbour, const char *what, const char *why)
{
	bool stranger = neighbour->standing == PH_STRANGER;
	char id[PH_NODE_ID_TEXT];

	ph_log_write(stranger ? PH_LOG_DEBUG : PH_LOG_INFO, "discovery",
		"neighbour.%s name=%s id=%.8s standing=%s via=%s%s%s", what,
		neighbour->name, id_text(id, neighbour->id),
		ph_standing_name(neighbour->standing),
		carrier_name(neighbour->via.carrier), why[0] ? " because=" : "",
		why);
}

/* It shall hear us soon, too: of two that start together, the one who heard the
 * other may be the one who waits to be dialled. A crowd has others to say it.
 */
static void greet_newcomer(struct ph_discovery *discovery)
{
	unsigned crowd =
		ph_neighbours_count(discovery->neighbours, PH_MEMBER) +
		ph_neighbours_count(discovery->neighbours, PH_STRANGER);

	announcer_event(discovery, PH_ANNOUNCER_ON_NEWCOMER);
	if (crowd <= ANSWERED_CROWD)
		announcer_event(discovery, PH_ANNOUNCER_ON_CHANGED);
}

static void neighbour_event(
	struct ph_discovery *discovery, const struct ph_neighbour_event *event)
{
	const struct ph_neighbour *neighbour = event->neighbour;
	char id[PH_NODE_ID_TEXT];

	switch (event->kind) {
	case PH_NEIGHBOUR_NEW:
		log_neighbour(neighbour, "new", "");
		if (neighbour->standing != PH_FOREIGN &&
			neighbour->via.carrier != PH_HEARD_LINE)
			greet_newcomer(discovery);
		break;
	case PH_NEIGHBOUR_GONE:
		log_neighbour(neighbour, "gone", ph_gone_name(event->reason));
		if (neighbour->standing == PH_STRANGER)
			discovery->events.unheard(discovery->events.context,
				id_text(id, neighbour->id));
		break;
	default:
		break;
	}
	if (neighbour->standing != PH_FOREIGN)
		membership_neighbour(discovery, event);
	if (neighbour->standing != PH_FOREIGN &&
		event->kind != PH_NEIGHBOUR_GONE)
		tell_heard(discovery, neighbour);
}

void neighbours_settle(struct ph_discovery *discovery)
{
	struct ph_neighbour_event event;
	int64_t due;

	while (ph_neighbours_next(discovery->neighbours, &event))
		neighbour_event(discovery, &event);
	due = ph_neighbours_deadline(discovery->neighbours);
	if (due == INT64_MAX)
		ph_timer_stop(discovery->loop, &discovery->age);
	else
		ph_timer_start(discovery->loop, &discovery->age, due);
}

static void age_due(struct ph_timer *timer)
{
	struct ph_discovery *discovery =
		MEMBER(timer, struct ph_discovery, age);

	ph_neighbours_step(discovery->neighbours, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}

static enum ph_hearing hear(struct ph_discovery *discovery, const uint8_t *data,
	size_t length, const struct ph_via *via)
{
	enum ph_hearing hearing = ph_neighbours_hear(discovery->neighbours,
		data, length, via, ph_loop_now(discovery->loop));

	neighbours_settle(discovery);
	return hearing;
}

static void on_multicast(void *context, const struct ph_udp_datagram *datagram)
{
	struct ph_discovery *discovery = context;
	struct ph_via via = {.carrier = ph_udp_is_v4(&datagram->from)
						? PH_HEARD_IPV4
						: PH_HEARD_IPV6,
		.interface = datagram->interface,
		.port = datagram->from.port};

	memcpy(via.address, datagram->from.ip, sizeof(via.address));
	if (discovery->hearing)
		hear(discovery, datagram->data, datagram->length, &via);
}

static void on_unicast(void *context, const struct ph_udp_datagram *datagram)
{
	struct ph_discovery *discovery = context;
	struct ph_via via = {.carrier = PH_HEARD_UNICAST,
		.interface = datagram->interface,
		.port = datagram->from.port};

	if (!discovery->hearing || membership_hear(discovery, datagram))
		return;
	memcpy(via.address, datagram->from.ip, sizeof(via.address));
	hear(discovery, datagram->data, datagram->length, &via);
}

static void on_refused(void *context, const struct ph_udp_end *end)
{
	membership_refused(context, end);
}

static void on_frame(void *context, unsigned interface, const uint8_t source[6],
	const uint8_t *lldpdu, size_t length)
{
	struct ph_via via = {
		.carrier = PH_HEARD_ETHERNET, .interface = interface};

	memcpy(via.address, source, 6);
	hear(context, lldpdu, length, &via);
}

enum ph_hearing ph_discovery_hear(struct ph_discovery *discovery,
	const uint8_t *bytes, size_t length, const char *teller)
{
	struct ph_via via = {.carrier = PH_HEARD_LINE};

	id_read(via.address, teller);
	return hear(discovery, bytes, length, &via);
}

void ph_discovery_review(struct ph_discovery *discovery)
{
	ph_neighbours_review(
		discovery->neighbours, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}

void ph_discovery_forget(struct ph_discovery *discovery, const char *id)
{
	uint8_t bytes[PH_NODE_ID_BYTES];

	if (id_read(bytes, id))
		return;
	membership_forget(discovery, bytes);
	ph_neighbours_forget(
		discovery->neighbours, bytes, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}

/*
 * Interfaces.
 */
static void on_interfaces(void *context)
{
	struct ph_discovery *discovery = context;
	const struct ph_interfaces *table =
		ph_interface_watch_table(discovery->watch);
	unsigned fresh = 0;

	if (discovery->multicast)
		ph_multicast_follow(discovery->multicast, table,
			discovery->interfaces, &fresh);
	if (discovery->ethernet)
		fresh += ph_ethernet_follow(
			discovery->ethernet, table, discovery->interfaces);
	content_locate(discovery);
	if (!discovery->up) {
		discovery->up = true;
		announcer_event(discovery, PH_ANNOUNCER_ON_UP);
	} else if (fresh) {
		announcer_event(discovery, PH_ANNOUNCER_ON_NEWCOMER);
	}
}

/*
 * Life.
 */
static int open_neighbours(struct ph_discovery *discovery)
{
	struct ph_neighbours_config config = ph_neighbours_defaults();

	memcpy(config.mesh, discovery->own.mesh, sizeof(config.mesh));
	memcpy(config.self, discovery->self, sizeof(config.self));
	config.judge = &judge;
	config.context = discovery;
	ph_random(&config.seed, sizeof(config.seed));
	return ph_neighbours_create(&discovery->neighbours, &config);
}

static int open_cores(struct ph_discovery *discovery)
{
	struct ph_announcer_config announcer;
	uint64_t seed;
	int error;

	ph_random(&seed, sizeof(seed));
	announcer = ph_announcer_defaults(seed);
	ph_announcer_init(&discovery->announcer, &announcer);
	error = open_neighbours(discovery);
	return error ? error : membership_open(discovery);
}

static int bind_datagrams(
	struct ph_discovery *discovery, struct ph_error *error)
{
	struct ph_datagram_events events = {on_unicast, on_refused, discovery};
	char where[140];
	int code = ph_udp_inbox_create(&discovery->inbox);

	if (!code)
		code = ph_datagrams_create(&discovery->datagrams,
			discovery->loop, discovery->inbox, &events);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, "discovery", "", "%s",
			strerror(-code));
	for (unsigned i = 0; i < discovery->listens; i++) {
		const struct ph_address *at = &discovery->listen[i];

		if (at->scheme != PH_ADDRESS_TCP ||
			at->port != discovery->listen[0].port)
			continue;
		code = ph_datagrams_bind(discovery->datagrams, at);
		if (code && code != -EINVAL && code != -ENOSPC)
			return ph_fail(error,
				code == -EADDRINUSE ? PH_EXIT_CONFLICT
						    : PH_EXIT_USAGE,
				ph_address_format(at, where, sizeof(where)),
				"stop the program that has the UDP port, "
				"choose another with --listen, or say "
				"--discovery off",
				"cannot take the UDP port: %s",
				strerror(-code));
	}
	return 0;
}

static int open_wires(struct ph_discovery *discovery)
{
	struct ph_multicast_events events = {on_multicast, discovery};

	return discovery->local
		       ? 0
		       : ph_multicast_create(&discovery->multicast,
				 discovery->loop, discovery->inbox, &events);
}

static int take_config(struct ph_discovery *discovery,
	const struct ph_discovery_config *config)
{
	discovery->loop = config->loop;
	discovery->worker = config->worker;
	discovery->door = config->door;
	discovery->signer = config->signer;
	discovery->events = config->events;
	discovery->announce.on_due = announce_due;
	discovery->age.on_due = age_due;
	if (config->interfaces) {
		discovery->interfaces = strdup(config->interfaces);
		if (!discovery->interfaces)
			return -ENOMEM;
	}
	return content_init(discovery, config);
}

int ph_discovery_create(struct ph_discovery **out,
	const struct ph_discovery_config *config, struct ph_error *error)
{
	struct ph_discovery *discovery = calloc(1, sizeof(*discovery));
	int code = discovery ? take_config(discovery, config) : -ENOMEM;

	if (!code)
		code = open_cores(discovery);
	if (!code)
		code = bind_datagrams(discovery, error) ? 1 : 0;
	if (!code)
		code = open_wires(discovery);
	if (!code)
		code = report_serve(discovery);
	if (!code) {
		discovery->ethernet = config->ethernet;
		*out = discovery;
		return 0;
	}
	if (code < 0)
		ph_fail(error, PH_EXIT_NEGATIVE, "discovery", "", "%s",
			strerror(-code));
	ph_discovery_destroy(discovery);
	return -1;
}

static void start_ethernet(struct ph_discovery *discovery)
{
	int error;

	if (!discovery->ethernet)
		return;
	error = ph_ethernet_start(
		discovery->ethernet, discovery->loop, on_frame, discovery);
	if (!error)
		return;
	ph_log_warn("discovery", "l2.deaf because=\"%s\"", strerror(-error));
	ph_ethernet_close(discovery->ethernet);
	discovery->ethernet = NULL;
}

void ph_discovery_start(struct ph_discovery *discovery)
{
	discovery->started = true;
	membership_start(discovery);
}

void discovery_hear_wires(struct ph_discovery *discovery)
{
	int error;

	discovery->hearing = true;
	start_ethernet(discovery);
	seeds_start(discovery);
	error = discovery->local
			? 0
			: ph_interface_watch_open(&discovery->watch,
				  discovery->loop, on_interfaces, discovery);
	if (error)
		ph_log_warn("discovery",
			"interfaces.unseen because=\"%s\" next=\"--join and "
			"lines are what is left\"",
			strerror(-error));
	/* Without interfaces to wait for, seeds and lines are all. */
	if (!discovery->watch) {
		discovery->up = true;
		announcer_event(discovery, PH_ANNOUNCER_ON_UP);
	}
}

void ph_discovery_stop(struct ph_discovery *discovery,
	void (*stopped)(void *context), void *context)
{
	discovery->stopped = stopped;
	discovery->stopped_context = context;
	membership_leave(discovery);
	discovery->own.content++;
	announcer_event(discovery, PH_ANNOUNCER_ON_STOP);
	/* Not up yet: there is nobody to say goodbye to. */
	if (discovery->announcer.state != PH_ANNOUNCER_LEAVING)
		ph_timer_start(discovery->loop, &discovery->announce,
			ph_loop_now(discovery->loop));
}

void ph_discovery_destroy(struct ph_discovery *discovery)
{
	if (!discovery)
		return;
	ph_timer_stop(discovery->loop, &discovery->announce);
	ph_timer_stop(discovery->loop, &discovery->age);
	membership_close(discovery);
	seeds_close(discovery);
	ph_interface_watch_close(discovery->watch);
	ph_multicast_destroy(discovery->multicast);
	ph_ethernet_close(discovery->ethernet);
	ph_datagrams_destroy(discovery->datagrams);
	ph_udp_inbox_free(discovery->inbox);
	ph_neighbours_destroy(discovery->neighbours);
	ph_wipe(discovery->ring, sizeof(discovery->ring));
	free(discovery->interfaces);
	discovery->gone = discovery->resolving > 0;
	if (!discovery->gone)
		free(discovery);
}
