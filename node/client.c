#include "node/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "node/line.h"
#include "proto/socket_path.h"
#include "transport/transport.h"

/* A local node answers at once; it may be busy making its key. */
#define CONNECT_PATIENCE (5 * PH_SECOND)

struct ph_client {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_door *door;
	struct ph_transport_host host;
	struct ph_carrier *carrier;
	struct ph_line *line;
	char socket[108];
	uid_t uid; /* whose node it is, once it is open */
	bool open;
	bool closed;
	int reason;
};

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct ph_client *client = context;
	struct ph_line_config config = {.loop = client->loop,
		.kernel = &client->kernel,
		.door = client->door,
		.carrier = carrier};
	struct ph_carrier_info info;

	ph_carrier_info(carrier, &info);
	/* Another user's socket at this path would read our commands. */
	if (!info.has_uid || !ph_socket_may_ask(info.uid)) {
		client->reason = -EACCES;
		ph_carrier_close(carrier);
		return;
	}
	client->uid = info.uid;
	snprintf(config.caller.node, sizeof(config.caller.node), "node");
	config.caller.line = 1;
	client->open = ph_line_create(&client->line, &config) == 0;
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct ph_client *client = context;

	if (client->line && ph_line_frames(client->line, segment))
		ph_carrier_close(carrier);
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	struct ph_client *client = context;

	if (client->line)
		ph_line_room(client->line);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct ph_client *client = context;

	if (!client->reason)
		client->reason = reason ? reason : -ECONNRESET;
	client->closed = true;
	client->carrier = NULL;
	ph_line_destroy(client->line);
	client->line = NULL;
}

static const struct ph_carrier_events client_events = {
	on_open, on_frames, on_room, on_closed};

static void serve_road(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_client *client = context;

	/* "/" stands for the local node: a destination, but none beyond it. */
	if (!client->line ||
		ph_line_call(client->line, ticket, call,
			call->destination[0] == '/' ? "" : call->destination))
		ph_door_answer(
			client->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
}

static int open_floor(struct ph_client *client)
{
	int error = ph_loop_create(&client->loop, &ph_clock_real);

	if (!error)
		error = ph_kernel_init(
			&client->kernel, ph_loop_hal(client->loop));
	if (!error)
		error = ph_door_create(&client->door, &client->kernel);
	if (error)
		return error;
	ph_door_set_road(client->door, serve_road, client);
	client->host.loop = client->loop;
	client->host.pool = client->kernel.pool;
	return 0;
}

static int connect_failed(
	struct ph_client *client, const char *socket, struct ph_error *error)
{
	if (client->reason == -EACCES)
		return ph_fail(error, PH_EXIT_DENIED, socket,
			"ask as the user the node runs as, or as root",
			"that node belongs to another user");
	return ph_fail(error, PH_EXIT_UNREACHABLE, socket,
		"start one with posthouse up, or say where it is with "
		"--socket PATH",
		"no node answers here: %s", strerror(-client->reason));
}

int ph_client_create(
	struct ph_client **out, const char *socket, struct ph_error *error)
{
	struct ph_client *client = calloc(1, sizeof(*client));

	if (!client || open_floor(client))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	if (strlen(socket) >= sizeof(client->socket)) {
		ph_client_close(client);
		return ph_fail(error, PH_EXIT_USAGE, socket,
			"say a shorter one with --socket PATH",
			"a socket's path has at most %zu bytes",
			sizeof(client->socket) - 1);
	}
	memcpy(client->socket, socket, strlen(socket) + 1);
	*out = client;
	return 0;
}

/* Once: a node that did not answer then is not asked again. */
static int client_connect(struct ph_client *client, struct ph_error *error)
{
	struct ph_dial dial = {.plain = true};
	int64_t until = ph_clock_real.now(&ph_clock_real) + CONNECT_PATIENCE;
	int code;

	if (!client->carrier && !client->closed) {
		dial.address.scheme = PH_ADDRESS_UNIX;
		snprintf(dial.address.host, sizeof(dial.address.host), "%s",
			client->socket);
		code = ph_transport_unix.dial(&client->host, &dial,
			&client_events, client, &client->carrier);
		if (code) {
			client->reason = code;
			client->closed = true;
		}
	}
	while (!client->open && !client->closed &&
		ph_clock_real.now(&ph_clock_real) < until)
		ph_loop_turn(client->loop, 100 * PH_MILLISECOND);
	if (client->open)
		return 0;
	if (!client->reason)
		client->reason = -ETIMEDOUT;
	return connect_failed(client, client->socket, error);
}

int ph_client_open(
	struct ph_client **out, const char *socket, struct ph_error *error)
{
	struct ph_client *client;

	if (ph_client_create(&client, socket, error))
		return -1;
	if (client_connect(client, error)) {
		ph_client_close(client);
		return -1;
	}
	*out = client;
	return 0;
}

uid_t ph_client_uid(const struct ph_client *client)
{
	return client->uid;
}

void ph_client_close(struct ph_client *client)
{
	if (!client)
		return;
	if (client->carrier)
		ph_carrier_close(client->carrier);
	for (int turns = 0; client->carrier && turns < 100; turns++)
		ph_loop_turn(client->loop, 10 * PH_MILLISECOND);
	ph_door_destroy(client->door);
	ph_loop_turn(client->loop, 0);
	ph_kernel_fini(&client->kernel);
	ph_loop_destroy(client->loop);
	free(client);
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_client_ask *ask = context;

	ask->waits = false;
	ask->reply.status = status;
	ask->length = length;
	ask->reply.bytes = malloc(length + 1);
	if (ask->reply.bytes && length)
		memcpy(ask->reply.bytes, body, length);
}

static int read_reply(struct ph_client_ask *ask)
{
	struct ph_reply *reply = &ask->reply;
	struct ph_error *error = &ask->error;
	size_t length = ask->length;
	int code;

	if (reply->status) {
		ph_error_read_answer(error, ask->method, reply->status,
			reply->bytes, length);
		/* The body may hold more (findings): keep it readable. */
		if (length && !ph_document_read(&reply->document, reply->bytes,
				      length, PH_SKIM_TABLE))
			reply->body = ph_document_root(reply->document);
		return -1;
	}
	if (!length)
		return 0;
	code = ph_document_read(
		&reply->document, reply->bytes, length, PH_SKIM_TABLE);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, "answer", "",
			"cannot be read: %s", strerror(-code));
	reply->body = ph_document_root(reply->document);
	return 0;
}

