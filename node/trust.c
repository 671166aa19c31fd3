#include "node/trust.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/trust_table.h"
#include "proto/address.h"

/* Lists of keys. */

static size_t key_list_find(
	const struct key_list *list, const uint8_t key[PH_PUBLIC_KEY])
{
	size_t i = 0;

	while (i < list->count && memcmp(list->keys[i], key, PH_PUBLIC_KEY))
		i++;
	return i;
}

bool ph_key_list_has(
	const struct key_list *list, const uint8_t key[PH_PUBLIC_KEY])
{
	return key_list_find(list, key) < list->count;
}

int ph_key_list_add(
	struct key_list *list, const uint8_t key[PH_PUBLIC_KEY], size_t most)
{
	if (ph_key_list_has(list, key))
		return 0;
	if (list->count >= most)
		return -ENOSPC;
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		void *keys =
			reallocarray(list->keys, room, sizeof(*list->keys));

		if (!keys)
			return -ENOMEM;
		list->keys = keys;
		list->room = room;
	}
	memcpy(list->keys[list->count++], key, PH_PUBLIC_KEY);
	return 0;
}

void ph_key_list_remove(struct key_list *list, const uint8_t key[PH_PUBLIC_KEY])
{
	size_t i = key_list_find(list, key);

	if (i == list->count)
		return;
	list->count--;
	memmove(list->keys[i], list->keys[i + 1],
		(list->count - i) * sizeof(*list->keys));
}

/* Life. */

int ph_trust_create(struct ph_trust **out, const uint8_t key[PH_PUBLIC_KEY],
	const char *name)
{
	struct ph_trust *trust;

	if (!ph_name_is_valid(name, strlen(name)))
		return -EINVAL;
	/* Again and again is fine; without it there is no locked memory. */
	if (sodium_init() < 0)
		return -ENOMEM;
	trust = calloc(1, sizeof(*trust));
	if (!trust)
		return -ENOMEM;
	trust->secrets = sodium_malloc(sizeof(*trust->secrets));
	if (!trust->secrets) {
		free(trust);
		return -ENOMEM;
	}
	memset(trust->secrets, 0, sizeof(*trust->secrets));
	memcpy(trust->own_key, key, PH_PUBLIC_KEY);
	strncpy(trust->own_name, name, sizeof(trust->own_name) - 1);
	*out = trust;
	return 0;
}

void ph_trust_destroy(struct ph_trust *trust)
{
	if (!trust)
		return;
	sodium_free(trust->secrets);
	free(trust->pins);
	free(trust->revoked.keys);
	free(trust->revoked_as);
	free(trust->forgotten.keys);
	free(trust->failed);
	free(trust);
}

uint64_t ph_trust_revision(const struct ph_trust *trust)
{
	return trust->revision;
}

/* Pins. */

struct ph_pin *ph_trust_pin_find(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY])
{
	for (size_t i = 0; i < trust->pin_count; i++)
		if (memcmp(trust->pins[i].key, key, PH_PUBLIC_KEY) == 0)
			return &trust->pins[i];
	return NULL;
}

const struct ph_pin *ph_trust_find(
	const struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY])
{
	return ph_trust_pin_find((struct ph_trust *)trust, key);
}

/* An id is looked for first: no name can hide a node from its id. */
struct ph_pin *ph_trust_pin_find_text(
	const struct ph_trust *trust, const char *text)
{
	for (size_t i = 0; i < trust->pin_count; i++)
		if (strcmp(trust->pins[i].id, text) == 0)
			return &trust->pins[i];
	for (size_t i = 0; i < trust->pin_count; i++)
		if (strcmp(trust->pins[i].name, text) == 0)
			return &trust->pins[i];
	return NULL;
}

const struct ph_pin *ph_trust_find_text(
	const struct ph_trust *trust, const char *text)
{
	return ph_trust_pin_find_text(trust, text);
}

size_t ph_trust_count(const struct ph_trust *trust)
{
	return trust->pin_count;
}

