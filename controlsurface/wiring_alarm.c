#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

#include "controlsurface/alarm_rule.h"
#include "controlsurface/full_policy.h"
#include "controlsurface/wiring_end.h"
#include "controlsurface/wiring_select.h"

/*
 * Alarms: `{on: rec:in, when: "rate < 500kB/s for 5s", priority: high, action:
 * "check the lens"}`. Each stands once for every wire that it is on; a wire's
 * `expect` is one, too. The node that owns the wire looks (control_alarms.c).
 */

/* Why it can never come true, or NULL. */
static const char *rule_idle(
	const struct ph_alarm_rule *rule, const struct ph_wiring_wire *wire)
{
	bool waits = ph_full_policy_blocks(ph_full_policy_find(wire->on_full));

	if (!rule->above && rule->value <= 0 && !rule->equal)
		return "nothing is below 0";
	if (rule->percent && rule->above && rule->value >= 100)
		return "nothing is above 100%";
	if (rule->measure == PH_ALARM_QUEUE && rule->above && !rule->percent &&
		rule->value >= (double)wire->queue)
		return "its queue never holds that much";
	if (rule->measure == PH_ALARM_DROPPED && rule->above && waits)
		return "its wire drops nothing";
	if (rule->measure == PH_ALARM_BLOCKED && rule->above && !waits)
		return "its wire never waits";
	return NULL;
}

/* One alarm of the file, while it is read. */
struct reading {
	struct ph_wiring *wiring;
	const struct ph_yaml_node *node;
	const struct ph_yaml_node *when;
	struct ph_alarm_rule rule;
	unsigned wires;
	const char *idle; /* why one of them never comes */
};

static void alarm_add(struct ph_wiring *wiring, struct ph_wiring_wire *wire,
	const struct ph_wiring_alarm *like)
{
	struct ph_wiring_alarm *alarm;

	if (wiring->alarm_count++ >= PH_WIRING_ALARM_MOST) {
		if (wiring->alarm_count == PH_WIRING_ALARM_MOST + 1)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				wire->span, "Select fewer wires.",
				"more than %d alarms, counted for every wire",
				PH_WIRING_ALARM_MOST);
		return;
	}
	alarm = ph_arena_take(&wiring->arena, sizeof(*alarm));
	if (alarm == NULL)
		return;
	*alarm = *like;
	alarm->wire = wire;
	alarm->next = NULL;
	if (wiring->last_alarm == NULL)
		wiring->alarms = alarm;
	else
		wiring->last_alarm->next = alarm;
	wiring->last_alarm = alarm;
}

static void wire_take(
	struct reading *reading, struct ph_wiring_wire *wire, bool output)
{
	const struct ph_yaml_node *action =
		ph_yaml_get(reading->node, "action");
	const struct ph_yaml_node *priority =
		ph_yaml_get(reading->node, "priority");
	const char *idle = rule_idle(&reading->rule, wire);

	reading->wires++;
	if (idle != NULL) {
		reading->idle = idle;
		return;
	}
	alarm_add(reading->wiring, wire,
		&(struct ph_wiring_alarm){
			.when = reading->when->text,
			.priority = priority ? priority->text : "medium",
			.action = action ? action->text : "",
			.output = output,
		});
}

static bool end_is(
	const struct ph_wiring_end *end, const struct ph_wiring_end *wanted)
{
	return end->server == wanted->server && end->port == wanted->port &&
	       (end->server != NULL ||
		       (strcmp(end->node, wanted->node) == 0 &&
			       strcmp(end->server_name, wanted->server_name) ==
				       0 &&
			       strcmp(end->terminal, wanted->terminal) == 0));
}

static void wires_at(
	struct reading *reading, const struct ph_wiring_end *wanted)
{
	for (struct ph_wiring_wire *wire = reading->wiring->wires; wire != NULL;
		wire = wire->next) {
		if (end_is(&wire->to, wanted))
			wire_take(reading, wire, false);
		else if (end_is(&wire->from, wanted))
			wire_take(reading, wire, true);
	}
}

