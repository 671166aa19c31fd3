#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "transport/http_inner.h"

/* What exchanges and sockets hold, what goes out, and what is asked of them.
 * Free of libwebsockets. */

struct chunk *http_chunk(const void *data, size_t length)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + HTTP_PRE + length);

	if (!chunk)
		return NULL;
	*chunk = (struct chunk){.length = length};
	chunk->data = chunk->memory + HTTP_PRE;
	if (length)
		memcpy(chunk->data, data, length);
	return chunk;
}

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

bool ph_exchange_waits(const struct ph_exchange *exchange)
{
	return exchange->phase == PHASE_WAITING;
}

void ph_exchange_answer(struct ph_exchange *exchange, unsigned status,
	const char *type, const char *headers, const void *body, size_t length)
{
	bool bodiless = !strcmp(exchange->method, "HEAD");
	struct chunk *chunk = NULL;

	if (exchange->phase != PHASE_WAITING)
		return;
	if (exchange->http->pending + length > PH_HTTP_PENDING) {
		status = 503;
		length = 0;
	}
	if (length && !bodiless) {
		chunk = http_chunk(body, length);
		status = chunk ? status : 503;
		length = chunk ? length : 0;
	}
	exchange->status = status;
	exchange->answer = length;
	snprintf(exchange->type, sizeof(exchange->type), "%s", type);
	exchange->headers = headers ? strdup(headers) : NULL;
	if (chunk)
		http_queue(exchange, chunk);
	exchange->phase = PHASE_HEADERS;
	http_patience(exchange, true);
	http_ask_room(exchange);
}

void ph_exchange_stream(
	struct ph_exchange *exchange, const char *type, const char *headers)
{
	if (exchange->phase != PHASE_WAITING)
		return;
	exchange->status = 200;
	exchange->endless = true;
	snprintf(exchange->type, sizeof(exchange->type), "%s", type);
	exchange->headers = headers ? strdup(headers) : NULL;
	exchange->phase = PHASE_HEADERS;
	http_patience(exchange, true);
	http_ask_room(exchange);
}

static int send_body(struct ph_exchange *visitor)
{
	struct chunk *chunk = visitor->first;
	size_t piece;
	bool final;

	if (visitor->ending)
		return -1;
	if (!chunk)
		return visitor->endless ? 0 : http_finish(visitor);
	piece = chunk->length - chunk->sent;
	piece = piece < HTTP_PIECE ? piece : HTTP_PIECE;
	final = !visitor->endless && !chunk->next &&
		chunk->sent + piece == chunk->length;
	http_patience(visitor, !visitor->endless || chunk->next);
	if (http_write(visitor, chunk->data + chunk->sent, piece, final))
		return -1;
	chunk->sent += piece;
	visitor->waiting -= piece;
	visitor->http->pending -= piece;
	if (chunk->sent == chunk->length)
		http_unqueue(visitor);
	if (final)
		return http_finish(visitor);
	if (visitor->first)
		http_ask_room(visitor);
	return 0;
}

int http_on_room(struct ph_exchange *visitor)
{
	if (visitor->phase == PHASE_HEADERS) {
		if (http_send_headers(visitor))
			return -1;
		if (!visitor->first && !visitor->endless)
			return http_finish(visitor);
		http_ask_room(visitor);
		return 0;
	}
	return visitor->phase == PHASE_SENDING ? send_body(visitor) : 0;
}

static int send_chunk(struct ph_exchange *exchange, const void *data,
	size_t length, bool binary)
{
	struct chunk *chunk = http_chunk(data, length);

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
	/* By what waits alone: an event that is larger than that would never go
	 * behind a small one. */
	if (exchange->waiting >= PH_HTTP_STREAM)
		return -EAGAIN;
	return send_chunk(exchange, data, length, false);
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
	struct ph_exchange *exchange = (struct ph_exchange *)socket;

	if (exchange->waiting + length > PH_HTTP_STREAM && exchange->waiting) {
		exchange->starved = true;
		return -EAGAIN;
	}
	return send_chunk(exchange, data, length, binary);
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
