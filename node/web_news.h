#ifndef PH_NODE_WEB_NEWS_H
#define PH_NODE_WEB_NEWS_H

#include "node/web_inner.h"

/*
 * Who has changed, while anybody watches: every node that the feed looks at has
 * one question out, node.changed, and one that answers it with news is looked
 * at alone, at once. All on the loop.
 *
 * Bounded, whatever the others say: WEB_PEERS nodes, each asked at most every
 * NEWS_APART; one look at those with news at a time, and after it a pause as
 * long as it took. A node that does not answer it in time waits for the next
 * look at all of them. Who does not know the call is asked now and then.
 */
struct web_news;

/* -ENOMEM. */
int web_news_create(struct web_news **out, struct ph_web *web);
/* NULL is harmless. */
void web_news_destroy(struct web_news *news);
/* A look at all begins with this node, too: it is watched, for NEWS_LEASE. */
void web_news_watch(struct web_news *news, const char *node);
/* The look at those with news, which web_watch_heard began: calls `look` for
 * each of them. */
void web_news_take(struct web_news *news,
	void (*look)(struct web_query *query, const char *node),
	struct web_query *query);
/* It is over. */
void web_news_taken(struct web_news *news);

#endif
