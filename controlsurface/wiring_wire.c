#include "controlsurface/wiring_end.h"
#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

/* Both ends against each other: D1, D2, D6. */
static bool wire_check(struct ph_wiring *wiring, struct ph_wiring_end *from,
	struct ph_wiring_end *to)
{
	bool backward = from->port != NULL &&
			!ph_wiring_is_output(from->port->direction);
	bool forward =
		to->port != NULL && ph_wiring_is_output(to->port->direction);

	if (backward) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "D1", from->span,
			forward ? "The ends stand the wrong way round: swap "
				  "them."
				: "Write output -> input.",
			"'%s:%s' is an input: a wire begins at an output",
			from->server_name, from->terminal);
		return false;
	}
	if (forward) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "D1", to->span,
			"Write output -> input.",
			"'%s:%s' is an output: a wire ends at an input",
			to->server_name, to->terminal);
		return false;
	}
	if (from->server != NULL && from->server == to->server) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "D6", to->span,
			"Put another server between them.",
			"server '%s' would feed itself", to->server_name);
		return false;
	}
	if (from->port == NULL || to->port == NULL)
		return true;
	const char *one = from->port->media;
	const char *other = to->port->media;
	if (*one == '\0' || *other == '\0' || strcmp(one, "*/*") == 0 ||
		strcmp(other, "*/*") == 0 || strcmp(one, other) == 0)
		return true;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"D2", to->span, NULL, "'%s:%s' takes %s, '%s:%s' gives %s",
		to->server_name, to->terminal, other, from->server_name,
		from->terminal, one);
	ph_findings_next(wiring, finding,
		"Put a server that converts between them, or correct a type:.");
	return false;
}

/* The host whose node owns the wire: where the output is. */
void ph_wiring_wire_own(
	struct ph_wiring *wiring, const struct ph_wiring_end *from)
{
	const char *host = from->node;

	if (from->server != NULL)
		host = from->server->host ? from->server->host : "";
	ph_wiring_take_part(wiring, host, from->span);
	struct ph_wiring_host *owner = ph_index_find(&wiring->host_index, host);
	if (owner != NULL)
		owner->wires++;
}

/* R5: what a transport cannot do. */
static bool via_check(struct ph_wiring *wiring,
	const struct ph_wiring_end *from, const struct ph_wiring_end *to,
	const struct ph_wiring_wire *options)
{
	const char *one = ph_wiring_end_host(from);
	const char *other = ph_wiring_end_host(to);
	bool remote = strcmp(one, other) != 0;

	/* The one of `defaults:` is meant for those that are dialled. */
	if (options->via == NULL || options->via_default ||
		(remote && ph_via_is_known(options->via)))
		return true;
	if (!remote) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "R5",
			options->via_span,
			"Remove it: what joins servers of one node follows "
			"from their placement:.",
			"'via: %s': both ends are on one host, and nothing is "
			"dialled",
			options->via);
		return false;
	}
	ph_findings_add(wiring, PH_FINDING_ERROR, "R5", options->via_span,
		"Write tcp (or tls, the same), unix, ws or wss, or remove it.",
		"%s joins servers of one node, these are on '%s' and '%s'",
		options->via, *one ? one : "the node that applies",
		*other ? other : "the node that applies");
	return false;
}

void ph_wiring_wire_append(
	struct ph_wiring *wiring, struct ph_wiring_wire *wire)
{
	if (wiring->last_wire == NULL)
		wiring->wires = wire;
	else
		wiring->last_wire->next = wire;
	wiring->last_wire = wire;
	wiring->wire_count++;
}

