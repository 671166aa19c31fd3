#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/error.h"
#include "transport/http_inner.h"

/* What becomes of a request: whether its body is wanted, who is asked, and
 * whether it may become a WebSocket. Free of libwebsockets. */

static void begin_waiting(struct ph_exchange *visitor)
{
	visitor->phase = PHASE_WAITING;
	/* An apply takes as long as it takes. */
	http_patience(visitor, false);
	if (visitor->http->site.on_request)
		visitor->http->site.on_request(
			visitor->http->site.context, visitor);
	else
		ph_exchange_answer(visitor, 404, "text/plain", NULL, "", 0);
}

/* In the form of every other error (doc/HTTP.md). */
static const struct {
	unsigned status;
	const char *what, *next;
} refusals[] = {
	{400, "the request can be read in more than one way",
		"say each field of the query once, and HTTP/1.1"},
	{411, "it does not say how long its body is", "send Content-Length"},
	{413, "its body is longer than 1 MiB", "send less"},
	{414, "its path or query is too long", "ask for less"},
	{431, "its headers are too long", "send fewer, or shorter ones"},
};

static int refuse(struct ph_exchange *visitor, unsigned status)
{
	char text[256];
	size_t i = 0;

	while (refusals[i].status != status)
		i++;
	snprintf(text, sizeof(text),
		"{\"error\":{\"exit\":%d,\"what\":\"%s\","
		"\"where\":\"the request\",\"next\":\"%s\"}}\n",
		PH_EXIT_USAGE, refusals[i].what, refusals[i].next);
	visitor->phase = PHASE_WAITING;
	visitor->last = true;
	ph_exchange_answer(
		visitor, status, "application/json", NULL, text, strlen(text));
	return 0;
}

unsigned http_body_length(const char *text, bool coded, size_t *out)
{
	size_t digits = strspn(text, "0123456789");

	*out = 0;
	/* A body of unknown length is not read at all. */
	if (coded || !text[0])
		return 411;
	/* Signs, lists, anything that another might read as another length. */
	if (text[digits])
		return 400;
	if (digits > 9 || strtoul(text, NULL, 10) > PH_HTTP_BODY)
		return 413;
	*out = strtoul(text, NULL, 10);
	return 0;
}

bool http_query_repeats(const char *query)
{
	for (const char *one = query; *one; one += strlen(one) + 1) {
		size_t length = strcspn(one, "=");

		for (const char *other = one + strlen(one) + 1; *other;
			other += strlen(other) + 1)
			if (strcspn(other, "=") == length &&
				!memcmp(one, other, length))
				return true;
	}
	return false;
}

int http_on_request(struct ph_exchange *visitor)
{
	unsigned status = visitor->wrong;

	if (!status && http_query_repeats(visitor->query))
		status = 400;
	if (!status && !strcmp(visitor->method, "POST"))
		status = http_body_length(
			visitor->length_text, visitor->coded, &visitor->wanted);
	if (status)
		return refuse(visitor, status);
	visitor->phase = PHASE_BODY;
	if (!visitor->wanted)
		begin_waiting(visitor);
	return 0;
}

int http_append(struct ph_exchange *visitor, const void *data, size_t length,
	size_t most)
{
	size_t room = visitor->room ? visitor->room : 1024;
	uint8_t *body;

	if (visitor->length + length > most)
		return -EMSGSIZE;
	while (room < visitor->length + length)
		room *= 2;
	if (room != visitor->room) {
		body = realloc(visitor->body, room);
		if (!body)
			return -ENOMEM;
		visitor->body = body;
		visitor->room = room;
	}
	if (length)
		memcpy(visitor->body + visitor->length, data, length);
	visitor->length += length;
	return 0;
}

int http_on_body(struct ph_exchange *visitor, const void *in, size_t length)
{
	if (visitor->phase != PHASE_BODY)
		return 0; /* it was refused; the rest is read over */
	return http_append(visitor, in, length, visitor->wanted) ? -1 : 0;
}

void http_on_whole(struct ph_exchange *visitor)
{
	if (visitor->phase == PHASE_BODY)
		begin_waiting(visitor);
}

/* --- upgrades --- */

/* Peers are no pages: they have no Origin. */
static unsigned take_carrier(struct ph_exchange *visitor)
{
	if (visitor->header[PH_HTTP_ORIGIN][0])
		return 403;
	visitor->carries = true;
	return 0;
}

static unsigned ask_site(struct ph_exchange *visitor)
{
	const struct ph_http_site *site = &visitor->http->site;
	int status = !site->on_upgrade
			     ? 404
			     : site->on_upgrade(site->context, visitor,
				       &visitor->events, &visitor->own);

	if (!status)
		return 0;
	visitor->own = NULL;
	visitor->events = NULL;
	return (unsigned)status;
}

int http_on_upgrade(struct ph_exchange *visitor, const char *to)
{
	unsigned status = visitor->wrong;

	if (!status && strcasecmp(to, "websocket") != 0)
		status = 400; /* HTTP/1.1 and nothing else */
	if (!status && strcmp(visitor->method, "GET") != 0)
		status = 405;
	if (!status && !visitor->version_13)
		status = 400;
	if (!status)
		status = visitor->peer.door && !strcmp(visitor->path,
						       PH_HTTP_CARRIER_PATH)
				 ? take_carrier(visitor)
				 : ask_site(visitor);
	if (!status) {
		visitor->phase = PHASE_WEBSOCKET;
		return 0;
	}
	http_refuse_upgrade(visitor, status);
	return 1;
}
