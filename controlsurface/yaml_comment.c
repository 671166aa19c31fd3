#include "controlsurface/yaml_print.h"

#include <stdint.h>
#include <string.h>

/*
 * A # begins a comment when a blank or a line's beginning is before it and it
 * is in no text. Where texts are is known from the tree, in the order of the
 * source.
 */
struct spans {
	struct ph_span *list;
	size_t count;
};

static size_t texts_count(const struct ph_yaml_node *node)
{
	size_t count = node->kind == PH_YAML_TEXT;

	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		count += texts_count(item) + (item->key != NULL);
	return count;
}

static void texts_list(struct spans *spans, const struct ph_yaml_node *node)
{
	if (node->kind == PH_YAML_TEXT)
		spans->list[spans->count++] = node->span;
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next) {
		if (item->key != NULL)
			spans->list[spans->count++] = item->key->span;
		texts_list(spans, item);
	}
}

size_t ph_yaml_column(const char *text, size_t at)
{
	size_t column = 0;

	while (at > 0 && text[at - 1] != '\n') {
		at--;
		column++;
	}
	return column;
}

bool ph_yaml_is_apart(const char *text, size_t at)
{
	unsigned ends = 0;

	while (at > 0 && text[at - 1] != '\n')
		at--;
	while (at > 0 && strchr(" \t\r\n", text[at - 1]) != NULL)
		ends += text[--at] == '\n';
	return ends > 1 && at > 0;
}

static bool is_alone(const char *text, size_t at)
{
	while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return at == 0 || text[at - 1] == '\n';
}

static bool comment_begins(const char *text, size_t at)
{
	return text[at] == '#' &&
	       (at == 0 || strchr(" \t\r\n", text[at - 1]) != NULL);
}

static void comment_take(struct ph_yaml_comments *out, const char *text,
	size_t length, size_t *at)
{
	struct ph_yaml_comment *comment = &out->list[out->count++];
	size_t end = *at;

	while (end < length && text[end] != '\n')
		end++;
	*comment = (struct ph_yaml_comment){
		.at = *at,
		.column = ph_yaml_column(text, *at),
		.alone = is_alone(text, *at),
		.apart = ph_yaml_is_apart(text, *at),
	};
	*at = end;
	while (end > comment->at && strchr(" \t\r", text[end - 1]) != NULL)
		end--;
	comment->length = end - comment->at;
}

bool ph_yaml_comments(struct ph_yaml_comments *out, const char *text,
	size_t length, const struct ph_yaml_node *root, struct ph_arena *arena)
{
	size_t count = root ? texts_count(root) : 0;
	struct spans spans = {0};
	size_t most = 1;
	size_t next = 0;

	for (size_t i = 0; i < length; i++)
		most += text[i] == '#';
	*out = (struct ph_yaml_comments){0};
	spans.list = ph_arena_take(arena, (count + 1) * sizeof(*spans.list));
	out->list = ph_arena_take(arena, most * sizeof(*out->list));
	if (arena->failed)
		return false;
	if (root != NULL)
		texts_list(&spans, root);
	for (size_t at = 0; at < length;) {
		while (next < spans.count && spans.list[next].end <= at)
			next++;
		if (next < spans.count && spans.list[next].start <= at)
			at = spans.list[next].end;
		else if (comment_begins(text, at))
			comment_take(out, text, length, &at);
		else
			at++;
	}
	return true;
}