static void wires_selected(
	struct reading *reading, const struct ph_wiring_selector *selector)
{
	for (struct ph_wiring_wire *wire = reading->wiring->wires; wire != NULL;
		wire = wire->next)
		if (ph_wiring_select_wire(selector, wire))
			wire_take(reading, wire, false);
}

static bool on_read(struct reading *reading, struct ph_yaml_node *on)
{
	struct ph_wiring *wiring = reading->wiring;
	struct ph_wiring_selector selector;
	struct ph_wiring_end end;

	if (on->kind == PH_YAML_MAP) {
		if (!ph_wiring_select_read(wiring, on, &selector))
			return false;
		wires_selected(reading, &selector);
		return true;
	}
	if (!ph_wiring_is(wiring, on, PH_YAML_TEXT, "on") ||
		!ph_wiring_read_end(
			wiring, on, 0, strlen(on->text), false, &end))
		return false;
	wires_at(reading, &end);
	return true;
}

static void action_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	const struct ph_yaml_node *action =
		ph_wiring_get(wiring, node, "action", PH_YAML_TEXT);
	const struct ph_yaml_node *there = ph_yaml_get(node, "action");

	if (action != NULL && strlen(action->text) > PH_WIRING_ACTION) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", action->span,
			"Name the page that tells more.",
			"an action holds %d bytes at most", PH_WIRING_ACTION);
		return;
	}
	if ((there != NULL && there->bad) ||
		(action != NULL && *action->text != '\0'))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "O1",
		there ? there->key->span : node->span,
		"Add action: \"...\", what whoever sees it should do.",
		"an alarm without an action is noise");
}

static void alarm_check(struct reading *reading, struct ph_yaml_node *on)
{
	struct ph_wiring *wiring = reading->wiring;
	const struct ph_yaml_node *when = reading->when;

	if (ph_alarm_rule_parse(&reading->rule, when->text) != 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", when->span,
			"Write rate < 500kB/s for 5s, queue > 80%, blocked > "
			"50%, dropped > 0/s or silent > 10s.",
			"'%.60s' is no condition", when->text);
		return;
	}
	if (!on_read(reading, on))
		return;
	if (reading->wires == 0)
		reading->idle = "no wire is there";
	if (reading->idle != NULL)
		ph_findings_add(wiring, PH_FINDING_ERROR, "O2", when->span,
			"Correct the condition, or the terminal that it is on.",
			"this alarm never comes: %s", reading->idle);
}

static void alarm_read(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	struct reading reading = {.wiring = wiring, .node = node};

	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, "alarms"))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_ALARM, node);
	action_check(wiring, node);
	ph_wiring_choice(wiring, PH_LEVEL_ALARM, node, "priority");
	if (!ph_wiring_must(wiring, PH_LEVEL_ALARM, node, "an alarm"))
		return;
	reading.when = ph_wiring_get(wiring, node, "when", PH_YAML_TEXT);
	if (reading.when != NULL)
		alarm_check(&reading, ph_yaml_get(node, "on"));
}

/* A wire's `expect` is an alarm when it is not so. */
static void expects_read(struct ph_wiring *wiring)
{
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		char text[128];

		if (wire->expect == NULL ||
			ph_alarm_rule_expect(
				text, sizeof(text), wire->expect) != 0)
			continue;
		alarm_add(wiring, wire,
			&(struct ph_wiring_alarm){
				.when = ph_arena_text(
					&wiring->arena, text, strlen(text)),
				.priority = "medium",
				.action = "posthouse flow shows where it is "
					  "lost",
			});
	}
}

void ph_wiring_read_alarms(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, root, "alarms", PH_YAML_LIST);

	if (list != NULL && list->count > PH_WIRING_ALARMS) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			"Use selectors: on: {labels: {...}}.",
			"'alarms' holds %u, the most is %d", list->count,
			PH_WIRING_ALARMS);
		return;
	}
	for (struct ph_yaml_node *node = list ? list->first : NULL;
		node != NULL; node = node->next)
		alarm_read(wiring, node);
	expects_read(wiring);
	ph_wiring_alarm_paths(wiring);
}
