#include "controlsurface/wiring_model.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/auth.h"

/* Lists or maps of texts, as many as a specification holds. */
bool ph_wiring_words(
	struct ph_wiring *wiring, struct ph_yaml_node *list, const char *what)
{
	bool good = true;

	if (list->count > PH_WIRING_WORDS) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			NULL, "'%s' holds %u, the most is %d", what,
			list->count, PH_WIRING_WORDS);
		list->bad = true;
		return false;
	}
	for (struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next) {
		/* An empty value is empty text: `env: {DEBUG: }`. */
		if (item->kind == PH_YAML_TEXT && item->absent && item->key)
			continue;
		good = ph_wiring_is(wiring, item, PH_YAML_TEXT,
			       item->key ? item->key->text : what) &&
		       good;
	}
	return good;
}

static void words_read(struct ph_wiring *wiring,
	struct ph_wiring_server *server, const char *key,
	enum ph_yaml_kind kind)
{
	struct ph_yaml_node *node =
		ph_wiring_get(wiring, server->node, key, kind);

	if (node != NULL)
		ph_wiring_words(wiring, node, key);
}

static void owner_read(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ._@-"
				      "abcdefghijklmnopqrstuvwxyz0123456789";
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, server->node, "owner", PH_YAML_TEXT);

	if (node == NULL)
		return;
	size_t length = strlen(node->text);
	if (length == 0 || length > 64 || strspn(node->text, allowed) != length)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"An owner is 1 to 64 of A-Z a-z 0-9 . _ @ -.",
			"'%.80s' is no owner", node->text);
	else
		server->owner = node->text;
}

static void auth_read(struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, server->node, "auth", PH_YAML_TEXT);
	struct ph_auth_rule rule;
	struct ph_error error;

	if (node == NULL)
		return;
	server->auth = node->text;
	if (ph_auth_rule_parse(&rule, node->text, strlen(node->text), &error) <
		0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write no, yes or optional, then peer [role=R] "
			"[from=A,B] or token HEX.",
			"'auth': %s", error.what);
}

static bool is_secret(const char *key)
{
	static const char *const parts[] = {
		"passw", "secret", "token", "api_key", "apikey", "private_key"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strcasestr(key, parts[i]) != NULL)
			return true;
	return false;
}

static void secrets_check(struct ph_wiring *wiring,
	const struct ph_wiring_server *server, const char *key)
{
	const struct ph_yaml_node *map = ph_yaml_get(server->node, key);

	if (map == NULL || map->kind != PH_YAML_MAP)
		return;
	for (const struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next) {
		if (item->kind != PH_YAML_TEXT || item->referenced ||
			*item->text == '\0' || *item->text == '/' ||
			(!is_secret(item->key->text) &&
				strncmp(item->text, "-----BEGIN", 10) != 0))
			continue;
		struct ph_finding *finding = ph_findings_add(wiring,
			PH_FINDING_WARNING, "P7", item->key->span, NULL,
			"'%.60s' looks like a secret written into the file",
			item->key->text);
		ph_findings_next(wiring, finding,
			"Give the path of a file that holds it, or write "
			"${NAME}.");
	}
}

static void env_check(
	struct ph_wiring *wiring, const struct ph_wiring_server *server)
{
	const struct ph_yaml_node *env = ph_yaml_get(server->node, "env");

	for (const struct ph_yaml_node *item = env ? env->first : NULL;
		item != NULL && item->key != NULL; item = item->next)
		if (item->key->text[0] == '\0' ||
			strchr(item->key->text, '=') != NULL)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				item->key->span, NULL,
				"'%.60s' cannot name a variable",
				item->key->text);
}

static void host_read(struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, server->node, "host", PH_YAML_TEXT);

	if (node == NULL ||
		!ph_wiring_is_name(wiring, node->text, node->span, "a host"))
		return;
	server->host = node->text;
	ph_wiring_take_part(wiring, server->host, node->span);
}

static void placement_read(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	server->placement = ph_wiring_choice(
		wiring, PH_LEVEL_SERVER, server->node, "placement");
	if (server->placement == NULL || server->exec == NULL ||
		strcmp(server->placement, "process") == 0)
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
		ph_yaml_get(server->node, "placement")->span,
		"Remove it, or write placement: process.",
		"a program (exec:) is always a process of its own");
}

/* A program that sees its directory alone must have one of its own. */
static void confine_check(
	struct ph_wiring *wiring, const struct ph_wiring_server *server)
{
	const char *confine = server->confine;

	if (confine == NULL || server->cwd != NULL ||
		(strcmp(confine, "strict") != 0 && strcmp(confine, "net") != 0))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
		ph_yaml_get(server->node, "confine")->span,
		"Add cwd: with a directory that is the program's own.",
		"confine: %s needs 'cwd'", confine);
}

/* The longest that executor.halt takes. */
#define DRAIN_MOST (600 * PH_SECOND)

static void drain_read(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	server->drain = ph_wiring_text(wiring, server->node, "drain");
	if (server->drain == NULL || ph_wiring_duration(wiring, server->node,
					     "drain", 0) <= DRAIN_MOST)
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
		ph_yaml_get(server->node, "drain")->span, "Write 10m or less.",
		"'%s' is too long to wait for a stop", server->drain);
}

void ph_wiring_read_server(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_yaml_node *node = server->node;

	ph_wiring_keys(wiring, PH_LEVEL_SERVER, node);
	if (ph_yaml_get(node, "host") == NULL)
		ph_wiring_take_part(wiring, "", node->span);
	host_read(wiring, server);
	ph_wiring_read_program(wiring, server);
	words_read(wiring, server, "env", PH_YAML_MAP);
	words_read(wiring, server, "labels", PH_YAML_MAP);
	words_read(wiring, server, "caps", PH_YAML_LIST);
	env_check(wiring, server);
	secrets_check(wiring, server, "env");
	secrets_check(wiring, server, "with");
	placement_read(wiring, server);
	server->restart =
		ph_wiring_choice(wiring, PH_LEVEL_SERVER, node, "restart");
	drain_read(wiring, server);
	server->framing =
		ph_wiring_choice(wiring, PH_LEVEL_SERVER, node, "framing");
	server->confine =
		ph_wiring_choice(wiring, PH_LEVEL_SERVER, node, "confine");
	auth_read(wiring, server);
	server->cwd = ph_wiring_text(wiring, node, "cwd");
	if (server->cwd != NULL && strlen(server->cwd) >= PH_WIRING_PATH)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			ph_yaml_get(node, "cwd")->span, NULL,
			"'cwd' is no path");
	confine_check(wiring, server);
	ph_wiring_read_limits(wiring, server);
	ph_wiring_read_keep(wiring, server);
	server->has_class = ph_wiring_class(wiring, node, &server->class);
	owner_read(wiring, server);
	server->needs = ph_yaml_get(node, "needs");
	ph_wiring_read_terminals(wiring, server);
}
