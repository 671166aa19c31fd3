#include "discovery/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT 1536u /* a datagram longer than ours fits, and is seen as such */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool ph_udp_same(const struct ph_udp_end *a, const struct ph_udp_end *b)
{
	return a->port == b->port && a->zone == b->zone &&
	       !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool ph_udp_is_v4(const struct ph_udp_end *end)
{
	return !memcmp(end->ip, mapped, sizeof(mapped));
}

bool ph_udp_is_link_local(const struct ph_udp_end *end)
{
	return end->ip[0] == 0xfe && (end->ip[1] & 0xc0) == 0x80;
}

bool ph_udp_is_loopback(const struct ph_udp_end *end)
{
	return ph_udp_is_v4(end) ? end->ip[12] == 127
				 : !memcmp(end->ip, &in6addr_loopback, 16);
}

static int parse_zone(struct ph_udp_end *end, const char *zone)
{
	char *rest;

	end->zone = if_nametoindex(zone);
	if (!end->zone) {
		end->zone = (uint32_t)strtoul(zone, &rest, 10);
		if (*rest)
			end->zone = 0;
	}
	return end->zone ? 0 : -EINVAL;
}

int ph_udp_parse(struct ph_udp_end *out, const struct ph_address *address)
{
	struct ph_udp_end end = {.port = address->port};
	char host[sizeof(address->host)];
	char *zone;

	if (address->scheme != PH_ADDRESS_TCP)
		return -EINVAL;
	memcpy(host, address->host, sizeof(host));
	zone = strchr(host, '%');
	if (zone)
		*zone++ = 0;
	if (inet_pton(AF_INET, host, end.ip + 12) == 1)
		memcpy(end.ip, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, host, end.ip) != 1)
		return -EINVAL;
	/* Without its link such an address leads nowhere. */
	if (ph_udp_is_link_local(&end) && (!zone || parse_zone(&end, zone)))
		return -EINVAL;
	*out = end;
	return 0;
}

char *ph_udp_text(const struct ph_udp_end *end, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	char zone[IF_NAMESIZE + 1] = "";

	if (ph_udp_is_v4(end)) {
		inet_ntop(AF_INET, end->ip + 12, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, end->port);
		return out;
	}
	inet_ntop(AF_INET6, end->ip, host, sizeof(host));
	if (end->zone) {
		zone[0] = '%';
		if (!if_indextoname(end->zone, zone + 1))
			snprintf(zone + 1, sizeof(zone) - 1, "%u", end->zone);
	}
	snprintf(out, size, "[%s%s]:%u", host, zone, end->port);
	return out;
}

void ph_udp_read(struct ph_udp_end *out, const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	*out = (struct ph_udp_end){0};
	if (address->sa_family == AF_INET) {
		memcpy(out->ip, mapped, sizeof(mapped));
		memcpy(out->ip + 12, &v4->sin_addr, 4);
		out->port = ntohs(v4->sin_port);
	} else if (address->sa_family == AF_INET6) {
		memcpy(out->ip, &v6->sin6_addr, 16);
		out->port = ntohs(v6->sin6_port);
		if (ph_udp_is_link_local(out))
			out->zone = v6->sin6_scope_id;
	}
}

socklen_t ph_udp_write(
	const struct ph_udp_end *end, int family, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		memcpy(&v6->sin6_addr, end->ip, 16);
		v6->sin6_port = htons(end->port);
		v6->sin6_scope_id = end->zone;
		return sizeof(*v6);
	}
	if (!ph_udp_is_v4(end))
		return 0;
	memcpy(&v4->sin_addr, end->ip + 12, 4);
	v4->sin_port = htons(end->port);
	return sizeof(*v4);
}

static void set(int fd, int level, int name, int value)
{
	/* What this kernel lacks costs a hint, not the datagrams. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

int ph_udp_socket(int family, bool dual)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* The groups' sockets of all nodes of a machine share one port, which
	 * may be that of a listener. */
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, IPPROTO_IP, IP_RECVERR, 1);
	set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (family == AF_INET6) {
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
		set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	}
	return fd;
}

struct ph_udp_inbox {
	struct mmsghdr messages[PH_UDP_BATCH];
	struct iovec parts[PH_UDP_BATCH];
	struct sockaddr_storage names[PH_UDP_BATCH];
	uint8_t control[PH_UDP_BATCH][128] __attribute__((aligned(8)));
	uint8_t data[PH_UDP_BATCH][SLOT];
};

int ph_udp_inbox_create(struct ph_udp_inbox **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void ph_udp_inbox_free(struct ph_udp_inbox *inbox)
{
	free(inbox);
}

static void prepare(struct ph_udp_inbox *inbox)
{
	for (unsigned i = 0; i < PH_UDP_BATCH; i++) {
		inbox->parts[i] = (struct iovec){inbox->data[i], SLOT};
		inbox->messages[i].msg_hdr =
			(struct msghdr){.msg_name = &inbox->names[i],
				.msg_namelen = sizeof(inbox->names[i]),
				.msg_iov = &inbox->parts[i],
				.msg_iovlen = 1,
				.msg_control = inbox->control[i],
				.msg_controllen = sizeof(inbox->control[i])};
	}
}

/* The interface that the datagram came in by. */
static unsigned interface_of(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
		c = CMSG_NXTHDR(header, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			return (unsigned)v4.ipi_ifindex;
		}
		if (c->cmsg_level == IPPROTO_IPV6 &&
			c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			return v6.ipi6_ifindex;
		}
	}
	return 0;
}

unsigned ph_udp_receive(struct ph_udp_inbox *inbox, int fd,
	struct ph_udp_datagram out[PH_UDP_BATCH], bool *more)
{
	unsigned count = 0;
	int got;

	prepare(inbox);
	got = recvmmsg(fd, inbox->messages, PH_UDP_BATCH, MSG_DONTWAIT, NULL);
	*more = got == (int)PH_UDP_BATCH;
	for (int i = 0; i < got; i++) {
		struct msghdr *header = &inbox->messages[i].msg_hdr;

		if (inbox->messages[i].msg_len > PH_DATAGRAM_MOST)
			continue;
		ph_udp_read(&out[count].from, header->msg_name);
		out[count].interface = interface_of(header);
		out[count].data = inbox->data[i];
		out[count].length = inbox->messages[i].msg_len;
		count++;
	}
	return count;
}

static bool is_refusal(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
		c = CMSG_NXTHDR(header, c)) {
		struct sock_extended_err error;
		bool ours = (c->cmsg_level == IPPROTO_IP &&
				    c->cmsg_type == IP_RECVERR) ||
			    (c->cmsg_level == IPPROTO_IPV6 &&
				    c->cmsg_type == IPV6_RECVERR);

		if (!ours)
			continue;
		memcpy(&error, CMSG_DATA(c), sizeof(error));
		return error.ee_errno == ECONNREFUSED &&
		       (error.ee_origin == SO_EE_ORIGIN_ICMP ||
			       error.ee_origin == SO_EE_ORIGIN_ICMP6);
	}
	return false;
}

int ph_udp_refused(int fd, struct ph_udp_end *out)
{
	uint8_t control[256] __attribute__((aligned(8)));
	struct sockaddr_storage name = {0};
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr header = {.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};

	if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -EAGAIN;
	ph_udp_read(out, (const struct sockaddr *)&name);
	return is_refusal(&header);
}
