#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <libwebsockets.h>

#include "transport/http_inner.h"

/* What libwebsockets reads and writes of a connection, in our words: requests,
 * the headers of answers, messages of a WebSocket. */
#define PATIENCE     20 /* s for a body, for each piece sent */
#define HEADERS_MOST ((size_t)2048)

_Static_assert(
	LWS_PRE <= HTTP_PRE, "libwebsockets writes before what it sends");

/* --- requests --- */

/* Headers that libwebsockets knows by number; the others by name. */
static const struct {
	enum lws_token_indexes token;
	const char *name;
} known[PH_HTTP_HEADERS] = {
	[PH_HTTP_HOST] = {WSI_TOKEN_HOST, NULL},
	[PH_HTTP_ORIGIN] = {WSI_TOKEN_ORIGIN, NULL},
	[PH_HTTP_AUTHORIZATION] = {WSI_TOKEN_HTTP_AUTHORIZATION, NULL},
	[PH_HTTP_CONTENT_TYPE] = {WSI_TOKEN_HTTP_CONTENT_TYPE, NULL},
	[PH_HTTP_ACCEPT] = {WSI_TOKEN_HTTP_ACCEPT, NULL},
	[PH_HTTP_ACCEPT_ENCODING] = {WSI_TOKEN_HTTP_ACCEPT_ENCODING, NULL},
	[PH_HTTP_PROTOCOL] = {WSI_TOKEN_PROTOCOL, NULL},
	[PH_HTTP_LAST_EVENT] = {0, "last-event-id:"},
	[PH_HTTP_FETCH_SITE] = {0, "sec-fetch-site:"},
	[PH_HTTP_MCP_VERSION] = {0, "mcp-protocol-version:"},
};

/* "" when it is not there. -1: it is longer than the room for it, or holds a
 * NUL. */
static int copy_header(struct lws *wsi, char *out, size_t size,
	enum lws_token_indexes token, const char *name)
{
	int length = name ? (int)strlen(name) : 0;
	int code;

	out[0] = 0;
	if (name && lws_hdr_custom_length(wsi, name, length) <= 0)
		return 0;
	code = name ? lws_hdr_custom_copy(wsi, out, (int)size, name, length)
		    : lws_hdr_copy(wsi, out, (int)size, token);
	/* What a NUL hides would be seen by others. */
	if (code >= 0 && strlen(out) == (size_t)code)
		return 0;
	out[0] = 0;
	return -1;
}

/* What the client would like best: nothing is wrong with a long list of it. */
static bool is_wish(int header)
{
	return header == PH_HTTP_ACCEPT || header == PH_HTTP_ACCEPT_ENCODING;
}

static bool is_forwarded(struct lws *wsi)
{
	static const char *const names[] = {"forwarded:", "x-forwarded-host:"};
	static const enum lws_token_indexes tokens[] = {
		WSI_TOKEN_X_FORWARDED_FOR, WSI_TOKEN_HTTP_X_REAL_IP,
		WSI_TOKEN_HTTP_VIA};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (lws_hdr_custom_length(
			    wsi, names[i], (int)strlen(names[i])) > 0)
			return true;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (lws_hdr_total_length(wsi, tokens[i]) > 0)
			return true;
	return false;
}

/* Each field with its NUL, an empty one ends. -1: they do not fit. */
static int read_query(struct ph_exchange *visitor)
{
	const enum lws_token_indexes token = WSI_TOKEN_HTTP_URI_ARGS;
	size_t used = 0;
	int length;

	visitor->query[0] = 0;
	/* Fields that are copied take no more than the whole. */
	if (lws_hdr_total_length(visitor->wsi, token) >=
		(int)sizeof(visitor->query) - 2)
		return -1;
	for (int i = 0; used + 2 < sizeof(visitor->query); i++) {
		length = lws_hdr_copy_fragment(visitor->wsi,
			visitor->query + used,
			(int)(sizeof(visitor->query) - used - 2), token, i);
		if (length < 0)
			break;
		if (length)
			used += (size_t)length + 1;
	}
	visitor->query[used] = 0;
	return 0;
}

