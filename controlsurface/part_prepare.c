#include "controlsurface/control_inner.h"

#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

/*
 * May this node's part of a scope be as it says? Nothing changes but a hold: it
 * keeps the coordinators of two nodes from putting their halves of one scope
 * together. A hold ends with the commit, when its coordinator gives up, or by
 * itself.
 */
#define HOLD_TIME (15 * PH_SECOND)
#define HOLDS	  64u

struct ph_control_hold {
	char scope[PH_NAME_MAX + 1];
	char by[PH_NAME_MAX + 1];
	int64_t until;
	struct ph_control_hold *prev;
	struct ph_control_hold *next;
};

static struct ph_control_hold *hold_find(
	struct ph_control *control, const char *scope)
{
	struct ph_control_hold *hold;

	DL_FOREACH(control->holds, hold)
	{
		if (!strcmp(hold->scope, scope))
			return hold;
	}
	return NULL;
}

static void hold_end(struct ph_control *control, struct ph_control_hold *hold)
{
	DL_DELETE(control->holds, hold);
	free(hold);
}

bool ph_control_is_held(
	struct ph_control *control, const char *scope, const char *by)
{
	const struct ph_control_hold *hold = hold_find(control, scope);

	return hold && strcmp(hold->by, by) &&
	       hold->until > ph_loop_now(control->config.loop);
}

void ph_control_hold(
	struct ph_control *control, const char *scope, const char *by)
{
	struct ph_control_hold *hold;
	unsigned count;

	ph_control_unhold(control, scope);
	DL_COUNT(control->holds, hold, count);
	if (count >= HOLDS)
		hold_end(control, control->holds);
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return;
	snprintf(hold->scope, sizeof(hold->scope), "%s", scope);
	snprintf(hold->by, sizeof(hold->by), "%s", by);
	hold->until = ph_loop_now(control->config.loop) + HOLD_TIME;
	DL_APPEND(control->holds, hold);
}

void ph_control_unhold(struct ph_control *control, const char *scope)
{
	struct ph_control_hold *hold = hold_find(control, scope);

	if (hold)
		hold_end(control, hold);
}

void ph_control_holds_fini(struct ph_control *control)
{
	while (control->holds)
		hold_end(control, control->holds);
}

/* One prepare under way. */
struct prepare {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	char by[PH_NAME_MAX + 1];
	struct ph_part *part;
	unsigned pending;
	bool failed;
	struct ph_error error; /* the first one */
};

static void prepare_free(struct ph_control_work *work)
{
	struct prepare *prepare = (struct prepare *)work;

	ph_part_free(prepare->part);
	free(prepare);
}

/* Who took part so far: the coordinator may know less. */
static void answer_prepared(struct prepare *prepare)
{
	struct ph_control *control = prepare->control;
	const struct ph_control_scope *scope =
		ph_control_scope(control, prepare->part->scope);
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_list(writer, "hosts");
	for (unsigned i = 0;
		scope && scope->part && i < scope->part->host_count; i++)
		ph_write_text(writer, scope->part->hosts[i].name);
	ph_write_end(writer);
	ph_put_bool(writer, "known", scope != NULL);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, prepare->ticket, writer);
}

static void prepare_end(struct prepare *prepare)
{
	struct ph_control *control = prepare->control;

	if (prepare->pending)
		return;
	if (!prepare->failed &&
		ph_control_is_held(control, prepare->part->scope, prepare->by))
		prepare->failed = ph_fail(&prepare->error, PH_EXIT_CONFLICT,
			prepare->part->scope, "try again in a moment",
			"another node is applying this scope");
	if (prepare->failed) {
		ph_answer_error(
			control->config.door, prepare->ticket, &prepare->error);
	} else {
		ph_control_hold(control, prepare->part->scope, prepare->by);
		answer_prepared(prepare);
	}
	ph_control_work_end(control, &prepare->work);
	prepare_free(&prepare->work);
}

static void prepare_refuse(
	struct prepare *prepare, const struct ph_error *error)
{
	if (!prepare->failed)
		prepare->error = *error;
	prepare->failed = true;
}

static void checked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct prepare *prepare = ask->context;

	if (reply->status)
		prepare_refuse(prepare, &reply->error);
	prepare->pending--;
	prepare_end(prepare);
}

/* Would the executor run these servers? */
static void check_servers(struct prepare *prepare)
{
	struct ph_control *control = prepare->control;

	for (unsigned i = 0; i < prepare->part->server_count; i++) {
		const struct ph_part_server *server =
			&prepare->part->servers[i];
		struct ph_writer *writer = ph_control_writer(control);
		struct ph_document *document;

		if (ph_document_read(&document, server->spec, server->length,
			    PH_SKIM_TABLE))
			continue;
		ph_write_map(writer);
		ph_put_value(writer, "spec", ph_document_root(document));
		ph_write_end(writer);
		ph_document_free(document);
		prepare->pending++;
		ph_control_ask(control, &(struct ph_ask){
						.method = PH_EXECUTOR_CHECK,
						.timeout = PH_ASK_HERE,
						.reply = checked,
						.context = prepare,
					});
	}
}

/* A name belongs to one scope on a node. */
static void check_names(struct prepare *prepare)
{
	const struct ph_control_scope *scope;
	struct ph_error error;

	for (scope = prepare->control->scopes; scope; scope = scope->hh.next) {
		if (!strcmp(scope->name, prepare->part->scope))
			continue;
		for (unsigned i = 0; i < prepare->part->server_count; i++) {
			const char *name = prepare->part->servers[i].name;

			if (!ph_part_server(scope->part, name))
				continue;
			ph_fail(&error, PH_EXIT_CONFLICT, name,
				"give the server another name, or unapply "
				"that scope",
				"scope '%s' has a server '%s' on this node",
				scope->name, name);
			prepare_refuse(prepare, &error);
		}
	}
}

