#include "executor/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/identity.h"
#include "proto/server.h"

/* Longest single text: an argument may be a small script. */
#define SPEC_TEXT_MAX ((size_t)64 * 1024)
/* Programs are given no descriptor from here up. */
#define SPEC_FD_MAX 64
/* classHex of programs that say none. */
#define SPEC_CLASS 0x1

struct reader {
	struct ph_spec *spec;
	struct ph_error *error;
};

static int bad(struct reader *reader, const char *what, const char *key)
{
	return ph_fail(reader->error, PH_EXIT_WIRING, reader->spec->name,
		"correct the server's entry in the wiring file", "%s `%s`",
		what, key);
}

/* Copies a text; C strings end at a zero byte, so none may be inside. */
static int read_text(struct reader *reader, struct ph_value value,
	const char *key, char **out)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (!text || length > SPEC_TEXT_MAX || memchr(text, 0, length))
		return bad(reader, "not a usable text:", key);
	*out = strndup(text, length);
	return *out ? 0 : bad(reader, "out of memory at", key);
}

static int read_words(struct reader *reader, struct ph_value list,
	const char *key, char ***out, unsigned *count)
{
	size_t total = ph_value_count(list);

	if (ph_value_type(list) == PH_NIL)
		return 0;
	if (ph_value_type(list) != PH_LIST || total > PH_SPEC_WORDS)
		return bad(reader, "not a list of at most 64 texts:", key);
	*out = calloc(total + 1, sizeof(char *));
	if (!*out)
		return bad(reader, "out of memory at", key);
	for (size_t i = 0; i < total; i++) {
		if (read_text(reader, ph_value_at(list, i), key, &(*out)[i]))
			return -1;
		*count = (unsigned)i + 1;
	}
	return 0;
}

static int read_pairs(struct reader *reader, struct ph_value map,
	const char *key, struct ph_spec_pair **out, unsigned *count)
{
	size_t total = ph_value_count(map);

	if (ph_value_type(map) == PH_NIL)
		return 0;
	if (ph_value_type(map) != PH_MAP || total > PH_SPEC_WORDS)
		return bad(reader, "not a map of at most 64 texts:", key);
	*out = calloc(total + 1, sizeof(struct ph_spec_pair));
	if (!*out)
		return bad(reader, "out of memory at", key);
	for (size_t i = 0; i < total; i++) {
		struct ph_spec_pair *pair = &(*out)[i];

		*count = (unsigned)i + 1;
		if (read_text(reader, ph_value_key(map, i), key, &pair->key) ||
			read_text(reader, ph_value_item(map, i), pair->key,
				&pair->value))
			return -1;
	}
	return 0;
}

/* One of `words` (NULL-terminated); the first when there is no value. */
static int read_choice(struct reader *reader, struct ph_value map,
	const char *key, const char *const *words)
{
	struct ph_value value = ph_value_get(map, key);

	if (ph_value_type(value) == PH_NIL)
		return 0;
	for (int i = 0; words[i]; i++)
		if (ph_value_is(value, words[i]))
			return i;
	return bad(reader, "unknown word at", key);
}

static int read_name(struct reader *reader, struct ph_value map,
	const char *key, char *out, size_t size)
{
	size_t length;
	const char *text = ph_value_text(ph_value_get(map, key), &length);

	if (!text || !ph_name_is_valid(text, length) || length >= size)
		return bad(reader, "not a name:", key);
	memcpy(out, text, length);
	out[length] = 0;
	return 0;
}

