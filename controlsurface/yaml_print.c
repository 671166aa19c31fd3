#include "controlsurface/yaml_print.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INDENT	2
#define COLUMNS 100

struct print {
	FILE *out;
	const char *text; /* the source */
	const struct ph_yaml_comments *comments;
	size_t next; /* comment */
	bool begun;  /* something is printed */
};

static size_t anchor(const struct ph_yaml_node *item)
{
	return item->key ? item->key->span.start : item->span.start;
}

static const struct ph_yaml_comment *comment_next(const struct print *print)
{
	return print->next < print->comments->count
		       ? &print->comments->list[print->next]
		       : NULL;
}

static void comment_print(
	struct print *print, const struct ph_yaml_comment *comment)
{
	fwrite(print->text + comment->at, 1, comment->length, print->out);
	fputc('\n', print->out);
	print->next++;
	print->begun = true;
}

/* Those that stand alone before `limit`, from `column` on. */
static void comments_before(
	struct print *print, size_t limit, size_t column, unsigned indent)
{
	const struct ph_yaml_comment *comment;

	while ((comment = comment_next(print)) != NULL && comment->at < limit &&
		comment->column >= column) {
		if (comment->apart && print->begun)
			fputc('\n', print->out);
		fprintf(print->out, "%*s", (int)indent, "");
		comment_print(print, comment);
	}
}

/* Ends the line, with the comment that stands at its end. */
static void line_end(struct print *print, size_t limit)
{
	const struct ph_yaml_comment *comment = comment_next(print);

	print->begun = true;
	if (comment == NULL || comment->at >= limit || comment->alone) {
		fputc('\n', print->out);
		return;
	}
	fputs("  ", print->out);
	comment_print(print, comment);
}

/* Comments that stand inside `node` need lines. */
static bool holds_comment(
	const struct print *print, const struct ph_yaml_node *node)
{
	const struct ph_yaml_comment *comment = comment_next(print);

	/* The span of a list or map is that of its beginning. */
	while (node->last != NULL)
		node = node->last;
	return comment != NULL && comment->at < node->span.start;
}

static void flow_print(FILE *out, const struct ph_yaml_node *node)
{
	bool map = node->kind == PH_YAML_MAP;

	if (node->kind == PH_YAML_TEXT) {
		ph_yaml_print_text(out, node, true);
		return;
	}
	fputc(map ? '{' : '[', out);
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next) {
		if (item->key != NULL) {
			ph_yaml_print_text(out, item->key, true);
			fputs(": ", out);
		}
		flow_print(out, item);
		if (item->next != NULL)
			fputs(", ", out);
	}
	fputc(map ? '}' : ']', out);
}

static bool is_flow(const struct ph_yaml_node *node)
{
	if (node->kind == PH_YAML_TEXT)
		return true;
	if (node->count > 0 && !node->flow)
		return false;
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		if (!is_flow(item))
			return false;
	return true;
}

/* On one line, when it was so and fits behind `column`. */
static bool flow_fits(const struct print *print,
	const struct ph_yaml_node *node, size_t column)
{
	char *line = NULL;
	size_t length = 0;

	if (!is_flow(node) || (node->count > 0 && holds_comment(print, node)))
		return false;
	if (node->count == 0)
		return true;
	FILE *out = open_memstream(&line, &length);
	if (out == NULL)
		return true;
	flow_print(out, node);
	fclose(out);
	free(line);
	return column + length <= COLUMNS;
}

static void items_print(struct print *print, const struct ph_yaml_node *node,
	unsigned indent, size_t limit, bool inside);

/* What stands behind `key:` or `-`, up to the end of its lines. */
static void value_print(struct print *print, const struct ph_yaml_node *node,
	unsigned indent, size_t column, size_t limit)
{
	FILE *out = print->out;

	if (node->kind == PH_YAML_TEXT && ph_yaml_print_lines(NULL, node, 0)) {
		size_t length = strlen(node->text);

		fputs(node->text[length - 1] == '\n' ? " |" : " |-", out);
		line_end(print, node->span.start);
		ph_yaml_print_lines(out, node, indent + INDENT);
	} else if (node->kind == PH_YAML_TEXT) {
		if (!node->absent)
			fputc(' ', out);
		ph_yaml_print_text(out, node, false);
		line_end(print, limit);
	} else if (flow_fits(print, node, column + 1)) {
		fputc(' ', out);
		flow_print(out, node);
		line_end(print, limit);
	} else {
		line_end(print, node->first ? anchor(node->first) : limit);
		items_print(print, node, indent + INDENT, limit, false);
	}
}

static size_t key_print(struct print *print, const struct ph_yaml_node *key)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		return 0;
	ph_yaml_print_text(out, key, false);
	fclose(out);
	fprintf(print->out, "%s:", text);
	free(text);
	return length + 1;
}

/* `- key: value`, its other keys below. */
static bool item_is_inline(const struct print *print,
	const struct ph_yaml_node *item, size_t column)
{
	return item->key == NULL && item->kind == PH_YAML_MAP &&
	       item->count > 0 && !flow_fits(print, item, column);
}

static void item_print(struct print *print, const struct ph_yaml_node *item,
	unsigned indent, size_t limit)
{
	size_t column = indent + 1;

	if (item_is_inline(print, item, indent + INDENT)) {
		fputs("- ", print->out);
		items_print(print, item, indent + INDENT, limit, true);
		return;
	}
	if (item->key != NULL)
		column = indent + key_print(print, item->key);
	else
		fputc('-', print->out);
	value_print(print, item, indent, column, limit);
}

/* Where a list's first - stands, or a map's first key. */
static size_t first_column(
	const struct print *print, const struct ph_yaml_node *first)
{
	size_t at = anchor(first);

	while (first->key == NULL && at > 0 && print->text[at] != '-' &&
		print->text[at - 1] != '\n')
		at--;
	return ph_yaml_column(print->text, at);
}

/* `inside`: the first one goes on in the line. */
static void items_print(struct print *print, const struct ph_yaml_node *node,
	unsigned indent, size_t limit, bool inside)
{
	size_t column = node->first ? first_column(print, node->first) : 0;

	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next) {
		size_t end = item->next ? anchor(item->next) : limit;

		if (!inside) {
			comments_before(print, anchor(item), 0, indent);
			if (print->begun &&
				ph_yaml_is_apart(print->text, anchor(item)))
				fputc('\n', print->out);
			fprintf(print->out, "%*s", (int)indent, "");
		}
		inside = false;
		item_print(print, item, indent, end);
	}
	/* Behind the last one, and still below it. */
	if (column > 0)
		comments_before(print, limit, column, indent);
}

void ph_yaml_print(FILE *out, const char *text, const struct ph_yaml_node *root,
	const struct ph_yaml_comments *comments)
{
	struct print print = {.out = out, .text = text, .comments = comments};

	if (root != NULL && root->kind != PH_YAML_TEXT && root->count > 0) {
		items_print(&print, root, 0, SIZE_MAX, false);
	} else if (root != NULL) {
		comments_before(&print, root->span.start, 0, 0);
		flow_print(out, root);
		line_end(&print, SIZE_MAX);
	}
	comments_before(&print, SIZE_MAX, 0, 0);
}
