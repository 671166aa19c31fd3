#include "hostess/mask.h"

#include <stdlib.h>
#include <string.h>

#include "hostess/guestbook.h"

static const char *const key_names[PH_MASK_KEYS] = {
	[PH_MASK_SERVER] = "server",
	[PH_MASK_CLASS] = "class",
	[PH_MASK_OWNER] = "owner",
	[PH_MASK_CAPS] = "caps",
	[PH_MASK_LABELS] = "labels",
	[PH_MASK_TERMINAL] = "terminal",
	[PH_MASK_TYPE] = "type",
	[PH_MASK_DIRECTION] = "direction",
	[PH_MASK_FREE] = "free",
};

static bool key_is_terminals(enum ph_mask_key key)
{
	return key >= PH_MASK_TERMINAL;
}

static int mask_fail(
	struct ph_error *error, const char *where, const char *what)
{
	return ph_fail(error, PH_EXIT_USAGE, where,
		"a mask is key=value,... with the keys server class owner "
		"caps labels terminal type direction free",
		"%s", what);
}

static int key_find(const char *name)
{
	for (int i = 0; i < PH_MASK_KEYS; i++)
		if (strcmp(key_names[i], name) == 0)
			return i;
	return -1;
}

static bool class_is_hex(const char *text)
{
	size_t digits;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	digits = strspn(text, "0123456789abcdefABCDEF");
	return digits >= 1 && digits <= 8 && text[digits] == '\0';
}

static int value_check(int key, const char *value, struct ph_error *error)
{
	if (key == PH_MASK_CLASS && !class_is_hex(value))
		return mask_fail(error, value, "a class is a hex number");
	if (key == PH_MASK_DIRECTION && ph_direction_parse(value) < 0)
		return mask_fail(
			error, value, "a direction is out, mux, in or combine");
	if (key == PH_MASK_FREE && strcmp(value, "yes") != 0 &&
		strcmp(value, "no") != 0)
		return mask_fail(error, value, "free is yes or no");
	return 0;
}

static int mask_add(
	struct ph_mask *mask, char *condition, struct ph_error *error)
{
	char *equals = strchr(condition, '=');
	int key;

	if (!equals)
		return mask_fail(error, condition, "a mask needs key=value");
	*equals = '\0';
	key = key_find(condition);
	if (key < 0)
		return mask_fail(error, condition, "no such key in a mask");
	if (value_check(key, equals + 1, error) < 0)
		return -1;
	if (mask->count == PH_MASK_MOST)
		return mask_fail(error, condition, "too many conditions");
	mask->conditions[mask->count].key = (enum ph_mask_key)key;
	mask->conditions[mask->count].value =
		(unsigned)(equals + 1 - mask->text);
	mask->count++;
	return 0;
}

int ph_mask_parse(struct ph_mask *out, const char *text, size_t length,
	struct ph_error *error)
{
	char *at, *rest;

	memset(out, 0, sizeof(*out));
	if (length >= sizeof(out->text) || (length && memchr(text, 0, length)))
		return mask_fail(error, "mask", "the mask is too long");
	if (length)
		memcpy(out->text, text, length);
	rest = out->text;
	while ((at = strsep(&rest, ",")))
		if (*at && mask_add(out, at, error) < 0)
			return -1;
	return 0;
}

bool ph_mask_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	/* Back to the last star only: linear for a few stars, never
	 * exponential. */
	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* `gpu` matches `gpu` and `gpu=anything`; `gpu=nv*` matches by value. */
static bool words_have(char *const *words, unsigned count, const char *value)
{
	size_t length = strlen(value);
	bool bare = !strchr(value, '=') && !strchr(value, '*');

	for (unsigned i = 0; i < count; i++) {
		if (ph_mask_glob(value, words[i]))
			return true;
		if (bare && strncmp(words[i], value, length) == 0 &&
			words[i][length] == '=')
			return true;
	}
	return false;
}

static bool guest_holds(
	const struct ph_guest *guest, enum ph_mask_key key, const char *value)
{
	switch (key) {
	case PH_MASK_SERVER:
		return ph_mask_glob(value, guest->server);
	case PH_MASK_CLASS:
		return strtoul(value, NULL, 16) == guest->identity.class;
	case PH_MASK_OWNER:
		return ph_mask_glob(value, guest->identity.owner);
	case PH_MASK_CAPS:
		return words_have(guest->caps, guest->cap_count, value);
	case PH_MASK_LABELS:
		return words_have(guest->labels, guest->label_count, value);
	default:
		return true;
	}
}

static bool terminal_holds(const struct ph_guest_terminal *terminal,
	enum ph_mask_key key, const char *value)
{
	switch (key) {
	case PH_MASK_TERMINAL:
		return ph_mask_glob(value, terminal->name);
	case PH_MASK_TYPE:
		return ph_mask_glob(value, terminal->media);
	case PH_MASK_DIRECTION:
		return ph_direction_parse(value) == (int)terminal->direction;
	case PH_MASK_FREE:
		return ph_guest_terminal_is_free(terminal) ==
		       (strcmp(value, "yes") == 0);
	default:
		return true;
	}
}

bool ph_mask_takes_terminal(
	const struct ph_mask *mask, const struct ph_guest_terminal *terminal)
{
	for (unsigned i = 0; i < mask->count; i++)
		if (!terminal_holds(terminal, mask->conditions[i].key,
			    mask->text + mask->conditions[i].value))
			return false;
	return true;
}

bool ph_mask_takes(const struct ph_mask *mask, const struct ph_guest *guest)
{
	bool terminals = false;

	for (unsigned i = 0; i < mask->count; i++) {
		enum ph_mask_key key = mask->conditions[i].key;

		terminals |= key_is_terminals(key);
		if (!guest_holds(
			    guest, key, mask->text + mask->conditions[i].value))
			return false;
	}
	if (!terminals)
		return true;
	for (unsigned i = 0; i < guest->terminal_count; i++)
		if (ph_mask_takes_terminal(mask, &guest->terminals[i]))
			return true;
	return false;
}
