#include <stdlib.h>
#include <utlist.h>

#include "node/web_watch.h"

#define LINES 500 /* at once */

static int64_t number_at(struct ph_value items, size_t at)
{
	return ph_get_int(ph_value_at(items, at), "n");
}

/* Takes the query. */
static int ask_events(struct web_query *query, int64_t since, int64_t count,
	void (*finish)(struct web_query *query))
{
	struct ph_writer *writer;

	if (!query)
		return -1;
	if (ph_writer_create(&writer)) {
		web_query_free(query);
		return -1;
	}
	ph_write_map(writer);
	ph_put_int(writer, "since", since);
	ph_put_int(writer, "count", count);
	ph_write_end(writer);
	query->finish = finish;
	web_query_ask(query, PH_STORE_EVENTS, writer);
	ph_writer_free(writer);
	web_query_send(query);
	return 0;
}

/* The items as an event; the watcher has them, unless it is too slow. */
static void tell_lines(struct web_watcher *watcher,
	const struct web_query *query, struct ph_value items)
{
	size_t count = ph_value_count(items);
	int64_t before = watcher->journal;
	size_t length;
	char *text =
		count ? web_watch_envelope(query, items, false, &length) : NULL;

	if (!text)
		return;
	watcher->journal = number_at(items, count - 1);
	if (web_watcher_tell(watcher, "journal", text, length))
		watcher->journal = before;
	free(text);
}

/* Those of the items that come after the line. */
static void tell_after(struct web_watcher *watcher,
	const struct web_query *query, struct ph_value items)
{
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(items); i++)
		if (number_at(items, i) > watcher->journal)
			ph_write_value(writer, ph_value_at(items, i));
	ph_write_end(writer);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		tell_lines(watcher, query, ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

/* The line that it has was asked for, too: where even that is not there, the
 * journal is another, or was cut. */
static void catch_up_with(struct web_watcher *watcher,
	const struct web_query *query, struct ph_value items)
{
	int64_t first = ph_value_count(items) ? number_at(items, 0) : 0;

	if (watcher->journal == WEB_WATCH_FRESH) {
		if (first)
			tell_lines(watcher, query, items);
		else
			watcher->journal = 0;
	} else if (!first) {
		if (!watcher->journal)
			return;
		if (!web_watcher_tell_gap(watcher, 0))
			watcher->journal = WEB_WATCH_FRESH;
	} else if (first > watcher->journal + 1) {
		if (!web_watcher_tell_gap(
			    watcher, (uint64_t)(first - watcher->journal - 1)))
			tell_after(watcher, query, items);
	} else {
		tell_after(watcher, query, items);
	}
}

static void on_caught_up(struct web_query *query)
{
	struct ph_exchange *exchange =
		ph_exchange_find(query->web->http, query->exchange);
	struct web_watcher *watcher =
		exchange ? ph_exchange_own(exchange) : NULL;
	struct ph_document *document;
	struct ph_writer *memory;

	if (!watcher)
		return;
	watcher->asking = false;
	if (query->answer_count != 1 || query->answers->status ||
		web_query_items(query, 0, &document, &memory))
		return;
	catch_up_with(watcher, query, ph_document_root(document));
	ph_document_free(document);
	ph_writer_free(memory);
}

void web_watch_catch_up(struct ph_web *web, struct web_watcher *watcher)
{
	struct web_query *query;
	int64_t has = watcher->journal;

	if (watcher->asking)
		return;
	query = web_query_create(web, NULL);
	if (query)
		query->exchange = ph_exchange_id(watcher->exchange);
	watcher->asking = !ask_events(query, has > 0 ? has - 1 : 0,
		has == WEB_WATCH_FRESH ? 1 : LINES + 1, on_caught_up);
}

/* All who have the line before get the same; the others what they miss. */
static void tell_journal(struct ph_web *web, struct web_query *query)
{
	int64_t before = web->journal;
	struct web_watcher *watcher;
	struct ph_document *document;
	struct ph_writer *memory;
	struct ph_value items;

	if (web_query_items(query, 0, &document, &memory))
		return;
	items = ph_document_root(document);
	if (ph_value_count(items))
		web->journal = number_at(items, ph_value_count(items) - 1);
	DL_FOREACH(web->watchers, watcher)
	{
		if (watcher->asking)
			continue;
		if (watcher->journal == before && ph_value_count(items) &&
			number_at(items, 0) == before + 1)
			tell_lines(watcher, query, items);
		else if (watcher->journal < web->journal)
			web_watch_catch_up(web, watcher);
	}
	ph_document_free(document);
	ph_writer_free(memory);
}

static void on_journal(struct web_query *query)
{
	struct ph_web *web = query->web;

	web->reading = false;
	tell_journal(web, query);
	if (web->reread)
		web_watch_ask_journal(web);
}

void web_watch_ask_journal(struct ph_web *web)
{
	if (web->reading)
		return;
	web->reread = false;
	web->reading = !ask_events(web_query_create(web, NULL), web->journal,
		web->journal ? LINES : 1, on_journal);
}
