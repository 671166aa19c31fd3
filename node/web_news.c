#include "node/web_news.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/* From one look at all to the next, one of them waiting for a node that hangs
 * (WEB_PEER_TIMEOUT): what changes then is news, too. */
#define NEWS_LEASE (10 * PH_SECOND)
#define NEWS_LOST  (3 * PH_SECOND) /* a word that nobody took */
#define NEWS_APART (20 * PH_MILLISECOND)
#define NEWS_LASTS (30 * PH_SECOND) /* a question */
#define NEWS_RETRY (10 * PH_SECOND) /* of one that was not answered */

/* A node that is watched. */
struct source {
	struct web_news *news; /* NULL: gone, an answer is still awaited */
	char node[40];
	uint64_t life;
	uint64_t count;
	bool asking;
	bool changed;
	int64_t again; /* not asked before */
	int64_t until; /* watched so long */
	struct source *prev, *next;
};

struct web_news {
	struct ph_web *web;
	struct source *sources;
	unsigned count;
	struct ph_timer timer;
	bool told;     /* the web thread is to make a look... */
	int64_t said;  /* since then */
	bool looking;  /* it is under way... */
	int64_t began; /* since then */
	int64_t quiet; /* none before */
	struct ph_http_task task;
	atomic_bool posted; /* the task is on its way */
};

static int64_t now_of(const struct web_news *news)
{
	return ph_loop_now(news->web->node->loop);
}

static void turn(struct web_news *news);

/* --- the questions --- */

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct source *source = context;
	struct ph_document *document;
	struct ph_value answer;

	if (!source->news) {
		free(source);
		return;
	}
	source->asking = false;
	source->again = now_of(source->news) + NEWS_APART;
	if (status || ph_document_read(&document, body, length, PH_SKIM_PEER)) {
		source->again = now_of(source->news) + NEWS_RETRY;
	} else {
		answer = ph_document_root(document);
		/* The first answer is what the first look has seen. */
		source->changed |=
			source->life &&
			(source->life != ph_get_u64(answer, "life") ||
				source->count != ph_get_u64(answer, "count"));
		source->life = ph_get_u64(answer, "life");
		source->count = ph_get_u64(answer, "count");
		ph_document_free(document);
	}
	turn(source->news);
}

static void ask(struct web_news *news, struct source *source)
{
	struct ph_node *node = news->web->node;
	bool here = !strcmp(source->node, node->name);
	struct ph_writer *writer;

	source->again = now_of(news) + NEWS_RETRY;
	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_u64(writer, "life", source->life);
	ph_put_u64(writer, "count", source->count);
	ph_write_end(writer);
	source->asking = !ph_call_send(node->door, &ph_node_self,
		here ? "" : source->node, PH_NODE_CHANGED, writer, now_of(news),
		NEWS_LASTS, on_answer, source);
	ph_writer_free(writer);
}

static void drop(struct web_news *news, struct source *source)
{
	DL_DELETE(news->sources, source);
	news->count--;
	source->news = NULL;
	if (!source->asking)
		free(source);
}

/* --- the looks --- */

static void tell(struct ph_http_task *task)
{
	struct web_news *news =
		(struct web_news *)((char *)task -
				    offsetof(struct web_news, task));

	atomic_store(&news->posted, false);
	web_watch_heard(news->web);
}

/* What is due is done; the rest is waited for. */
static void turn(struct web_news *news)
{
	struct ph_loop *loop = news->web->node->loop;
	int64_t now = now_of(news);
	int64_t due = INT64_MAX;
	bool changed = false;
	struct source *source;
	struct source *next;

	DL_FOREACH_SAFE(news->sources, source, next)
	{
		if (source->until <= now) {
			drop(news, source);
			continue;
		}
		if (!source->asking && source->again <= now)
			ask(news, source);
		if (!source->asking && source->again < due)
			due = source->again;
		if (source->until < due)
			due = source->until;
		changed |= source->changed;
	}
	if (changed && !news->told && !news->looking) {
		if (news->quiet <= now) {
			news->told = true;
			news->said = now;
			atomic_store(&news->posted, true);
			ph_http_post(news->web->http, &news->task);
		} else if (news->quiet < due) {
			due = news->quiet;
		}
	}
	if (due == INT64_MAX)
		ph_timer_stop(loop, &news->timer);
	else
		ph_timer_start(loop, &news->timer, due);
}

static void on_due(struct ph_timer *timer)
{
	turn((struct web_news *)((char *)timer -
				 offsetof(struct web_news, timer)));
}

static struct source *find(const struct web_news *news, const char *node)
{
	struct source *source;

	DL_FOREACH(news->sources, source)
	{
		if (!strcmp(source->node, node))
			return source;
	}
	return NULL;
}

void web_news_watch(struct web_news *news, const char *node)
{
	struct source *source = find(news, node);

	/* A word that was lost on the web thread is said again; not one that
	 * this thread has not come to yet. */
	if (news->told && !atomic_load(&news->posted) &&
		now_of(news) - news->said > NEWS_LOST)
		news->told = false;
	if (!source && news->count < WEB_PEERS) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return;
		source->news = news;
		snprintf(source->node, sizeof(source->node), "%s", node);
		DL_APPEND(news->sources, source);
		news->count++;
	}
	if (!source)
		return;
	source->until = now_of(news) + NEWS_LEASE;
	turn(news);
}

void web_news_take(struct web_news *news,
	void (*look)(struct web_query *query, const char *node),
	struct web_query *query)
{
	struct source *source;

	news->told = false;
	news->looking = true;
	news->began = now_of(news);
	DL_FOREACH(news->sources, source)
	{
		if (!source->changed)
			continue;
		source->changed = false;
		look(query, source->node);
	}
}

void web_news_taken(struct web_news *news)
{
	int64_t now = now_of(news);
	int64_t took = now - news->began;

	news->looking = false;
	news->quiet = now + (took > NEWS_APART ? took : NEWS_APART);
	turn(news);
}

int web_news_create(struct web_news **out, struct ph_web *web)
{
	struct web_news *news = calloc(1, sizeof(*news));

	if (!news)
		return -ENOMEM;
	news->web = web;
	news->timer.on_due = on_due;
	news->task.run = tell;
	*out = news;
	return 0;
}

void web_news_destroy(struct web_news *news)
{
	if (!news)
		return;
	while (news->sources)
		drop(news, news->sources);
	ph_timer_stop(news->web->node->loop, &news->timer);
	free(news);
}
