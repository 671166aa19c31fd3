#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/http_inner.h"

/*
 * A WebSocket of carriers: what comes from the peer goes to the loop by a unix
 * socket, and back. Whoever takes less than there is holds up the other side,
 * not this thread. Free of libwebsockets.
 */

struct bridge *bridge_create(struct ph_http *http, int fd)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));

	if (!bridge)
		return NULL;
	bridge->owner = OWNER_BRIDGE;
	bridge->http = http;
	bridge->fd = fd;
	return bridge;
}

static void bridge_free(struct bridge *bridge)
{
	if (bridge->visitor || bridge->pipe)
		return;
	if (bridge->fd >= 0)
		close(bridge->fd);
	free(bridge->rest);
	free(bridge);
}

static bool has_rest(const struct bridge *bridge)
{
	return bridge->sent < bridge->length;
}

/* Nothing more comes from the peer: the loop sees the end behind what is there.
 */
static void end_pipe(struct bridge *bridge)
{
	if (!has_rest(bridge) && bridge->fd >= 0)
		shutdown(bridge->fd, SHUT_WR);
}

static void end_socket(struct bridge *bridge)
{
	bridge->ended = true;
	if (!bridge->visitor)
		return;
	bridge->visitor->close_code = 1000;
	http_ask_room(bridge->visitor);
}

/* From the loop to the WebSocket, as long as it takes. */
static int pump(struct bridge *bridge)
{
	struct ph_exchange *visitor = bridge->visitor;
	uint8_t *bytes = bridge->http->scratch + HTTP_PRE;
	ssize_t got;

	for (;;) {
		if (http_is_choked(visitor)) {
			http_read(bridge->pipe, false);
			http_ask_room(visitor);
			return 0;
		}
		got = recv(bridge->fd, bytes, HTTP_PIECE, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			http_read(bridge->pipe, 1);
			return 0;
		}
		if (got <= 0) {
			http_read(bridge->pipe, 0);
			end_socket(bridge);
			return 0;
		}
		if (http_send_message(visitor, bytes, (size_t)got, true))
			return -1;
	}
}

