#include "transport/http.h"

#include <errno.h>
#include <pthread.h>
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

/*
 * The web thread. Connections come by mail from the loop, requests go up as
 * they are whole, answers come back by mail and are sent as the client takes
 * them. What a client may cost is bounded: connections in all and from one
 * source (http_visitor.c), bytes of a body (http_request.c), bytes that wait
 * (http_answer.c).
 */
#define PATIENCE 20 /* s for headers, and between requests */
/* A carrier has its pipe, too. */
#define DESCRIPTORS (PH_HTTP_CONNECTIONS + 2 * PH_HTTP_CARRIERS + 64)

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

/* --- time --- */

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

/* --- connections --- */

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
	uint64_t id = ++http->last_id;
	bool tls = visitor->peer.tls;
	lws_adopt_desc_t adopt = {.vh = tls ? secure_vhost(http) : http->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP |
			(tls ? LWS_ADOPT_ALLOW_SSL : 0),
		.fd.sockfd = visitor->fd,
		.opaque = visitor};

	if (http_source_is_full(http, visitor) || !adopt.vh) {
		http_drop_visitor(task);
		return;
	}
	visitor->id = id;
	DL_APPEND2(http->visitors, visitor, prev, following);
	if (!lws_adopt_descriptor_vhost_via_info(&adopt))
		http_visitor_free_if_there(http, id);
}

static bool dial(struct ph_exchange *visitor)
{
	struct ph_http *http = visitor->http;
	struct lws_client_connect_info info = {.context = http->context,
		.vhost = http->vhost,
		.address = visitor->peer.source,
		.port = visitor->peer.port,
		.path = PH_HTTP_CARRIER_PATH,
		.host = visitor->name,
		.protocol = "posthouse-carrier",
		.local_protocol_name = "posthouse-carrier",
		.alpn = "http/1.1",
		.opaque_user_data = visitor};

	/* Whoever terminates this TLS is not trusted with anything. */
	if (visitor->peer.tls)
		info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED |
				      LCCSCF_ALLOW_EXPIRED |
				      LCCSCF_ALLOW_INSECURE |
				      LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	return lws_client_connect_via_info(&info) != NULL;
}

void http_dial_visitor(struct ph_http_task *task)
{
	struct ph_exchange *visitor =
		(struct ph_exchange *)((char *)task -
				       offsetof(struct ph_exchange, task));
	struct ph_http *http = visitor->http;
	uint64_t id = ++http->last_id;

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
	if (!dial(visitor))
		http_visitor_free_if_there(http, id);
}

struct lws *http_adopt_pipe(struct bridge *bridge)
{
	lws_adopt_desc_t adopt = {.vh = lws_get_vhost(bridge->visitor->wsi),
		.type = LWS_ADOPT_RAW_FILE_DESC,
		.fd.filefd = bridge->fd,
		.vh_prot_name = "http",
		.opaque = bridge};

	return lws_adopt_descriptor_vhost_via_info(&adopt);
}

/* --- what happens --- */

static int on_pipe(struct bridge *bridge, enum lws_callback_reasons reason)
{
	switch (reason) {
	case LWS_CALLBACK_RAW_RX_FILE:
		return bridge_on_loop_data(bridge);
	case LWS_CALLBACK_RAW_WRITEABLE_FILE:
		return bridge_on_loop_room(bridge);
	case LWS_CALLBACK_RAW_CLOSE_FILE:
		bridge_on_loop_closed(bridge);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		bridge_pipe_gone(bridge);
		return 0;
	default:
		return 0;
	}
}

static int on_carrier(struct ph_exchange *visitor,
	enum lws_callback_reasons reason, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return bridge_on_open(visitor);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return bridge_on_dialled(visitor);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		bridge_on_failed(visitor, in);
		return 0;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return bridge_on_piece(visitor, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return bridge_on_room(visitor);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return http_on_peer_close(visitor, length);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLIENT_CLOSED:
		bridge_left(visitor);
		return 0;
	default:
		return 0;
	}
}

static int on_page(struct ph_exchange *visitor,
	enum lws_callback_reasons reason, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		websocket_on_open(visitor);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return websocket_on_piece(visitor, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return websocket_on_room(visitor);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return http_on_peer_close(visitor, length);
	case LWS_CALLBACK_CLOSED:
		websocket_end(visitor);
		http_reset(visitor);
		return 0;
	default:
		return 0;
	}
}

static int on_http(struct ph_exchange *visitor,
	enum lws_callback_reasons reason, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		http_read_request(visitor);
		return http_on_request(visitor);
	case LWS_CALLBACK_HTTP_BODY:
		return http_on_body(visitor, in, length);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		http_on_whole(visitor);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return http_on_room(visitor);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		http_read_request(visitor);
		return http_on_upgrade(visitor, in);
	case LWS_CALLBACK_CLOSED_HTTP:
		http_visitor_left(visitor);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		http_visitor_free(visitor);
		return 0;
	default:
		return visitor->carries
			       ? on_carrier(visitor, reason, in, length)
			       : on_page(visitor, reason, in, length);
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
		return on_pipe((struct bridge *)owner, reason);
	visitor = (struct ph_exchange *)owner;
	if (!visitor) {
		/* No connection of ours, as a stream of HTTP/2 would be. */
		return reason == LWS_CALLBACK_HTTP ||
				       reason == LWS_CALLBACK_ESTABLISHED
			       ? -1
			       : 0;
	}
	visitor->wsi = wsi;
	return on_http(visitor, reason, in, length);
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
		/* http_guard.c answers before that. */
		.max_http_header_data = HTTP_HEAD + 64,
		.pt_serv_buf_size = HTTP_PIECE,
		.timeout_secs = PATIENCE,
		.keepalive_timeout = PATIENCE,
		.retry_and_idle_policy = &pulse,
		.vhost_name = "posthouse"};
	struct lws_context *context;

	lws_set_log_level(0, NULL);
	context = lws_create_context(&info);
	if (!context)
		return NULL;
	http->scratch = malloc(HTTP_PRE + HTTP_PIECE);
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
	while (sem_wait(&http->let_go))
		; /* a signal */
	if (context) {
		lws_sul_schedule(context, 0, &ticker.sul, ticked,
			LWS_SET_TIMER_USEC_CANCEL);
		atomic_store(&http->context, NULL);
		lws_context_destroy(context);
	}
	return NULL;
}
