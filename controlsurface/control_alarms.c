#include "controlsurface/alarm_marks.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/clock.h"
#include "kernel/log.h"

/*
 * The alarms of wiring files (alarm_rule.h), of the wires that this node owns:
 * looked at once a second while there are any, told in the log and the journal
 * when they come and go, and listed by control.alarms.
 */
#define LOOK_TIME PH_SECOND

static bool any_alarms(const struct ph_control *control)
{
	const struct ph_control_scope *scope;

	for (scope = control->scopes; scope; scope = scope->hh.next) {
		if (scope->part && scope->part->alarm_count)
			return true;
	}
	return false;
}

static const struct ph_edge *edge_of(struct ph_control *control,
	const struct ph_part_alarm *alarm, const char *scope)
{
	struct ph_wire wire = {.from = alarm->from, .to = alarm->to};

	snprintf(wire.scope, sizeof(wire.scope), "%s", scope);
	return ph_connectome_wire(&control->connectome, &wire);
}

static struct ph_alarm_look look_at(
	const struct ph_edge *edge, bool output, int64_t now)
{
	const struct ph_flow *flow = &edge->flow;

	return (struct ph_alarm_look){
		.at = now,
		.ended = edge->actual.ended,
		.bytes = output ? flow->sent_bytes : flow->received_bytes,
		.messages =
			output ? flow->sent_messages : flow->received_messages,
		.dropped = flow->dropped_messages,
		.queued = flow->present ? flow->queue_bytes : 0,
		.limit = flow->queue_limit,
		.blocked = flow->blocked_ns,
	};
}

static void tell(struct ph_control *control, struct ph_part_alarm *alarm,
	const char *scope)
{
	bool raised = alarm->state.raised;
	char what[64];
	char to[PH_CONNECTION_ID * 2];

	alarm->since = ph_clock_wall();
	ph_place_format(&alarm->to, to, sizeof(to));
	ph_alarm_measured(what, sizeof(what), &alarm->state, &alarm->rule);
	ph_log_warn("control", "alarm.%s id=%s scope=%s to=%s what=\"%s\"",
		raised ? "raised" : "cleared", alarm->id, scope, to, what);
	ph_control_note(control, "", what, "alarm %s %s: %s (%s)", alarm->id,
		raised ? "raised" : "cleared", to, alarm->when);
}

static void look(struct ph_control *control, struct ph_part_alarm *alarm,
	const char *scope, int64_t now)
{
	const struct ph_edge *edge = edge_of(control, alarm, scope);
	struct ph_alarm_look seen = {.at = now, .ended = true};

	/* One that somebody took away by hand is nobody's alarm. */
	if (edge)
		seen = look_at(edge, alarm->output, now);
	if (ph_alarm_step(&alarm->state, &alarm->rule, &seen))
		tell(control, alarm, scope);
}

static void looked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	int64_t now = ph_loop_now(control->config.loop);
	struct ph_control_scope *scope;

	if (!reply->status) {
		ph_control_take_flows(control, NULL, reply->body);
		for (scope = control->scopes; scope; scope = scope->hh.next) {
			if (!scope->part)
				continue;
			for (unsigned i = 0; i < scope->part->alarm_count; i++)
				look(control, &scope->part->alarms[i],
					scope->name, now);
		}
	}
	ph_control_alarms_start(control);
}

static void look_due(struct ph_timer *timer)
{
	struct ph_control *control =
		PH_CONTAINER(timer, struct ph_control, watching);
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_write_end(writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_WIRE_FLOWS,
					.timeout = PH_ASK_HERE,
					.reply = looked,
				});
}

void ph_control_alarms_start(struct ph_control *control)
{
	control->watching.on_due = look_due;
	if (control->quiet || control->watching.slot || !any_alarms(control))
		return;
	ph_timer_start(control->config.loop, &control->watching,
		ph_loop_now(control->config.loop) + LOOK_TIME);
}

void ph_control_alarms_keep(struct ph_part *part, const struct ph_part *old)
{
	for (unsigned i = 0; old && old != part && i < part->alarm_count; i++) {
		struct ph_part_alarm *alarm = &part->alarms[i];

		for (unsigned k = 0; k < old->alarm_count; k++) {
			if (strcmp(alarm->id, old->alarms[k].id) != 0)
				continue;
			alarm->state = old->alarms[k].state;
			alarm->since = old->alarms[k].since;
			break;
		}
	}
}

/* --- control.alarms --- */

static void write_alarm(struct ph_control *control, struct ph_writer *writer,
	const struct ph_part_alarm *alarm, const char *scope)
{
	const struct ph_edge *edge = edge_of(control, alarm, scope);
	struct ph_place from = alarm->from;
	char text[PH_CONNECTION_ID * 2];

	memcpy(from.node, control->node, sizeof(from.node));
	ph_write_map(writer);
	ph_put_text(writer, "kind", "rule");
	ph_put_text(writer, "alarm", alarm->id);
	ph_put_text(writer, "scope", scope);
	ph_put_text(writer, "connection", edge ? edge->actual.id : "");
	ph_put_text(writer, "from", ph_place_format(&from, text, sizeof(text)));
	ph_put_text(
		writer, "to", ph_place_format(&alarm->to, text, sizeof(text)));
	ph_put_text(writer, "when", alarm->when);
	ph_put_text(writer, "measured",
		ph_alarm_measured(
			text, sizeof(text), &alarm->state, &alarm->rule));
	ph_put_text(writer, "priority", alarm->priority);
	ph_put_text(writer, "action", alarm->action);
	ph_put_int(writer, "since", alarm->since);
	ph_put_list(writer, "path");
	for (unsigned i = 0; i < alarm->path_count; i++)
		ph_write_text(writer, alarm->path[i]);
	ph_write_end(writer);
	ph_write_end(writer);
}

void ph_control_serve_alarms(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_writer *writer = ph_control_writer(control);
	const struct ph_control_scope *scope;

	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (scope = control->scopes; scope; scope = scope->hh.next) {
		const struct ph_part *part = scope->part;

		for (unsigned i = 0; part && i < part->alarm_count; i++) {
			if (part->alarms[i].state.raised)
				write_alarm(control, writer, &part->alarms[i],
					scope->name);
		}
	}
	ph_doubts_write_alarms(control, writer);
	ph_marks_write(control, writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}
