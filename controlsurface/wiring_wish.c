#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/wiring_end.h"

/*
 * Wire ends by criteria: `to: {class: 0x2a, caps: [gpu=nvenc], terminal: raw,
 * count: 2}`. Who they are is for Hostesses to say when the file is applied
 * (apply_choose.c); here the criteria become a mask (hostess/mask.h), and the
 * answer becomes wires.
 */
#define WISH_MOST 256 /* terminals, for one end */

struct mask {
	char text[PH_WIRE_CRITERIA];
	size_t length;
	bool full;
};

static void mask_add(struct mask *mask, const char *key, const char *value)
{
	int wrote = snprintf(mask->text + mask->length,
		sizeof(mask->text) - mask->length, "%s%s=%s",
		mask->length > 0 ? "," : "", key, value);

	if (wrote < 0 || (size_t)wrote >= sizeof(mask->text) - mask->length) {
		mask->text[mask->length] = '\0';
		mask->full = true;
		return;
	}
	mask->length += (size_t)wrote;
}

/* A mask knows no quotes. */
static bool value_is_good(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	const char *text = node->text;

	for (; *text != '\0'; text++)
		if (*text == ',' || (unsigned char)*text < ' ' || *text == 0x7f)
			break;
	if (*text == '\0' && *node->text != '\0')
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Criteria are single words: no comma, no line feed; * stands "
		"for any characters.",
		"'%.60s' is no criterion", node->text);
	return false;
}

static void texts_add(struct ph_wiring *wiring, struct mask *mask,
	const struct ph_yaml_node *map)
{
	static const char *const keys[] = {
		"server", "owner", "terminal", "type"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct ph_yaml_node *node =
			ph_wiring_get(wiring, map, keys[i], PH_YAML_TEXT);

		if (node != NULL && value_is_good(wiring, node))
			mask_add(mask, keys[i], node->text);
	}
}

static void words_add(struct ph_wiring *wiring, struct mask *mask,
	const struct ph_yaml_node *map, const char *key, const char *asked)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, map, key, PH_YAML_LIST);

	if (list == NULL || !ph_wiring_words(wiring, list, key))
		return;
	for (const struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		if (value_is_good(wiring, item))
			mask_add(mask, asked, item->text);
}

static void lists_add(struct ph_wiring *wiring, struct mask *mask,
	const struct ph_yaml_node *map)
{
	struct ph_yaml_node *labels =
		ph_wiring_get(wiring, map, "labels", PH_YAML_MAP);
	char text[2 * PH_WIRE_CRITERIA];

	words_add(wiring, mask, map, "caps", "caps");
	words_add(wiring, mask, map, "node_caps", "node.caps");
	if (labels == NULL || !ph_wiring_words(wiring, labels, "labels"))
		return;
	for (const struct ph_yaml_node *item = labels->first; item != NULL;
		item = item->next) {
		if (!value_is_good(wiring, item) ||
			!value_is_good(wiring, item->key))
			continue;
		snprintf(text, sizeof(text), "%s=%s", item->key->text,
			item->text);
		mask_add(mask, "labels", text);
	}
}

bool ph_wiring_criteria(struct ph_wiring *wiring, struct ph_yaml_node *map,
	struct ph_wiring_wish *out)
{
	unsigned before = wiring->errors;
	struct mask mask = {.length = 0};
	char number[24];
	uint64_t class = 0;

	ph_wiring_keys(wiring, PH_LEVEL_CRITERIA, map);
	if (ph_wiring_class(wiring, map, &class)) {
		snprintf(number, sizeof(number), "%llx",
			(unsigned long long)class);
		mask_add(&mask, "class", number);
	}
	texts_add(wiring, &mask, map);
	lists_add(wiring, &mask, map);
	out->count = 1;
	if (ph_yaml_get(map, "count") != NULL)
		out->count = (unsigned)ph_wiring_count(
			wiring, map, "count", 1, WISH_MOST);
	if (wiring->errors == before && mask.length == 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			"Say a class, caps, labels, an owner or a name.",
			"nothing says who is meant");
	if (mask.full)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			"Say less.", "criteria hold %d bytes at most",
			PH_WIRE_CRITERIA - 1);
	out->mask = ph_arena_text(&wiring->arena, mask.text, mask.length);
	out->span = map->span;
	return wiring->errors == before && out->mask != NULL;
}

/* D1: of the other end. */
static bool end_check(
	struct ph_wiring *wiring, const struct ph_wiring_wish *wish)
{
	const struct ph_wiring_end *end = &wish->end;
	bool output = !wish->output;

	if (end->port == NULL ||
		ph_wiring_is_output(end->port->direction) == output)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "D1", end->span,
		"Write output -> input.",
		output ? "'%s:%s' is an input: a wire begins at an output"
		       : "'%s:%s' is an output: a wire ends at an input",
		end->server_name, end->terminal);
	return false;
}

void ph_wiring_wish_add(
	struct ph_wiring *wiring, const struct ph_wiring_wish *wish)
{
	struct ph_wiring_wish *made;

	if (!end_check(wiring, wish))
		return;
	if (wiring->wish_count++ >= PH_WIRING_WISHES) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", wish->span,
			"Split the wiring file.",
			"more than %d ends by criteria", PH_WIRING_WISHES);
		return;
	}
	made = ph_arena_take(&wiring->arena, sizeof(*made));
	if (made == NULL)
		return;
	*made = *wish;
	made->next = NULL;
	if (wiring->last_wish == NULL)
		wiring->wishes = made;
	else
		wiring->last_wish->next = made;
	wiring->last_wish = made;
	if (!wish->output)
		ph_wiring_wire_own(wiring, &made->end);
}

bool ph_wiring_next_wish(const struct ph_wiring *wiring,
	const struct ph_wiring_wish **position, struct ph_wiring_wish_line *out)
{
	const struct ph_wiring_wish *wish =
		*position ? (*position)->next : wiring->wishes;

	if (wish == NULL)
		return false;
	*position = wish;
	*out = (struct ph_wiring_wish_line){
		.mask = wish->mask,
		.count = wish->count,
		.output = wish->output,
		.optional = wish->options.notes.optional,
		.node = ph_wiring_end_host(&wish->end),
		.server = wish->end.server_name,
		.terminal = wish->end.terminal,
		.media = wish->end.port ? wish->end.port->media : "",
	};
	return true;
}

int ph_wiring_fulfil(struct ph_wiring *wiring,
	const struct ph_wiring_wish *wish,
	const struct ph_wiring_chosen *chosen)
{
	struct ph_arena *arena = &wiring->arena;
	struct ph_wiring_wire *wire = ph_arena_take(arena, sizeof(*wire));
	struct ph_wiring_end end = {
		.node = ph_arena_text(
			arena, chosen->node, strlen(chosen->node)),
		.server_name = ph_arena_text(
			arena, chosen->server, strlen(chosen->server)),
		.terminal = ph_arena_text(
			arena, chosen->terminal, strlen(chosen->terminal)),
	};

	if (arena->failed)
		return -1;
	*wire = wish->options;
	wire->next = NULL;
	wire->from = wish->output ? end : wish->end;
	wire->to = wish->output ? wish->end : end;
	snprintf(wire->notes.criteria, sizeof(wire->notes.criteria), "%s",
		wish->mask);
	snprintf(
		wire->notes.hold, sizeof(wire->notes.hold), "%s", chosen->hold);
	ph_wiring_wire_append(wiring, wire);
	if (wish->output)
		ph_wiring_join_host(wiring, end.node);
	return arena->failed ? -1 : 0;
}
