#include "discovery/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What one turn may send before it goes out at once. */
#define OUT_MOST  32u
#define OUT_BYTES 8192u
/* Batches that one turn reads: others wait for the next. */
#define TURN_BATCHES 8

struct door {
	struct ph_watch watch;
	struct ph_datagrams *datagrams;
	int family;
	bool loopback;
};

struct waiting {
	struct ph_udp_end to;
	unsigned door;
	bool fresh;
	unsigned offset;
	unsigned length;
};

struct ph_datagrams {
	struct ph_loop *loop;
	struct ph_udp_inbox *inbox;
	struct ph_datagram_events events;
	struct door doors[PH_DATAGRAM_DOORS];
	unsigned door_count;
	struct ph_task flush;
	struct waiting out[OUT_MOST];
	unsigned out_count;
	unsigned out_bytes;
	struct ph_datagram_stats stats;
	uint8_t bytes[OUT_BYTES];
};

static void read_errors(struct door *door)
{
	struct ph_datagrams *datagrams = door->datagrams;
	struct ph_udp_end end;
	int refused;

	for (unsigned i = 0; i < PH_UDP_BATCH; i++) {
		refused = ph_udp_refused(door->watch.fd, &end);
		if (refused < 0)
			return;
		if (refused)
			datagrams->events.on_refused(
				datagrams->events.context, &end);
	}
}

static void on_event(struct ph_watch *watch, uint32_t events)
{
	struct door *door =
		(struct door *)((char *)watch - offsetof(struct door, watch));
	struct ph_datagrams *datagrams = door->datagrams;
	struct ph_udp_datagram list[PH_UDP_BATCH];
	bool more = true;

	if (events & EPOLLERR)
		read_errors(door);
	for (unsigned batch = 0; more && batch < TURN_BATCHES; batch++) {
		unsigned count = ph_udp_receive(
			datagrams->inbox, watch->fd, list, &more);

		datagrams->stats.received += count;
		for (unsigned i = 0; i < count; i++)
			datagrams->events.on_datagram(
				datagrams->events.context, &list[i]);
	}
}

/* All that waits for one door, by one call where the system takes it. */
static void flush_door(
	struct ph_datagrams *datagrams, unsigned door, bool fresh)
{
	struct mmsghdr messages[OUT_MOST] = {0};
	struct iovec parts[OUT_MOST];
	struct sockaddr_storage names[OUT_MOST];
	int fd = datagrams->doors[door].watch.fd;
	int flags = MSG_DONTWAIT | (fresh ? MSG_CONFIRM : 0);
	unsigned count = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < datagrams->out_count; i++) {
		struct waiting *waiting = &datagrams->out[i];

		if (waiting->door != door || waiting->fresh != fresh)
			continue;
		parts[count] = (struct iovec){
			datagrams->bytes + waiting->offset, waiting->length};
		messages[count].msg_hdr.msg_name = &names[count];
		messages[count].msg_hdr.msg_namelen = ph_udp_write(&waiting->to,
			datagrams->doors[door].family, &names[count]);
		messages[count].msg_hdr.msg_iov = &parts[count];
		messages[count].msg_hdr.msg_iovlen = 1;
		count++;
	}
	/* An error belongs to one datagram (or is an ICMP of an earlier one,
	 * told once): the others are tried. */
	while (at < count) {
		int sent = sendmmsg(fd, messages + at, count - at, flags);

		if (sent > 0) {
			at += (unsigned)sent;
			datagrams->stats.sent += (unsigned)sent;
			continue;
		}
		if (errno == ECONNREFUSED &&
			sendmmsg(fd, messages + at, 1, flags) == 1)
			datagrams->stats.sent++;
		else
			datagrams->stats.lost++;
		at++;
	}
}

void ph_datagrams_flush(struct ph_datagrams *datagrams)
{
	ph_loop_cancel(datagrams->loop, &datagrams->flush);
	for (unsigned i = 0; i < datagrams->door_count; i++) {
		flush_door(datagrams, i, false);
		flush_door(datagrams, i, true);
	}
	datagrams->out_count = 0;
	datagrams->out_bytes = 0;
}

static void flush_due(struct ph_task *task)
{
	ph_datagrams_flush(
		(struct ph_datagrams *)((char *)task -
					offsetof(struct ph_datagrams, flush)));
}

/* A loopback door leads to loopback only, and no other leads there unless it
 * is bound to every interface. */
