#include "controlsurface/wiring_live.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/part.h"
#include "controlsurface/wiring_model.h"

struct live {
	struct ph_wiring *wiring;
	const struct ph_wiring_facts *facts;
	size_t count;
};

/* One that takes part, or that a wire leads to: not merely declared. */
static bool host_is_asked(
	const struct ph_wiring *wiring, const struct ph_wiring_host *host)
{
	/* Who it is, only apply finds out. */
	if (host->caps != NULL)
		return false;
	if (host->takes_part)
		return true;
	for (const struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (strcmp(ph_wiring_end_host(&wire->to), host->name) == 0)
			return true;
	return false;
}

const char *ph_wiring_live_host(
	const struct ph_wiring *wiring, const char *host)
{
	const struct ph_wiring_host *at = wiring->hosts;

	while (host != NULL && at != NULL && at->name != host)
		at = at->next;
	if (host != NULL && at != NULL)
		at = at->next;
	while (at != NULL && !host_is_asked(wiring, at))
		at = at->next;
	return at ? at->name : NULL;
}

static const struct ph_wiring_facts *facts_of(
	const struct live *live, const char *host)
{
	for (size_t i = 0; i < live->count; i++)
		if (strcmp(live->facts[i].host, host) == 0)
			return live->facts[i].away ? NULL : &live->facts[i];
	return NULL;
}

/* The item of a list whose `key` is `name`; nil when there is none. */
static struct ph_value item_find(
	struct ph_value list, const char *key, const char *name)
{
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);

		if (ph_value_is(ph_value_get(item, key), name))
			return item;
	}
	return (struct ph_value){0};
}

/* Where the file names a host first. */
static struct ph_span host_span(
	const struct ph_wiring *wiring, const char *host)
{
	for (size_t i = 0; i < wiring->server_count; i++) {
		const struct ph_wiring_server *server = wiring->servers[i];

		if (strcmp(server->host ? server->host : "", host) == 0)
			return server->node->key->span;
	}
	for (const struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		if (strcmp(ph_wiring_end_host(&wire->from), host) == 0)
			return wire->from.span;
		if (strcmp(ph_wiring_end_host(&wire->to), host) == 0)
			return wire->to.span;
	}
	return PH_SPAN_FILE;
}

static void away_tell(struct live *live, const struct ph_wiring_facts *facts)
{
	struct ph_wiring *wiring = live->wiring;

	ph_findings_add(wiring, PH_FINDING_WARNING, "P5",
		host_span(wiring, facts->host),
		"It must be a peer when the file is applied; posthouse peers "
		"lists them.",
		"'%s' cannot be asked: %.200s",
		*facts->host ? facts->host : "the local node", facts->away);
}

/* A name stands for one server of a node. */
static void server_check(
	struct live *live, const struct ph_wiring_server *server)
{
	const char *host = server->host ? server->host : "";
	const struct ph_wiring_facts *facts = facts_of(live, host);
	char scope[PH_NAME_MAX + 1];

	if (facts == NULL)
		return;
	struct ph_value found = item_find(facts->servers, "name", server->name);
	if (ph_value_type(found) != PH_MAP)
		return;
	ph_get_copy(found, "scope", scope, sizeof(scope));
	if (strcmp(scope, live->wiring->name) == 0)
		return;
	struct ph_finding *finding = ph_findings_add(live->wiring,
		PH_FINDING_ERROR, "O5", server->node->key->span, NULL,
		"server '%s' runs on %s already, of %s'%s'", server->name,
		*host ? host : "the local node",
		*scope ? "the wiring " : "nobody", scope);
	ph_findings_next(live->wiring, finding, "Give this one another name.");
}

/* Of this wiring itself: applying it again is no conflict. */
static bool connection_is_own(const struct live *live, struct ph_value id)
{
	char text[96];

	ph_value_copy(id, text, sizeof(text));
	for (size_t i = 0; i < live->count; i++) {
		struct ph_value found =
			item_find(live->facts[i].connections, "id", text);

		if (ph_value_type(found) == PH_MAP)
			return ph_value_is(ph_value_get(found, "scope"),
				live->wiring->name);
	}
	return false;
}

static void terminal_check(struct live *live, const struct ph_wiring_end *end,
	struct ph_value terminal)
{
	struct ph_value users = ph_value_get(terminal, "connections");
	int64_t capacity = ph_get_int(terminal, "capacity");
	char user[96];

	if (capacity == 0 || ph_get_int(terminal, "in_use") < capacity)
		return;
	for (size_t i = 0; i < ph_value_count(users); i++)
		if (connection_is_own(live, ph_value_at(users, i)))
			return;
	ph_findings_add(live->wiring, PH_FINDING_ERROR, "O5", end->span,
		"Wait until it is free, or take its connection away: "
		"posthouse connections lists them.",
		"'%s/%s:%s' is in use by %s", end->node, end->server_name,
		end->terminal,
		ph_value_count(users) > 0 ? ph_value_copy(ph_value_at(users, 0),
						    user, sizeof(user))
					  : "somebody");
}

static void end_check(
	struct live *live, const struct ph_wiring_end *end, bool output)
{
	struct ph_wiring *wiring = live->wiring;

	if (end->server != NULL)
		return;
	const struct ph_wiring_facts *facts = facts_of(live, end->node);
	if (facts == NULL)
		return;
	struct ph_value guest =
		item_find(facts->guests, "server", end->server_name);
	struct ph_value terminal = item_find(
		ph_value_get(guest, "terminals"), "name", end->terminal);
	if (ph_value_type(terminal) != PH_MAP) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "O5", end->span,
			"posthouse guests --node NODE lists what is there.",
			"'%s' has no %s '%s%s%s'", end->node,
			ph_value_type(guest) == PH_MAP ? "terminal" : "server",
			end->server_name,
			ph_value_type(guest) == PH_MAP ? ":" : "",
			ph_value_type(guest) == PH_MAP ? end->terminal : "");
		return;
	}
	int direction = ph_wire_direction(ph_value_get(terminal, "direction"));
	if (direction >= 0 &&
		ph_wire_is_output((enum ph_direction)direction) != output)
		ph_findings_add(wiring, PH_FINDING_ERROR, "D1", end->span,
			"Write output -> input.", "'%s/%s:%s' is an %s",
			end->node, end->server_name, end->terminal,
			output ? "input" : "output");
	else
		terminal_check(live, end, terminal);
}

void ph_wiring_live(struct ph_wiring *wiring, const char *text, size_t length,
	const struct ph_wiring_facts *facts, size_t count)
{
	struct live live = {.wiring = wiring, .facts = facts, .count = count};

	ph_findings_again(wiring, text, length);
	for (size_t i = 0; i < count; i++)
		if (facts[i].away != NULL)
			away_tell(&live, &facts[i]);
	for (size_t i = 0; i < wiring->server_count; i++)
		server_check(&live, wiring->servers[i]);
	for (const struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		end_check(&live, &wire->from, true);
		end_check(&live, &wire->to, false);
	}
	ph_findings_end(wiring);
	wiring->input.text = NULL;
}
