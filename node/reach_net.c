#include <string.h>

#include "kernel/log.h"
#include "node/reach_inner.h"
#include "node/wires.h"

/*
 * This host's own addresses. When they change, what was found out before is of
 * another network; and a line from an address that went is dead, though TCP
 * would not say so for a quarter of a minute: it is dialled anew at once.
 */
static struct ph_ip ip_of(const struct ph_interface_address *address)
{
	struct ph_ip ip = {.family = address->family};

	if (ip.family == AF_INET)
		memcpy(ip.bytes, &address->v4, 4);
	else
		memcpy(ip.bytes, &address->v6, 16);
	return ip;
}

static void add_interface(
	struct ph_reachability *reach, const struct ph_interface *interface)
{
	for (unsigned i = 0; i < interface->address_count; i++) {
		const struct ph_interface_address *address =
			&interface->addresses[i];

		if (!address->usable || reach->owns == REACH_SUBNETS)
			continue;
		reach->own[reach->owns] = ip_of(address);
		reach->subnets[reach->owns] = ph_subnet_around(
			&reach->own[reach->owns], address->prefix);
		reach->owns++;
	}
}

static bool is_same(const struct ph_ip *a, const struct ph_ip *b)
{
	return a->family == b->family &&
	       !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool holds(
	const struct ph_ip *list, unsigned count, const struct ph_ip *ip)
{
	for (unsigned i = 0; i < count; i++)
		if (is_same(&list[i], ip))
			return true;
	return false;
}

static bool is_gone(void *context, const struct ph_carrier *carrier)
{
	const struct ph_reachability *reach = context;
	struct ph_carrier_path path;
	struct ph_ip ip;

	ph_carrier_path(carrier, &path);
	return !ph_ip_parse(&ip, path.local) && !ph_ip_special(&ip) &&
	       !holds(reach->own, reach->owns, &ip);
}

/* Lines that leave from an address this host has no more. */
static void hang_up_gone(struct ph_reachability *reach)
{
	struct peer *peer;

	for (peer = reach->node->lines->peers; peer; peer = peer->hh.next) {
		if (!peer->line ||
			!is_gone(reach, ph_session_carrier(peer->session)))
			continue;
		peer_hang_up(peer, "this host left the address");
		peer_hint(peer);
	}
}

static void on_change(void *context)
{
	struct ph_reachability *reach = context;
	const struct ph_interfaces *table =
		ph_interface_watch_table(reach->watch);
	struct ph_ip before[REACH_SUBNETS];
	unsigned count = reach->owns;
	bool changed;

	memcpy(before, reach->own, sizeof(before));
	reach->owns = 0;
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (table->all[i].index && !table->all[i].loopback)
			add_interface(reach, &table->all[i]);
	changed = reach->owns != count;
	for (unsigned i = 0; i < count; i++)
		changed |= !holds(reach->own, reach->owns, &before[i]);
	if (!reach->looked) {
		reach->looked = true;
		return;
	}
	if (!changed)
		return;
	ph_matrix_moved(reach->matrix);
	ph_log_info("reach", "moved net_epoch=%u addresses=%u",
		ph_matrix_net_epoch(reach->matrix), reach->owns);
	hang_up_gone(reach);
	ph_wires_abandon(reach->node->wires, is_gone, reach);
	reach_refresh(reach);
}

static bool is_configured(
	const struct ph_options *options, const struct ph_ip *ip)
{
	struct ph_ip joined;

	for (unsigned i = 0; i < options->dial_allows; i++)
		if (ph_subnet_has(&options->dial_allow[i], ip))
			return true;
	for (unsigned i = 0; i < options->joins; i++)
		if (!ph_ip_parse(&joined, options->join[i].host) &&
			is_same(&joined, ip))
			return true;
	return false;
}

/* The last address of an IPv4 network is everybody's. */
static bool is_broadcast(const struct ph_subnet *subnet, const struct ph_ip *ip)
{
	if (ip->family != AF_INET || subnet->length >= 31)
		return false;
	for (unsigned bit = subnet->length; bit < 32; bit++)
		if (!(ip->bytes[bit / 8] & 0x80 >> bit % 8))
			return false;
	return true;
}

bool reach_may_dial(const struct ph_reachability *reach, const char *address)
{
	struct ph_ip ip;
	bool near = false;

	if (ph_ip_parse(&ip, address) || ph_ip_special(&ip) ||
		holds(reach->own, reach->owns, &ip))
		return false;
	for (unsigned i = 0; i < reach->owns; i++) {
		if (!ph_subnet_has(&reach->subnets[i], &ip))
			continue;
		if (is_broadcast(&reach->subnets[i], &ip))
			return false;
		near = true;
	}
	return near || is_configured(&reach->node->options, &ip);
}

int reach_net_open(struct ph_reachability *reach)
{
	return ph_interface_watch_open(
		&reach->watch, reach->node->loop, on_change, reach);
}

void reach_net_close(struct ph_reachability *reach)
{
	if (reach->watch)
		ph_interface_watch_close(reach->watch);
	reach->watch = NULL;
}
