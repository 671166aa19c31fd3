#include "controlsurface/wiring_reach.h"
#include "controlsurface/wiring_select.h"

#include <stdint.h>
#include <string.h>

/*
 * R6: `never: [{from: "tail-*:out", to: pager:in, except: split}]`. A path from
 * one to the other is an error unless it leads through a server of `except`.
 * Without a terminal any of the server's is meant. Either may be a selector,
 * `{labels: {zone: dmz}}` (wiring_select.h).
 */
#define NEVERS_MOST 1000

struct never {
	struct ph_wiring_selector from;
	struct ph_wiring_selector to;
};

static bool wire_arrives(void *context, const struct ph_wiring_wire *wire)
{
	const struct never *never = context;

	return ph_wiring_select_end(&never->to, &wire->to);
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
		if (ph_wiring_select_end(&never->from, &wire->from))
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

static void never_check(struct ph_reach *reach, struct ph_yaml_node *node)
{
	struct ph_wiring *wiring = reach->wiring;
	struct never never;

	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, "never"))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_NEVER, node);
	if (!ph_wiring_must(wiring, PH_LEVEL_NEVER, node, "this"))
		return;
	bool good = ph_wiring_select_read(
		wiring, ph_yaml_get(node, "from"), &never.from);
	if (ph_wiring_select_read(wiring, ph_yaml_get(node, "to"), &never.to) &&
		good)
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