/* The path of the request; its method. -1: it does not fit. */
static int read_line(struct ph_exchange *visitor)
{
	static const struct {
		enum lws_token_indexes token;
		const char *method;
	} methods[] = {{WSI_TOKEN_GET_URI, "GET"}, {WSI_TOKEN_POST_URI, "POST"},
		{WSI_TOKEN_HEAD_URI, "HEAD"}, {WSI_TOKEN_DELETE_URI, "DELETE"},
		{WSI_TOKEN_PUT_URI, "PUT"}, {WSI_TOKEN_PATCH_URI, "PATCH"},
		{WSI_TOKEN_OPTIONS_URI, "OPTIONS"}};

	visitor->method = "";
	visitor->path[0] = 0;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (lws_hdr_total_length(visitor->wsi, methods[i].token) <= 0)
			continue;
		visitor->method = methods[i].method;
		return copy_header(visitor->wsi, visitor->path,
			sizeof(visitor->path), methods[i].token, NULL);
	}
	return 0;
}

void http_read_request(struct ph_exchange *visitor)
{
	struct lws *wsi = visitor->wsi;
	unsigned verdict = http_guard_verdict(&visitor->guard);
	bool early = !http_guard_may_upgrade(&visitor->guard);
	char version[16];
	int wrong = 0;

	http_reset(visitor);
	visitor->id = ++visitor->http->last_id;
	visitor->wrong = read_line(visitor) || read_query(visitor) ? 414 : 0;
	for (int i = 0; i < PH_HTTP_HEADERS; i++)
		if (copy_header(wsi, visitor->header[i],
			    sizeof(visitor->header[i]), known[i].token,
			    known[i].name))
			wrong |= !is_wish(i);
	if (copy_header(wsi, visitor->length_text, sizeof(visitor->length_text),
		    WSI_TOKEN_HTTP_CONTENT_LENGTH, NULL))
		visitor->wrong = 413;
	if (wrong)
		visitor->wrong = 431;
	/* libwebsockets ends the line at a %0a in it, and takes what follows
	 * for a header. What is then missing is the version. */
	copy_header(wsi, version, sizeof(version), WSI_TOKEN_HTTP, NULL);
	if (strcmp(version, "HTTP/1.1") != 0 &&
		strcmp(version, "HTTP/1.0") != 0)
		visitor->wrong = 400;
	copy_header(wsi, version, sizeof(version), WSI_TOKEN_VERSION, NULL);
	visitor->version_13 = !strcmp(version, "13") && !early;
	if (verdict)
		visitor->wrong = verdict;
	visitor->coded =
		lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
	visitor->forwarded = is_forwarded(wsi);
}

/* --- what comes, before libwebsockets has it --- */

/*
 * The only place where what libwebsockets reads can be seen, with or without
 * TLS outside: the linker leads its calls of lws_ssl_capable_read here (--wrap,
 * Makefile). That takes the archive, which every build links. The codes are
 * those of libwebsockets' own headers.
 */
#define READ_FAILED -1
#define READ_LATER  -4

int __real_lws_ssl_capable_read(
	struct lws *wsi, unsigned char *data, int length);
int __wrap_lws_ssl_capable_read(
	struct lws *wsi, unsigned char *data, int length);

static int guard_frames(
	struct ph_exchange *visitor, const uint8_t *data, int length)
{
	const char *why =
		http_guard_frames(&visitor->guard, data, (size_t)length);

	if (!why)
		return length;
	visitor->guard.deaf = true;
	http_say_close(visitor, 1002, why);
	return READ_FAILED;
}

int __wrap_lws_ssl_capable_read(
	struct lws *wsi, unsigned char *data, int length)
{
	int got = __real_lws_ssl_capable_read(wsi, data, length);
	struct ph_exchange *visitor = lws_get_opaque_user_data(wsi);

