#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "node/web_watch.h"

/*
 * The connections of every node: all are asked once a second, because rates
 * are no news, and one that has changed is asked alone meanwhile. What each of
 * them answered last is kept, as long as anybody watches, so that the watchers
 * are always told of all.
 */

/* One line, without its end. NULL: no memory. */
char *web_watch_envelope(const struct web_query *query, struct ph_value items,
	bool sources, size_t *length)
{
	char *text = web_envelope(query, items, sources, length);

	if (text && *length && text[*length - 1] == '\n')
		--*length;
	return text;
}

static void tell_all(
	struct ph_web *web, const char *name, const char *text, size_t length)
{
	struct web_watcher *watcher;

	DL_FOREACH(web->watchers, watcher)
	if (!text || web_watcher_tell(watcher, name, text, length))
		watcher->missed++;
}

static void tell_flows(struct ph_web *web)
{
	struct ph_document *document;
	struct ph_writer *memory;
	size_t length = 0;
	char *text;

	if (web_query_items(web->flows, 0, &document, &memory)) {
		tell_all(web, "flows", NULL, 0);
		return;
	}
	text = web_watch_envelope(
		web->flows, ph_document_root(document), true, &length);
	tell_all(web, "flows", text, length);
	free(text);
	ph_document_free(document);
	ph_writer_free(memory);
}

/* Names of nodes need no quotes. */
static void tell_news(struct ph_web *web, const struct web_query *query)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	fputs("{\"nodes\":[", out);
	for (unsigned i = 0; i < query->answer_count; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "", query->answers[i].node);
	fputs("]}", out);
	if (!fclose(out))
		tell_all(web, "news", text, length);
	free(text);
}

/* --- what was seen last --- */

static struct web_answer *find(struct web_query *query, const char *node)
{
	for (unsigned i = 0; i < query->answer_count; i++)
		if (!strcmp(query->answers[i].node, node))
			return &query->answers[i];
	return NULL;
}

static void swap(struct web_answer *one, struct web_answer *other)
{
	struct web_answer kept = *one;

	*one = *other;
	*other = kept;
}

/* What is newer of a node than `into` has takes its place there. */
static void take_newer(struct web_query *into, struct web_query *from)
{
	for (unsigned i = 0; i < from->answer_count; i++) {
		struct web_answer *answer = &from->answers[i];
		struct web_answer *had = find(into, answer->node);

		if (had && !answer->status && answer->asked > had->asked)
			swap(had, answer);
	}
}

static struct web_query *flows_of(struct ph_web *web)
{
	if (!web->flows)
		web->flows = calloc(1, sizeof(*web->flows));
	if (!web->flows)
		return NULL;
	web->flows->web = web;
	web->flows->mesh = true;
	return web->flows;
}

static void on_looked(struct web_query *query)
{
	struct ph_web *web = query->web;
	struct web_query *flows = flows_of(web);

	web->looking = false;
	if (!flows || !web->watcher_count)
		return;
	/* A look at one of them may have overtaken this one. */
	take_newer(query, flows);
	web_answers_free(flows);
	flows->answers = query->answers;
	flows->answer_count = query->answer_count;
	flows->revision = query->revision;
	query->answers = NULL;
	query->answer_count = 0;
	tell_flows(web);
}

static void on_heard(struct web_query *query)
{
	struct ph_web *web = query->web;

	if (!web->watcher_count || !query->answer_count)
		return;
	if (find(query, web->node->name)) {
		web->reread = web->reading;
		web_watch_ask_journal(web);
	}
	tell_news(web, query);
	/* Without the others it would not be all. */
	if (!web->flows || !web->flows->answer_count)
		return;
	take_newer(web->flows, query);
	web->flows->revision = query->revision;
	tell_flows(web);
}

static bool look(struct ph_web *web, enum web_look at,
	void (*finish)(struct web_query *query))
{
	struct web_query *query = web_query_create(web, NULL);

	if (!query)
		return false;
	query->mesh = true;
	query->look = at;
	query->finish = finish;
	web_query_ask(query, PH_CONTROL_LIST, NULL);
	web_query_send(query);
	return true;
}

/* The last one is not over: a node that hangs is waited for. */
void web_watch_ask_flows(struct ph_web *web)
{
	if (!web->looking)
		web->looking = look(web, WEB_LOOK_ALL, on_looked);
}

void web_watch_heard(struct ph_web *web)
{
	look(web, WEB_LOOK_NEWS, on_heard);
}

void web_watch_forget(struct ph_web *web)
{
	if (web->flows)
		web_answers_free(web->flows);
	free(web->flows);
	web->flows = NULL;
}
