#include "discovery/interfaces.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The table: what rtnetlink's messages say, read with every length checked. */

void ph_interfaces_init(struct ph_interfaces *interfaces)
{
	*interfaces = (struct ph_interfaces){0};
}

static struct ph_interface *find(
	struct ph_interfaces *interfaces, unsigned index)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (interfaces->all[i].index == index)
			return &interfaces->all[i];
	return NULL;
}

const struct ph_interface *ph_interfaces_find(
	const struct ph_interfaces *interfaces, unsigned index)
{
	return index ? find((struct ph_interfaces *)interfaces, index) : NULL;
}

bool ph_interface_is_segment(const struct ph_interface *interface)
{
	return interface->index && interface->up && interface->multicast &&
	       !interface->loopback && !interface->port;
}

const struct ph_interface_address *ph_interface_source(
	const struct ph_interface *interface, int family, bool link_local)
{
	for (unsigned i = 0; i < interface->address_count; i++) {
		const struct ph_interface_address *address =
			&interface->addresses[i];

		if (address->family != family || !address->usable)
			continue;
		if (family == AF_INET ||
			IN6_IS_ADDR_LINKLOCAL(&address->v6) == link_local)
			return address;
	}
	return NULL;
}

/* The attributes behind a header of `skip` bytes, by type. */
static int read_attributes(const void *data, size_t length, size_t skip,
	const struct rtattr **out, unsigned most)
{
	const uint8_t *at = data;

	memset(out, 0, most * sizeof(*out));
	skip = NLMSG_ALIGN(skip);
	while (length > skip && length - skip >= sizeof(struct rtattr)) {
		const struct rtattr *attribute =
			(const struct rtattr *)(at + skip);
		unsigned type = attribute->rta_type & NLA_TYPE_MASK;

		if (attribute->rta_len < sizeof(*attribute) ||
			attribute->rta_len > length - skip)
			return -EBADMSG;
		if (type < most)
			out[type] = attribute;
		skip += RTA_ALIGN(attribute->rta_len);
	}
	return 0;
}

static size_t payload(const struct rtattr *attribute)
{
	return attribute->rta_len - sizeof(*attribute);
}

static const void *value(const struct rtattr *attribute)
{
	return (const uint8_t *)attribute + sizeof(*attribute);
}

/* A bridge's or bond's port is heard through its master; members of a VRF
 * stand for themselves. */
static bool is_port(const struct rtattr *master, const struct rtattr *info)
{
	const struct rtattr *kinds[IFLA_INFO_SLAVE_KIND + 1] = {0};
	const struct rtattr *kind;

	if (!master)
		return false;
	if (!info || read_attributes(value(info), payload(info), 0, kinds,
			     IFLA_INFO_SLAVE_KIND + 1))
		return true;
	kind = kinds[IFLA_INFO_SLAVE_KIND];
	return !kind || payload(kind) < 4 || memcmp(value(kind), "vrf", 4) != 0;
}

static struct ph_interface *place_for(
	struct ph_interfaces *interfaces, unsigned index)
{
	struct ph_interface *interface = find(interfaces, index);

	if (interface)
		return interface;
	interface = find(interfaces, 0);
	if (!interface) {
		interfaces->refused++;
		return NULL;
	}
	*interface = (struct ph_interface){.index = index};
	return interface;
}

static void drop(
	struct ph_interfaces *interfaces, struct ph_interface *interface)
{
	*interface = (struct ph_interface){0};
	interfaces->revision++;
}

static void read_link(struct ph_interface *out, const struct ifinfomsg *info,
	const struct rtattr **attributes)
{
	const struct rtattr *name = attributes[IFLA_IFNAME];
	const struct rtattr *mac = attributes[IFLA_ADDRESS];
	size_t length = name ? payload(name) : 0;

	out->up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	out->loopback = info->ifi_flags & IFF_LOOPBACK;
	out->multicast = info->ifi_flags & IFF_MULTICAST;
	out->port = is_port(attributes[IFLA_MASTER], attributes[IFLA_LINKINFO]);
	if (length > sizeof(out->name) - 1)
		length = sizeof(out->name) - 1;
	if (name) {
		memset(out->name, 0, sizeof(out->name));
		memcpy(out->name, value(name), length);
	}
	out->ethernet = info->ifi_type == ARPHRD_ETHER && mac &&
			payload(mac) == sizeof(out->mac);
	if (out->ethernet)
		memcpy(out->mac, value(mac), sizeof(out->mac));
}

