#include "controlsurface/pact.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * May this node's part of a scope be as it says? Nothing changes: names, ends
 * of wires and servers are looked at, some of them by asking those who know.
 */
struct check {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	struct ph_part *part;
	unsigned pending;
	bool failed;
	struct ph_error error; /* the first one */
	ph_check_fn *done;
	void (*abandon)(void *context);
	void *context;
};

static void check_free(struct check *check)
{
	ph_part_free(check->part);
	free(check);
}

static void check_abandon(struct ph_control_work *work)
{
	struct check *check = (struct check *)work;

	check->abandon(check->context);
	check_free(check);
}

static void check_end(struct check *check)
{
	struct ph_control *control = check->control;
	struct ph_part *part = check->part;

	if (check->pending)
		return;
	check->part = NULL;
	ph_control_work_end(control, &check->work);
	check->done(control, check->context, part,
		check->failed ? &check->error : NULL);
	check_free(check);
}

static void refuse(struct check *check, const struct ph_error *error)
{
	if (!check->failed)
		check->error = *error;
	check->failed = true;
}

static void checked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct check *check = ask->context;

	if (reply->status)
		refuse(check, &reply->error);
	check->pending--;
	check_end(check);
}

/* Would the executor run these servers? */
static void check_servers(struct check *check)
{
	struct ph_control *control = check->control;

	for (unsigned i = 0; i < check->part->server_count; i++) {
		const struct ph_part_server *server = &check->part->servers[i];
		struct ph_writer *writer = ph_control_writer(control);
		struct ph_document *document;

		if (ph_document_read(&document, server->spec, server->length,
			    PH_SKIM_TABLE))
			continue;
		ph_write_map(writer);
		ph_put_value(writer, "spec", ph_document_root(document));
		ph_write_end(writer);
		ph_document_free(document);
		check->pending++;
		ph_control_ask(control, &(struct ph_ask){
						.method = PH_EXECUTOR_CHECK,
						.timeout = PH_ASK_HERE,
						.reply = checked,
						.context = check,
					});
	}
}

static void check_names_of(
	struct check *check, const char *scope, const struct ph_part *part)
{
	struct ph_error error;

	if (!part || !strcmp(scope, check->part->scope))
		return;
	for (unsigned i = 0; i < check->part->server_count; i++) {
		const char *name = check->part->servers[i].name;

		if (!ph_part_server(part, name))
			continue;
		ph_fail(&error, PH_EXIT_CONFLICT, name,
			"give the server another name, or unapply that scope",
			"scope '%s' has a server '%s' on this node", scope,
			name);
		refuse(check, &error);
	}
}

/* A name belongs to one scope on a node, also to one that is about to be. */
static void check_names(struct check *check)
{
	struct ph_control *control = check->control;
	const struct ph_control_scope *scope;
	const struct ph_pact *pact;

	for (scope = control->scopes; scope; scope = scope->hh.next)
		check_names_of(check, scope->name, scope->part);
	for (pact = control->pacts; pact; pact = pact->hh.next) {
		if (pact->part && ph_transaction_locks(&pact->core))
			check_names_of(check, pact->scope, pact->part);
	}
}

static void refuse_direction(
	struct check *check, const struct ph_place *place, bool source)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_WIRING, check->part->scope,
		"wire an output to an input", "%s:%s is an %s; a wire %s",
		place->server, place->terminal, source ? "input" : "output",
		source ? "starts at an output" : "ends at an input");
	refuse(check, &error);
}

static void refuse_terminal(struct check *check,
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
	ph_fail(&error, PH_EXIT_WIRING, check->part->scope,
		"use one of its terminals",
		"server '%s' has no terminal '%s'; it has %s", place->server,
		place->terminal, list);
	refuse(check, &error);
}

/* The guest book's word about an end that the part does not hold. */
static void end_found(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct check *check = ask->context;
	const struct ph_wire *wire = &check->part->wires[ask->number / 2];
	bool source = !(ask->number % 2);
	int direction =
		ph_wire_direction(ph_value_get(reply->body, "direction"));

	if (reply->status && wire->notes.optional) {
		/* It need not be there. */
	} else if (reply->status)
		refuse(check, &reply->error);
	else if (direction < 0 ||
		 ph_wire_is_output((enum ph_direction)direction) != source)
		refuse_direction(
			check, source ? &wire->from : &wire->to, source);
	check->pending--;
	check_end(check);
}

static void ask_guest_book(
	struct check *check, const struct ph_place *place, unsigned number)
{
	struct ph_control *control = check->control;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", place->server);
	ph_put_text(writer, "terminal", place->terminal);
	ph_write_end(writer);
	check->pending++;
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_HOSTESS_FIND,
					.timeout = PH_ASK_HERE,
					.reply = end_found,
					.context = check,
					.number = number,
				});
}

/* Is the server one that this very apply would take away? */
static bool end_leaves(struct check *check, const struct ph_place *place)
{
	const struct ph_control_scope *scope =
		ph_control_scope(check->control, check->part->scope);
	struct ph_error error;

	if (!scope || !ph_part_server(scope->part, place->server))
		return false;
	ph_fail(&error, PH_EXIT_WIRING, check->part->scope,
		"keep the server in the file, or take the wire out",
		"a wire uses server '%s', which the file no longer has",
		place->server);
	refuse(check, &error);
	return true;
}

static void check_wire_end(struct check *check, const struct ph_place *place,
	bool source, unsigned number)
{
	const struct ph_part_server *server =
		ph_part_server(check->part, place->server);
	const struct ph_part_terminal *terminal;

	if (!server) {
		if (!end_leaves(check, place))
			ask_guest_book(check, place, number);
		return;
	}
	terminal = ph_part_terminal(server, place->terminal);
	if (!terminal)
		refuse_terminal(check, server, place);
	else if (ph_wire_is_output(terminal->direction) != source)
		refuse_direction(check, place, source);
}

static void check_wires(struct check *check)
{
	for (unsigned i = 0; i < check->part->wire_count; i++) {
		const struct ph_wire *wire = &check->part->wires[i];

		check_wire_end(check, &wire->from, true, 2 * i);
		if (!strcmp(wire->to.node, check->control->node))
			check_wire_end(check, &wire->to, false, 2 * i + 1);
	}
}

void ph_part_check(struct ph_control *control, struct ph_part *part,
	ph_check_fn *done, void (*abandon)(void *context), void *context)
{
	struct check *check = calloc(1, sizeof(*check));
	struct ph_error error;

	if (!check) {
		ph_fail(&error, PH_EXIT_NEGATIVE, part->scope, "free memory",
			"out of memory");
		done(control, context, part, &error);
		return;
	}
	check->work.abandon = check_abandon;
	check->control = control;
	check->part = part;
	check->done = done;
	check->abandon = abandon;
	check->context = context;
	ph_control_work_begin(control, &check->work);
	/* Replies come later: `pending` cannot reach zero in here. */
	check_names(check);
	check_wires(check);
	check_servers(check);
	check_end(check);
}