static int add_terminal(struct reader *reader, const char *name,
	const char *media, enum ph_direction direction, int fd)
{
	struct ph_spec *spec = reader->spec;
	struct ph_spec_terminal *terminal;

	if (spec->terminal_count == PH_SPEC_TERMINALS)
		return bad(reader, "more than 16 terminals at", name);
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		terminal = &spec->terminals[i];
		if (!strcmp(terminal->name, name))
			return bad(reader, "two terminals are named", name);
		if (fd >= 0 && terminal->fd == fd)
			return bad(reader, "two terminals on the fd of", name);
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
static int read_terminal_labels(struct reader *reader, struct ph_value entry)
{
	struct ph_spec *spec = reader->spec;
	struct ph_spec_terminal *terminal =
		&spec->terminals[spec->terminal_count - 1];

	return read_pairs(reader, ph_value_get(entry, "labels"), "labels",
		&terminal->labels, &terminal->label_count);
}

/* The program's terminals below `in` or `out`. */
static int read_terminals(struct reader *reader, struct ph_value map,
	const char *key, enum ph_direction plain, enum ph_direction shared)
{
	struct ph_value list = ph_value_get(map, key);
	const char *const *kinds = plain == PH_IN ? input_kinds : output_kinds;

	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value entry = ph_value_at(list, i);
		int64_t fd = ph_value_int(
			ph_value_get(entry, "fd"), plain == PH_IN ? 0 : 1);
		int kind = read_choice(reader, entry, "kind", kinds);
		char name[PH_NAME_MAX + 1];
		char media[64];

		if (kind < 0 ||
			read_name(reader, entry, "name", name, sizeof(name)))
			return -1;
		if (fd < 0 || fd >= SPEC_FD_MAX)
			return bad(reader, "fd must be 0 to 63 at", name);
		ph_get_copy(entry, "type", media, sizeof(media));
		if (add_terminal(reader, name, media, kind ? shared : plain,
			    (int)fd) ||
			read_terminal_labels(reader, entry))
			return -1;
	}
	return 0;
}

static int read_program(struct reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	unsigned count = 0;

	if (read_words(reader, ph_value_get(map, "exec"), "exec", &spec->argv,
		    &count))
		return -1;
	if (!count || !*spec->argv[0])
		return bad(reader, "no program named at", "exec");
	if (!spec->class)
		spec->class = SPEC_CLASS;
	if (read_terminals(reader, map, "in", PH_IN, PH_COMBINE) ||
		read_terminals(reader, map, "out", PH_OUT, PH_MUX))
		return -1;
	if (spec->terminal_count)
		return 0;
	if (add_terminal(reader, "stdin", "", PH_IN, 0) ||
		add_terminal(reader, "stdout", "", PH_OUT, 1))
		return -1;
	return add_terminal(reader, "stderr", "", PH_OUT, 2);
}

static int check_value(struct reader *reader,
	const struct ph_parameter_type *type, const char *value)
{
	uint64_t bytes;
	int64_t duration;

	switch (type->kind) {
	case PH_PARAMETER_BYTES:
		if (ph_parse_bytes(&bytes, value))
			return bad(reader, "not a size like 64MiB:", value);
		return 0;
	case PH_PARAMETER_DURATION:
		if (ph_parse_duration(&duration, value) || duration <= 0)
			return bad(reader, "not a time like 250ms:", value);
		return 0;
	case PH_PARAMETER_PATH:
	case PH_PARAMETER_TEXT:
		break;
	}
	return *value ? 0 : bad(reader, "empty:", type->name);
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
	struct reader *reader, const struct ph_server_type *type)
{
	size_t known = 0;

	for (size_t i = 0; i < type->parameter_count; i++) {
		const struct ph_parameter_type *wanted = &type->parameters[i];
		const struct ph_spec_pair *pair =
			find_pair(reader->spec, wanted->name);

		if (!pair && wanted->must)
			return bad(
				reader, "missing below `with`:", wanted->name);
		if (pair && check_value(reader, wanted, pair->value))
			return -1;
		known += pair != NULL;
	}
	if (known == reader->spec->with_count)
		return 0;
	return bad(reader, "a key below `with` that is unknown to", type->name);
}

/* Which servers there are, for whoever misspelt one. */
static int unknown_server(struct reader *reader)
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
static int widen_terminals(struct reader *reader, struct ph_value map)
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
			return bad(reader, "no such output:", name);
		if (ph_value_is(ph_value_get(entry, "kind"), "mux"))
			found->direction = PH_MUX;
	}
	return 0;
}

static int read_bundled(struct reader *reader, struct ph_value map)
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
		if (add_terminal(reader, type->terminals[i].name,
			    type->terminals[i].media,
			    type->terminals[i].direction, -1))
			return -1;
	if (widen_terminals(reader, map))
		return -1;
	return check_parameters(reader, type);
}

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

static int read_auth(struct reader *reader, struct ph_value map)
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

