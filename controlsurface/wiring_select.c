#include "controlsurface/wiring_select.h"

#include <stdio.h>
#include <string.h>

#include "controlsurface/wiring_reach.h"

/* What matches nothing says nothing: mostly a slip. */
static bool server_check(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, const char *pattern)
{
	char name[128];
	size_t length = strcspn(pattern, ":");

	if (length >= sizeof(name)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%.60s' is too long", pattern);
		return false;
	}
	if (memchr(pattern, '/', length) != NULL)
		return true;
	memcpy(name, pattern, length);
	name[length] = '\0';
	struct ph_guess guess = ph_guess_begin(wiring, name);
	for (size_t i = 0; i < wiring->server_count; i++) {
		if (ph_wiring_glob(name, wiring->servers[i]->name))
			return true;
		ph_guess_offer(&guess, wiring->servers[i]->name);
	}
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P1", node->span, NULL, "no server '%.60s' in this file", name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
	return false;
}

static bool map_read(struct ph_wiring *wiring, struct ph_yaml_node *map,
	struct ph_wiring_selector *out)
{
	unsigned before = wiring->errors;
	struct ph_yaml_node *caps;
	struct ph_yaml_node *labels;

	ph_wiring_keys(wiring, PH_LEVEL_SELECTOR, map);
	if (map->count == 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			"Write server:terminal, or say a label or an owner.",
			"nothing says which are meant");
	out->server = ph_wiring_text(wiring, map, "server");
	if (out->server != NULL)
		server_check(wiring, ph_yaml_get(map, "server"), out->server);
	out->terminal = ph_wiring_text(wiring, map, "terminal");
	out->owner = ph_wiring_text(wiring, map, "owner");
	out->has_class = ph_wiring_class(wiring, map, &out->class);
	caps = ph_wiring_get(wiring, map, "caps", PH_YAML_LIST);
	labels = ph_wiring_get(wiring, map, "labels", PH_YAML_MAP);
	if (caps != NULL)
		ph_wiring_words(wiring, caps, "caps");
	if (labels != NULL)
		ph_wiring_words(wiring, labels, "labels");
	out->caps = caps;
	out->labels = labels;
	return wiring->errors == before;
}

bool ph_wiring_select_read(struct ph_wiring *wiring, struct ph_yaml_node *node,
	struct ph_wiring_selector *out)
{
	*out = (struct ph_wiring_selector){0};
	if (node->bad)
		return false;
	if (node->kind == PH_YAML_MAP)
		return map_read(wiring, node, out);
	if (!ph_wiring_is(wiring, node, PH_YAML_TEXT,
		    node->key ? node->key->text : "this"))
		return false;
	out->pattern = node->text;
	return server_check(wiring, node, node->text);
}

/* A pattern is "server" or "server:terminal"; guests are "node/server:...". */
static bool text_matches(const char *pattern, const struct ph_wiring_end *end)
{
	char text[3 * (PH_NAME_MAX + 2)];
	bool whole = strchr(pattern, ':') != NULL;
	const char *node = end->server == NULL ? end->node : "";

	snprintf(text, sizeof(text), "%s%s%s%s%s", node, *node ? "/" : "",
		end->server_name, whole ? ":" : "", whole ? end->terminal : "");
	return ph_wiring_glob(pattern, text);
}

static bool map_has(
	const struct ph_yaml_node *map, const char *key, const char *value)
{
	const struct ph_yaml_node *item =
		map != NULL ? ph_yaml_get(map, key) : NULL;

	return item != NULL && ph_wiring_glob(value, item->text);
}

/* Of `key=value` lines. */
static bool notes_have(const char *labels, const char *key, const char *value)
{
	char line[PH_WIRE_LABELS];

	while (*labels != '\0') {
		size_t length = strcspn(labels, "\n");
		size_t size = strcspn(labels, "=");

		memcpy(line, labels, length);
		line[length] = '\0';
		if (strlen(key) == size && strncmp(line, key, size) == 0 &&
			ph_wiring_glob(value, line + size + 1))
			return true;
		labels += length + 1;
	}
	return false;
}

static bool labels_match(const struct ph_wiring_selector *selector,
	const struct ph_wiring_end *end, const char *notes)
{
	const struct ph_yaml_node *labels = selector->labels;
	const struct ph_yaml_node *own =
		end->server ? ph_yaml_get(end->server->node, "labels") : NULL;
	const struct ph_yaml_node *port = end->port ? end->port->labels : NULL;

	for (const struct ph_yaml_node *item = labels ? labels->first : NULL;
		item != NULL; item = item->next) {
		const char *key = item->key->text;

		if (!map_has(own, key, item->text) &&
			!map_has(port, key, item->text) &&
			!notes_have(notes, key, item->text))
			return false;
	}
	return true;
}

static bool caps_match(const struct ph_wiring_selector *selector,
	const struct ph_wiring_server *server)
{
	const struct ph_yaml_node *caps =
		server != NULL ? ph_yaml_get(server->node, "caps") : NULL;

	for (const struct ph_yaml_node *wanted =
			selector->caps ? selector->caps->first : NULL;
		wanted != NULL; wanted = wanted->next) {
		const struct ph_yaml_node *item = caps ? caps->first : NULL;

		while (item != NULL &&
			!ph_wiring_glob(wanted->text, item->text))
			item = item->next;
		if (item == NULL)
			return false;
	}
	return true;
}

static bool end_matches(const struct ph_wiring_selector *selector,
	const struct ph_wiring_end *end, const char *notes)
{
	const struct ph_wiring_server *server = end->server;

	if (selector->pattern != NULL)
		return text_matches(selector->pattern, end);
	if (selector->server != NULL && !text_matches(selector->server, end))
		return false;
	if (selector->terminal != NULL &&
		!ph_wiring_glob(selector->terminal, end->terminal))
		return false;
	if (selector->owner != NULL &&
		(server == NULL || server->owner == NULL ||
			!ph_wiring_glob(selector->owner, server->owner)))
		return false;
	if (selector->has_class && (server == NULL || !server->has_class ||
					   server->class != selector->class))
		return false;
	return caps_match(selector, server) &&
	       labels_match(selector, end, notes);
}

bool ph_wiring_select_end(const struct ph_wiring_selector *selector,
	const struct ph_wiring_end *end)
{
	return end_matches(selector, end, "");
}

bool ph_wiring_select_wire(const struct ph_wiring_selector *selector,
	const struct ph_wiring_wire *wire)
{
	return end_matches(selector, &wire->to, wire->notes.labels);
}
