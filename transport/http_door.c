#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "transport/http_inner.h"
#include "transport/listener.h"

/* Between the loop and the web thread: mail, what is handed over, doors. Free
 * of libwebsockets. */

/* Mail comes newest first. */
void http_read_mail(struct ph_http *http)
{
	struct ph_http_task *task = atomic_exchange(&http->mail, NULL);
	struct ph_http_task *first = NULL;
	struct ph_http_task *next;

	for (; task; task = next) {
		next = task->next;
		task->next = first;
		first = task;
	}
	for (; first; first = next) {
		next = first->next;
		first->run(first);
	}
}

static void drop_mail(struct ph_http *http)
{
	struct ph_http_task *task = atomic_exchange(&http->mail, NULL);
	struct ph_http_task *next;

	for (; task; task = next) {
		next = task->next;
		if (task->drop)
			task->drop(task);
	}
}

void http_drop_visitor(struct ph_http_task *task)
{
	struct ph_exchange *visitor =
		(struct ph_exchange *)((char *)task -
				       offsetof(struct ph_exchange, task));

	close(visitor->fd);
	atomic_fetch_sub(&visitor->http->count[visitor->kind], 1);
	free(visitor);
}

int ph_http_create(struct ph_http **out, const struct ph_http_site *site)
{
	struct ph_http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	if (site)
		http->site = *site;
	sem_init(&http->let_go, 0, 0);
	*out = http;
	return 0;
}

void ph_http_destroy(struct ph_http *http)
{
	struct lws_context *context;

	if (!http)
		return;
	atomic_store(&http->stopping, true);
	context = atomic_load(&http->context);
	if (context)
		http_wake(context);
	sem_post(&http->let_go);
	if (http->started)
		pthread_join(http->thread, NULL);
	sem_destroy(&http->let_go);
	drop_mail(http);
	free(http->scratch);
	free(http);
}

bool ph_http_is_up(const struct ph_http *http)
{
	return http->started;
}

void ph_http_post(struct ph_http *http, struct ph_http_task *task)
{
	struct lws_context *context;

	task->next = atomic_load(&http->mail);
	while (!atomic_compare_exchange_weak(&http->mail, &task->next, task))
		;
	context = atomic_load(&http->context);
	if (context)
		http_wake(context);
}

static bool start(struct ph_http *http)
{
	if (http->started)
		return true;
	http->started = !pthread_create(&http->thread, NULL, http_run, http);
	if (http->started)
		ph_log_debug("http", "the web thread begins");
	return http->started;
}

/* NULL, and the socket is closed, when there is no room for it. */
static struct ph_exchange *visitor_create(
	struct ph_http *http, int fd, enum visitor_kind kind)
{
	static const unsigned most[] = {PH_HTTP_CONNECTIONS, PH_HTTP_CARRIERS};
	struct ph_exchange *visitor = NULL;

	if (atomic_load(&http->count[kind]) < most[kind] && start(http))
		visitor = calloc(1, sizeof(*visitor));
	if (!visitor) {
		close(fd);
		return NULL;
	}
	atomic_fetch_add(&http->count[kind], 1);
	visitor->http = http;
	visitor->kind = kind;
	visitor->fd = fd;
	visitor->method = "";
	visitor->end = &visitor->first;
	visitor->task.drop = http_drop_visitor;
	return visitor;
}

void ph_http_adopt(
	struct ph_http *http, int fd, const struct ph_http_peer *peer)
{
	struct ph_exchange *visitor = visitor_create(
		http, fd, peer->door ? VISITOR_CARRIER : VISITOR_WEB);

	if (!visitor)
		return;
	visitor->peer = *peer;
	visitor->task.run = http_adopt_visitor;
	ph_http_post(http, &visitor->task);
}

/* --- carriers --- */

void ph_http_dial(struct ph_http *http, int fd, const char *host, uint16_t port,
	const char *name, bool tls)
{
	struct ph_exchange *visitor = visitor_create(http, fd, VISITOR_CARRIER);

	if (!visitor)
		return;
	snprintf(
		visitor->peer.source, sizeof(visitor->peer.source), "%s", host);
	snprintf(visitor->name, sizeof(visitor->name), "%s", name);
	visitor->peer.port = port;
	visitor->peer.tls = tls;
	visitor->task.run = http_dial_visitor;
	ph_http_post(http, &visitor->task);
}

int ph_http_bind(struct ph_http *http, struct ph_listener *listener)
{
	for (unsigned i = 0; i < HTTP_DOORS; i++) {
		if (http->doors[i])
			continue;
		http->doors[i] = listener;
		http->door[i] = ++http->generation;
		return (int)http->door[i];
	}
	return -ENOSPC;
}

void ph_http_unbind(struct ph_http *http, unsigned door)
{
	for (unsigned i = 0; i < HTTP_DOORS; i++)
		if (http->doors[i] && http->door[i] == door)
			http->doors[i] = NULL;
}

/* --- from the web thread to the loop: a WebSocket that came in --- */

struct arrival {
	struct ph_task task;
	struct ph_http *http;
	unsigned door;
	struct ph_endpoint peer;
	int fd;
};

static void arrive(struct ph_task *task)
{
	struct arrival *arrival = (struct arrival *)task;
	struct ph_http *http = arrival->http;

	for (unsigned i = 0; i < HTTP_DOORS; i++) {
		if (!http->doors[i] || http->door[i] != arrival->door)
			continue;
		ph_listener_offer(http->doors[i], arrival->fd, &arrival->peer);
		arrival->fd = -1;
		break;
	}
	if (arrival->fd >= 0)
		close(arrival->fd);
	free(arrival);
}

int http_arrived(struct ph_exchange *visitor, int fd)
{
	struct ph_http *http = visitor->http;
	struct arrival *arrival =
		http->site.loop ? calloc(1, sizeof(*arrival)) : NULL;

	if (!arrival)
		return -1;
	arrival->task.run = arrive;
	arrival->http = http;
	arrival->door = visitor->peer.door;
	arrival->fd = fd;
	ph_endpoint_literal(
		&arrival->peer, visitor->peer.source, visitor->peer.from);
	ph_loop_post(http->site.loop, &arrival->task);
	return 0;
}
