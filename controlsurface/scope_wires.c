#include "controlsurface/control_inner.h"
#include "controlsurface/manual.h"

#include "kernel/log.h"

/* A scope's edges become the wires that its part declares, less those that are
 * cut by hand. */

static void edge_event(struct ph_control *control, struct ph_edge *edge,
	enum ph_connection_event_kind kind)
{
	ph_control_event(
		control, edge, &(struct ph_connection_event){.kind = kind});
}

/* A finished wire out of a server that is another one now runs again. */
static bool wire_is_renewed(const struct ph_edge *edge,
	const struct ph_part *part, const struct ph_part *old)
{
	const char *name = edge->declared.from.server;
	const struct ph_part_server *before = ph_part_server(old, name);
	const struct ph_part_server *after = ph_part_server(part, name);

	return edge->actual.ended && before && after &&
	       !ph_part_server_equal(before, after);
}

/* What is only said about it takes no new stream. */
static void edge_take(struct ph_edge *edge, const struct ph_wire *wire)
{
	edge->declared_now = true;
	edge->declared.notes = wire->notes;
	edge->actual.retry_first = wire->notes.retry_first;
	edge->actual.retry_most = wire->notes.retry_most;
}

static void declare_wire(struct ph_control *control, const struct ph_wire *wire,
	const struct ph_part *part, const struct ph_part *old)
{
	struct ph_edge *edge = ph_connectome_wire(&control->connectome, wire);

	if (edge && (!ph_wire_equal(&edge->declared, wire) ||
			    wire_is_renewed(edge, part, old))) {
		edge_event(control, edge, PH_CONNECTION_ON_WITHDRAWN);
		edge = NULL;
	}
	if (!edge)
		edge = ph_connectome_add(&control->connectome, wire,
			ph_loop_now(control->config.loop));
	if (edge)
		edge_take(edge, wire);
	else
		ph_log_error("control", "connection.lost because=memory");
}

/* What an apply takes away goes when all that is on its way has been delivered;
 * by hand it goes at once. */
static void take_away(struct ph_control *control, struct ph_edge *edge,
	const struct ph_part *part, const struct ph_part *old)
{
	const char *source = edge->declared.from.server;

	edge->source_leaves =
		ph_part_server(old, source) && !ph_part_server(part, source);
	ph_control_event(control, edge,
		&(struct ph_connection_event){
			.kind = PH_CONNECTION_ON_WITHDRAWN,
			.gently = old && old != part,
		});
}

/* The scope's edges become its wires. */
void ph_control_declare_wires(struct ph_control *control,
	const struct ph_control_scope *scope, const struct ph_part *old)
{
	struct ph_edge *edge;
	struct ph_edge *next;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->declared_now = strcmp(edge->declared.scope, scope->name);
	for (unsigned i = 0; i < scope->part->wire_count; i++)
		if (!ph_manual_cutting(control, &scope->part->wires[i]))
			declare_wire(control, &scope->part->wires[i],
				scope->part, old);
	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (!edge->declared_now && !edge->withdrawn)
			take_away(control, edge, scope->part, old);
	}
}

/* A thousand at once would hold up the data of others for milliseconds. */
#define BEGIN_WIRES 64u

static void begin_some(struct ph_task *task)
{
	struct ph_control *control =
		PH_CONTAINER(task, struct ph_control, beginning);
	struct ph_edge *edge;
	struct ph_edge *next;
	unsigned begun = 0;

	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (edge->begun || edge->withdrawn || !edge->ready)
			continue;
		if (begun++ == BEGIN_WIRES) {
			ph_loop_defer(control->config.loop, task);
			return;
		}
		edge->begun = true;
		edge_event(control, edge, PH_CONNECTION_ON_BEGIN);
	}
}

void ph_control_begin_wires(struct ph_control *control)
{
	control->beginning.run = begin_some;
	ph_loop_defer(control->config.loop, &control->beginning);
}

void ph_control_rewire(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	struct ph_edge *edge;

	ph_control_declare_wires(control, scope, scope->part);
	if (scope->starting)
		return;
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->ready |= !strcmp(edge->declared.scope, scope->name);
}

void ph_control_ready_wires(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->ready |= !strcmp(edge->declared.scope, scope->name);
	ph_control_begin_wires(control);
}
