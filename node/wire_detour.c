#include "node/wire_detour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/detour.h"
#include "kernel/log.h"

/* A message that passes, or what is in the filter, gets this long before the
 * caller is told. */
#define DETOUR_PATIENCE (6 * PH_SECOND)
/* Between two looks for a filter that is not there. */
#define DETOUR_AGAIN (200 * PH_MILLISECOND)
#define DETOUR_ASK   (2 * PH_SECOND)

struct wire_detour {
	struct ph_wires *wires;
	struct ph_detour *detour; /* NULL: no stream, or it flows directly */
	char server[40];
	char reason[320];
	bool bypass;
	bool bypassed; /* it broke, and stays out */
	bool leaving;
	bool asking; /* the Hostess where the filter is */
	bool orphan; /* forgotten: only her answer is awaited */
	struct ph_gap lost;
	ph_handle ticket; /* who waits for it to be in, or out */
	struct ph_timer patience;
	struct ph_timer again;
	UT_hash_handle hh;
	char connection[96];
};

static struct wire_detour *find(struct ph_wires *wires, const char *connection)
{
	struct wire_detour *one;

	HASH_FIND_STR(wires->detours, connection, one);
	return one;
}

static void answer(struct wire_detour *one, const struct ph_error *error)
{
	struct ph_door *door = one->wires->node->door;

	ph_timer_stop(one->wires->node->loop, &one->patience);
	if (!one->ticket)
		return;
	if (error)
		ph_answer_error(door, one->ticket, error);
	else
		ph_answer_ok(door, one->ticket, NULL);
	one->ticket = 0;
}

static void drop_detour(struct wire_detour *one)
{
	struct ph_gap lost;

	if (!one->detour)
		return;
	lost = ph_detour_lost(one->detour);
	one->lost.messages += lost.messages;
	one->lost.bytes += lost.bytes;
	ph_detour_destroy(one->detour);
	one->detour = NULL;
}

static void forget(struct wire_detour *one, const struct ph_error *error)
{
	struct ph_loop *loop = one->wires->node->loop;

	answer(one, error);
	drop_detour(one);
	ph_timer_stop(loop, &one->again);
	if (!one->orphan)
		HASH_DEL(one->wires->detours, one);
	one->orphan = true;
	if (!one->asking)
		free(one);
}

void wire_detour_forget(struct ph_wires *wires, const char *connection)
{
	struct wire_detour *one = find(wires, connection);
	struct ph_error error;

	if (!one)
		return;
	ph_fail(&error, PH_EXIT_CONFLICT, connection,
		"see `posthouse connections`", "the connection has ended");
	forget(one, &error);
}

static int fail_enter(struct wire_detour *one, int code, struct ph_error *error)
{
	switch (code) {
	case -EALREADY:
	case -EBUSY:
		return ph_fail(error, PH_EXIT_CONFLICT, one->server,
			"withdraw it there, or try again in a moment",
			"it is in use, or its output waits for another filter");
	case -ESTALE:
		return ph_fail(error, PH_EXIT_NOT_FOUND, one->server,
			"see `posthouse servers`",
			"its terminals are not there");
	case -EINVAL:
		return ph_fail(error, PH_EXIT_WIRING, one->server,
			"take a server with one `in` and one `out`",
			"it cannot be a filter");
	case -EPIPE:
		return ph_fail(error, PH_EXIT_CONFLICT, one->connection,
			"nothing: the filter goes with the stream",
			"its stream is finished");
	default:
		return ph_fail(error, PH_EXIT_NEGATIVE, one->connection, "",
			"%s", strerror(-code));
	}
}

static void say(const struct wire_detour *one, const char *what)
{
	ph_log_info("wire", "filter.%s connection=%s server=%s because=\"%s\"",
		what, one->connection, one->server, one->reason);
}

static void look_again(struct wire_detour *one)
{
	struct ph_loop *loop = one->wires->node->loop;

	ph_timer_stop(loop, &one->again);
	if (!one->wires->closed)
		ph_timer_start(
			loop, &one->again, ph_loop_now(loop) + DETOUR_AGAIN);
}

/* --- a filter that is to come (again) --- */

