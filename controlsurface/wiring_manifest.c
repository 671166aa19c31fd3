#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/manifest.h"

/*
 * `manifest: FILE` at a program: what its author says of it (proto/manifest.h).
 * It is put into the tree as if it stood in the wiring file, before servers
 * are read, so the rest of the loader, the node and the guest book know nothing
 * of it. What the wiring file says itself goes before for class, owner and
 * auth, is added for caps and labels, and must agree for terminals.
 */
#define MERGED_BYTES ((size_t)16 * 1024 * 1024) /* of manifests, read */

struct merging {
	struct ph_wiring *wiring;
	unsigned made; /* nodes, of all servers: bounded as the tree itself */
	size_t bytes;  /* that were read */
	struct ph_yaml_node *server;
	const struct ph_yaml_node *at; /* the value of `manifest` */
	const char *path;	       /* of the one that was read last */
	struct ph_manifest *manifest;
};

static struct ph_yaml_node *node_make(
	struct merging *merging, enum ph_yaml_kind kind, const char *text)
{
	struct ph_arena *arena = &merging->wiring->arena;
	struct ph_yaml_node *made;
	char *copy;

	if (merging->made == PH_YAML_NODES) {
		ph_findings_add(merging->wiring, PH_FINDING_ERROR, "S1",
			merging->at->span, "Split the wiring file.",
			"its manifests say too much");
		merging->made++;
	}
	if (merging->made > PH_YAML_NODES)
		return NULL;
	merging->made++;
	made = ph_arena_take(arena, sizeof(*made));
	copy = ph_arena_text(arena, text, strlen(text));
	if (made == NULL || copy == NULL)
		return NULL;
	*made = (struct ph_yaml_node){
		.kind = kind,
		.span = merging->at->span,
		.text = copy,
	};
	return made;
}

/* Below `parent`; `key` NULL: of a list. NULL without memory. */
static struct ph_yaml_node *node_add(struct merging *merging,
	struct ph_yaml_node *parent, const char *key, enum ph_yaml_kind kind,
	const char *text)
{
	struct ph_yaml_node *made =
		parent ? node_make(merging, kind, text) : NULL;

	if (made == NULL)
		return NULL;
	if (key != NULL)
		made->key = node_make(merging, PH_YAML_TEXT, key);
	if (key != NULL && made->key == NULL)
		return NULL;
	if (parent->last == NULL)
		parent->first = made;
	else
		parent->last->next = made;
	parent->last = made;
	parent->count++;
	return made;
}

/* What stands there, or a new one; NULL when something else stands there. */
static struct ph_yaml_node *below(
	struct merging *merging, const char *key, enum ph_yaml_kind kind)
{
	struct ph_yaml_node *found = ph_yaml_get(merging->server, key);

	if (found == NULL)
		return node_add(merging, merging->server, key, kind, "");
	if (found->kind == PH_YAML_TEXT && found->absent)
		found->kind = kind;
	return found->kind == kind ? found : NULL;
}

static void word_put(struct merging *merging, const char *key, const char *text)
{
	if (ph_yaml_get(merging->server, key) == NULL)
		node_add(merging, merging->server, key, PH_YAML_TEXT, text);
}

static void words_merge(struct merging *merging)
{
	const struct ph_manifest *manifest = merging->manifest;
	char rule[PH_AUTH_TEXT], class[16];

	snprintf(class, sizeof(class), "0x%x", manifest->class);
	if (manifest->class)
		word_put(merging, "class", class);
	if (*manifest->owner)
		word_put(merging, "owner", manifest->owner);
	if (manifest->has_auth)
		word_put(merging, "auth",
			ph_auth_rule_format(
				&manifest->auth, rule, sizeof(rule)));
}

