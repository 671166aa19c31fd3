#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

/*
 * `for_each: {web: [web1, web2]}`: every host, server, wire, test, `never` and
 * alarm that names ${web} stands once for each of the values; one that names
 * several variables, once for each combination. The tree is multiplied before
 * anything is read, so the rest of the loader knows nothing of it. Copies keep
 * the place of what they were made from.
 */
#define EACH_VARIABLES 8
#define EACH_VALUES    4096

struct variable {
	const char *name;
	const struct ph_yaml_node *values;
	const struct ph_yaml_node *now;
	bool used; /* by the item at hand */
};

struct each {
	struct ph_wiring *wiring;
	struct variable variables[EACH_VARIABLES];
	unsigned count;
	unsigned copied; /* nodes */
	bool full;
};

/* The variable of `${name}` at `text`, or NULL. */
static struct variable *variable_at(struct each *each, const char *text)
{
	if (text[0] != '$' || text[1] != '{')
		return NULL;
	for (unsigned i = 0; i < each->count; i++) {
		size_t length = strlen(each->variables[i].name);

		if (strncmp(text + 2, each->variables[i].name, length) == 0 &&
			text[2 + length] == '}')
			return &each->variables[i];
	}
	return NULL;
}

static void text_look(struct each *each, const char *text)
{
	while ((text = strchr(text, '$')) != NULL) {
		struct variable *variable = variable_at(each, text);

		if (variable != NULL)
			variable->used = true;
		/* $${ stands for ${ itself. */
		text += strncmp(text, "$${", 3) == 0 ? 3 : 1;
	}
}

static void node_look(struct each *each, const struct ph_yaml_node *node)
{
	if (node->kind == PH_YAML_TEXT)
		text_look(each, node->text);
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next) {
		if (item->key != NULL)
			text_look(each, item->key->text);
		node_look(each, item);
	}
}

static const char *text_fill(struct each *each, const char *text)
{
	struct ph_arena *arena = &each->wiring->arena;
	size_t length = 0;
	char *filled = NULL;

	/* Once to measure, once to write. */
	for (int pass = 0; pass < 2; pass++) {
		size_t to = 0;

		for (const char *at = text; *at != '\0';) {
			const struct variable *variable = variable_at(each, at);
			const char *piece = variable ? variable->now->text : at;
			size_t size = variable ? strlen(piece) : 1;

			if (strncmp(at, "$${", 3) == 0)
				size = 3;
			if (filled != NULL)
				memcpy(filled + to, piece, size);
			to += size;
			at += variable ? strlen(variable->name) + 3 : size;
		}
		length = to;
		if (pass == 0)
			filled = ph_arena_take(arena, length + 1);
		if (filled == NULL)
			return "";
	}
	return filled;
}

static struct ph_yaml_node *node_copy(
	struct each *each, const struct ph_yaml_node *node)
{
	struct ph_yaml_node *copy =
		each->full ? NULL
			   : ph_arena_take(&each->wiring->arena, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	if (++each->copied > PH_YAML_NODES) {
		each->full = true;
		ph_findings_add(each->wiring, PH_FINDING_ERROR, "S1",
			node->span, "Split the wiring file.",
			"for_each makes too many parts of this");
		return NULL;
	}
	*copy = *node;
	copy->next = copy->first = copy->last = NULL;
	if (node->kind == PH_YAML_TEXT && strstr(node->text, "${") != NULL) {
		copy->text = text_fill(each, node->text);
		copy->exact = false;
	}
	if (node->key != NULL)
		copy->key = node_copy(each, node->key);
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next) {
		struct ph_yaml_node *below = node_copy(each, item);

		if (below == NULL)
			return NULL;
		if (copy->last == NULL)
			copy->first = below;
		else
			copy->last->next = below;
		copy->last = below;
	}
	return copy;
}

/* The next combination of the variables in use; false after the last. */
static bool each_turn(struct each *each)
{
	for (unsigned i = each->count; i > 0; i--) {
		struct variable *variable = &each->variables[i - 1];

		if (!variable->used)
			continue;
		variable->now = variable->now->next;
		if (variable->now != NULL)
			return true;
		variable->now = variable->values->first;
	}
	return false;
}

/* Of a map, each copy needs a name of its own. */
static bool item_is_named(struct each *each, const struct ph_yaml_node *item)
{
	struct variable before[EACH_VARIABLES];
	bool named = true;

	if (item->key == NULL)
		return true;
	memcpy(before, each->variables, sizeof(before));
	for (unsigned i = 0; i < each->count; i++)
		each->variables[i].used = false;
	text_look(each, item->key->text);
	for (unsigned i = 0; i < each->count; i++) {
		if (!before[i].used || each->variables[i].used)
			continue;
		struct ph_finding *finding = ph_findings_add(each->wiring,
			PH_FINDING_ERROR, "S4", item->key->span, NULL,
			"'%.60s' stands once for each %s, and always under "
			"this name",
			item->key->text, before[i].name);
		ph_findings_next(each->wiring, finding, "Name it %.40s-${%s}.",
			item->key->text, before[i].name);
		named = false;
	}
	memcpy(each->variables, before, sizeof(before));
	return named;
}

