#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "transport/http_inner.h"

/* What exchanges and sockets hold, and what is asked of them. */

void http_queue(struct ph_exchange *visitor, struct chunk *chunk)
{
	*visitor->end = chunk;
	visitor->end = &chunk->next;
	visitor->waiting += chunk->length;
	visitor->http->pending += chunk->length;
}

void http_unqueue(struct ph_exchange *visitor)
{
	struct chunk *chunk = visitor->first;

	visitor->first = chunk->next;
	if (!visitor->first)
		visitor->end = &visitor->first;
	free(chunk);
}

static int send_bounded(struct ph_exchange *exchange, const void *data,
	size_t length, bool binary)
{
	struct chunk *chunk;

	if (exchange->waiting + length > PH_HTTP_STREAM && exchange->waiting) {
		exchange->starved = true;
		return -EAGAIN;
	}
	chunk = http_chunk(data, length);
	if (!chunk)
		return -EAGAIN;
	chunk->binary = binary;
	http_queue(exchange, chunk);
	http_ask_room(exchange);
	return 0;
}

int ph_exchange_send(
	struct ph_exchange *exchange, const void *data, size_t length)
{
	if (!exchange->endless || !length)
		return 0;
	/* The other half is for answers. */
	if (exchange->http->pending + length > PH_HTTP_PENDING / 2)
		return -EAGAIN;
	return send_bounded(exchange, data, length, false);
}

void ph_exchange_end(struct ph_exchange *exchange)
{
	if (!exchange->endless)
		return;
	exchange->ending = true;
	http_ask_room(exchange);
}

bool ph_exchange_forwarded(const struct ph_exchange *exchange)
{
	return exchange->forwarded;
}

int ph_websocket_send(struct ph_websocket *socket, const void *data,
	size_t length, bool binary)
{
	return send_bounded((struct ph_exchange *)socket, data, length, binary);
}

size_t ph_exchange_waiting(const struct ph_exchange *exchange)
{
	return exchange->waiting;
}

uint64_t ph_exchange_id(const struct ph_exchange *exchange)
{
	return exchange->id;
}

struct ph_exchange *ph_exchange_find(struct ph_http *http, uint64_t id)
{
	struct ph_exchange *visitor;

	DL_FOREACH2(http->visitors, visitor, following)
	{
		if (visitor->id == id && visitor->phase != PHASE_IDLE)
			return visitor;
	}
	return NULL;
}

const struct ph_http_peer *ph_exchange_peer(const struct ph_exchange *exchange)
{
	return &exchange->peer;
}

const char *ph_exchange_method(const struct ph_exchange *exchange)
{
	return exchange->method;
}

const char *ph_exchange_path(const struct ph_exchange *exchange)
{
	return exchange->path;
}

bool ph_exchange_query(const struct ph_exchange *exchange, const char *name,
	char *out, size_t size)
{
	size_t length = strlen(name);

	for (const char *field = exchange->query; *field;
		field += strlen(field) + 1) {
		if (strncmp(field, name, length) || field[length] != '=')
			continue;
		if (strlen(field + length + 1) >= size)
			return false;
		snprintf(out, size, "%s", field + length + 1);
		return true;
	}
	return false;
}

const char *ph_exchange_header(
	const struct ph_exchange *exchange, enum ph_http_header header)
{
	return exchange->header[header];
}

const uint8_t *ph_exchange_body(
	const struct ph_exchange *exchange, size_t *length)
{
	*length = exchange->length;
	return exchange->body;
}

void *ph_exchange_own(const struct ph_exchange *exchange)
{
	return exchange->own;
}

void ph_exchange_set_own(struct ph_exchange *exchange, void *own)
{
	exchange->own = own;
}
