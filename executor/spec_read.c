#include "executor/spec_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/server.h"

/* [A-Za-z0-9._@-]: what an identity's owner may be made of. */
static bool is_owner(const char *text)
{
	size_t length = strlen(text);

	return length && length <= 64 &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789._@-") == length;
}

static const char *const placement_words[] = {
	"loop", "thread", "process", "guest", NULL};
static const char *const restart_words[] = {
	"on-failure", "always", "never", NULL};
static const char *const framing_words[] = {"raw", "lines", "length", NULL};
static const char *const confine_words[] = {
	"basic", "strict", "net", "none", NULL};

static int read_auth(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_value value = ph_value_get(map, "auth");
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (ph_value_type(value) == PH_NIL) {
		text = "no";
		length = 2;
	}
	return ph_auth_rule_parse(&reader->spec->auth, text ? text : "",
		text ? length : 0, reader->error);
}

static int read_drain(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_value value = ph_value_get(map, "drain");
	char text[32];

	if (ph_value_type(value) == PH_NIL)
		return 0;
	ph_value_copy(value, text, sizeof(text));
	if (ph_parse_duration(&reader->spec->drain, text) ||
		reader->spec->drain <= 0)
		return ph_spec_bad(reader, "no duration at", "drain");
	return 0;
}

static int read_policies(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	int restart =
		ph_spec_take_choice(reader, map, "restart", restart_words);
	int framing =
		ph_spec_take_choice(reader, map, "framing", framing_words);

	if (restart < 0 || framing < 0 || read_auth(reader, map) < 0 ||
		read_drain(reader, map) < 0)
		return -1;
	spec->restart = (enum ph_restart)restart;
	spec->framing = (enum ph_framing)framing;
	spec->class = (uint32_t)ph_get_u64(map, "class");
	ph_get_copy(map, "owner", spec->owner, sizeof(spec->owner));
	if (!spec->owner[0])
		snprintf(spec->owner, sizeof(spec->owner), "posthouse");
	return is_owner(spec->owner)
		       ? 0
		       : ph_spec_bad(
				 reader, "not [A-Za-z0-9._@-]{1,64}:", "owner");
}

const char *ph_placement_name(enum ph_placement_kind kind)
{
	return placement_words[kind];
}

static int read_placement(
	struct ph_spec_reader *reader, struct ph_value map, bool program)
{
	int kind =
		ph_spec_take_choice(reader, map, "placement", placement_words);

	if (kind < 0)
		return -1;
	if (kind == PH_PLACEMENT_GUEST)
		return ph_spec_bad(reader, "unknown word at", "placement");
	if (program && kind != PH_PLACEMENT_PROCESS &&
		ph_value_type(ph_value_get(map, "placement")) != PH_NIL)
		return ph_spec_bad(
			reader, "a program is always a process:", "placement");
	reader->spec->placement =
		program ? PH_PLACEMENT_PROCESS : (enum ph_placement_kind)kind;
	return 0;
}

static int check_environment(struct ph_spec_reader *reader)
{
	const struct ph_spec *spec = reader->spec;

	for (unsigned i = 0; i < spec->env_count; i++) {
		const char *key = spec->env[i].key;

		if (!*key || strchr(key, '='))
			return ph_spec_bad(
				reader, "not a variable's name:", key);
	}
	return 0;
}

/* A program that sees its directory alone has one of its own: the
 * node's holds what others must not see. */
static int read_confine(struct ph_spec_reader *reader, struct ph_value map)
{
	int confine =
		ph_spec_take_choice(reader, map, "confine", confine_words);

	if (confine < 0)
		return -1;
	reader->spec->confine = (enum ph_confine)confine;
	if (reader->spec->cwd || confine == PH_CONFINE_BASIC ||
		confine == PH_CONFINE_NONE)
		return 0;
	return ph_spec_bad(reader, "`cwd` must name a directory of its own for",
		confine_words[confine]);
}

