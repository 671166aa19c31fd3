#include "discovery/multicast.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/log.h"

#define GROUP_V4 "239.255.76.78"
#define GROUP_V6 "ff02::7678"
/* Batches that one turn reads of one socket: others wait for the next. */
#define TURN_BATCHES 4

enum family {
	V4,
	V6,
	FAMILIES,
};

static const int family_of[FAMILIES] = {AF_INET, AF_INET6};

struct group {
	struct ph_watch watch; /* watch.loop: open */
	struct ph_multicast *multicast;
};

struct segment {
	unsigned index; /* 0: free */
	char name[16];
	struct group groups[FAMILIES];
	bool complained;
};

struct ph_multicast {
	struct ph_loop *loop;
	struct ph_udp_inbox *inbox;
	struct ph_multicast_events events;
	struct segment segments[PH_INTERFACES];
};

bool ph_names_have(const char *names, const char *name)
{
	size_t length = strlen(name);

	if (!names)
		return true;
	while (*names) {
		size_t word = strcspn(names, ",");

		if (word == length && !strncmp(names, name, length))
			return true;
		names += word + (names[word] == ',');
	}
	return false;
}

static void on_readable(struct ph_watch *watch, uint32_t events)
{
	struct group *group =
		(struct group *)((char *)watch - offsetof(struct group, watch));
	struct ph_multicast *multicast = group->multicast;
	struct ph_udp_datagram list[PH_UDP_BATCH];
	struct ph_udp_end end;
	bool more = true;

	while (events & EPOLLERR && ph_udp_refused(watch->fd, &end) >= 0)
		;
	for (unsigned batch = 0; more && batch < TURN_BATCHES; batch++) {
		unsigned count = ph_udp_receive(
			multicast->inbox, watch->fd, list, &more);

		for (unsigned i = 0; i < count; i++)
			multicast->events.on_datagram(
				multicast->events.context, &list[i]);
	}
}

static void group_name(
	struct sockaddr_storage *out, enum family family, unsigned index)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = (sa_family_t)family_of[family];
	if (family == V4) {
		v4->sin_port = htons(PH_MULTICAST_PORT);
		inet_pton(AF_INET, GROUP_V4, &v4->sin_addr);
	} else {
		v6->sin6_port = htons(PH_MULTICAST_PORT);
		v6->sin6_scope_id = index;
		inet_pton(AF_INET6, GROUP_V6, &v6->sin6_addr);
	}
}

static int join_v4(int fd, unsigned index)
{
	struct ip_mreqn request = {.imr_ifindex = (int)index};
	int ttl = 1;

	inet_pton(AF_INET, GROUP_V4, &request.imr_multiaddr);
	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
		    sizeof(request)) ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request,
			sizeof(request)) ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)))
		return -errno;
	return 0;
}

static int join_v6(int fd, unsigned index)
{
	struct ipv6_mreq request = {.ipv6mr_interface = index};
	int hops = 1;

	inet_pton(AF_INET6, GROUP_V6, &request.ipv6mr_multiaddr);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request,
		    sizeof(request)) ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index,
			sizeof(index)) ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops,
			sizeof(hops)))
		return -errno;
	return 0;
}

static int open_group(enum family family, unsigned index)
{
	struct sockaddr_storage name;
	socklen_t size = family == V4 ? sizeof(struct sockaddr_in)
				      : sizeof(struct sockaddr_in6);
	int fd = ph_udp_socket(family_of[family], false);
	int error;

	if (fd < 0)
		return fd;
	group_name(&name, family, index);
	error = bind(fd, (struct sockaddr *)&name, size) ? -errno : 0;
	if (!error)
		error = family == V4 ? join_v4(fd, index) : join_v6(fd, index);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static void close_group(struct group *group)
{
	int fd = group->watch.fd;

	if (!group->watch.loop)
		return;
	ph_watch_stop(&group->watch);
	close(fd);
}

static void close_segment(struct segment *segment)
{
	for (unsigned family = 0; family < FAMILIES; family++)
		close_group(&segment->groups[family]);
	ph_log_info("discovery", "segment.gone interface=%s", segment->name);
	*segment = (struct segment){0};
}

/* True when the group was joined just now. */
static bool follow_group(struct ph_multicast *multicast,
	struct segment *segment, enum family family, bool wanted)
{
	struct group *group = &segment->groups[family];
	int fd;

	if (!wanted)
		close_group(group);
	if (!wanted || group->watch.loop)
		return false;
	fd = open_group(family, segment->index);
	if (fd < 0) {
		if (!segment->complained)
			ph_log_warn("discovery",
				"segment.deaf interface=%s family=%s "
				"because=\"%s\"",
				segment->name, family == V4 ? "ipv4" : "ipv6",
				strerror(-fd));
		segment->complained = true;
		return false;
	}
	group->multicast = multicast;
	group->watch.on_event = on_readable;
	if (ph_watch_start(multicast->loop, &group->watch, fd, EPOLLIN)) {
		close(fd);
		return false;
	}
	return true;
}

static struct segment *find_segment(
	struct ph_multicast *multicast, unsigned index)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (multicast->segments[i].index == index)
			return &multicast->segments[i];
	return NULL;
}