static void refuse_direction(
	struct prepare *prepare, const struct ph_place *place, bool source)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_WIRING, prepare->part->scope,
		"wire an output to an input", "%s:%s is an %s; a wire %s",
		place->server, place->terminal, source ? "input" : "output",
		source ? "starts at an output" : "ends at an input");
	prepare_refuse(prepare, &error);
}

static void refuse_terminal(struct prepare *prepare,
	const struct ph_part_server *server, const struct ph_place *place)
{
	struct ph_error error;
	char list[160] = "";
	size_t used = 0;

	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_part_terminal *item = &server->terminals[i];
		int wrote = snprintf(list + used, sizeof(list) - used,
			"%s%s (%s)", i ? ", " : "", item->name,
			ph_wire_direction_name(item->direction));

		if (wrote < 0 || (size_t)wrote >= sizeof(list) - used)
			break;
		used += (size_t)wrote;
	}
	ph_fail(&error, PH_EXIT_WIRING, prepare->part->scope,
		"use one of its terminals",
		"server '%s' has no terminal '%s'; it has %s", place->server,
		place->terminal, list);
	prepare_refuse(prepare, &error);
}

/* The guest book's word about an end that the part does not hold. */
static void end_found(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct prepare *prepare = ask->context;
	const struct ph_wire *wire = &prepare->part->wires[ask->number / 2];
	bool source = !(ask->number % 2);
	int direction =
		ph_wire_direction(ph_value_get(reply->body, "direction"));

	if (reply->status)
		prepare_refuse(prepare, &reply->error);
	else if (direction < 0 ||
		 ph_wire_is_output((enum ph_direction)direction) != source)
		refuse_direction(
			prepare, source ? &wire->from : &wire->to, source);
	prepare->pending--;
	prepare_end(prepare);
}

static void ask_guest_book(
	struct prepare *prepare, const struct ph_place *place, unsigned number)
{
	struct ph_control *control = prepare->control;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", place->server);
	ph_put_text(writer, "terminal", place->terminal);
	ph_write_end(writer);
	prepare->pending++;
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_HOSTESS_FIND,
					.timeout = PH_ASK_HERE,
					.reply = end_found,
					.context = prepare,
					.number = number,
				});
}

/* Is the server one that this very apply would take away? */
static bool end_leaves(struct prepare *prepare, const struct ph_place *place)
{
	const struct ph_control_scope *scope =
		ph_control_scope(prepare->control, prepare->part->scope);
	struct ph_error error;

	if (!scope || !ph_part_server(scope->part, place->server))
		return false;
	ph_fail(&error, PH_EXIT_WIRING, prepare->part->scope,
		"keep the server in the file, or take the wire out",
		"a wire uses server '%s', which the file no longer has",
		place->server);
	prepare_refuse(prepare, &error);
	return true;
}

static void check_end(struct prepare *prepare, const struct ph_place *place,
	bool source, unsigned number)
{
	const struct ph_part_server *server =
		ph_part_server(prepare->part, place->server);
	const struct ph_part_terminal *terminal;

	if (!server) {
		if (!end_leaves(prepare, place))
			ask_guest_book(prepare, place, number);
		return;
	}
	terminal = ph_part_terminal(server, place->terminal);
	if (!terminal)
		refuse_terminal(prepare, server, place);
	else if (ph_wire_is_output(terminal->direction) != source)
		refuse_direction(prepare, place, source);
}

static void check_wires(struct prepare *prepare)
{
	for (unsigned i = 0; i < prepare->part->wire_count; i++) {
		const struct ph_wire *wire = &prepare->part->wires[i];

		check_end(prepare, &wire->from, true, 2 * i);
		if (!strcmp(wire->to.node, prepare->control->node))
			check_end(prepare, &wire->to, false, 2 * i + 1);
	}
}

static void prepare_begin(struct ph_control *control, ph_handle ticket,
	const char *by, struct ph_part *part)
{
	struct prepare *prepare = calloc(1, sizeof(*prepare));

	if (!prepare) {
		ph_part_free(part);
		ph_door_answer(
			control->config.door, ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	prepare->work.abandon = prepare_free;
	prepare->control = control;
	prepare->ticket = ticket;
	prepare->part = part;
	snprintf(prepare->by, sizeof(prepare->by), "%s", by);
	ph_control_work_begin(control, &prepare->work);
	/* Replies come later: `pending` cannot reach zero in here. */
	check_names(prepare);
	check_wires(prepare);
	check_servers(prepare);
	prepare_end(prepare);
}

void ph_control_serve_prepare(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	const char *by =
		*call->caller->node ? call->caller->node : control->node;
	struct ph_request request;
	struct ph_error error;
	struct ph_part *part;
	char scope[PH_NAME_MAX + 1];

	/* Still loading: the coordinator asks again. */
	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "scope", scope, sizeof(scope));
	if (ph_get_bool(request.arguments, "abort")) {
		if (!ph_control_is_held(control, scope, by))
			ph_control_unhold(control, scope);
		ph_answer_ok(control->config.door, ticket, NULL);
	} else if (ph_part_read(&part, ph_value_get(request.arguments, "part"),
			   control->node, control->config.bundled, &error)) {
		ph_answer_error(control->config.door, ticket, &error);
	} else {
		prepare_begin(control, ticket, by, part);
	}
	ph_request_close(&request);
}
