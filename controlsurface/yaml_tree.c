#include "controlsurface/yaml_tree.h"

#include <stdio.h>
#include <string.h>

/* Above this many keys a map's duplicates are looked up by hash. */
#define MANY_KEYS 16

void ph_yaml_stop(struct ph_yaml_builder *builder, const char *rule,
	struct ph_span span, const char *next, const char *message)
{
	ph_yaml_tell(builder->input, rule, span, next, "%s", message);
	builder->stopped = true;
}

/* Puts a finished scalar or an opening list or map in its place. */
void ph_yaml_place(struct ph_yaml_builder *builder, struct ph_yaml_node *node)
{
	if (builder->depth == 0) {
		builder->root = node;
		return;
	}
	unsigned top = builder->depth - 1;
	struct ph_yaml_node *parent = builder->open[top];
	if (parent->kind == PH_YAML_MAP) {
		if (builder->key[top] == NULL) {
			if (node->kind == PH_YAML_TEXT)
				builder->key[top] = node;
			else
				ph_yaml_stop(builder, "S4", node->span,
					"Write key: value.",
					"a key must be text");
			return;
		}
		node->key = builder->key[top];
		builder->key[top] = NULL;
	}
	if (parent->last == NULL)
		parent->first = node;
	else
		parent->last->next = node;
	parent->last = node;
	parent->count++;
}

struct ph_yaml_node *ph_yaml_node(struct ph_yaml_builder *builder,
	enum ph_yaml_kind kind, struct ph_span span)
{
	struct ph_yaml_node *node =
		ph_arena_take(builder->input->arena, sizeof(*node));

	if (node == NULL) {
		builder->stopped = true;
		return NULL;
	}
	if (++builder->nodes > PH_YAML_NODES) {
		ph_yaml_stop(builder, "S1", span, "Split the wiring file.",
			"the file has too many parts");
		return NULL;
	}
	node->kind = kind;
	node->span = span;
	node->text = "";
	return node;
}

/*
 * Text in single quotes is read here: libfyaml 0.7.12 leaks its work on the
 * eighth '' or so. A quote is doubled; blanks around a line's end go, one line
 * end is a space, each further one a line feed.
 */
char *ph_yaml_unquote(
	struct ph_yaml_builder *builder, struct ph_span span, size_t *length)
{
	const char *at = builder->input->text + span.start;
	const char *end = builder->input->text + span.end;
	char *text =
		ph_arena_take(builder->input->arena, span.end - span.start + 1);
	size_t to = 0;

	while (text != NULL && at < end) {
		size_t blanks = 0;
		size_t ends = 0;

		while (at + blanks < end && strchr(" \t", at[blanks]))
			blanks++;
		if (at + blanks == end || strchr("\r\n", at[blanks]) == NULL) {
			memcpy(text + to, at, blanks);
			to += blanks;
			at += blanks;
			if (at == end)
				break;
			at += at[0] == '\'' && at + 1 < end;
			text[to++] = *at++;
			continue;
		}
		for (at += blanks; at < end && strchr(" \t\r\n", *at); at++)
			ends += *at == '\n' ||
				(*at == '\r' &&
					(at + 1 == end || at[1] != '\n'));
		memset(text + to, ends > 1 ? '\n' : ' ',
			ends > 1 ? ends - 1 : 1);
		to += ends > 1 ? ends - 1 : 1;
	}
	*length = to;
	return text;
}

static void duplicate_tell(struct ph_yaml_builder *builder,
	const struct ph_yaml_node *key, const struct ph_yaml_node *before)
{
	struct ph_yaml_problem problem = {
		.rule = "S2",
		.span = key->span,
		.before = before->span,
		.next = "Remove one of them, or give it another name.",
	};

	snprintf(problem.message, sizeof(problem.message),
		"key '%.60s' stands twice", key->text);
	builder->input->problem(builder->input->context, &problem);
}

static struct ph_yaml_node *key_before(
	const struct ph_yaml_node *map, const struct ph_yaml_node *item)
{
	for (struct ph_yaml_node *other = map->first; other != item;
		other = other->next)
		if (strcmp(other->key->text, item->key->text) == 0)
			return other->key;
	return NULL;
}

/* The second of two equal keys leaves the map: it was told. */
static void map_close(struct ph_yaml_builder *builder, struct ph_yaml_node *map)
{
	bool many = map->count > MANY_KEYS;
	struct ph_index index = {NULL};
	struct ph_yaml_node *previous = NULL;

	for (struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next) {
		struct ph_yaml_node *before =
			many ? ph_index_put(&index, builder->input->arena,
				       item->key->text, item->key)
			     : key_before(map, item);
		if (before == NULL) {
			previous = item;
			continue;
		}
		duplicate_tell(builder, item->key, before);
		previous->next = item->next;
		map->count--;
	}
	map->last = previous;
	ph_index_clear(&index);
}

void ph_yaml_close(struct ph_yaml_builder *builder)
{
	struct ph_yaml_node *node = builder->open[--builder->depth];

	if (node->kind == PH_YAML_MAP)
		map_close(builder, node);
}
