#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/trust_world.h"

static void a_members_word_makes_members(void **state)
{
	struct ph_trust *trust = *state;
	const struct ph_pin *found;

	pin(trust, 1, "alpha");
	assert_int_equal(accept_vouch(trust, 1, 2, "beta", NULL), 1);
	found = ph_trust_find(trust, key_of(2));
	assert_non_null(found);
	assert_int_equal(found->origin, PH_BY_VOUCH);
	assert_int_equal(found->role, PH_ROLE_WIRE);
	assert_memory_equal(found->voucher, key_of(1), PH_PUBLIC_KEY);
	/* Again, and by its own member. */
	assert_int_equal(accept_vouch(trust, 1, 2, "beta", NULL), 0);
	assert_int_equal(accept_vouch(trust, 2, 3, "gamma", NULL), 1);
	assert_int_equal(accept_vouch(trust, 1, 0, "self", NULL), 0);
}

static void others_words_are_worth_nothing(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;
	uint8_t key[32];

	assert_int_equal(accept_vouch(trust, 1, 2, "beta", &error), -1);
	pin(trust, 1, "alpha");
	ph_trust_set_role(trust, "alpha", PH_ROLE_OPERATE, NULL);
	assert_int_equal(accept_vouch(trust, 1, 2, "beta", &error), -1);
	assert_non_null(strstr(error.what, "operate"));
	ph_trust_set_role(trust, "alpha", PH_ROLE_WIRE, NULL);
	assert_int_equal(accept_vouch(trust, 1, 2, "alpha", &error), -1);
	assert_int_equal(accept_vouch(trust, 1, 2, "self", &error), -1);
	assert_int_equal(
		ph_trust_revoke(trust, "alpha", 1000, key, NULL, NULL, NULL),
		0);
	assert_int_equal(accept_vouch(trust, 1, 2, "beta", &error), -1);
	assert_int_equal(ph_trust_count(trust), 0);
}

static void a_vouch_cannot_speak_for_a_known_key(void **state)
{
	struct ph_trust *trust = *state;

	pin(trust, 1, "alpha");
	pin(trust, 2, "beta");
	ph_trust_set_role(trust, "beta", PH_ROLE_VIEW, NULL);
	assert_int_equal(accept_vouch(trust, 1, 2, "renamed", NULL), 0);
	assert_string_equal(ph_trust_find(trust, key_of(2))->name, "beta");
	assert_int_equal(ph_trust_find(trust, key_of(2))->role, PH_ROLE_VIEW);
}

static void every_bit_of_a_vouch_counts(void **state)
{
	struct ph_vouch good = vouch(1, 2, "beta");

	assert_true(ph_vouch_verify(&good, MESH));
	assert_false(ph_vouch_verify(&good, "m0000001"));
	for (size_t bit = 0; bit < 8 * sizeof(good); bit++) {
		struct ph_vouch bad = good;
		size_t at = bit / 8;
		size_t name = offsetof(struct ph_vouch, name);

		/* Behind the name's end nothing is said. */
		if (at > name + strlen(good.name) &&
			at < name + sizeof(good.name))
			continue;
		((uint8_t *)&bad)[at] ^= (uint8_t)(1u << (bit % 8));
		assert_false(ph_vouch_verify(&bad, MESH));
	}
}

static void a_false_signature_makes_no_member(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_vouch said = vouch(1, 2, "beta");
	struct ph_error error;

	pin(trust, 1, "alpha");
	said.signature[0] ^= 1;
	assert_int_equal(ph_trust_vouch_accept(
				 trust, &said, MESH, PH_ROLE_WIRE, 50, &error),
		-1);
	said.signature[0] ^= 1;
	assert_int_equal(ph_trust_vouch_accept(trust, &said, "m0000001",
				 PH_ROLE_WIRE, 50, &error),
		-1);
	assert_int_equal(ph_trust_count(trust), 1);
}

static void nobody_vouches_for_itself(void **state)
{
	struct ph_vouch own = {.name = "alpha"};

	memcpy(own.key, key_of(1), PH_PUBLIC_KEY);
	assert_int_equal(ph_vouch_sign(&own, seed_of(1), MESH), -EINVAL);
}

