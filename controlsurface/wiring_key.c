#include "controlsurface/wiring_model.h"

#include <string.h>

/* What may stand where. Keys that the design knows and this version has not
 * built are told apart from keys that nobody knows. */
static const struct ph_key file_keys[] = {
	{"wiring", PH_KEY_BUILT},
	{"name", PH_KEY_BUILT},
	{"defaults", PH_KEY_BUILT},
	{"hosts", PH_KEY_BUILT},
	{"servers", PH_KEY_BUILT},
	{"wires", PH_KEY_BUILT},
	{"include", PH_KEY_LATER},
	{"for_each", PH_KEY_LATER},
	{"alarms", PH_KEY_LATER},
	{"tests", PH_KEY_LATER},
	{"never", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct ph_key default_keys[] = {
	{"on_full", PH_KEY_BUILT},
	{"queue", PH_KEY_BUILT},
	{"retry", PH_KEY_LATER},
	{"mode", PH_KEY_LATER},
	{"via", PH_KEY_LATER},
	{"spill", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct ph_key host_keys[] = {
	{"at", PH_KEY_BUILT},
	{"caps", PH_KEY_LATER},
	{"count", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct ph_key server_keys[] = {
	{"host", PH_KEY_BUILT},
	{"exec", PH_KEY_BUILT},
	{"use", PH_KEY_BUILT},
	{"with", PH_KEY_BUILT},
	{"env", PH_KEY_BUILT},
	{"cwd", PH_KEY_BUILT},
	{"restart", PH_KEY_BUILT},
	{"framing", PH_KEY_BUILT},
	{"in", PH_KEY_BUILT},
	{"out", PH_KEY_BUILT},
	{"class", PH_KEY_BUILT},
	{"owner", PH_KEY_BUILT},
	{"auth", PH_KEY_BUILT},
	{"caps", PH_KEY_BUILT},
	{"labels", PH_KEY_BUILT},
	{"placement", PH_KEY_BUILT},
	{"confine", PH_KEY_LATER},
	{"needs", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct ph_key terminal_keys[] = {
	{"fd", PH_KEY_BUILT},
	{"type", PH_KEY_BUILT},
	{"kind", PH_KEY_BUILT},
	{"labels", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct ph_key wire_keys[] = {
	{"from", PH_KEY_BUILT},
	{"to", PH_KEY_BUILT},
	{"on_full", PH_KEY_BUILT},
	{"queue", PH_KEY_BUILT},
	{"via", PH_KEY_LATER},
	{"mode", PH_KEY_LATER},
	{"spill", PH_KEY_LATER},
	{"retry", PH_KEY_LATER},
	{"expect", PH_KEY_LATER},
	{"budget", PH_KEY_LATER},
	{"grant", PH_KEY_LATER},
	{"optional", PH_KEY_LATER},
	{"labels", PH_KEY_LATER},
	{NULL, PH_KEY_BUILT},
};

static const struct {
	const struct ph_key *keys;
	const char *where;
} levels[] = {
	[PH_LEVEL_FILE] = {file_keys, "at the top of the file"},
	[PH_LEVEL_DEFAULTS] = {default_keys, "under defaults:"},
	[PH_LEVEL_HOST] = {host_keys, "under a host"},
	[PH_LEVEL_SERVER] = {server_keys, "under a server"},
	[PH_LEVEL_TERMINAL] = {terminal_keys, "under a terminal"},
	[PH_LEVEL_WIRE] = {wire_keys, "in a wire"},
};

static const struct ph_key *key_find(
	const struct ph_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* A key that is right elsewhere is mostly a wrong indentation. */
static const char *key_belongs(const char *name)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (key_find(levels[i].keys, name) != NULL)
			return levels[i].where;
	return NULL;
}

static void key_unknown(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *key)
{
	const char *name = key->text;
	const char *belongs = key_belongs(name);
	struct ph_guess guess = ph_guess_begin(wiring, name);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"S3", key->span, NULL, "no key '%.60s' is known %s", name,
		levels[level].where);

	for (const struct ph_key *other = levels[level].keys;
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

void ph_wiring_keys(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map)
{
	for (const struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next) {
		const struct ph_key *known =
			key_find(levels[level].keys, item->key->text);

		if (known == NULL)
			key_unknown(wiring, level, item->key);
		else if (known->state == PH_KEY_LATER)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S3",
				item->key->span,
				"It is known to the design and not built yet: "
				"remove it.",
				"'%s' is not in this version", known->name);
	}
}
