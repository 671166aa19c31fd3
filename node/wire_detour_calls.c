#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/wire_detour_inner.h"

/* wire.interpose and wire.withdraw, and what is to be seen of a filter. */

/* A message that passes, or what is in the filter, gets this long before the
 * caller is told. */
#define DETOUR_PATIENCE (6 * PH_SECOND)

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
		detour_answer(one, &error);
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
	detour_answer(one, &error);
	one->leaving = true;
	if (one->detour)
		ph_detour_leave(one->detour);
	else
		detour_forget(one, NULL);
}

static void wait_patiently(struct wire_detour *one, ph_handle ticket)
{
	struct ph_loop *loop = one->wires->node->loop;

	one->ticket = ticket;
	ph_timer_stop(loop, &one->patience);
	ph_timer_start(
		loop, &one->patience, ph_loop_now(loop) + DETOUR_PATIENCE);
}

struct wire *detour_wire(struct ph_wires *wires, const char *connection)
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
	one->again.on_due = detour_again_due;
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
	struct wire *wire = detour_wire(wires, connection);
	struct wire_detour *one = detour_find(wires, connection);
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
			     one->bypass, &detour_events, one, &one->detour)
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
	detour_fail_enter(one, code, error);
	detour_forget(one, NULL);
	return -1;
}

static int withdraw(struct ph_wires *wires, struct ph_request *request,
	const char *connection, struct ph_error *error)
{
	struct wire_detour *one = detour_find(wires, connection);
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
		detour_forget(one, NULL);
		return 0;
	}
	code = ph_detour_leave(one->detour);
	if (code && code != -EALREADY)
		return detour_fail_enter(one, code, error);
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
		detour_forget(one, NULL);
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
	const struct wire_detour *one =
		detour_find(wire->wires, wire->connection);

	return one && one->detour ? ph_detour_up(one->detour) : NULL;
}

bool wire_detour_blocks(const struct wire *wire)
{
	const struct wire_detour *one =
		detour_find(wire->wires, wire->connection);
	const struct ph_pipe *up = up_of(wire);

	return up && (ph_detour_state(one->detour) == PH_DETOUR_HELD ||
			     ph_pipe_blocked_since(up));
}

void wire_detour_put(struct ph_writer *writer, const struct wire *wire)
{
	const struct wire_detour *one =
		detour_find(wire->wires, wire->connection);
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
