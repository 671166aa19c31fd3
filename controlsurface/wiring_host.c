#include "controlsurface/wiring_model.h"

#include <string.h>

static struct ph_wiring_host *host_make(
	struct ph_wiring *wiring, const char *name)
{
	struct ph_wiring_host *host =
		ph_arena_take(&wiring->arena, sizeof(*host));

	if (host == NULL)
		return NULL;
	host->name = name;
	if (wiring->last_host == NULL)
		wiring->hosts = host;
	else
		wiring->last_host->next = host;
	wiring->last_host = host;
	ph_index_put(&wiring->host_index, &wiring->arena, name, host);
	return host;
}

/* P5 is an error of nobody: peers and discovery may know the host. */
static void host_undeclared(
	struct ph_wiring *wiring, const char *name, struct ph_span span)
{
	struct ph_guess guess = ph_guess_begin(wiring, name);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_WARNING,
		"P5", span, NULL, "host '%s' is not under hosts:", name);

	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next)
		if (host->declared)
			ph_guess_offer(&guess, host->name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
	else
		ph_findings_next(wiring, finding,
			"It must be a peer already, or add hosts: {%s: {at: "
			"\"address:port\"}}.",
			name);
}

struct ph_wiring_host *ph_wiring_use_host(
	struct ph_wiring *wiring, const char *name, struct ph_span span)
{
	struct ph_wiring_host *host = ph_index_find(&wiring->host_index, name);

	if (host != NULL)
		return host;
	if (*name != '\0')
		host_undeclared(wiring, name, span);
	return host_make(wiring, name);
}

void ph_wiring_take_part(
	struct ph_wiring *wiring, const char *name, struct ph_span span)
{
	struct ph_wiring_host *host = ph_wiring_use_host(wiring, name, span);

	if (host == NULL || host->takes_part)
		return;
	host->takes_part = true;
	wiring->taking_part_count++;
}

void ph_wiring_join_host(struct ph_wiring *wiring, const char *name)
{
	struct ph_wiring_host *host = ph_index_find(&wiring->host_index, name);

	if (host == NULL)
		host = host_make(wiring, name);
	if (host == NULL || host->takes_part)
		return;
	host->takes_part = true;
	wiring->taking_part_count++;
}

void ph_wiring_leave_host(struct ph_wiring *wiring, const char *name)
{
	struct ph_wiring_host *host = ph_index_find(&wiring->host_index, name);

	if (host == NULL)
		host = host_make(wiring, name);
	if (host != NULL)
		host->left_over = true;
}

static void host_read(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	struct ph_address address;

	if (!ph_wiring_is_name(
		    wiring, node->key->text, node->key->span, "a host"))
		return;
	struct ph_wiring_host *host = host_make(wiring, node->key->text);
	if (host == NULL)
		return;
	host->declared = true;
	host->node = node;
	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, node->key->text))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_HOST, node);
	host->memory = ph_wiring_size(wiring, node, "memory", 0);
	ph_wiring_host_caps(wiring, host);
	const struct ph_yaml_node *at =
		ph_wiring_get(wiring, node, "at", PH_YAML_TEXT);
	if (at == NULL)
		return;
	host->at_span = at->span;
	if (ph_address_parse(&address, at->text) == 0 && strlen(at->text) < 128)
		host->at = at->text;
	else
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", at->span,
			"Write \"host:port\", \"[v6 address]:port\" or "
			"\"unix:/path\".",
			"'%.80s' is no address", at->text);
}

void ph_wiring_read_hosts(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *hosts =
		ph_wiring_get(wiring, root, "hosts", PH_YAML_MAP);

	for (struct ph_yaml_node *node = hosts ? hosts->first : NULL;
		node != NULL; node = node->next)
		host_read(wiring, node);
}
