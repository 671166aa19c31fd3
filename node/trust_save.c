#include "node/trust.h"

#include <errno.h>
#include <string.h>

#include "node/trust_table.h"
#include "proto/address.h"

#define TRUST_VERSION 1

static void pin_write(struct ph_writer *writer, const struct ph_pin *pin)
{
	ph_write_map(writer);
	ph_put_bytes(writer, "key", pin->key, sizeof(pin->key));
	ph_put_text(writer, "name", pin->name);
	ph_put_text(writer, "role", ph_role_name(pin->role));
	ph_put_int(writer, "first_seen", pin->first_seen);
	ph_put_int(writer, "last_seen", pin->last_seen);
	if (pin->origin == PH_BY_VOUCH)
		ph_put_bytes(
			writer, "voucher", pin->voucher, sizeof(pin->voucher));
	if (pin->origin == PH_BY_VOUCH && pin->issued) {
		ph_put_int(writer, "issued", pin->issued);
		ph_put_text(writer, "vouched", pin->vouched);
		ph_put_bytes(writer, "signature", pin->signature,
			sizeof(pin->signature));
	}
	ph_write_end(writer);
}

static void keys_write(
	struct ph_writer *writer, const char *name, const struct key_list *list)
{
	ph_put_list(writer, name);
	for (size_t i = 0; i < list->count; i++)
		ph_write_bytes(writer, list->keys[i], PH_PUBLIC_KEY);
	ph_write_end(writer);
}

