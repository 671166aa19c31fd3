#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contestants.h"

/* Bare libwebsockets: a context on each side, one message for each lws_write,
 * the next when the socket can take it. Each message comes whole, or in pieces
 * of 64 KiB. */
struct state {
	struct bench_side *side;
	uint8_t *message; /* LWS_PRE before it */
	size_t have;
	bool over;
};

static struct state *state_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

static int took(struct state *state, const void *data, size_t length)
{
	struct bench_side *side = state->side;

	if (!side->result.ns)
		bench_begin(side);
	state->have += length;
	for (; state->have >= side->load.size; state->have -= side->load.size)
		bench_took(side, data, side->load.size);
	return 0;
}

static int send_one(struct state *state, struct lws *wsi)
{
	struct bench_side *side = state->side;

	if (bench_now() >= side->until)
		return -1;
	if (lws_write(wsi, state->message + LWS_PRE, side->load.size,
		    LWS_WRITE_BINARY) < 0)
		return -1;
	lws_callback_on_writable(wsi);
	return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
	void *user, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return send_one(state_of(wsi), wsi);
	case LWS_CALLBACK_RECEIVE:
		return took(state_of(wsi), in, length);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLIENT_CLOSED:
		state_of(wsi)->over = true;
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		bench_die("lws connecting");
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{"bench", on_event, 0, 64 * 1024, 0, NULL, 0},
	{NULL, NULL, 0, 0, 0, NULL, 0}};

static struct lws_context *make(struct state *state, int port)
{
	struct lws_context_creation_info info = {.port = port,
		.protocols = protocols,
		.user = state,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.iface = "127.0.0.1",
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.fd_limit_per_thread = 64,
		.pt_serv_buf_size = 64 * 1024};
	struct lws_context *context;

	lws_set_log_level(0, NULL);
	context = lws_create_context(&info);
	if (!context)
		bench_die("lws");
	state->message = calloc(1, LWS_PRE + state->side->load.size);
	return context;
}

static struct lws_vhost *vhost(struct lws_context *context, int port)
{
	struct lws_context_creation_info info = {.port = port,
		.protocols = protocols,
		.iface = port == 0 ? "127.0.0.1" : NULL,
		.vhost_name = "bench"};

	return lws_create_vhost(context, &info);
}

static void lws_serve(struct bench_side *side)
{
	struct state state = {.side = side};
	struct lws_context *context = make(&state, CONTEXT_PORT_NO_LISTEN);
	struct lws_vhost *listening = vhost(context, 0);

	if (!listening)
		bench_die("lws listening");
	bench_tell_port(side, (uint16_t)lws_get_vhost_listen_port(listening));
	while (!state.over && lws_service(context, 0) >= 0)
		;
	bench_end(side);
}

static void lws_drive(struct bench_side *side)
{
	struct state state = {.side = side};
	struct lws_context *context = make(&state, CONTEXT_PORT_NO_LISTEN);
	struct lws_client_connect_info info = {.context = context,
		.vhost = vhost(context, CONTEXT_PORT_NO_LISTEN),
		.address = "127.0.0.1",
		.port = side->port,
		.path = "/",
		.host = "bench",
		.protocol = "bench"};

	if (!lws_client_connect_via_info(&info))
		bench_die("lws connecting");
	while (!state.over && lws_service(context, 0) >= 0)
		;
}

const struct bench_contestant bench_lws = {
	"libwebsockets", lws_serve, lws_drive, NULL};
