#include "controlsurface/manual.h"

#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

/*
 * control.connect, control.disconnect, control.move: what is asked is looked at
 * (is the output there, would the input take it), made durable, brought about,
 * and answered.
 */
#define CHECK_CALL (5 * PH_SECOND)

struct change {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	struct ph_manual *manual; /* replaces the one of its id, if any */
};

static void change_free(struct ph_control_work *work)
{
	struct change *change = (struct change *)work;

	free(change->manual);
	free(change);
}

static void change_end(struct change *change)
{
	ph_control_work_end(change->control, &change->work);
	change_free(&change->work);
}

static void change_fail(struct change *change, const struct ph_error *error)
{
	ph_answer_error(change->control->config.door, change->ticket, error);
	change_end(change);
}

/* --- the answer --- */

static void write_wire(struct ph_control *control, struct ph_writer *writer,
	const struct ph_wire *wire)
{
	const struct ph_edge *edge =
		ph_connectome_wire(&control->connectome, wire);
	char text[PH_CONNECTION_ID * 2];
	struct ph_place from = wire->from;

	if (edge)
		ph_put_text(writer, "connection", edge->actual.id);
	memcpy(from.node, control->node, sizeof(from.node));
	ph_put_text(writer, "from", ph_place_format(&from, text, sizeof(text)));
	ph_put_text(
		writer, "to", ph_place_format(&wire->to, text, sizeof(text)));
}

static void answer(struct change *change)
{
	struct ph_control *control = change->control;
	const struct ph_manual *manual = change->manual;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "override", manual->id);
	ph_put_text(writer, "verb", ph_manual_verb_name(manual->verb));
	write_wire(control, writer,
		ph_manual_has_wire(manual) ? &manual->wire : &manual->cut);
	if (manual->until)
		ph_put_int(writer, "until", manual->until);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, change->ticket, writer);
}

static void note(struct ph_control *control, const struct ph_manual *manual)
{
	const struct ph_wire *wire =
		ph_manual_has_cut(manual) ? &manual->cut : &manual->wire;
	char from[PH_CONNECTION_ID * 2];
	char to[PH_CONNECTION_ID * 2];
	char then[PH_CONNECTION_ID * 2];

	ph_place_format(&wire->from, from, sizeof(from));
	ph_place_format(&wire->to, to, sizeof(to));
	ph_place_format(&manual->wire.to, then, sizeof(then));
	ph_log_info("control", "override id=%s verb=%s by=%s", manual->id,
		ph_manual_verb_name(manual->verb), manual->by);
	ph_control_note(control, manual->by, manual->why,
		"%s %s -> %s%s%s (%s)", ph_manual_verb_name(manual->verb), from,
		to, manual->verb == PH_MANUAL_MOVE ? " to " : "",
		manual->verb == PH_MANUAL_MOVE ? then : "", manual->id);
}

static void stored(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct change *change = ask->context;

	struct ph_manual *old;

	if (reply->status) {
		change_fail(change, &reply->error);
		return;
	}
	old = ph_manual_find(control, change->manual->id);
	if (old)
		ph_manual_drop(old);
	ph_manual_enter(change->manual);
	note(control, change->manual);
	ph_manuals_bring_about(control);
	answer(change);
	change->manual = NULL;
	/* What it cuts may have been taken away meanwhile. */
	ph_manuals_prune(control);
	change_end(change);
}

static void store(struct change *change)
{
	ph_manual_write_record(change->manual);
	ph_control_ask(change->control, &(struct ph_ask){
						.method = PH_STORE_PUT,
						.timeout = PH_MANUAL_STORE,
						.reply = stored,
						.context = change,
					});
}

/* --- is it possible --- */

static void input_checked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct change *change = ask->context;

	if (reply->status)
		change_fail(change, &reply->error);
	else
		store(change);
}

static void check_input(struct change *change, const char *type)
{
	struct ph_control *control = change->control;
	const struct ph_place *to = &change->manual->wire.to;
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_HOSTESS_CHECK,
		.timeout = CHECK_CALL,
		.reply = input_checked,
		.context = change,
	};

	ph_write_map(writer);
	ph_put_text(writer, "server", to->server);
	ph_put_text(writer, "terminal", to->terminal);
	if (*type)
		ph_put_text(writer, "type", type);
	ph_write_end(writer);
	if (strcmp(to->node, control->node) != 0)
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			to->node);
	ph_control_ask(control, &ask);
}

