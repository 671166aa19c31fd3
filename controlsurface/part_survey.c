#include "controlsurface/control_inner.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * control.survey: would this node's part of a scope do, and what would it
 * change? Nothing is held and nothing changes.
 */

/* Named effects are for people; the counts are always whole. */
#define EFFECTS_MOST 500u

struct survey {
	ph_handle ticket;
};

struct effects {
	struct ph_writer *writer;
	unsigned told;
	unsigned added;
	unsigned removed;
	unsigned changed;
};

static void effect(struct effects *effects, const char *kind,
	const char *change, const char *what)
{
	if (effects->told++ >= EFFECTS_MOST)
		return;
	ph_write_map(effects->writer);
	ph_put_text(effects->writer, "kind", kind);
	ph_put_text(effects->writer, "change", change);
	ph_put_text(effects->writer, "what", what);
	ph_write_end(effects->writer);
}

static void server_effects(struct effects *effects, const struct ph_part *part,
	const struct ph_part *old)
{
	for (unsigned i = 0; i < part->server_count; i++) {
		const struct ph_part_server *server = &part->servers[i];
		const struct ph_part_server *before =
			old ? ph_part_server(old, server->name) : NULL;

		if (before && ph_part_server_equal(before, server))
			continue;
		effects->added += !before;
		effects->changed += before != NULL;
		effect(effects, "server", before ? "replace" : "add",
			server->name);
	}
	for (unsigned i = 0; old && i < old->server_count; i++) {
		if (ph_part_server(part, old->servers[i].name))
			continue;
		effects->removed++;
		effect(effects, "server", "remove", old->servers[i].name);
	}
}

static char *wire_text(const struct ph_wire *wire, char *out, size_t size)
{
	char from[3 * PH_NAME_MAX];
	char to[3 * PH_NAME_MAX + 3];

	ph_place_format(&wire->from, from, sizeof(from));
	ph_place_format(&wire->to, to, sizeof(to));
	snprintf(out, size, "%s -> %s%s%s%s", from, to,
		*wire->notes.criteria ? " (chosen by " : "",
		wire->notes.criteria, *wire->notes.criteria ? ")" : "");
	return out;
}

/* Its stream goes on. */
static void note_effects(struct effects *effects, const struct ph_edge *edge,
	const struct ph_wire *wire)
{
	char text[512];

	if (ph_wire_notes_equal(&edge->declared.notes, &wire->notes))
		return;
	effects->changed++;
	effect(effects, "wire", "adjust", wire_text(wire, text, sizeof(text)));
}

static void wire_effects(struct ph_control *control, struct effects *effects,
	const struct ph_part *part, const char *scope)
{
	char text[512];
	struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->declared_now = edge->withdrawn ||
				     strcmp(edge->declared.scope, scope) != 0;
	for (unsigned i = 0; i < part->wire_count; i++) {
		const struct ph_wire *wire = &part->wires[i];

		edge = ph_connectome_wire(&control->connectome, wire);
		if (edge)
			edge->declared_now = true;
		if (edge && ph_wire_equal(&edge->declared, wire)) {
			note_effects(effects, edge, wire);
			continue;
		}
		effects->added += !edge;
		effects->changed += edge != NULL;
		effect(effects, "wire", edge ? "replace" : "add",
			wire_text(wire, text, sizeof(text)));
	}
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		if (edge->declared_now)
			continue;
		effects->removed++;
		effect(effects, "wire", "remove",
			wire_text(&edge->declared, text, sizeof(text)));
	}
}

static void write_survey(struct ph_control *control, const struct ph_part *part)
{
	const struct ph_control_scope *scope =
		ph_control_scope(control, part->scope);
	const struct ph_part *old = scope ? scope->part : NULL;
	struct ph_writer *writer = ph_control_writer(control);
	struct effects effects = {.writer = writer};

	ph_write_map(writer);
	/* Who took part so far: the coordinator may know less. */
	ph_put_list(writer, "hosts");
	for (unsigned i = 0; old && i < old->host_count; i++)
		ph_write_text(writer, old->hosts[i].name);
	ph_write_end(writer);
	ph_put_bool(writer, "known", scope != NULL);
	ph_put_u64(writer, "revision", ph_control_revision(control));
	ph_put_u64(writer, "scope_revision",
		ph_control_scope_revision(control, part->scope));
	ph_put_list(writer, "effects");
	server_effects(&effects, part, old);
	wire_effects(control, &effects, part, part->scope);
	ph_write_end(writer);
	ph_put_u64(writer, "added", effects.added);
	ph_put_u64(writer, "changed", effects.changed);
	ph_put_u64(writer, "removed", effects.removed);
	ph_write_end(writer);
}

static void surveyed(struct ph_control *control, void *context,
	struct ph_part *part, const struct ph_error *error)
{
	struct survey *survey = context;

	if (error) {
		ph_answer_error(control->config.door, survey->ticket, error);
	} else {
		write_survey(control, part);
		ph_answer_ok(
			control->config.door, survey->ticket, control->writer);
	}
	ph_part_free(part);
	free(survey);
}

void ph_control_serve_survey(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	struct survey *survey;
	struct ph_part *part;

	/* Still loading: the coordinator asks again. */
	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	survey = calloc(1, sizeof(*survey));
	if (!survey ||
		ph_part_read(&part, ph_value_get(request.arguments, "part"),
			control->node, control->config.bundled, &error)) {
		ph_answer_error(control->config.door, ticket, &error);
		free(survey);
	} else {
		survey->ticket = ticket;
		ph_part_check(control, part, surveyed, free, survey);
	}
	ph_request_close(&request);
}