static void the_forgotten_come_back_by_the_passphrase_alone(void **state)
{
	struct ph_trust *trust = *state;

	pin(trust, 1, "alpha");
	accept_vouch(trust, 1, 2, "beta", NULL);
	assert_int_equal(ph_trust_forget(trust, "beta", NULL), 0);
	assert_int_equal(accept_vouch(trust, 1, 2, "beta", NULL), -1);
	/* Its name is free for another. */
	assert_int_equal(accept_vouch(trust, 1, 3, "beta", NULL), 1);
	assert_int_equal(ph_trust_forget(trust, "beta", NULL), 0);
	assert_int_equal(pin(trust, 2, "beta"), 0);
	ph_trust_forget(trust, "alpha", NULL);
	for (unsigned i = 0; i < PH_TRUST_FORGOTTEN; i++) {
		assert_int_equal(pin(trust, 10 + i, "one"), 0);
		assert_int_equal(ph_trust_forget(trust, "one", NULL), 0);
	}
}

static void count_unpinned(void *context, const struct ph_pin *pinned)
{
	(*(unsigned *)context)++;
}

static void revoked_keys_take_their_friends_along(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;
	unsigned unpinned = 0;
	uint8_t key[32];

	pin(trust, 1, "alpha");
	pin(trust, 9, "honest");
	for (unsigned i = 2; i < 6; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(accept_vouch(trust, i - 1, i, name, NULL), 1);
	}
	assert_int_equal(accept_vouch(trust, 1, 7, "n7", NULL), 1);
	assert_int_equal(ph_trust_revoke(trust, "alpha", 1000, key,
				 count_unpinned, &unpinned, NULL),
		0);
	assert_memory_equal(key, key_of(1), 32);
	assert_int_equal(unpinned, 6);
	assert_int_equal(ph_trust_count(trust), 1);
	assert_non_null(ph_trust_find(trust, key_of(9)));
	assert_true(ph_trust_is_revoked(trust, key_of(1)));
	assert_false(ph_trust_is_revoked(trust, key_of(2)));
	assert_false(ph_trust_may_dial(trust, key_of(1), 0));
	/* For ever; but a friend may prove itself. */
	assert_int_equal(
		ph_trust_pin(trust, key_of(1), "new", PH_ROLE_EXEC, 0, &error),
		-1);
	assert_non_null(strstr(error.what, "revoked"));
	assert_int_equal(pin(trust, 2, "n2"), 0);
}

static void vouches_travel(void **state)
{
	struct ph_vouch said = vouch(1, 2, "beta");
	struct ph_vouch heard;
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_vouch_write(writer, &said);
	assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
	assert_int_equal(
		ph_document_read(&document, data, length, PH_SKIM_PEER), 0);
	assert_int_equal(ph_vouch_read(&heard, ph_document_root(document)), 0);
	assert_true(ph_vouch_verify(&heard, MESH));
	assert_memory_equal(&said, &heard, sizeof(said));
	ph_document_free(document);
	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "name", "beta");
	ph_write_end(writer);
	ph_writer_finish(writer, &data, &length);
	assert_int_equal(
		ph_document_read(&document, data, length, PH_SKIM_PEER), 0);
	assert_int_equal(
		ph_vouch_read(&heard, ph_document_root(document)), -EBADMSG);
	ph_document_free(document);
	ph_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRUST(a_members_word_makes_members),
		WITH_TRUST(others_words_are_worth_nothing),
		WITH_TRUST(a_vouch_cannot_speak_for_a_known_key),
		WITH_TRUST(every_bit_of_a_vouch_counts),
		WITH_TRUST(a_false_signature_makes_no_member),
		WITH_TRUST(nobody_vouches_for_itself),
		WITH_TRUST(the_forgotten_come_back_by_the_passphrase_alone),
		WITH_TRUST(revoked_keys_take_their_friends_along),
		WITH_TRUST(vouches_travel),
	};

	return cmocka_run_group_tests_name("trust_vouch", tests, NULL, NULL);
}
