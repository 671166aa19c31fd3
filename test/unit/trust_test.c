#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/trust_world.h"

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

static void keys_are_revoked_before_they_come(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_error error;
	uint8_t key[32];
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), key_of(3), 32);
	assert_int_equal(
		ph_trust_revoke(trust, hex, 1000, key, NULL, NULL, NULL), 0);
	assert_int_equal(pin(trust, 3, "evil"), -1);
	assert_int_equal(
		ph_trust_revoke(trust, "nobody", 1000, key, NULL, NULL, &error),
		-1);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	hex[10] = 'x';
	assert_int_equal(
		ph_trust_revoke(trust, hex, 1000, key, NULL, NULL, &error), -1);
	sodium_bin2hex(hex, sizeof(hex), key_of(0), 32);
	assert_int_equal(
		ph_trust_revoke(trust, hex, 1000, key, NULL, NULL, &error), -1);
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

/* A newcomer's, whatever its id: those of a mesh that it meets keep theirs. */
static void an_own_key_that_nobody_has_gives_way(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_ring_key ring[PH_TRUST_RING];
	struct ph_ring_key theirs[2] = {{.id = 50, .key = {1}}};
	const uint8_t random[8] = {0};

	theirs[1] = (struct ph_ring_key){.id = UINT64_MAX, .key = {2}};
	assert_false(ph_trust_ring_is_own(trust));
	ph_trust_ring_begin(trust, random, theirs[0].key);
	ph_trust_ring_begin(trust, random, theirs[1].key); /* it has one */
	assert_int_equal(ph_trust_ring(trust, ring), 1);
	assert_memory_equal(ring[0].key, theirs[0].key, PH_RING_KEY);
	assert_true(ph_trust_ring_is_own(trust));
	assert_true(ph_trust_ring_merge(trust, &theirs[1]));
	assert_true(ph_trust_ring_merge(trust, &theirs[0]));
	assert_false(ph_trust_ring_is_own(trust));
	assert_int_equal(ph_trust_ring(trust, ring), 2);
	assert_int_equal(ring[0].id, 50);
	assert_true(ring[1].id == UINT64_MAX);
}

static void a_key_that_was_given_stays(void **state)
{
	struct ph_trust *trust = *state;
	struct ph_ring_key ring[PH_TRUST_RING];
	struct ph_ring_key theirs = {.id = UINT64_MAX, .key = {2}};
	const uint8_t random[8] = {0};
	const uint8_t key[PH_RING_KEY] = {1};
	uint64_t revision;

	ph_trust_ring_begin(trust, random, key);
	revision = ph_trust_revision(trust);
	ph_trust_ring_give(trust);
	assert_true(ph_trust_revision(trust) > revision);
	revision = ph_trust_revision(trust);
	ph_trust_ring_give(trust);
	assert_true(ph_trust_revision(trust) == revision);
	assert_true(ph_trust_ring_merge(trust, &theirs));
	assert_int_equal(ph_trust_ring(trust, ring), 2);
	assert_memory_equal(ring[0].key, key, PH_RING_KEY);
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
	ph_trust_revoke(trust, "evil", 1000, key, NULL, NULL, NULL);
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
	struct ph_revoked revoked;

	fill(trust);
	writers[0] = saved(trust, &data[0], &length[0]);
	assert_int_equal(ph_trust_create(&again, key_of(0), "self"), 0);
	assert_int_equal(load(again, data[0], length[0]), 0);
	assert_true(ph_trust_revoked_find(again, "evil", &revoked));
	assert_memory_equal(revoked.key, key_of(4), 32);
	assert_int_equal(revoked.since, 1000);
	assert_false(ph_trust_revoked_find(again, "alpha", &revoked));
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

static void whose_key_it_is_survives(void **state)
{
	struct ph_trust *trust = *state;
	const uint8_t random[8] = {0};
	const uint8_t key[PH_RING_KEY] = {1};
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	ph_trust_ring_begin(trust, random, key);
	for (int own = 1; own >= 0; own--) {
		struct ph_trust *again;

		writer = saved(trust, &data, &length);
		assert_int_equal(ph_trust_create(&again, key_of(0), "self"), 0);
		assert_int_equal(load(again, data, length), 0);
		assert_int_equal(ph_trust_ring_is_own(again), own);
		ph_trust_destroy(again);
		ph_writer_free(writer);
		ph_trust_ring_give(trust);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRUST(a_pin_tells_all),
		WITH_TRUST(a_name_belongs_to_one_key_until_forgotten),
		WITH_TRUST(nobody_is_this_node),
		WITH_TRUST(no_name_hides_a_node_from_its_id),
		WITH_TRUST(keys_are_revoked_before_they_come),
		WITH_TRUST(failed_keys_rest_an_hour),
		WITH_TRUST(rings_converge),
		WITH_TRUST(an_own_key_that_nobody_has_gives_way),
		WITH_TRUST(a_key_that_was_given_stays),
		WITH_TRUST(whose_key_it_is_survives),
		WITH_TRUST(rotation_makes_a_lower_id),
		WITH_TRUST(the_old_passphrase_lives_a_day),
		WITH_TRUST(what_is_saved_comes_back),
		WITH_TRUST(damage_is_told),
		WITH_TRUST(pins_are_bounded),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