static void not_there(struct wire_detour *one, const char *why)
{
	snprintf(one->reason, sizeof(one->reason), "filter %s: %s", one->server,
		why);
	if (!one->bypass) {
		look_again(one);
		return;
	}
	/* Out of it, before anything was sent. */
	ph_detour_leave(one->detour);
}

static void come_in(
	struct wire_detour *one, int status, const uint8_t *body, size_t length)
{
	struct ph_document *document;
	struct ph_error error;
	struct ph_value root;
	int code;

	if (status) {
		ph_error_read(&error, status, body, length);
		not_there(one, error.what);
		return;
	}
	if (ph_document_read(&document, body, length, PH_SKIM_PEER)) {
		not_there(one, "out of memory");
		return;
	}
	root = ph_document_root(document);
	code = ph_detour_enter(one->detour, ph_get_u64(root, "input"),
		ph_get_u64(root, "output"));
	ph_document_free(document);
	if (code == -EALREADY && (!one->bypass || one->ticket)) {
		look_again(one); /* it is there, and does not read yet */
	} else if (code) {
		fail_enter(one, code, &error);
		not_there(one, error.what);
	}
}

static void on_found(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct wire_detour *one = context;

	one->asking = false;
	if (one->orphan)
		free(one);
	else if (one->detour && ph_detour_state(one->detour) == PH_DETOUR_HELD)
		come_in(one, status, body, length);
}

static void seek(struct wire_detour *one)
{
	struct ph_node *node = one->wires->node;
	struct ph_writer *writer;

	if (one->asking || ph_writer_create(&writer)) {
		look_again(one);
		return;
	}
	ph_write_map(writer);
	ph_put_text(writer, "server", one->server);
	ph_write_end(writer);
	one->asking = !ph_call_send(node->door, &ph_node_self, "",
		PH_HOSTESS_FILTER, writer, ph_loop_now(node->loop), DETOUR_ASK,
		on_found, one);
	ph_writer_free(writer);
	if (!one->asking)
		look_again(one);
}

static void again_due(struct ph_timer *timer)
{
	struct wire_detour *one =
		(struct wire_detour *)((char *)timer -
				       offsetof(struct wire_detour, again));

	if (one->detour && ph_detour_state(one->detour) == PH_DETOUR_HELD)
		seek(one);
}

/* --- what became of it --- */

static void on_held(struct wire_detour *one)
{
	if (ph_detour_reason(one->detour)) {
		snprintf(one->reason, sizeof(one->reason),
			"filter %s broke: %s", one->server,
			strerror(-ph_detour_reason(one->detour)));
		say(one, "held");
	}
	look_again(one);
}

static void on_out(struct wire_detour *one)
{
	int reason = ph_detour_reason(one->detour);
	struct ph_error error;

	if (one->leaving) {
		say(one, "out");
		forget(one, NULL);
		return;
	}
	if (one->ticket) {
		/* It never came in. */
		fail_enter(one, reason ? reason : -ECANCELED, &error);
		forget(one, &error);
		return;
	}
	if (reason)
		snprintf(one->reason, sizeof(one->reason),
			"filter %s broke: %s", one->server, strerror(-reason));
	one->bypassed = true;
	say(one, "bypassed");
	drop_detour(one);
}

static void on_over(struct wire_detour *one)
{
	struct ph_error error;

	bool into = one->ticket && !one->leaving;

	drop_detour(one);
	fail_enter(one, -EPIPE, &error);
	if (into || one->leaving)
		forget(one, &error);
}

static void on_change(void *context, enum ph_detour_state state)
{
	struct wire_detour *one = context;

	if (state == PH_DETOUR_IN) {
		one->reason[0] = '\0';
		say(one, "in");
		answer(one, NULL);
	} else if (state == PH_DETOUR_HELD) {
		on_held(one);
	} else if (state == PH_DETOUR_OUT) {
		on_out(one);
	} else if (state == PH_DETOUR_OVER) {
		on_over(one);
	}
}

static const struct ph_detour_events events = {on_change};