static int door_to(
	const struct ph_datagrams *datagrams, const struct ph_udp_end *to)
{
	for (unsigned i = 0; i < datagrams->door_count; i++) {
		const struct door *door = &datagrams->doors[i];

		if (door->loopback && !ph_udp_is_loopback(to))
			continue;
		if (door->family == AF_INET6 || ph_udp_is_v4(to))
			return (int)i;
	}
	return -ENETUNREACH;
}

int ph_datagrams_send(struct ph_datagrams *datagrams,
	const struct ph_udp_end *to, bool fresh, const uint8_t *data,
	size_t length)
{
	struct waiting *waiting;
	int door = door_to(datagrams, to);

	if (length > PH_DATAGRAM_MOST)
		return -EMSGSIZE;
	if (door < 0)
		return door;
	if (datagrams->out_count == OUT_MOST ||
		datagrams->out_bytes + length > OUT_BYTES)
		ph_datagrams_flush(datagrams);
	waiting = &datagrams->out[datagrams->out_count++];
	*waiting = (struct waiting){*to, (unsigned)door, fresh,
		datagrams->out_bytes, (unsigned)length};
	memcpy(datagrams->bytes + datagrams->out_bytes, data, length);
	datagrams->out_bytes += (unsigned)length;
	datagrams->stats.sent_bytes += length;
	ph_loop_defer(datagrams->loop, &datagrams->flush);
	return 0;
}

int ph_datagrams_create(struct ph_datagrams **out, struct ph_loop *loop,
	struct ph_udp_inbox *inbox, const struct ph_datagram_events *events)
{
	struct ph_datagrams *datagrams = calloc(1, sizeof(*datagrams));

	if (!datagrams)
		return -ENOMEM;
	datagrams->loop = loop;
	datagrams->inbox = inbox;
	datagrams->events = *events;
	datagrams->flush.run = flush_due;
	*out = datagrams;
	return 0;
}

/* A bound socket of the family, or negative errno. */
static int open_door(const struct ph_udp_end *at, int family, bool dual)
{
	struct sockaddr_storage name;
	socklen_t length = ph_udp_write(at, family, &name);
	int fd = ph_udp_socket(family, dual);
	int error;

	if (fd < 0 || (length && !bind(fd, (struct sockaddr *)&name, length)))
		return fd;
	error = length ? -errno : -EINVAL;
	close(fd);
	return error;
}

/* "" is both families at once, or IPv4 where the other is switched off. */
static int open_every(uint16_t port, int *family)
{
	struct ph_udp_end any = {.port = port};
	struct ph_udp_end any4 = {
		.ip = {[10] = 0xff, [11] = 0xff}, .port = port};
	int fd = open_door(&any, AF_INET6, true);

	*family = AF_INET6;
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	*family = AF_INET;
	return open_door(&any4, AF_INET, false);
}

bool ph_datagrams_are_bound(const struct ph_datagrams *datagrams)
{
	return datagrams->door_count > 0;
}

int ph_datagrams_bind(
	struct ph_datagrams *datagrams, const struct ph_address *address)
{
	struct door *door = &datagrams->doors[datagrams->door_count];
	struct ph_udp_end at;
	int error;
	int fd;

	if (datagrams->door_count == PH_DATAGRAM_DOORS)
		return -ENOSPC;
	if (!address->host[0] || !strcmp(address->host, "::")) {
		fd = open_every(address->port, &door->family);
	} else if (ph_udp_parse(&at, address)) {
		return -EINVAL;
	} else {
		door->family = ph_udp_is_v4(&at) ? AF_INET : AF_INET6;
		door->loopback = ph_udp_is_loopback(&at);
		fd = open_door(&at, door->family, false);
	}
	if (fd < 0)
		return fd;
	door->datagrams = datagrams;
	door->watch.on_event = on_event;
	error = ph_watch_start(datagrams->loop, &door->watch, fd, EPOLLIN);
	if (error)
		close(fd);
	else
		datagrams->door_count++;
	return error;
}

void ph_datagrams_destroy(struct ph_datagrams *datagrams)
{
	if (!datagrams)
		return;
	ph_datagrams_flush(datagrams);
	for (unsigned i = 0; i < datagrams->door_count; i++) {
		int fd = datagrams->doors[i].watch.fd;

		ph_watch_stop(&datagrams->doors[i].watch);
		close(fd);
	}
	free(datagrams);
}

struct ph_datagram_stats ph_datagrams_stats(
	const struct ph_datagrams *datagrams)
{
	return datagrams->stats;
}
