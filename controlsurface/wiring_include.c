#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

#include "controlsurface/wiring_bundle.h"

/* A bundle is read: each part goes behind the file that includes it. */

static void source_add(
	struct ph_wiring *wiring, const char *name, size_t length, size_t start)
{
	struct ph_wiring_source *source =
		&wiring->sources[wiring->source_count++];

	source->name = ph_arena_text(&wiring->arena, name, length);
	source->start = start;
	source->end = wiring->input.length;
	source->line = ph_findings_row(wiring, start);
}

void ph_wiring_split(struct ph_wiring *wiring)
{
	const char *text = wiring->input.text;
	const char *end = text + wiring->input.length;
	const char *at = text;

	wiring->source_count = 0;
	source_add(wiring, "", 0, 0);
	while ((at = memmem(at, (size_t)(end - at), PH_BUNDLE_MARK,
			PH_BUNDLE_MARK_BYTES)) != NULL &&
		wiring->source_count < PH_BUNDLE_PARTS + 1) {
		const char *name = at + PH_BUNDLE_MARK_BYTES;
		const char *line = memchr(name, '\n', (size_t)(end - name));

		if (line == NULL || line - name >= PH_BUNDLE_NAME)
			break;
		wiring->sources[wiring->source_count - 1].end =
			(size_t)(at - text);
		source_add(wiring, name, (size_t)(line - name),
			(size_t)(line + 1 - text));
		/* An empty part is followed at once. */
		at = line;
	}
}

const struct ph_wiring_source *ph_wiring_source_of(
	const struct ph_wiring *wiring, size_t offset)
{
	const struct ph_wiring_source *found = &wiring->sources[0];

	for (unsigned i = 1; i < wiring->source_count; i++)
		if (wiring->sources[i].start <= offset)
			found = &wiring->sources[i];
	return found;
}

/* One part's place in the whole text. */
struct shift {
	struct ph_wiring *wiring;
	size_t by;
};

static void problem_shift(void *context, const struct ph_yaml_problem *problem)
{
	struct shift *shift = context;
	struct ph_yaml_problem moved = *problem;

	moved.span.start += shift->by;
	moved.span.end += shift->by;
	if (moved.before.end > 0) {
		moved.before.start += shift->by;
		moved.before.end += shift->by;
	}
	ph_wiring_problem(shift->wiring, &moved);
}

static void node_shift(struct ph_yaml_node *node, size_t by)
{
	node->span.start += by;
	node->span.end += by;
	if (node->key != NULL)
		node_shift(node->key, by);
	for (struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		node_shift(item, by);
}

static void node_append(struct ph_yaml_node *to, struct ph_yaml_node *from)
{
	if (from->first == NULL)
		return;
	if (to->last == NULL)
		to->first = from->first;
	else
		to->last->next = from->first;
	to->last = from->last;
	to->count += from->count;
	to->absent = false;
}

/* A section of a part goes behind that of the file. */
static void section_merge(struct ph_wiring *wiring, struct ph_yaml_node *root,
	struct ph_yaml_node *section)
{
	const char *name = section->key->text;
	struct ph_yaml_node *to = ph_yaml_get(root, name);

	if (section->absent || section->kind == PH_YAML_TEXT)
		return;
	if (to == NULL) {
		struct ph_yaml_node *copy =
			ph_arena_take(&wiring->arena, sizeof(*copy));

		if (copy == NULL)
			return;
		*copy = *section;
		copy->next = NULL;
		if (root->last == NULL)
			root->first = copy;
		else
			root->last->next = copy;
		root->last = copy;
		root->count++;
	} else if (to->absent || to->kind == section->kind) {
		to->kind = section->kind;
		node_append(to, section);
	} else {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			section->key->span,
			"Write it as the file that includes this one does.",
			"'%s' is of another kind than in the other files",
			name);
	}
}

/* A server or a host that another file has, too. */
static void names_check(struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	static const char *const maps[] = {"hosts", "servers", "for_each"};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		const struct ph_yaml_node *map = ph_yaml_get(root, maps[i]);
		struct ph_index seen = {NULL};

		if (map == NULL || map->kind != PH_YAML_MAP)
			continue;
		for (const struct ph_yaml_node *item = map->first; item != NULL;
			item = item->next) {
			struct ph_yaml_node *before = ph_index_put(&seen,
				&wiring->arena, item->key->text, item->key);

			if (before == NULL ||
				ph_wiring_source_of(
					wiring, before->span.start) ==
					ph_wiring_source_of(
						wiring, item->key->span.start))
				continue;
			ph_findings_add(wiring, PH_FINDING_ERROR, "S2",
				item->key->span,
				"Remove one of them, or give it another name.",
				"'%.60s' stands in another file, too",
				item->key->text);
		}
		ph_index_clear(&seen);
	}
}

