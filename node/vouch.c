#include "node/trust.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "kernel/bytes.h"
#include "node/trust_table.h"
#include "proto/address.h"
#include "proto/cpace.h"

#define TEXT(text) ((struct ph_bytes){(const uint8_t *)(text), strlen(text)})

#define STATEMENT_MAX 256u

/* What is signed. The mesh is part of it: a word given in one mesh is worth
 * nothing in another. Negative when it cannot be said. */
static int statement(const struct ph_vouch *vouch, const char *mesh,
	uint8_t out[STATEMENT_MAX])
{
	uint8_t issued[8];
	const struct ph_bytes parts[] = {
		TEXT("posthouse/vouch/v1"),
		TEXT(mesh),
		{vouch->key, PH_PUBLIC_KEY},
		TEXT(vouch->name),
		{issued, sizeof(issued)},
		{vouch->voucher, PH_PUBLIC_KEY},
	};

	if (!memchr(vouch->name, '\0', sizeof(vouch->name)) ||
		!ph_name_is_valid(vouch->name, strlen(vouch->name)) ||
		memcmp(vouch->key, vouch->voucher, PH_PUBLIC_KEY) == 0)
		return -EINVAL;
	ph_store64(issued, (uint64_t)vouch->issued);
	return ph_lv(
		out, STATEMENT_MAX, parts, sizeof(parts) / sizeof(parts[0]));
}

int ph_vouch_sign(
	struct ph_vouch *vouch, const uint8_t seed[32], const char *mesh)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	uint8_t text[STATEMENT_MAX];
	int length;

	crypto_sign_seed_keypair(vouch->voucher, secret, seed);
	length = statement(vouch, mesh, text);
	if (length >= 0)
		crypto_sign_detached(
			vouch->signature, NULL, text, (size_t)length, secret);
	sodium_memzero(secret, sizeof(secret));
	return length < 0 ? -EINVAL : 0;
}

bool ph_vouch_verify(const struct ph_vouch *vouch, const char *mesh)
{
	uint8_t text[STATEMENT_MAX];
	int length = statement(vouch, mesh, text);

	return length >= 0 &&
	       crypto_sign_verify_detached(vouch->signature, text,
		       (size_t)length, vouch->voucher) == 0;
}

void ph_vouch_write(struct ph_writer *writer, const struct ph_vouch *vouch)
{
	ph_write_map(writer);
	ph_put_bytes(writer, "key", vouch->key, sizeof(vouch->key));
	ph_put_text(writer, "name", vouch->name);
	ph_put_int(writer, "issued", vouch->issued);
	ph_put_bytes(writer, "voucher", vouch->voucher, sizeof(vouch->voucher));
	ph_put_bytes(writer, "signature", vouch->signature,
		sizeof(vouch->signature));
	ph_write_end(writer);
}

static int bytes_read(
	struct ph_value map, const char *name, uint8_t *out, size_t size)
{
	size_t length;
	const uint8_t *data = ph_value_bytes(ph_value_get(map, name), &length);

	if (!data || length != size)
		return -EBADMSG;
	memcpy(out, data, size);
	return 0;
}

int ph_vouch_read(struct ph_vouch *vouch, struct ph_value map)
{
	size_t length;

	memset(vouch, 0, sizeof(*vouch));
	if (bytes_read(map, "key", vouch->key, sizeof(vouch->key)) ||
		bytes_read(map, "voucher", vouch->voucher,
			sizeof(vouch->voucher)) ||
		bytes_read(map, "signature", vouch->signature,
			sizeof(vouch->signature)))
		return -EBADMSG;
	vouch->issued = ph_get_int(map, "issued");
	ph_get_copy(map, "name", vouch->name, sizeof(vouch->name));
	/* Cut or broken names are no names: what is read is what was sent. */
	if (!ph_value_text(ph_value_get(map, "name"), &length) ||
		length != strlen(vouch->name) ||
		!ph_name_is_valid(vouch->name, length))
		return -EBADMSG;
	return 0;
}

