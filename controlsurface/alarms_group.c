#include "controlsurface/alarms_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Connections that do not stand, and rules that are broken: each goes below the
 * first cause that explains it, or is a cause of its own.
 */
#define ROUNDS 16 /* servers in a row that wait for one another */

/* A connection that does not stand. */
struct down {
	struct ph_value item;
	struct ph_place from;
	struct ph_place to;
	int cause; /* index; -1: none yet */
};

static bool is_down(const struct ph_alarms *alarms, struct ph_value wire)
{
	static const char *const down[] = {
		"failed", "declared", "reserving", "dialing"};
	struct ph_value state = ph_value_get(wire, "state");

	if (ph_get_bool(wire, "optional"))
		return false;
	for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++) {
		if (ph_value_is(state, down[i]))
			/* Between two attempts it is young again. */
			return ph_get_u64(wire, "failures") > 3 ||
			       alarms->now - ph_get_int(wire, "since") >
				       PH_ALARM_PATIENCE;
	}
	return false;
}

/* --- what the ends are on --- */

static struct ph_cause *place_cause(
	const struct ph_causes *causes, const struct ph_place *place)
{
	struct ph_cause *found =
		ph_cause_find(causes, PH_CAUSE_NODE, place->node, "");

	return found ? found
		     : ph_cause_find(causes, PH_CAUSE_SERVER, place->node,
			       place->server);
}

static void explain(
	struct ph_causes *causes, struct down *down, struct ph_cause *cause)
{
	if (!cause)
		return;
	down->cause = (int)(cause - causes->list);
	ph_cause_take(causes, cause, down->item);
}

/* It is there, and does not run: it waits for its wires, or starts again. */
static bool server_waits(
	const struct ph_alarms *alarms, const struct ph_place *place)
{
	for (size_t i = 0; i < ph_value_count(alarms->servers); i++) {
		struct ph_value server = ph_value_at(alarms->servers, i);

		if (ph_value_is(ph_value_get(server, "node"), place->node) &&
			ph_value_is(
				ph_value_get(server, "name"), place->server))
			return !ph_value_is(
				ph_value_get(server, "state"), "running");
	}
	return false;
}

static bool same_server(
	const struct ph_place *one, const struct ph_place *other)
{
	return !strcmp(one->node, other->node) &&
	       !strcmp(one->server, other->server);
}

/* The cause of another connection of a server that waits. */
static struct ph_cause *neighbour_cause(const struct ph_causes *causes,
	const struct down *all, size_t count, const struct ph_place *place)
{
	if (!server_waits(causes->alarms, place))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (all[i].cause >= 0 &&
			(same_server(&all[i].from, place) ||
				same_server(&all[i].to, place)))
			return &causes->list[all[i].cause];
	}
	return NULL;
}

static void explain_waiting(
	struct ph_causes *causes, struct down *all, size_t count)
{
	bool more = true;

	for (unsigned round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			struct ph_cause *cause;

			if (all[i].cause >= 0)
				continue;
			cause = neighbour_cause(causes, all, count, &all[i].to);
			if (!cause)
				cause = neighbour_cause(
					causes, all, count, &all[i].from);
			explain(causes, &all[i], cause);
			more |= cause != NULL;
		}
	}
}

/* --- links --- */

static bool same_link(const struct down *one, const struct down *other)
{
	char reasons[2][192];
	bool forward = !strcmp(one->from.node, other->from.node) &&
		       !strcmp(one->to.node, other->to.node);
	bool back = !strcmp(one->from.node, other->to.node) &&
		    !strcmp(one->to.node, other->from.node);

	if (!forward && !back)
		return false;
	ph_get_copy(one->item, "reason", reasons[0], sizeof(reasons[0]));
	ph_get_copy(other->item, "reason", reasons[1], sizeof(reasons[1]));
	return !strcmp(reasons[0], reasons[1]);
}

static void find_link(
	struct ph_causes *causes, struct down *all, size_t count, size_t first)
{
	struct down *one = &all[first];
	struct ph_cause *cause = NULL;

	if (one->cause >= 0 || !strcmp(one->from.node, one->to.node))
		return;
	for (size_t i = first + 1; i < count; i++) {
		if (all[i].cause >= 0 || !same_link(one, &all[i]))
			continue;
		if (!cause) {
			cause = ph_cause_add(causes, PH_CAUSE_LINK);
			if (!cause)
				return;
			memcpy(cause->node, one->from.node,
				sizeof(cause->node));
			memcpy(cause->other, one->to.node,
				sizeof(cause->other));
			ph_get_copy(one->item, "reason", cause->reason,
				sizeof(cause->reason));
			cause->since = ph_get_int(one->item, "since");
			explain(causes, one, cause);
		}
		explain(causes, &all[i], cause);
	}
}

static void find_alone(struct ph_causes *causes, struct down *down)
{
	struct ph_cause *cause;

	if (down->cause >= 0)
		return;
	cause = ph_cause_add(causes, PH_CAUSE_CONNECTION);
	if (!cause)
		return;
	cause->item = down->item;
	cause->since = ph_get_int(down->item, "since");
	ph_get_copy(down->item, "node", cause->node, sizeof(cause->node));
	ph_get_copy(down->item, "reason", cause->reason, sizeof(cause->reason));
	down->cause = (int)(cause - causes->list);
}

