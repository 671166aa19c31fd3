#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libwebsockets.h>
#include <utlist.h>

#include "kernel/log.h"
#include "transport/certificate.h"
#include "transport/http_inner.h"
#include "transport/listener.h"

/*
 * The web thread. Connections come by mail from the loop, requests go up as
 * they are whole, answers come back by mail and are sent as the client takes
 * them. What a client may cost is bounded here: connections in all and from
 * one source, bytes of a body, bytes that wait.
 */
#define SOURCE_MOST  64u /* connections; the loopback may have them all */
#define PATIENCE     20	 /* s for headers, for a body, for each piece sent */
#define PIECE	     ((size_t)64 * 1024)
#define HEADERS_MOST ((size_t)2048)
#define REQUEST_MOST 8192 /* bytes of a request's headers */
#define DESCRIPTORS  (PH_HTTP_CONNECTIONS + 64)

struct ticker {
	lws_sorted_usec_list_t sul;
	struct ph_http *http;
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
	void *user, void *in, size_t length);

static const struct lws_protocols protocols[] = {
	{"http", on_event, 0, 0, 0, NULL, 0},
	{"posthouse-terminal", on_event, 0, HTTP_PIECE, 0, NULL, 0},
	{"posthouse-carrier", on_event, 0, HTTP_PIECE, 0, NULL, 0},
	{NULL, NULL, 0, 0, 0, NULL, 0}};

static struct ph_http *http_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

/* --- what is read of a request --- */

static void read_header(
	struct ph_exchange *visitor, enum ph_http_header at, int token)
{
	char *out = visitor->header[at];
	int code = lws_hdr_copy(visitor->wsi, out, sizeof(visitor->header[at]),
		(enum lws_token_indexes)token);

	if (code < 0) {
		out[0] = 0;
		visitor->too_long = true;
	}
}

static void read_custom(
	struct ph_exchange *visitor, enum ph_http_header at, const char *name)
{
	char *out = visitor->header[at];
	int length = (int)strlen(name);

	out[0] = 0;
	if (lws_hdr_custom_length(visitor->wsi, name, length) <= 0)
		return;
	if (lws_hdr_custom_copy(visitor->wsi, out, sizeof(visitor->header[at]),
		    name, length) < 0) {
		out[0] = 0;
		visitor->too_long = true;
	}
}

static void read_forwarded(struct ph_exchange *visitor)
{
	static const char *const names[] = {"forwarded:", "x-forwarded-host:"};
	static const enum lws_token_indexes tokens[] = {
		WSI_TOKEN_X_FORWARDED_FOR, WSI_TOKEN_HTTP_X_REAL_IP,
		WSI_TOKEN_HTTP_VIA};
	struct lws *wsi = visitor->wsi;

	visitor->forwarded = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		visitor->forwarded |= lws_hdr_custom_length(wsi, names[i],
					      (int)strlen(names[i])) > 0;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		visitor->forwarded |= lws_hdr_total_length(wsi, tokens[i]) > 0;
}

static void read_query(struct ph_exchange *visitor)
{
	size_t used = 0;
	int length;

	for (int i = 0; used + 2 < sizeof(visitor->query); i++) {
		length = lws_hdr_copy_fragment(visitor->wsi,
			visitor->query + used,
			(int)(sizeof(visitor->query) - used - 2),
			WSI_TOKEN_HTTP_URI_ARGS, i);
		if (length < 0)
			break;
		if (length)
			used += (size_t)length + 1;
	}
	visitor->query[used] = 0;
}

static void read_line(struct ph_exchange *visitor)
{
	static const struct {
		enum lws_token_indexes token;
		const char *method;
	} methods[] = {{WSI_TOKEN_GET_URI, "GET"}, {WSI_TOKEN_POST_URI, "POST"},
		{WSI_TOKEN_HEAD_URI, "HEAD"}, {WSI_TOKEN_DELETE_URI, ""},
		{WSI_TOKEN_PUT_URI, ""}, {WSI_TOKEN_PATCH_URI, ""},
		{WSI_TOKEN_OPTIONS_URI, ""}};

	visitor->method[0] = visitor->path[0] = 0;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (lws_hdr_total_length(visitor->wsi, methods[i].token) <= 0)
			continue;
		if (lws_hdr_copy(visitor->wsi, visitor->path,
			    sizeof(visitor->path), methods[i].token) < 0)
			continue;
		snprintf(visitor->method, sizeof(visitor->method), "%s",
			methods[i].method);
	}
}

