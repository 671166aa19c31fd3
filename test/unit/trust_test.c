#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/trust.h"

#define HOUR (INT64_C(3600) * 1000000000)
#define MESH "m0000000"

/* Node i: its seed is made of i. */
static const uint8_t *seed_of(unsigned i)
{
	static uint8_t seed[32];

	memset(seed, 0, sizeof(seed));
	memcpy(seed, &i, sizeof(i));
	return seed;
}

static const uint8_t *key_of(unsigned i)
{
	static uint8_t keys[8][32];
	static unsigned next;
	uint8_t *key = keys[next++ % 8];
	uint8_t secret[64];

	crypto_sign_seed_keypair(key, secret, seed_of(i));
	return key;
}

static int setup(void **state)
{
	return ph_trust_create((struct ph_trust **)state, key_of(0), "self");
}

static int teardown(void **state)
{
	ph_trust_destroy(*state);
	return 0;
}

static int pin(struct ph_trust *trust, unsigned i, const char *name)
{
	return ph_trust_pin(
		trust, key_of(i), name, PH_ROLE_EXEC, 100 + i, NULL);
}

static void a_pin_tells_all(void **state)
{
	struct ph_trust *trust = *state;
	uint64_t revision = ph_trust_revision(trust);
	const struct ph_pin *found;
	char id[PH_NODE_ID_TEXT];

	assert_null(ph_trust_find(trust, key_of(1)));
	assert_int_equal(pin(trust, 1, "alpha"), 0);
	assert_true(ph_trust_revision(trust) > revision);
	found = ph_trust_find(trust, key_of(1));
	assert_non_null(found);
	assert_string_equal(found->name, "alpha");
	assert_string_equal(found->id, ph_node_id_text(id, key_of(1)));
	assert_int_equal(found->role, PH_ROLE_EXEC);
	assert_int_equal(found->origin, PH_BY_PASSPHRASE);
	assert_int_equal(found->first_seen, 101);
	assert_ptr_equal(ph_trust_find_text(trust, "alpha"), found);
	assert_ptr_equal(ph_trust_find_text(trust, id), found);
	assert_null(ph_trust_find_text(trust, "beta"));
	assert_int_equal(ph_trust_count(trust), 1);
	/* Coming back: the time moves, first_seen and role stand. */
	assert_int_equal(
		ph_trust_set_role(trust, "alpha", PH_ROLE_VIEW, NULL), 0);
	assert_int_equal(
		ph_trust_seen(trust, key_of(1), "alpha", 900, NULL), 0);
	assert_int_equal(pin(trust, 1, "alpha"), 0);
	assert_int_equal(found->first_seen, 101);
	assert_int_equal(found->role, PH_ROLE_VIEW);
}

static void a_name_belongs_to_one_key_until_forgotten(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;

	assert_int_equal(pin(trust, 1, "beta"), 0);
	assert_int_equal(
		ph_trust_pin(trust, key_of(2), "beta", PH_ROLE_EXEC, 1, &error),
		-1);
	assert_int_equal(error.exit, PH_EXIT_DENIED);
	assert_string_equal(error.where, "beta");
	assert_non_null(strstr(error.next, "peers forget"));
	assert_int_equal(pin(trust, 2, "BETA"), -1);
	assert_null(ph_trust_find(trust, key_of(2)));
	/* A known key cannot take another's name either. */
	assert_int_equal(pin(trust, 2, "gamma"), 0);
	assert_int_equal(
		ph_trust_seen(trust, key_of(2), "beta", 5, &error), -1);
	assert_string_equal(ph_trust_find(trust, key_of(2))->name, "gamma");
	assert_int_equal(ph_trust_forget(trust, "beta", NULL), 0);
	assert_int_equal(ph_trust_seen(trust, key_of(2), "beta", 5, NULL), 0);
	assert_int_equal(ph_trust_forget(trust, "nobody", &error), -1);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
}

