#include "executor/spec_inner.h"

#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/server.h"

/* What a program or a bundled server is: its terminals and parameters. */

/* Programs are given no descriptor from here up. */
#define SPEC_FD_MAX 64

int ph_spec_add_terminal(struct ph_spec_reader *reader, const char *name,
	const char *media, enum ph_direction direction, int fd)
{
	struct ph_spec *spec = reader->spec;
	struct ph_spec_terminal *terminal;

	if (spec->terminal_count == PH_SPEC_TERMINALS)
		return ph_spec_bad(reader, "more than 16 terminals at", name);
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		terminal = &spec->terminals[i];
		if (!strcmp(terminal->name, name))
			return ph_spec_bad(
				reader, "two terminals are named", name);
		if (fd >= 0 && terminal->fd == fd)
			return ph_spec_bad(
				reader, "two terminals on the fd of", name);
	}
	terminal = &spec->terminals[spec->terminal_count++];
	snprintf(terminal->name, sizeof(terminal->name), "%s", name);
	snprintf(terminal->media, sizeof(terminal->media), "%s", media);
	terminal->direction = direction;
	terminal->fd = fd;
	return 0;
}

static const char *const input_kinds[] = {"in", "combine", NULL};
static const char *const output_kinds[] = {"out", "mux", NULL};

/* Of the terminal that was added last. */
static int read_terminal_labels(
	struct ph_spec_reader *reader, struct ph_value entry)
{
	struct ph_spec *spec = reader->spec;
	struct ph_spec_terminal *terminal =
		&spec->terminals[spec->terminal_count - 1];

	return ph_spec_take_pairs(reader, ph_value_get(entry, "labels"),
		"labels", &terminal->labels, &terminal->label_count);
}

/* The program's terminals below `in` or `out`. */
static int read_terminals(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, enum ph_direction plain, enum ph_direction shared)
{
	struct ph_value list = ph_value_get(map, key);
	const char *const *kinds = plain == PH_IN ? input_kinds : output_kinds;

	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value entry = ph_value_at(list, i);
		int64_t fd = ph_value_int(
			ph_value_get(entry, "fd"), plain == PH_IN ? 0 : 1);
		int kind = ph_spec_take_choice(reader, entry, "kind", kinds);
		char name[PH_NAME_MAX + 1];
		char media[64];

		if (kind < 0 || ph_spec_take_name(reader, entry, "name", name,
					sizeof(name)))
			return -1;
		if (fd < 0 || fd >= SPEC_FD_MAX)
			return ph_spec_bad(
				reader, "fd must be 0 to 63 at", name);
		ph_get_copy(entry, "type", media, sizeof(media));
		if (ph_spec_add_terminal(reader, name, media,
			    kind ? shared : plain, (int)fd) ||
			read_terminal_labels(reader, entry))
			return -1;
	}
	return 0;
}

int ph_spec_take_program(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	unsigned count = 0;

	if (ph_spec_take_words(reader, ph_value_get(map, "exec"), "exec",
		    &spec->argv, &count))
		return -1;
	if (!count || !*spec->argv[0])
		return ph_spec_bad(reader, "no program named at", "exec");
	if (!spec->class)
		spec->class = PH_SPEC_CLASS;
	if (read_terminals(reader, map, "in", PH_IN, PH_COMBINE) ||
		read_terminals(reader, map, "out", PH_OUT, PH_MUX))
		return -1;
	if (spec->terminal_count)
		return 0;
	if (ph_spec_add_terminal(reader, "stdin", "", PH_IN, 0) ||
		ph_spec_add_terminal(reader, "stdout", "", PH_OUT, 1))
		return -1;
	return ph_spec_add_terminal(reader, "stderr", "", PH_OUT, 2);
}

static int check_value(struct ph_spec_reader *reader,
	const struct ph_parameter_type *type, const char *value)
{
	uint64_t bytes;
	int64_t duration;

	switch (type->kind) {
	case PH_PARAMETER_BYTES:
		if (ph_parse_bytes(&bytes, value))
			return ph_spec_bad(
				reader, "not a size like 64MiB:", value);
		return 0;
	case PH_PARAMETER_DURATION:
		if (ph_parse_duration(&duration, value) || duration <= 0)
			return ph_spec_bad(
				reader, "not a time like 250ms:", value);
		return 0;
	case PH_PARAMETER_PATH:
	case PH_PARAMETER_TEXT:
		break;
	}
	return *value ? 0 : ph_spec_bad(reader, "empty:", type->name);
}

static const struct ph_spec_pair *find_pair(
	const struct ph_spec *spec, const char *key)
{
	for (unsigned i = 0; i < spec->with_count; i++)
		if (!strcmp(spec->with[i].key, key))
			return &spec->with[i];
	return NULL;
}

static int check_parameters(
	struct ph_spec_reader *reader, const struct ph_server_type *type)
{
	size_t known = 0;

	for (size_t i = 0; i < type->parameter_count; i++) {
		const struct ph_parameter_type *wanted = &type->parameters[i];
		const struct ph_spec_pair *pair =
			find_pair(reader->spec, wanted->name);

		if (!pair && wanted->must)
			return ph_spec_bad(
				reader, "missing below `with`:", wanted->name);
		if (pair && check_value(reader, wanted, pair->value))
			return -1;
		known += pair != NULL;
	}
	if (known == reader->spec->with_count)
		return 0;
	return ph_spec_bad(
		reader, "a key below `with` that is unknown to", type->name);
}

/* Which servers there are, for whoever misspelt one. */
static int unknown_server(struct ph_spec_reader *reader)
{
	char names[200] = "there are:";
	size_t length = strlen(names);

	for (size_t i = 0; ph_bundled_servers[i]; i++) {
		int wrote = snprintf(names + length, sizeof(names) - length,
			" %s", ph_bundled_servers[i]->name);

		if (wrote < 0 || (size_t)wrote >= sizeof(names) - length)
			break;
		length += (size_t)wrote;
	}
	return ph_fail(reader->error, PH_EXIT_WIRING, reader->spec->name, names,
		"no bundled server `%s`", reader->spec->use);
}

/* A bundled server's terminals are its type's; a wiring may make an output a
 * mux, nothing else. */
static int widen_terminals(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_value list = ph_value_get(map, "out");

	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value entry = ph_value_at(list, i);
		struct ph_spec_terminal *found = NULL;
		char name[PH_NAME_MAX + 1];

		ph_get_copy(entry, "name", name, sizeof(name));
		for (unsigned j = 0; j < reader->spec->terminal_count; j++)
			if (!strcmp(reader->spec->terminals[j].name, name))
				found = &reader->spec->terminals[j];
		if (!found || found->direction == PH_IN)
			return ph_spec_bad(reader, "no such output:", name);
		if (ph_value_is(ph_value_get(entry, "kind"), "mux"))
			found->direction = PH_MUX;
	}
	return 0;
}

int ph_spec_take_bundled(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	const struct ph_server_type *type;

	ph_get_copy(map, "use", spec->use, sizeof(spec->use));
	type = ph_bundled_find(spec->use);
	if (!type)
		return unknown_server(reader);
	if (!spec->class)
		spec->class = type->class;
	for (size_t i = 0; i < type->terminal_count; i++)
		if (ph_spec_add_terminal(reader, type->terminals[i].name,
			    type->terminals[i].media,
			    type->terminals[i].direction, -1))
			return -1;
	if (widen_terminals(reader, map))
		return -1;
	return check_parameters(reader, type);
}