void http_read_request(struct ph_exchange *visitor)
{
	visitor->id = ++visitor->http->last_id;
	visitor->too_long = false;
	read_line(visitor);
	read_query(visitor);
	read_header(visitor, PH_HTTP_HOST, WSI_TOKEN_HOST);
	read_header(visitor, PH_HTTP_ORIGIN, WSI_TOKEN_ORIGIN);
	read_header(
		visitor, PH_HTTP_AUTHORIZATION, WSI_TOKEN_HTTP_AUTHORIZATION);
	read_header(visitor, PH_HTTP_CONTENT_TYPE, WSI_TOKEN_HTTP_CONTENT_TYPE);
	read_header(visitor, PH_HTTP_ACCEPT_ENCODING,
		WSI_TOKEN_HTTP_ACCEPT_ENCODING);
	read_header(visitor, PH_HTTP_PROTOCOL, WSI_TOKEN_PROTOCOL);
	read_custom(visitor, PH_HTTP_LAST_EVENT, "last-event-id:");
	read_custom(visitor, PH_HTTP_FETCH_SITE, "sec-fetch-site:");
	read_forwarded(visitor);
}

/* --- requests --- */

static void begin_waiting(struct ph_exchange *visitor)
{
	visitor->phase = PHASE_WAITING;
	/* An apply takes as long as it takes. */
	lws_set_timeout(visitor->wsi, NO_PENDING_TIMEOUT, 0);
	if (visitor->http->site.on_request)
		visitor->http->site.on_request(
			visitor->http->site.context, visitor);
	else
		ph_exchange_answer(visitor, 404, "text/plain", NULL, "", 0);
}

static int refuse(struct ph_exchange *visitor, unsigned status)
{
	visitor->phase = PHASE_WAITING;
	visitor->last = true;
	ph_exchange_answer(visitor, status, "text/plain", NULL, "", 0);
	return 0;
}