const struct ph_pin *ph_trust_at(const struct ph_trust *trust, size_t index)
{
	return index < trust->pin_count ? &trust->pins[index] : NULL;
}

struct ph_pin *ph_trust_pin_add(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY])
{
	struct ph_pin *pin;

	if (trust->pin_count >= PH_TRUST_PINS)
		return NULL;
	if (trust->pin_count == trust->pin_room) {
		size_t room = trust->pin_room ? 2 * trust->pin_room : 8;
		void *pins = reallocarray(trust->pins, room, sizeof(*pin));

		if (!pins)
			return NULL;
		trust->pins = pins;
		trust->pin_room = room;
	}
	pin = &trust->pins[trust->pin_count++];
	memset(pin, 0, sizeof(*pin));
	memcpy(pin->key, key, PH_PUBLIC_KEY);
	ph_node_id_text(pin->id, key);
	return pin;
}

void ph_trust_pin_remove(struct ph_trust *trust, struct ph_pin *pin)
{
	*pin = trust->pins[--trust->pin_count];
	trust->revision++;
}

/* Names that differ in case alone would be taken for one another. */
static const uint8_t *name_owner(const struct ph_trust *trust, const char *name)
{
	if (strcasecmp(trust->own_name, name) == 0)
		return trust->own_key;
	for (size_t i = 0; i < trust->pin_count; i++)
		if (strcasecmp(trust->pins[i].name, name) == 0)
			return trust->pins[i].key;
	return NULL;
}

static int name_check(const struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], const char *name,
	struct ph_error *error)
{
	const uint8_t *owner;
	char id[PH_NODE_ID_TEXT];

	if (!ph_name_is_valid(name, strlen(name)))
		return ph_fail(error, PH_EXIT_DENIED, "", "",
			"a peer's name is not a valid name");
	owner = name_owner(trust, name);
	if (!owner || memcmp(owner, key, PH_PUBLIC_KEY) == 0)
		return 0;
	ph_node_id_text(id, owner);
	if (owner == trust->own_key)
		return ph_fail(error, PH_EXIT_DENIED, name,
			"start one of the two with another --name",
			"a peer calls itself %s, which is this node's name",
			name);
	return ph_fail(error, PH_EXIT_DENIED, name,
		"if it was installed anew: posthouse peers forget NAME; "
		"otherwise give it another --name",
		"the name %s belongs to another key (node %s)", name, id);
}

int ph_trust_check(const struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], const char *name,
	struct ph_error *error)
{
	if (memcmp(key, trust->own_key, PH_PUBLIC_KEY) == 0)
		return ph_fail(error, PH_EXIT_DENIED, "",
			"give each node a state directory of its own",
			"a peer has this node's own key");
	if (ph_trust_is_revoked(trust, key))
		return ph_fail(error, PH_EXIT_DENIED, "",
			"a node that was revoked needs a new key (a new "
			"state directory)",
			"the peer's key was revoked");
	return name_check(trust, key, name, error);
}

static void pin_name(struct ph_pin *pin, const char *name)
{
	memset(pin->name, 0, sizeof(pin->name));
	strncpy(pin->name, name, sizeof(pin->name) - 1);
}

int ph_trust_pin(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const char *name, enum ph_role role, int64_t now,
	struct ph_error *error)
{
	struct ph_pin *pin;

	if (ph_trust_check(trust, key, name, error))
		return -1;
	pin = ph_trust_pin_find(trust, key);
	if (!pin) {
		pin = ph_trust_pin_add(trust, key);
		if (!pin)
			return ph_fail(error, PH_EXIT_NEGATIVE, "",
				"posthouse peers forget those that are gone",
				"no room for another peer's key");
		pin->role = role;
		pin->first_seen = now;
	}
	pin_name(pin, name);
	pin->origin = PH_BY_PASSPHRASE;
	memset(pin->voucher, 0, sizeof(pin->voucher));
	pin->issued = 0;
	pin->last_seen = now;
	ph_key_list_remove(&trust->forgotten, key);
	trust->revision++;
	return 0;
}

