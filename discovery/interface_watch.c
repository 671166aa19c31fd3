#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/interfaces.h"
#include "kernel/log.h"

/*
 * The watcher: asks for all links, then for all addresses, and hears every
 * change. When the kernel dropped messages (ENOBUFS) it asks for everything
 * again. The table is told about only when it is whole.
 */

/* Messages of one turn at most: a machine that makes a thousand interfaces
 * must not hold up the loop. */
#define BATCH 16

enum asking {
	ASKING_LINKS,
	ASKING_ADDRESSES,
	ASKING_NOTHING,
};

struct ph_interface_watch {
	struct ph_loop *loop;
	struct ph_watch watch;
	struct ph_interfaces table;
	enum asking asking;
	uint32_t sequence;
	uint64_t told; /* revision */
	void (*on_change)(void *context);
	void *context;
	uint8_t buffer[16384] __attribute__((aligned(8)));
};

static int ask(struct ph_interface_watch *watch, uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++watch->sequence},
		.body = {.rtgen_family = AF_UNSPEC}};

	return send(watch->watch.fd, &request, request.header.nlmsg_len, 0) < 0
		       ? -errno
		       : 0;
}

static void ask_all(struct ph_interface_watch *watch)
{
	watch->asking = ASKING_LINKS;
	ph_interfaces_begin(&watch->table);
	if (ask(watch, RTM_GETLINK))
		ph_log_warn("discovery", "interfaces.unasked because=\"%s\"",
			strerror(errno));
}

/* One dump ended: the next one, or the table is whole. */
static void answered(struct ph_interface_watch *watch)
{
	if (watch->asking == ASKING_LINKS) {
		watch->asking = ASKING_ADDRESSES;
		ask(watch, RTM_GETADDR);
	} else if (watch->asking == ASKING_ADDRESSES) {
		watch->asking = ASKING_NOTHING;
		ph_interfaces_end(&watch->table);
	}
}

static void hear(struct ph_interface_watch *watch, size_t length)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)watch->buffer;
	bool again = false;

	for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
		bool answer = header->nlmsg_pid &&
			      header->nlmsg_seq == watch->sequence;

		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			again = true;
		if (header->nlmsg_type == NLMSG_DONE && answer)
			answered(watch);
		else
			ph_interfaces_hear(
				&watch->table, header, header->nlmsg_len);
	}
	if (again)
		ask_all(watch);
}

static void on_readable(struct ph_watch *inner, uint32_t events)
{
	struct ph_interface_watch *watch =
		(struct ph_interface_watch *)((char *)inner -
					      offsetof(
						      struct ph_interface_watch,
						      watch));

	for (unsigned i = 0; i < BATCH; i++) {
		struct sockaddr_nl from = {0};
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(inner->fd, watch->buffer,
			sizeof(watch->buffer), MSG_DONTWAIT,
			(struct sockaddr *)&from, &size);

		if (got < 0 && errno == ENOBUFS)
			ask_all(watch);
		else if (got < 0)
			break;
		else if (from.nl_pid == 0) /* the kernel itself */
			hear(watch, (size_t)got);
	}
	if (watch->asking == ASKING_NOTHING &&
		watch->told != watch->table.revision) {
		watch->told = watch->table.revision;
		watch->on_change(watch->context);
	}
}

static int open_socket(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
		.nl_groups =
			RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int ph_interface_watch_open(struct ph_interface_watch **out,
	struct ph_loop *loop, void (*on_change)(void *context), void *context)
{
	struct ph_interface_watch *watch = calloc(1, sizeof(*watch));
	int fd;
	int error;

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->on_change = on_change;
	watch->context = context;
	watch->watch.on_event = on_readable;
	ph_interfaces_init(&watch->table);
	fd = open_socket();
	error = fd < 0 ? fd : ph_watch_start(loop, &watch->watch, fd, EPOLLIN);
	if (error) {
		if (fd >= 0)
			close(fd);
		free(watch);
		return error;
	}
	ask_all(watch);
	*out = watch;
	return 0;
}

void ph_interface_watch_close(struct ph_interface_watch *watch)
{
	int fd;

	if (!watch)
		return;
	fd = watch->watch.fd;
	ph_watch_stop(&watch->watch);
	close(fd);
	free(watch);
}

const struct ph_interfaces *ph_interface_watch_table(
	const struct ph_interface_watch *watch)
{
	return &watch->table;
}
