#include "node/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/log.h"
#include "node/web_news.h"
#include "node/web_terminal.h"
#include "transport/socket.h"

/* Listening, and what a new connection is. */
#define BACKLOG	     128
#define TURN	     16 /* connections a turn */
#define OUT_OF_FILES (100 * PH_MILLISECOND)

void ph_web_take(struct ph_web *web, int fd)
{
	struct ph_endpoint here = {.length = sizeof(here.storage)};
	struct ph_endpoint there = {.length = sizeof(there.storage)};
	struct ucred who;
	socklen_t size = sizeof(who);
	struct ph_http_peer peer = {0};

	if (web->node->stopping || getsockname(fd, &here.any, &here.length) ||
		getpeername(fd, &there.any, &there.length)) {
		close(fd);
		return;
	}
	ph_endpoint_host(&there, peer.source, sizeof(peer.source));
	if (here.any.sa_family == AF_UNIX) {
		peer.has_uid =
			!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
		peer.uid = who.uid;
		if (!peer.has_uid) {
			close(fd);
			return;
		}
	} else {
		ph_endpoint_host(&here, peer.local, sizeof(peer.local));
		peer.port = ph_endpoint_port(&here);
		peer.loopback = ph_endpoint_is_loopback(&there);
		ph_socket_tune(fd);
	}
	ph_http_adopt(web->http, fd, &peer);
}

static void breathe(struct ph_timer *timer)
{
	struct web_door *door =
		(struct web_door *)((char *)timer -
				    offsetof(struct web_door, breath));

	ph_watch_change(&door->watch, EPOLLIN);
}