/* Whoever has gone away is read over, so that its farewell is seen. */
static int drain(struct bridge *bridge)
{
	ssize_t got;

	do
		got = recv(bridge->fd, bridge->http->scratch, HTTP_PIECE,
			MSG_DONTWAIT);
	while (got > 0);
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int keep_rest(struct bridge *bridge, const uint8_t *data, size_t length)
{
	size_t room = bridge->room ? bridge->room : HTTP_PIECE;
	uint8_t *rest;

	if (!has_rest(bridge))
		bridge->length = bridge->sent = 0;
	while (room < bridge->length + length)
		room *= 2;
	if (room != bridge->room) {
		rest = realloc(bridge->rest, room);
		if (!rest)
			return -1;
		bridge->rest = rest;
		bridge->room = room;
	}
	memcpy(bridge->rest + bridge->length, data, length);
	bridge->length += length;
	return 0;
}

/* From the WebSocket to the loop. */
int bridge_on_piece(
	struct ph_exchange *visitor, const uint8_t *data, size_t length)
{
	struct bridge *bridge = visitor->bridge;
	ssize_t sent = 0;

	if (!bridge || bridge->fd < 0 || !bridge->pipe)
		return -1;
	if (!http_is_binary(visitor))
		return http_say_close(visitor, 1003, "binary only");
	if (!has_rest(bridge)) {
		sent = send(
			bridge->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		sent = sent < 0 ? 0 : sent;
	}
	if ((size_t)sent == length)
		return 0;
	if (keep_rest(bridge, data + sent, length - (size_t)sent))
		return -1;
	if (!bridge->choked)
		http_read(bridge->visitor->wsi, 0);
	bridge->choked = true;
	http_ask_pipe(bridge->pipe);
	return 0;
}

int bridge_on_loop_room(struct bridge *bridge)
{
	ssize_t sent;

	if (!has_rest(bridge))
		return 0;
	sent = send(bridge->fd, bridge->rest + bridge->sent,
		bridge->length - bridge->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	bridge->sent += sent < 0 ? 0 : (size_t)sent;
	if (has_rest(bridge)) {
		http_ask_pipe(bridge->pipe);
		return 0;
	}
	free(bridge->rest);
	bridge->rest = NULL;
	bridge->length = bridge->sent = bridge->room = 0;
	bridge->choked = false;
	if (bridge->visitor)
		http_read(bridge->visitor->wsi, 1);
	else
		end_pipe(bridge);
	return 0;
}

int bridge_on_loop_data(struct bridge *bridge)
{
	if (!bridge->visitor || bridge->ended)
		return drain(bridge);
	return pump(bridge) ? -1 : 0;
}

/* The loop has closed: what it sent before goes first. */
void bridge_on_loop_closed(struct bridge *bridge)
{
	while (bridge->visitor && bridge->open && !bridge->ended) {
		uint8_t *bytes = bridge->http->scratch + HTTP_PRE;
		ssize_t got = recv(bridge->fd, bytes, HTTP_PIECE, MSG_DONTWAIT);

		if (got <= 0 || http_send_message(bridge->visitor, bytes,
					(size_t)got, true))
			break;
	}
	bridge->fd = -1;
	end_socket(bridge);
}

void bridge_pipe_gone(struct bridge *bridge)
{
	bridge->pipe = NULL;
	bridge->fd = -1;
	bridge_free(bridge);
}

void bridge_left(struct ph_exchange *visitor)
{
	struct bridge *bridge = visitor->bridge;

	visitor->bridge = NULL;
	if (!bridge)
		return;
	bridge->visitor = NULL;
	if (bridge->pipe) {
		end_pipe(bridge);
		http_read(bridge->pipe, 1);
		http_pipe_patience(bridge->pipe, 10);
	}
	bridge_free(bridge);
}

static int open_pipe(struct bridge *bridge)
{
	bridge->open = true;
	bridge->pipe = http_adopt_pipe(bridge);
	if (bridge->pipe)
		return 0;
	bridge->fd = -1; /* closed by who could not take it */
	return -1;
}

/* A WebSocket came in: one end of a pair for us, one for the loop. */
int bridge_on_open(struct ph_exchange *visitor)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		    pair))
		return -1;
	visitor->bridge = bridge_create(visitor->http, pair[0]);
	if (!visitor->bridge) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	visitor->bridge->visitor = visitor;
	if (open_pipe(visitor->bridge) || http_arrived(visitor, pair[1])) {
		close(pair[1]);
		return -1;
	}
	return 0;
}

static void tell(struct bridge *bridge, int32_t word)
{
	if (bridge->fd >= 0)
		(void)!send(bridge->fd, &word, sizeof(word),
			MSG_NOSIGNAL | MSG_DONTWAIT);
}

int bridge_on_dialled(struct ph_exchange *visitor)
{
	tell(visitor->bridge, http_round_trip(visitor));
	return open_pipe(visitor->bridge);
}

/* libwebsockets tells why in words. */
void bridge_on_failed(struct ph_exchange *visitor, const char *why)
{
	struct bridge *bridge = visitor->bridge;

	if (!bridge || bridge->open)
		return;
	if (why && strstr(why, "nable to connect"))
		tell(bridge, -ENOTCONN);
	else if (why && (strstr(why, "imed") || strstr(why, "imeout")))
		tell(bridge, -ETIMEDOUT);
	else
		tell(bridge, -EPROTO);
}

int bridge_on_room(struct ph_exchange *visitor)
{
	struct bridge *bridge = visitor->bridge;

	if (!bridge)
		return -1;
	if (visitor->close_code) {
		if (http_holds(visitor)) {
			http_ask_room(visitor);
			return 0;
		}
		return http_say_close(visitor, visitor->close_code, "");
	}
	return bridge->pipe ? pump(bridge) : 0;
}