static void fail_taken(struct change *change, const struct ph_edge *edge)
{
	const struct ph_place *from = &change->manual->wire.from;
	struct ph_error error;

	ph_fail(&error, PH_EXIT_CONFLICT, change->control->node,
		"move that one (posthouse move), or declare the output with "
		"kind: mux",
		"%s:%s feeds %s already, and feeds one at a time", from->server,
		from->terminal, edge->actual.id);
	change_fail(change, &error);
}

static void output_found(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct change *change = ask->context;
	const struct ph_place *from = &change->manual->wire.from;
	int direction =
		ph_wire_direction(ph_value_get(reply->body, "direction"));
	struct ph_error error;
	char type[64];

	if (reply->status) {
		change_fail(change, &reply->error);
	} else if (direction < 0 ||
		   !ph_wire_is_output((enum ph_direction)direction)) {
		ph_fail(&error, PH_EXIT_WIRING, control->node,
			"wire an output to an input",
			"%s:%s is an input; a wire starts at an output",
			from->server, from->terminal);
		change_fail(change, &error);
	} else if (direction == PH_OUT &&
		   ph_manual_output_feeds(control, change->manual)) {
		fail_taken(change,
			ph_manual_output_feeds(control, change->manual));
	} else {
		check_input(change,
			ph_get_copy(reply->body, "type", type, sizeof(type)));
	}
}

static void check_wire(struct change *change)
{
	struct ph_control *control = change->control;
	const struct ph_place *from = &change->manual->wire.from;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", from->server);
	ph_put_text(writer, "terminal", from->terminal);
	ph_write_end(writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_HOSTESS_FIND,
					.timeout = PH_ASK_HERE,
					.reply = output_found,
					.context = change,
				});
}

/* --- the calls --- */

static bool has_room(const struct ph_control *control, struct ph_error *error)
{
	const struct ph_manual *manual;
	unsigned count;

	DL_COUNT(control->manuals, manual, count);
	if (count < PH_MANUALS_MOST)
		return true;
	ph_fail(error, PH_EXIT_CONFLICT, control->node,
		"revert some, or write them into a wiring file (save)",
		"%u changes by hand are kept here already", count);
	return false;
}

typedef int read_fn(struct ph_control *control, struct ph_manual *manual,
	struct ph_value arguments, struct ph_error *error);

static void begin(
	struct change *change, struct ph_request *request, read_fn *read)
{
	struct ph_control *control = change->control;
	struct ph_error error;
	struct ph_manual *manual;

	ph_control_work_begin(control, &change->work);
	if (!has_room(control, &error) ||
		read(control, change->manual, request->arguments, &error) ||
		ph_manual_read_time(
			change->manual, request->arguments, &error)) {
		change_fail(change, &error);
		return;
	}
	manual = change->manual;
	if (request->call->method == PH_CONTROL_DISCONNECT &&
		manual->verb == PH_MANUAL_CONNECT) {
		ph_manual_revert(control, request->ticket, manual,
			ph_manual_caller(control, request->call));
		change_end(change);
		return;
	}
	if (ph_manual_has_wire(manual))
		check_wire(change);
	else
		store(change);
}

static void serve(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call, read_fn *read)
{
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	struct ph_request request;
	struct change *change;

	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	change = calloc(1, sizeof(*change));
	if (change)
		change->manual =
			ph_manual_new(control, ph_manual_caller(control, call));
	if (change && change->manual) {
		change->work.abandon = change_free;
		change->control = control;
		change->ticket = ticket;
		begin(change, &request, read);
	} else {
		free(change);
		ph_answer_error(control->config.door, ticket, &error);
	}
	ph_request_close(&request);
}

void ph_control_serve_connect(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, ph_manual_read_connect);
}

void ph_control_serve_disconnect(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, ph_manual_read_disconnect);
}

void ph_control_serve_move(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, ph_manual_read_move);
}