static void on_ready(struct ph_watch *watch, uint32_t events)
{
	struct web_door *door = (struct web_door *)watch;
	struct ph_loop *loop = door->web->node->loop;
	int fd;

	for (unsigned i = 0; i < TURN; i++) {
		fd = accept4(
			watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			ph_web_take(door->web, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			ph_watch_change(watch, 0);
			ph_timer_start(loop, &door->breath,
				ph_loop_now(loop) + OUT_OF_FILES);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* A socket file on which nobody listens any more is replaced. */
static void drop_stale(const struct ph_endpoint *endpoint)
{
	struct stat about;
	int fd;

	if (endpoint->any.sa_family != AF_UNIX ||
		lstat(endpoint->local.sun_path, &about) ||
		!S_ISSOCK(about.st_mode))
		return;
	fd = ph_socket_open(endpoint);
	if (fd < 0)
		return;
	if (connect(fd, &endpoint->any, endpoint->length) &&
		errno == ECONNREFUSED)
		unlink(endpoint->local.sun_path);
	close(fd);
}

static int open_socket(const struct ph_endpoint *endpoint)
{
	int fd = ph_socket_open(endpoint);
	int on = 1;
	int error;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	drop_stale(endpoint);
	if (!bind(fd, &endpoint->any, endpoint->length) && !listen(fd, BACKLOG))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int open_door(struct ph_web *web, const struct ph_endpoint *endpoint)
{
	struct web_door *door = &web->doors[web->door_count];
	struct ph_endpoint bound = {.length = sizeof(bound.storage)};
	int fd = open_socket(endpoint);
	int code;

	if (fd < 0)
		return fd;
	door->web = web;
	door->watch.on_event = on_ready;
	door->breath.on_due = breathe;
	code = ph_watch_start(web->node->loop, &door->watch, fd, EPOLLIN);
	if (code) {
		close(fd);
		return code;
	}
	if (endpoint->any.sa_family != AF_UNIX &&
		!getsockname(fd, &bound.any, &bound.length))
		door->address.port = ph_endpoint_port(&bound);
	web->door_count++;
	return 0;
}

static void format(char *out, size_t size, const struct ph_address *address)
{
	if (address->scheme == PH_ADDRESS_UNIX)
		snprintf(out, size, "unix:%s", address->host);
	else
		snprintf(out, size,
			strchr(address->host, ':') ? "http://[%s]:%u/"
						   : "http://%s:%u/",
			address->host, address->port);
}

static int not_listening(struct ph_error *error, const char *where, int code)
{
	return ph_fail(error,
		code == -EADDRINUSE ? PH_EXIT_CONFLICT : PH_EXIT_USAGE, where,
		"choose another with --http, or --http off",
		"cannot listen for HTTP: %s", strerror(-code));
}

static int listen_at(struct ph_web *web, const struct ph_address *address,
	bool asked, struct ph_error *error)
{
	struct ph_endpoint endpoint[2];
	char where[160];
	int code;

	format(where, sizeof(where), address);
	if (address->scheme == PH_ADDRESS_UNIX)
		code = ph_endpoint_local(&endpoint[0], address->host);
	else
		code = ph_endpoint_literal(
			       endpoint, address->host, address->port)
			       ? 0
			       : -EINVAL;
	if (!code && address->scheme != PH_ADDRESS_UNIX &&
		!ph_endpoint_is_loopback(&endpoint[0]) && !web_token_any(web))
		return ph_fail(error, PH_EXIT_DENIED, where,
			"start it with --http 127.0.0.1:7679, make a token "
			"with posthouse token, then come back",
			"beyond the loopback HTTP takes tokens, and there is "
			"none");
	web->doors[web->door_count].address = *address;
	web->doors[web->door_count].asked = asked;
	if (!code)
		code = open_door(web, &endpoint[0]);
	if (code && !asked) {
		ph_log_warn("web", "no.page at=%s why=\"%s\"", where,
			strerror(-code));
		return 0;
	}
	if (code)
		return not_listening(error, where, code);
	format(where, sizeof(where), &web->doors[web->door_count - 1].address);
	ph_log_info("web", "page at=%s", where);
	return 0;
}

int ph_web_listen(struct ph_web *web, struct ph_error *error)
{
	const struct ph_options *options = &web->node->options;

	for (unsigned i = 0; i < options->https; i++)
		if (listen_at(
			    web, &options->http[i], options->http_asked, error))
			return -1;
	return 0;
}

void ph_web_addresses(const struct ph_web *web, struct ph_writer *writer)
{
	char text[160];

	for (unsigned i = 0; i < web->door_count; i++) {
		format(text, sizeof(text), &web->doors[i].address);
		ph_write_text(writer, text);
	}
	for (unsigned i = 0; i < web->node->options.http_origins; i++) {
		snprintf(text, sizeof(text), "%s/",
			web->node->options.http_origin[i]);
		ph_write_text(writer, text);
	}
}

/* --- the site --- */

struct web_claim web_claim_of(
	const struct ph_web *web, const struct ph_exchange *exchange)
{
	const struct ph_options *options = &web->node->options;
	struct web_claim claim = {.peer = ph_exchange_peer(exchange),
		.host = ph_exchange_header(exchange, PH_HTTP_HOST),
		.origin = ph_exchange_header(exchange, PH_HTTP_ORIGIN),
		.fetch_site = ph_exchange_header(exchange, PH_HTTP_FETCH_SITE),
		.origins = options->http_origin,
		.origin_count = options->http_origins};

	claim.passed_on = ph_exchange_forwarded(exchange) ||
			  web_auth_is_published(&claim);
	return claim;
}

static void on_request(void *context, struct ph_exchange *exchange)
{
	web_route(context, exchange);
}

static void on_gone(void *context, struct ph_exchange *exchange)
{
	web_watch_gone(context, exchange);
}

static int on_upgrade(void *context, struct ph_exchange *exchange,
	const struct ph_websocket_events **events, void **own)
{
	struct web_claim claim = web_claim_of(context, exchange);
	const char *why;

	if (strcmp(ph_exchange_path(exchange), "/v1/terminal") != 0)
		return 404;
	if (!web_auth_origin(&claim, &why))
		return 403;
	return web_terminal_open(context, exchange, events, own);
}

int ph_web_create(struct ph_web **out, struct ph_node *node)
{
	struct ph_web *web = calloc(1, sizeof(*web));
	struct ph_http_site site = {
		on_request, on_gone, on_upgrade, web, node->loop};
	int code;

	if (!web)
		return -ENOMEM;
	web->node = node;
	code = web_news_create(&web->news, web);
	if (!code)
		code = ph_http_create(&web->http, &site);
	if (code) {
		web_news_destroy(web->news);
		free(web);
		return code;
	}
	web_token_serve(web);
	node->host.http = web->http;
	*out = web;
	return 0;
}

void ph_web_destroy(struct ph_web *web)
{
	if (!web)
		return;
	for (unsigned i = 0; i < web->door_count; i++) {
		struct web_door *door = &web->doors[i];
		int fd = door->watch.fd;

		ph_timer_stop(web->node->loop, &door->breath);
		ph_watch_stop(&door->watch);
		close(fd);
		if (door->address.scheme == PH_ADDRESS_UNIX)
			unlink(door->address.host);
	}
	web_terminal_end_all(web);
	ph_http_destroy(web->http);
	web_watch_forget(web);
	web_news_destroy(web->news);
	free(web);
}
