#include "controlsurface/alarms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/alarms_inner.h"

struct ph_cause *ph_cause_add(struct ph_causes *causes, enum ph_cause_kind kind)
{
	struct ph_cause *grown = causes->list;

	if (causes->count == causes->room) {
		causes->room = causes->room ? 2 * causes->room : 16;
		grown = realloc(
			causes->list, causes->room * sizeof(*causes->list));
		if (!grown) {
			causes->error = -ENOMEM;
			causes->room = causes->count;
			return NULL;
		}
		causes->list = grown;
	}
	grown += causes->count++;
	*grown = (struct ph_cause){.kind = kind};
	return grown;
}

struct ph_cause *ph_cause_find(const struct ph_causes *causes,
	enum ph_cause_kind kind, const char *node, const char *server)
{
	for (unsigned i = 0; i < causes->count; i++) {
		struct ph_cause *cause = &causes->list[i];

		if (cause->kind == kind && !strcmp(cause->node, node) &&
			!strcmp(cause->server, server))
			return cause;
	}
	return NULL;
}

void ph_cause_take(
	struct ph_causes *causes, struct ph_cause *cause, struct ph_value item)
{
	struct ph_value *grown = cause->below;
	unsigned count = cause->below_count;

	/* Doubled whenever it is a power of two. */
	if (!(count & (count - 1)))
		grown = realloc(cause->below,
			(count ? 2 * (size_t)count : 1) * sizeof(*grown));
	if (!grown) {
		causes->error = -ENOMEM;
		return;
	}
	cause->below = grown;
	grown[cause->below_count++] = item;
}

int ph_cause_place(struct ph_place *out, struct ph_value item, const char *key)
{
	char text[160];

	return ph_place_parse(out, ph_get_copy(item, key, text, sizeof(text)));
}

/* --- nodes and servers --- */

/* Alive in somebody's eyes is not dead: a node that was cut off says all
 * others are. */
static bool somebody_sees(const struct ph_alarms *alarms, const char *node)
{
	for (size_t i = 0; i < ph_value_count(alarms->peers); i++) {
		struct ph_value peer = ph_value_at(alarms->peers, i);

		if (ph_value_is(ph_value_get(peer, "node"), node) &&
			ph_value_is(ph_value_get(peer, "state"), "alive"))
			return true;
	}
	return false;
}

static void find_dead(struct ph_causes *causes)
{
	const struct ph_alarms *alarms = causes->alarms;

	for (size_t i = 0; i < ph_value_count(alarms->peers); i++) {
		struct ph_value peer = ph_value_at(alarms->peers, i);
		int64_t since = ph_get_int(peer, "since");
		struct ph_cause *cause;
		char node[PH_NAME_MAX + 1];

		ph_get_copy(peer, "node", node, sizeof(node));
		if (!ph_value_is(ph_value_get(peer, "state"), "dead") ||
			somebody_sees(alarms, node))
			continue;
		cause = ph_cause_find(causes, PH_CAUSE_NODE, node, "");
		if (!cause && (cause = ph_cause_add(causes, PH_CAUSE_NODE))) {
			memcpy(cause->node, node, sizeof(cause->node));
			cause->since = since;
		}
		if (!cause)
			return;
		cause->seen_by++;
		if (since < cause->since)
			cause->since = since;
	}
}

static void find_failed(struct ph_causes *causes)
{
	const struct ph_alarms *alarms = causes->alarms;

	for (size_t i = 0; i < ph_value_count(alarms->servers); i++) {
		struct ph_value server = ph_value_at(alarms->servers, i);
		struct ph_cause *cause;

		if (!ph_value_is(ph_value_get(server, "state"), "failed"))
			continue;
		cause = ph_cause_add(causes, PH_CAUSE_SERVER);
		if (!cause)
			return;
		ph_get_copy(server, "node", cause->node, sizeof(cause->node));
		ph_get_copy(
			server, "name", cause->server, sizeof(cause->server));
		ph_get_copy(
			server, "reason", cause->reason, sizeof(cause->reason));
		cause->since = ph_get_int(server, "since");
	}
}

/* --- changes --- */

static struct ph_cause *change_find(
	struct ph_causes *causes, struct ph_value item)
{
	char id[100];
	char other[100];

	ph_get_copy(item, "transaction", id, sizeof(id));
	for (unsigned i = 0; i < causes->count; i++) {
		struct ph_cause *cause = &causes->list[i];

		if (cause->kind == PH_CAUSE_CHANGE &&
			!strcmp(id, ph_get_copy(cause->item, "transaction",
					    other, sizeof(other))))
			return cause;
	}
	return NULL;
}

bool ph_cause_is_unreadable(struct ph_value item)
{
	char text[16];

	return *ph_get_copy(item, "trouble", text, sizeof(text)) != '\0';
}

bool ph_cause_is_behind(struct ph_value item)
{
	return ph_value_is(ph_value_get(item, "trouble"), "behind");
}

/* Nothing can be done about it before that node is back. */
static bool is_behind_and_away(
	const struct ph_causes *causes, struct ph_value item)
{
	char node[PH_NAME_MAX + 1];

	return ph_cause_is_behind(item) &&
	       !somebody_sees(causes->alarms,
		       ph_get_copy(item, "coordinator", node, sizeof(node)));
}

/* One alarm of a change, whatever the number of nodes that are in doubt of it:
 * what one of them hears, the others will. */
static void find_doubts(struct ph_causes *causes)
{
	struct ph_value items = causes->alarms->rules;

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		int64_t since = ph_get_int(item, "since");
		struct ph_cause *cause;
		char node[PH_NAME_MAX + 1];
		size_t length;

		if (!ph_value_is(ph_value_get(item, "kind"), "change") ||
			is_behind_and_away(causes, item))
			continue;
		ph_get_copy(item, "node", node, sizeof(node));
		cause = change_find(causes, item);
		if (!cause && (cause = ph_cause_add(causes, PH_CAUSE_CHANGE))) {
			memcpy(cause->node, node, sizeof(cause->node));
			cause->item = item;
			cause->since = since;
		}
		if (!cause)
			return;
		/* That one has to be looked after first. */
		if (ph_cause_is_unreadable(item)) {
			memcpy(cause->node, node, sizeof(cause->node));
			cause->item = item;
		}
		length = strlen(cause->reason);
		snprintf(cause->reason + length, sizeof(cause->reason) - length,
			"%s%s", length ? ", " : "", node);
		cause->seen_by++;
		if (since < cause->since)
			cause->since = since;
	}
}

int ph_alarms_write(const struct ph_alarms *alarms, struct ph_writer *writer)
{
	struct ph_causes causes = {.alarms = alarms};
	static const enum ph_cause_kind order[] = {PH_CAUSE_NODE,
		PH_CAUSE_CHANGE, PH_CAUSE_SERVER, PH_CAUSE_LINK,
		PH_CAUSE_CONNECTION, PH_CAUSE_RULE};

	find_dead(&causes);
	find_failed(&causes);
	find_doubts(&causes);
	ph_causes_group(&causes);
	ph_write_list(writer);
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (unsigned i = 0; i < causes.count; i++)
			if (causes.list[i].kind == order[k])
				ph_cause_write(
					&causes, &causes.list[i], writer);
	ph_write_end(writer);
	for (unsigned i = 0; i < causes.count; i++)
		free(causes.list[i].below);
	free(causes.list);
	return causes.error;
}
