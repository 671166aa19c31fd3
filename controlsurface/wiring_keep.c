#include "controlsurface/wiring_model.h"

#include <string.h>

/* How a server is kept: readiness, watchdog, times, and its group. */

/* As executor/spec_keep.c holds it. */
#define KEEP_MOST (86400 * PH_SECOND)

static void time_read(struct ph_wiring *wiring, struct ph_wiring_server *server,
	const char *key)
{
	const struct ph_yaml_node *node = ph_yaml_get(server->node, key);

	if (ph_wiring_duration(wiring, server->node, key, 0) > KEEP_MOST)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%s' is longer than 24h", key);
}

/* What a program says of itself it says on a socket. */
static void notify_check(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const char *key = ph_yaml_get(server->node, "watchdog") != NULL
				  ? "watchdog"
				  : "ready";
	const struct ph_yaml_node *node = ph_yaml_get(server->node, key);

	if (node == NULL || server->confine == NULL ||
		(strcmp(key, "ready") == 0 &&
			(server->ready == NULL ||
				strcmp(server->ready, "notify") != 0)) ||
		(strcmp(server->confine, "strict") != 0 &&
			strcmp(server->confine, "net") != 0))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write confine: basic, or leave it out.",
		"'%s' needs a socket to the node, which confine: %s refuses",
		key, server->confine);
}

static void start_check(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_yaml_node *node =
		ph_yaml_get(server->node, "start_timeout");

	if (node == NULL ||
		(server->ready != NULL && strcmp(server->ready, "notify") == 0))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->key->span,
		"Add ready: notify, or remove it.",
		"'start_timeout' is for a program that says when it is ready");
}

static void group_read(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, server->node, "group", PH_YAML_TEXT);
	const struct ph_yaml_node *strategy =
		ph_yaml_get(server->node, "strategy");

	server->strategy = ph_wiring_choice(
		wiring, PH_LEVEL_SERVER, server->node, "strategy");
	if (node != NULL &&
		ph_wiring_is_name(wiring, node->text, node->span, "a group"))
		server->group = node->text;
	if (strategy != NULL && ph_yaml_get(server->node, "group") == NULL)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			strategy->key->span, "Add group: with a name.",
			"'strategy' is about the servers of a group");
}

void ph_wiring_read_keep(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	server->ready = ph_wiring_choice(
		wiring, PH_LEVEL_SERVER, server->node, "ready");
	time_read(wiring, server, "start_timeout");
	time_read(wiring, server, "stop_timeout");
	time_read(wiring, server, "watchdog");
	notify_check(wiring, server);
	start_check(wiring, server);
	group_read(wiring, server);
}
