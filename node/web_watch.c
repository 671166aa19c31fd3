#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "node/web_inner.h"

/*
 * /v1/watch: server-sent events. While anybody watches, the mesh is asked once
 * a second, whatever their number, and all get the same bytes:
 *
 *   event: flows     the connections of every node, as /v1/flows
 *   event: journal   new lines of this node's journal, as /v1/journal
 *   event: gap       {"missed": N}: so many events were not sent, because the
 *                    client reads too slowly; look anew
 *
 * `id:` counts the events of this node's life; ?since=N (or Last-Event-ID) is
 * where the journal goes on, by its own numbers.
 */
#define PERIOD	 1000u /* ms */
#define WATCHERS 256u

struct web_watcher {
	struct ph_exchange *exchange;
	uint64_t missed;
	int64_t until;	  /* of its token; 0: it has none */
	unsigned revoked; /* web->revoked, when it began */
	struct web_watcher *prev;
	struct web_watcher *next;
};

static int send_event(struct web_watcher *watcher, uint64_t id,
	const char *name, const char *text, size_t length)
{
	char head[80];
	int used = snprintf(head, sizeof(head),
		"id: %llu\nevent: %s\ndata: ", (unsigned long long)id, name);
	size_t whole = (size_t)used + length + 2;
	char *event = malloc(whole);
	int code;

	if (!event)
		return -1;
	memcpy(event, head, (size_t)used);
	memcpy(event + used, text, length);
	memcpy(event + used + length, "\n\n", 2);
	code = ph_exchange_send(watcher->exchange, event, whole);
	free(event);
	return code;
}

static void tell(struct ph_web *web, struct web_watcher *watcher,
	const char *name, const char *text, size_t length)
{
	char gap[60];

	if (watcher->missed) {
		snprintf(gap, sizeof(gap), "{\"missed\":%llu}",
			(unsigned long long)watcher->missed);
		if (send_event(watcher, web->feed, "gap", gap, strlen(gap))) {
			watcher->missed++;
			return;
		}
		watcher->missed = 0;
	}
	if (send_event(watcher, web->feed, name, text, length))
		watcher->missed++;
}

static void tell_all(
	struct web_query *query, unsigned question, const char *name, bool mesh)
{
	struct ph_web *web = query->web;
	struct web_watcher *watcher;
	struct ph_document *document;
	struct ph_writer *memory;
	struct ph_value items;
	size_t length;
	char *text;

	if (web_query_items(query, question, &document, &memory))
		return;
	items = ph_document_root(document);
	if (!mesh)
		for (size_t i = 0; i < ph_value_count(items); i++)
			web->journal = ph_get_int(ph_value_at(items, i), "n");
	text = mesh || ph_value_count(items)
		       ? web_envelope(query, items, mesh, &length)
		       : NULL;
	if (text) {
		if (length && text[length - 1] == '\n')
			length--;
		web->feed++;
		DL_FOREACH(web->watchers, watcher)
		tell(web, watcher, name, text, length);
	}
	free(text);
	ph_document_free(document);
	ph_writer_free(memory);
}

static void on_flows(struct web_query *query)
{
	query->web->ticking--;
	tell_all(query, 0, "flows", true);
}

static void on_journal(struct web_query *query)
{
	query->web->ticking--;
	tell_all(query, 0, "journal", false);
}

static void ask_flows(struct ph_web *web)
{
	struct web_query *query = web_query_create(web, NULL);

	if (!query)
		return;
	query->mesh = true;
	query->finish = on_flows;
	web_query_ask(query, PH_CONTROL_LIST, NULL);
	web->ticking++;
	web_query_send(query);
}

static void ask_journal(struct ph_web *web)
{
	struct web_query *query = web_query_create(web, NULL);
	struct ph_writer *writer;

	if (!query)
		return;
	if (ph_writer_create(&writer)) {
		web_query_free(query);
		return;
	}
	ph_write_map(writer);
	ph_put_int(writer, "since", web->journal);
	ph_put_int(writer, "count", web->journal ? 500 : 1);
	ph_write_end(writer);
	query->finish = on_journal;
	web_query_ask(query, PH_STORE_EVENTS, writer);
	ph_writer_free(writer);
	web->ticking++;
	web_query_send(query);
}

/* A token that is over ends its stream; after a revocation all that have one
 * say it anew. */
static void end_watchers(struct ph_web *web)
{
	unsigned revoked = atomic_load(&web->revoked);
	int64_t now = ph_clock_wall();
	struct web_watcher *watcher;

	DL_FOREACH(web->watchers, watcher)
	if (watcher->until &&
		(watcher->until <= now || watcher->revoked != revoked))
		ph_exchange_end(watcher->exchange);
}

static void tick(void *context)
{
	struct ph_web *web = context;

	end_watchers(web);

	/* The last round is not over: a node that hangs is waited for. */
	if (web->ticking)
		return;
	ask_flows(web);
	ask_journal(web);
}

void web_watch_begin(struct web_query *query)
{
	struct ph_web *web = query->web;
	struct ph_exchange *exchange =
		ph_exchange_find(web->http, query->exchange);
	struct web_watcher *watcher;
	struct ph_error error;

	if (!exchange)
		return;
	if (query->denied) {
		ph_fail(&error, PH_EXIT_DENIED, query->peer.source,
			"posthouse token makes a token", "%s", query->denied);
		web_refuse(exchange, &error);
		return;
	}
	watcher = web->watcher_count < WATCHERS ? calloc(1, sizeof(*watcher))
						: NULL;
	if (!watcher) {
		ph_fail(&error, PH_EXIT_CONFLICT, "/v1/watch",
			"ask again later", "%u watch already", WATCHERS);
		web_refuse(exchange, &error);
		return;
	}
	watcher->exchange = exchange;
	watcher->until = query->until;
	watcher->revoked = query->revoked;
	ph_exchange_set_own(exchange, watcher);
	ph_exchange_stream(exchange, "text/event-stream", web_headers);
	ph_exchange_send(exchange, "retry: 2000\n\n", 13);
	DL_APPEND(web->watchers, watcher);
	if (!web->watcher_count++)
		ph_http_every(web->http, PERIOD, tick, web);
	tick(web);
}

void web_watch_gone(struct ph_web *web, struct ph_exchange *exchange)
{
	struct web_watcher *watcher = ph_exchange_own(exchange);

	if (!watcher)
		return;
	DL_DELETE(web->watchers, watcher);
	free(watcher);
	if (!--web->watcher_count)
		ph_http_every(web->http, 0, tick, web);
}