static int read_policies(struct reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	int restart = read_choice(reader, map, "restart", restart_words);
	int framing = read_choice(reader, map, "framing", framing_words);

	if (restart < 0 || framing < 0 || read_auth(reader, map) < 0)
		return -1;
	spec->restart = (enum ph_restart)restart;
	spec->framing = (enum ph_framing)framing;
	spec->class = (uint32_t)ph_get_u64(map, "class");
	ph_get_copy(map, "owner", spec->owner, sizeof(spec->owner));
	if (!spec->owner[0])
		snprintf(spec->owner, sizeof(spec->owner), "posthouse");
	return is_owner(spec->owner)
		       ? 0
		       : bad(reader, "not [A-Za-z0-9._@-]{1,64}:", "owner");
}

const char *ph_placement_name(enum ph_placement_kind kind)
{
	return placement_words[kind];
}

static int read_placement(
	struct reader *reader, struct ph_value map, bool program)
{
	int kind = read_choice(reader, map, "placement", placement_words);

	if (kind < 0)
		return -1;
	if (kind == PH_PLACEMENT_GUEST)
		return bad(reader, "unknown word at", "placement");
	if (program && kind != PH_PLACEMENT_PROCESS &&
		ph_value_type(ph_value_get(map, "placement")) != PH_NIL)
		return bad(
			reader, "a program is always a process:", "placement");
	reader->spec->placement =
		program ? PH_PLACEMENT_PROCESS : (enum ph_placement_kind)kind;
	return 0;
}

static int check_environment(struct reader *reader)
{
	const struct ph_spec *spec = reader->spec;

	for (unsigned i = 0; i < spec->env_count; i++) {
		const char *key = spec->env[i].key;

		if (!*key || strchr(key, '='))
			return bad(reader, "not a variable's name:", key);
	}
	return 0;
}

/* A program that sees its directory alone has one of its own: the node's holds
 * what others must not see. */
static int read_confine(struct reader *reader, struct ph_value map)
{
	int confine = read_choice(reader, map, "confine", confine_words);

	if (confine < 0)
		return -1;
	reader->spec->confine = (enum ph_confine)confine;
	if (reader->spec->cwd || confine == PH_CONFINE_BASIC ||
		confine == PH_CONFINE_NONE)
		return 0;
	return bad(reader, "`cwd` must name a directory of its own for",
		confine_words[confine]);
}

static int read_spec(struct reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;
	bool program = ph_value_type(ph_value_get(map, "exec")) != PH_NIL;
	bool bundled = ph_value_type(ph_value_get(map, "use")) != PH_NIL;

	if (read_name(reader, map, "name", spec->name, sizeof(spec->name)))
		return -1;
	ph_get_copy(map, "scope", spec->scope, sizeof(spec->scope));
	if (program == bundled)
		return bad(reader, "a server takes one of `exec` and", "use");
	if (read_policies(reader, map) ||
		read_placement(reader, map, program) ||
		read_pairs(reader, ph_value_get(map, "with"), "with",
			&spec->with, &spec->with_count) ||
		read_pairs(reader, ph_value_get(map, "env"), "env", &spec->env,
			&spec->env_count) ||
		read_pairs(reader, ph_value_get(map, "labels"), "labels",
			&spec->labels, &spec->label_count) ||
		read_words(reader, ph_value_get(map, "caps"), "caps",
			&spec->caps, &spec->cap_count) ||
		check_environment(reader))
		return -1;
	if (ph_value_type(ph_value_get(map, "cwd")) != PH_NIL &&
		read_text(reader, ph_value_get(map, "cwd"), "cwd", &spec->cwd))
		return -1;
	if (read_confine(reader, map))
		return -1;
	return program ? read_program(reader, map) : read_bundled(reader, map);
}

int ph_spec_read(
	struct ph_spec **out, struct ph_value map, struct ph_error *error)
{
	struct reader reader = {.error = error};

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

static int read_guest_terminals(struct reader *reader, struct ph_value map)
{
	struct ph_value list = ph_value_get(map, "terminals");
	char name[PH_NAME_MAX + 1];
	char media[64];

	if (!ph_value_count(list))
		return bad(reader, "a guest needs", "terminals");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value entry = ph_value_at(list, i);
		int kind = read_choice(reader, entry, "kind", guest_kinds);

		if (kind < 0 ||
			read_name(reader, entry, "name", name, sizeof(name)))
			return -1;
		ph_get_copy(entry, "type", media, sizeof(media));
		if (add_terminal(
			    reader, name, media, (enum ph_direction)kind, -1))
			return -1;
	}
	return 0;
}