/* Puts the copies of `item` behind it; gives the last of them. */
static struct ph_yaml_node *item_multiply(struct each *each,
	struct ph_yaml_node *section, struct ph_yaml_node *item)
{
	struct ph_yaml_node *after = item->next;
	struct ph_yaml_node *last = NULL;
	struct ph_yaml_node *first = NULL;

	do {
		struct ph_yaml_node *copy = node_copy(each, item);

		if (copy == NULL)
			break;
		if (last == NULL)
			first = copy;
		else
			last->next = copy;
		last = copy;
		section->count++;
	} while (each_turn(each));
	if (last == NULL)
		return item;
	section->count--;
	/* The first copy takes the place of what it was made from. */
	*item = *first;
	if (last == first)
		last = item;
	last->next = after;
	return last;
}

static void keys_check(struct each *each, const struct ph_yaml_node *section)
{
	struct ph_index seen = {NULL};

	for (const struct ph_yaml_node *item = section->first; item != NULL;
		item = item->next) {
		struct ph_wiring *wiring = each->wiring;
		struct ph_yaml_node *before = ph_index_put(
			&seen, &wiring->arena, item->key->text, item->key);

		if (before != NULL)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S2",
				item->key->span,
				"Remove one of them, or give it another name.",
				"key '%.60s' stands twice, first in line %u",
				item->key->text,
				ph_findings_line(wiring, before->span.start));
	}
	ph_index_clear(&seen);
}

static void section_multiply(struct each *each, struct ph_yaml_node *section)
{
	if (section->kind == PH_YAML_TEXT)
		return;
	for (struct ph_yaml_node *item = section->first;
		item != NULL && !each->full; item = item->next) {
		bool any = false;

		for (unsigned i = 0; i < each->count; i++) {
			each->variables[i].used = false;
			each->variables[i].now =
				each->variables[i].values->first;
		}
		node_look(each, item);
		if (item->key != NULL)
			text_look(each, item->key->text);
		for (unsigned i = 0; i < each->count; i++)
			any |= each->variables[i].used;
		if (any && item_is_named(each, item))
			item = item_multiply(each, section, item);
		section->last = item;
	}
	if (section->kind == PH_YAML_MAP && section->first != NULL)
		keys_check(each, section);
}

static bool value_is_good(
	struct ph_wiring *wiring, struct ph_yaml_node *value, const char *name)
{
	if (!ph_wiring_is(wiring, value, PH_YAML_TEXT, name))
		return false;
	if (strlen(value->text) <= 120 && strchr(value->text, '$') == NULL)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", value->span,
		"A value is up to 120 characters, without $.",
		"'%.60s' cannot be a value of for_each", value->text);
	return false;
}

static void variable_read(struct each *each, struct ph_yaml_node *node)
{
	struct ph_wiring *wiring = each->wiring;
	const char *name = node->key->text;
	bool good = true;

	if (!ph_wiring_is_name(wiring, name, node->key->span, "a variable") ||
		!ph_wiring_is(wiring, node, PH_YAML_LIST, name))
		return;
	for (struct ph_yaml_node *value = node->first; value != NULL;
		value = value->next)
		good = value_is_good(wiring, value, name) && good;
	if (!good)
		return;
	if (node->count == 0 || node->count > EACH_VALUES ||
		each->count == EACH_VARIABLES) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL,
			"for_each holds up to %d variables of 1 to %d values",
			EACH_VARIABLES, EACH_VALUES);
		return;
	}
	each->variables[each->count++] =
		(struct variable){.name = name, .values = node};
}

void ph_wiring_multiply(struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	static const char *const sections[] = {
		"hosts", "servers", "wires", "tests", "never", "alarms"};
	struct each each = {.wiring = wiring};
	struct ph_yaml_node *map = ph_yaml_get(root, "for_each");

	if (map == NULL || map->kind != PH_YAML_MAP)
		return;
	ph_wiring_expand(wiring, map);
	for (struct ph_yaml_node *node = map->first; node != NULL;
		node = node->next)
		variable_read(&each, node);
	for (size_t i = 0;
		each.count > 0 && i < sizeof(sections) / sizeof(*sections);
		i++) {
		struct ph_yaml_node *section = ph_yaml_get(root, sections[i]);

		if (section != NULL)
			section_multiply(&each, section);
	}
}
