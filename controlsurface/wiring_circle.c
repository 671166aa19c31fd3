#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/full_policy.h"
#include "controlsurface/part.h"

/*
 * Circles, by a depth-first walk without recursion: of wires that wait for one
 * another (R4), of servers that need one another (R7). Every edge that leads
 * back to a server the walk is still in closes one.
 */
#define CIRCLE_BYTES 200

struct edge {
	size_t from; /* a server's index */
	size_t to;
	struct ph_span span;
};

struct walk {
	struct ph_wiring *wiring;
	struct edge *edges;
	size_t edge_count;
	struct edge **sorted; /* by the server they leave */
	size_t *first;	      /* of each server, in `sorted` */
	size_t *next;	      /* where the walk stands */
	unsigned char *state; /* 0 new, 1 in the walk, 2 done */
	size_t *path;
	size_t depth;
	void (*circle)(struct ph_wiring *wiring, struct ph_span span,
		const char *text);
};

static bool walk_begin(struct walk *walk)
{
	struct ph_arena *arena = &walk->wiring->arena;
	size_t servers = walk->wiring->server_count;

	walk->sorted = ph_arena_take(
		arena, (walk->edge_count + 1) * sizeof(*walk->sorted));
	walk->first = ph_arena_take(arena, (servers + 2) * sizeof(size_t));
	walk->next = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	walk->path = ph_arena_take(arena, (servers + 1) * sizeof(size_t));
	walk->state = ph_arena_take(arena, servers + 1);
	if (arena->failed)
		return false;
	for (size_t i = 0; i < walk->edge_count; i++)
		walk->first[walk->edges[i].from + 1]++;
	for (size_t i = 0; i < servers; i++) {
		walk->first[i + 1] += walk->first[i];
		walk->next[i] = walk->first[i];
	}
	for (size_t i = 0; i < walk->edge_count; i++)
		walk->sorted[walk->next[walk->edges[i].from]++] =
			&walk->edges[i];
	memcpy(walk->next, walk->first, servers * sizeof(size_t));
	return true;
}

static void circle_tell(struct walk *walk, const struct edge *closing)
{
	struct ph_wiring *wiring = walk->wiring;
	char text[CIRCLE_BYTES + PH_NAME_MAX];
	size_t length = 0;
	size_t at = walk->depth;

	while (at > 0 && walk->path[at - 1] != closing->to)
		at--;
	text[0] = '\0';
	for (at = at > 0 ? at - 1 : 0; at < walk->depth; at++) {
		int written = snprintf(text + length, CIRCLE_BYTES - length,
			"%s -> ", wiring->servers[walk->path[at]]->name);

		if (written < 0 ||
			length + (size_t)written >= CIRCLE_BYTES - 8) {
			snprintf(text + length, CIRCLE_BYTES - length,
				"... -> ");
			break;
		}
		length += (size_t)written;
	}
	length = strlen(text);
	snprintf(text + length, sizeof(text) - length, "%s",
		wiring->servers[closing->to]->name);
	walk->circle(wiring, closing->span, text);
}

static void walk_from(struct walk *walk, size_t server)
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
		struct edge *edge = walk->sorted[walk->next[here]++];
		if (walk->state[edge->to] == 1)
			circle_tell(walk, edge);
		if (walk->state[edge->to] != 0)
			continue;
		walk->path[walk->depth++] = edge->to;
		walk->state[edge->to] = 1;
	}
}

static void walk_all(struct walk *walk)
{
	if (!walk_begin(walk))
		return;
	for (size_t i = 0; i < walk->wiring->server_count; i++)
		if (walk->state[i] == 0)
			walk_from(walk, i);
}

static void wires_circle(
	struct ph_wiring *wiring, struct ph_span span, const char *text)
{
	ph_findings_add(wiring, PH_FINDING_WARNING, "R4", span,
		"When every queue of the circle is full, none of them moves "
		"again: let one of the wires drop (on_full:).",
		"wires lead in a circle: %s", text);
}

/* A wire that drops breaks the circle: it never waits. */
static void wires_walk(struct ph_wiring *wiring)
{
	struct walk walk = {.wiring = wiring, .circle = wires_circle};

	walk.edges = ph_arena_take(
		&wiring->arena, (wiring->wire_count + 1) * sizeof(*walk.edges));
	if (walk.edges == NULL)
		return;
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		if (wire->from.server == NULL || wire->to.server == NULL ||
			!ph_full_policy_blocks(
				ph_full_policy_find(wire->on_full)))
			continue;
		walk.edges[walk.edge_count++] = (struct edge){
			.from = wire->from.server->index,
			.to = wire->to.server->index,
			.span = wire->span,
		};
	}
	walk_all(&walk);
}

static void needs_circle(
	struct ph_wiring *wiring, struct ph_span span, const char *text)
{
	ph_findings_add(wiring, PH_FINDING_ERROR, "R7", span,
		"Each would wait for the others for ever: remove one of them.",
		"servers need one another: %s", text);
}

static void need_add(struct walk *walk, const struct ph_wiring_server *server,
	const struct ph_yaml_node *node)
{
	struct ph_wiring *wiring = walk->wiring;
	struct ph_wiring_server *needed;
	struct ph_guess guess;

	if (node->kind != PH_YAML_TEXT || node->bad || node->absent)
		return;
	needed = ph_index_find(&wiring->server_index, node->text);
	if (needed != NULL) {
		walk->edges[walk->edge_count++] = (struct edge){
			.from = server->index,
			.to = needed->index,
			.span = node->span,
		};
		return;
	}
	guess = ph_guess_begin(wiring, node->text);
	struct ph_finding *finding =
		ph_findings_add(wiring, PH_FINDING_ERROR, "P1", node->span,
			NULL, "no server '%.60s' in this file", node->text);
	for (size_t i = 0; finding != NULL && i < wiring->server_count; i++)
		ph_guess_offer(&guess, wiring->servers[i]->name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
}

static void needs_walk(struct ph_wiring *wiring)
{
	struct walk walk = {.wiring = wiring, .circle = needs_circle};
	size_t count = 0;

	for (size_t i = 0; i < wiring->server_count; i++)
		if (wiring->servers[i]->needs != NULL)
			count += wiring->servers[i]->needs->count + 1;
	if (count == 0)
		return;
	walk.edges = ph_arena_take(&wiring->arena, count * sizeof(*walk.edges));
	if (walk.edges == NULL)
		return;
	for (size_t i = 0; i < wiring->server_count; i++) {
		struct ph_wiring_server *server = wiring->servers[i];
		struct ph_yaml_node *needs = server->needs;

		if (needs == NULL)
			continue;
		if (needs->count > PH_PART_NEEDS)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				needs->span, NULL,
				"'needs' holds %u, the most is %u",
				needs->count, PH_PART_NEEDS);
		if (needs->kind == PH_YAML_TEXT)
			need_add(&walk, server, needs);
		for (struct ph_yaml_node *item = needs->first; item != NULL;
			item = item->next)
			need_add(&walk, server, item);
	}
	walk_all(&walk);
}

void ph_wiring_check_circles(struct ph_wiring *wiring)
{
	wires_walk(wiring);
	needs_walk(wiring);
}