static int hear_link(struct ph_interfaces *interfaces, bool gone,
	const struct ifinfomsg *info, size_t length)
{
	const struct rtattr *attributes[IFLA_LINKINFO + 1];
	struct ph_interface *interface;
	struct ph_interface before;

	if (length < sizeof(*info) || info->ifi_index <= 0 ||
		read_attributes(info, length, sizeof(*info), attributes,
			IFLA_LINKINFO + 1))
		return -EBADMSG;
	/* A bridge's own messages about its ports are no links that go. */
	if (info->ifi_family != AF_UNSPEC)
		return 0;
	interface = find(interfaces, (unsigned)info->ifi_index);
	if (gone) {
		if (interface)
			drop(interfaces, interface);
		return 0;
	}
	interface = place_for(interfaces, (unsigned)info->ifi_index);
	if (!interface)
		return 0;
	before = *interface;
	read_link(interface, info, attributes);
	interfaces->revision += memcmp(&before, interface, sizeof(before)) != 0;
	interface->seen = interfaces->dump;
	return 0;
}

static int read_address(struct ph_interface_address *out,
	const struct ifaddrmsg *info, const struct rtattr **attributes)
{
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	const struct rtattr *address = attributes[IFA_LOCAL]
					       ? attributes[IFA_LOCAL]
					       : attributes[IFA_ADDRESS];
	uint32_t flags = info->ifa_flags;

	*out = (struct ph_interface_address){
		.family = info->ifa_family, .prefix = info->ifa_prefixlen};
	if (attributes[IFA_FLAGS] && payload(attributes[IFA_FLAGS]) == 4)
		memcpy(&flags, value(attributes[IFA_FLAGS]), 4);
	out->usable = !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) ||
		      (flags & IFA_F_OPTIMISTIC);
	if (!address)
		return -EBADMSG;
	if (info->ifa_family == AF_INET && payload(address) == 4)
		memcpy(&out->v4, value(address), 4);
	else if (info->ifa_family == AF_INET6 && payload(address) == 16)
		memcpy(&out->v6, value(address), 16);
	else
		return -EBADMSG;
	return out->prefix <= payload(address) * 8 ? 0 : -EBADMSG;
}

static bool same_address(const struct ph_interface_address *a,
	const struct ph_interface_address *b)
{
	return a->family == b->family &&
	       !memcmp(&a->v6, &b->v6, a->family == AF_INET ? 4 : 16);
}

static void put_address(struct ph_interfaces *interfaces,
	struct ph_interface *interface,
	const struct ph_interface_address *address, bool gone)
{
	unsigned at = 0;

	while (at < interface->address_count &&
		!same_address(&interface->addresses[at], address))
		at++;
	if (gone && at < interface->address_count) {
		interface->address_count--;
		memmove(&interface->addresses[at],
			&interface->addresses[at + 1],
			(interface->address_count - at) * sizeof(*address));
		interfaces->revision++;
	} else if (!gone && at == PH_INTERFACE_ADDRESSES) {
		interfaces->refused++;
	} else if (!gone) {
		interfaces->revision +=
			at == interface->address_count ||
			interface->addresses[at].usable != address->usable ||
			interface->addresses[at].prefix != address->prefix;
		interface->addresses[at] = *address;
		interface->address_count += at == interface->address_count;
	}
}

static int hear_address(struct ph_interfaces *interfaces, bool gone,
	const struct ifaddrmsg *info, size_t length)
{
	const struct rtattr *attributes[IFA_FLAGS + 1];
	struct ph_interface_address address;
	struct ph_interface *interface;

	if (length < sizeof(*info) || !info->ifa_index ||
		read_attributes(
			info, length, sizeof(*info), attributes, IFA_FLAGS + 1))
		return -EBADMSG;
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return 0;
	if (read_address(&address, info, attributes))
		return -EBADMSG;
	address.seen = interfaces->dump;
	interface = find(interfaces, info->ifa_index);
	if (interface)
		put_address(interfaces, interface, &address, gone);
	return 0;
}

int ph_interfaces_hear(
	struct ph_interfaces *interfaces, const void *message, size_t length)
{
	const struct nlmsghdr *header = message;
	const void *body = (const uint8_t *)message + NLMSG_HDRLEN;
	size_t rest;

	if (length < NLMSG_HDRLEN || header->nlmsg_len < NLMSG_HDRLEN ||
		header->nlmsg_len > length)
		return -EBADMSG;
	rest = header->nlmsg_len - NLMSG_HDRLEN;
	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return hear_link(interfaces, header->nlmsg_type == RTM_DELLINK,
			body, rest);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return hear_address(interfaces,
			header->nlmsg_type == RTM_DELADDR, body, rest);
	default:
		return 0;
	}
}

void ph_interfaces_begin(struct ph_interfaces *interfaces)
{
	interfaces->dump++;
}

static void drop_unseen(
	struct ph_interfaces *interfaces, struct ph_interface *interface)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < interface->address_count; i++)
		if (interface->addresses[i].seen == interfaces->dump)
			interface->addresses[kept++] = interface->addresses[i];
	interface->address_count = kept;
}

void ph_interfaces_end(struct ph_interfaces *interfaces)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (interfaces->all[i].index &&
			interfaces->all[i].seen != interfaces->dump)
			drop(interfaces, &interfaces->all[i]);
		else
			drop_unseen(interfaces, &interfaces->all[i]);
	interfaces->revision++;
}
