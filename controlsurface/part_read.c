#include "controlsurface/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/full_policy.h"

/* What reading needs at hand. */
struct reader {
	struct ph_part *part;
	const char *here;
	const struct ph_server_type *const *bundled;
	struct ph_writer *writer;
	struct ph_error *error;
};

static int reader_fail(
	struct reader *reader, const char *what, struct ph_value culprit)
{
	char text[64];

	ph_value_copy(culprit, text, sizeof(text));
	return ph_fail(reader->error, PH_EXIT_WIRING, reader->part->scope,
		"correct the wiring file and apply it again", "%s: '%s'", what,
		text);
}

static int reader_memory(struct reader *reader)
{
	return ph_fail(reader->error, PH_EXIT_NEGATIVE, reader->part->scope,
		"free some memory on this node", "out of memory");
}

static int read_name(char *out, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (!text || !ph_name_is_valid(text, length))
		return -EINVAL;
	ph_value_copy(value, out, PH_NAME_MAX + 1);
	return 0;
}

/* The list `key`, at most `most` long, with zeroed memory for its items. */
static int read_list(struct reader *reader, struct ph_value list, size_t most,
	size_t size, void **out, const char *what)
{
	size_t count = ph_value_count(list);

	*out = NULL;
	if (ph_value_type(list) != PH_LIST && ph_value_type(list) != PH_NIL)
		return reader_fail(reader, what, list);
	if (count > most)
		return ph_fail(reader->error, PH_EXIT_WIRING,
			reader->part->scope, "split the wiring file",
			"%s: %zu of them, at most %zu", what, count, most);
	*out = calloc(count ? count : 1, size);
	return *out ? 0 : reader_memory(reader);
}

static void note_behind(struct ph_part *part, struct ph_value list)
{
	for (size_t k = 0; k < ph_value_count(list); k++)
		for (unsigned i = 0; i < part->host_count; i++)
			part->hosts[i].behind |= ph_value_is(
				ph_value_at(list, k), part->hosts[i].name);
}

static int read_hosts(struct reader *reader, struct ph_value map)
{
	struct ph_part *part = reader->part;
	struct ph_value list = ph_value_get(map, "hosts");
	struct ph_value at = ph_value_get(map, "at");

	if (read_list(reader, list, PH_PART_HOSTS, sizeof(*part->hosts),
		    (void **)&part->hosts, "hosts"))
		return -1;
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_part_host *host = &part->hosts[i];

		if (read_name(host->name, ph_value_at(list, i)))
			return reader_fail(reader, "not a host's name",
				ph_value_at(list, i));
		ph_get_copy(at, host->name, host->at, sizeof(host->at));
		part->host_count++;
	}
	note_behind(part, ph_value_get(map, "behind"));
	return 0;
}

static int add_terminal(struct ph_part_server *server, const char *name,
	enum ph_direction direction)
{
	struct ph_part_terminal *grown = realloc(server->terminals,
		(server->terminal_count + 1) * sizeof(*grown));
	struct ph_part_terminal *terminal;

	if (!grown)
		return -ENOMEM;
	server->terminals = grown;
	terminal = &grown[server->terminal_count++];
	memset(terminal, 0, sizeof(*terminal));
	memccpy(terminal->name, name, 0, PH_NAME_MAX);
	terminal->direction = direction;
	return 0;
}

/* Terminals a program names itself, in `in` or `out`. */
static int read_named(struct reader *reader, struct ph_part_server *server,
	struct ph_value list, enum ph_direction usual)
{
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);
		int direction = ph_wire_direction(ph_value_get(item, "kind"));
		char name[PH_NAME_MAX + 1];

		if (read_name(name, ph_value_get(item, "name")))
			return reader_fail(reader, "not a terminal's name",
				ph_value_get(item, "name"));
		if (direction < 0)
			direction = usual;
		if (add_terminal(server, name, (enum ph_direction)direction))
			return reader_memory(reader);
	}
	return 0;
}

