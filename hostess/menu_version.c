#include "hostess/menu_version.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "hostess/guestbook.h"
#include "kernel/bytes.h"

static void sum_begin(crypto_generichash_state *sum)
{
	crypto_generichash_init(sum, NULL, 0, PH_MENU_DIGEST);
}

static void sum_end(crypto_generichash_state *sum, uint8_t *out)
{
	crypto_generichash_final(sum, out, PH_MENU_DIGEST);
}

static void sum_number(crypto_generichash_state *sum, uint32_t number)
{
	uint8_t bytes[4];

	ph_store32(bytes, number);
	crypto_generichash_update(sum, bytes, sizeof(bytes));
}

static void sum_text(
	crypto_generichash_state *sum, const char *text, size_t length)
{
	sum_number(sum, (uint32_t)length);
	crypto_generichash_update(sum, (const uint8_t *)text, length);
}

/* Who is fed by an output only the control surface knows; an output is no
 * news when it is wired. */
static bool room_is_told(enum ph_direction direction)
{
	return direction == PH_IN || direction == PH_COMBINE;
}

static void sum_words(
	crypto_generichash_state *sum, char *const *words, unsigned count);

static void sum_terminal(
	crypto_generichash_state *sum, const struct ph_guest_terminal *terminal)
{
	const char *direction = ph_direction_name(terminal->direction);
	bool room = !room_is_told(terminal->direction) ||
		    ph_guest_terminal_is_free(terminal);

	sum_text(sum, terminal->name, strlen(terminal->name));
	sum_text(sum, direction, strlen(direction));
	sum_text(sum, terminal->media, strlen(terminal->media));
	sum_number(sum, terminal->capacity);
	sum_number(sum, room);
	/* Older nodes know none. */
	if (terminal->label_count)
		sum_words(sum, terminal->labels, terminal->label_count);
}

static void sum_words(
	crypto_generichash_state *sum, char *const *words, unsigned count)
{
	sum_number(sum, count);
	for (unsigned i = 0; i < count; i++)
		sum_text(sum, words[i], strlen(words[i]));
}

static void sum_guest(struct ph_guest *guest)
{
	crypto_generichash_state sum;
	char identity[PH_IDENTITY_MAX + 1];

	if (ph_identity_format(&guest->identity, identity, sizeof(identity)) <
		0)
		identity[0] = '\0';
	sum_begin(&sum);
	sum_text(&sum, identity, strlen(identity));
	sum_words(&sum, guest->caps, guest->cap_count);
	sum_words(&sum, guest->labels, guest->label_count);
	sum_number(&sum, guest->terminal_count);
	for (unsigned i = 0; i < guest->terminal_count; i++)
		sum_terminal(&sum, &guest->terminals[i]);
	sum_end(&sum, guest->digest);
	guest->digested = true;
}

static void sum_node(
	crypto_generichash_state *sum, const struct ph_node_caps *caps)
{
	sum_number(sum, caps->count);
	for (unsigned i = 0; i < caps->count; i++)
		sum_text(sum, caps->words[i], strlen(caps->words[i]));
}

void ph_menu_digest(struct ph_guestbook *book, struct ph_menu_version *out)
{
	crypto_generichash_state sum;

	sum_begin(&sum);
	for (unsigned i = 0; i < book->count; i++) {
		if (!book->ordered[i]->digested)
			sum_guest(book->ordered[i]);
		crypto_generichash_update(
			&sum, book->ordered[i]->digest, PH_MENU_DIGEST);
	}
	if (book->caps)
		sum_node(&sum, book->caps);
	sum_end(&sum, out->digest);
	out->count = book->count;
}

static void sum_value(crypto_generichash_state *sum, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	sum_text(sum, text ? text : "", length);
}

