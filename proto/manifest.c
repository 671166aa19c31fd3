#include "proto/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

#define FD_MOST 63 /* as in a wiring file */

/* A line being read: `rest` is what of it has not been. */
struct line {
	struct ph_manifest *manifest;
	struct ph_manifest_place *place;
	struct ph_error *error;
	const char *begin;
	char *rest;
	uint32_t seen; /* keys */
};

static int line_fail(
	struct line *line, const char *at, const char *next, const char *what)
{
	if (at && at >= line->begin)
		line->place->column = (unsigned)(at - line->begin) + 1;
	return ph_fail(line->error, PH_EXIT_WIRING, "", next, "%s", what);
}

/* The next word of the line; NULL at its end. */
static char *line_word(struct line *line)
{
	char *word;

	do
		word = strsep(&line->rest, " \t");
	while (word && !*word);
	return word;
}

static int line_end(struct line *line)
{
	const char *more = line_word(line);

	return more ? line_fail(line, more, "remove it",
			      "something stands behind the value")
		    : 0;
}

static int read_version(struct line *line)
{
	const char *word = line_word(line);

	if (!word || strcmp(word, "1") != 0)
		return line_fail(line, word, "write manifest: 1",
			"a manifest of that version is not known here");
	return line_end(line);
}

static int read_class(struct line *line)
{
	const char *word = line_word(line);
	const char *digits = word ? word : "";
	size_t length;

	if (strncmp(digits, "0x", 2) == 0)
		digits += 2;
	length = strspn(digits, "0123456789abcdefABCDEF");
	if (!length || length > 8 || digits[length])
		return line_fail(line, word,
			"write up to 8 hex digits: class: 2a",
			"that is no class");
	line->manifest->class = (uint32_t)strtoul(digits, NULL, 16);
	return line_end(line);
}

static int read_owner(struct line *line)
{
	const char *word = line_word(line);

	if (!word || !ph_owner_is_valid(word))
		return line_fail(line, word,
			"an owner is 1 to 64 of A-Z a-z 0-9 . _ @ -",
			"that is no owner");
	snprintf(line->manifest->owner, sizeof(line->manifest->owner), "%s",
		word);
	return line_end(line);
}

static int read_auth(struct line *line)
{
	const char *text = line->rest ? line->rest : "";

	line->manifest->has_auth = true;
	line->rest = NULL;
	return ph_auth_rule_parse(
		&line->manifest->auth, text, strlen(text), line->error);
}

static int read_words(
	struct line *line, char **words, unsigned *count, bool value)
{
	const char *word;

	while ((word = line_word(line))) {
		const char *equals = strchr(word, '=');

		if (*count == PH_MANIFEST_WORDS)
			return line_fail(line, word, "use at most 64",
				"too many of them");
		if (strlen(word) > PH_MANIFEST_WORD || equals == word ||
			(value && !equals))
			return line_fail(line, word,
				value ? "write key=value"
				      : "write key or key=value",
				"that is no such word");
		words[*count] = strdup(word);
		if (!words[*count])
			return line_fail(
				line, word, "free memory", "out of memory");
		(*count)++;
	}
	return 0;
}

static int read_caps(struct line *line)
{
	return read_words(
		line, line->manifest->caps, &line->manifest->cap_count, false);
}

static bool has_label(const struct ph_manifest *manifest, const char *key)
{
	size_t length = strcspn(key, "=") + 1;
	unsigned same = 0;

	for (unsigned i = 0; i < manifest->label_count; i++)
		same += strncmp(manifest->labels[i], key, length) == 0;
	return same > 1;
}

static int read_labels(struct line *line)
{
	struct ph_manifest *manifest = line->manifest;

	if (read_words(line, manifest->labels, &manifest->label_count, true) <
		0)
		return -1;
	for (unsigned i = 0; i < manifest->label_count; i++)
		if (has_label(manifest, manifest->labels[i]))
			return line_fail(line, NULL, "keep one of them",
				"a label is there twice");
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct line *line);
} keys[] = {
	{"manifest", read_version},
	{"class", read_class},
	{"owner", read_owner},
	{"auth", read_auth},
	{"caps", read_caps},
	{"labels", read_labels},
};

static int direction_of(const char *word)
{
	for (int i = PH_OUT; i <= PH_COMBINE; i++)
		if (strcmp(ph_manifest_direction((enum ph_direction)i), word) ==
			0)
			return i;
	return -ENOENT;
}

static int read_fd(struct line *line, struct ph_manifest_terminal *terminal)
{
	const char *word = line_word(line);
	const char *digits = word ? word + 3 : NULL;

	if (!word)
		return 0;
	if (strncmp(word, "fd=", 3) != 0 || !*digits || strlen(digits) > 2 ||
		strspn(digits, "0123456789") != strlen(digits) ||
		atoi(digits) > FD_MOST)
		return line_fail(line, word, "write fd=0 to fd=63",
			"that is no descriptor");
	terminal->fd = atoi(digits);
	for (const struct ph_manifest_terminal *at = line->manifest->terminals;
		at < terminal; at++)
		if (at->fd == terminal->fd)
			return line_fail(line, word, "take another",
				"two terminals share a descriptor");
	return 0;
}