static void wire_add(struct ph_wiring *wiring, struct ph_wiring_end from,
	struct ph_wiring_end to, const struct ph_wiring_wire *options)
{
	if (!wire_check(wiring, &from, &to) ||
		!via_check(wiring, &from, &to, options))
		return;
	if (wiring->wire_count == PH_WIRING_WIRES) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", from.span,
			"Split the wiring file.", "more than %d wires",
			PH_WIRING_WIRES);
		return;
	}
	struct ph_wiring_wire *wire =
		ph_arena_take(&wiring->arena, sizeof(*wire));
	if (wire == NULL)
		return;
	*wire = *options;
	wire->from = from;
	wire->to = to;
	wire->span = (struct ph_span){from.span.start, to.span.end};
	if (wire->span.end < wire->span.start)
		wire->span = from.span;
	ph_wiring_wire_append(wiring, wire);
	ph_wiring_wire_own(wiring, &from);
}

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\n';
}

/* Takes blanks away from both sides; false when nothing is left. */
static bool blanks_strip(const char *text, size_t *from, size_t *to)
{
	while (*from < *to && is_blank(text[*from]))
		++*from;
	while (*from < *to && is_blank(text[*to - 1]))
		--*to;
	return *from < *to;
}

/* `a:x -> b:y`, `a -> b -> c`. A bad element breaks only its own wires. */
static void chain_read(struct ph_wiring *wiring, struct ph_yaml_node *node,
	const struct ph_wiring_wire *options)
{
	const char *text = node->text;
	struct ph_wiring_end left = {0};
	struct ph_wiring_end right;
	struct ph_wiring_end onward;
	bool left_good = false;
	size_t at = 0;

	for (bool first = true;; first = false) {
		const char *arrow = strstr(text + at, "->");
		size_t next = arrow ? (size_t)(arrow - text) : strlen(text);
		size_t from = at;
		size_t to = next;
		bool good;

		if (!blanks_strip(text, &from, &to) || (first && !arrow)) {
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				node->span,
				"Write it as server:terminal -> "
				"server:terminal.",
				"'%.80s' is no wire", text);
			return;
		}
		if (first) {
			good = ph_wiring_read_end(
				wiring, node, from, to, true, &onward);
		} else if (arrow != NULL) {
			good = ph_wiring_read_link(
				wiring, node, from, to, &right, &onward);
		} else {
			good = ph_wiring_read_end(
				wiring, node, from, to, false, &right);
		}
		if (!first && left_good && good)
			wire_add(wiring, left, right, options);
		if (arrow == NULL)
			return;
		left = onward;
		left_good = good;
		at = next + 2;
	}
}

/* One end, or the ends of a list. */
#define SIDE_ENDS 64

struct side {
	struct ph_wiring_end ends[SIDE_ENDS];
	unsigned count;
	bool whole;
	bool wished; /* by criteria */
	struct ph_wiring_wish wish;
};

static void side_take(struct ph_wiring *wiring, struct ph_yaml_node *node,
	const char *key, struct side *side)
{
	size_t from = 0;
	size_t to = strlen(node->text);

	if (!ph_wiring_is(wiring, node, PH_YAML_TEXT, key)) {
		side->whole = false;
		return;
	}
	if (!blanks_strip(node->text, &from, &to)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			node->key ? node->key->span : node->span,
			"Write {from: server:terminal, to: server:terminal}.",
			"'%s' is empty", key);
		side->whole = false;
		return;
	}
	if (ph_wiring_read_end(wiring, node, from, to, strcmp(key, "from") == 0,
		    &side->ends[side->count]))
		side->count++;
	else
		side->whole = false;
}

static void side_list(struct ph_wiring *wiring, struct ph_yaml_node *list,
	const char *key, struct side *side)
{
	if (list->count == 0 || list->count > SIDE_ENDS) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			NULL, "'%s' holds %u ends, it can be 1 to %d", key,
			list->count, SIDE_ENDS);
		side->whole = false;
		return;
	}
	for (struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		side_take(wiring, item, key, side);
}

static void side_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	const char *key, struct side *side)
{
	struct ph_yaml_node *node = ph_yaml_get(map, key);

	*side = (struct side){.whole = true};
	if (node == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			"Write {from: server:terminal, to: server:terminal}.",
			"the wire has no '%s'", key);
		side->whole = false;
	} else if (node->kind == PH_YAML_MAP) {
		side->wished = true;
		side->whole = ph_wiring_criteria(wiring, node, &side->wish);
	} else if (node->kind == PH_YAML_LIST) {
		side_list(wiring, node, key, side);
	} else {
		side_take(wiring, node, key, side);
	}
}