static int read_guest(struct reader *reader, struct ph_value map)
{
	struct ph_spec *spec = reader->spec;

	if (read_name(reader, map, "name", spec->name, sizeof(spec->name)) ||
		read_policies(reader, map) ||
		read_pairs(reader, ph_value_get(map, "labels"), "labels",
			&spec->labels, &spec->label_count) ||
		read_words(reader, ph_value_get(map, "caps"), "caps",
			&spec->caps, &spec->cap_count))
		return -1;
	/* Who started it starts it again. */
	spec->restart = PH_RESTART_NEVER;
	spec->placement = PH_PLACEMENT_GUEST;
	if (!spec->class)
		spec->class = SPEC_CLASS;
	return read_guest_terminals(reader, map);
}

int ph_spec_read_guest(
	struct ph_spec **out, struct ph_value map, struct ph_error *error)
{
	struct reader reader = {.error = error};

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

static void free_pairs(struct ph_spec_pair *pairs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

static void free_words(char **words)
{
	for (unsigned i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void ph_spec_free(struct ph_spec *spec)
{
	if (!spec)
		return;
	free_words(spec->argv);
	free_words(spec->caps);
	free(spec->cwd);
	free_pairs(spec->with, spec->with_count);
	free_pairs(spec->env, spec->env_count);
	free_pairs(spec->labels, spec->label_count);
	for (unsigned i = 0; i < spec->terminal_count; i++)
		free_pairs(spec->terminals[i].labels,
			spec->terminals[i].label_count);
	free(spec);
}

static bool same_text(const char *one, const char *other)
{
	return !strcmp(one ? one : "", other ? other : "");
}

static bool same_words(char *const *one, char *const *other)
{
	if (!one || !other)
		return one == other;
	while (*one && *other && !strcmp(*one, *other)) {
		one++;
		other++;
	}
	return !*one && !*other;
}

/* Maps: the order of their keys means nothing. */
static bool same_pairs(const struct ph_spec_pair *one, unsigned count,
	const struct ph_spec_pair *other, unsigned other_count)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < other_count; j++)
			found += !strcmp(one[i].key, other[j].key) &&
				 !strcmp(one[i].value, other[j].value);
	return count == other_count && found == count;
}

static bool same_terminals(
	const struct ph_spec *one, const struct ph_spec *other)
{
	if (one->terminal_count != other->terminal_count)
		return false;
	for (unsigned i = 0; i < one->terminal_count; i++) {
		const struct ph_spec_terminal *a = &one->terminals[i];
		const struct ph_spec_terminal *b = &other->terminals[i];

		if (strcmp(a->name, b->name) || strcmp(a->media, b->media) ||
			a->direction != b->direction || a->fd != b->fd ||
			!same_pairs(a->labels, a->label_count, b->labels,
				b->label_count))
			return false;
	}
	return true;
}

static bool same_rules(
	const struct ph_auth_rule *one, const struct ph_auth_rule *other)
{
	char text[2][PH_AUTH_TEXT];

	ph_auth_rule_format(one, text[0], sizeof(text[0]));
	ph_auth_rule_format(other, text[1], sizeof(text[1]));
	return strcmp(text[0], text[1]) == 0;
}

bool ph_spec_equal(const struct ph_spec *one, const struct ph_spec *other)
{
	return same_text(one->name, other->name) &&
	       same_text(one->scope, other->scope) &&
	       same_text(one->use, other->use) &&
	       same_text(one->cwd, other->cwd) &&
	       same_text(one->owner, other->owner) &&
	       one->restart == other->restart &&
	       one->placement == other->placement &&
	       one->confine == other->confine &&
	       one->framing == other->framing && one->class == other->class &&
	       same_rules(&one->auth, &other->auth) &&
	       same_words(one->argv, other->argv) &&
	       (one->cap_count == other->cap_count) &&
	       (!one->cap_count || same_words(one->caps, other->caps)) &&
	       same_pairs(one->with, one->with_count, other->with,
		       other->with_count) &&
	       same_pairs(one->env, one->env_count, other->env,
		       other->env_count) &&
	       same_pairs(one->labels, one->label_count, other->labels,
		       other->label_count) &&
	       same_terminals(one, other);
}
