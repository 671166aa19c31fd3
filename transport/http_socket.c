#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "transport/http_inner.h"

/* A visitor that became a WebSocket. libwebsockets sees to the framing, to
 * PING, and to what RFC 6455 forbids. */

static int say_close(
	struct ph_exchange *visitor, unsigned code, const char *why)
{
	lws_close_reason(visitor->wsi, (enum lws_close_status)code,
		(unsigned char *)why, strlen(why));
	return -1;
}

/* The peer's Close. A payload of one byte is no code; libwebsockets would
 * repeat it. Where no TLS is in the way it is told so (RFC 6455 7.1.7). */
static int on_peer_close(struct ph_exchange *visitor, size_t length)
{
	static const uint8_t frame[] = {0x88, 2, 1002 >> 8, 1002 & 0xff};

	if (length != 1)
		return 0;
	if (!visitor->peer.tls && !lws_partial_buffered(visitor->wsi))
		(void)!send(lws_get_socket_fd(visitor->wsi), frame,
			sizeof(frame), MSG_NOSIGNAL | MSG_DONTWAIT);
	return -1;
}

static int on_piece(struct ph_exchange *visitor, void *in, size_t length)
{
	struct lws *wsi = visitor->wsi;
	int code = 0;

	if (http_append(visitor, in, length, PH_HTTP_MESSAGE))
		return say_close(visitor, 1009, "message too large");
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return 0;
	code = visitor->events->on_message(visitor->own, visitor->body,
		visitor->length, lws_frame_is_binary(wsi));
	visitor->length = 0;
	return code ? say_close(visitor, (unsigned)code, "") : 0;
}

static int on_room(struct ph_exchange *visitor)
{
	while (visitor->first) {
		struct chunk *chunk = visitor->first;
		size_t length = chunk->length;

		if (lws_send_pipe_choked(visitor->wsi)) {
			lws_callback_on_writable(visitor->wsi);
			break;
		}
		if (lws_write(visitor->wsi, chunk->data, length,
			    chunk->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) <
			0)
			return -1;
		visitor->waiting -= length;
		visitor->http->pending -= length;
		http_unqueue(visitor);
	}
	if (visitor->starved && visitor->waiting < PH_HTTP_STREAM / 2) {
		visitor->starved = false;
		visitor->events->on_room(visitor->own);
	}
	if (visitor->close_code && !visitor->first)
		return say_close(
			visitor, visitor->close_code, visitor->close_why);
	return 0;
}

void websocket_end(struct ph_exchange *visitor)
{
	const struct ph_websocket_events *events = visitor->events;

	visitor->events = NULL;
	if (events)
		events->on_closed(visitor->own);
}

int websocket_event(
	struct ph_exchange *visitor, int reason, void *in, size_t length)
{
	void *own = visitor->own;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		visitor->events->on_open(own, (struct ph_websocket *)visitor);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return visitor->phase == PHASE_WEBSOCKET
			       ? on_piece(visitor, in, length)
			       : -1;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return visitor->phase == PHASE_WEBSOCKET ? on_room(visitor) : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_peer_close(visitor, length);
	case LWS_CALLBACK_CLOSED:
		websocket_end(visitor);
		http_reset(visitor);
		return 0;
	default:
		return 0;
	}
}

void ph_websocket_close(
	struct ph_websocket *socket, unsigned code, const char *why)
{
	struct ph_exchange *visitor = (struct ph_exchange *)socket;

	visitor->close_code = code;
	snprintf(visitor->close_why, sizeof(visitor->close_why), "%s", why);
	lws_callback_on_writable(visitor->wsi);
}

void ph_websocket_read(struct ph_websocket *socket, bool on)
{
	lws_rx_flow_control(((struct ph_exchange *)socket)->wsi, on);
}

/* --- carriers --- */

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
	lws_callback_on_writable(bridge->visitor->wsi);
}

/* From the loop to the WebSocket, as long as it takes. */
static int pump(struct bridge *bridge)
{
	struct lws *wsi = bridge->visitor->wsi;
	uint8_t *bytes = bridge->http->scratch + LWS_PRE;
	ssize_t got;

	for (;;) {
		if (lws_send_pipe_choked(wsi)) {
			lws_rx_flow_control(bridge->pipe, 0);
			lws_callback_on_writable(wsi);
			return 0;
		}
		got = recv(bridge->fd, bytes, HTTP_PIECE, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			lws_rx_flow_control(bridge->pipe, 1);
			return 0;
		}
		if (got <= 0) {
			lws_rx_flow_control(bridge->pipe, 0);
			end_socket(bridge);
			return 0;
		}
		if (lws_write(wsi, bytes, (size_t)got, LWS_WRITE_BINARY) < 0)
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
static int receive(struct bridge *bridge, const uint8_t *data, size_t length)
{
	ssize_t sent = 0;

	if (bridge->fd < 0 || !bridge->pipe)
		return -1;
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
		lws_rx_flow_control(bridge->visitor->wsi, 0);
	bridge->choked = true;
	lws_callback_on_writable(bridge->pipe);
	return 0;
}

static int on_pipe_room(struct bridge *bridge)
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
		lws_callback_on_writable(bridge->pipe);
		return 0;
	}
	free(bridge->rest);
	bridge->rest = NULL;
	bridge->length = bridge->sent = bridge->room = 0;
	bridge->choked = false;
	if (bridge->visitor)
		lws_rx_flow_control(bridge->visitor->wsi, 1);
	else
		end_pipe(bridge);
	return 0;
}

