#include "library/guest.h"

#include <errno.h>
#include <string.h>

#include "kernel/frame.h"

/* Outputs: what to do when there is no room is the caller's choice. */

static size_t waiting(const struct guest_port *port)
{
	return port->out.end - port->out.begin;
}

/* One message more would be within the bound; an idle port takes any. */
static bool has_room(const struct guest_port *port, size_t length)
{
	return !waiting(port) || waiting(port) + length <= PH_SEND_MOST;
}

/* BEGIN and GAP go before the message that follows them. */
static int put_head(struct guest_port *port)
{
	const struct ph_gap lost = {
		port->dropped_messages, port->dropped_bytes};
	uint8_t gap[PH_GAP_LENGTH];
	int error = 0;

	if (!port->begun)
		error = guest_put(port, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
	if (error)
		return error;
	port->begun = true;
	ph_gap_write(&lost, gap);
	if (port->dropped_messages)
		error = guest_put(
			port, PH_FRAME_GAP | PH_FRAME_FIN, gap, sizeof(gap));
	if (!error)
		port->dropped_messages = port->dropped_bytes = 0;
	return error;
}

/* The next frame of a message; `left` bytes of it are still to go. */
static int put_piece(
	struct guest_port *port, const uint8_t **data, size_t *left)
{
	uint32_t piece = *left > PH_FRAME_MAX ? PH_FRAME_MAX : (uint32_t)*left;
	int error = guest_put(
		port, piece == *left ? PH_FRAME_FIN : 0, *data, piece);

	if (error)
		return error;
	*data += piece;
	*left -= piece;
	return 0;
}

/* 0: connected and room; else why not. */
static int may_send(
	struct ph_guest *guest, struct guest_port *port, size_t length)
{
	if (guest->over)
		return -ESHUTDOWN;
	if (port->lost) {
		port->lost = false;
		return -EPIPE;
	}
	if (port->connected && port->finished)
		return -EAGAIN; /* until the last stream was consumed */
	if (!port->connected)
		return -ENOTCONN;
	return has_room(port, length) ? 0 : -EAGAIN;
}

static int await_room(struct ph_guest *guest, struct guest_port *port,
	size_t length, enum ph_full full)
{
	int error = may_send(guest, port, length);

	while (full == PH_FULL_WAIT &&
		(error == -EAGAIN || error == -ENOTCONN)) {
		error = guest_wait(guest, NULL, -1);
		if (!error)
			error = may_send(guest, port, length);
	}
	return error;
}

/* A message of any size, by and by. When its stream is lost half-way the rest
 * has no meaning. */
static int send_pieces(struct ph_guest *guest, struct guest_port *port,
	const uint8_t *data, size_t length)
{
	uint64_t id = port->id;
	int error = put_piece(port, &data, &length);

	while (!error && length) {
		guest_push(guest, port);
		error = await_room(guest, port, PH_FRAME_MAX, PH_FULL_WAIT);
		if (!error && port->id != id)
			error = -EPIPE;
		if (!error)
			error = put_piece(port, &data, &length);
	}
	guest_push(guest, port);
	return error;
}

int ph_send(struct ph_guest *guest, size_t index, const void *data,
	size_t length, enum ph_full full)
{
	struct guest_port *port = guest_get(guest, index, true);
	int error;

	if (!port || (length && !data))
		return -EINVAL;
	if (length > PH_SEND_MOST && full != PH_FULL_WAIT)
		return -EMSGSIZE;
	guest_serve(guest);
	error = await_room(guest, port,
		length > PH_FRAME_MAX ? PH_FRAME_MAX : length, full);
	if (full == PH_FULL_DROP && (error == -EAGAIN || error == -ENOTCONN)) {
		port->dropped_messages++;
		port->dropped_bytes += length;
		return 0;
	}
	if (!error)
		error = put_head(port);
	if (error)
		return error;
	if (full == PH_FULL_WAIT)
		return send_pieces(guest, port, data, length);
	do
		error = put_piece(port, (const uint8_t **)&data, &length);
	while (!error && length);
	guest_push(guest, port);
	return error;
}

int ph_flush(struct ph_guest *guest, size_t index, int timeout)
{
	struct guest_port *port = guest_get(guest, index, true);
	int64_t until = guest_until(timeout);
	int error = 0;

	if (!port)
		return -EINVAL;
	guest_serve(guest);
	while (!error && waiting(port) && !port->lost)
		error = guest_wait(guest, NULL, until);
	if (port->lost) {
		port->lost = false;
		return -EPIPE;
	}
	return error;
}

/* The end of the stream, as soon as somebody is there to see it. */
static int put_end(struct guest_port *port)
{
	int error;

	if (!port->connected || port->finished)
		return 0;
	error = put_head(port);
	if (!error)
		error = guest_put(port, PH_FRAME_END | PH_FRAME_FIN, NULL, 0);
	port->finished = !error;
	return error;
}

int ph_finish(struct ph_guest *guest, size_t index, int timeout)
{
	struct guest_port *port = guest_get(guest, index, true);
	int64_t until = guest_until(timeout);
	int error = 0;

	if (!port)
		return -EINVAL;
	guest_serve(guest);
	while (!error && !port->consumed && !port->lost) {
		error = put_end(port);
		guest_push(guest, port);
		if (!error)
			error = guest_wait(guest, NULL, until);
	}
	if (port->consumed)
		error = 0;
	else if (port->lost)
		error = -EPIPE;
	port->consumed = port->lost = false;
	return error;
}

int ph_cut(struct ph_guest *guest, size_t index)
{
	struct guest_port *port = guest_get(guest, index, true);
	int error = 0;

	if (!port)
		return -EINVAL;
	guest_serve(guest);
	if (port->connected && port->begun) {
		error = guest_put(port, PH_FRAME_CUT | PH_FRAME_FIN, NULL, 0);
		if (!error)
			error = guest_say(port, PH_RELAY_GONE, port->id, 0);
		port->connected = error;
	}
	if (error)
		return error;
	port->begun = port->finished = port->lost = port->consumed = false;
	guest_push(guest, port);
	return guest->over ? -ESHUTDOWN : 0;
}