static int voucher_check(const struct ph_trust *trust,
	const struct ph_vouch *vouch, const char *mesh, enum ph_role role,
	struct ph_error *error)
{
	const struct ph_pin *voucher = ph_trust_find(trust, vouch->voucher);

	if (!voucher || ph_trust_is_revoked(trust, vouch->voucher))
		return ph_fail(error, PH_EXIT_DENIED, vouch->name, "",
			"a vouch by a key that is no member here");
	if (voucher->role < role)
		return ph_fail(error, PH_EXIT_DENIED, voucher->name, "",
			"a member with the role %s cannot vouch for one with "
			"the role %s",
			ph_role_name(voucher->role), ph_role_name(role));
	/* Last: it costs the most, and only members come so far. */
	if (!ph_vouch_verify(vouch, mesh))
		return ph_fail(error, PH_EXIT_DENIED, voucher->name, "",
			"a vouch whose signature is wrong");
	return 0;
}

int ph_trust_vouch_accept(struct ph_trust *trust, const struct ph_vouch *vouch,
	const char *mesh, enum ph_role role, int64_t now,
	struct ph_error *error)
{
	struct ph_pin *pin;

	if (ph_trust_find(trust, vouch->key) ||
		memcmp(vouch->key, trust->own_key, PH_PUBLIC_KEY) == 0)
		return 0;
	if (voucher_check(trust, vouch, mesh, role, error) ||
		ph_trust_check(trust, vouch->key, vouch->name, error))
		return -1;
	if (ph_key_list_has(&trust->forgotten, vouch->key))
		return ph_fail(error, PH_EXIT_DENIED, vouch->name,
			"let it prove the passphrase here again",
			"a vouch for a key that was forgotten here");
	pin = ph_trust_pin_add(trust, vouch->key);
	if (!pin)
		return ph_fail(error, PH_EXIT_NEGATIVE, vouch->name,
			"posthouse peers forget those that are gone",
			"no room for another peer's key");
	memcpy(pin->name, vouch->name, sizeof(pin->name));
	memcpy(pin->voucher, vouch->voucher, sizeof(pin->voucher));
	memcpy(pin->signature, vouch->signature, sizeof(pin->signature));
	memcpy(pin->vouched, vouch->name, sizeof(pin->vouched));
	pin->issued = vouch->issued;
	pin->origin = PH_BY_VOUCH;
	pin->role = role;
	pin->first_seen = now;
	trust->revision++;
	return 1;
}

/* Signing costs as much as a dial does: once a pin. */
static int sign_own(struct ph_pin *pin, const uint8_t seed[32],
	const char *mesh, struct ph_vouch *vouch)
{
	vouch->issued = pin->first_seen;
	if (ph_vouch_sign(vouch, seed, mesh))
		return -ENOENT;
	pin->issued = vouch->issued;
	memcpy(pin->voucher, vouch->voucher, sizeof(pin->voucher));
	memcpy(pin->signature, vouch->signature, sizeof(pin->signature));
	memcpy(pin->vouched, pin->name, sizeof(pin->vouched));
	return 0;
}

int ph_trust_vouch_get(struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY],
	const uint8_t seed[32], const char *mesh, struct ph_vouch *out)
{
	struct ph_pin *pin = ph_trust_pin_find(trust, key);

	memset(out, 0, sizeof(*out));
	if (!pin)
		return -ENOENT;
	memcpy(out->key, pin->key, sizeof(out->key));
	memcpy(out->name, pin->name, sizeof(out->name));
	/* It is said of a name, too. */
	if (pin->origin == PH_BY_PASSPHRASE &&
		(!pin->issued || strcmp(pin->vouched, pin->name) != 0))
		return sign_own(pin, seed, mesh, out);
	if (!pin->issued)
		return -ENOENT;
	memcpy(out->name, pin->vouched, sizeof(out->name));
	memcpy(out->voucher, pin->voucher, sizeof(out->voucher));
	memcpy(out->signature, pin->signature, sizeof(out->signature));
	out->issued = pin->issued;
	return 0;
}
