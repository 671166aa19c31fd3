#include "controlsurface/wiring_reach.h"

#include <stdint.h>
#include <string.h>

/*
 * R6: `never: [{from: "tail-*:out", to: pager:in, except: split}]`. A path from
 * one to the other is an error unless it leads through a server of `except`.
 * Without a terminal any of the server's is meant.
 */
#define NEVERS_MOST 1000

struct never {
	const char *from;
	const char *to;
};

/* A pattern is "server" or "server:terminal"; guests are "node/server:...". */
static bool end_matches(const char *pattern, const struct ph_wiring_end *end)
{
	char text[3 * (PH_NAME_MAX + 2)];
	size_t length = 0;
	bool whole = strchr(pattern, ':') != NULL;
	const char *node = end->server == NULL ? end->node : "";

	length = strlen(node);
	memcpy(text, node, length);
	if (length > 0)
		text[length++] = '/';
	memcpy(text + length, end->server_name, strlen(end->server_name));
	length += strlen(end->server_name);
	if (whole) {
		text[length++] = ':';
		memcpy(text + length, end->terminal, strlen(end->terminal));
		length += strlen(end->terminal);
	}
	text[length] = '\0';
	return ph_wiring_glob(pattern, text);
}

static bool wire_arrives(void *context, const struct ph_wiring_wire *wire)
{
	const struct never *never = context;

	return end_matches(never->to, &wire->to);
}

static void except_block(struct ph_reach *reach, const struct ph_yaml_node *one)
{
	const struct ph_wiring *wiring = reach->wiring;

	if (one->kind != PH_YAML_TEXT)
		return;
	for (size_t i = 0; i < wiring->server_count; i++)
		if (ph_wiring_glob(one->text, wiring->servers[i]->name))
			ph_reach_block(reach, i);
}

static void never_search(struct ph_reach *reach, struct never *never,
	const struct ph_yaml_node *node)
{
	const struct ph_yaml_node *except = ph_yaml_get(node, "except");
	struct ph_wiring *wiring = reach->wiring;
	struct ph_wiring_wire *arrived = NULL;

	ph_reach_reset(reach);
	if (except != NULL) {
		except_block(reach, except);
		for (const struct ph_yaml_node *one = except->first;
			one != NULL; one = one->next)
			except_block(reach, one);
	}
	reach->arrived = wire_arrives;
	reach->context = never;
	for (struct ph_wiring_wire *wire = wiring->wires;
		wire != NULL && arrived == NULL; wire = wire->next)
		if (end_matches(never->from, &wire->from))
			arrived = ph_reach_along(reach, wire);
	if (arrived == NULL)
		arrived = ph_reach_run(reach);
	if (arrived == NULL)
		return;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"R6", node->span, NULL, "there is a path: %s",
		ph_reach_path(reach, arrived));
	ph_findings_next(wiring, finding,
		"Take one of its wires away, or name a server of it in "
		"except:.");
}

/* What matches nothing says nothing: mostly a slip. */
static void pattern_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	char name[128];
	size_t length = strcspn(node->text, ":");

	if (length >= sizeof(name)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%.60s' is too long", node->text);
		return;
	}
	if (memchr(node->text, '/', length) != NULL)
		return;
	memcpy(name, node->text, length);
	name[length] = '\0';
	struct ph_guess guess = ph_guess_begin(wiring, name);
	for (size_t i = 0; i < wiring->server_count; i++) {
		if (ph_wiring_glob(name, wiring->servers[i]->name))
			return;
		ph_guess_offer(&guess, wiring->servers[i]->name);
	}
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P1", node->span, NULL, "no server '%.60s' in this file", name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
}

static void never_check(struct ph_reach *reach, struct ph_yaml_node *node)
{
	struct ph_wiring *wiring = reach->wiring;
	struct never never;

	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, "never"))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_NEVER, node);
	if (!ph_wiring_must(wiring, PH_LEVEL_NEVER, node, "this"))
		return;
	const struct ph_yaml_node *from =
		ph_wiring_get(wiring, node, "from", PH_YAML_TEXT);
	const struct ph_yaml_node *to =
		ph_wiring_get(wiring, node, "to", PH_YAML_TEXT);
	if (from == NULL || to == NULL)
		return;
	pattern_check(wiring, from);
	pattern_check(wiring, to);
	never.from = from->text;
	never.to = to->text;
	never_search(reach, &never, node);
}

void ph_wiring_check_never(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, root, "never", PH_YAML_LIST);
	struct ph_reach reach;

	if (list == NULL || !ph_reach_begin(&reach, wiring))
		return;
	if (list->count > NEVERS_MOST) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			"Use * in patterns.",
			"'never' holds %u, the most is %d", list->count,
			NEVERS_MOST);
		return;
	}
	for (struct ph_yaml_node *node = list->first; node != NULL;
		node = node->next)
		never_check(&reach, node);
}
