#include "controlsurface/wiring_model.h"

#include <stdio.h>
#include <string.h>

#include "proto/skim.h"

/* Whom the servers of a host's part need, here and elsewhere. */

bool ph_wiring_server_is_on(const struct ph_wiring_server *server,
	const char *host, const char *here)
{
	return strcmp(server->host ? server->host : here, host) == 0;
}

static void need_write(const struct ph_wiring *wiring, const char *name,
	const char *host, const char *here, struct ph_writer *writer)
{
	const struct ph_wiring_server *needed =
		ph_index_find(&wiring->server_index, name);
	char text[2 * PH_NAME_MAX + 2];

	if (needed == NULL || ph_wiring_server_is_on(needed, host, here)) {
		ph_write_text(writer, name);
		return;
	}
	snprintf(text, sizeof(text), "%s/%s",
		needed->host ? needed->host : here, name);
	ph_write_text(writer, text);
}

static void server_needs_write(const struct ph_wiring *wiring,
	const struct ph_wiring_server *server, const char *host,
	const char *here, struct ph_writer *writer)
{
	ph_put_list(writer, server->name);
	if (server->needs->kind == PH_YAML_TEXT)
		need_write(wiring, server->needs->text, host, here, writer);
	for (const struct ph_yaml_node *item = server->needs->first;
		item != NULL; item = item->next)
		need_write(wiring, item->text, host, here, writer);
	ph_write_end(writer);
}

static bool is_needy(const struct ph_wiring_server *server, const char *host,
	const char *here)
{
	return server->needs != NULL &&
	       ph_wiring_server_is_on(server, host, here);
}

/* The first by name of those behind `last` (NULL: of all). */
static const struct ph_wiring_server *next_needy(const struct ph_wiring *wiring,
	const char *host, const char *here, const struct ph_wiring_server *last)
{
	const struct ph_wiring_server *found = NULL;

	for (size_t i = 0; i < wiring->server_count; i++) {
		const struct ph_wiring_server *server = wiring->servers[i];

		if (is_needy(server, host, here) &&
			(!last || strcmp(server->name, last->name) > 0) &&
			(!found || strcmp(server->name, found->name) < 0))
			found = server;
	}
	return found;
}

/* Written only when there are any, as in the file: other parts stay what they
 * were. But no skimmer takes a large map whose keys are in no order. */
void ph_wiring_part_needs(const struct ph_wiring *wiring, const char *host,
	const char *here, struct ph_writer *writer)
{
	const struct ph_wiring_server *next = NULL;
	size_t count = 0;

	for (size_t i = 0; i < wiring->server_count; i++)
		count += is_needy(wiring->servers[i], host, here);
	if (!count)
		return;
	ph_put_map(writer, "needs");
	for (size_t i = 0; i < wiring->server_count; i++)
		if (count <= PH_SKIM_KEYS &&
			is_needy(wiring->servers[i], host, here))
			server_needs_write(
				wiring, wiring->servers[i], host, here, writer);
	while (count > PH_SKIM_KEYS &&
		(next = next_needy(wiring, host, here, next)))
		server_needs_write(wiring, next, host, here, writer);
	ph_write_end(writer);
}