void wire_detour_begin(struct wire *wire)
{
	struct wire_detour *one = find(wire->wires, wire->connection);

	if (!one || one->bypassed || !wire->pipe)
		return;
	drop_detour(one);
	if (ph_detour_create(&wire->wires->node->kernel, wire->pipe,
		    one->bypass, &events, one, &one->detour) ||
		ph_detour_hold(one->detour)) {
		/* Not what was asked for: no stream rather than a bare one. */
		drop_detour(one);
		ph_pipe_break(wire->pipe, -ENOMEM);
		return;
	}
	seek(one);
}

/* --- the calls --- */

static void patience_due(struct ph_timer *timer)
{
	struct wire_detour *one =
		(struct wire_detour *)((char *)timer -
				       offsetof(struct wire_detour, patience));
	struct ph_error error;

	if (one->leaving) {
		ph_fail(&error, PH_EXIT_TIMEOUT, one->connection,
			"it goes as soon as it passed everything on; what is "
			"in it is lost if its server is stopped",
			"%s has not passed on what is in it, and the stream "
			"waits",
			one->server);
		answer(one, &error);
		return;
	}
	if (one->detour && ph_detour_state(one->detour) == PH_DETOUR_HELD)
		ph_fail(&error, PH_EXIT_CONFLICT, one->server,
			"see `posthouse servers` and `posthouse logs`",
			"it does not take what comes; the stream goes on "
			"without it");
	else
		ph_fail(&error, PH_EXIT_TIMEOUT, one->connection,
			"try again between two messages",
			"the message that passes did not end in time");
	answer(one, &error);
	one->leaving = true;
	if (one->detour)
		ph_detour_leave(one->detour);
	else
		forget(one, NULL);
}

static void wait_patiently(struct wire_detour *one, ph_handle ticket)
{
	struct ph_loop *loop = one->wires->node->loop;

	one->ticket = ticket;
	ph_timer_stop(loop, &one->patience);
	ph_timer_start(
		loop, &one->patience, ph_loop_now(loop) + DETOUR_PATIENCE);
}

static struct wire *sending_wire(struct ph_wires *wires, const char *connection)
{
	struct wire *wire = wire_find(wires, WIRE_OUT, connection);

	return wire ? wire : wire_find(wires, WIRE_LOCAL, connection);
}

static struct wire_detour *make(struct ph_wires *wires,
	struct ph_request *request, const char *connection)
{
	struct wire_detour *one = calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	one->wires = wires;
	one->patience.on_due = patience_due;
	one->again.on_due = again_due;
	snprintf(one->connection, sizeof(one->connection), "%s", connection);
	ph_get_copy(
		request->arguments, "server", one->server, sizeof(one->server));
	one->bypass = ph_value_is(
		ph_value_get(request->arguments, "on_crash"), "bypass");
	HASH_ADD_STR(wires->detours, connection, one);
	return one;
}

static int interpose(struct ph_wires *wires, struct ph_request *request,
	const char *connection, struct ph_error *error)
{
	struct wire *wire = sending_wire(wires, connection);
	struct wire_detour *one = find(wires, connection);
	int code;

	if (one)
		return ph_fail(error, PH_EXIT_CONFLICT, connection,
			"withdraw that one first", "%s is in it already",
			one->server);
	if (!wire || !wire->pipe)
		return ph_fail(error, PH_EXIT_CONFLICT, connection,
			"wait until it is open", "nothing flows there now");
	one = make(wires, request, connection);
	code = one ? ph_detour_create(&wires->node->kernel, wire->pipe,
			     one->bypass, &events, one, &one->detour)
		   : -ENOMEM;
	if (!code)
		code = ph_detour_enter(one->detour,
			ph_get_u64(request->arguments, "input"),
			ph_get_u64(request->arguments, "output"));
	if (!code) {
		wait_patiently(one, request->ticket);
		return 0;
	}
	if (!one)
		return ph_fail(error, PH_EXIT_NEGATIVE, connection, "",
			"out of memory");
	fail_enter(one, code, error);
	forget(one, NULL);
	return -1;
}

