#include "controlsurface/wiring_model.h"

#include <string.h>

#include "proto/limits.h"

static void limit_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *item)
{
	int limit = ph_word_find(ph_limit_names, item->key->text);
	struct ph_finding *finding;
	uint64_t value;

	/* Unknown ones are told with the keys. */
	if (limit < 0 || item->kind != PH_YAML_TEXT ||
		!ph_limit_parse(&value, (enum ph_limit)limit, item->text))
		return;
	finding = ph_findings_add(wiring, PH_FINDING_ERROR, "S4", item->span,
		NULL, "'%s' is no limit of %s", item->text, item->key->text);
	ph_findings_next(wiring, finding, "Write %s.", ph_limit_looks[limit]);
}

/* What is bounded only when `limits` says so. */
static bool is_unbounded(
	const struct ph_wiring_server *server, const char *word)
{
	const struct ph_yaml_node *limits = ph_yaml_get(server->node, "limits");

	return (!strcmp(word, "memory") || !strcmp(word, "cpu")) &&
	       (!limits || !ph_yaml_get(limits, word));
}

static void need_check(struct ph_wiring *wiring,
	const struct ph_wiring_server *server, const struct ph_yaml_node *item)
{
	struct ph_finding *finding;
	struct ph_guess guess;

	if (item->kind != PH_YAML_TEXT)
		return;
	if (ph_word_find(ph_need_names, item->text) >= 0) {
		if (!is_unbounded(server, item->text))
			return;
		finding = ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			item->span, NULL, "'require' has no limit of %s",
			item->text);
		ph_findings_next(
			wiring, finding, "Add limits: {%s: ...}.", item->text);
		return;
	}
	guess = ph_guess_begin(wiring, item->text);
	for (size_t i = 0; ph_need_names[i] != NULL; i++)
		ph_guess_offer(&guess, ph_need_names[i]);
	finding = ph_findings_add(wiring, PH_FINDING_ERROR, "S4", item->span,
		guess.best ? NULL
			   : "Write some of seccomp, landlock, namespaces, "
			     "uid, memory, cpu, pids.",
		"'%.60s' cannot be required", item->text);
	if (guess.best)
		ph_findings_next(
			wiring, finding, "Did you mean '%s'?", guess.best);
}

void ph_wiring_read_limits(
	struct ph_wiring *wiring, const struct ph_wiring_server *server)
{
	const struct ph_yaml_node *limits =
		ph_wiring_get(wiring, server->node, "limits", PH_YAML_MAP);
	struct ph_yaml_node *needs =
		ph_wiring_get(wiring, server->node, "require", PH_YAML_LIST);

	if (limits != NULL)
		ph_wiring_keys(wiring, PH_LEVEL_LIMITS, limits);
	for (const struct ph_yaml_node *item = limits ? limits->first : NULL;
		item != NULL; item = item->next)
		limit_check(wiring, item);
	if (needs == NULL || !ph_wiring_words(wiring, needs, "require"))
		return;
	for (const struct ph_yaml_node *item = needs->first; item != NULL;
		item = item->next)
		need_check(wiring, server, item);
}
