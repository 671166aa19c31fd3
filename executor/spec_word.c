#include "executor/spec_inner.h"

#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

/* Longest single text: an argument may be a small script. */
#define SPEC_TEXT_MAX ((size_t)64 * 1024)

int ph_spec_bad(
	struct ph_spec_reader *reader, const char *what, const char *key)
{
	return ph_fail(reader->error, PH_EXIT_WIRING, reader->spec->name,
		"correct the server's entry in the wiring file", "%s `%s`",
		what, key);
}

/* Copies a text; C strings end at a zero byte, so none may be inside. */
int ph_spec_take_text(struct ph_spec_reader *reader, struct ph_value value,
	const char *key, char **out)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (!text || length > SPEC_TEXT_MAX || memchr(text, 0, length))
		return ph_spec_bad(reader, "not a usable text:", key);
	*out = strndup(text, length);
	return *out ? 0 : ph_spec_bad(reader, "out of memory at", key);
}

int ph_spec_take_words(struct ph_spec_reader *reader, struct ph_value list,
	const char *key, char ***out, unsigned *count)
{
	size_t total = ph_value_count(list);

	if (ph_value_type(list) == PH_NIL)
		return 0;
	if (ph_value_type(list) != PH_LIST || total > PH_SPEC_WORDS)
		return ph_spec_bad(
			reader, "not a list of at most 64 texts:", key);
	*out = calloc(total + 1, sizeof(char *));
	if (!*out)
		return ph_spec_bad(reader, "out of memory at", key);
	for (size_t i = 0; i < total; i++) {
		if (ph_spec_take_text(
			    reader, ph_value_at(list, i), key, &(*out)[i]))
			return -1;
		*count = (unsigned)i + 1;
	}
	return 0;
}

int ph_spec_take_pairs(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, struct ph_spec_pair **out, unsigned *count)
{
	size_t total = ph_value_count(map);

	if (ph_value_type(map) == PH_NIL)
		return 0;
	if (ph_value_type(map) != PH_MAP || total > PH_SPEC_WORDS)
		return ph_spec_bad(
			reader, "not a map of at most 64 texts:", key);
	*out = calloc(total + 1, sizeof(struct ph_spec_pair));
	if (!*out)
		return ph_spec_bad(reader, "out of memory at", key);
	for (size_t i = 0; i < total; i++) {
		struct ph_spec_pair *pair = &(*out)[i];

		*count = (unsigned)i + 1;
		if (ph_spec_take_text(
			    reader, ph_value_key(map, i), key, &pair->key) ||
			ph_spec_take_text(reader, ph_value_item(map, i),
				pair->key, &pair->value))
			return -1;
	}
	return 0;
}

/* One of `words` (NULL-terminated); the first when there is no value. */
int ph_spec_take_choice(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, const char *const *words)
{
	struct ph_value value = ph_value_get(map, key);

	if (ph_value_type(value) == PH_NIL)
		return 0;
	for (int i = 0; words[i]; i++)
		if (ph_value_is(value, words[i]))
			return i;
	return ph_spec_bad(reader, "unknown word at", key);
}

int ph_spec_take_name(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, char *out, size_t size)
{
	size_t length;
	const char *text = ph_value_text(ph_value_get(map, key), &length);

	if (!text || !ph_name_is_valid(text, length) || length >= size)
		return ph_spec_bad(reader, "not a name:", key);
	memcpy(out, text, length);
	out[length] = 0;
	return 0;
}