/* In the order of the keys; books of earlier versions have none. */
static void revoked_as_write(
	const struct ph_trust *trust, struct ph_writer *writer)
{
	ph_put_list(writer, "revoked_as");
	for (size_t i = 0; i < trust->revoked.count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", trust->revoked_as[i].name);
		ph_put_int(writer, "since", trust->revoked_as[i].since);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void ring_write(const struct ph_trust *trust, struct ph_writer *writer)
{
	const struct ph_ring_key *ring = trust->secrets->ring;

	ph_put_list(writer, "ring");
	for (size_t i = 0; i < trust->ring_count; i++) {
		ph_write_map(writer);
		ph_put_u64(writer, "id", ring[i].id);
		ph_put_bytes(writer, "key", ring[i].key, PH_RING_KEY);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

void ph_trust_write(const struct ph_trust *trust, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_int(writer, "version", TRUST_VERSION);
	ph_put_list(writer, "pins");
	for (size_t i = 0; i < trust->pin_count; i++)
		pin_write(writer, &trust->pins[i]);
	ph_write_end(writer);
	keys_write(writer, "revoked", &trust->revoked);
	revoked_as_write(trust, writer);
	keys_write(writer, "forgotten", &trust->forgotten);
	ring_write(trust, writer);
	ph_put_bool(writer, "ring_own", trust->ring_own);
	ph_put_list(writer, "secrets");
	for (unsigned i = 0; i < trust->slots; i++)
		ph_write_bytes(writer, trust->secrets->slot[i], PH_MESH_SECRET);
	ph_write_end(writer);
	ph_put_int(writer, "rotated", trust->rotated);
	ph_write_end(writer);
}

static const uint8_t *bytes_of(struct ph_value value, size_t size)
{
	size_t length;
	const uint8_t *data = ph_value_bytes(value, &length);

	return length == size ? data : NULL;
}

/* Books of earlier versions have none. */
static void vouch_read(struct ph_pin *pin, struct ph_value map)
{
	const uint8_t *signature = bytes_of(
		ph_value_get(map, "signature"), sizeof(pin->signature));

	if (!signature)
		return;
	memcpy(pin->signature, signature, sizeof(pin->signature));
	ph_get_copy(map, "vouched", pin->vouched, sizeof(pin->vouched));
	pin->issued = ph_get_int(map, "issued");
}

static int pin_read(struct ph_trust *trust, struct ph_value map)
{
	const uint8_t *key = bytes_of(ph_value_get(map, "key"), PH_PUBLIC_KEY);
	const uint8_t *voucher =
		bytes_of(ph_value_get(map, "voucher"), PH_PUBLIC_KEY);
	char role[16];
	char name[40];
	struct ph_pin *pin;

	ph_get_copy(map, "name", name, sizeof(name));
	ph_get_copy(map, "role", role, sizeof(role));
	if (!key || ph_trust_pin_find(trust, key) || ph_role_parse(role) < 0 ||
		!ph_name_is_valid(name, strlen(name)))
		return -EBADMSG;
	pin = ph_trust_pin_add(trust, key);
	if (!pin)
		return -ENOMEM;
	memcpy(pin->name, name, sizeof(pin->name));
	pin->role = (enum ph_role)ph_role_parse(role);
	pin->first_seen = ph_get_int(map, "first_seen");
	pin->last_seen = ph_get_int(map, "last_seen");
	if (voucher) {
		pin->origin = PH_BY_VOUCH;
		memcpy(pin->voucher, voucher, PH_PUBLIC_KEY);
		vouch_read(pin, map);
	}
	return 0;
}

static int pins_read(struct ph_trust *trust, struct ph_value list)
{
	int error = 0;

	if (ph_value_type(list) != PH_LIST ||
		ph_value_count(list) > PH_TRUST_PINS)
		return -EBADMSG;
	for (size_t i = 0; i < ph_value_count(list) && !error; i++)
		error = pin_read(trust, ph_value_at(list, i));
	return error;
}

static int keys_read(struct key_list *keys, struct ph_value list, size_t most)
{
	int error = 0;

	if (ph_value_type(list) != PH_LIST)
		return -EBADMSG;
	for (size_t i = 0; i < ph_value_count(list) && !error; i++) {
		const uint8_t *key =
			bytes_of(ph_value_at(list, i), PH_PUBLIC_KEY);

		error = key ? ph_key_list_add(keys, key, most) : -EBADMSG;
	}
	return error == -ENOSPC ? -EBADMSG : error;
}

static int revoked_read(
	struct ph_trust *trust, struct ph_value list, struct ph_value as)
{
	char name[40];
	int error = 0;

	if (ph_value_type(list) != PH_LIST)
		return -EBADMSG;
	for (size_t i = 0; i < ph_value_count(list) && !error; i++) {
		struct ph_value map = ph_value_at(as, i);
		const uint8_t *key =
			bytes_of(ph_value_at(list, i), PH_PUBLIC_KEY);

		ph_get_copy(map, "name", name, sizeof(name));
		error = key ? ph_trust_revoked_add(trust, key, name,
				      ph_get_int(map, "since"))
			    : -EBADMSG;
	}
	return error == -ENOSPC ? -EBADMSG : error;
}

static int ring_read(struct ph_trust *trust, struct ph_value list)
{
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value map = ph_value_at(list, i);
		const uint8_t *data =
			bytes_of(ph_value_get(map, "key"), PH_RING_KEY);
		struct ph_ring_key key = {.id = ph_get_u64(map, "id")};

		if (!data || key.id == 0)
			return -EBADMSG;
		memcpy(key.key, data, sizeof(key.key));
		ph_trust_ring_merge(trust, &key);
	}
	return 0;
}

static int secrets_read(struct ph_trust *trust, struct ph_value list)
{
	if (ph_value_count(list) > 2)
		return -EBADMSG;
	for (size_t i = 0; i < ph_value_count(list); i++) {
		const uint8_t *secret =
			bytes_of(ph_value_at(list, i), PH_MESH_SECRET);

		if (!secret)
			return -EBADMSG;
		memcpy(trust->secrets->slot[i], secret, PH_MESH_SECRET);
		trust->slots++;
	}
	return 0;
}

static int all_read(struct ph_trust *trust, struct ph_value map)
{
	int error = ph_get_int(map, "version") == TRUST_VERSION ? 0 : -EBADMSG;

	if (!error)
		error = pins_read(trust, ph_value_get(map, "pins"));
	if (!error)
		error = revoked_read(trust, ph_value_get(map, "revoked"),
			ph_value_get(map, "revoked_as"));
	if (!error)
		error = keys_read(&trust->forgotten,
			ph_value_get(map, "forgotten"), PH_TRUST_FORGOTTEN);
	if (!error)
		error = ring_read(trust, ph_value_get(map, "ring"));
	trust->ring_own =
		ph_get_bool(map, "ring_own") && trust->ring_count == 1;
	if (!error)
		error = secrets_read(trust, ph_value_get(map, "secrets"));
	trust->rotated = ph_get_int(map, "rotated");
	return error;
}

/* Into a fresh one first: what is there stands until all was read. */
int ph_trust_read(struct ph_trust *trust, struct ph_value map)
{
	struct ph_trust *fresh;
	struct ph_trust old;
	int error = ph_trust_create(&fresh, trust->own_key, trust->own_name);

	if (error)
		return error;
	error = all_read(fresh, map);
	if (!error) {
		old = *trust;
		fresh->revision = old.revision + 1;
		*trust = *fresh;
		*fresh = old;
	}
	ph_trust_destroy(fresh);
	return error;
}