static bool list_has(const struct ph_yaml_node *list, const char *text)
{
	for (const struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		if (strcmp(item->text, text) == 0)
			return true;
	return false;
}

static void caps_merge(struct merging *merging)
{
	const struct ph_manifest *manifest = merging->manifest;
	struct ph_yaml_node *list =
		manifest->cap_count ? below(merging, "caps", PH_YAML_LIST)
				    : NULL;

	for (unsigned i = 0; list != NULL && i < manifest->cap_count; i++)
		if (!list_has(list, manifest->caps[i]))
			node_add(merging, list, NULL, PH_YAML_TEXT,
				manifest->caps[i]);
}

static void labels_merge(struct merging *merging)
{
	const struct ph_manifest *manifest = merging->manifest;
	struct ph_yaml_node *map =
		manifest->label_count ? below(merging, "labels", PH_YAML_MAP)
				      : NULL;
	char key[PH_MANIFEST_WORD];

	for (unsigned i = 0; map != NULL && i < manifest->label_count; i++) {
		const char *label = manifest->labels[i];
		size_t length = strcspn(label, "=");

		snprintf(key, sizeof(key), "%.*s", (int)length, label);
		if (ph_yaml_get(map, key) == NULL)
			node_add(merging, map, key, PH_YAML_TEXT,
				label + length + 1);
	}
}

/* The wiring file says one thing, the manifest another. */
static void contradicted(const struct merging *merging,
	const struct ph_yaml_node *node, const char *what, const char *said)
{
	struct ph_finding *finding = ph_findings_add(merging->wiring,
		PH_FINDING_ERROR, "P9", node->span, NULL,
		"the manifest says %s %.60s, not '%.60s'", what, said,
		node->text);

	ph_findings_next(merging->wiring, finding,
		"Remove it here: %.80s says it.", merging->at->text);
}

static void fact_merge(struct merging *merging, struct ph_yaml_node *map,
	const char *key, const char *said)
{
	const struct ph_yaml_node *found = ph_yaml_get(map, key);

	if (found == NULL || found->absent)
		node_add(merging, map, key, PH_YAML_TEXT, said);
	else if (strcasecmp(found->text, said) != 0)
		contradicted(merging, found, key, said);
}

/* `video: video/mjpeg` is short for `video: {type: video/mjpeg}`. */
static void terminal_unfold(struct merging *merging, struct ph_yaml_node *node)
{
	struct ph_yaml_node *media;

	if (node->kind != PH_YAML_TEXT)
		return;
	node->kind = PH_YAML_MAP;
	if (node->absent || *node->text == '\0')
		return;
	media = node_add(merging, node, "type", PH_YAML_TEXT, node->text);
	if (media != NULL)
		media->span = node->span;
}

static void terminal_merge(struct merging *merging, struct ph_yaml_node *side,
	const struct ph_manifest_terminal *terminal)
{
	struct ph_yaml_node *node = ph_yaml_get(side, terminal->name);
	char fd[16];

	if (node == NULL)
		node = node_add(merging, side, terminal->name, PH_YAML_MAP, "");
	if (node == NULL)
		return;
	terminal_unfold(merging, node);
	if (node->kind != PH_YAML_MAP)
		return;
	fact_merge(merging, node, "kind",
		ph_manifest_direction(terminal->direction));
	if (*terminal->media)
		fact_merge(merging, node, "type", terminal->media);
	snprintf(fd, sizeof(fd), "%d", terminal->fd);
	if (terminal->fd >= 0)
		fact_merge(merging, node, "fd", fd);
}

static const struct ph_manifest_terminal *terminal_find(
	struct merging *merging, const char *name)
{
	const struct ph_manifest *manifest = merging->manifest;

	for (unsigned i = 0; i < manifest->terminal_count; i++)
		if (strcmp(manifest->terminals[i].name, name) == 0)
			return &manifest->terminals[i];
	return NULL;
}

/* Whatever the wiring file names must be in the manifest, on that side. */
static void side_check(
	struct merging *merging, const struct ph_yaml_node *side, bool output)
{
	const char *wanted = output ? "output" : "input";

	for (const struct ph_yaml_node *node = side->first; node != NULL;
		node = node->next) {
		const struct ph_manifest_terminal *found =
			terminal_find(merging, node->key->text);

		if (found && ph_wiring_is_output(found->direction) == output)
			continue;
		ph_findings_add(merging->wiring, PH_FINDING_ERROR, "P9",
			node->key->span,
			"Take a terminal that the manifest declares, or "
			"declare it there.",
			"the manifest has no %s '%.60s'%s", wanted,
			node->key->text,
			!found	 ? ""
			: output ? ": it is an input"
				 : ": it is an output");
	}
}

static void side_merge(struct merging *merging, bool output)
{
	const struct ph_manifest *manifest = merging->manifest;
	const char *key = output ? "out" : "in";
	struct ph_yaml_node *side = ph_yaml_get(merging->server, key);

	if (side != NULL && side->kind == PH_YAML_MAP)
		side_check(merging, side, output);
	for (unsigned i = 0; i < manifest->terminal_count; i++) {
		const struct ph_manifest_terminal *at = &manifest->terminals[i];

		if (ph_wiring_is_output(at->direction) != output)
			continue;
		side = below(merging, key, PH_YAML_MAP);
		if (side == NULL)
			return;
		terminal_merge(merging, side, at);
	}
}

static void unreadable(struct ph_wiring *wiring, const struct ph_yaml_node *at)
{
	ph_findings_add(wiring, PH_FINDING_ERROR, "P9", at->span,
		"Its path begins at the directory of the file that names it.",
		"the manifest '%.200s' cannot be read", at->text);
}

static void wrong(struct ph_wiring *wiring, const struct ph_yaml_node *at,
	const struct ph_manifest_place *place, const struct ph_error *error)
{
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P9", at->span, NULL, "%.120s:%u:%u: %s", at->text, place->line,
		place->column, error->what);

	ph_findings_next(wiring, finding, "%s.", error->next);
}

