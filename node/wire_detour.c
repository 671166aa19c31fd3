#include "node/wire_detour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/wire_detour_inner.h"

/* Between two looks for a filter that is not there. */
#define DETOUR_AGAIN (200 * PH_MILLISECOND)
#define DETOUR_ASK   (2 * PH_SECOND)

struct wire_detour *detour_find(struct ph_wires *wires, const char *connection)
{
	struct wire_detour *one;

	HASH_FIND_STR(wires->detours, connection, one);
	return one;
}

void detour_answer(struct wire_detour *one, const struct ph_error *error)
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

void detour_forget(struct wire_detour *one, const struct ph_error *error)
{
	struct ph_loop *loop = one->wires->node->loop;

	detour_answer(one, error);
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
	struct wire_detour *one = detour_find(wires, connection);
	struct ph_error error;

	if (!one)
		return;
	ph_fail(&error, PH_EXIT_CONFLICT, connection,
		"see `posthouse connections`", "the connection has ended");
	detour_forget(one, &error);
}

int detour_fail_enter(struct wire_detour *one, int code, struct ph_error *error)
{
	switch (code) {
	case -EALREADY:
	case -EBUSY:
		return ph_fail(error, PH_EXIT_CONFLICT, one->server,
			"withdraw it there, or try again in a moment",
			"it is in use");
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
		detour_fail_enter(one, code, &error);
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

void detour_again_due(struct ph_timer *timer)
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

/* It is out as was asked for. No message has passed by it since. */
static void left(struct wire_detour *one)
{
	struct wire *wire =
		one->parts ? detour_wire(one->wires, one->connection) : NULL;

	say(one, "out");
	detour_forget(one, NULL);
	if (wire && wire->pipe && !wire->closing)
		wire_part(wire);
}

static void on_out(struct wire_detour *one)
{
	int reason = ph_detour_reason(one->detour);
	struct ph_error error;

	if (one->leaving) {
		left(one);
		return;
	}
	if (one->ticket) {
		/* It never came in. */
		detour_fail_enter(one, reason ? reason : -ECANCELED, &error);
		detour_forget(one, &error);
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
	detour_fail_enter(one, -EPIPE, &error);
	if (into || one->leaving)
		detour_forget(one, &error);
}

static void on_change(void *context, enum ph_detour_state state)
{
	struct wire_detour *one = context;

	if (state == PH_DETOUR_IN) {
		one->reason[0] = '\0';
		say(one, "in");
		detour_answer(one, NULL);
	} else if (state == PH_DETOUR_HELD) {
		on_held(one);
	} else if (state == PH_DETOUR_OUT) {
		on_out(one);
	} else if (state == PH_DETOUR_OVER) {
		on_over(one);
	}
}

const struct ph_detour_events detour_events = {on_change};

void wire_detour_begin(struct wire *wire)
{
	struct wire_detour *one = detour_find(wire->wires, wire->connection);

	if (!one || one->bypassed || !wire->pipe)
		return;
	drop_detour(one);
	/* It came behind the end: there is nothing that a filter could see. */
	if (ph_pipe_is_finished(wire->pipe))
		return;
	if (ph_detour_create(&wire->wires->node->kernel, wire->pipe,
		    one->bypass, &detour_events, one, &one->detour) ||
		ph_detour_hold(one->detour)) {
		/* Not what was asked for: no stream rather than a bare one. */
		drop_detour(one);
		ph_pipe_break(wire->pipe, -ENOMEM);
		return;
	}
	seek(one);
}

/* --- the wire goes --- */

static void tell_gone(struct wire_detour *one)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_CONFLICT, one->connection,
		"see `posthouse connections`", "the connection is taken away");
	detour_answer(one, &error);
}

bool wire_detour_leave(struct wire *wire)
{
	struct wire_detour *one = detour_find(wire->wires, wire->connection);
	int code;

	if (!one || !one->detour)
		return false;
	if (!one->leaving)
		tell_gone(one);
	if (ph_detour_state(one->detour) == PH_DETOUR_DRAINING) {
		one->parts = one->leaving;
		return one->leaving;
	}
	if (ph_detour_state(one->detour) != PH_DETOUR_IN)
		return false;
	code = ph_detour_leave(one->detour);
	one->leaving = !code || code == -EALREADY;
	one->parts = one->leaving;
	/* A stream that ends takes the filter along. */
	return one->leaving || code == -EPIPE;
}

void wire_detour_part(struct wire *wire)
{
	struct wire_detour *one = detour_find(wire->wires, wire->connection);

	if (one && one->detour)
		ph_detour_part(one->detour);
}