static int on_request(struct ph_exchange *visitor)
{
	char length[24] = "";

	http_reset(visitor);
	http_read_request(visitor);
	if (visitor->too_long)
		return refuse(visitor, 431);
	if (strcmp(visitor->method, "POST") != 0) {
		begin_waiting(visitor);
		return 0;
	}
	/* A body of unknown length is not read at all. */
	if (lws_hdr_total_length(
		    visitor->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
		lws_hdr_copy(visitor->wsi, length, sizeof(length),
			WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
		return refuse(visitor, 411);
	if (strtoull(length, NULL, 10) > PH_HTTP_BODY)
		return refuse(visitor, 413);
	visitor->phase = PHASE_BODY;
	if (!strtoull(length, NULL, 10))
		begin_waiting(visitor);
	return 0;
}

int http_append(struct ph_exchange *visitor, const void *data, size_t length,
	size_t most)
{
	size_t room = visitor->room ? visitor->room : 1024;
	uint8_t *body;

	if (visitor->length + length > most)
		return -EMSGSIZE;
	while (room < visitor->length + length)
		room *= 2;
	if (room != visitor->room) {
		body = realloc(visitor->body, room);
		if (!body)
			return -ENOMEM;
		visitor->body = body;
		visitor->room = room;
	}
	if (length)
		memcpy(visitor->body + visitor->length, data, length);
	visitor->length += length;
	return 0;
}

static int on_body(struct ph_exchange *visitor, const void *in, size_t length)
{
	if (visitor->phase != PHASE_BODY)
		return 0; /* it was refused; the rest is read over */
	return http_append(visitor, in, length, PH_HTTP_BODY) ? -1 : 0;
}

/* --- answers --- */

static int send_headers(struct ph_exchange *visitor)
{
	uint8_t buffer[LWS_PRE + HEADERS_MOST];
	uint8_t *start = buffer + LWS_PRE;
	uint8_t *at = start;
	uint8_t *end = buffer + sizeof(buffer) - 1;
	size_t lines = visitor->headers ? strlen(visitor->headers) : 0;
	struct lws *wsi = visitor->wsi;

	if (lws_add_http_header_status(wsi, visitor->status, &at, end) ||
		lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
			(const uint8_t *)visitor->type,
			(int)strlen(visitor->type), &at, end))
		return -1;
	if (!visitor->endless && lws_add_http_header_content_length(
					 wsi, visitor->answer, &at, end))
		return -1;
	if ((visitor->endless || visitor->last) &&
		lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION,
			(const uint8_t *)"close", 5, &at, end))
		return -1;
	if ((size_t)(end - at) < lines)
		return -1;
	if (lines)
		memcpy(at, visitor->headers, lines);
	at += lines;
	if (lws_finalize_write_http_header(wsi, start, &at, end))
		return -1;
	visitor->phase = PHASE_SENDING;
	return 0;
}

static int finish(struct ph_exchange *visitor)
{
	bool last = visitor->last;

	http_reset(visitor);
	return lws_http_transaction_completed(visitor->wsi) || last ? -1 : 0;
}

static int send_body(struct ph_exchange *visitor)
{
	struct chunk *chunk = visitor->first;
	size_t piece;
	bool final;

	if (visitor->ending)
		return -1;
	if (!chunk)
		return visitor->endless ? 0 : finish(visitor);
	piece = chunk->length - chunk->sent;
	piece = piece < PIECE ? piece : PIECE;
	final = !visitor->endless && !chunk->next &&
		chunk->sent + piece == chunk->length;
	lws_set_timeout(visitor->wsi,
		visitor->endless && !chunk->next ? NO_PENDING_TIMEOUT
						 : PENDING_TIMEOUT_HTTP_CONTENT,
		visitor->endless && !chunk->next ? 0 : PATIENCE);
	if (lws_write(visitor->wsi, chunk->data + chunk->sent, piece,
		    final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
		return -1;
	chunk->sent += piece;
	visitor->waiting -= piece;
	visitor->http->pending -= piece;
	if (chunk->sent == chunk->length)
		http_unqueue(visitor);
	if (final)
		return finish(visitor);
	if (visitor->first)
		lws_callback_on_writable(visitor->wsi);
	return 0;
}

static int on_writable(struct ph_exchange *visitor)
{
	if (visitor->phase == PHASE_HEADERS) {
		if (send_headers(visitor))
			return -1;
		if (!visitor->first && !visitor->endless)
			return finish(visitor);
		lws_callback_on_writable(visitor->wsi);
		return 0;
	}
	return visitor->phase == PHASE_SENDING ? send_body(visitor) : 0;
}

void http_ask_room(struct ph_exchange *visitor)
{
	lws_callback_on_writable(visitor->wsi);
}

struct chunk *http_chunk(const void *data, size_t length)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + LWS_PRE + length);

	if (!chunk)
		return NULL;
	*chunk = (struct chunk){.length = length};
	chunk->data = chunk->memory + LWS_PRE;
	if (length)
		memcpy(chunk->data, data, length);
	return chunk;
}

void ph_exchange_answer(struct ph_exchange *exchange, unsigned status,
	const char *type, const char *headers, const void *body, size_t length)
{
	bool bodiless = !strcmp(exchange->method, "HEAD");
	struct chunk *chunk = NULL;

	if (exchange->phase != PHASE_WAITING)
		return;
	if (exchange->http->pending + length > PH_HTTP_PENDING) {
		status = 503;
		length = 0;
	}
	if (length && !bodiless) {
		chunk = http_chunk(body, length);
		status = chunk ? status : 503;
		length = chunk ? length : 0;
	}
	exchange->status = status;
	exchange->answer = length;
	snprintf(exchange->type, sizeof(exchange->type), "%s", type);
	exchange->headers = headers ? strdup(headers) : NULL;
	if (chunk)
		http_queue(exchange, chunk);
	exchange->phase = PHASE_HEADERS;
	lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE);
	lws_callback_on_writable(exchange->wsi);
}

void ph_exchange_stream(
	struct ph_exchange *exchange, const char *type, const char *headers)
{
	if (exchange->phase != PHASE_WAITING)
		return;
	exchange->status = 200;
	exchange->endless = true;
	snprintf(exchange->type, sizeof(exchange->type), "%s", type);
	exchange->headers = headers ? strdup(headers) : NULL;
	exchange->phase = PHASE_HEADERS;
	lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE);
	lws_callback_on_writable(exchange->wsi);
}

/* --- connections --- */

static void begin_tick(struct ph_http *http);

static void ticked(lws_sorted_usec_list_t *sul)
{
	struct ph_http *http =
		((struct ticker *)((char *)sul - offsetof(struct ticker, sul)))
			->http;

	if (!http->period_ms)
		return;
	begin_tick(http);
	http->tick(http->tick_context);
}

static void begin_tick(struct ph_http *http)
{
	lws_sul_schedule(http->context, 0, &http->ticker->sul, ticked,
		(lws_usec_t)http->period_ms * LWS_US_PER_MS);
}

