#include "controlsurface/decision.h"
#include "controlsurface/pact.h"

#include <stdio.h>

#include <utlist.h>

#include "controlsurface/alarm_rule.h"
#include "kernel/log.h"

/*
 * What needs a person here, said to people: an alarm that is raised and cleared
 * (alarms.h makes one of those that several nodes raise about one change), and
 * a line of the node's status. Both say what to do. It is a change in doubt,
 * one whose record, or decision, cannot be read, or what was applied and
 * cannot.
 */
static void alarm_id(const char *transaction, char out[PH_ALARM_ID])
{
	ph_alarm_id(out, (const char *const[]){"change", transaction}, 2);
}

static bool is_unreadable(const struct ph_pact *pact)
{
	return pact->core.state == PH_TRANSACTION_UNREADABLE;
}

static const char *scope_name(const char *scope)
{
	return *scope ? scope : "a scope";
}

void ph_doubt_note(struct ph_pact *pact, bool raised)
{
	const char *verb = raised ? "raised" : "cleared";
	const char *why = ph_transaction_state_name(pact->core.state);
	char id[PH_ALARM_ID];

	alarm_id(pact->core.id, id);
	if (raised)
		pact->doubted = ph_clock_wall();
	if (raised && is_unreadable(pact))
		why = "its record here cannot be read";
	else if (raised)
		why = "who began it is away, or has not decided";
	ph_log_warn("control",
		"transaction.doubt id=%s scope=%s coordinator=%s alarm=%s "
		"is=%s",
		pact->core.id, pact->scope, pact->core.coordinator, id, verb);
	ph_control_note(pact->control, "", why,
		"alarm %s %s %s: a change of %s is in doubt", id, verb,
		pact->core.id, scope_name(pact->scope));
}

/* --- alarms --- */

static void write_alarm(struct ph_writer *writer, const char *transaction,
	const char *scope, const char *coordinator, int64_t since,
	const char *trouble)
{
	char id[PH_ALARM_ID];

	alarm_id(transaction, id);
	ph_write_map(writer);
	ph_put_text(writer, "kind", "change");
	ph_put_text(writer, "alarm", id);
	ph_put_text(writer, "transaction", transaction);
	ph_put_text(writer, "scope", scope_name(scope));
	ph_put_text(writer, "coordinator", coordinator);
	ph_put_text(writer, "priority", "high");
	ph_put_text(writer, "trouble", trouble);
	ph_put_int(writer, "since", since);
	ph_write_end(writer);
}

/* Its hosts that were away when it was applied. */
static void write_behind(struct ph_writer *writer, const struct ph_part *part)
{
	char subject[2 * PH_NAME_MAX + 2];

	for (unsigned i = 0; i < part->host_count; i++) {
		if (!part->hosts[i].behind)
			continue;
		snprintf(subject, sizeof(subject), "%s@%s", part->scope,
			part->hosts[i].name);
		write_alarm(writer, subject, part->scope, part->hosts[i].name,
			0, "behind");
	}
}

static void write_lost(
	struct ph_writer *writer, const struct ph_control *control)
{
	const struct ph_lost_scope *lost;
	char subject[2 * PH_NAME_MAX + 2];

	LL_FOREACH(control->lost, lost)
	{
		snprintf(subject, sizeof(subject), "%s@%s", lost->name,
			control->node);
		write_alarm(writer, subject, lost->name, control->node,
			lost->since, "part");
	}
}

void ph_doubts_write_alarms(
	const struct ph_control *control, struct ph_writer *writer)
{
	const struct ph_control_scope *scope;
	const struct ph_decision *decision;
	const struct ph_pact *pact;

	for (scope = control->scopes; scope; scope = scope->hh.next)
		if (scope->part)
			write_behind(writer, scope->part);
	write_lost(writer, control);
	for (pact = control->pacts; pact; pact = pact->hh.next)
		if (ph_transaction_troubles(&pact->core))
			write_alarm(writer, pact->core.id, pact->scope,
				pact->core.coordinator, pact->doubted,
				is_unreadable(pact) ? "record" : "");
	DL_FOREACH(control->decisions, decision)
	{
		if (decision->unreadable)
			write_alarm(writer, decision->id, decision->scope,
				control->node, decision->since, "decision");
	}
}

/* --- lines of the status --- */

static void write_line(struct ph_writer *writer, const struct ph_pact *pact)
{
	const struct ph_transaction *core = &pact->core;
	char text[PH_DOUBT_LINE];

	if (is_unreadable(pact))
		snprintf(text, sizeof(text),
			"%s of %s: its record here cannot be read: start the "
			"version that wrote it; or posthouse plan resolve %s "
			"abort, and apply again",
			core->id, scope_name(pact->scope), core->id);
	else
		snprintf(text, sizeof(text),
			"%s of %s: start %s; or posthouse plan resolve %s "
			"commit|abort",
			core->id, pact->scope, core->coordinator, core->id);
	ph_write_text(writer, text);
}

static void write_decision_line(
	struct ph_writer *writer, const struct ph_decision *decision)
{
	char text[PH_DOUBT_LINE];

	snprintf(text, sizeof(text),
		"%s of %s: decided, who has to hear of it cannot be read: "
		"start the version that wrote it; or, when no node is in "
		"doubt of it, posthouse plan resolve %s commit",
		decision->id, scope_name(decision->scope), decision->id);
	ph_write_text(writer, text);
}

static void write_lost_line(
	struct ph_writer *writer, const struct ph_lost_scope *lost)
{
	char text[PH_DOUBT_LINE];

	snprintf(text, sizeof(text),
		"%s: what was applied here cannot be read: start the version "
		"that wrote it; or posthouse apply FILE of %s once more",
		lost->name, lost->name);
	ph_write_text(writer, text);
}

void ph_doubts_write_lines(
	const struct ph_control *control, struct ph_writer *writer)
{
	const struct ph_decision *decision;
	const struct ph_lost_scope *lost;
	const struct ph_pact *pact;

	ph_put_list(writer, "in_doubt");
	LL_FOREACH(control->lost, lost)
	write_lost_line(writer, lost);
	for (pact = control->pacts; pact; pact = pact->hh.next)
		if (ph_transaction_troubles(&pact->core))
			write_line(writer, pact);
	DL_FOREACH(control->decisions, decision)
	{
		if (decision->unreadable)
			write_decision_line(writer, decision);
	}
	ph_write_end(writer);
}
