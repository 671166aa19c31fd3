#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>
#include <stdio.h>

struct ph_span ph_wiring_inside(
	const struct ph_yaml_node *node, size_t at, size_t length)
{
	if (!node->exact || node->referenced)
		return node->span;
	return (struct ph_span){
		node->span.start + at, node->span.start + at + length};
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

const char *ph_wiring_choice_among(struct ph_wiring *wiring,
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

const char *ph_wiring_choice(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map, const char *key)
{
	return ph_wiring_choice_among(
		wiring, map, key, ph_key_find(level, key)->choices);
}

const char *ph_wiring_on_full(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *otherwise)
{
	struct ph_yaml_node *node = ph_yaml_get(map, "on_full");

	if (node != NULL && node->kind == PH_YAML_TEXT && !node->bad &&
		strcmp(node->text, "spill") == 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Let it block, or say which messages may go; queue: "
			"holds up to 1GiB in memory.",
			"policy 'spill' is not in this version");
		return otherwise;
	}
	const char *chosen =
		ph_wiring_choice(wiring, PH_LEVEL_WIRE, map, "on_full");
	return chosen == NULL ? otherwise : chosen;
}
