#include "discovery/ethernet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "discovery/multicast.h"

#define FRAME_MOST 1518u
/* Frames that one turn reads: others wait for the next. */
#define TURN_FRAMES 64

static const uint8_t groups[2][6] = {
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}, /* nearest bridge */
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}, /* nearest customer bridge */
};

struct ph_ethernet {
	enum ph_l2 mode;
	int fd;
	struct ph_watch watch;
	void (*on_frame)(void *context, unsigned interface,
		const uint8_t source[6], const uint8_t *lldpdu, size_t length);
	void *context;
	unsigned joined[PH_INTERFACES]; /* by index, 0: free */
};

/* Of this thread; programs that it starts get what their files and the
 * bounding set give them, as before. */
static void drop_net_raw(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_RAW, 0, 0);
	if (syscall(SYS_capget, &header, data))
		return;
	data[0].effective &= ~(1u << CAP_NET_RAW);
	data[0].permitted &= ~(1u << CAP_NET_RAW);
	data[0].inheritable &= ~(1u << CAP_NET_RAW);
	(void)syscall(SYS_capset, &header, data);
}

int ph_ethernet_open(struct ph_ethernet **out, enum ph_l2 mode)
{
	struct ph_ethernet *ethernet;
	int one = 1;
	int fd;

	*out = NULL;
	if (mode == PH_L2_OFF)
		return 0;
	/* Without a protocol: it hears nothing before it is bound. */
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	drop_net_raw();
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	ethernet = calloc(1, sizeof(*ethernet));
	if (!ethernet) {
		close(fd);
		return -ENOMEM;
	}
	ethernet->mode = mode;
	ethernet->fd = fd;
	*out = ethernet;
	return 0;
}

void ph_ethernet_close(struct ph_ethernet *ethernet)
{
	if (!ethernet)
		return;
	ph_watch_stop(&ethernet->watch);
	close(ethernet->fd);
	free(ethernet);
}

enum ph_l2 ph_ethernet_mode(const struct ph_ethernet *ethernet)
{
	return ethernet ? ethernet->mode : PH_L2_OFF;
}

static bool is_joined(const struct ph_ethernet *ethernet, unsigned interface)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (interface && ethernet->joined[i] == interface)
			return true;
	return false;
}

static void on_readable(struct ph_watch *watch, uint32_t events)
{
	struct ph_ethernet *ethernet =
		(struct ph_ethernet *)((char *)watch -
				       offsetof(struct ph_ethernet, watch));
	uint8_t frame[FRAME_MOST];

	for (unsigned i = 0; i < TURN_FRAMES; i++) {
		struct sockaddr_ll from = {0};
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(watch->fd, frame, sizeof(frame),
			MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		/* ENETDOWN of an interface that went is told once. */
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 || from.sll_pkttype == PACKET_OUTGOING ||
			!is_joined(ethernet, (unsigned)from.sll_ifindex))
			continue;
		ethernet->on_frame(ethernet->context,
			(unsigned)from.sll_ifindex, from.sll_addr, frame,
			(size_t)got);
	}
}

int ph_ethernet_start(struct ph_ethernet *ethernet, struct ph_loop *loop,
	void (*on_frame)(void *context, unsigned interface,
		const uint8_t source[6], const uint8_t *lldpdu, size_t length),
	void *context)
{
	struct sockaddr_ll name = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_LLDP)};

	ethernet->on_frame = on_frame;
	ethernet->context = context;
	ethernet->watch.on_event = on_readable;
	if (bind(ethernet->fd, (struct sockaddr *)&name, sizeof(name)))
		return -errno;
	return ph_watch_start(loop, &ethernet->watch, ethernet->fd, EPOLLIN);
}

static bool join(struct ph_ethernet *ethernet, unsigned interface)
{
	bool all = true;

	for (unsigned i = 0; i < 2; i++) {
		struct packet_mreq request = {.mr_ifindex = (int)interface,
			.mr_type = PACKET_MR_MULTICAST,
			.mr_alen = 6};

		memcpy(request.mr_address, groups[i], 6);
		all &= !setsockopt(ethernet->fd, SOL_PACKET,
			PACKET_ADD_MEMBERSHIP, &request, sizeof(request));
	}
	return all;
}

/* A real Ethernet interface speaks for itself even as a bridge's port: LLDP
 * ends at the first bridge. */
static bool is_wanted(const struct ph_interface *interface, const char *names)
{
	return interface && interface->index && interface->up &&
	       interface->ethernet && !interface->loopback &&
	       ph_names_have(names, interface->name);
}

unsigned ph_ethernet_follow(struct ph_ethernet *ethernet,
	const struct ph_interfaces *interfaces, const char *names)
{
	unsigned fresh = 0;

	for (unsigned i = 0; i < PH_INTERFACES; i++)
		if (!is_wanted(
			    ph_interfaces_find(interfaces, ethernet->joined[i]),
			    names))
			ethernet->joined[i] = 0;
	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		const struct ph_interface *interface = &interfaces->all[i];
		unsigned place = 0;

		if (!is_wanted(interface, names) ||
			is_joined(ethernet, interface->index))
			continue;
		while (place < PH_INTERFACES && ethernet->joined[place])
			place++;
		if (place < PH_INTERFACES && join(ethernet, interface->index)) {
			ethernet->joined[place] = interface->index;
			fresh++;
		}
	}
	return fresh;
}

unsigned ph_ethernet_send(
	struct ph_ethernet *ethernet, const uint8_t *lldpdu, size_t length)
{
	unsigned sent = 0;

	if (ethernet->mode != PH_L2_EMIT)
		return 0;
	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		for (unsigned g = 0; g < 2 && ethernet->joined[i]; g++) {
			struct sockaddr_ll to = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_LLDP),
				.sll_ifindex = (int)ethernet->joined[i],
				.sll_halen = 6};

			memcpy(to.sll_addr, groups[g], 6);
			sent += sendto(ethernet->fd, lldpdu, length,
					MSG_DONTWAIT, (struct sockaddr *)&to,
					sizeof(to)) >= 0;
		}
	}
	return sent;
}