static int read_media(struct line *line, struct ph_manifest_terminal *terminal)
{
	const char *word = line_word(line);

	if (!word || (strcmp(word, "any") != 0 && !ph_media_is_valid(word)))
		return line_fail(line, word,
			"write type/subtype, like video/mjpeg, or any",
			"that is no media type");
	if (strcmp(word, "any") != 0)
		snprintf(terminal->media, sizeof(terminal->media), "%s", word);
	return 0;
}

/* `name:` behind the direction. */
static int read_terminal(struct line *line, enum ph_direction direction)
{
	struct ph_manifest *manifest = line->manifest;
	struct ph_manifest_terminal *terminal =
		&manifest->terminals[manifest->terminal_count];
	char *name = line_word(line);
	size_t length = name ? strlen(name) : 0;

	if (manifest->terminal_count == PH_MANIFEST_TERMINALS)
		return line_fail(
			line, name, "use at most 16", "too many terminals");
	if (length < 2 || name[length - 1] != ':' ||
		!ph_name_is_valid(name, length - 1))
		return line_fail(line, name,
			"write DIRECTION NAME: TYPE, like `in raw: video/raw`",
			"that is no terminal's name");
	name[length - 1] = '\0';
	for (unsigned i = 0; i < manifest->terminal_count; i++)
		if (strcmp(manifest->terminals[i].name, name) == 0)
			return line_fail(line, name, "take another name",
				"two terminals have the same name");
	memcpy(terminal->name, name, length);
	terminal->direction = direction;
	terminal->fd = -1;
	if (read_media(line, terminal) < 0 || read_fd(line, terminal) < 0 ||
		line_end(line) < 0)
		return -1;
	manifest->terminal_count++;
	return 0;
}

static int read_key(struct line *line, const char *key)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		if (line->seen & 1u << i)
			return line_fail(line, line->begin, "keep one of them",
				"the key is there twice");
		if (!line->seen && i)
			break;
		line->seen |= 1u << i;
		return keys[i].read(line);
	}
	if (!line->seen)
		return line_fail(line, line->begin,
			"begin the file with manifest: 1",
			"that is not a manifest");
	return line_fail(line, line->begin,
		"the keys are class owner auth caps labels, and terminals are "
		"in, out, mux or combine NAME: TYPE",
		"no such key in a manifest");
}

static int read_line(struct line *line)
{
	char *word = line_word(line);
	size_t length;
	int direction;

	if (!word || *word == '#')
		return 0;
	length = strlen(word);
	if (word[length - 1] == ':') {
		word[length - 1] = '\0';
		return read_key(line, word);
	}
	direction = direction_of(word);
	if (!line->seen)
		return line_fail(line, line->begin,
			"begin the file with manifest: 1",
			"that is not a manifest");
	if (direction < 0)
		return line_fail(line, line->begin,
			"write class: owner: auth: caps: or labels:, or a "
			"terminal: in, out, mux or combine NAME: TYPE",
			"a line of a manifest begins with a key");
	return read_terminal(line, (enum ph_direction)direction);
}

/* Printable UTF-8 and tabs. */
static int line_check(struct line *line)
{
	size_t length = strlen(line->rest);
	size_t valid = ph_text_valid(line->rest, length);

	for (size_t i = 0; i < valid; i++)
		if ((unsigned char)line->rest[i] < 0x20 &&
			line->rest[i] != '\t')
			valid = i;
	if (valid == length)
		return 0;
	return line_fail(line, line->rest + valid, "save it as plain UTF-8",
		"a control byte, or no UTF-8");
}

static int read_lines(struct line *line, char *text)
{
	char *next;

	for (; text; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		line->begin = text;
		line->rest = text;
		line->place->line++;
		line->place->column = 1;
		if (line_check(line) < 0 || read_line(line) < 0)
			return -1;
	}
	if (!line->seen)
		return line_fail(line, NULL, "begin the file with manifest: 1",
			"the manifest is empty");
	return 0;
}

int ph_manifest_read(struct ph_manifest **out, const char *text, size_t length,
	struct ph_manifest_place *place, struct ph_error *error)
{
	struct line line = {.place = place, .error = error};
	char *copy = NULL;
	int code = -1;

	*place = (struct ph_manifest_place){0, 1};
	if (length > PH_MANIFEST_MOST || (length && memchr(text, 0, length)))
		return ph_fail(error, PH_EXIT_WIRING, "",
			"a manifest is a text of at most 64 KiB",
			"too long, or not text");
	line.manifest = calloc(1, sizeof(*line.manifest));
	copy = length ? strndup(text, length) : strdup("");
	if (line.manifest && copy)
		code = read_lines(&line, copy);
	else
		ph_fail(error, PH_EXIT_NEGATIVE, "", "free memory",
			"out of memory");
	free(copy);
	if (code < 0)
		ph_manifest_free(line.manifest);
	else
		*out = line.manifest;
	return code;
}
