#include "hostess/mask.h"

#include <stdlib.h>
#include <string.h>

#include "hostess/guestbook.h"

static const char *const key_names[PH_MASK_KEYS] = {
	[PH_MASK_SERVER] = "server",
	[PH_MASK_FQDN] = "fqdn",
	[PH_MASK_CLASS] = "class",
	[PH_MASK_OWNER] = "owner",
	[PH_MASK_AUTH] = "auth",
	[PH_MASK_MECHANISM] = "mechanism",
	[PH_MASK_UUID] = "uuid",
	[PH_MASK_CAPS] = "caps",
	[PH_MASK_LABELS] = "labels",
	[PH_MASK_NODE_CAPS] = "node.caps",
	[PH_MASK_FREE] = "free",
	[PH_MASK_TERMINAL] = "terminal",
	[PH_MASK_TYPE] = "type",
	[PH_MASK_DIRECTION] = "direction",
	[PH_MASK_CAPACITY] = "capacity",
	[PH_MASK_IN_USE] = "in_use",
};

static bool key_is_terminals(enum ph_mask_key key)
{
	return key >= PH_MASK_TERMINAL;
}

static int mask_fail(
	struct ph_error *error, const char *where, const char *what)
{
	return ph_fail(error, PH_EXIT_USAGE, where,
		"a mask is key=value,... with the keys server fqdn class owner "
		"auth mechanism uuid caps labels node.caps terminal type "
		"direction capacity in_use free",
		"%s", what);
}

static int key_find(const char *name)
{
	if (strcmp(name, "name") == 0)
		return PH_MASK_TERMINAL;
	for (int i = 0; i < PH_MASK_KEYS; i++)
		if (strcmp(key_names[i], name) == 0)
			return i;
	return -1;
}

static bool class_read(const char *text, uint32_t *out)
{
	size_t digits;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	digits = strspn(text, "0123456789abcdefABCDEF");
	*out = (uint32_t)strtoul(text, NULL, 16);
	return digits >= 1 && digits <= 8 && text[digits] == '\0';
}

/* Up to nine digits; returns where they end. */
static const char *number_read(const char *text, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 9)
		return NULL;
	*out = (uint32_t)strtoul(text, NULL, 10);
	return text + digits;
}

/* N, N.., ..N, N..M. */
static bool range_read(const char *text, uint32_t *low, uint32_t *high)
{
	const char *rest = text;

	*low = 0;
	if (strncmp(text, "..", 2) != 0) {
		rest = number_read(text, low);
		*high = *low;
		if (!rest || !*rest)
			return rest != NULL;
	}
	if (strncmp(rest, "..", 2) != 0)
		return false;
	rest += 2;
	*high = UINT32_MAX;
	if (!*rest)
		return rest != text + 2;
	rest = number_read(rest, high);
	return rest && !*rest && *low <= *high;
}

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(*words, value) == 0)
			return true;
	return false;
}

