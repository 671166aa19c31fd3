#include "controlsurface/wiring_model.h"

#include <string.h>

#include "controlsurface/wiring_reach.h"

/*
 * Hosts by capability: `hosts: {gpu: {caps: [gpu=nvenc]}}`. Which node it is,
 * apply finds out (apply_place.c); from then on the wiring names that node.
 */

void ph_wiring_host_caps(struct ph_wiring *wiring, struct ph_wiring_host *host)
{
	struct ph_yaml_node *caps =
		ph_wiring_get(wiring, host->node, "caps", PH_YAML_LIST);
	const struct ph_yaml_node *at = ph_yaml_get(host->node, "at");

	if (caps == NULL || !ph_wiring_words(wiring, caps, "caps"))
		return;
	if (caps->count == 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", caps->span,
			"Say what it must have, as [gpu=nvenc].",
			"any node would do");
	else if (at != NULL)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", at->key->span,
			"Take one of them out.",
			"a host is named by its address or by its caps");
	else
		host->caps = caps;
}

bool ph_wiring_next_place(
	const struct ph_wiring *wiring, const struct ph_wiring_host **position)
{
	const struct ph_wiring_host *host =
		*position ? (*position)->next : wiring->hosts;

	while (host != NULL && host->caps == NULL)
		host = host->next;
	*position = host;
	return host != NULL;
}

const char *ph_wiring_place_name(const struct ph_wiring_host *host)
{
	return host->name;
}

/* `gpu` is had by `gpu`, and by `gpu=nvenc`. */
static bool cap_is_had(const char *wanted, struct ph_value caps)
{
	size_t length = strlen(wanted);
	bool bare = strchr(wanted, '=') == NULL;
	char cap[128];

	for (size_t i = 0; i < ph_value_count(caps); i++) {
		ph_value_copy(ph_value_at(caps, i), cap, sizeof(cap));
		if (ph_wiring_glob(wanted, cap) ||
			(bare && strncmp(cap, wanted, length) == 0 &&
				cap[length] == '='))
			return true;
	}
	return false;
}

bool ph_wiring_place_fits(
	const struct ph_wiring_host *host, struct ph_value caps)
{
	for (const struct ph_yaml_node *cap = host->caps->first; cap != NULL;
		cap = cap->next)
		if (!cap_is_had(cap->text, caps))
			return false;
	return true;
}

void ph_wiring_place_set(struct ph_wiring *wiring,
	const struct ph_wiring_host *place, const char *node)
{
	struct ph_wiring_host *host =
		ph_index_find(&wiring->host_index, place->name);

	host->chosen = ph_arena_text(&wiring->arena, node, strlen(node));
}

bool ph_wiring_place_is_set(const struct ph_wiring_host *place)
{
	return place->chosen != NULL;
}

static const char *name_settle(const struct ph_wiring *wiring, const char *name)
{
	const struct ph_wiring_host *host =
		name != NULL ? ph_index_find(&wiring->host_index, name) : NULL;

	return host != NULL && host->chosen != NULL ? host->chosen : name;
}

void ph_wiring_places_settle(struct ph_wiring *wiring)
{
	for (size_t i = 0; i < wiring->server_count; i++)
		wiring->servers[i]->host =
			name_settle(wiring, wiring->servers[i]->host);
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		wire->from.node = name_settle(wiring, wire->from.node);
		wire->to.node = name_settle(wiring, wire->to.node);
	}
	for (struct ph_wiring_wish *wish = wiring->wishes; wish != NULL;
		wish = wish->next)
		wish->end.node = name_settle(wiring, wish->end.node);
	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next) {
		if (host->chosen == NULL || !host->takes_part)
			continue;
		host->takes_part = false;
		wiring->taking_part_count--;
		ph_wiring_join_host(wiring, host->chosen);
	}
	ph_wiring_list_hosts(wiring);
}
