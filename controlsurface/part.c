#include "controlsurface/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const directions[] = {
	[PH_OUT] = "out",
	[PH_MUX] = "mux",
	[PH_IN] = "in",
	[PH_COMBINE] = "combine",
};

bool ph_wire_is_output(enum ph_direction direction)
{
	return direction == PH_OUT || direction == PH_MUX;
}

const char *ph_wire_direction_name(enum ph_direction direction)
{
	return directions[direction];
}

int ph_wire_direction(struct ph_value text)
{
	for (int i = PH_OUT; i <= PH_COMBINE; i++) {
		if (ph_value_is(text, directions[i]))
			return i;
	}
	return -EINVAL;
}

bool ph_wire_equal(const struct ph_wire *one, const struct ph_wire *other)
{
	return !strcmp(one->scope, other->scope) &&
	       !strcmp(one->from.server, other->from.server) &&
	       !strcmp(one->from.terminal, other->from.terminal) &&
	       !strcmp(one->to.node, other->to.node) &&
	       !strcmp(one->to.server, other->to.server) &&
	       !strcmp(one->to.terminal, other->to.terminal) &&
	       !strcmp(one->on_full, other->on_full) &&
	       !strcmp(one->via, other->via) && one->queue == other->queue;
}

bool ph_part_server_equal(
	const struct ph_part_server *one, const struct ph_part_server *other)
{
	return one->length == other->length &&
	       !memcmp(one->spec, other->spec, one->length);
}

bool ph_part_is_empty(const struct ph_part *part)
{
	return !part->server_count && !part->wire_count;
}

static int compare_name(const void *name, const void *entry)
{
	const struct ph_part_server *const *server = entry;

	return strcmp(name, (*server)->name);
}

struct ph_part_server *ph_part_server(
	const struct ph_part *part, const char *name)
{
	struct ph_part_server **found;

	if (!part || !part->server_count)
		return NULL;
	found = bsearch(name, part->sorted, part->server_count,
		sizeof(*part->sorted), compare_name);
	return found ? *found : NULL;
}

struct ph_part_terminal *ph_part_terminal(
	const struct ph_part_server *server, const char *name)
{
	for (unsigned i = 0; i < server->terminal_count; i++) {
		if (!strcmp(server->terminals[i].name, name))
			return &server->terminals[i];
	}
	return NULL;
}

void ph_part_free(struct ph_part *part)
{
	if (!part)
		return;
	for (unsigned i = 0; i < part->server_count; i++) {
		free(part->servers[i].spec);
		free(part->servers[i].terminals);
		free(part->servers[i].needs);
		free(part->servers[i].fars);
	}
	free(part->servers);
	free(part->sorted);
	free(part->wires);
	free(part->alarms);
	free(part->hosts);
	free(part);
}