static int read_spec(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	bool program = ph_value_type(ph_value_get(map, "exec")) != PH_NIL;
	bool bundled = ph_value_type(ph_value_get(map, "use")) != PH_NIL;

	if (ph_spec_take_name(
		    reader, map, "name", spec->name, sizeof(spec->name)))
		return -1;
	ph_get_copy(map, "scope", spec->scope, sizeof(spec->scope));
	if (program == bundled)
		return ph_spec_bad(
			reader, "a server takes one of `exec` and", "use");
	if (read_policies(reader, map) ||
		read_placement(reader, map, program) ||
		ph_spec_take_pairs(reader, ph_value_get(map, "with"), "with",
			&spec->with, &spec->with_count) ||
		ph_spec_take_pairs(reader, ph_value_get(map, "env"), "env",
			&spec->env, &spec->env_count) ||
		ph_spec_take_pairs(reader, ph_value_get(map, "labels"),
			"labels", &spec->labels, &spec->label_count) ||
		ph_spec_take_words(reader, ph_value_get(map, "caps"), "caps",
			&spec->caps, &spec->cap_count) ||
		check_environment(reader))
		return -1;
	if (ph_value_type(ph_value_get(map, "cwd")) != PH_NIL &&
		ph_spec_take_text(
			reader, ph_value_get(map, "cwd"), "cwd", &spec->cwd))
		return -1;
	if (read_confine(reader, map) || ph_spec_take_limits(reader, map))
		return -1;
	if (program ? ph_spec_take_program(reader, map)
		    : ph_spec_take_bundled(reader, map))
		return -1;
	return ph_spec_take_keep(reader, map);
}

int ph_spec_read(
	struct ph_spec **out, struct ph_value map, struct ph_error *error)
{
	struct ph_spec_reader reader = {.error = error};

	reader.spec = calloc(1, sizeof(*reader.spec));
	if (!reader.spec)
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "try again",
			"out of memory");
	if (read_spec(&reader, map)) {
		ph_spec_free(reader.spec);
		return -1;
	}
	*out = reader.spec;
	return 0;
}

static const char *const guest_kinds[] = {[PH_OUT] = "out",
	[PH_MUX] = "mux",
	[PH_IN] = "in",
	[PH_COMBINE] = "combine",
	NULL};

static int read_guest_terminals(
	struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_value list = ph_value_get(map, "terminals");
	char name[PH_NAME_MAX + 1];
	char media[64];

	if (!ph_value_count(list))
		return ph_spec_bad(reader, "a guest needs", "terminals");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value entry = ph_value_at(list, i);
		int kind =
			ph_spec_take_choice(reader, entry, "kind", guest_kinds);

		if (kind < 0 || ph_spec_take_name(reader, entry, "name", name,
					sizeof(name)))
			return -1;
		ph_get_copy(entry, "type", media, sizeof(media));
		if (ph_spec_add_terminal(
			    reader, name, media, (enum ph_direction)kind, -1))
			return -1;
	}
	return 0;
}

static int read_guest(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;

	if (ph_spec_take_name(
		    reader, map, "name", spec->name, sizeof(spec->name)) ||
		read_policies(reader, map) ||
		ph_spec_take_pairs(reader, ph_value_get(map, "labels"),
			"labels", &spec->labels, &spec->label_count) ||
		ph_spec_take_words(reader, ph_value_get(map, "caps"), "caps",
			&spec->caps, &spec->cap_count))
		return -1;
	/* Who started it starts it again. */
	spec->restart = PH_RESTART_NEVER;
	spec->placement = PH_PLACEMENT_GUEST;
	spec->stop_timeout = PH_SPEC_STOP;
	if (!spec->class)
		spec->class = PH_SPEC_CLASS;
	return read_guest_terminals(reader, map);
}

int ph_spec_read_guest(
	struct ph_spec **out, struct ph_value map, struct ph_error *error)
{
	struct ph_spec_reader reader = {.error = error};

	reader.spec = calloc(1, sizeof(*reader.spec));
	if (!reader.spec)
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "try again",
			"out of memory");
	if (read_guest(&reader, map)) {
		ph_spec_free(reader.spec);
		return -1;
	}
	*out = reader.spec;
	return 0;
}