/* As `key=value`, the way the book keeps it. */
static void sum_label(
	crypto_generichash_state *sum, struct ph_value labels, size_t index)
{
	size_t key_length, length;
	const char *key =
		ph_value_text(ph_value_key(labels, index), &key_length);
	const char *value =
		ph_value_text(ph_value_item(labels, index), &length);

	sum_number(sum, (uint32_t)(key_length + 1 + length));
	crypto_generichash_update(sum, (const uint8_t *)key, key_length);
	crypto_generichash_update(sum, (const uint8_t *)"=", 1);
	crypto_generichash_update(sum, (const uint8_t *)value, length);
}

/* Those of a terminal are told only when there are any. */
static void sum_labels(
	crypto_generichash_state *sum, struct ph_value labels, bool always)
{
	size_t count = ph_value_count(labels);

	if (!count && !always)
		return;
	sum_number(sum, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		sum_label(sum, labels, i);
}

static void sum_terminal_item(
	crypto_generichash_state *sum, struct ph_value terminal, bool held)
{
	int64_t capacity = ph_get_int(terminal, "capacity");
	char name[16];
	int direction = ph_direction_parse(
		ph_get_copy(terminal, "direction", name, sizeof(name)));
	bool room = !held && (capacity == 0 ||
				     ph_get_int(terminal, "in_use") < capacity);

	if (direction >= 0 && !room_is_told((enum ph_direction)direction))
		room = true;
	sum_value(sum, ph_value_get(terminal, "name"));
	sum_value(sum, ph_value_get(terminal, "direction"));
	sum_value(sum, ph_value_get(terminal, "type"));
	sum_number(sum, (uint32_t)capacity);
	sum_number(sum, room);
	sum_labels(sum, ph_value_get(terminal, "labels"), false);
}

void ph_menu_item_digest(uint8_t out[PH_MENU_DIGEST], struct ph_value item)
{
	struct ph_value caps = ph_value_get(item, "caps");
	struct ph_value terminals = ph_value_get(item, "terminals");
	bool held = ph_value_count(ph_value_get(item, "holds")) > 0;
	crypto_generichash_state sum;

	sum_begin(&sum);
	sum_value(&sum, ph_value_get(item, "identity"));
	sum_number(&sum, (uint32_t)ph_value_count(caps));
	for (size_t i = 0; i < ph_value_count(caps); i++)
		sum_value(&sum, ph_value_at(caps, i));
	sum_labels(&sum, ph_value_get(item, "labels"), true);
	sum_number(&sum, (uint32_t)ph_value_count(terminals));
	for (size_t i = 0; i < ph_value_count(terminals); i++)
		sum_terminal_item(&sum, ph_value_at(terminals, i), held);
	sum_end(&sum, out);
}

int ph_menu_version_compare(
	const struct ph_menu_version *one, const struct ph_menu_version *other)
{
	if (one->epoch != other->epoch)
		return one->epoch < other->epoch ? -1 : 1;
	if (one->version != other->version)
		return one->version < other->version ? -1 : 1;
	return 0;
}

void ph_menu_version_write(
	const struct ph_menu_version *version, struct ph_writer *writer)
{
	ph_put_u64(writer, "epoch", version->epoch);
	ph_put_u64(writer, "version", version->version);
	ph_put_int(writer, "count", version->count);
	ph_put_bytes(writer, "digest", version->digest, PH_MENU_DIGEST);
}

int ph_menu_version_read(struct ph_menu_version *out, struct ph_value map)
{
	size_t length;
	const uint8_t *digest =
		ph_value_bytes(ph_value_get(map, "digest"), &length);
	uint64_t count = ph_get_u64(map, "count");

	if (length != PH_MENU_DIGEST || count > UINT32_MAX ||
		!ph_get_u64(map, "version"))
		return -EBADMSG;
	out->epoch = ph_get_u64(map, "epoch");
	out->version = ph_get_u64(map, "version");
	out->count = (uint32_t)count;
	memcpy(out->digest, digest, PH_MENU_DIGEST);
	return 0;
}