static int read_program(struct reader *reader, struct ph_part_server *server,
	struct ph_value spec)
{
	struct ph_value in = ph_value_get(spec, "in");
	struct ph_value out = ph_value_get(spec, "out");

	if (read_named(reader, server, in, PH_IN) ||
		read_named(reader, server, out, PH_OUT))
		return -1;
	/* As the executor does: some named, all named. */
	if (server->terminal_count)
		return 0;
	if (add_terminal(server, "stdin", PH_IN) ||
		add_terminal(server, "stdout", PH_OUT) ||
		add_terminal(server, "stderr", PH_OUT))
		return reader_memory(reader);
	return 0;
}

static int read_bundled(struct reader *reader, struct ph_part_server *server,
	struct ph_value use)
{
	const struct ph_server_type *const *type = reader->bundled;

	while (type && *type && !ph_value_is(use, (*type)->name))
		type++;
	if (!type || !*type)
		return reader_fail(
			reader, "no such bundled server on this node", use);
	for (size_t i = 0; i < (*type)->terminal_count; i++) {
		if (add_terminal(server, (*type)->terminals[i].name,
			    (*type)->terminals[i].direction))
			return reader_memory(reader);
	}
	return 0;
}

static int read_spec(struct reader *reader, struct ph_part_server *server,
	struct ph_value spec)
{
	const uint8_t *data;

	ph_writer_reset(reader->writer);
	ph_write_value(reader->writer, spec);
	if (ph_writer_finish(reader->writer, &data, &server->length))
		return reader_memory(reader);
	server->spec = malloc(server->length);
	if (!server->spec)
		return reader_memory(reader);
	memcpy(server->spec, data, server->length);
	return 0;
}

static int read_server(struct reader *reader, struct ph_part_server *server,
	struct ph_value spec)
{
	struct ph_value use = ph_value_get(spec, "use");

	if (read_name(server->name, ph_value_get(spec, "name")))
		return reader_fail(reader, "not a server's name",
			ph_value_get(spec, "name"));
	if (!ph_value_is(ph_value_get(spec, "scope"), reader->part->scope))
		return reader_fail(reader, "a server of another scope",
			ph_value_get(spec, "name"));
	if (read_spec(reader, server, spec))
		return -1;
	ph_part_note_group(server, spec);
	if (ph_value_type(use) == PH_TEXT)
		return read_bundled(reader, server, use);
	return read_program(reader, server, spec);
}

static int read_servers(struct reader *reader, struct ph_value map)
{
	struct ph_part *part = reader->part;
	struct ph_value list = ph_value_get(map, "servers");

	if (read_list(reader, list, PH_PART_SERVERS, sizeof(*part->servers),
		    (void **)&part->servers, "servers"))
		return -1;
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_part_server *server = &part->servers[i];

		/* Counted first: what a failed one holds is freed too. */
		part->server_count++;
		if (read_server(reader, server, ph_value_at(list, i)))
			return -1;
	}
	return 0;
}

static int read_place(struct ph_place *out, struct ph_value value)
{
	char text[3 * (PH_NAME_MAX + 1) + 8];

	ph_value_copy(value, text, sizeof(text));
	if (ph_place_parse(out, text) || !*out->server || !*out->terminal)
		return -EINVAL;
	return 0;
}

static int read_wire(
	struct reader *reader, struct ph_wire *wire, struct ph_value map)
{
	struct ph_value from = ph_value_get(map, "from");
	struct ph_value to = ph_value_get(map, "to");

