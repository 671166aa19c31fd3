#include "controlsurface/alarms_inner.h"

#include <stdio.h>
#include <string.h>

/* How a cause is told, and what people said about it. */

/* An alarm whose beginning is not known: acknowledged for so long. */
#define ACK_MOST (INT64_C(86400) * 1000000000)

static const char *const kinds[] = {
	[PH_CAUSE_NODE] = "node",
	[PH_CAUSE_CHANGE] = "change",
	[PH_CAUSE_SERVER] = "server",
	[PH_CAUSE_LINK] = "link",
	[PH_CAUSE_CONNECTION] = "connection",
	[PH_CAUSE_RULE] = "rule",
};

struct words {
	char subject[200];
	char priority[8];
	char what[400];
	char action[320];
};

static void node_words(const struct ph_cause *cause, struct words *words)
{
	snprintf(words->subject, sizeof(words->subject), "%s", cause->node);
	snprintf(words->priority, sizeof(words->priority), "high");
	snprintf(words->what, sizeof(words->what), "dead, say %u node%s",
		cause->seen_by, cause->seen_by == 1 ? "" : "s");
	snprintf(words->action, sizeof(words->action),
		"start it again, or take it out of the wiring; "
		"posthouse peers");
}

/* Whose record, or decision, cannot be read at cause->node. */
static void unreadable_words(const struct ph_cause *cause, struct words *words,
	const char *scope, bool decided)
{
	snprintf(words->what, sizeof(words->what),
		decided ? "who has to hear of a change of %s cannot be read "
			  "on %s"
			: "a change of %s cannot be read on %s",
		scope, cause->node);
	snprintf(words->action, sizeof(words->action),
		decided ? "start the version that wrote it; or, when no node "
			  "is in doubt, posthouse plan resolve %s commit "
			  "--node %s"
			: "start the version that wrote it; or posthouse plan "
			  "resolve %s abort --node %s, and apply again",
		words->subject, cause->node);
}

static void change_words(const struct ph_cause *cause, struct words *words)
{
	char scope[PH_NAME_MAX + 1];
	char coordinator[PH_NAME_MAX + 1];

	ph_get_copy(cause->item, "transaction", words->subject,
		sizeof(words->subject));
	ph_get_copy(cause->item, "scope", scope, sizeof(scope));
	ph_get_copy(
		cause->item, "coordinator", coordinator, sizeof(coordinator));
	snprintf(words->priority, sizeof(words->priority), "high");
	if (ph_cause_is_behind(cause->item)) {
		snprintf(words->what, sizeof(words->what),
			"%s keeps an old part of %s: it was away when that was "
			"applied",
			coordinator, scope);
		snprintf(words->action, sizeof(words->action),
			"posthouse apply FILE of %s once more", scope);
		return;
	}
	if (ph_value_is(ph_value_get(cause->item, "trouble"), "part")) {
		snprintf(words->what, sizeof(words->what),
			"what was applied of %s cannot be read on %s", scope,
			coordinator);
		snprintf(words->action, sizeof(words->action),
			"start the version that wrote it; or posthouse apply "
			"FILE of %s once more",
			scope);
		return;
	}
	if (ph_cause_is_unreadable(cause->item)) {
		unreadable_words(cause, words, scope,
			ph_value_is(ph_value_get(cause->item, "trouble"),
				"decision"));
		return;
	}
	/* Short: a column of a table has 95 characters. */
	snprintf(words->what, sizeof(words->what),
		"a change of %s is in doubt on %s; %s began it", scope,
		cause->reason, coordinator);
	snprintf(words->action, sizeof(words->action),
		"start %s; or posthouse plan resolve %s commit|abort --node %s",
		coordinator, words->subject, cause->node);
}

static void server_words(const struct ph_cause *cause, struct words *words)
{
	snprintf(words->subject, sizeof(words->subject), "%s/%s", cause->node,
		cause->server);
	snprintf(words->priority, sizeof(words->priority), "high");
	snprintf(words->what, sizeof(words->what), "given up: %s",
		cause->reason);
	snprintf(words->action, sizeof(words->action), "posthouse logs %s/%s",
		cause->node, cause->server);
}

static void link_words(const struct ph_cause *cause, struct words *words)
{
	snprintf(words->subject, sizeof(words->subject), "%s - %s", cause->node,
		cause->other);
	snprintf(words->priority, sizeof(words->priority), "high");
	snprintf(words->what, sizeof(words->what),
		"%u connections between them do not stand: %s",
		cause->below_count, cause->reason);
	snprintf(words->action, sizeof(words->action),
		"posthouse peers --node %s", cause->node);
}

static void connection_words(const struct ph_cause *cause, struct words *words)
{
	ph_get_copy(cause->item, "id", words->subject, sizeof(words->subject));
	snprintf(words->priority, sizeof(words->priority), "medium");
	snprintf(words->what, sizeof(words->what), "%s",
		*cause->reason ? cause->reason : "does not stand");
	snprintf(words->action, sizeof(words->action), "posthouse show %s",
		words->subject);
}

