#include "node/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/trust_table.h"

/*
 * Revoked keys: refused for ever. What they were called here and since when is
 * kept beside them, for people alone: whoever asks after a name is told.
 */

bool ph_trust_is_revoked(
	const struct ph_trust *trust, const uint8_t key[PH_PUBLIC_KEY])
{
	return ph_key_list_has(&trust->revoked, key);
}

bool ph_trust_revoked_at(
	const struct ph_trust *trust, size_t index, struct ph_revoked *out)
{
	const struct revoked_as *as;

	if (index >= trust->revoked.count)
		return false;
	as = &trust->revoked_as[index];
	*out = (struct ph_revoked){
		trust->revoked.keys[index], as->name, as->since};
	return true;
}

bool ph_trust_revoked_find(
	const struct ph_trust *trust, const char *text, struct ph_revoked *out)
{
	struct ph_revoked one;
	char id[PH_NODE_ID_TEXT];
	bool found = false;

	/* Of several of one name the last. */
	for (size_t i = 0; ph_trust_revoked_at(trust, i, &one); i++) {
		ph_node_id_text(id, one.key);
		if (strcmp(id, text) != 0 && strcmp(one.name, text) != 0)
			continue;
		*out = one;
		found = true;
	}
	return found;
}

int ph_trust_fail_unknown(
	const struct ph_trust *trust, const char *text, struct ph_error *error)
{
	struct ph_revoked revoked;

	if (ph_trust_revoked_find(trust, text, &revoked))
		return ph_fail(error, PH_EXIT_CONFLICT, text,
			"give that machine a new state directory; it then "
			"joins as a new node",
			"this node is revoked, which lasts for ever");
	return ph_fail(error, PH_EXIT_NOT_FOUND, text,
		"posthouse peers lists them", "no peer has this name or id");
}

int ph_trust_revoked_add(struct ph_trust *trust,
	const uint8_t key[PH_PUBLIC_KEY], const char *name, int64_t since)
{
	size_t count = trust->revoked.count;
	int error = ph_key_list_add(&trust->revoked, key, PH_TRUST_REVOKED);
	struct revoked_as *as;

	if (error || trust->revoked.count == count)
		return error;
	as = reallocarray(trust->revoked_as, trust->revoked.room, sizeof(*as));
	if (!as) {
		trust->revoked.count = count;
		return -ENOMEM;
	}
	trust->revoked_as = as;
	as[count] = (struct revoked_as){.since = since};
	snprintf(as[count].name, sizeof(as[count].name), "%s", name);
	return 0;
}

static const struct ph_pin *pin_vouched_by(
	const struct ph_trust *trust, const uint8_t voucher[PH_PUBLIC_KEY])
{
	for (size_t i = 0; i < trust->pin_count; i++)
		if (trust->pins[i].origin == PH_BY_VOUCH &&
			memcmp(trust->pins[i].voucher, voucher,
				PH_PUBLIC_KEY) == 0)
			return &trust->pins[i];
	return NULL;
}

/* Unpins the key and, down the tree, all that stand on its word. No recursion:
 * a chain of vouches may be as long as the table. */
static void pins_fell(struct ph_trust *trust, struct key_list *falling,
	void (*unpinned)(void *context, const struct ph_pin *pin),
	void *context)
{
	for (size_t i = 0; i < falling->count; i++) {
		struct ph_pin *pin = ph_trust_pin_find(trust, falling->keys[i]);
		const struct ph_pin *child;

		if (pin) {
			struct ph_pin copy = *pin;

			ph_trust_pin_remove(trust, pin);
			if (unpinned)
				unpinned(context, &copy);
		}
		while ((child = pin_vouched_by(trust, falling->keys[i]))) {
			uint8_t key[PH_PUBLIC_KEY];

			/* Its voucher is erased so that it is found once; it
			 * falls in its turn. */
			memcpy(key, child->key, sizeof(key));
			if (ph_key_list_add(falling, key, PH_TRUST_PINS + 1))
				break;
			memset(ph_trust_pin_find(trust, key)->voucher, 0,
				PH_PUBLIC_KEY);
		}
	}
}

int ph_trust_revoke(struct ph_trust *trust, const char *text, int64_t now,
	uint8_t key[PH_PUBLIC_KEY],
	void (*unpinned)(void *context, const struct ph_pin *pin),
	void *context, struct ph_error *error)
{
	struct key_list falling = {0};
	const struct ph_pin *pin;

	if (ph_trust_key_of(trust, text, key, error))
		return -1;
	if (memcmp(key, trust->own_key, PH_PUBLIC_KEY) == 0)
		return ph_fail(error, PH_EXIT_CONFLICT, text,
			"revoke it from another node",
			"a node cannot revoke itself");
	pin = ph_trust_pin_find(trust, key);
	if (ph_trust_revoked_add(trust, key, pin ? pin->name : "", now) ||
		ph_key_list_add(&falling, key, PH_TRUST_PINS + 1))
		return ph_fail(error, PH_EXIT_NEGATIVE, text,
			"start a new mesh with a new passphrase",
			"no room for another revoked key");
	trust->revision++;
	pins_fell(trust, &falling, unpinned, context);
	free(falling.keys);
	return 0;
}