int bridge_pipe_event(struct bridge *bridge, int reason)
{
	switch (reason) {
	case LWS_CALLBACK_RAW_RX_FILE:
		if (!bridge->visitor || bridge->ended)
			return drain(bridge);
		return pump(bridge) ? -1 : 0;
	case LWS_CALLBACK_RAW_WRITEABLE_FILE:
		return on_pipe_room(bridge);
	case LWS_CALLBACK_RAW_CLOSE_FILE:
		/* The loop has closed: what it sent before goes first. */
		while (bridge->visitor && bridge->open && !bridge->ended) {
			uint8_t *bytes = bridge->http->scratch + LWS_PRE;
			ssize_t got = recv(
				bridge->fd, bytes, HTTP_PIECE, MSG_DONTWAIT);

			if (got <= 0 ||
				lws_write(bridge->visitor->wsi, bytes,
					(size_t)got, LWS_WRITE_BINARY) < 0)
				break;
		}
		bridge->fd = -1;
		end_socket(bridge);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		bridge->pipe = NULL;
		bridge->fd = -1;
		bridge_free(bridge);
		return 0;
	default:
		return 0;
	}
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
		lws_rx_flow_control(bridge->pipe, 1);
		lws_set_timeout(bridge->pipe, PENDING_TIMEOUT_CLOSE_SEND, 10);
	}
	bridge_free(bridge);
}

static int open_pipe(struct bridge *bridge)
{
	struct ph_exchange *visitor = bridge->visitor;
	lws_adopt_desc_t adopt = {.vh = lws_get_vhost(visitor->wsi),
		.type = LWS_ADOPT_RAW_FILE_DESC,
		.fd.filefd = bridge->fd,
		.vh_prot_name = "http",
		.opaque = bridge};

	bridge->open = true;
	bridge->pipe = lws_adopt_descriptor_vhost_via_info(&adopt);
	if (bridge->pipe)
		return 0;
	bridge->fd = -1; /* closed by who could not take it */
	return -1;
}

/* A WebSocket came in: one end of a pair for us, one for the loop. */
static int begin_server(struct ph_exchange *visitor)
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

static int begin_client(struct ph_exchange *visitor)
{
	tell(visitor->bridge, 0);
	return open_pipe(visitor->bridge);
}

/* libwebsockets tells why in words. */
static void failed(struct ph_exchange *visitor, const char *why)
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

static int on_socket_room(struct ph_exchange *visitor)
{
	struct bridge *bridge = visitor->bridge;

	if (!bridge)
		return -1;
	if (visitor->close_code) {
		if (lws_partial_buffered(visitor->wsi)) {
			lws_callback_on_writable(visitor->wsi);
			return 0;
		}
		return say_close(visitor, visitor->close_code, "");
	}
	return bridge->pipe ? pump(bridge) : 0;
}

int bridge_event(
	struct ph_exchange *visitor, int reason, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return begin_server(visitor);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return begin_client(visitor);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		failed(visitor, in);
		return 0;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (!visitor->bridge)
			return -1;
		if (!lws_frame_is_binary(visitor->wsi))
			return say_close(visitor, 1003, "binary only");
		return receive(visitor->bridge, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_socket_room(visitor);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_peer_close(visitor, length);
	case LWS_CALLBACK_CLOSED:
		bridge_left(visitor);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		bridge_left(visitor);
		return 0;
	default:
		return 0;
	}
}

int bridge_dial(struct ph_exchange *visitor)
{
	struct ph_http *http = visitor->http;
	struct lws_client_connect_info info = {.context = http->context,
		.vhost = http->vhost,
		.address = visitor->peer.source,
		.port = visitor->peer.port,
		.path = PH_HTTP_CARRIER_PATH,
		.host = visitor->name,
		.protocol = "posthouse-carrier",
		.local_protocol_name = "posthouse-carrier",
		.alpn = "http/1.1",
		.opaque_user_data = visitor};

	/* Whoever terminates this TLS is not trusted with anything. */
	if (visitor->peer.tls)
		info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED |
				      LCCSCF_ALLOW_EXPIRED |
				      LCCSCF_ALLOW_INSECURE |
				      LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	return lws_client_connect_via_info(&info) ? 0 : -1;
}