static void ask_send(
	struct ph_client *client, struct ph_client_ask *ask, int64_t timeout)
{
	struct ph_caller self = {.role = PH_ROLE_EXEC};
	int64_t grace = PH_SECOND;

	/* The node's own deadline comes first: its answer says more. */
	ask->code = ph_call_send(client->door, &self,
		ask->node[0] ? ask->node : "/", ask->method, ask->arguments,
		ph_loop_now(client->loop), timeout + grace, on_answer, ask);
	if (ask->code)
		ph_fail(&ask->error, PH_EXIT_NEGATIVE, "", "",
			"cannot call: %s", strerror(-ask->code));
	else
		ask->waits = true;
}

/* Sends what may be out, after those that came before; how many wait. */
static size_t asks_send(struct ph_client *client, struct ph_client_ask *asks,
	size_t count, size_t *sent, int64_t left)
{
	size_t waiting = 0;

	for (size_t i = 0; i < *sent; i++)
		waiting += asks[i].waits;
	while (*sent < count && waiting < PH_CLIENT_WINDOW) {
		ask_send(client, &asks[*sent], left > 0 ? left : 0);
		waiting += asks[(*sent)++].waits;
	}
	return waiting;
}

void ph_client_call_all(struct ph_client *client, struct ph_client_ask *asks,
	size_t count, int64_t timeout)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + timeout;
	int64_t now = until - timeout;
	size_t sent = 0;
	int64_t next;

	for (size_t i = 0; i < count; i++) {
		asks[i].reply = (struct ph_reply){0};
		asks[i].waits = false;
	}
	for (size_t i = 0; i < count && !client->open; i++)
		asks[i].code = client_connect(client, &asks[i].error);
	if (!client->open)
		return;
	while (asks_send(client, asks, count, &sent, until - now)) {
		next = ph_door_expire(client->door, now);
		next = next == INT64_MAX ? 0 : next - now;
		ph_loop_turn(client->loop, next > 0 ? next : 0);
		now = ph_clock_real.now(&ph_clock_real);
	}
	for (size_t i = 0; i < count; i++)
		if (!asks[i].code)
			asks[i].code = read_reply(&asks[i]);
}

int ph_client_call(struct ph_client *client, const char *node, uint16_t method,
	struct ph_writer *arguments, int64_t timeout, struct ph_reply *reply,
	struct ph_error *error)
{
	struct ph_client_ask ask = {
		.node = node, .method = method, .arguments = arguments};

	ph_client_call_all(client, &ask, 1, timeout);
	*reply = ask.reply;
	if (ask.code)
		*error = ask.error;
	return ask.code;
}

void ph_reply_free(struct ph_reply *reply)
{
	ph_document_free(reply->document);
	free(reply->bytes);
	*reply = (struct ph_reply){0};
}