/* As whoever reads it knows it: relative to the first file. NULL without
 * memory. */
static const char *path_of(
	struct ph_wiring *wiring, const struct ph_yaml_node *at)
{
	const char *part = ph_wiring_source_of(wiring, at->span.start)->name;
	const char *slash = strrchr(part, '/');
	size_t before = slash != NULL && *at->text != '/'
				? (size_t)(slash + 1 - part)
				: 0;
	size_t length = strlen(at->text);
	char *path;

	if (before == 0)
		return at->text;
	path = ph_arena_take(&wiring->arena, before + length + 1);
	if (path == NULL)
		return NULL;
	memcpy(path, part, before);
	memcpy(path + before, at->text, length + 1);
	return path;
}

/* Servers of one kind stand together: the last one is kept. */
static bool manifest_read(struct merging *merging)
{
	struct ph_wiring *wiring = merging->wiring;
	const struct ph_yaml_node *at = merging->at;
	const char *path = path_of(wiring, at);
	struct ph_manifest_place place;
	struct ph_error error;
	const char *text = NULL;
	size_t length = 0;

	if (path == NULL)
		return false;
	if (merging->path != NULL && strcmp(merging->path, path) == 0)
		return true;
	if (wiring->input.manifest != NULL && merging->bytes < MERGED_BYTES)
		text = wiring->input.manifest(
			wiring->input.context, path, &length);
	if (text == NULL) {
		unreadable(wiring, at);
		return false;
	}
	merging->bytes += length;
	ph_manifest_free(merging->manifest);
	merging->manifest = NULL;
	merging->path = NULL;
	if (ph_manifest_read(&merging->manifest, text, length, &place, &error) <
		0) {
		wrong(wiring, at, &place, &error);
		return false;
	}
	merging->path = path;
	return true;
}

static void server_merge(struct merging *merging, struct ph_yaml_node *server)
{
	merging->server = server;
	merging->at = ph_wiring_get(
		merging->wiring, server, "manifest", PH_YAML_TEXT);
	/* A bundled server has none: wiring_program.c says so. */
	if (merging->at == NULL || ph_yaml_get(server, "use") != NULL ||
		!manifest_read(merging))
		return;
	words_merge(merging);
	caps_merge(merging);
	labels_merge(merging);
	side_merge(merging, false);
	side_merge(merging, true);
}

void ph_wiring_read_manifests(
	struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	struct ph_yaml_node *servers = ph_yaml_get(root, "servers");
	struct merging merging = {.wiring = wiring};

	if (servers == NULL || servers->kind != PH_YAML_MAP)
		return;
	for (struct ph_yaml_node *server = servers->first; server != NULL;
		server = server->next)
		if (server->kind == PH_YAML_MAP &&
			ph_yaml_get(server, "manifest") != NULL)
			server_merge(&merging, server);
	ph_manifest_free(merging.manifest);
}