static void nobody_is_this_node(void **state)
{
	struct ph_trust *trust = *state;

	assert_int_equal(pin(trust, 0, "other"), -1);
	assert_int_equal(pin(trust, 1, "self"), -1);
	assert_int_equal(pin(trust, 1, "Self"), -1);
	assert_int_equal(pin(trust, 1, "no name"), -1);
	assert_int_equal(pin(trust, 1, ""), -1);
	assert_false(ph_trust_may_dial(trust, key_of(0), 0));
	assert_int_equal(ph_trust_count(trust), 0);
}

static void no_name_hides_a_node_from_its_id(void **state)
{
	struct ph_trust *trust = *state;
	char id[PH_NODE_ID_TEXT];

	pin(trust, 1, ph_node_id_text(id, key_of(2)));
	pin(trust, 2, "victim");
	assert_string_equal(ph_trust_find_text(trust, id)->name, "victim");
}

static struct ph_vouch vouch(unsigned by, unsigned key, const char *name)
{
	struct ph_vouch vouch = {.issued = 7};

	memcpy(vouch.key, key_of(key), PH_PUBLIC_KEY);
	snprintf(vouch.name, sizeof(vouch.name), "%s", name);
	assert_int_equal(ph_vouch_sign(&vouch, seed_of(by), MESH), 0);
	return vouch;
}

static int accept_vouch(struct ph_trust *trust, unsigned by, unsigned key,
	const char *name, struct ph_error *error)
{
	struct ph_vouch said = vouch(by, key, name);

	return ph_trust_vouch_accept(
		trust, &said, MESH, PH_ROLE_WIRE, 50, error);
}

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
		ph_trust_revoke(trust, "alpha", key, NULL, NULL, NULL), 0);
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
	assert_int_equal(ph_trust_revoke(trust, "alpha", key, count_unpinned,
				 &unpinned, NULL),
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

static void keys_are_revoked_before_they_come(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;
	uint8_t key[32];
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), key_of(3), 32);
	assert_int_equal(ph_trust_revoke(trust, hex, key, NULL, NULL, NULL), 0);
	assert_int_equal(pin(trust, 3, "evil"), -1);
	assert_int_equal(
		ph_trust_revoke(trust, "nobody", key, NULL, NULL, &error), -1);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	hex[10] = 'x';
	assert_int_equal(
		ph_trust_revoke(trust, hex, key, NULL, NULL, &error), -1);
	sodium_bin2hex(hex, sizeof(hex), key_of(0), 32);
	assert_int_equal(
		ph_trust_revoke(trust, hex, key, NULL, NULL, &error), -1);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
}

static void failed_keys_rest_an_hour(void **state)
{
	struct ph_trust *trust = *state;

	assert_true(ph_trust_may_dial(trust, key_of(1), HOUR));
	ph_trust_failed(trust, key_of(1), HOUR);
	assert_false(ph_trust_may_dial(trust, key_of(1), 2 * HOUR - 1));
	assert_true(ph_trust_may_dial(trust, key_of(2), HOUR));
	assert_true(ph_trust_may_dial(trust, key_of(1), 2 * HOUR));
	for (unsigned i = 0; i < 3 * PH_TRUST_FAILED; i++)
		ph_trust_failed(trust, key_of(100 + i), 3 * HOUR + i);
	assert_false(ph_trust_may_dial(
		trust, key_of(100 + 3 * PH_TRUST_FAILED - 1), 3 * HOUR + 5000));
	assert_true(ph_trust_may_dial(trust, key_of(100), 3 * HOUR + 5000));
}

static void rings_converge(void **state)
{
	struct ph_trust *trusts[2] = {*state, NULL};
	struct ph_ring_key ring[2][PH_TRUST_RING];
	struct ph_ring_key keys[12] = {0};

	assert_int_equal(ph_trust_create(&trusts[1], key_of(9), "other"), 0);
	for (unsigned i = 0; i < 12; i++) {
		keys[i].id = 1 + (i * 7 + 3) % 10; /* two ids come twice */
		memset(keys[i].key, (int)i, sizeof(keys[i].key));
	}
	for (unsigned i = 0; i < 12; i++) {
		ph_trust_ring_merge(trusts[0], &keys[i]);
		ph_trust_ring_merge(trusts[1], &keys[11 - i]);
	}
	assert_int_equal(ph_trust_ring(trusts[0], ring[0]), PH_TRUST_RING);
	assert_int_equal(ph_trust_ring(trusts[1], ring[1]), PH_TRUST_RING);
	assert_memory_equal(ring[0], ring[1], sizeof(ring[0]));
	for (unsigned i = 0; i < PH_TRUST_RING; i++)
		assert_int_equal(ring[0][i].id, i + 1);
	assert_false(ph_trust_ring_merge(trusts[0], &ring[1][0]));
	keys[0].id = 0;
	assert_false(ph_trust_ring_merge(trusts[0], &keys[0]));
	ph_trust_destroy(trusts[1]);
}

