#include "controlsurface/part.h"

#include <stdlib.h>
#include <string.h>

/*
 * `needs: {server: [server, or node/server...]}` of a part: which servers
 * start before which. A circle is refused by lint; of a part that has one all
 * the same, the servers in it never start.
 */

static int needs_fail(const struct ph_part *part, struct ph_value name,
	struct ph_error *error)
{
	char text[64];

	ph_value_copy(name, text, sizeof(text));
	return ph_fail(error, PH_EXIT_WIRING, part->scope,
		"correct the wiring file and apply it again",
		"a server that is needed is not of this node: '%s'", text);
}

static struct ph_part_server *server_named(
	const struct ph_part *part, struct ph_value name)
{
	char text[PH_NAME_MAX + 1];
	size_t length;

	if (!ph_value_text(name, &length) || length > PH_NAME_MAX)
		return NULL;
	return ph_part_server(part, ph_value_copy(name, text, sizeof(text)));
}

/* "node/server" of another node; false when it is none. */
static bool far_read(
	struct ph_part_far *out, struct ph_value name, const char *here)
{
	char text[2 * (PH_NAME_MAX + 1) + 8];
	struct ph_place place;

	ph_value_copy(name, text, sizeof(text));
	if (!strchr(text, '/') || ph_place_parse(&place, text) ||
		!*place.node || !*place.server || *place.terminal ||
		!strcmp(place.node, here))
		return false;
	memcpy(out->node, place.node, sizeof(out->node));
	memcpy(out->server, place.server, sizeof(out->server));
	return true;
}

static int read_list(struct ph_part *part, struct ph_part_server *server,
	struct ph_value list, const char *here, struct ph_error *error)
{
	size_t count = ph_value_count(list);

	if (ph_value_type(list) != PH_LIST || count > PH_PART_NEEDS ||
		server->needs)
		return needs_fail(part, list, error);
	server->needs = calloc(count + 1, sizeof(*server->needs));
	server->fars = calloc(count + 1, sizeof(*server->fars));
	if (!server->needs || !server->fars)
		return ph_fail(error, PH_EXIT_NEGATIVE, part->scope, "",
			"out of memory");
	for (size_t i = 0; i < count; i++) {
		struct ph_part_server *needed;

		if (far_read(&server->fars[server->far_count],
			    ph_value_at(list, i), here)) {
			server->far_count++;
			continue;
		}
		needed = server_named(part, ph_value_at(list, i));
		if (!needed)
			return needs_fail(part, ph_value_at(list, i), error);
		server->needs[server->need_count++] =
			(unsigned)(needed - part->servers);
	}
	return 0;
}

int ph_part_read_needs(struct ph_part *part, struct ph_value map,
	const char *here, struct ph_error *error)
{
	struct ph_value needs = ph_value_get(map, "needs");

	if (ph_value_type(needs) != PH_MAP)
		return 0;
	for (size_t i = 0; i < ph_value_count(needs); i++) {
		struct ph_part_server *server =
			server_named(part, ph_value_key(needs, i));

		if (!server)
			return needs_fail(part, ph_value_key(needs, i), error);
		if (read_list(
			    part, server, ph_value_item(needs, i), here, error))
			return -1;
	}
	return 0;
}
