#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlsurface/full_policy.h"

#define VARIABLE_BYTES 128
/* A hostile file may name a long variable often. */
#define EXPANDED_BYTES ((size_t)16 * 1024 * 1024)
#define SCALAR_BYTES   ((size_t)64 * 1024)
/* A frame (256 KiB) must fit; the kernel counts in 32 bits. */
#define QUEUE_LEAST ((uint64_t)256 * 1024)
#define QUEUE_MOST  ((uint64_t)1024 * 1024 * 1024)

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

struct ph_span ph_wiring_inside(
	const struct ph_yaml_node *node, size_t at, size_t length)
{
	if (!node->exact || node->referenced)
		return node->span;
	return (struct ph_span){
		node->span.start + at, node->span.start + at + length};
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

/* As deep as PH_YAML_DEPTH. */
void ph_wiring_expand(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	if (node->kind == PH_YAML_TEXT)
		expand_text(wiring, node);
	for (struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		ph_wiring_expand(wiring, item);
}

bool ph_wiring_is(struct ph_wiring *wiring, struct ph_yaml_node *node,
	enum ph_yaml_kind kind, const char *what)
{
	static const char *const kinds[] = {"text", "a list", "a map"};

	if (node->bad)
		return false;
	if (node->kind == kind && !(kind == PH_YAML_TEXT && node->absent))
		return true;
	/* `env:` with nothing below is an empty map, or list. */
	if (node->absent && kind != PH_YAML_TEXT)
		return false;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"S4", node->absent && node->key ? node->key->span : node->span,
		NULL, node->absent ? "'%.60s' is empty" : "'%.60s' must be %s",
		what, kinds[kind]);
	if (kind == PH_YAML_MAP)
		ph_findings_next(wiring, finding, "Write key: value below it.");
	else if (kind == PH_YAML_LIST)
		ph_findings_next(wiring, finding, "Write it as [ ... ].");
	node->bad = true;
	return false;
}

struct ph_yaml_node *ph_wiring_get(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, enum ph_yaml_kind kind)
{
	struct ph_yaml_node *node = ph_yaml_get(map, key);

	if (node == NULL || !ph_wiring_is(wiring, node, kind, key))
		return NULL;
	return node;
}

const char *ph_wiring_text(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, key, PH_YAML_TEXT);

	return node == NULL ? NULL : node->text;
}

bool ph_wiring_is_name(struct ph_wiring *wiring, const char *text,
	struct ph_span span, const char *what)
{
	if (ph_name_is_valid(text, strlen(text)))
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", span,
		"Names are up to 39 of A-Z a-z 0-9 . _ -, and begin with a "
		"letter or digit.",
		"'%.60s' cannot be the name of %s", text, what);
	return false;
}

const char *ph_wiring_choice(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key,
	const char *const *choices)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, key, PH_YAML_TEXT);
	char all[160] = "";
	size_t length = 0;

	if (node == NULL)
		return NULL;
	struct ph_guess guess = ph_guess_begin(wiring, node->text);
	for (size_t i = 0; choices[i] != NULL; i++) {
		if (strcmp(node->text, choices[i]) == 0)
			return choices[i];
		ph_guess_offer(&guess, choices[i]);
		int written = snprintf(all + length, sizeof(all) - length,
			"%s%s", i > 0 ? ", " : "", choices[i]);
		if (written > 0 && length + (size_t)written < sizeof(all))
			length += (size_t)written;
	}
	struct ph_finding *finding =
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%.60s' is no value of '%s'", node->text, key);
	if (guess.best != NULL)
		ph_findings_next(wiring, finding,
			"One of: %s. Did you mean %s?", all, guess.best);
	else
		ph_findings_next(wiring, finding, "One of: %s.", all);
	return NULL;
}

const char *ph_wiring_on_full(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *otherwise)
{
	struct ph_yaml_node *node = ph_yaml_get(map, "on_full");

	if (node != NULL && node->kind == PH_YAML_TEXT && !node->bad &&
		strcmp(node->text, "spill") == 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Let it block, or say which messages may go.",
			"policy 'spill' is not in this version");
		return otherwise;
	}
	const char *chosen =
		ph_wiring_choice(wiring, map, "on_full", ph_full_policy_names);
	return chosen == NULL ? otherwise : chosen;
}

uint64_t ph_wiring_queue(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, uint64_t otherwise)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, "queue", PH_YAML_TEXT);
	uint64_t bytes;

	if (node == NULL)
		return otherwise;
	if (ph_parse_bytes(&bytes, node->text) != 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write a number and a unit: 4MiB, 512KiB, 1GB.",
			"'%.60s' is no size", node->text);
		return otherwise;
	}
	if (bytes >= QUEUE_LEAST && bytes <= QUEUE_MOST)
		return bytes;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"A queue holds 256KiB (one frame) to 1GiB.",
		"a queue of %.60s cannot be", node->text);
	return otherwise;
}
