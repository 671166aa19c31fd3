#include "placement/proxy.h"

#include <errno.h>

#include "proto/secret.h"

/* Guests: programs that attach, and claim the terminals of a run. */

/* A guest's carriers come right behind its call. */
#define PROXY_GUEST_PATIENCE (10 * PH_SECOND)

void proxy_await_guest(struct proxy *proxy)
{
	struct ph_loop *loop = proxy->run.config.loop;

	ph_random(proxy->run.token, sizeof(proxy->run.token));
	proxy->next = proxy->placement->guests;
	proxy->placement->guests = proxy;
	ph_timer_start(
		loop, &proxy->doom, ph_loop_now(loop) + PROXY_GUEST_PATIENCE);
}

void proxy_forget_guest(struct proxy *proxy)
{
	struct proxy **place = &proxy->placement->guests;

	while (*place && *place != proxy)
		place = &(*place)->next;
	if (*place)
		*place = proxy->next;
}

static bool all_claimed(const struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->count; i++)
		if (!proxy->ports[i].claimed)
			return false;
	return proxy->claimed;
}

static struct proxy *find_guest(
	struct ph_placement *placement, const struct ph_relay *claim)
{
	if (claim->op != PH_RELAY_CLAIM || claim->length != PH_RELAY_TOKEN)
		return NULL;
	for (struct proxy *proxy = placement->guests; proxy;
		proxy = proxy->next)
		if (ph_secret_equal(
			    proxy->run.token, claim->body, PH_RELAY_TOKEN) &&
			!proxy->stopping && claim->id <= proxy->count)
			return proxy;
	return NULL;
}

int ph_placement_claim(struct ph_placement *placement,
	const struct ph_relay *claim, struct ph_carrier *carrier,
	const struct ph_carrier_events **events, void **context)
{
	struct proxy *proxy = find_guest(placement, claim);
	struct proxy_port *port;
	struct ph_carrier_info info;
	struct channel *channel;
	bool *claimed;

	if (!proxy)
		return -ENOENT;
	port = claim->id ? &proxy->ports[claim->id - 1] : NULL;
	channel = port ? &port->channel : &proxy->orders;
	claimed = port ? &port->claimed : &proxy->claimed;
	if (*claimed)
		return -ENOENT;
	*claimed = true;
	ph_carrier_info(carrier, &info);
	proxy->run.pid = info.pid;
	channel_take(channel, carrier, placement->host->pool);
	*events = &channel_events;
	*context = channel;
	if (all_claimed(proxy)) {
		ph_timer_stop(placement->host->loop, &proxy->doom);
		channel_say(&proxy->orders, PH_RELAY_OPENED, 0, 0);
	}
	if (port)
		proxy_port_connected(port);
	return 0;
}
