#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "transport/http_inner.h"

/* The life of a visitor, and how many one source may have. Free of
 * libwebsockets. */

void http_reset(struct ph_exchange *visitor)
{
	while (visitor->first) {
		size_t left = visitor->first->length - visitor->first->sent;

		visitor->http->pending -= left;
		http_unqueue(visitor);
	}
	visitor->waiting = 0;
	free(visitor->headers);
	free(visitor->body);
	visitor->headers = NULL;
	visitor->body = NULL;
	visitor->length = visitor->room = visitor->wanted = 0;
	visitor->own = NULL;
	visitor->endless = visitor->starved = visitor->ending = false;
	visitor->phase = PHASE_IDLE;
	http_guard_begin(&visitor->guard);
}

void http_visitor_free(struct ph_exchange *visitor)
{
	websocket_end(visitor);
	bridge_left(visitor);
	http_reset(visitor);
	DL_DELETE2(visitor->http->visitors, visitor, prev, following);
	atomic_fetch_sub(&visitor->http->count[visitor->kind], 1);
	free(visitor);
}

void http_visitor_left(struct ph_exchange *visitor)
{
	struct ph_http *http = visitor->http;

	if (http->site.on_gone &&
		(visitor->phase == PHASE_WAITING || visitor->endless))
		http->site.on_gone(http->site.context, visitor);
	websocket_end(visitor);
	http_reset(visitor);
}

/* Its memory may have gone with what libwebsockets had begun. */
void http_visitor_free_if_there(struct ph_http *http, uint64_t id)
{
	struct ph_exchange *visitor;

	DL_FOREACH2(http->visitors, visitor, following)
	{
		if (visitor->id == id) {
			http_visitor_free(visitor);
			return;
		}
	}
}

/* Proxies and tests of a whole mesh have one source, the loopback. */
bool http_source_is_full(
	const struct ph_http *http, const struct ph_exchange *new)
{
	const struct ph_exchange *visitor;
	unsigned same = 0;
	unsigned idle = 0; /* and no carrier */

	if (new->peer.loopback || new->peer.has_uid)
		return false;
	DL_FOREACH2(http->visitors, visitor, following)
	{
		/* Those that this node dials are its own. */
		if (visitor->kind != new->kind || visitor->name[0] ||
			strcmp(visitor->peer.source, new->peer.source) != 0)
			continue;
		same++;
		idle += !visitor->carries;
	}
	return idle >= PH_HTTP_SOURCE || same >= PH_HTTP_SOURCE_CARRIERS;
}
