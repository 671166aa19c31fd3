#include "discovery/discovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/inner.h"
#include "kernel/log.h"
#include "proto/secret.h"

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
	struct ph_datagram_events events = {
		hear_unicast, hear_refused, discovery};
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
	struct ph_multicast_events events = {hear_multicast, discovery};

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
	discovery->age.on_due = neighbours_due;
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
		discovery->ethernet, discovery->loop, hear_frame, discovery);
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