	/* Who was dialled is no client. */
	if (got <= 0 || !visitor || visitor->owner != OWNER_VISITOR ||
		visitor->name[0])
		return got;
	if (visitor->guard.deaf)
		return READ_LATER;
	visitor->guard.there = true;
	if (visitor->phase == PHASE_WEBSOCKET)
		return guard_frames(visitor, data, got);
	if (visitor->phase == PHASE_IDLE)
		return (int)http_guard_head(
			&visitor->guard, data, (size_t)got, (size_t)length);
	return got;
}

/* --- answers --- */

int http_send_headers(struct ph_exchange *visitor)
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

int http_finish(struct ph_exchange *visitor)
{
	bool last = visitor->last;

	http_reset(visitor);
	return lws_http_transaction_completed(visitor->wsi) || last ? -1 : 0;
}

int http_write(
	struct ph_exchange *visitor, uint8_t *data, size_t length, bool final)
{
	return lws_write(visitor->wsi, data, length,
		       final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0
		       ? -1
		       : 0;
}

void http_ask_room(struct ph_exchange *visitor)
{
	lws_callback_on_writable(visitor->wsi);
}

void http_patience(struct ph_exchange *visitor, bool limited)
{
	lws_set_timeout(visitor->wsi,
		limited ? PENDING_TIMEOUT_HTTP_CONTENT : NO_PENDING_TIMEOUT,
		limited ? PATIENCE : 0);
}

void http_refuse_upgrade(struct ph_exchange *visitor, unsigned status)
{
	lws_return_http_status(visitor->wsi, status, NULL);
}

/* --- WebSockets --- */

bool http_is_choked(struct ph_exchange *visitor)
{
	return lws_send_pipe_choked(visitor->wsi);
}

int http_send_message(
	struct ph_exchange *visitor, uint8_t *data, size_t length, bool binary)
{
	return lws_write(visitor->wsi, data, length,
		       binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < 0
		       ? -1
		       : 0;
}

bool http_is_whole(const struct ph_exchange *visitor)
{
	return lws_is_final_fragment(visitor->wsi) &&
	       !lws_remaining_packet_payload(visitor->wsi);
}

bool http_is_binary(const struct ph_exchange *visitor)
{
	return lws_frame_is_binary(visitor->wsi);
}

bool http_holds(const struct ph_exchange *visitor)
{
	return lws_partial_buffered(visitor->wsi);
}

void http_read(struct lws *wsi, bool on)
{
	lws_rx_flow_control(wsi, on);
}

int http_say_close(struct ph_exchange *visitor, unsigned code, const char *why)
{
	lws_close_reason(visitor->wsi, (enum lws_close_status)code,
		(unsigned char *)why, strlen(why));
	return -1;
}

int http_on_peer_close(struct ph_exchange *visitor, size_t length)
{
	static const uint8_t frame[] = {0x88, 2, 1002 >> 8, 1002 & 0xff};

	if (length != 1)
		return 0;
	if (!visitor->peer.tls && !http_holds(visitor))
		(void)!send(lws_get_socket_fd(visitor->wsi), frame,
			sizeof(frame), MSG_NOSIGNAL | MSG_DONTWAIT);
	return -1;
}

int32_t http_round_trip(const struct ph_exchange *visitor)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(lws_get_socket_fd(visitor->wsi), IPPROTO_TCP, TCP_INFO,
		    &info, &size) ||
		info.tcpi_rtt > INT32_MAX)
		return 0;
	return (int32_t)info.tcpi_rtt;
}

void http_ask_pipe(struct lws *pipe)
{
	lws_callback_on_writable(pipe);
}

void http_pipe_patience(struct lws *pipe, unsigned seconds)
{
	lws_set_timeout(pipe, PENDING_TIMEOUT_CLOSE_SEND, (int)seconds);
}