void ph_http_every(struct ph_http *http, unsigned period_ms,
	void (*tick)(void *context), void *context)
{
	bool idle = !http->period_ms;

	http->period_ms = period_ms;
	http->tick = tick;
	http->tick_context = context;
	if (idle && period_ms)
		begin_tick(http);
}

static void visitor_free(struct ph_exchange *visitor)
{
	websocket_end(visitor);
	bridge_left(visitor);
	http_reset(visitor);
	DL_DELETE2(visitor->http->visitors, visitor, prev, following);
	atomic_fetch_sub(&visitor->http->count, 1);
	free(visitor);
}

static bool is_full(const struct ph_http *http, const struct ph_exchange *new)
{
	struct ph_exchange *visitor;
	unsigned same = 0;

	if (new->peer.loopback || new->peer.has_uid)
		return false;
	DL_FOREACH2(http->visitors, visitor, following)
	same += !strcmp(visitor->peer.source, new->peer.source);
	return same >= SOURCE_MOST;
}

/* Made for the first who comes by wss: a key costs time. */
static struct lws_vhost *secure_vhost(struct ph_http *http)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.alpn = "http/1.1",
		.keepalive_timeout = PATIENCE,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			   LWS_SERVER_OPTION_VALIDATE_UTF8 |
			   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.vhost_name = "posthouse-tls"};
	uint8_t *certificate;
	uint8_t *key;
	size_t length[2];

	if (http->secure || ph_certificate_outer(
				    &certificate, &length[0], &key, &length[1]))
		return http->secure;
	info.server_ssl_cert_mem = certificate;
	info.server_ssl_cert_mem_len = (unsigned)length[0];
	info.server_ssl_private_key_mem = key;
	info.server_ssl_private_key_mem_len = (unsigned)length[1];
	http->secure = lws_create_vhost(http->context, &info);
	free(certificate);
	free(key);
	return http->secure;
}

void http_adopt_visitor(struct ph_http_task *task)
{
	struct ph_exchange *visitor =
		(struct ph_exchange *)((char *)task -
				       offsetof(struct ph_exchange, task));
	struct ph_http *http = visitor->http;
	struct ph_exchange *other;
	bool tls = visitor->peer.tls;
	lws_adopt_desc_t adopt = {.vh = tls ? secure_vhost(http) : http->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP |
			(tls ? LWS_ADOPT_ALLOW_SSL : 0),
		.fd.sockfd = visitor->fd,
		.opaque = visitor};

	if (is_full(http, visitor) || !adopt.vh) {
		http_drop_visitor(task);
		return;
	}
	DL_APPEND2(http->visitors, visitor, prev, following);
	if (lws_adopt_descriptor_vhost_via_info(&adopt))
		return;
	/* Its memory may have gone with what libwebsockets had begun. */
	DL_FOREACH2(http->visitors, other, following)
	{
		if (other == visitor) {
			visitor_free(visitor);
			return;
		}
	}
}

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
	visitor->length = visitor->room = 0;
	visitor->own = NULL;
	visitor->endless = visitor->starved = visitor->ending = false;
	visitor->phase = PHASE_IDLE;
}

static void on_left(struct ph_exchange *visitor)
{
	struct ph_http *http = visitor->http;

	if (http->site.on_gone &&
		(visitor->phase == PHASE_WAITING || visitor->endless))
		http->site.on_gone(http->site.context, visitor);
	websocket_end(visitor);
	http_reset(visitor);
}

/* 0 goes on, 1 was answered, -1 hangs up. */
static int on_upgrade(struct ph_exchange *visitor, const char *to)
{
	struct ph_http *http = visitor->http;
	int status;

	if (strcasecmp(to, "websocket") != 0)
		return -1;
	http_reset(visitor);
	http_read_request(visitor);
	if (visitor->too_long) {
		lws_return_http_status(visitor->wsi, 431, NULL);
		return 1;
	}
	if (visitor->peer.door &&
		!strcmp(visitor->path, PH_HTTP_CARRIER_PATH)) {
		/* Peers are no pages. */
		if (visitor->header[PH_HTTP_ORIGIN][0]) {
			lws_return_http_status(visitor->wsi, 403, NULL);
			return 1;
		}
		visitor->carries = true;
		visitor->phase = PHASE_WEBSOCKET;
		return 0;
	}
	status = !http->site.on_upgrade
			 ? 404
			 : http->site.on_upgrade(http->site.context, visitor,
				   &visitor->events, &visitor->own);
	if (!status) {
		visitor->phase = PHASE_WEBSOCKET;
		return 0;
	}
	visitor->own = NULL;
	visitor->events = NULL;
	lws_return_http_status(visitor->wsi, (unsigned)status, NULL);
	return 1;
}