static void rotation_makes_a_lower_id(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_ring_key ring[PH_TRUST_RING];
	uint8_t random[8];
	uint64_t last = UINT64_MAX;

	memset(random, 0xff, sizeof(random));
	for (int i = 0; i < 1000; i++) {
		uint8_t key[32];

		memset(key, i, sizeof(key));
		assert_int_equal(ph_trust_ring_rotate(trust, random, key), 0);
		ph_trust_ring(trust, ring);
		assert_true(ring[0].id < last);
		assert_memory_equal(ring[0].key, key, sizeof(key));
		last = ring[0].id;
	}
	ring[0].id = 5;
	ph_trust_ring_merge(trust, &ring[0]);
	assert_int_equal(
		ph_trust_ring_rotate(trust, random, ring[0].key), -ERANGE);
}

static void the_old_passphrase_lives_a_day(void **state)
{
	struct ph_trust *trust = *state;
	uint8_t secrets[3][PH_MESH_SECRET] = {{1}, {2}, {3}};
	uint8_t out[2][PH_MESH_SECRET];

	assert_int_equal(ph_trust_secrets(trust, 0, out), 0);
	ph_trust_set_secret(trust, secrets[0]);
	assert_int_equal(ph_trust_secrets(trust, HOUR, out), 1);
	ph_trust_rotate(trust, secrets[1], 2 * HOUR);
	ph_trust_rotate(trust, secrets[1], 9 * HOUR); /* heard twice */
	assert_int_equal(ph_trust_secrets(trust, 26 * HOUR - 1, out), 2);
	assert_memory_equal(out, secrets[1], PH_MESH_SECRET);
	assert_memory_equal(out[1], secrets[0], PH_MESH_SECRET);
	assert_int_equal(ph_trust_secrets(trust, 26 * HOUR, out), 1);
	assert_int_equal(ph_trust_secrets(trust, 1 * HOUR, out), 1);
	assert_true(ph_trust_is_retired(trust, secrets[0]));
	assert_false(ph_trust_is_retired(trust, secrets[1]));
	ph_trust_rotate(trust, secrets[2], 3 * HOUR);
	assert_int_equal(ph_trust_secrets(trust, 4 * HOUR, out), 2);
	assert_memory_equal(out[1], secrets[1], PH_MESH_SECRET);
}

static void fill(struct ph_trust *trust)
{
	struct ph_ring_key ring = {.id = UINT64_MAX - 3, .key = {4}};
	uint8_t secrets[2][PH_MESH_SECRET] = {{1}, {2}};
	uint8_t key[32];

	pin(trust, 1, "alpha");
	accept_vouch(trust, 1, 2, "beta", NULL);
	pin(trust, 3, "gone");
	ph_trust_forget(trust, "gone", NULL);
	pin(trust, 4, "evil");
	ph_trust_revoke(trust, "evil", key, NULL, NULL, NULL);
	ph_trust_ring_merge(trust, &ring);
	ph_trust_set_secret(trust, secrets[0]);
	ph_trust_rotate(trust, secrets[1], 5 * HOUR);
}

static struct ph_writer *saved(
	struct ph_trust *trust, const uint8_t **data, size_t *length)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_trust_write(trust, writer);
	assert_int_equal(ph_writer_finish(writer, data, length), 0);
	return writer;
}

static int load(struct ph_trust *trust, const uint8_t *data, size_t length)
{
	struct ph_document *document;
	int error = ph_document_read(&document, data, length, PH_SKIM_TABLE);

	if (error)
		return error;
	error = ph_trust_read(trust, ph_document_root(document));
	ph_document_free(document);
	return error;
}

