#include "controlsurface/yaml_format.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/yaml_print.h"

struct document {
	const char *text;
	size_t length;
	struct ph_arena arena;
	struct ph_yaml_node *root;
	struct ph_yaml_comments comments;
	bool wrong;
};

static void problem_note(void *context, const struct ph_yaml_problem *problem)
{
	struct document *document = context;

	document->wrong = true;
}

static int document_read(
	struct document *document, const char *text, size_t length)
{
	struct ph_yaml_input input = {
		.text = text,
		.length = length,
		.arena = &document->arena,
		.problem = problem_note,
		.context = document,
	};

	*document = (struct document){.text = text, .length = length};
	int failed = ph_yaml_read(&document->root, &input);
	if (failed == 0 && document->wrong)
		failed = -EINVAL;
	if (failed == 0 && !ph_yaml_comments(&document->comments, text, length,
				   document->root, &document->arena))
		failed = -ENOMEM;
	return failed;
}

static bool nodes_equal(
	const struct ph_yaml_node *one, const struct ph_yaml_node *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	if (one->kind != other->kind || one->absent != other->absent ||
		one->count != other->count ||
		strcmp(one->text, other->text) != 0)
		return false;
	const struct ph_yaml_node *a = one->first;
	const struct ph_yaml_node *b = other->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!nodes_equal(a->key, b->key) || !nodes_equal(a, b))
			return false;
	return a == b;
}

static bool comments_equal(
	const struct document *one, const struct document *other)
{
	if (one->comments.count != other->comments.count)
		return false;
	for (size_t i = 0; i < one->comments.count; i++) {
		const struct ph_yaml_comment *a = &one->comments.list[i];
		const struct ph_yaml_comment *b = &other->comments.list[i];

		if (a->length != b->length ||
			memcmp(one->text + a->at, other->text + b->at,
				a->length) != 0)
			return false;
	}
	return true;
}

static char *document_print(const struct document *document, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (out == NULL)
		return NULL;
	ph_yaml_print(out, document->text, document->root, &document->comments);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* Printed, and read back. */
static int document_format(
	char **out, size_t *length, const struct document *document)
{
	struct document again;
	char *text = document_print(document, length);
	int failed;

	if (text == NULL)
		return -ENOMEM;
	failed = document_read(&again, text, *length);
	if (failed == 0 && (!nodes_equal(document->root, again.root) ||
				   !comments_equal(document, &again)))
		failed = -ENOTSUP;
	if (failed == -EINVAL)
		failed = -ENOTSUP;
	ph_arena_clear(&again.arena);
	if (failed == 0)
		*out = text;
	else
		free(text);
	return failed;
}

int ph_yaml_format(char **out, const char *text, size_t length)
{
	struct document document;
	char *once = NULL;
	char *twice = NULL;
	size_t size = 0;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	int failed = document_read(&document, text, length);
	if (failed == 0)
		failed = document_format(&once, &size, &document);
	ph_arena_clear(&document.arena);
	if (failed != 0)
		return failed;
	/* What is formatted stays as it is. */
	failed = document_read(&document, once, size);
	if (failed == 0)
		failed = document_format(&twice, &size, &document);
	ph_arena_clear(&document.arena);
	if (failed == 0 && strcmp(once, twice) != 0)
		failed = -ENOTSUP;
	free(twice);
	if (failed == 0)
		*out = once;
	else
		free(once);
	return failed;
}