static int on_http(
	struct ph_exchange *visitor, int reason, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_request(visitor);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(visitor, in, length);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		if (visitor->phase == PHASE_BODY)
			begin_waiting(visitor);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return on_writable(visitor);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return on_upgrade(visitor, in);
	case LWS_CALLBACK_CLOSED_HTTP:
		on_left(visitor);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		visitor_free(visitor);
		return 0;
	default:
		return visitor->carries
			       ? bridge_event(visitor, reason, in, length)
			       : websocket_event(visitor, reason, in, length);
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
	void *user, void *in, size_t length)
{
	enum owner *owner;
	struct ph_exchange *visitor;

	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		http_read_mail(http_of(wsi));
		return 0;
	}
	owner = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	if (owner && *owner == OWNER_BRIDGE)
		return bridge_pipe_event((struct bridge *)owner, (int)reason);
	visitor = (struct ph_exchange *)owner;
	if (!visitor) {
		/* No connection of ours, as a stream of HTTP/2 would be. */
		return reason == LWS_CALLBACK_HTTP ||
				       reason == LWS_CALLBACK_ESTABLISHED
			       ? -1
			       : 0;
	}
	visitor->wsi = wsi;
	return on_http(visitor, (int)reason, in, length);
}

/* --- the thread --- */

/* A peer that is silent is asked after 5 s, and given up 9 s later. */
static const lws_retry_bo_t pulse = {
	.secs_since_valid_ping = 5, .secs_since_valid_hangup = 14};

static struct lws_context *make_context(struct ph_http *http)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.user = http,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			   LWS_SERVER_OPTION_VALIDATE_UTF8 |
			   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.fd_limit_per_thread = DESCRIPTORS,
		.max_http_header_data = REQUEST_MOST,
		.pt_serv_buf_size = PIECE,
		.timeout_secs = PATIENCE,
		.keepalive_timeout = PATIENCE,
		.retry_and_idle_policy = &pulse,
		.vhost_name = "posthouse"};
	struct lws_context *context;

	lws_set_log_level(0, NULL);
	context = lws_create_context(&info);
	if (!context)
		return NULL;
	http->scratch = malloc(LWS_PRE + HTTP_PIECE);
	http->vhost = lws_create_vhost(context, &info);
	if (http->vhost && http->scratch)
		return context;
	lws_context_destroy(context);
	return NULL;
}

void http_wake(struct lws_context *context)
{
	lws_cancel_service(context);
}

void *http_run(void *argument)
{
	struct ph_http *http = argument;
	struct ticker ticker = {.http = http};
	struct lws_context *context = make_context(http);

	/* Where there is no second CPU to spare, data goes first. */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 5);
	http->ticker = &ticker;
	if (!context)
		ph_log_error("http", "the web thread cannot start");
	atomic_store(&http->context, context);
	http_read_mail(http);
	while (context && !atomic_load(&http->stopping))
		if (lws_service(context, 0) < 0)
			break;
	if (context) {
		lws_sul_schedule(context, 0, &ticker.sul, ticked,
			LWS_SET_TIMER_USEC_CANCEL);
		atomic_store(&http->context, NULL);
		lws_context_destroy(context);
	}
	return NULL;
}

void http_dial_visitor(struct ph_http_task *task)
{
	struct ph_exchange *visitor =
		(struct ph_exchange *)((char *)task -
				       offsetof(struct ph_exchange, task));
	struct ph_http *http = visitor->http;
	uint64_t id = ++http->last_id;
	struct ph_exchange *other;

	visitor->id = id;
	visitor->bridge = bridge_create(http, visitor->fd);
	if (!visitor->bridge) {
		http_drop_visitor(task);
		return;
	}
	visitor->bridge->visitor = visitor;
	visitor->carries = true;
	visitor->phase = PHASE_WEBSOCKET;
	DL_APPEND2(http->visitors, visitor, prev, following);
	if (!bridge_dial(visitor))
		return;
	/* Its memory may have gone with what libwebsockets had begun. */
	DL_FOREACH2(http->visitors, other, following)
	{
		if (other->id == id) {
			visitor_free(other);
			return;
		}
	}
}