static void what_is_saved_comes_back(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_trust *again;
	struct ph_writer *writers[2];
	const uint8_t *data[2];
	size_t length[2];
	uint8_t out[2][PH_MESH_SECRET];

	fill(trust);
	writers[0] = saved(trust, &data[0], &length[0]);
	assert_int_equal(ph_trust_create(&again, key_of(0), "self"), 0);
	assert_int_equal(load(again, data[0], length[0]), 0);
	writers[1] = saved(again, &data[1], &length[1]);
	assert_int_equal(length[0], length[1]);
	assert_memory_equal(data[0], data[1], length[0]);
	assert_int_equal(ph_trust_count(again), 2);
	assert_int_equal(
		ph_trust_find_text(again, "beta")->origin, PH_BY_VOUCH);
	assert_true(ph_trust_is_revoked(again, key_of(4)));
	assert_int_equal(accept_vouch(again, 1, 3, "gone", NULL), -1);
	assert_int_equal(ph_trust_secrets(again, 6 * HOUR, out), 2);
	ph_writer_free(writers[0]);
	ph_writer_free(writers[1]);
	ph_trust_destroy(again);
}

/* A store that was damaged is told, and changes nothing. */
static void damage_is_told(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_trust *other;
	struct ph_writer *writer;
	uint8_t bytes[2048];
	const uint8_t *data;
	size_t length;

	fill(trust);
	writer = saved(trust, &data, &length);
	assert_true(length <= sizeof(bytes));
	assert_int_equal(ph_trust_create(&other, key_of(0), "self"), 0);
	pin(other, 6, "stays");
	for (size_t cut = 0; cut < length; cut++)
		assert_int_not_equal(load(other, data, cut), 0);
	for (size_t bit = 0; bit < 8 * length; bit++) {
		memcpy(bytes, data, length);
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (load(other, bytes, length) == 0) {
			/* Read as something else; put the witness back. */
			assert_true(ph_trust_count(other) <= 2);
			ph_trust_destroy(other);
			ph_trust_create(&other, key_of(0), "self");
			pin(other, 6, "stays");
		}
		assert_non_null(ph_trust_find_text(other, "stays"));
	}
	ph_writer_free(writer);
	ph_trust_destroy(other);
}

static void pins_are_bounded(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;

	for (unsigned i = 0; i < PH_TRUST_PINS; i++) {
		uint8_t key[32] = {1};
		char name[16];

		memcpy(key + 4, &i, sizeof(i));
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(
			ph_trust_pin(trust, key, name, PH_ROLE_EXEC, 1, NULL),
			0);
	}
	assert_int_equal(
		ph_trust_pin(trust, key_of(1), "more", PH_ROLE_EXEC, 1, &error),
		-1);
	assert_non_null(strstr(error.what, "no room"));
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

#define WITH_TRUST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRUST(a_pin_tells_all),
		WITH_TRUST(a_name_belongs_to_one_key_until_forgotten),
		WITH_TRUST(nobody_is_this_node),
		WITH_TRUST(no_name_hides_a_node_from_its_id),
		WITH_TRUST(a_members_word_makes_members),
		WITH_TRUST(others_words_are_worth_nothing),
		WITH_TRUST(a_vouch_cannot_speak_for_a_known_key),
		WITH_TRUST(every_bit_of_a_vouch_counts),
		WITH_TRUST(a_false_signature_makes_no_member),
		WITH_TRUST(nobody_vouches_for_itself),
		WITH_TRUST(the_forgotten_come_back_by_the_passphrase_alone),
		WITH_TRUST(revoked_keys_take_their_friends_along),
		WITH_TRUST(keys_are_revoked_before_they_come),
		WITH_TRUST(failed_keys_rest_an_hour),
		WITH_TRUST(rings_converge),
		WITH_TRUST(rotation_makes_a_lower_id),
		WITH_TRUST(the_old_passphrase_lives_a_day),
		WITH_TRUST(what_is_saved_comes_back),
		WITH_TRUST(damage_is_told),
		WITH_TRUST(pins_are_bounded),
		WITH_TRUST(vouches_travel),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
