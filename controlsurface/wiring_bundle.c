#include "controlsurface/wiring_bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring_model.h"

/* --- names --- */

static bool name_is_good(const char *path)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "._-+@/";
	size_t length = strlen(path);

	return length > 0 && length < PH_BUNDLE_NAME && *path != '/' &&
	       path[length - 1] != '/' && strspn(path, letters) == length;
}

/* One step of a path behind what is there. */
static int step_add(char out[PH_BUNDLE_NAME], const char *step, size_t length)
{
	size_t used = strlen(out);
	char *slash = strrchr(out, '/');
	const char *last = slash != NULL ? slash + 1 : out;

	if (length == 0 || (length == 1 && *step == '.'))
		return 0;
	if (length == 2 && memcmp(step, "..", 2) == 0 && *last != '\0' &&
		strcmp(last, "..") != 0) {
		*(slash != NULL ? slash : out) = '\0';
		return 0;
	}
	if (used + length + 2 > PH_BUNDLE_NAME)
		return -EINVAL;
	if (used > 0)
		out[used++] = '/';
	memcpy(out + used, step, length);
	out[used + length] = '\0';
	return 0;
}

static int steps_add(char out[PH_BUNDLE_NAME], const char *path, size_t length)
{
	int failed = 0;

	for (size_t at = 0; failed == 0 && at < length;) {
		size_t step = strcspn(path + at, "/");

		if (step > length - at)
			step = length - at;
		failed = step_add(out, path + at, step);
		at += step + 1;
	}
	return failed;
}

int ph_bundle_name(char out[PH_BUNDLE_NAME], const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');

	out[0] = '\0';
	if (!name_is_good(path) ||
		(slash != NULL &&
			steps_add(out, from, (size_t)(slash - from)) != 0) ||
		steps_add(out, path, strlen(path)) != 0 || *out == '\0')
		return -EINVAL;
	return 0;
}

/* --- making a bundle --- */

static void problem_ignore(void *context, const struct ph_yaml_problem *problem)
{
}

struct bundle {
	char *text; /* NULL: as it was */
	size_t length;
	char names[PH_BUNDLE_PARTS][PH_BUNDLE_NAME];
	size_t starts[PH_BUNDLE_PARTS];
	size_t ends[PH_BUNDLE_PARTS];
	unsigned count;
	ph_bundle_read_fn *read;
	void *context;
};

static int part_append(struct bundle *bundle, const char *before,
	const char *name, const char *text, size_t length)
{
	size_t room = bundle->length + PH_BUNDLE_MARK_BYTES + PH_BUNDLE_NAME +
		      length + 2;
	char *grown;

	if (bundle->length + length > PH_WIRING_BYTES)
		return -E2BIG;
	grown = realloc(bundle->text, room);
	if (grown == NULL)
		return -ENOMEM;
	if (bundle->text == NULL)
		memcpy(grown, before, bundle->length);
	bundle->text = grown;
	bundle->length += (size_t)snprintf(grown + bundle->length,
		PH_BUNDLE_MARK_BYTES + PH_BUNDLE_NAME + 2, "%s%s\n",
		PH_BUNDLE_MARK, name);
	bundle->starts[bundle->count - 1] = bundle->length;
	memcpy(grown + bundle->length, text, length);
	bundle->length += length;
	bundle->ends[bundle->count - 1] = bundle->length;
	grown[bundle->length] = '\0';
	return 0;
}

static int part_take(struct bundle *bundle, const char *before,
	const char *from, const char *path)
{
	char name[PH_BUNDLE_NAME];
	size_t length = 0;
	char *text;
	int failed;

	if (ph_bundle_name(name, from, path) != 0 ||
		bundle->count == PH_BUNDLE_PARTS)
		return 0;
	for (unsigned i = 0; i < bundle->count; i++)
		if (strcmp(bundle->names[i], name) == 0)
			return 0;
	text = bundle->read(bundle->context, name, &length);
	if (text == NULL)
		return 0;
	memcpy(bundle->names[bundle->count++], name, sizeof(name));
	failed = part_append(bundle, before, name, text, length);
	free(text);
	return failed;
}

static int parts_take(struct bundle *bundle, const char *before,
	const char *from, const char *text, size_t length)
{
	struct ph_arena arena = {NULL};
	struct ph_yaml_node *root = NULL;
	struct ph_yaml_input input = {
		.text = text,
		.length = length,
		.arena = &arena,
		.problem = problem_ignore,
	};
	int failed = 0;

	/* It costs as much as reading the file does. */
	if (memmem(text, length, "include", 7) == NULL)
		return 0;
	if (ph_yaml_read(&root, &input) == 0 && root != NULL &&
		root->kind == PH_YAML_MAP) {
		const struct ph_yaml_node *list = ph_yaml_get(root, "include");

		if (list != NULL && list->kind == PH_YAML_TEXT)
			failed = part_take(bundle, before, from, list->text);
		for (const struct ph_yaml_node *item = list ? list->first
							    : NULL;
			item != NULL && failed == 0; item = item->next)
			if (item->kind == PH_YAML_TEXT)
				failed = part_take(
					bundle, before, from, item->text);
	}
	ph_arena_clear(&arena);
	return failed;
}

int ph_bundle(
	char **text, size_t *length, ph_bundle_read_fn *read, void *context)
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	int failed;

	if (bundle == NULL)
		return -ENOMEM;
	bundle->read = read;
	bundle->context = context;
	bundle->length = *length;
	failed = parts_take(bundle, *text, "", *text, *length);
	for (unsigned i = 0; failed == 0 && i < bundle->count; i++) {
		char *copy = strndup(bundle->text + bundle->starts[i],
			bundle->ends[i] - bundle->starts[i]);

		/* The text moves while it grows. */
		failed = copy == NULL
				 ? -ENOMEM
				 : parts_take(bundle, *text, bundle->names[i],
					   copy, strlen(copy));
		free(copy);
	}
	if (failed == 0 && bundle->text != NULL) {
		*text = bundle->text;
		*length = bundle->length;
	} else {
		free(bundle->text);
	}
	free(bundle);
	return failed;
}