	if (read_place(&wire->from, from))
		return reader_fail(reader, "not server:terminal", from);
	if (*wire->from.node && strcmp(wire->from.node, reader->here))
		return reader_fail(reader, "a wire of another node", from);
	*wire->from.node = '\0';
	if (read_place(&wire->to, to))
		return reader_fail(reader, "not node/server:terminal", to);
	if (!*wire->to.node)
		memccpy(wire->to.node, reader->here, 0, PH_NAME_MAX);
	memcpy(wire->scope, reader->part->scope, sizeof(wire->scope));
	ph_get_copy(map, "on_full", wire->on_full, sizeof(wire->on_full));
	if (!ph_full_policy_find(wire->on_full))
		return reader_fail(reader, "an unknown policy",
			ph_value_get(map, "on_full"));
	wire->queue = ph_get_u64(map, "queue");
	ph_get_copy(map, "via", wire->via, sizeof(wire->via));
	if (*wire->via && !ph_via_is_known(wire->via))
		return reader_fail(
			reader, "an unknown way", ph_value_get(map, "via"));
	if (ph_wire_notes_read(&wire->notes, map))
		return reader_fail(
			reader, "labels or retry that cannot be", from);
	return 0;
}

static int read_wires(struct reader *reader, struct ph_value map)
{
	struct ph_part *part = reader->part;
	struct ph_value list = ph_value_get(map, "wires");

	if (read_list(reader, list, PH_PART_WIRES, sizeof(*part->wires),
		    (void **)&part->wires, "wires"))
		return -1;
	for (size_t i = 0; i < ph_value_count(list); i++) {
		if (read_wire(reader, &part->wires[i], ph_value_at(list, i)))
			return -1;
		part->wire_count++;
	}
	return 0;
}

static int compare_names(const void *one, const void *other)
{
	const struct ph_part_server *const *a = one;
	const struct ph_part_server *const *b = other;

	return strcmp((*a)->name, (*b)->name);
}

/* A name twice would be one server that is two. */
static int sort_servers(struct reader *reader)
{
	struct ph_part *part = reader->part;
	struct ph_part_server **sorted;

	sorted = calloc(part->server_count + 1, sizeof(*sorted));
	part->sorted = sorted;
	if (!sorted)
		return reader_memory(reader);
	for (unsigned i = 0; i < part->server_count; i++)
		sorted[i] = &part->servers[i];
	qsort(sorted, part->server_count, sizeof(*sorted), compare_names);
	for (unsigned i = 1; i < part->server_count; i++) {
		if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
			return ph_fail(reader->error, PH_EXIT_WIRING,
				part->scope, "give each server its own name",
				"server '%s' is there twice", sorted[i]->name);
	}
	return 0;
}

static void count_wires(struct ph_part *part)
{
	for (unsigned i = 0; i < part->wire_count; i++) {
		const struct ph_wire *wire = &part->wires[i];
		struct ph_part_server *server =
			ph_part_server(part, wire->from.server);
		struct ph_part_terminal *terminal =
			server ? ph_part_terminal(server, wire->from.terminal)
			       : NULL;

		if (terminal && !wire->notes.optional)
			terminal->wires++;
	}
}

static int read_part(struct reader *reader, struct ph_value map)
{
	if (ph_value_type(map) != PH_MAP ||
		read_name(reader->part->scope, ph_value_get(map, "scope")))
		return reader_fail(reader, "a part without a scope's name",
			ph_value_get(map, "scope"));
	if (read_hosts(reader, map) || read_servers(reader, map) ||
		read_wires(reader, map))
		return -1;
	if (sort_servers(reader))
		return -1;
	count_wires(reader->part);
	if (ph_part_read_needs(
		    reader->part, map, reader->here, reader->error) ||
		ph_part_order(reader->part, reader->error))
		return -1;
	return ph_part_read_alarms(
		reader->part, map, reader->here, reader->error);
}

int ph_part_read(struct ph_part **out, struct ph_value map, const char *here,
	const struct ph_server_type *const *bundled, struct ph_error *error)
{
	struct ph_part *part = calloc(1, sizeof(*part));
	struct reader reader = {
		.part = part,
		.here = here,
		.bundled = bundled,
		.error = error,
	};
	int status = -1;

	if (!part || ph_writer_create(&reader.writer))
		ph_fail(error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	else
		status = read_part(&reader, map);
	ph_writer_free(reader.writer);
	if (status)
		ph_part_free(part);
	else
		*out = part;
	return status;
}