static void include_all(struct ph_wiring *wiring, struct ph_yaml_node *root,
	const struct ph_yaml_node *list, unsigned from, unsigned depth);

static void part_merge(struct ph_wiring *wiring, struct ph_yaml_node *root,
	struct ph_yaml_node *part, unsigned number, unsigned depth)
{
	static const char *const sections[] = {"for_each", "hosts", "servers",
		"wires", "tests", "never", "alarms"};

	for (struct ph_yaml_node *item = part->first; item != NULL;
		item = item->next) {
		const char *name = item->key->text;

		if (ph_key_find(PH_LEVEL_FILE, name) == NULL)
			ph_wiring_key_unknown(wiring, PH_LEVEL_FILE, item->key);
		if (strcmp(name, "defaults") == 0)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S3",
				item->key->span,
				"Say it in the file that includes this one, or "
				"at the wires.",
				"'defaults' of a part would change the wires "
				"of others");
	}
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		struct ph_yaml_node *section = ph_yaml_get(part, sections[i]);

		if (section != NULL)
			section_merge(wiring, root, section);
	}
	include_all(
		wiring, root, ph_yaml_get(part, "include"), number, depth + 1);
}

static void part_read(struct ph_wiring *wiring, struct ph_yaml_node *root,
	unsigned number, unsigned depth)
{
	struct ph_wiring_source *source = &wiring->sources[number];
	struct ph_yaml_node *part = NULL;
	struct shift shift = {wiring, source->start};
	struct ph_yaml_input input = {
		.text = wiring->input.text + source->start,
		.length = source->end - source->start,
		.arena = &wiring->arena,
		.problem = problem_shift,
		.context = &shift,
	};

	source->state = PH_SOURCE_OPEN;
	if (ph_yaml_read(&part, &input) == 0 && part != NULL) {
		node_shift(part, source->start);
		if (part->kind == PH_YAML_MAP)
			part_merge(wiring, root, part, number, depth);
		else
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				part->span, "Begin it with servers: or wires:.",
				"a part is a map of keys");
	}
	source->state = PH_SOURCE_DONE;
}

static unsigned source_find(const struct ph_wiring *wiring, const char *name)
{
	for (unsigned i = 1; i < wiring->source_count; i++)
		if (strcmp(wiring->sources[i].name, name) == 0)
			return i;
	return 0;
}

static void include_one(struct ph_wiring *wiring, struct ph_yaml_node *root,
	struct ph_yaml_node *item, unsigned from, unsigned depth)
{
	char name[PH_BUNDLE_NAME];
	unsigned number;

	if (!ph_wiring_is(wiring, item, PH_YAML_TEXT, "include"))
		return;
	if (ph_bundle_name(name, wiring->sources[from].name, item->text) != 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "P8", item->span,
			"Write a path relative to this file, of A-Z a-z 0-9 . "
			"_ - + @ and /.",
			"'%.80s' cannot be included", item->text);
		return;
	}
	number = source_find(wiring, name);
	if (number == 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "P8", item->span,
			"It is looked for beside the file that names it, and "
			"by the command, not by the node.",
			"'%.80s' cannot be read", name);
	} else if (wiring->sources[number].state == PH_SOURCE_OPEN ||
		   depth >= PH_BUNDLE_DEPTH) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S6", item->span,
			"Take one of them out.",
			depth >= PH_BUNDLE_DEPTH
				? "'%.80s' is more than 8 files deep"
				: "'%.80s' is included by itself",
			name);
	} else if (wiring->sources[number].state == PH_SOURCE_NEW) {
		part_read(wiring, root, number, depth);
	}
}

static void include_all(struct ph_wiring *wiring, struct ph_yaml_node *root,
	const struct ph_yaml_node *list, unsigned from, unsigned depth)
{
	if (list == NULL || list->bad)
		return;
	if (list->kind == PH_YAML_TEXT && !list->absent)
		include_one(
			wiring, root, (struct ph_yaml_node *)list, from, depth);
	for (struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		include_one(wiring, root, item, from, depth);
}

void ph_wiring_include(struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	wiring->sources[0].state = PH_SOURCE_OPEN;
	include_all(wiring, root, ph_yaml_get(root, "include"), 0, 0);
	if (wiring->source_count > 1)
		names_check(wiring, root);
}
