#include "node/web_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#define PERIOD	 1000u /* ms */
#define WATCHERS 256u

/* --- to a watcher --- */

static int send_event(struct web_watcher *watcher, const char *name,
	const char *text, size_t length)
{
	char id[40] = "";
	char *event = NULL;
	size_t whole;
	FILE *out = open_memstream(&event, &whole);
	int code;

	if (!out)
		return -1;
	if (watcher->journal != WEB_WATCH_FRESH)
		snprintf(id, sizeof(id),
			watcher->lines ? ",\"id\":%lld" : "id: %lld\n",
			(long long)watcher->journal);
	if (watcher->lines)
		fprintf(out, "{\"event\":\"%s\"%s,\"data\":", name, id);
	else
		fprintf(out, "%sevent: %s\ndata: ", id, name);
	fwrite(text, 1, length, out);
	fputs(watcher->lines ? "}\n" : "\n\n", out);
	code = fclose(out);
	if (!code)
		code = ph_exchange_send(watcher->exchange, event, whole);
	free(event);
	return code;
}

int web_watcher_tell_gap(struct web_watcher *watcher, uint64_t missed)
{
	char gap[60];

	snprintf(gap, sizeof(gap), "{\"missed\":%llu}",
		(unsigned long long)missed);
	return send_event(watcher, "gap", gap, strlen(gap));
}

/* What was not sent is told before anything else is. */
int web_watcher_tell(struct web_watcher *watcher, const char *name,
	const char *text, size_t length)
{
	if (watcher->missed && web_watcher_tell_gap(watcher, watcher->missed))
		return -1;
	watcher->missed = 0;
	return send_event(watcher, name, text, length);
}

/* --- all of them --- */

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
	web_watch_ask_flows(web);
	web_watch_ask_journal(web);
}

/* The line that whoever comes back has. -1: that is no number. */
static int read_since(
	struct ph_exchange *exchange, int64_t *out, struct ph_error *error)
{
	const char *last = ph_exchange_header(exchange, PH_HTTP_LAST_EVENT);
	char text[WEB_QUERY];
	bool given = ph_exchange_query(exchange, "since", text, sizeof(text));
	const char *line = last[0] ? last : text;
	size_t length;

	*out = WEB_WATCH_FRESH;
	if (!last[0] && !given)
		return 0;
	length = strlen(line);
	if (!length || length > 18 || strspn(line, "0123456789") != length)
		return ph_fail(error, PH_EXIT_USAGE,
			last[0] ? "Last-Event-ID" : "since",
			"give the id of an event, a number; without, it "
			"begins with the latest line",
			"not valid: '%.60s'", line);
	*out = strtoll(line, NULL, 10);
	return 0;
}

static void begin(struct ph_web *web, struct web_watcher *watcher)
{
	struct ph_exchange *exchange = watcher->exchange;

	ph_exchange_set_own(exchange, watcher);
	ph_exchange_stream(exchange,
		watcher->lines ? "application/x-ndjson" : "text/event-stream",
		web_headers);
	if (!watcher->lines)
		ph_exchange_send(exchange, "retry: 2000\n\n", 13);
	DL_APPEND(web->watchers, watcher);
	if (!web->watcher_count++)
		ph_http_every(web->http, PERIOD, tick, web);
	web_watch_catch_up(web, watcher);
	tick(web);
}

void web_watch_begin(struct web_query *query)
{
	struct ph_web *web = query->web;
	struct ph_exchange *exchange =
		ph_exchange_find(web->http, query->exchange);
	struct web_watcher *watcher;
	struct ph_error error;
	int64_t since;

	if (!exchange)
		return;
	if (query->denied) {
		ph_fail(&error, PH_EXIT_DENIED, query->peer.source,
			"posthouse token makes a token", "%s", query->denied);
		web_refuse(exchange, &error);
		return;
	}
	if (read_since(exchange, &since, &error)) {
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
	watcher->journal = since;
	watcher->lines = strstr(ph_exchange_header(exchange, PH_HTTP_ACCEPT),
				 "application/x-ndjson") != NULL;
	watcher->until = query->until;
	watcher->revoked = query->revoked;
	begin(web, watcher);
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
