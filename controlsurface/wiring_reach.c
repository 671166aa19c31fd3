#include "controlsurface/wiring_reach.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PATH_HOPS  64
#define PATH_BYTES 600

enum {
	NEW,
	FOUND,
	BLOCKED
};

bool ph_reach_begin(struct ph_reach *reach, struct ph_wiring *wiring)
{
	struct ph_arena *arena = &wiring->arena;
	size_t servers = wiring->server_count;
	size_t *next;

	*reach = (struct ph_reach){.wiring = wiring};
	reach->wires = ph_arena_take(
		arena, (wiring->wire_count + 1) * sizeof(*reach->wires));
	reach->first = ph_arena_take(arena, (servers + 2) * sizeof(size_t));
	reach->came =
		ph_arena_take(arena, (servers + 1) * sizeof(*reach->came));
	reach->state = ph_arena_take(arena, servers + 1);
	reach->queue = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	next = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	if (arena->failed)
		return false;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->from.server != NULL)
			reach->first[wire->from.server->index + 1]++;
	for (size_t i = 0; i < servers; i++) {
		reach->first[i + 1] += reach->first[i];
		next[i] = reach->first[i];
	}
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->from.server != NULL)
			reach->wires[next[wire->from.server->index]++] = wire;
	return true;
}

void ph_reach_reset(struct ph_reach *reach)
{
	memset(reach->state, NEW, reach->wiring->server_count + 1);
	reach->queued = 0;
	reach->taken = 0;
}

void ph_reach_block(struct ph_reach *reach, size_t server)
{
	reach->state[server] = BLOCKED;
}

void ph_reach_from(struct ph_reach *reach, size_t server)
{
	if (reach->state[server] != NEW)
		return;
	reach->state[server] = FOUND;
	reach->came[server] = NULL;
	reach->queue[reach->queued++] = server;
}

/* `before` is kept where it tells something new, so paths have no circle. */
static struct ph_wiring_wire *reach_take(struct ph_reach *reach,
	struct ph_wiring_wire *wire, struct ph_wiring_wire *before)
{
	if (reach->arrived != NULL && reach->arrived(reach->context, wire)) {
		wire->before = before;
		return wire;
	}
	if (wire->to.server == NULL ||
		reach->state[wire->to.server->index] != NEW)
		return NULL;
	wire->before = before;
	ph_reach_from(reach, wire->to.server->index);
	reach->came[wire->to.server->index] = wire;
	return NULL;
}

struct ph_wiring_wire *ph_reach_along(
	struct ph_reach *reach, struct ph_wiring_wire *wire)
{
	return reach_take(reach, wire, NULL);
}

struct ph_wiring_wire *ph_reach_run(struct ph_reach *reach)
{
	while (reach->taken < reach->queued) {
		size_t server = reach->queue[reach->taken++];

		for (size_t i = reach->first[server];
			i < reach->first[server + 1]; i++) {
			struct ph_wiring_wire *arrived = reach_take(
				reach, reach->wires[i], reach->came[server]);

			if (arrived != NULL)
				return arrived;
		}
	}
	return NULL;
}

bool ph_reach_found(const struct ph_reach *reach, size_t server)
{
	return reach->state[server] == FOUND;
}

const char *ph_reach_path(
	struct ph_reach *reach, const struct ph_wiring_wire *arrived)
{
	const struct ph_wiring_wire *hops[PATH_HOPS];
	unsigned count = 0;
	char text[PATH_BYTES];
	int length;

	for (const struct ph_wiring_wire *wire = arrived;
		wire != NULL && count < PATH_HOPS; wire = wire->before)
		hops[count++] = wire;
	length = snprintf(text, sizeof(text), "%s:%s",
		hops[count - 1]->from.server_name,
		hops[count - 1]->from.terminal);
	while (count-- > 0 && length > 0 && (size_t)length < sizeof(text) - 100)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
			" -> %s%s%s", hops[count]->to.server_name,
			count > 0 ? "" : ":",
			count > 0 ? "" : hops[count]->to.terminal);
	const char *kept =
		ph_arena_text(&reach->wiring->arena, text, strlen(text));
	return kept ? kept : "";
}

bool ph_wiring_glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *again = NULL;

	/* Back to the last star only: that suffices, and is bounded. */
	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			again = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* R3: nothing of this file, nor a guest, feeds those that feed one another. */
void ph_wiring_check_sources(struct ph_wiring *wiring)
{
	struct ph_reach reach;
	unsigned char *fed =
		ph_arena_take(&wiring->arena, wiring->server_count + 1);

	if (fed == NULL || !ph_reach_begin(&reach, wiring))
		return;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->to.server != NULL && wire->from.server != NULL)
			fed[wire->to.server->index] = 1;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->to.server != NULL && wire->from.server == NULL)
			ph_reach_along(&reach, wire);
	for (size_t i = 0; i < wiring->server_count; i++)
		if (!fed[i])
			ph_reach_from(&reach, i);
	ph_reach_run(&reach);
	for (size_t i = 0; i < wiring->server_count; i++)
		if (!ph_reach_found(&reach, i))
			ph_findings_add(wiring, PH_FINDING_WARNING, "R3",
				wiring->servers[i]->node->key->span,
				"Only servers that wait for it lead to it: "
				"wire a source to one of them.",
				"nothing begins on the way to '%s'",
				wiring->servers[i]->name);
}
