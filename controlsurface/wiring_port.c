#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ports that servers open by themselves (`listen:`), and where nodes are (`at:`
 * of hosts): O3 two at one place, O4 an open door. */

/* The port of "8080", "127.0.0.1:8080", "[::1]:8080"; 0: none. The address
 * before it stays in `address`, "" for all. */
static unsigned listen_parse(const char *text, char address[64])
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length >= 64 || strlen(port) > 5 ||
		strspn(port, "0123456789") != strlen(port))
		return 0;
	/* An IPv6 address stands in brackets. */
	if (length > 0 && memchr(text, ':', length) != NULL &&
		(text[0] != '[' || text[length - 1] != ']'))
		return 0;
	memcpy(address, text, length);
	address[length] = '\0';
	long value = strtol(port, NULL, 10);
	return value >= 1 && value <= 65535 ? (unsigned)value : 0;
}

static bool address_is_open(const char *address)
{
	return strncmp(address, "127.", 4) != 0 &&
	       strcmp(address, "[::1]") != 0 &&
	       strcmp(address, "localhost") != 0;
}

static void clash_tell(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, const struct ph_yaml_node *before,
	const char *what)
{
	ph_findings_add(wiring, PH_FINDING_ERROR, "O3", node->span,
		"Give one of them another port, or another host.",
		"%s %.80s is taken already (line %u)", what, node->text,
		ph_findings_line(wiring, before->span.start));
}

static void listen_check(struct ph_wiring *wiring, struct ph_index *seen,
	const struct ph_wiring_server *server, struct ph_yaml_node *node)
{
	char address[64];
	char text[PH_NAME_MAX + 16];

	if (node->kind != PH_YAML_TEXT || node->bad || node->absent)
		return;
	unsigned port = listen_parse(node->text, address);
	if (port == 0) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write a port, 8080, or \"127.0.0.1:8080\".",
			"'%.60s' is no port", node->text);
		return;
	}
	if (address_is_open(address) &&
		(server->auth == NULL || strncmp(server->auth, "yes", 3) != 0))
		ph_findings_add(wiring, PH_FINDING_WARNING, "O4", node->span,
			"Listen on 127.0.0.1, or say auth: yes when it asks "
			"who is there.",
			"'%s' opens port %u to everybody", server->name, port);
	int length = snprintf(text, sizeof(text), "%s:%u",
		server->host ? server->host : "", port);
	char *key = ph_arena_text(&wiring->arena, text, (size_t)length);
	const struct ph_yaml_node *before =
		key ? ph_index_put(seen, &wiring->arena, key, node) : NULL;
	if (before != NULL)
		clash_tell(wiring, node, before, "port");
}

static void servers_check(struct ph_wiring *wiring)
{
	struct ph_index seen = {NULL};

	for (size_t i = 0; i < wiring->server_count; i++) {
		const struct ph_wiring_server *server = wiring->servers[i];
		struct ph_yaml_node *listen =
			server->node->kind == PH_YAML_MAP
				? ph_yaml_get(server->node, "listen")
				: NULL;

		if (listen == NULL)
			continue;
		listen_check(wiring, &seen, server, listen);
		for (struct ph_yaml_node *item = listen->first; item != NULL;
			item = item->next)
			listen_check(wiring, &seen, server, item);
	}
	ph_index_clear(&seen);
}

void ph_wiring_check_ports(struct ph_wiring *wiring)
{
	struct ph_index seen = {NULL};

	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next) {
		struct ph_yaml_node *at =
			host->at ? ph_yaml_get(host->node, "at") : NULL;
		const struct ph_yaml_node *before =
			at ? ph_index_put(&seen, &wiring->arena, at->text, at)
			   : NULL;

		if (before != NULL)
			clash_tell(wiring, at, before, "address");
	}
	ph_index_clear(&seen);
	servers_check(wiring);
}
