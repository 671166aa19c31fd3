#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/full_policy.h"
#include "controlsurface/wiring_end.h"

/*
 * Alarms: `{on: rec:in, when: "rate < 500kB/s for 5s", priority: high, action:
 * "check the lens"}`. What is measured:
 *
 *   rate     bytes (500kB/s) or messages (10/s) a second
 *   queue    what waits: a size, or a part of the queue (80%)
 *   blocked  part of the time that the sender waited (50%)
 *   dropped  messages that were dropped, a second (0/s)
 *   silent   time since the last message (silent > 10s)
 */
enum measure {
	RATE,
	QUEUE,
	BLOCKED,
	DROPPED,
	SILENT
};

static const char *const measures[] = {
	"rate", "queue", "blocked", "dropped", "silent", NULL};

struct condition {
	enum measure measure;
	bool above;
	bool percent;
	double value; /* bytes, messages, percent or ns */
};

#define WORD_BYTES 64

/* The next word; false: none, or too long. */
static bool word_take(const char **at, char word[WORD_BYTES])
{
	*at += strspn(*at, " ");
	size_t length = strcspn(*at, " ");

	if (length == 0 || length >= WORD_BYTES)
		return false;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length;
	return true;
}

static bool percent_parse(double *out, const char *text)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 3 || strcmp(text + length, "%") != 0)
		return false;
	*out = (double)atoi(text);
	return true;
}

static bool value_parse(struct condition *condition, const char *text)
{
	char rate[WORD_BYTES + 2] = ">";
	struct ph_wiring_rate per_second;
	uint64_t bytes;
	int64_t duration;

	switch (condition->measure) {
	case RATE:
	case DROPPED:
		memcpy(rate + 1, text, strlen(text) + 1);
		if (ph_wiring_rate_parse(&per_second, rate) != 0)
			return false;
		condition->value = per_second.value;
		return true;
	case QUEUE:
	case BLOCKED:
		condition->percent = percent_parse(&condition->value, text);
		if (condition->percent)
			return true;
		if (condition->measure == BLOCKED ||
			ph_parse_bytes(&bytes, text) != 0)
			return false;
		condition->value = (double)bytes;
		return true;
	case SILENT:
		if (ph_parse_duration(&duration, text) != 0)
			return false;
		condition->value = (double)duration;
		return true;
	}
	return false;
}

static bool condition_parse(struct condition *condition, const char *text)
{
	char word[WORD_BYTES];
	int64_t duration;
	int measure = 0;

	*condition = (struct condition){0};
	if (!word_take(&text, word))
		return false;
	while (measures[measure] != NULL &&
		strcmp(measures[measure], word) != 0)
		measure++;
	if (measures[measure] == NULL || !word_take(&text, word))
		return false;
	condition->measure = (enum measure)measure;
	condition->above = word[0] == '>';
	if (strcmp(word, "<") != 0 && strcmp(word, ">") != 0 &&
		strcmp(word, "<=") != 0 && strcmp(word, ">=") != 0)
		return false;
	if (!word_take(&text, word) || !value_parse(condition, word))
		return false;
	if (!word_take(&text, word))
		return *text == '\0';
	return strcmp(word, "for") == 0 && word_take(&text, word) &&
	       ph_parse_duration(&duration, word) == 0 && duration > 0 &&
	       text[strspn(text, " ")] == '\0';
}

/* Why it can never come true, or NULL. */
static const char *condition_idle(
	const struct condition *condition, const struct ph_wiring_wire *wire)
{
	bool waits = wire == NULL ||
		     ph_full_policy_blocks(ph_full_policy_find(wire->on_full));

	if (!condition->above && condition->value <= 0)
		return "nothing is below 0";
	if (condition->percent && condition->above && condition->value >= 100)
		return "nothing is above 100%";
	if (wire == NULL)
		return NULL;
	if (condition->measure == QUEUE && condition->above &&
		!condition->percent && condition->value >= (double)wire->queue)
		return "its queue never holds that much";
	if (condition->measure == DROPPED && condition->above && waits)
		return "its wire drops nothing";
	if (condition->measure == BLOCKED && condition->above && !waits)
		return "its wire never waits";
	return NULL;
}

/* The wire that the alarm is about: the first one at its terminal. */
static struct ph_wiring_wire *wire_of(
	struct ph_wiring *wiring, const struct ph_wiring_end *end)
{
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if ((wire->from.server == end->server &&
			    wire->from.port == end->port) ||
			(wire->to.server == end->server &&
				wire->to.port == end->port))
			return wire;
	return NULL;
}

static void alarm_check(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, const struct ph_yaml_node *when,
	const struct ph_wiring_end *end)
{
	struct condition condition;
	struct ph_wiring_wire *wire = wire_of(wiring, end);
	const char *idle;

	if (!condition_parse(&condition, when->text)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", when->span,
			"Write rate < 500kB/s for 5s, queue > 80%, blocked > "
			"50%, dropped > 0/s or silent > 10s.",
			"'%.60s' is no condition", when->text);
		return;
	}
	idle = wire == NULL ? "no wire is there"
			    : condition_idle(&condition, wire);
	if (idle != NULL)
		ph_findings_add(wiring, PH_FINDING_ERROR, "O2", when->span,
			"Correct the condition, or the terminal that it is on.",
			"this alarm never comes: %s", idle);
}

static void action_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	const struct ph_yaml_node *action = ph_yaml_get(node, "action");

	if (action != NULL && (action->bad || *action->text != '\0'))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "O1",
		action ? action->key->span : node->span,
		"Add action: \"...\", what whoever sees it should do.",
		"an alarm without an action is noise");
}

static void alarm_read(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	struct ph_wiring_end end;

	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, "alarms"))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_ALARM, node);
	action_check(wiring, node);
	ph_wiring_choice(wiring, PH_LEVEL_ALARM, node, "priority");
	if (!ph_wiring_must(wiring, PH_LEVEL_ALARM, node, "an alarm"))
		return;
	const struct ph_yaml_node *on =
		ph_wiring_get(wiring, node, "on", PH_YAML_TEXT);
	const struct ph_yaml_node *when =
		ph_wiring_get(wiring, node, "when", PH_YAML_TEXT);
	if (on != NULL && when != NULL &&
		ph_wiring_read_end(
			wiring, on, 0, strlen(on->text), false, &end))
		alarm_check(wiring, node, when, &end);
}

void ph_wiring_read_alarms(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, root, "alarms", PH_YAML_LIST);

	for (struct ph_yaml_node *node = list ? list->first : NULL;
		node != NULL; node = node->next)
		alarm_read(wiring, node);
}
