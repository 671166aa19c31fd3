#include "controlsurface/wiring.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring_model.h"

static void version_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *version = ph_yaml_get(root, "wiring");

	if (version == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S5", root->span,
			"Begin the file with the line: wiring: 1",
			"the file does not say its version");
		return;
	}
	if (!ph_wiring_is(wiring, version, PH_YAML_TEXT, "wiring") ||
		strcmp(version->text, "1") == 0)
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S5", version->span,
		"This posthouse reads wiring: 1.",
		"version '%.20s' is not known", version->text);
}

static void name_read(struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	const struct ph_yaml_node *name = ph_yaml_get(root, "name");

	if (name == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", root->span,
			"Add a line like name: my-wiring; apply and unapply "
			"know the file by it.",
			"the file has no 'name'");
		return;
	}
	name = ph_wiring_get(wiring, root, "name", PH_YAML_TEXT);
	if (name != NULL && ph_wiring_is_name(wiring, name->text, name->span,
				    "a wiring file"))
		wiring->name = name->text;
}

static void defaults_read(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	const struct ph_yaml_node *map =
		ph_wiring_get(wiring, root, "defaults", PH_YAML_MAP);

	if (map == NULL)
		return;
	ph_wiring_keys(wiring, PH_LEVEL_DEFAULTS, map);
	wiring->on_full = ph_wiring_on_full(wiring, map, wiring->on_full);
	wiring->queue = ph_wiring_queue(wiring, map, wiring->queue);
	wiring->via = ph_wiring_choice(wiring, PH_LEVEL_DEFAULTS, map, "via");
	ph_wiring_retry(wiring, map, &wiring->notes);
}

static void server_add(struct ph_wiring *wiring, struct ph_yaml_node *node)
{
	struct ph_wiring_server *server;

	if (!ph_wiring_is_name(
		    wiring, node->key->text, node->key->span, "a server"))
		return;
	server = ph_arena_take(&wiring->arena, sizeof(*server));
	if (server == NULL)
		return;
	server->name = node->key->text;
	server->node = node;
	server->index = wiring->server_count;
	wiring->servers[wiring->server_count++] = server;
	ph_index_put(
		&wiring->server_index, &wiring->arena, server->name, server);
	if (node->absent)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->key->span,
			"Write exec: [program, argument] or use: NAME below "
			"it.",
			"server '%s' says nothing to run", server->name);
	if (ph_wiring_is(wiring, node, PH_YAML_MAP, server->name))
		ph_wiring_read_server(wiring, server);
	else
		server->unsure = true;
	struct ph_wiring_host *host = ph_index_find(
		&wiring->host_index, server->host ? server->host : "");
	if (host != NULL)
		host->servers++;
}

void ph_wiring_read_servers(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *servers =
		ph_wiring_get(wiring, root, "servers", PH_YAML_MAP);

	if (servers == NULL)
		return;
	if (servers->count > PH_WIRING_SERVERS) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			servers->key->span, "Split the wiring file.",
			"%u servers, the most is %d", servers->count,
			PH_WIRING_SERVERS);
		return;
	}
	wiring->servers = ph_arena_take(&wiring->arena,
		(servers->count + 1) * sizeof(struct ph_wiring_server *));
	if (wiring->servers == NULL)
		return;
	for (struct ph_yaml_node *node = servers->first; node != NULL;
		node = node->next)
		server_add(wiring, node);
}

void ph_wiring_problem(void *context, const struct ph_yaml_problem *problem)
{
	struct ph_wiring *wiring = context;

	if (problem->before.end > 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, problem->rule,
			problem->span, problem->next, "%s, first in line %u",
			problem->message,
			ph_findings_line(wiring, problem->before.start));
	else
		ph_findings_add(wiring, PH_FINDING_ERROR, problem->rule,
			problem->span, problem->next, "%s", problem->message);
}

