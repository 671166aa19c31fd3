#include "node/probe_hosts.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "proto/address.h"

static void add_block(struct probe_hosts *hosts, const struct ph_point *point,
	unsigned prefix)
{
	uint8_t *at =
		hosts->blocks + (size_t)hosts->block_count * PH_POINT_BLOCK;

	if (hosts->block_count == PH_ORDER_TARGETS)
		return;
	memcpy(at, point->address, 16);
	at[16] = (uint8_t)prefix;
	hosts->block_count++;
}

static bool add_point(struct probe_hosts *hosts, const struct ph_point *point)
{
	struct ph_point plain = *point;
	struct ph_point sane = *point;

	plain.port = 0;
	sane.port = PH_POINT_LOWEST;
	if (ph_point_forbidden(&sane))
		return false;
	for (uint32_t i = 0; i < hosts->count; i++)
		if (!memcmp(hosts->points + (size_t)i * PH_POINT, plain.address,
			    16))
			return false;
	if (hosts->count == PH_ORDER_TARGETS) {
		hosts->left_out++;
		return false;
	}
	ph_point_write(&plain, hosts->points + (size_t)hosts->count * PH_POINT);
	hosts->count++;
	return true;
}

static void add_own(struct probe_hosts *hosts, const char *host)
{
	struct ph_point point;

	if (!ph_point_parse(&point, host, 0) && add_point(hosts, &point))
		add_block(hosts, &point, 128);
}

static void add_interfaces(struct probe_hosts *hosts, bool outside)
{
	struct ifaddrs *all;
	struct ph_point point;

	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) ||
			ph_point_of_socket(&point, one->ifa_addr) ||
			(outside && ph_point_is_loopback(&point)))
			continue;
		if (add_point(hosts, &point))
			add_block(hosts, &point, 128);
	}
	freeifaddrs(all);
}

static bool is_every(const char *host)
{
	return !host[0] || !strcmp(host, "::") || !strcmp(host, "0.0.0.0");
}

static void add_listener(struct probe_hosts *hosts,
	const struct ph_address *address, bool outside)
{
	if (address->scheme != PH_ADDRESS_TCP)
		return;
	if (is_every(address->host)) {
		add_interfaces(hosts, outside);
	} else if (!strcmp(address->host, "localhost")) {
		add_own(hosts, "127.0.0.1");
		add_own(hosts, "::1");
	} else {
		add_own(hosts, address->host);
	}
}

void probe_hosts_own(
	struct probe_hosts *hosts, const struct ph_node *node, bool outside)
{
	const struct ph_options *options = &node->options;

	memset(hosts, 0, sizeof(*hosts));
	for (unsigned i = 0; i < options->listens; i++)
		add_listener(hosts, &options->listen[i], outside);
	/* Nothing but sockets of this machine: the loopback is what it has. */
	if (!hosts->count) {
		add_own(hosts, "127.0.0.1");
		add_own(hosts, "::1");
	}
}

static unsigned prefix_of(const struct sockaddr *mask, bool v4)
{
	struct ph_point point;
	unsigned bits = v4 ? 96 : 0;

	if (!mask || ph_point_of_socket(&point, mask))
		return 128;
	for (unsigned i = v4 ? 12 : 0; i < 16; i++)
		bits += (unsigned)__builtin_popcount(point.address[i]);
	return bits;
}

/* The networks that this host is on. A link that is a network by itself lets
 * its other end in by the peer's known addresses. */
static void allow_networks(struct probe_hosts *hosts)
{
	struct ifaddrs *all;
	struct ph_point point;

	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) ||
			ph_point_of_socket(&point, one->ifa_addr) ||
			ph_point_is_loopback(&point))
			continue;
		add_block(hosts, &point,
			prefix_of(one->ifa_netmask, ph_point_is_v4(&point)));
	}
	freeifaddrs(all);
}

/* What --dial-allow names. */
static void allow_told(
	struct probe_hosts *hosts, const struct ph_options *options)
{
	struct ph_point point;

	for (unsigned i = 0; i < options->dial_allows; i++) {
		const struct ph_subnet *subnet = &options->dial_allow[i];
		bool v4 = subnet->ip.family == AF_INET;

		memset(&point, 0, sizeof(point));
		memcpy(point.address + (v4 ? 12 : 0), subnet->ip.bytes,
			v4 ? 4 : 16);
		if (v4)
			point.address[10] = point.address[11] = 0xff;
		add_block(hosts, &point, subnet->length + (v4 ? 96 : 0));
	}
}

/* Broadcast of a network of this host: only netmasks tell which it is. */
static bool is_broadcast(
	const struct ifaddrs *all, const struct ph_point *point)
{
	struct ph_point own;

	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		if (one->ifa_addr && (one->ifa_flags & IFF_BROADCAST) &&
			one->ifa_addr->sa_family == AF_INET &&
			one->ifa_broadaddr &&
			!ph_point_of_socket(&own, one->ifa_broadaddr) &&
			!memcmp(own.address, point->address, 16))
			return true;
	return false;
}

static void allow_known(struct probe_hosts *hosts, struct ph_value known)
{
	struct ph_address address;
	struct ph_point point;
	char text[128];

	for (size_t i = 0; i < ph_value_count(known); i++) {
		ph_value_copy(ph_value_at(known, i), text, sizeof(text));
		if (ph_address_parse(&address, text) ||
			address.scheme != PH_ADDRESS_TCP ||
			ph_point_parse(&point, address.host, 0))
			continue;
		add_block(hosts, &point, 128);
		add_point(hosts, &point);
	}
}

void probe_hosts_peer(struct probe_hosts *hosts, const struct ph_node *node,
	const struct ph_ready *ready, struct ph_value known)
{
	struct ifaddrs *all = NULL;
	struct ph_point point;

	memset(hosts, 0, sizeof(*hosts));
	allow_known(hosts, known);
	allow_networks(hosts);
	allow_told(hosts, &node->options);
	if (getifaddrs(&all))
		return;
	for (uint32_t i = 0; i < ready->bound.count; i++) {
		ph_point_at(&ready->bound, i, &point);
		if (!is_broadcast(all, &point))
			add_point(hosts, &point);
	}
	freeifaddrs(all);
}
