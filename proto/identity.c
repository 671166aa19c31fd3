#include "proto/identity.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"

enum {
	FIELDS = 7
};

static const char *const auth_names[] = {
	[PH_AUTH_NO] = "no",
	[PH_AUTH_OPTIONAL] = "optional",
	[PH_AUTH_YES] = "yes",
};

struct field {
	const char *text;
	size_t length;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* `more` are allowed besides lower-case letters and digits. */
static bool field_is_made_of(
	const struct field *field, size_t most, bool upper, const char *more)
{
	if (!field->length || field->length > most)
		return false;
	for (size_t i = 0; i < field->length; i++) {
		char c = field->text[i];

		if (is_lower(c) || is_digit(c))
			continue;
		if (upper && c >= 'A' && c <= 'Z')
			continue;
		if (!c || !strchr(more, c))
			return false;
	}
	return true;
}

static int field_copy(char *out, size_t size, const struct field *field)
{
	assert(field->length < size);
	memcpy(out, field->text, field->length);
	out[field->length] = '\0';
	return 0;
}

static int read_fqdn(struct ph_identity *identity, const struct field *field)
{
	if (!field_is_made_of(field, sizeof(identity->fqdn) - 1, false, ".-"))
		return -EINVAL;
	return field_copy(identity->fqdn, sizeof(identity->fqdn), field);
}

static int read_server(struct ph_identity *identity, const struct field *field)
{
	if (!ph_name_is_valid(field->text, field->length))
		return -EINVAL;
	return field_copy(identity->server, sizeof(identity->server), field);
}

static int read_class(struct ph_identity *identity, const struct field *field)
{
	if (!field->length || field->length > 8 ||
		(field->length > 1 && field->text[0] == '0'))
		return -EINVAL;
	identity->class = 0;
	for (size_t i = 0; i < field->length; i++) {
		char c = field->text[i];

		if (!is_hex(c))
			return -EINVAL;
		identity->class =
			identity->class << 4 |
			(uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return 0;
}

static int read_owner(struct ph_identity *identity, const struct field *field)
{
	if (!field_is_made_of(field, sizeof(identity->owner) - 1, true, "._@-"))
		return -EINVAL;
	return field_copy(identity->owner, sizeof(identity->owner), field);
}

static int read_auth(struct ph_identity *identity, const struct field *field)
{
	for (int i = PH_AUTH_NO; i <= PH_AUTH_YES; i++)
		if (strlen(auth_names[i]) == field->length &&
			!memcmp(auth_names[i], field->text, field->length)) {
			identity->auth = (enum ph_auth)i;
			return 0;
		}
	return -EINVAL;
}

static int read_mechanism(
	struct ph_identity *identity, const struct field *field)
{
	if (!field_is_made_of(
		    field, sizeof(identity->mechanism) - 1, false, "-"))
		return -EINVAL;
	return field_copy(
		identity->mechanism, sizeof(identity->mechanism), field);
}

static int read_uuid(struct ph_identity *identity, const struct field *field)
{
	if (field->length != sizeof(identity->uuid) - 1)
		return -EINVAL;
	for (size_t i = 0; i < field->length; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? field->text[i] != '-' : !is_hex(field->text[i]))
			return -EINVAL;
	}
	return field_copy(identity->uuid, sizeof(identity->uuid), field);
}

static int (*const readers[FIELDS])(
	struct ph_identity *identity, const struct field *field) = {
	read_fqdn,
	read_server,
	read_class,
	read_owner,
	read_auth,
	read_mechanism,
	read_uuid,
};

static const char *const rules[FIELDS] = {
	"field 1, fqdn, is 1 to 253 of a-z 0-9 . -",
	"field 2, servername, is a name of 1 to 39 letters, digits, . _ -",
	"field 3, classHex, is 1 to 8 lower-case hex digits without a zero in "
	"front",
	"field 4, owner, is 1 to 64 of A-Z a-z 0-9 . _ @ -",
	"field 5, authFlag, is yes, no or optional",
	"field 6, authMechanism, is 1 to 32 of a-z 0-9 -",
	"field 7, uuid, is lower case, 8-4-4-4-12 hex digits",
};

/* NULL: it was read. */
static const char *identity_read(
	struct ph_identity *out, const char *text, size_t length)
{
	const char *end = text + length;

	for (int i = 0; i < FIELDS; i++) {
		const char *colon = memchr(text, ':', (size_t)(end - text));
		struct field field = {.text = text};

		if (!colon && i < FIELDS - 1)
			return "it has fewer than seven fields";
		if (colon && i == FIELDS - 1)
			return "it has more than seven fields; a field holds "
			       "no colon";
		field.length = (size_t)((colon ? colon : end) - text);
		if (readers[i](out, &field))
			return rules[i];
		text = colon ? colon + 1 : end;
	}
	return NULL;
}

int ph_identity_parse(struct ph_identity *out, const char *text, size_t length)
{
	struct ph_identity read = {0};

	if (length > PH_IDENTITY_MAX)
		return -E2BIG;
	if (identity_read(&read, text, length))
		return -EINVAL;
	*out = read;
	return 0;
}

const char *ph_identity_fault(const char *text, size_t length)
{
	struct ph_identity read = {0};

	return length > PH_IDENTITY_MAX ? "it has more than 512 bytes"
					: identity_read(&read, text, length);
}

/* A struct's field; one without terminator has too many bytes to pass. */
static struct field field_of(const char *text, size_t size)
{
	return (struct field){.text = text, .length = strnlen(text, size)};
}

static bool identity_is_canonical(const struct ph_identity *identity)
{
	const struct field fields[] = {
		field_of(identity->fqdn, sizeof(identity->fqdn)),
		field_of(identity->server, sizeof(identity->server)),
		field_of(identity->owner, sizeof(identity->owner)),
		field_of(identity->mechanism, sizeof(identity->mechanism)),
		field_of(identity->uuid, sizeof(identity->uuid)),
	};
	struct ph_identity ignored;

	return !read_fqdn(&ignored, &fields[0]) &&
	       !read_server(&ignored, &fields[1]) &&
	       !read_owner(&ignored, &fields[2]) &&
	       !read_mechanism(&ignored, &fields[3]) &&
	       !read_uuid(&ignored, &fields[4]) &&
	       (unsigned)identity->auth <= PH_AUTH_YES;
}

int ph_identity_format(
	const struct ph_identity *identity, char *out, size_t size)
{
	int length;

	if (!identity_is_canonical(identity))
		return -EINVAL;
	length = snprintf(out, size, "%s:%s:%x:%s:%s:%s:%s", identity->fqdn,
		identity->server, identity->class, identity->owner,
		auth_names[identity->auth], identity->mechanism,
		identity->uuid);
	return length < 0 || (size_t)length >= size ? -ENOSPC : length;
}

void ph_node_id(uint8_t id[PH_NODE_ID_BYTES], const uint8_t key[PH_PUBLIC_KEY])
{
	crypto_generichash(id, PH_NODE_ID_BYTES, key, PH_PUBLIC_KEY, NULL, 0);
}

static void write_hex(char *out, const uint8_t *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}

char *ph_node_id_text(
	char out[PH_NODE_ID_TEXT], const uint8_t key[PH_PUBLIC_KEY])
{
	uint8_t id[PH_NODE_ID_BYTES];

	ph_node_id(id, key);
	write_hex(out, id, sizeof(id));
	return out;
}

void ph_server_uuid(
	char out[37], const uint8_t key[PH_PUBLIC_KEY], const char *server)
{
	static const char purpose[] = "posthouse server";
	crypto_generichash_state state;
	uint8_t hash[16];
	char hex[33];

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(
		&state, (const uint8_t *)purpose, sizeof(purpose));
	crypto_generichash_update(&state, key, PH_PUBLIC_KEY);
	crypto_generichash_update(
		&state, (const uint8_t *)server, strlen(server));
	crypto_generichash_final(&state, hash, sizeof(hash));
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x50);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	write_hex(hex, hash, sizeof(hash));
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		hex + 16, hex + 20);
}
