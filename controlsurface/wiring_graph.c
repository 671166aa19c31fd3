#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/full_policy.h"
#include "controlsurface/part.h"

/* What can be wrong with servers and wires that are right one by one. */

#define CIRCLE_BYTES 200

/* D3, D4: the second wire at a terminal for one. */
static void terminal_use(struct ph_wiring *wiring, struct ph_wiring_end *end,
	struct ph_span span)
{
	struct ph_wiring_terminal *port = end->port;

	if (port == NULL)
		return;
	if (port->wires++ == 0) {
		port->first = span;
		return;
	}
	if (port->direction != PH_IN && port->direction != PH_OUT)
		return;
	bool output = port->direction == PH_OUT;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		output ? "D4" : "D3", end->span, NULL,
		output ? "'%s:%s' feeds a wire already (line %u)"
		       : "'%s:%s' is fed by a wire already (line %u)",
		end->server_name, end->terminal,
		ph_findings_line(wiring, port->first.start));
	if (end->server->type != NULL && !output)
		ph_findings_next(wiring, finding,
			"It takes one wire; a program's input with kind: "
			"combine takes several.");
	else
		ph_findings_next(wiring, finding,
			"Declare it as one for many: %s: {%s: {%skind: %s}}.",
			output ? "out" : "in", port->name,
			end->server->type != NULL ? ""
			: port->fd == 1		  ? "fd: 1, "
			: port->fd == 0		  ? "fd: 0, "
						  : "fd: ..., ",
			output ? "mux" : "combine");
}

static const char *end_host(const struct ph_wiring_end *end)
{
	if (end->server == NULL)
		return end->node;
	return end->server->host ? end->server->host : "";
}

static bool wire_is_new(struct ph_wiring *wiring, struct ph_index *seen,
	struct ph_wiring_wire *wire)
{
	char text[6 * (PH_NAME_MAX + 2)];
	int length = snprintf(text, sizeof(text), "%s/%s:%s>%s/%s:%s",
		end_host(&wire->from), wire->from.server_name,
		wire->from.terminal, end_host(&wire->to), wire->to.server_name,
		wire->to.terminal);
	char *key = ph_arena_text(&wiring->arena, text, (size_t)length);
	if (key == NULL)
		return false;
	struct ph_wiring_wire *before =
		ph_index_put(seen, &wiring->arena, key, wire);
	if (before == NULL)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "D5", wire->span,
		"Remove one of them.",
		"this wire stands twice, first in line "
		"%u",
		ph_findings_line(wiring, before->span.start));
	return false;
}

static void wires_check(struct ph_wiring *wiring)
{
	struct ph_index seen = {NULL};

	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		if (!wire_is_new(wiring, &seen, wire))
			continue;
		terminal_use(wiring, &wire->from, wire->span);
		terminal_use(wiring, &wire->to, wire->span);
	}
	ph_index_clear(&seen);
}

/* F1: a wire that waits where others hang on the same output, and nobody
 * said that it shall. */
static void stalls_check(struct ph_wiring *wiring)
{
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		struct ph_wiring_terminal *port = wire->from.port;

		if (port == NULL || port->direction != PH_MUX ||
			port->wires < 2 || port->blocks || wire->declared ||
			!ph_full_policy_blocks(
				ph_full_policy_find(wire->on_full)))
			continue;
		port->blocks = true;
		ph_findings_add(wiring, PH_FINDING_WARNING, "F1", wire->span,
			"Say what may be lost (on_full: drop-oldest, "
			"drop-newest, latest), or that nothing may (on_full: "
			"block).",
			"'%s:%s' feeds %u wires: when '%s:%s' is slow, all of "
			"them wait",
			wire->from.server_name, wire->from.terminal,
			port->wires, wire->to.server_name, wire->to.terminal);
	}
}

/* R2: an output that somebody named and nobody takes. */
static void outputs_check(struct ph_wiring *wiring)
{
	for (size_t i = 0; i < wiring->server_count; i++) {
		struct ph_wiring_server *server = wiring->servers[i];

		for (unsigned j = 0; j < server->terminal_count; j++) {
			struct ph_wiring_terminal *port = &server->terminals[j];

			if (!port->declared || port->wires > 0 ||
				port->fd == 2 ||
				!ph_wiring_is_output(port->direction))
				continue;
			ph_findings_add(wiring, PH_FINDING_WARNING, "R2",
				port->span,
				"Its server waits until something is wired "
				"to it.",
				"output '%s:%s' is not wired", server->name,
				port->name);
		}
	}
}

/*
 * R4: circles, by a depth-first walk without recursion. Every wire that leads
 * back to a server the walk is still in closes one.
 */