static void root_read(struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	if (root->kind != PH_YAML_MAP) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", root->span,
			"Begin the file with the line: wiring: 1",
			"a wiring file is a map of keys");
		return;
	}
	ph_wiring_include(wiring, root);
	ph_wiring_instances(wiring, root);
	ph_wiring_multiply(wiring, root);
	ph_wiring_expand(wiring, root);
	ph_wiring_read_manifests(wiring, root);
	ph_wiring_keys(wiring, PH_LEVEL_FILE, root);
	version_check(wiring, root);
	name_read(wiring, root);
	defaults_read(wiring, root);
	ph_wiring_read_hosts(wiring, root);
	ph_wiring_read_servers(wiring, root);
	ph_wiring_read_wires(wiring, root);
	ph_wiring_read_tests(wiring, root);
	ph_wiring_check_graph(wiring);
	ph_wiring_read_alarms(wiring, root);
	ph_wiring_check_never(wiring, root);
}

void ph_wiring_list_hosts(struct ph_wiring *wiring)
{
	size_t count = 0;

	wiring->taking_part = ph_arena_take(&wiring->arena,
		(wiring->taking_part_count + 1) * sizeof(const char *));
	for (struct ph_wiring_host *host = wiring->hosts;
		host != NULL && wiring->taking_part != NULL; host = host->next)
		if (host->takes_part)
			wiring->taking_part[count++] = host->name;
}

static int wiring_read(struct ph_wiring *wiring)
{
	struct ph_yaml_node *root = NULL;
	struct ph_yaml_input yaml = {
		.text = wiring->input.text,
		.arena = &wiring->arena,
		.problem = ph_wiring_problem,
		.context = wiring,
	};

	if (ph_findings_begin(wiring) != 0)
		return -ENOMEM;
	ph_wiring_split(wiring);
	yaml.length = wiring->sources[0].end;
	int failed = ph_yaml_read(&root, &yaml);
	if (failed == -ENOMEM)
		return failed;
	if (failed == 0 && root != NULL)
		root_read(wiring, root);
	else if (failed == 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S5",
			(struct ph_span){0, 0},
			"Begin the file with the line: wiring: 1",
			"the file is empty");
	ph_wiring_list_hosts(wiring);
	if (wiring->errors == 0 && !wiring->arena.failed)
		ph_wiring_check_parts(wiring);
	ph_findings_end(wiring);
	return wiring->arena.failed ? -ENOMEM : 0;
}

int ph_wiring_read(struct ph_wiring **out, const struct ph_wiring_input *input)
{
	static const char mark[] =
		"\xef\xbb\xbf"; /* some editors' first bytes */
	struct ph_wiring *wiring = calloc(1, sizeof(*wiring));

	if (wiring == NULL)
		return -ENOMEM;
	wiring->input = *input;
	if (input->length >= 3 && memcmp(input->text, mark, 3) == 0) {
		wiring->input.text += 3;
		wiring->input.length -= 3;
	}
	wiring->name = "";
	wiring->on_full = "block";
	wiring->queue = PH_PIPE_BYTES;
	int failed = wiring_read(wiring);
	wiring->input.text = NULL;
	if (failed != 0)
		ph_wiring_free(wiring);
	else
		*out = wiring;
	return failed;
}

void ph_wiring_free(struct ph_wiring *wiring)
{
	if (wiring == NULL)
		return;
	ph_index_clear(&wiring->host_index);
	ph_index_clear(&wiring->server_index);
	ph_arena_clear(&wiring->arena);
	free(wiring);
}

size_t ph_wiring_findings(
	const struct ph_wiring *wiring, const struct ph_finding **out)
{
	*out = wiring->findings;
	return wiring->finding_count;
}

unsigned ph_wiring_errors(const struct ph_wiring *wiring)
{
	return wiring->errors;
}

const char *ph_wiring_name(const struct ph_wiring *wiring)
{
	return wiring->name;
}

size_t ph_wiring_hosts(const struct ph_wiring *wiring)
{
	return wiring->taking_part_count;
}

const char *ph_wiring_host(const struct ph_wiring *wiring, size_t index)
{
	return wiring->taking_part[index];
}

const char *ph_wiring_at(const struct ph_wiring *wiring, const char *host)
{
	const struct ph_wiring_host *found =
		ph_index_find(&wiring->host_index, host);

	return found == NULL ? NULL : found->at;
}
