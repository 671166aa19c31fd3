#include <stdio.h>

#include "transport/http_inner.h"

/* A visitor that became a WebSocket of a page. libwebsockets sees to the
 * framing, to PING, and to what RFC 6455 forbids. */

int websocket_on_piece(struct ph_exchange *visitor, void *in, size_t length)
{
	int code = 0;

	if (visitor->phase != PHASE_WEBSOCKET)
		return -1;
	if (http_append(visitor, in, length, PH_HTTP_MESSAGE))
		return http_say_close(visitor, 1009, "message too large");
	if (!http_is_whole(visitor))
		return 0;
	code = visitor->events->on_message(visitor->own, visitor->body,
		visitor->length, http_is_binary(visitor));
	visitor->length = 0;
	return code ? http_say_close(visitor, (unsigned)code, "") : 0;
}

int websocket_on_room(struct ph_exchange *visitor)
{
	if (visitor->phase != PHASE_WEBSOCKET)
		return 0;
	while (visitor->first) {
		struct chunk *chunk = visitor->first;
		size_t length = chunk->length;

		if (http_is_choked(visitor)) {
			http_ask_room(visitor);
			break;
		}
		if (http_send_message(
			    visitor, chunk->data, length, chunk->binary))
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
		return http_say_close(
			visitor, visitor->close_code, visitor->close_why);
	return 0;
}

void websocket_on_open(struct ph_exchange *visitor)
{
	visitor->events->on_open(visitor->own, (struct ph_websocket *)visitor);
}

void websocket_end(struct ph_exchange *visitor)
{
	const struct ph_websocket_events *events = visitor->events;

	visitor->events = NULL;
	if (events)
		events->on_closed(visitor->own);
}

void ph_websocket_close(
	struct ph_websocket *socket, unsigned code, const char *why)
{
	struct ph_exchange *visitor = (struct ph_exchange *)socket;

	visitor->close_code = code;
	snprintf(visitor->close_why, sizeof(visitor->close_why), "%s", why);
	http_ask_room(visitor);
}

void ph_websocket_read(struct ph_websocket *socket, bool on)
{
	http_read(((struct ph_exchange *)socket)->wsi, on);
}
