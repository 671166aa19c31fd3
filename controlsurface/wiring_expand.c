#include "controlsurface/wiring_model.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/manifest.h"

/* ${VARIABLES}, and the world they come from. */

#define VARIABLE_BYTES 128
/* A hostile file may name a long variable often. */
#define EXPANDED_BYTES ((size_t)16 * 1024 * 1024)
#define SCALAR_BYTES   ((size_t)64 * 1024)

const char *ph_wiring_variable(void *context, const char *name)
{
	return getenv(name);
}

bool ph_wiring_program(void *context, const char *name)
{
	const char *path = getenv("PATH");
	char file[4096];

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0;
	while (path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");
		int written = snprintf(
			file, sizeof(file), "%.*s/%s", (int)length, path, name);

		if (written > 0 && (size_t)written < sizeof(file) &&
			access(file, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

static FILE *manifest_open(const char *wiring_file, const char *path)
{
	const char *slash = strrchr(wiring_file, '/');
	char whole[8192];
	int length = snprintf(whole, sizeof(whole), "%.*s%s",
		slash && *path != '/' ? (int)(slash + 1 - wiring_file) : 0,
		wiring_file, path);

	if (length < 0 || (size_t)length >= sizeof(whole)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(whole, "re");
}

char *ph_wiring_manifest(
	const char *wiring_file, const char *path, size_t *length)
{
	FILE *file = manifest_open(wiring_file, path);
	char *text = file ? malloc(PH_MANIFEST_MOST + 1) : NULL;

	if (text != NULL)
		*length = fread(text, 1, PH_MANIFEST_MOST + 1, file);
	if (text != NULL && ferror(file)) {
		free(text);
		text = NULL;
	}
	if (file != NULL)
		fclose(file);
	return text;
}

/* `${NAME}` or `${NAME:-text}` at `text`; 0 when it is neither. */
static size_t reference_read(const char *text, char name[VARIABLE_BYTES],
	const char **otherwise, size_t *otherwise_length)
{
	size_t length = strspn(text + 2,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
		"0123456789");
	const char *end = text + 2 + length;

	*otherwise = NULL;
	if (length == 0 || length >= VARIABLE_BYTES)
		return 0;
	memcpy(name, text + 2, length);
	name[length] = '\0';
	if (strncmp(end, ":-", 2) == 0) {
		*otherwise = end + 2;
		*otherwise_length = strcspn(end + 2, "}");
		end += 2 + *otherwise_length;
	}
	return *end == '}' ? (size_t)(end - text) + 1 : 0;
}

struct expansion {
	struct ph_wiring *wiring;
	struct ph_yaml_node *node;
	char *out;
	size_t length;
	bool failed;
};

static void expansion_add(
	struct expansion *expansion, const char *text, size_t length)
{
	struct ph_wiring *wiring = expansion->wiring;

	wiring->expanded += length;
	if (wiring->expanded <= EXPANDED_BYTES &&
		expansion->length + length <= SCALAR_BYTES) {
		memcpy(expansion->out + expansion->length, text, length);
		expansion->length += length;
		return;
	}
	if (!expansion->failed)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			expansion->node->span, NULL,
			"the text is too long with its variables");
	expansion->failed = true;
}

static bool is_utf8(const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text, length, &code);

		if (size == 0)
			return false;
		text += size;
		length -= size;
	}
	return true;
}

static void expansion_variable(struct expansion *expansion, const char *text,
	size_t length, const char *name, const char *otherwise,
	size_t otherwise_length)
{
	struct ph_wiring *wiring = expansion->wiring;
	const char *value =
		wiring->input.variable == NULL
			? NULL
			: wiring->input.variable(wiring->input.context, name);
	struct ph_span span = ph_wiring_inside(expansion->node,
		(size_t)(text - expansion->node->text), length);

	if (value != NULL && !is_utf8(value)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "P6", span, NULL,
			"variable '%.60s' is not UTF-8 text", name);
		expansion->failed = true;
	} else if (value != NULL && (*value != '\0' || otherwise == NULL)) {
		expansion_add(expansion, value, strlen(value));
	} else if (otherwise != NULL) {
		expansion_add(expansion, otherwise, otherwise_length);
	} else {
		struct ph_finding *finding =
			ph_findings_add(wiring, PH_FINDING_ERROR, "P6", span,
				NULL, "variable '%.60s' is not set", name);
		ph_findings_next(wiring, finding,
			"Set it in the environment, or write "
			"${%.60s:-default}; "
			"$${ stands for ${ itself.",
			name);
		expansion->failed = true;
	}
}

static void expand_piece(struct expansion *expansion, const char **at)
{
	char name[VARIABLE_BYTES];
	const char *otherwise;
	size_t otherwise_length = 0;

	if (strncmp(*at, "$${", 3) == 0) {
		expansion_add(expansion, "${", 2);
		*at += 3;
		return;
	}
	if (strncmp(*at, "${", 2) != 0) {
		expansion_add(expansion, *at, 1);
		*at += 1;
		return;
	}
	size_t length =
		reference_read(*at, name, &otherwise, &otherwise_length);
	if (length > 0) {
		expansion_variable(expansion, *at, length, name, otherwise,
			otherwise_length);
		*at += length;
		return;
	}
	ph_findings_add(expansion->wiring, PH_FINDING_ERROR, "P6",
		ph_wiring_inside(expansion->node,
			(size_t)(*at - expansion->node->text), 2),
		"Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.",
		"this is no variable's name");
	expansion->failed = true;
	*at += 2;
}

static void expand_text(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	static const size_t slack = 64;
	const char *at = node->text;

	if (strstr(at, "${") == NULL)
		return;
	struct expansion expansion = {
		.wiring = wiring,
		.node = node,
		.out = malloc(SCALAR_BYTES + slack),
	};
	if (expansion.out == NULL) {
		wiring->arena.failed = true;
		return;
	}
	while (*at != '\0' && !expansion.failed)
		expand_piece(&expansion, &at);
	if (expansion.failed)
		node->bad = true;
	else
		node->text = ph_arena_text(
			&wiring->arena, expansion.out, expansion.length);
	if (node->text == NULL)
		node->text = "";
	node->referenced = true;
	free(expansion.out);
}

/* Longer than a program's argument can be, and no use here. */
static bool text_fits(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	size_t length = strlen(node->text);

	if (length <= SCALAR_BYTES)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Put it into a file, and name that.",
		"a text of %zu bytes, the most is %zu", length, SCALAR_BYTES);
	node->bad = true;
	node->text = "";
	return false;
}

/* As deep as PH_YAML_DEPTH. */
void ph_wiring_expand(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	if (node->key != NULL)
		text_fits(wiring, node->key);
	if (node->kind == PH_YAML_TEXT && text_fits(wiring, node))
		expand_text(wiring, node);
	for (struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		ph_wiring_expand(wiring, item);
}