static int value_check(struct ph_mask *mask, enum ph_mask_key key,
	const char *value, struct ph_error *error)
{
	static const char *const flags[] = {"no", "optional", "yes", NULL};
	static const char *const answers[] = {"no", "yes", NULL};
	uint32_t *low = &mask->conditions[mask->count].low;
	uint32_t *high = &mask->conditions[mask->count].high;

	if (key == PH_MASK_CLASS && !class_read(value, low))
		return mask_fail(error, value, "a class is a hex number");
	if ((key == PH_MASK_CAPACITY || key == PH_MASK_IN_USE) &&
		!range_read(value, low, high))
		return mask_fail(error, value,
			"a number is 1, or a range 2.. or ..3 or 1..4");
	if (key == PH_MASK_DIRECTION && ph_direction_parse(value) < 0)
		return mask_fail(
			error, value, "a direction is out, mux, in or combine");
	if (key == PH_MASK_AUTH && !is_one_of(value, flags))
		return mask_fail(error, value, "auth is no, optional or yes");
	if (key == PH_MASK_FREE && !is_one_of(value, answers))
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
	if (mask->count == PH_MASK_MOST)
		return mask_fail(error, condition, "too many conditions");
	if (value_check(mask, (enum ph_mask_key)key, equals + 1, error) < 0)
		return -1;
	mask->conditions[mask->count].key = (enum ph_mask_key)key;
	mask->terminals |= key_is_terminals((enum ph_mask_key)key);
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
static bool word_is(const char *word, const char *value)
{
	size_t length = strlen(value);

	if (ph_mask_glob(value, word))
		return true;
	return !strchr(value, '=') && !strchr(value, '*') &&
	       strncmp(word, value, length) == 0 && word[length] == '=';
}

static bool words_have(char *const *words, unsigned count, const char *value)
{
	for (unsigned i = 0; i < count; i++)
		if (word_is(words[i], value))
			return true;
	return false;
}

static bool node_has(const struct ph_node_caps *caps, const char *value)
{
	for (unsigned i = 0; caps && i < caps->count; i++)
		if (word_is(caps->words[i], value))
			return true;
	return false;
}

/* The server's, or one of its terminals'. */
static bool label_anywhere(const struct ph_guest *guest, const char *value)
{
	bool found = words_have(guest->labels, guest->label_count, value);

	for (unsigned i = 0; !found && i < guest->terminal_count; i++)
		found = words_have(guest->terminals[i].labels,
			guest->terminals[i].label_count, value);
	return found;
}

static bool guest_holds(const struct ph_mask *mask,
	const struct ph_guest *guest, unsigned condition)
{
	const char *value = mask->text + mask->conditions[condition].value;
	const struct ph_identity *identity = &guest->identity;

	switch (mask->conditions[condition].key) {
	case PH_MASK_SERVER:
		return ph_mask_glob(value, guest->server);
	case PH_MASK_FQDN:
		return ph_mask_glob(value, identity->fqdn);
	case PH_MASK_CLASS:
		return mask->conditions[condition].low == identity->class;
	case PH_MASK_OWNER:
		return ph_mask_glob(value, identity->owner);
	case PH_MASK_AUTH:
		return strcmp(value, ph_auth_name(identity->auth)) == 0;
	case PH_MASK_MECHANISM:
		return ph_mask_glob(value, identity->mechanism);
	case PH_MASK_UUID:
		return ph_mask_glob(value, identity->uuid);
	case PH_MASK_CAPS:
		return words_have(guest->caps, guest->cap_count, value);
	case PH_MASK_LABELS:
		return label_anywhere(guest, value);
	case PH_MASK_NODE_CAPS:
		return node_has(guest->node_caps, value);
	case PH_MASK_FREE:
		return mask->terminals ||
		       ph_guest_is_free(guest) == (strcmp(value, "yes") == 0);
	default:
		return true;
	}
}

static bool terminal_holds(const struct ph_mask *mask,
	const struct ph_guest_terminal *terminal, unsigned condition)
{
	const char *value = mask->text + mask->conditions[condition].value;
	uint32_t low = mask->conditions[condition].low;
	uint32_t high = mask->conditions[condition].high;

	switch (mask->conditions[condition].key) {
	case PH_MASK_LABELS:
		return words_have(terminal->labels, terminal->label_count,
			       value) ||
		       words_have(terminal->guest->labels,
			       terminal->guest->label_count, value);
	case PH_MASK_TERMINAL:
		return ph_mask_glob(value, terminal->name);
	case PH_MASK_TYPE:
		return ph_mask_glob(value, terminal->media);
	case PH_MASK_DIRECTION:
		return ph_direction_parse(value) == (int)terminal->direction;
	case PH_MASK_CAPACITY:
		return terminal->capacity >= low && terminal->capacity <= high;
	case PH_MASK_IN_USE:
		return terminal->in_use >= low && terminal->in_use <= high;
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
		if (!terminal_holds(mask, terminal, i))
			return false;
	return true;
}

bool ph_mask_takes_server(
	const struct ph_mask *mask, const struct ph_guest *guest)
{
	for (unsigned i = 0; i < mask->count; i++)
		if (!guest_holds(mask, guest, i))
			return false;
	return true;
}

bool ph_mask_takes(const struct ph_mask *mask, const struct ph_guest *guest)
{
	if (!ph_mask_takes_server(mask, guest))
		return false;
	if (!mask->terminals)
		return true;
	for (unsigned i = 0; i < guest->terminal_count; i++)
		if (ph_mask_takes_terminal(mask, &guest->terminals[i]))
			return true;
	return false;
}
