#include "hostess/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

static int manifest_fail(
	const struct ph_guest *guest, struct ph_error *error, const char *what)
{
	return ph_fail(error, PH_EXIT_WIRING, guest->server,
		"correct the server's manifest", "%s", what);
}

static void words_free(char **words, unsigned count)
{
	for (unsigned i = 0; words && i < count; i++)
		free(words[i]);
	free(words);
}

void ph_guest_free(struct ph_guest *guest)
{
	if (!guest)
		return;
	words_free(guest->caps, guest->cap_count);
	words_free(guest->labels, guest->label_count);
	for (unsigned i = 0; i < guest->terminal_count; i++) {
		ph_guest_terminal_clear(&guest->terminals[i]);
		words_free(guest->terminals[i].labels,
			guest->terminals[i].label_count);
	}
	free(guest->terminals);
	free(guest);
}

static int read_name(char out[40], struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (!text || !ph_name_is_valid(text, length))
		return -1;
	ph_value_copy(value, out, 40);
	return 0;
}

static int read_identity(struct ph_guest *guest, struct ph_value manifest,
	struct ph_error *error)
{
	size_t length;
	const char *text =
		ph_value_text(ph_value_get(manifest, "identity"), &length);

	if (!text || ph_identity_parse(&guest->identity, text, length) < 0)
		return ph_fail(error, PH_EXIT_WIRING, guest->server,
			"write fqdn:servername:classHex:owner:authFlag:"
			"authMechanism:uuid",
			"its identity: %s",
			text ? ph_identity_fault(text, length)
			     : "it is no text");
	if (strcmp(guest->identity.server, guest->server) != 0)
		return manifest_fail(
			guest, error, "the identity names another server");
	return 0;
}

/* A server whose demand nobody here could enforce is not let in. */
static int read_auth(struct ph_guest *guest, struct ph_value manifest,
	struct ph_error *error)
{
	const struct ph_identity *identity = &guest->identity;
	struct ph_value value = ph_value_get(manifest, "auth");
	char plain[64];
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (ph_value_type(value) == PH_NIL) {
		snprintf(plain, sizeof(plain), "%s %s",
			ph_auth_name(identity->auth), identity->mechanism);
		text = plain;
		length = strlen(plain);
	}
	if (ph_auth_rule_parse(&guest->auth, text ? text : "",
		    text ? length : 0, error) < 0)
		return -1;
	if (!ph_auth_rule_agrees(&guest->auth, identity))
		return manifest_fail(guest, error,
			"the identity's authFlag and authMechanism are not "
			"those of `auth`");
	return 0;
}

static int read_terminal(struct ph_guest *guest,
	struct ph_guest_terminal *terminal, struct ph_value map,
	struct ph_error *error)
{
	struct ph_value media = ph_value_get(map, "type");
	char direction[16];
	size_t length;
	int parsed;

	if (read_name(terminal->name, ph_value_get(map, "name")) < 0)
		return manifest_fail(guest, error, "a terminal has no name");
	parsed = ph_direction_parse(
		ph_get_copy(map, "direction", direction, sizeof(direction)));
	if (parsed < 0)
		return manifest_fail(guest, error,
			"a terminal's direction is out, mux, in or combine");
	ph_value_text(media, &length);
	if (length >= sizeof(terminal->media))
		return manifest_fail(guest, error, "a media type is too long");
	ph_value_copy(media, terminal->media, sizeof(terminal->media));
	terminal->guest = guest;
	terminal->direction = (enum ph_direction)parsed;
	terminal->handle = ph_get_u64(map, "handle");
	terminal->capacity = parsed == PH_OUT || parsed == PH_IN ? 1 : 0;
	return 0;
}

static int read_terminals(
	struct ph_guest *guest, struct ph_value list, struct ph_error *error)
{
	size_t count = ph_value_count(list);

	if (count > PH_GUEST_TERMINALS)
		return manifest_fail(guest, error, "too many terminals");
	guest->terminals = calloc(count + 1, sizeof(*guest->terminals));
	if (!guest->terminals)
		return manifest_fail(guest, error, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct ph_guest_terminal *terminal = &guest->terminals[i];

		if (read_terminal(
			    guest, terminal, ph_value_at(list, i), error) < 0)
			return -1;
		if (ph_guest_terminal_find(guest, terminal->name, NULL))
			return manifest_fail(guest, error,
				"two terminals have the same name");
		guest->terminal_count++;
	}
	return 0;
}