static void rule_words(const struct ph_cause *cause, struct words *words)
{
	char when[128];
	char measured[64];

	ph_get_copy(cause->item, "to", words->subject, sizeof(words->subject));
	ph_get_copy(cause->item, "priority", words->priority,
		sizeof(words->priority));
	ph_get_copy(cause->item, "when", when, sizeof(when));
	ph_get_copy(cause->item, "measured", measured, sizeof(measured));
	snprintf(words->what, sizeof(words->what), "%s (%s)", measured, when);
	ph_get_copy(
		cause->item, "action", words->action, sizeof(words->action));
}

static void words_find(const struct ph_cause *cause, struct words *words)
{
	static void (*const find[])(
		const struct ph_cause *cause, struct words *words) = {
		[PH_CAUSE_NODE] = node_words,
		[PH_CAUSE_CHANGE] = change_words,
		[PH_CAUSE_SERVER] = server_words,
		[PH_CAUSE_LINK] = link_words,
		[PH_CAUSE_CONNECTION] = connection_words,
		[PH_CAUSE_RULE] = rule_words,
	};

	find[cause->kind](cause, words);
}

static void id_find(const struct ph_cause *cause, const struct words *words,
	char out[PH_ALARM_ID])
{
	const char *const about[] = {kinds[cause->kind], words->subject};

	if (cause->kind == PH_CAUSE_RULE)
		ph_get_copy(cause->item, "alarm", out, PH_ALARM_ID);
	else
		ph_alarm_id(out, about, 2);
}

/* --- marks --- */

/* A rule, a node, a server say when they began; who is behind does not. What a
 * connection says is when its last attempt was. */
static bool mark_counts(const struct ph_causes *causes,
	const struct ph_cause *cause, struct ph_value mark)
{
	int64_t at = ph_get_int(mark, "at");
	int64_t now = causes->alarms->now;

	if (ph_value_is(ph_value_get(mark, "verb"), "shelve"))
		return ph_get_int(mark, "until") > now;
	if (!cause->since || cause->kind == PH_CAUSE_CONNECTION ||
		cause->kind == PH_CAUSE_LINK)
		return now - at < ACK_MOST;
	return at >= cause->since;
}

static struct ph_value mark_find(const struct ph_causes *causes,
	const struct ph_cause *cause, const char *id, const char *verb)
{
	struct ph_value items = causes->alarms->rules;
	struct ph_value found = {NULL};

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value mark = ph_value_at(items, i);

		if (ph_value_is(ph_value_get(mark, "kind"), "mark") &&
			ph_value_is(ph_value_get(mark, "alarm"), id) &&
			ph_value_is(ph_value_get(mark, "verb"), verb) &&
			mark_counts(causes, cause, mark) &&
			ph_get_int(mark, "at") >= ph_get_int(found, "at"))
			found = mark;
	}
	return found;
}

static void write_marks(const struct ph_causes *causes,
	const struct ph_cause *cause, const char *id, struct ph_writer *writer)
{
	struct ph_value mark = mark_find(causes, cause, id, "shelve");
	const char *state = "shelved";
	char text[200];

	if (ph_value_type(mark) != PH_MAP) {
		mark = mark_find(causes, cause, id, "ack");
		state = ph_value_type(mark) == PH_MAP ? "acked" : "raised";
	}
	ph_put_text(writer, "state", state);
	ph_put_text(writer, "by", ph_get_copy(mark, "by", text, sizeof(text)));
	ph_put_text(
		writer, "why", ph_get_copy(mark, "why", text, sizeof(text)));
	ph_put_int(writer, "until", ph_get_int(mark, "until"));
}

/* --- one alarm --- */

void ph_cause_write(const struct ph_causes *causes,
	const struct ph_cause *cause, struct ph_writer *writer)
{
	struct words words = {0};
	char id[PH_ALARM_ID];

	words_find(cause, &words);
	id_find(cause, &words, id);
	ph_write_map(writer);
	ph_put_text(writer, "alarm", id);
	ph_put_text(writer, "kind", kinds[cause->kind]);
	ph_put_text(writer, "subject", words.subject);
	ph_put_text(writer, "node", cause->node);
	ph_put_text(writer, "priority", words.priority);
	ph_put_text(writer, "what", words.what);
	ph_put_text(writer, "action", words.action);
	ph_put_int(writer, "since", cause->since);
	ph_put_int(writer, "explained", cause->below_count);
	ph_put_list(writer, "explains");
	for (unsigned i = 0; i < cause->below_count; i++) {
		struct ph_value rule = ph_value_get(cause->below[i], "alarm");

		ph_write_value(
			writer, ph_value_type(rule) == PH_TEXT
					? rule
					: ph_value_get(cause->below[i], "id"));
	}
	ph_write_end(writer);
	write_marks(causes, cause, id, writer);
	ph_write_end(writer);
}
