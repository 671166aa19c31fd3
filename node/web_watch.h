#ifndef PH_NODE_WEB_WATCH_H
#define PH_NODE_WEB_WATCH_H

#include "node/web_inner.h"

/*
 * /v1/watch: server-sent events, or the same as lines of JSON. While anybody
 * watches, every node says when it has changed, and is then looked at (and all
 * are, once a second), whatever the number of watchers; all get the same bytes:
 *
 *   flows     the connections of every node, as /v1/flows
 *   journal   new lines of this node's journal, as /v1/journal
 *   news      {"nodes": [...]}: these have changed; look anew at what else is
 *             shown of them
 *   gap       {"missed": N}: so many events were not sent, because the client
 *             reads too slowly, or lines of the journal that are no more; look
 *             anew
 *
 * An event's id is the last line of the journal that the client has with it.
 * Whoever comes back with it (Last-Event-ID, or ?since=ID) gets the lines after
 * it, as whoever was too slow for them does: these wait in the store, not here.
 *
 *   web_watch.c          who watches, and how they are told
 *   web_watch_flows.c    what they are told of all nodes
 *   web_watch_journal.c  what of the journal each of them misses
 *   web_news.c           which nodes have changed
 */
#define WEB_WATCH_FRESH (-1)

struct web_watcher {
	struct ph_exchange *exchange;
	bool lines;	  /* of JSON */
	bool asking;	  /* for lines of the journal that it has missed */
	int64_t journal;  /* the last line that it has */
	uint64_t missed;  /* events */
	int64_t until;	  /* of its token; 0: it has none */
	unsigned revoked; /* web->revoked, when it began */
	struct web_watcher *prev;
	struct web_watcher *next;
};

/* All on the web thread. Non-zero: the client is too slow. */
int web_watcher_tell(struct web_watcher *watcher, const char *name,
	const char *text, size_t length);
int web_watcher_tell_gap(struct web_watcher *watcher, uint64_t missed);
/* The envelope without its end of line. NULL: no memory. */
char *web_watch_envelope(const struct web_query *query, struct ph_value items,
	bool sources, size_t *length);

/* Looks at every node, and tells all. */
void web_watch_ask_flows(struct ph_web *web);
/* Asks for new lines, and tells them to all. */
void web_watch_ask_journal(struct ph_web *web);
/* Asks for those that this one misses. */
void web_watch_catch_up(struct ph_web *web, struct web_watcher *watcher);

#endif