static bool has_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return true;
	return false;
}

static int read_caps(
	struct ph_guest *guest, struct ph_value list, struct ph_error *error)
{
	size_t count = ph_value_count(list);

	if (count > PH_GUEST_CAPS)
		return manifest_fail(guest, error, "too many capabilities");
	guest->caps = calloc(count + 1, sizeof(*guest->caps));
	for (size_t i = 0; guest->caps && i < count; i++) {
		size_t length;
		const char *text = ph_value_text(ph_value_at(list, i), &length);

		if (!text || length == 0 || length > PH_GUEST_WORD ||
			has_control(text, length))
			return manifest_fail(guest, error,
				"a capability is `key` or `key=value`, at most "
				"128 bytes, none of them a control byte");
		guest->caps[i] = strndup(text, length);
		if (!guest->caps[i])
			break;
		guest->cap_count++;
	}
	if (guest->cap_count != count)
		return manifest_fail(guest, error, "out of memory");
	return 0;
}

/* `key=value` in one string, or NULL. */
static char *label_make(struct ph_value key, struct ph_value value)
{
	size_t key_length, length;
	const char *left = ph_value_text(key, &key_length);
	const char *right = ph_value_text(value, &length);
	char *label;

	if (!left || !right || !key_length || memchr(left, '=', key_length) ||
		key_length + length > PH_GUEST_WORD ||
		has_control(left, key_length) || has_control(right, length))
		return NULL;
	if (asprintf(&label, "%.*s=%.*s", (int)key_length, left, (int)length,
		    right) < 0)
		return NULL;
	return label;
}

/* The server's, or one of its terminals'. */
static int read_labels(struct ph_guest *guest, struct ph_value map, char ***out,
	unsigned *out_count, struct ph_error *error)
{
	size_t count = ph_value_count(map);
	char **labels;

	if (count > PH_GUEST_CAPS)
		return manifest_fail(guest, error, "too many labels");
	if (!count)
		return 0;
	labels = calloc(count, sizeof(*labels));
	if (!labels)
		return manifest_fail(guest, error, "out of memory");
	*out = labels;
	for (size_t i = 0; i < count; i++) {
		labels[i] =
			label_make(ph_value_key(map, i), ph_value_item(map, i));
		if (!labels[i])
			return manifest_fail(guest, error,
				"a label is a short key and a text");
		++*out_count;
	}
	return 0;
}

static int read_all_labels(struct ph_guest *guest, struct ph_value manifest,
	struct ph_error *error)
{
	struct ph_value terminals = ph_value_get(manifest, "terminals");
	int failed = read_labels(guest, ph_value_get(manifest, "labels"),
		&guest->labels, &guest->label_count, error);

	for (unsigned i = 0; !failed && i < guest->terminal_count; i++)
		failed = read_labels(guest,
			ph_value_get(ph_value_at(terminals, i), "labels"),
			&guest->terminals[i].labels,
			&guest->terminals[i].label_count, error);
	return failed;
}

int ph_guest_read(
	struct ph_guest **out, struct ph_value manifest, struct ph_error *error)
{
	struct ph_guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return ph_fail(error, PH_EXIT_NEGATIVE, "manifest",
			"free memory", "out of memory");
	if (read_name(guest->server, ph_value_get(manifest, "server")) < 0) {
		manifest_fail(guest, error,
			"a server's name is letters, digits, dots and "
			"dashes");
		goto fail;
	}
	if (read_identity(guest, manifest, error) < 0 ||
		read_auth(guest, manifest, error) < 0 ||
		read_terminals(
			guest, ph_value_get(manifest, "terminals"), error) ||
		read_caps(guest, ph_value_get(manifest, "caps"), error) ||
		read_all_labels(guest, manifest, error))
		goto fail;
	*out = guest;
	return 0;
fail:
	ph_guest_free(guest);
	return -1;
}