int ph_trust_seen(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const char *name, int64_t now, struct ph_error *error)
{
	struct ph_pin *pin = ph_trust_pin_find(trust, key);

	if (ph_trust_check(trust, key, name, error))
		return -1;
	if (!pin)
		return ph_fail(error, PH_EXIT_DENIED, name, "",
			"the peer's key is not pinned");
	pin_name(pin, name);
	pin->last_seen = now;
	trust->revision++;
	return 0;
}

int ph_trust_set_role(struct ph_trust *trust, const char *text,
	enum ph_role role, struct ph_error *error)
{
	struct ph_pin *pin = ph_trust_pin_find_text(trust, text);

	if (!pin)
		return ph_trust_fail_unknown(trust, text, error);
	pin->role = role;
	trust->revision++;
	return 0;
}

/* Bounded: the oldest makes room, as an old vouch of it is the rarest. */
static int forgotten_add(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY])
{
	struct key_list *list = &trust->forgotten;

	if (list->count >= PH_TRUST_FORGOTTEN)
		ph_key_list_remove(list, list->keys[0]);
	return ph_key_list_add(list, key, PH_TRUST_FORGOTTEN);
}

int ph_trust_forget(
	struct ph_trust *trust, const char *text, struct ph_error *error)
{
	struct ph_pin *pin = ph_trust_pin_find_text(trust, text);

	if (!pin)
		return ph_trust_fail_unknown(trust, text, error);
	if (forgotten_add(trust, pin->key))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, text, "", "out of memory");
	ph_trust_pin_remove(trust, pin);
	return 0;
}

int ph_trust_key_of(const struct ph_trust *trust, const char *text,
	uint8_t key[PH_PUBLIC_KEY], struct ph_error *error)
{
	const struct ph_pin *pin = ph_trust_pin_find_text(trust, text);
	size_t length;

	if (pin) {
		memcpy(key, pin->key, PH_PUBLIC_KEY);
		return 0;
	}
	if (sodium_hex2bin(key, PH_PUBLIC_KEY, text, strlen(text), NULL,
		    &length, NULL) == 0 &&
		length == PH_PUBLIC_KEY && strlen(text) == 2 * PH_PUBLIC_KEY)
		return 0;
	return ph_trust_fail_unknown(trust, text, error);
}

/* Keys that failed. */

bool ph_trust_may_dial(const struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], int64_t now)
{
	if (ph_trust_is_revoked(trust, key) ||
		memcmp(key, trust->own_key, PH_PUBLIC_KEY) == 0)
		return false;
	for (size_t i = 0; i < trust->failed_count; i++) {
		const struct failed_key *failed = &trust->failed[i];
		int64_t age = now - failed->when;

		/* A clock that was set back does not lengthen it. */
		if (memcmp(failed->key, key, PH_PUBLIC_KEY) == 0)
			return age < 0 || age >= PH_TRUST_FAILED_FOR;
	}
	return true;
}

void ph_trust_failed(
	struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY], int64_t now)
{
	size_t slot = 0;

	if (!trust->failed)
		trust->failed = calloc(PH_TRUST_FAILED, sizeof(*trust->failed));
	if (!trust->failed)
		return; /* it costs time, never trust */
	while (slot < trust->failed_count &&
		memcmp(trust->failed[slot].key, key, PH_PUBLIC_KEY))
		slot++;
	if (slot == PH_TRUST_FAILED) {
		slot = 0;
		for (size_t i = 1; i < PH_TRUST_FAILED; i++)
			if (trust->failed[i].when < trust->failed[slot].when)
				slot = i;
	} else if (slot == trust->failed_count) {
		trust->failed_count++;
	}
	memcpy(trust->failed[slot].key, key, PH_PUBLIC_KEY);
	trust->failed[slot].when = now;
}
