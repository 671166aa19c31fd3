#include "controlsurface/manual.h"

#include <stdio.h>

#include <utlist.h>

#include "kernel/clock.h"

/*
 * control.diff: what was changed by hand, and what is declared and not so.
 * Drift is shown, never settled silently.
 */
static const char *const blanks[] = {
	"connection", "from", "to", "id", "verb", "who", "why"};

static void write_ends(struct ph_control *control, struct ph_writer *writer,
	const struct ph_wire *wire)
{
	char text[PH_CONNECTION_ID * 2];
	struct ph_place from = wire->from;

	memcpy(from.node, control->node, sizeof(from.node));
	ph_put_text(writer, "from", ph_place_format(&from, text, sizeof(text)));
	ph_put_text(
		writer, "to", ph_place_format(&wire->to, text, sizeof(text)));
}

static void write_manual(struct ph_control *control, struct ph_writer *writer,
	const struct ph_manual *manual)
{
	const struct ph_wire *wire =
		ph_manual_has_wire(manual) ? &manual->wire : &manual->cut;
	const struct ph_edge *edge = ph_connectome_wire(&control->connectome,
		ph_manual_has_wire(manual) ? &manual->wire : &manual->cut);

	ph_write_map(writer);
	ph_put_text(writer, "kind", "override");
	ph_put_text(writer, "node", control->node);
	ph_put_text(writer, "scope",
		ph_manual_has_cut(manual) ? manual->cut.scope : "");
	ph_put_text(writer, "connection", edge ? edge->actual.id : "");
	write_ends(control, writer, wire);
	ph_manual_write(writer, manual);
	ph_put_text(writer, "on_full", manual->wire.on_full);
	ph_put_u64(writer, "queue", manual->wire.queue);
	ph_put_text(writer, "via", manual->wire.via);
	ph_put_text(writer, "state",
		edge ? ph_connection_state_name(edge->actual.state) : "closed");
	ph_put_text(writer, "reason", edge ? edge->actual.reason : "by hand");
	ph_write_end(writer);
}

/* A filter stands in `override`, too. */
static void write_filter(struct ph_control *control, struct ph_writer *writer,
	const struct ph_edge *edge)
{
	const char *why = edge->override.reason;
	char text[512];

	ph_write_map(writer);
	ph_put_text(writer, "kind", "override");
	ph_put_text(writer, "node", control->node);
	ph_put_text(writer, "scope", edge->declared.scope);
	ph_put_text(writer, "connection", edge->actual.id);
	write_ends(control, writer, &edge->declared);
	ph_put_text(writer, "id", "");
	ph_put_text(writer, "verb", "interpose");
	ph_put_text(writer, "who", edge->override.who);
	ph_put_text(writer, "why", "");
	ph_put_int(writer, "since", edge->override.since);
	ph_put_text(writer, "filter", edge->override.server);
	ph_put_text(
		writer, "state", ph_connection_state_name(edge->actual.state));
	snprintf(text, sizeof(text), "%s%s%s; posthouse withdraw %s %s",
		edge->override.server, *why ? ": " : " is in it", why,
		edge->actual.id, edge->override.server);
	ph_put_text(writer, "reason", text);
	ph_write_end(writer);
}

static void write_drift(struct ph_control *control, struct ph_writer *writer,
	const struct ph_edge *edge)
{
	int64_t now = ph_loop_now(control->config.loop);

	ph_write_map(writer);
	ph_put_text(writer, "kind", "drift");
	ph_put_text(writer, "node", control->node);
	ph_put_text(writer, "scope", edge->declared.scope);
	ph_put_text(writer, "connection", edge->actual.id);
	write_ends(control, writer, &edge->declared);
	ph_put_text(writer, "id", "");
	ph_put_text(writer, "verb", "");
	ph_put_text(writer, "who", "");
	ph_put_text(writer, "why", "");
	ph_put_int(
		writer, "since", ph_clock_wall() - (now - edge->actual.since));
	ph_put_text(
		writer, "state", ph_connection_state_name(edge->actual.state));
	ph_put_text(writer, "reason", edge->actual.reason);
	ph_write_end(writer);
}

/* A host that was away when this was applied. Each of the others knows; the
 * first of them tells. */
static void write_behind(struct ph_control *control, struct ph_writer *writer,
	const struct ph_part *part)
{
	unsigned first = 0;

	while (first < part->host_count && part->hosts[first].behind)
		first++;
	if (first == part->host_count ||
		strcmp(part->hosts[first].name, control->node) != 0)
		return;
	for (unsigned i = 0; i < part->host_count; i++) {
		if (!part->hosts[i].behind)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "kind", "drift");
		ph_put_text(writer, "node", part->hosts[i].name);
		ph_put_text(writer, "scope", part->scope);
		for (unsigned k = 0; k < sizeof(blanks) / sizeof(blanks[0]);
			k++)
			ph_put_text(writer, blanks[k], "");
		ph_put_int(writer, "since", 0);
		ph_put_text(writer, "state", "behind");
		ph_put_text(writer, "reason",
			"it was away when this was applied: posthouse apply "
			"FILE "
			"once more, when it is back");
		ph_write_end(writer);
	}
}

static bool is_drift(const struct ph_edge *edge)
{
	switch (edge->actual.state) {
	case PH_CONNECTION_OPEN:
		return false;
	case PH_CONNECTION_CLOSED:
		return !edge->actual.ended;
	default:
		return *edge->declared.scope && !edge->withdrawn &&
		       !edge->declared.notes.optional;
	}
}

void ph_control_serve_diff(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_writer *writer = ph_control_writer(control);
	const struct ph_control_scope *scope;
	const struct ph_manual *manual;
	const struct ph_edge *edge;

	ph_write_map(writer);
	ph_put_u64(writer, "revision", ph_control_revision(control));
	ph_put_list(writer, "items");
	DL_FOREACH(control->manuals, manual)
	write_manual(control, writer, manual);
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		if (*edge->override.server)
			write_filter(control, writer, edge);
		if (is_drift(edge))
			write_drift(control, writer, edge);
	}
	for (scope = control->scopes; scope; scope = scope->hh.next)
		if (scope->part)
			write_behind(control, writer, scope->part);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}

void ph_control_serve_parts(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	const struct ph_control_scope *scope;
	struct ph_request request;
	struct ph_writer *writer;
	char name[PH_NAME_MAX + 1];

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "name", name, sizeof(name));
	ph_request_close(&request);
	writer = ph_control_writer(control);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (scope = control->scopes; scope; scope = scope->hh.next) {
		if (!scope->part || (*name && strcmp(scope->name, name) != 0))
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "node", control->node);
		ph_put_text(writer, "scope", scope->name);
		ph_put_u64(writer, "revision", scope->changed);
		ph_write_text(writer, "part");
		ph_write_encoded(writer, scope->bytes, scope->length);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}
