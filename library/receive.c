#include "library/guest.h"

#include <errno.h>
#include <string.h>

#include "kernel/frame.h"

/* One read of an input. */
#define RECEIVE_ROOM ((size_t)64 * 1024)

/* The bytes of the frame that were not given yet, as far as they fit. */
static long give_bytes(struct guest_port *port, const uint8_t *record,
	void *buffer, size_t size, struct ph_note *note)
{
	size_t left = ph_frame_length(record) - port->taken;
	size_t piece = left < size ? left : size;

	note->event = PH_DATA;
	if (piece)
		memcpy(buffer, record + PH_FRAME_HEADER + port->taken, piece);
	port->taken += piece;
	note->more = piece < left || !(record[3] & PH_FRAME_FIN);
	if (piece == left) {
		port->taken = 0;
		guest_drop(&port->in);
	}
	return (long)piece;
}

static void read_gap(const uint8_t *record, struct ph_note *note)
{
	struct ph_gap gap = {0};

	ph_gap_read(&gap, record + PH_FRAME_HEADER, ph_frame_length(record));
	note->event = PH_GAP;
	note->lost_messages = gap.messages;
	note->lost_bytes = gap.bytes;
}

/* An event of the stream. A cut needs no thanks of the program. */
static long give_event(
	struct guest_port *port, const uint8_t *record, struct ph_note *note)
{
	uint8_t flags = record[3];

	if (flags & PH_FRAME_END) {
		note->event = PH_END;
		port->ended = port->turn;
	} else if (flags & PH_FRAME_CUT) {
		note->event = PH_CUT;
		guest_say(port, PH_RELAY_CLOSED, port->turn, -ECONNRESET);
	} else if (flags & PH_FRAME_GAP) {
		read_gap(record, note);
	} else {
		note->event = PH_BEGIN;
	}
	guest_drop(&port->in);
	return 0;
}

static bool take_turn(
	struct ph_guest *guest, struct guest_port *port, const uint8_t *record)
{
	struct ph_relay relay;

	if (ph_relay_read(&relay, record + PH_FRAME_HEADER,
		    ph_frame_length(record))) {
		guest->over = true;
		return false;
	}
	if (relay.op == PH_RELAY_TURN)
		port->turn = relay.id;
	guest_drop(&port->in);
	return true;
}

/* -EAGAIN: nothing whole is here. */
static long give(struct ph_guest *guest, struct guest_port *port, void *buffer,
	size_t size, struct ph_note *note)
{
	const uint8_t *record = guest_frame(guest, &port->in);

	while (record && (record[3] & PH_FRAME_ATTACH)) {
		if (!take_turn(guest, port, record))
			return -EAGAIN;
		record = guest_frame(guest, &port->in);
	}
	if (!record)
		return -EAGAIN;
	*note = (struct ph_note){.source = port->turn};
	if (ph_frame_is_control(record[3]))
		return give_event(port, record, note);
	return give_bytes(port, record, buffer, size, note);
}

long ph_receive(struct ph_guest *guest, size_t index, void *buffer, size_t size,
	struct ph_note *note, int timeout)
{
	struct guest_port *port = guest_get(guest, index, false);
	int64_t until = guest_until(timeout);
	long got;
	int error;

	if (!port || !note || !buffer || !size)
		return -EINVAL;
	guest_serve(guest);
	for (;;) {
		got = give(guest, port, buffer, size, note);
		if (got == -EAGAIN &&
			guest_pull(guest, &port->in, port->fd, RECEIVE_ROOM))
			continue;
		if (got != -EAGAIN) {
			guest_push(guest, port);
			return got;
		}
		error = guest_wait(guest, port, until);
		if (error)
			return error;
	}
}

int ph_accept(struct ph_guest *guest, size_t index)
{
	struct guest_port *port = guest_get(guest, index, false);
	int error;

	if (!port || !port->ended)
		return -EINVAL;
	error = guest_say(port, PH_RELAY_CLOSED, port->ended, 0);
	if (error)
		return error;
	port->ended = 0;
	guest_push(guest, port);
	return guest->over ? -ESHUTDOWN : 0;
}

int ph_descriptor(const struct ph_guest *guest, size_t index)
{
	if (!guest || index >= guest->count)
		return -EINVAL;
	return guest->ports[index].fd;
}
