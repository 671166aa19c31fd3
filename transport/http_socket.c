#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

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
