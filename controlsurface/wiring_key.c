#include "controlsurface/wiring_model.h"

#include <string.h>

/* A key that is right elsewhere is mostly a wrong indentation. */
static const char *key_belongs(const char *name)
{
	for (enum ph_level level = PH_LEVEL_FILE; level < PH_LEVELS; level++)
		if (ph_key_find(level, name) != NULL)
			return ph_level_where(level);
	return NULL;
}

void ph_wiring_key_unknown(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *key)
{
	const char *name = key->text;
	const char *belongs = key_belongs(name);
	struct ph_guess guess = ph_guess_begin(wiring, name);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"S3", key->span, NULL, "no key '%.60s' is known %s", name,
		ph_level_where(level));

	for (const struct ph_key *other = ph_level_keys(level);
		other->name != NULL; other++)
		if (other->state == PH_KEY_BUILT)
			ph_guess_offer(&guess, other->name);
	if (belongs != NULL)
		ph_findings_next(wiring, finding,
			"'%s' belongs %s: look at the indentation.", name,
			belongs);
	else if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean '%s'?", guess.best);
	else
		ph_findings_next(wiring, finding,
			"The keys are listed in doc/WIRING.md.");
}

void ph_wiring_not_yet(struct ph_wiring *wiring, const struct ph_yaml_node *key,
	const struct ph_key *known)
{
	struct ph_finding *finding =
		ph_findings_add(wiring, PH_FINDING_ERROR, "S3", key->span, NULL,
			"'%.60s' is not in this version", key->text);

	ph_findings_next(wiring, finding,
		"'%s': %s. It is not built: remove it.", known->name,
		known->sentence);
}

/* `node` itself, or each of the items when it is a list. */
static void some_check(struct ph_wiring *wiring, struct ph_yaml_node *node,
	enum ph_yaml_kind kind, const char *name)
{
	if (node->kind != PH_YAML_LIST) {
		ph_wiring_is(wiring, node, kind, name);
		return;
	}
	for (struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		ph_wiring_is(wiring, item, kind, name);
}

static void shape_check(struct ph_wiring *wiring, const struct ph_key *key,
	struct ph_yaml_node *node)
{
	switch (key->shape) {
	case PH_SHAPE_TEXT:
	case PH_SHAPE_NAME:
	case PH_SHAPE_CHOICE:
	case PH_SHAPE_SIZE:
	case PH_SHAPE_DURATION:
		ph_wiring_is(wiring, node, PH_YAML_TEXT, key->name);
		break;
	case PH_SHAPE_PAIRS:
	case PH_SHAPE_EACH:
	case PH_SHAPE_MAP:
	case PH_SHAPE_NAMED:
	case PH_SHAPE_TERMINALS:
		ph_wiring_is(wiring, node, PH_YAML_MAP, key->name);
		break;
	case PH_SHAPE_WORDS:
		/* exec: "a line" has a finding of its own. */
		if (strcmp(key->name, "exec") == 0)
			break;
		ph_wiring_is(wiring, node, PH_YAML_LIST, key->name);
		break;
	case PH_SHAPE_MAPS:
	case PH_SHAPE_WIRES:
		ph_wiring_is(wiring, node, PH_YAML_LIST, key->name);
		break;
	case PH_SHAPE_SOME:
		some_check(wiring, node, PH_YAML_TEXT, key->name);
		break;
	case PH_SHAPE_ONE_OR_MANY:
		some_check(wiring, node, PH_YAML_MAP, key->name);
		break;
	case PH_SHAPE_SELECT:
	case PH_SHAPE_END:
		break;
	}
}

void ph_wiring_keys(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map)
{
	for (struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next) {
		const struct ph_key *known =
			ph_key_find(level, item->key->text);

		if (known == NULL) {
			ph_wiring_key_unknown(wiring, level, item->key);
			continue;
		}
		if (known->state != PH_KEY_BUILT)
			ph_wiring_not_yet(wiring, item->key, known);
		if (known->state != PH_KEY_LATER)
			shape_check(wiring, known, item);
	}
}

bool ph_wiring_must(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map, const char *what)
{
	bool whole = true;

	for (const struct ph_key *key = ph_level_keys(level); key->name != NULL;
		key++) {
		if (!key->must || ph_yaml_get(map, key->name) != NULL)
			continue;
		struct ph_finding *finding = ph_findings_add(wiring,
			PH_FINDING_ERROR, "S4", map->span, NULL,
			"%s has no '%s'", what, key->name);
		ph_findings_next(
			wiring, finding, "'%s': %s.", key->name, key->sentence);
		whole = false;
	}
	return whole;
}
