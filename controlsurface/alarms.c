#include "controlsurface/alarms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

/* Causes are found first, then each connection that does not stand is put
 * below the first cause that explains it, or is an alarm of its own. */
enum kind {
	DEAD_NODE,
	FAILED_SERVER,
	DOWN_CONNECTION
};

struct cause {
	enum kind kind;
	char node[PH_NAME_MAX + 1];
	char server[PH_NAME_MAX + 1]; /* of a server */
	char reason[160];
	int64_t since;
	unsigned seen_by;	/* nodes that say so */
	struct ph_value item;	/* of a connection */
	struct ph_value *wires; /* that it explains */
	unsigned wire_count;
};

struct causes {
	struct cause *list;
	unsigned count;
	unsigned room;
	int error;
};

static struct cause *cause_add(struct causes *causes, enum kind kind)
{
	struct cause *grown = causes->list;

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
	*grown = (struct cause){.kind = kind};
	return grown;
}

static struct cause *cause_find(const struct causes *causes, enum kind kind,
	const char *node, const char *server)
{
	for (unsigned i = 0; i < causes->count; i++) {
		struct cause *cause = &causes->list[i];

		if (cause->kind == kind && !strcmp(cause->node, node) &&
			!strcmp(cause->server, server))
			return cause;
	}
	return NULL;
}

/* --- causes --- */

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

static void find_dead(const struct ph_alarms *alarms, struct causes *causes)
{
	for (size_t i = 0; i < ph_value_count(alarms->peers); i++) {
		struct ph_value peer = ph_value_at(alarms->peers, i);
		int64_t since = ph_get_int(peer, "since");
		struct cause *cause;
		char node[PH_NAME_MAX + 1];

		ph_get_copy(peer, "node", node, sizeof(node));
		if (!ph_value_is(ph_value_get(peer, "state"), "dead") ||
			somebody_sees(alarms, node))
			continue;
		cause = cause_find(causes, DEAD_NODE, node, "");
		if (!cause && (cause = cause_add(causes, DEAD_NODE))) {
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

static void find_failed(const struct ph_alarms *alarms, struct causes *causes)
{
	for (size_t i = 0; i < ph_value_count(alarms->servers); i++) {
		struct ph_value server = ph_value_at(alarms->servers, i);
		struct cause *cause;

		if (!ph_value_is(ph_value_get(server, "state"), "failed"))
			continue;
		cause = cause_add(causes, FAILED_SERVER);
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

/* --- connections --- */

static bool is_down(const struct ph_alarms *alarms, struct ph_value wire)
{
	static const char *const down[] = {
		"failed", "declared", "reserving", "dialing"};
	struct ph_value state = ph_value_get(wire, "state");

	for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++) {
		if (ph_value_is(state, down[i]))
			/* Between two attempts it is young again. */
			return ph_get_u64(wire, "failures") > 3 ||
			       alarms->now - ph_get_int(wire, "since") >
				       PH_ALARM_PATIENCE;
	}
	return false;
}

static struct cause *explains(const struct causes *causes, struct ph_value wire)
{
	static const char *const ends[] = {"to", "from"};
	struct cause *found = NULL;

	for (size_t i = 0; i < 2 && !found; i++) {
		struct ph_place place;
		char text[160];

		if (ph_place_parse(&place,
			    ph_get_copy(wire, ends[i], text, sizeof(text))))
			continue;
		found = cause_find(causes, DEAD_NODE, place.node, "");
		if (!found)
			found = cause_find(causes, FAILED_SERVER, place.node,
				place.server);
	}
	return found;
}

static void put_below(
	struct causes *causes, struct cause *cause, struct ph_value wire)
{
	struct ph_value *grown = realloc(
		cause->wires, (cause->wire_count + 1) * sizeof(*cause->wires));

	if (!grown) {
		causes->error = -ENOMEM;
		return;
	}
	cause->wires = grown;
	grown[cause->wire_count++] = wire;
}

static void take_wires(const struct ph_alarms *alarms, struct causes *causes)
{
	for (size_t i = 0; i < ph_value_count(alarms->connections); i++) {
		struct ph_value wire = ph_value_at(alarms->connections, i);
		struct cause *cause;

		if (!is_down(alarms, wire))
			continue;
		cause = explains(causes, wire);
		if (cause) {
			put_below(causes, cause, wire);
			continue;
		}
		cause = cause_add(causes, DOWN_CONNECTION);
		if (!cause)
			return;
		cause->item = wire;
		cause->since = ph_get_int(wire, "since");
		ph_get_copy(
			wire, "reason", cause->reason, sizeof(cause->reason));
	}
}

/* --- what is told --- */

static void write_words(struct ph_writer *writer, const struct cause *cause)
{
	char text[320];

	switch (cause->kind) {
	case DEAD_NODE:
		ph_put_text(writer, "kind", "node");
		ph_put_text(writer, "subject", cause->node);
		ph_put_text(writer, "priority", "high");
		snprintf(text, sizeof(text), "dead, say %u node%s",
			cause->seen_by, cause->seen_by == 1 ? "" : "s");
		ph_put_text(writer, "what", text);
		ph_put_text(writer, "action",
			"start it again, or take it out of the wiring; "
			"posthouse peers");
		break;
	case FAILED_SERVER:
		snprintf(text, sizeof(text), "%s/%s", cause->node,
			cause->server);
		ph_put_text(writer, "kind", "server");
		ph_put_text(writer, "subject", text);
		ph_put_text(writer, "priority", "high");
		snprintf(text, sizeof(text), "given up: %s", cause->reason);
		ph_put_text(writer, "what", text);
		snprintf(text, sizeof(text), "posthouse logs %s/%s",
			cause->node, cause->server);
		ph_put_text(writer, "action", text);
		break;
	case DOWN_CONNECTION:
		ph_put_text(writer, "kind", "connection");
		ph_put_value(
			writer, "subject", ph_value_get(cause->item, "id"));
		ph_put_text(writer, "priority", "medium");
		ph_put_text(writer, "what",
			*cause->reason ? cause->reason : "does not stand");
		ph_get_copy(cause->item, "id", text, 120);
		memmove(text + 15, text, strlen(text) + 1);
		memcpy(text, "posthouse show ", 15);
		ph_put_text(writer, "action", text);
		break;
	}
}

static void write_cause(struct ph_writer *writer, const struct cause *cause)
{
	char node[PH_NAME_MAX + 1];

	ph_write_map(writer);
	write_words(writer, cause);
	snprintf(node, sizeof(node), "%s", cause->node);
	if (cause->kind == DOWN_CONNECTION)
		ph_get_copy(cause->item, "node", node, sizeof(node));
	ph_put_text(writer, "node", node);
	ph_put_int(writer, "since", cause->since);
	ph_put_int(writer, "explained", cause->wire_count);
	ph_put_list(writer, "explains");
	for (unsigned i = 0; i < cause->wire_count; i++)
		ph_write_value(writer, ph_value_get(cause->wires[i], "id"));
	ph_write_end(writer);
	ph_write_end(writer);
}

int ph_alarms_write(const struct ph_alarms *alarms, struct ph_writer *writer)
{
	struct causes causes = {0};

	find_dead(alarms, &causes);
	find_failed(alarms, &causes);
	take_wires(alarms, &causes);
	ph_write_list(writer);
	/* They were found in the order of their urgency. */
	for (unsigned i = 0; i < causes.count; i++)
		write_cause(writer, &causes.list[i]);
	ph_write_end(writer);
	for (unsigned i = 0; i < causes.count; i++)
		free(causes.list[i].wires);
	free(causes.list);
	return causes.error;
}