static int withdraw(struct ph_wires *wires, struct ph_request *request,
	const char *connection, struct ph_error *error)
{
	struct wire_detour *one = find(wires, connection);
	char server[40];
	int code;

	ph_get_copy(request->arguments, "server", server, sizeof(server));
	if (!one || strcmp(one->server, server) != 0)
		return ph_fail(error, PH_EXIT_NOT_FOUND, connection,
			"see `posthouse show`", "%s is not in it", server);
	if (one->ticket)
		return ph_fail(error, PH_EXIT_CONFLICT, connection,
			"try again in a moment", "it is being changed");
	if (!one->detour) {
		/* Nothing flows, or it flows without. */
		one->ticket = request->ticket;
		forget(one, NULL);
		return 0;
	}
	code = ph_detour_leave(one->detour);
	if (code && code != -EALREADY)
		return fail_enter(one, code, error);
	one->leaving = true;
	wait_patiently(one, request->ticket);
	return 0;
}

typedef int change_fn(struct ph_wires *wires, struct ph_request *request,
	const char *connection, struct ph_error *error);

static void serve(struct ph_wires *wires, ph_handle ticket,
	const struct ph_call *call, change_fn *change)
{
	struct ph_request request;
	struct ph_error error;
	char connection[96];

	if (ph_request_open(&request, wires->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "connection", connection,
		sizeof(connection));
	if (change(wires, &request, connection, &error))
		ph_answer_error(request.door, ticket, &error);
	ph_request_close(&request);
}

static void serve_interpose(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, interpose);
}

static void serve_withdraw(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, withdraw);
}

int wire_detour_serve(struct ph_wires *wires)
{
	struct ph_door *door = wires->node->door;
	int error =
		ph_door_serve(door, PH_WIRE_INTERPOSE, serve_interpose, wires);

	return error ? error
		     : ph_door_serve(
			       door, PH_WIRE_WITHDRAW, serve_withdraw, wires);
}

void wire_detour_fini(struct ph_wires *wires)
{
	struct wire_detour *one;
	struct wire_detour *next;

	HASH_ITER(hh, wires->detours, one, next)
	{
		one->ticket = 0;
		forget(one, NULL);
	}
}

/* --- looks --- */

static const char *state_name(const struct wire_detour *one)
{
	static const char *const names[] = {
		[PH_DETOUR_NEW] = "waiting",
		[PH_DETOUR_WAITING] = "waiting",
		[PH_DETOUR_IN] = "in",
		[PH_DETOUR_DRAINING] = "draining",
		[PH_DETOUR_HELD] = "held",
		[PH_DETOUR_OUT] = "out",
		[PH_DETOUR_OVER] = "waiting",
	};

	if (one->bypassed)
		return "bypassed";
	return one->detour ? names[ph_detour_state(one->detour)] : "waiting";
}

static const struct ph_pipe *up_of(const struct wire *wire)
{
	const struct wire_detour *one = find(wire->wires, wire->connection);

	return one && one->detour ? ph_detour_up(one->detour) : NULL;
}

bool wire_detour_blocks(const struct wire *wire)
{
	const struct wire_detour *one = find(wire->wires, wire->connection);
	const struct ph_pipe *up = up_of(wire);

	return up && (ph_detour_state(one->detour) == PH_DETOUR_HELD ||
			     ph_pipe_blocked_since(up));
}

void wire_detour_put(struct ph_writer *writer, const struct wire *wire)
{
	const struct wire_detour *one = find(wire->wires, wire->connection);
	const struct ph_pipe *up = up_of(wire);
	struct ph_gap lost;

	if (!one || wire->side == WIRE_IN)
		return;
	lost = one->lost;
	if (one->detour) {
		struct ph_gap more = ph_detour_lost(one->detour);

		lost.messages += more.messages;
		lost.bytes += more.bytes;
	}
	ph_put_map(writer, "via");
	ph_put_text(writer, "server", one->server);
	ph_put_text(writer, "state", state_name(one));
	ph_put_text(writer, "reason", one->reason);
	ph_put_u64(writer, "lost_messages", lost.messages);
	ph_put_u64(writer, "lost_bytes", lost.bytes);
	ph_put_u64(writer, "waiting", up ? ph_pipe_queued(up) : 0);
	ph_write_end(writer);
}