/* --- rules --- */

/* Is `place`'s node or server in the rule's path, or at its end? */
static bool leads_to(struct ph_value rule, const char *node, const char *server)
{
	struct ph_value path = ph_value_get(rule, "path");
	char text[2 * PH_NAME_MAX + 2];
	char wanted[2 * PH_NAME_MAX + 2];
	struct ph_place to;

	snprintf(wanted, sizeof(wanted), "%s/%s", node, server);
	if (!ph_cause_place(&to, rule, "to") && !strcmp(to.node, node) &&
		(!*server || !strcmp(to.server, server)))
		return true;
	for (size_t i = 0; i < ph_value_count(path); i++) {
		ph_value_copy(ph_value_at(path, i), text, sizeof(text));
		if (*server ? !strcmp(text, wanted)
			    : !strncmp(text, wanted, strlen(wanted)))
			return true;
	}
	return false;
}

/* It stands before the rule's wire, or is that wire. */
static bool wire_leads_to(struct ph_value rule, struct ph_value wire)
{
	struct ph_value path = ph_value_get(rule, "path");
	char id[96];
	char text[2 * PH_NAME_MAX + 2];
	struct ph_place to;

	ph_get_copy(wire, "id", id, sizeof(id));
	if (ph_value_is(ph_value_get(rule, "connection"), id))
		return true;
	if (ph_cause_place(&to, wire, "to"))
		return false;
	snprintf(text, sizeof(text), "%s/%s", to.node, to.server);
	for (size_t i = 0; i < ph_value_count(path); i++)
		if (ph_value_is(ph_value_at(path, i), text))
			return true;
	return false;
}

/* Less than is wanted comes through, so less comes through behind it. */
static bool is_dearth(struct ph_value rule)
{
	struct ph_alarm_rule parsed;
	char when[128];

	return !ph_alarm_rule_parse(&parsed,
		       ph_get_copy(rule, "when", when, sizeof(when))) &&
	       ((parsed.measure == PH_ALARM_RATE && !parsed.above) ||
		       (parsed.measure == PH_ALARM_SILENT && parsed.above));
}

static bool explains_rule(const struct ph_cause *cause, struct ph_value rule)
{
	switch (cause->kind) {
	case PH_CAUSE_CHANGE:
		return false;
	case PH_CAUSE_NODE:
		return leads_to(rule, cause->node, "");
	case PH_CAUSE_SERVER:
		return leads_to(rule, cause->node, cause->server);
	case PH_CAUSE_CONNECTION:
		return wire_leads_to(rule, cause->item);
	case PH_CAUSE_RULE:
		return is_dearth(cause->item) && is_dearth(rule) &&
		       !ph_value_is(ph_value_get(rule, "connection"), "") &&
		       wire_leads_to(rule, cause->item);
	case PH_CAUSE_LINK:
		break;
	}
	for (unsigned i = 0; i < cause->below_count; i++)
		if (wire_leads_to(rule, cause->below[i]))
			return true;
	return false;
}

static void take_rule(struct ph_causes *causes, struct ph_value rule)
{
	struct ph_cause *cause;

	for (unsigned i = 0; i < causes->count; i++) {
		if (!explains_rule(&causes->list[i], rule))
			continue;
		ph_cause_take(causes, &causes->list[i], rule);
		return;
	}
	cause = ph_cause_add(causes, PH_CAUSE_RULE);
	if (!cause)
		return;
	cause->item = rule;
	cause->since = ph_get_int(rule, "since");
	ph_get_copy(rule, "node", cause->node, sizeof(cause->node));
}

/* Those nearer to a source first, so that they explain the others. */
static void take_rules(struct ph_causes *causes)
{
	struct ph_value rules = causes->alarms->rules;
	size_t count = ph_value_count(rules);
	size_t taken = 0;

	for (size_t length = 0; taken < count && length < 32; length++) {
		for (size_t i = 0; i < count; i++) {
			struct ph_value rule = ph_value_at(rules, i);
			struct ph_value path = ph_value_get(rule, "path");

			if (ph_value_count(path) != length)
				continue;
			taken++;
			if (ph_value_is(ph_value_get(rule, "kind"), "rule"))
				take_rule(causes, rule);
		}
	}
}

void ph_causes_group(struct ph_causes *causes)
{
	struct ph_value items = causes->alarms->connections;
	struct down *all = calloc(ph_value_count(items) + 1, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; all && i < ph_value_count(items); i++) {
		struct down *down = &all[count];

		down->item = ph_value_at(items, i);
		down->cause = -1;
		if (!is_down(causes->alarms, down->item) ||
			ph_cause_place(&down->from, down->item, "from") ||
			ph_cause_place(&down->to, down->item, "to"))
			continue;
		explain(causes, down, place_cause(causes, &down->to));
		if (down->cause < 0)
			explain(causes, down, place_cause(causes, &down->from));
		count++;
	}
	explain_waiting(causes, all, count);
	for (size_t i = 0; i < count; i++)
		find_link(causes, all, count, i);
	/* A link explains what waits behind it, too. */
	explain_waiting(causes, all, count);
	for (size_t i = 0; i < count; i++)
		find_alone(causes, &all[i]);
	free(all);
	take_rules(causes);
}
