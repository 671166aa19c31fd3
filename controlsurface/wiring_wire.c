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
static void wire_own(struct ph_wiring *wiring, const struct ph_wiring_end *from)
{
	const char *host = from->node;

	if (from->server != NULL)
		host = from->server->host ? from->server->host : "";
	ph_wiring_take_part(wiring, host, from->span);
	struct ph_wiring_host *owner = ph_index_find(&wiring->host_index, host);
	if (owner != NULL)
		owner->wires++;
}

static void wire_add(struct ph_wiring *wiring, struct ph_wiring_end from,
	struct ph_wiring_end to, const struct ph_wiring_wire *options)
{
	if (!wire_check(wiring, &from, &to))
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
	if (wiring->last_wire == NULL)
		wiring->wires = wire;
	else
		wiring->last_wire->next = wire;
	wiring->last_wire = wire;
	wiring->wire_count++;
	wire_own(wiring, &from);
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

static bool side_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	const char *key, struct ph_wiring_end *end)
{
	struct ph_yaml_node *node = ph_yaml_get(map, key);
	size_t from = 0;

	if (node == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			"Write {from: server:terminal, to: server:terminal}.",
			"the wire has no '%s'", key);
		return false;
	}
	if (node->kind != PH_YAML_TEXT) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write one server:terminal, and one wire for each.",
			"%s as a wire's end are not in this version",
			node->kind == PH_YAML_MAP ? "criteria" : "lists");
		return false;
	}
	if (!ph_wiring_is(wiring, node, PH_YAML_TEXT, key))
		return false;
	size_t to = strlen(node->text);
	if (!blanks_strip(node->text, &from, &to)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->key->span,
			"Write {from: server:terminal, to: server:terminal}.",
			"'%s' is empty", key);
		return false;
	}
	return ph_wiring_read_end(
		wiring, node, from, to, strcmp(key, "from") == 0, end);
}

static void map_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	const struct ph_wiring_wire *defaults)
{
	struct ph_wiring_wire options = *defaults;
	struct ph_wiring_end from;
	struct ph_wiring_end to;

	ph_wiring_keys(wiring, PH_LEVEL_WIRE, map);
	options.on_full = ph_wiring_on_full(wiring, map, defaults->on_full);
	options.declared = ph_yaml_get(map, "on_full") != NULL;
	options.queue = ph_wiring_queue(wiring, map, defaults->queue);
	bool begins = side_read(wiring, map, "from", &from);
	bool ends = side_read(wiring, map, "to", &to);
	if (begins && ends)
		wire_add(wiring, from, to, &options);
}

void ph_wiring_read_wires(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *wires =
		ph_wiring_get(wiring, root, "wires", PH_YAML_LIST);
	struct ph_wiring_wire defaults = {
		.on_full = wiring->on_full,
		.queue = wiring->queue,
	};

	for (struct ph_yaml_node *node = wires ? wires->first : NULL;
		node != NULL; node = node->next) {
		if (node->kind == PH_YAML_MAP)
			map_read(wiring, node, &defaults);
		else if (ph_wiring_is(wiring, node, PH_YAML_TEXT, "a wire"))
			chain_read(wiring, node, &defaults);
	}
}