struct walk {
	struct ph_wiring_wire **wires; /* by the server they leave */
	size_t *first;		       /* of each server, in `wires` */
	size_t *next;		       /* where the walk stands */
	unsigned char *state;	       /* 0 new, 1 in the walk, 2 done */
	size_t *path;
	size_t depth;
};

static bool is_inner(const struct ph_wiring_wire *wire)
{
	return wire->from.server != NULL && wire->to.server != NULL;
}

static bool walk_begin(struct ph_wiring *wiring, struct walk *walk)
{
	struct ph_arena *arena = &wiring->arena;
	size_t servers = wiring->server_count;

	walk->wires = ph_arena_take(
		arena, (wiring->wire_count + 1) * sizeof(*walk->wires));
	walk->first = ph_arena_take(arena, (servers + 2) * sizeof(size_t));
	walk->next = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	walk->path = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	walk->state = ph_arena_take(arena, servers + 1);
	if (arena->failed)
		return false;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (is_inner(wire))
			walk->first[wire->from.server->index + 1]++;
	for (size_t i = 0; i < servers; i++) {
		walk->first[i + 1] += walk->first[i];
		walk->next[i] = walk->first[i];
	}
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (is_inner(wire))
			walk->wires[walk->next[wire->from.server->index]++] =
				wire;
	for (size_t i = 0; i < servers; i++)
		walk->next[i] = walk->first[i];
	return true;
}

static void circle_tell(struct ph_wiring *wiring, const struct walk *walk,
	const struct ph_wiring_wire *closing)
{
	const char *start = closing->to.server->name;
	char text[CIRCLE_BYTES];
	size_t length = 0;
	size_t at = walk->depth;

	while (at > 0 && walk->path[at - 1] != closing->to.server->index)
		at--;
	text[0] = '\0';
	for (at = at > 0 ? at - 1 : 0; at < walk->depth; at++) {
		int written = snprintf(text + length, sizeof(text) - length,
			"%s -> ", wiring->servers[walk->path[at]]->name);

		if (written < 0 ||
			length + (size_t)written >= sizeof(text) - 8) {
			snprintf(text + length, sizeof(text) - length,
				"... -> ");
			break;
		}
		length += (size_t)written;
	}
	ph_findings_add(wiring, PH_FINDING_WARNING, "R4", closing->span,
		"When every queue of the circle is full, none of them moves "
		"again.",
		"wires lead in a circle: %s%s", text, start);
}

static void walk_from(
	struct ph_wiring *wiring, struct walk *walk, size_t server)
{
	walk->path[walk->depth++] = server;
	walk->state[server] = 1;
	while (walk->depth > 0) {
		size_t here = walk->path[walk->depth - 1];

		if (walk->next[here] == walk->first[here + 1]) {
			walk->state[here] = 2;
			walk->depth--;
			continue;
		}
		struct ph_wiring_wire *wire = walk->wires[walk->next[here]++];
		size_t there = wire->to.server->index;
		if (walk->state[there] == 1)
			circle_tell(wiring, walk, wire);
		if (walk->state[there] != 0)
			continue;
		walk->path[walk->depth++] = there;
		walk->state[there] = 1;
	}
}

static void circles_check(struct ph_wiring *wiring)
{
	struct walk walk = {0};

	if (!walk_begin(wiring, &walk))
		return;
	for (size_t i = 0; i < wiring->server_count; i++)
		if (walk.state[i] == 0)
			walk_from(wiring, &walk, i);
}

/* What the nodes would refuse: lint and run must not differ. */
static void sizes_check(struct ph_wiring *wiring)
{
	size_t hosts = 0;

	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next) {
		const char *name = *host->name ? host->name : "one node";

		hosts += host->takes_part;
		if (host->servers > PH_PART_SERVERS)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				PH_SPAN_FILE, "Split the wiring file.",
				"%u servers on %s, the most is %u",
				host->servers, name, PH_PART_SERVERS);
		if (host->wires > PH_PART_WIRES)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				PH_SPAN_FILE, "Split the wiring file.",
				"%u wires from %s, the most is %u", host->wires,
				name, PH_PART_WIRES);
	}
	if (hosts > PH_PART_HOSTS)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", PH_SPAN_FILE,
			"Split the wiring file.", "%zu hosts, the most is %u",
			hosts, PH_PART_HOSTS);
}

void ph_wiring_check_graph(struct ph_wiring *wiring)
{
	sizes_check(wiring);
	wires_check(wiring);
	stalls_check(wiring);
	circles_check(wiring);
	/* Wires that are wrong leave outputs that only look unused. */
	if (wiring->errors == 0)
		outputs_check(wiring);
}
