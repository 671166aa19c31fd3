#include "library/guest.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/frame.h"

/* One read of an output's or the orders' socket: notes only. */
#define GUEST_NOTES 4096

int64_t guest_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t guest_until(int timeout)
{
	return timeout < 0 ? -1 : guest_now() + timeout;
}

struct guest_port *guest_get(struct ph_guest *guest, size_t port, bool output)
{
	if (!guest || port >= guest->count ||
		guest_is_output(&guest->ports[port]) != output)
		return NULL;
	return &guest->ports[port];
}

uint8_t *guest_room(struct guest_bytes *bytes, size_t length)
{
	size_t used = bytes->end - bytes->begin;
	size_t size = bytes->size ? bytes->size : GUEST_NOTES;
	uint8_t *grown;

	if (bytes->size - bytes->end >= length)
		return bytes->data + bytes->end;
	if (bytes->begin)
		memmove(bytes->data, bytes->data + bytes->begin, used);
	bytes->begin = 0;
	bytes->end = used;
	while (size - used < length)
		size *= 2;
	if (size == bytes->size)
		return bytes->data + bytes->end;
	grown = realloc(bytes->data, size);
	if (!grown)
		return NULL;
	bytes->data = grown;
	bytes->size = size;
	return bytes->data + bytes->end;
}

int guest_put(struct guest_port *port, uint8_t flags, const void *data,
	uint32_t length)
{
	uint8_t *place = guest_room(&port->out, PH_FRAME_HEADER + length);

	if (!place)
		return -ENOMEM;
	ph_frame_header(place, length, flags);
	if (length)
		memcpy(place + PH_FRAME_HEADER, data, length);
	port->out.end += PH_FRAME_HEADER + length;
	return 0;
}

int guest_say(
	struct guest_port *port, enum ph_relay_op op, uint64_t id, int reason)
{
	struct ph_relay relay = {.op = op, .id = id, .reason = reason};
	uint8_t bytes[PH_RELAY_HEADER];

	ph_relay_write(&relay, bytes);
	return guest_put(
		port, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes, sizeof(bytes));
}

void guest_push(struct ph_guest *guest, struct guest_port *port)
{
	struct guest_bytes *out = &port->out;
	ssize_t sent = 0;

	while (out->begin < out->end && sent >= 0) {
		sent = send(port->fd, out->data + out->begin,
			out->end - out->begin, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			out->begin += (size_t)sent;
		else if (errno == EINTR)
			sent = 0;
		else if (errno != EAGAIN)
			guest->over = true;
	}
	if (out->begin == out->end)
		out->begin = out->end = 0;
}

bool guest_pull(
	struct ph_guest *guest, struct guest_bytes *bytes, int fd, size_t room)
{
	uint8_t *place = guest_room(bytes, room);
	ssize_t got;

	if (!place) {
		guest->over = true;
		return false;
	}
	got = recv(fd, place, bytes->size - bytes->end, MSG_DONTWAIT);
	if (got > 0)
		bytes->end += (size_t)got;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		guest->over = true;
	return got > 0;
}

const uint8_t *guest_frame(struct ph_guest *guest, struct guest_bytes *bytes)
{
	const uint8_t *record = bytes->data + bytes->begin;
	size_t there = bytes->end - bytes->begin;

	if (there < PH_FRAME_HEADER)
		return NULL;
	if (ph_frame_length(record) > PH_FRAME_MAX) {
		guest->over = true;
		return NULL;
	}
	return there - PH_FRAME_HEADER < ph_frame_length(record) ? NULL
								 : record;
}

void guest_drop(struct guest_bytes *bytes)
{
	bytes->begin +=
		PH_FRAME_HEADER + ph_frame_length(bytes->data + bytes->begin);
	if (bytes->begin == bytes->end)
		bytes->begin = bytes->end = 0;
}

/* What the node says of an output. */
static void take_note(struct guest_port *port, const struct ph_relay *relay)
{
	if (relay->op == PH_RELAY_CONNECTED) {
		port->id = relay->id;
		port->connected = true;
		port->begun = port->finished = false;
		return;
	}
	if (relay->op != PH_RELAY_CLOSED || relay->id != port->id ||
		!port->connected)
		return;
	port->connected = false;
	port->consumed = !relay->reason && port->finished;
	port->lost = port->begun && !port->consumed;
	guest_say(port, PH_RELAY_GONE, port->id, 0);
}

static void serve_notes(struct ph_guest *guest, struct guest_bytes *bytes,
	int fd, struct guest_port *port)
{
	const uint8_t *record;
	struct ph_relay relay;

	while (guest_pull(guest, bytes, fd, GUEST_NOTES)) {
		while ((record = guest_frame(guest, bytes))) {
			if (ph_relay_read(&relay, record + PH_FRAME_HEADER,
				    ph_frame_length(record)))
				guest->over = true;
			else if (port)
				take_note(port, &relay);
			else if (relay.op == PH_RELAY_OPENED)
				guest->opened = true;
			else if (relay.op == PH_RELAY_STOP)
				guest->over = true;
			guest_drop(bytes);
		}
	}
}

void guest_serve(struct ph_guest *guest)
{
	if (!guest->over)
		serve_notes(guest, &guest->said, guest->orders, NULL);
	for (size_t i = 0; i < guest->count && !guest->over; i++) {
		struct guest_port *port = &guest->ports[i];

		if (guest_is_output(port))
			serve_notes(guest, &port->in, port->fd, port);
		guest_push(guest, port);
	}
}

static short events_of(
	const struct guest_port *port, const struct guest_port *wanted)
{
	short events = 0;

	if (guest_is_output(port) || port == wanted)
		events |= POLLIN;
	if (port->out.begin < port->out.end)
		events |= POLLOUT;
	return events;
}

int guest_wait(struct ph_guest *guest, struct guest_port *port, int64_t until)
{
	struct pollfd fds[1 + GUEST_PORTS];
	int64_t left = until < 0 ? -1 : until - guest_now();

	if (guest->over)
		return -ESHUTDOWN;
	if (until >= 0 && left <= 0)
		return -ETIMEDOUT;
	fds[0] = (struct pollfd){.fd = guest->orders, .events = POLLIN};
	for (size_t i = 0; i < guest->count; i++) {
		fds[i + 1] = (struct pollfd){.fd = guest->ports[i].fd,
			.events = events_of(&guest->ports[i], port)};
		if (!fds[i + 1].events)
			fds[i + 1].fd = -1;
	}
	if (left > 60000)
		left = 60000;
	poll(fds, (nfds_t)(guest->count + 1), (int)left);
	guest_serve(guest);
	return guest->over ? -ESHUTDOWN : 0;
}