/* What is said about a wire and does not change what flows. */
static void notes_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	struct ph_wiring_wire *options)
{
	const struct ph_yaml_node *budget = ph_yaml_get(map, "budget");
	const char *optional =
		ph_wiring_choice(wiring, PH_LEVEL_WIRE, map, "optional");

	ph_wiring_retry(wiring, map, &options->notes);
	options->expect = ph_wiring_expect(wiring, map);
	options->notes.optional =
		optional != NULL && strcmp(optional, "yes") == 0;
	ph_wiring_labels(wiring, map, options->notes.labels);
	options->budget = ph_wiring_duration(wiring, map, "budget", 0);
	if (budget != NULL)
		options->budget_span = budget->span;
}

/* F3: what is kept on disk needs a bound, like everything that waits. */
static void spill_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *map)
{
	const struct ph_yaml_node *policy = ph_yaml_get(map, "on_full");

	if (policy == NULL || policy->kind != PH_YAML_TEXT ||
		strcmp(policy->text, "spill") != 0 ||
		ph_yaml_get(map, "spill") != NULL)
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "F3", policy->span,
		"Let it block: queue: holds up to 1GiB in memory; spill is "
		"not in this version.",
		"nothing says how much may wait on disk");
}

/* One of the sides is known. */
static void wishes_add(struct ph_wiring *wiring, struct side *from,
	struct side *to, const struct ph_wiring_wire *options)
{
	struct side *known = from->wished ? to : from;
	struct side *wished = from->wished ? from : to;

	if (known->wished) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			known->wish.span,
			"Write server:terminal for one of them.",
			"only one end of a wire can be said by criteria");
		return;
	}
	wished->wish.output = wished == from;
	wished->wish.options = *options;
	for (unsigned i = 0; i < known->count; i++) {
		wished->wish.end = known->ends[i];
		ph_wiring_wish_add(wiring, &wished->wish);
	}
}

static void map_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	const struct ph_wiring_wire *defaults)
{
	struct ph_wiring_wire options = *defaults;
	struct side from;
	struct side to;

	ph_wiring_keys(wiring, PH_LEVEL_WIRE, map);
	options.on_full = ph_wiring_on_full(wiring, map, defaults->on_full);
	options.declared = ph_yaml_get(map, "on_full") != NULL;
	options.queue = ph_wiring_queue(wiring, map, defaults->queue);
	if (ph_yaml_get(map, "via") != NULL) {
		options.via =
			ph_wiring_choice(wiring, PH_LEVEL_WIRE, map, "via");
		options.via_default = false;
		options.via_span = ph_yaml_get(map, "via")->span;
	}
	notes_read(wiring, map, &options);
	spill_check(wiring, map);
	side_read(wiring, map, "from", &from);
	side_read(wiring, map, "to", &to);
	if (!from.whole || !to.whole)
		return;
	if (from.wished || to.wished)
		wishes_add(wiring, &from, &to, &options);
	for (unsigned i = 0; i < from.count; i++)
		for (unsigned j = 0; j < to.count; j++)
			wire_add(wiring, from.ends[i], to.ends[j], &options);
}

void ph_wiring_read_wires(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *wires =
		ph_wiring_get(wiring, root, "wires", PH_YAML_LIST);
	struct ph_wiring_wire defaults = {
		.on_full = wiring->on_full,
		.queue = wiring->queue,
		.via = wiring->via,
		.via_default = wiring->via != NULL,
		.notes = wiring->notes,
	};

	for (struct ph_yaml_node *node = wires ? wires->first : NULL;
		node != NULL; node = node->next) {
		if (node->kind == PH_YAML_MAP)
			map_read(wiring, node, &defaults);
		else if (ph_wiring_is(wiring, node, PH_YAML_TEXT, "a wire"))
			chain_read(wiring, node, &defaults);
	}
}