/* 1 when something new can be heard there. */
static unsigned follow_interface(
	struct ph_multicast *multicast, const struct ph_interface *interface)
{
	struct segment *segment = find_segment(multicast, interface->index);
	bool fresh;

	if (!segment) {
		segment = find_segment(multicast, 0);
		if (!segment)
			return 0;
		segment->index = interface->index;
		memcpy(segment->name, interface->name, sizeof(segment->name));
		ph_log_info(
			"discovery", "segment.new interface=%s", segment->name);
	}
	fresh = follow_group(multicast, segment, V4,
		ph_interface_source(interface, AF_INET, false));
	fresh |= follow_group(multicast, segment, V6,
		ph_interface_source(interface, AF_INET6, true));
	return fresh;
}

unsigned ph_multicast_follow(struct ph_multicast *multicast,
	const struct ph_interfaces *interfaces, const char *names,
	unsigned *fresh)
{
	unsigned count = 0;

	*fresh = 0;
	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		struct segment *segment = &multicast->segments[i];
		const struct ph_interface *interface =
			ph_interfaces_find(interfaces, segment->index);

		if (segment->index &&
			(!interface || !ph_interface_is_segment(interface)))
			close_segment(segment);
	}
	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		const struct ph_interface *interface = &interfaces->all[i];

		if (!ph_interface_is_segment(interface) ||
			!interface->address_count ||
			!ph_names_have(names, interface->name))
			continue;
		*fresh += follow_interface(multicast, interface);
		count++;
	}
	return count;
}

static bool send_group(struct group *group, enum family family, unsigned index,
	const uint8_t *data, size_t length)
{
	struct sockaddr_storage name;
	socklen_t size = family == V4 ? sizeof(struct sockaddr_in)
				      : sizeof(struct sockaddr_in6);

	if (!group->watch.loop)
		return false;
	group_name(&name, family, index);
	/* An earlier one's ICMP error may stand in the way of this one. */
	for (unsigned try = 0; try < 2; try++)
		if (sendto(group->watch.fd, data, length, MSG_DONTWAIT,
			    (struct sockaddr *)&name, size) >= 0)
			return true;
	return false;
}

/* Whether a repetition by the other family stands for this one. */
static bool is_spared(const struct segment *segment, enum family family,
	enum ph_multicast_how how)
{
	enum family other = family == V4 ? V6 : V4;

	return how == (family == V4 ? PH_MULTICAST_V6 : PH_MULTICAST_V4) &&
	       segment->groups[other].watch.loop;
}

unsigned ph_multicast_send(struct ph_multicast *multicast,
	enum ph_multicast_how how, const uint8_t *data, size_t length)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		struct segment *segment = &multicast->segments[i];

		if (!segment->index)
			continue;
		for (unsigned family = 0; family < FAMILIES; family++) {
			if (is_spared(segment, (enum family)family, how))
				continue;
			sent += send_group(&segment->groups[family],
				(enum family)family, segment->index, data,
				length);
		}
	}
	return sent;
}

int ph_multicast_create(struct ph_multicast **out, struct ph_loop *loop,
	struct ph_udp_inbox *inbox, const struct ph_multicast_events *events)
{
	struct ph_multicast *multicast = calloc(1, sizeof(*multicast));

	if (!multicast)
		return -ENOMEM;
	multicast->loop = loop;
	multicast->inbox = inbox;
	multicast->events = *events;
	*out = multicast;
	return 0;
}

void ph_multicast_destroy(struct ph_multicast *multicast)
{
	if (!multicast)
		return;
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (multicast->segments[i].index)
			close_segment(&multicast->segments[i]);
	free(multicast);
}

void ph_multicast_report(
	const struct ph_multicast *multicast, struct ph_writer *writer)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (multicast->segments[i].index)
			ph_write_text(writer, multicast->segments[i].name);
}
