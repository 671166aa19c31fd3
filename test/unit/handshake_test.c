#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/handshake.h"
#include "proto/handshake_pake.h"
#include "test/handshake_world.h"

static void pinned_keys_skip_the_passphrase(void **state)
{
	struct world world;

	world_init(&world, 1);
	world_trust(&world, true, true);
	world_run(&world);
	world_expect(&world, PH_HANDSHAKE_IN, PH_HANDSHAKE_IN, 2);
	assert_false(ph_handshake_by_passphrase(&world.side[A]));
	assert_false(ph_handshake_by_passphrase(&world.side[B]));
	assert_string_equal(ph_handshake_peer(&world.side[A]), "beta");
	assert_string_equal(ph_handshake_peer(&world.side[B]), "alpha");
}

static void one_sided_trust_needs_the_passphrase(void **state)
{
	for (unsigned bits = 0; bits < 3; bits++) {
		struct world world;

		world_init(&world, 2 + bits);
		world_trust(&world, bits & 1, bits & 2);
		world_run(&world);
		world_expect(&world, PH_HANDSHAKE_IN, PH_HANDSHAKE_IN, 6);
		assert_true(ph_handshake_by_passphrase(&world.side[A]));
		assert_true(ph_handshake_by_passphrase(&world.side[B]));
		assert_int_equal(ph_handshake_guesses(&world.side[A]), 0);
		assert_int_equal(ph_handshake_guesses(&world.side[B]), 0);
	}
}

static void pinned_needs_no_passphrase_at_all(void **state)
{
	struct world world;

	world_init(&world, 6);
	world_trust(&world, true, true);
	world.config[A].secrets = 0;
	world.config[B].secrets = 0;
	world_run(&world);
	world_expect(&world, PH_HANDSHAKE_IN, PH_HANDSHAKE_IN, 2);
}

static void either_passphrase_opens_while_one_is_rotated(void **state)
{
	static const struct {
		uint8_t dialler;
		enum ph_handshake_verdict verdict;
		unsigned guesses[2];
	} cases[] = {
		{0x77, PH_HANDSHAKE_IN, {0, 0}},
		{0x66, PH_HANDSHAKE_IN, {0, 0}},
		{0x44, PH_HANDSHAKE_REFUSED, {2, 1}},
	};

	for (unsigned i = 0; i < 3; i++) {
		struct world world;

		world_init(&world, 10 + i);
		memset(world.config[A].secret[0], cases[i].dialler,
			PH_MESH_SECRET);
		memset(world.config[B].secret[1], 0x66, PH_MESH_SECRET);
		world.config[B].secrets = 2;
		world_run(&world);
		assert_int_equal(world.verdict[A], cases[i].verdict);
		assert_int_equal(world.verdict[B], cases[i].verdict);
		assert_int_equal(ph_handshake_guesses(&world.side[A]),
			cases[i].guesses[A]);
		assert_int_equal(ph_handshake_guesses(&world.side[B]),
			cases[i].guesses[B]);
		/* Two shares, two scalars. */
		assert_memory_not_equal(world.side[B].share[0],
			world.side[B].share[1], PH_CPACE_POINT);
	}
}

/* Refusals. */

static void wrong_passphrase_is_refused(void **state)
{
	struct world world;

	world_init(&world, 20);
	world.config[A].secret[0][31] ^= 1;
	world_run(&world);
	/* The listener's CLOSE is what the dialler gets. */
	world_expect(&world, PH_HANDSHAKE_REFUSED, PH_HANDSHAKE_REFUSED, 6);
	assert_true(world_is_close(&world.log[6]));
	assert_string_equal(
		world.side[B].reason, "wrong passphrase, or a relay");
	assert_int_equal(ph_handshake_guesses(&world.side[A]), 1);
	assert_int_equal(ph_handshake_guesses(&world.side[B]), 1);
}

/* A relay that ends TLS on both sides: it passes every message on, each with a
 * `bind` of the session it goes into. */
static void a_relay_is_refused(void **state)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct world world;

		world_init(&world, 1000 + i);
		rng_fill(&world.rng, world.config[A].exporter, 32);
		rng_fill(&world.rng, world.config[B].exporter, 32);
		world.rebind = true;
		world_run(&world);
		world_expect(
			&world, PH_HANDSHAKE_REFUSED, PH_HANDSHAKE_REFUSED, 6);
		/* Without the keys of `bind` it does not get beyond HELLO. */
		world.rebind = false;
		world.messages = 0;
		world_run(&world);
		assert_int_equal(world.verdict[B], PH_HANDSHAKE_REFUSED);
		assert_int_equal(world.messages, 2);
	}
}

static void another_key_in_tls_is_refused(void **state)
{
	struct world world;

	world_init(&world, 30);
	world.config[B].peer_key[5] ^= 1;
	world_run(&world);
	world_expect(&world, PH_HANDSHAKE_REFUSED, PH_HANDSHAKE_REFUSED, 6);
}

static void another_mesh_is_refused_at_once(void **state)
{
	for (int trusted = 0; trusted < 2; trusted++) {
		struct world world;

		world_init(&world, 31);
		world_trust(&world, trusted, trusted);
		snprintf(world.config[B].mesh, sizeof(world.config[B].mesh),
			"%s", "m0000001");
		world_run(&world);
		world_expect(
			&world, PH_HANDSHAKE_REFUSED, PH_HANDSHAKE_REFUSED, 2);
		assert_int_equal(ph_handshake_guesses(&world.side[B]), 0);
	}
}

static void without_a_passphrase_strangers_stay_out(void **state)
{
	struct world world;
	struct wire wire;

	world_init(&world, 32);
	world.config[B].secrets = 0;
	world_run(&world);
	world_expect(&world, PH_HANDSHAKE_REFUSED, PH_HANDSHAKE_REFUSED, 2);
	/* A dialler that could only fail does not begin. */
	world.config[A].secrets = 0;
	assert_int_equal(ph_handshake_init(&world.side[A], &world.config[A],
				 wire.data, &wire.length),
		-EACCES);
	/* It trusts, but is not trusted, and cannot prove itself. */
	world_init(&world, 33);
	world_trust(&world, true, false);
	world.config[A].secrets = 0;
	world_run(&world);
	assert_int_equal(world.verdict[A], PH_HANDSHAKE_REFUSED);
	assert_int_equal(world.verdict[B], PH_HANDSHAKE_REFUSED);
}

static void configs_that_are_no_run_are_refused(void **state)
{
	struct world world;
	struct wire wire;
	struct ph_handshake_config *config = &world.config[A];

	world_init(&world, 34);
	memcpy(config->peer_key, config->key, PH_PUBLIC_KEY);
	assert_int_equal(ph_handshake_init(&world.side[A], config, wire.data,
				 &wire.length),
		-EINVAL);
	world_init(&world, 34);
	snprintf(config->name, sizeof(config->name), "%s", "no name");
	assert_int_equal(ph_handshake_init(&world.side[A], config, wire.data,
				 &wire.length),
		-EINVAL);
	world_init(&world, 34);
	config->secrets = 3;
	assert_int_equal(ph_handshake_init(&world.side[A], config, wire.data,
				 &wire.length),
		-EINVAL);
}

/* A peer that goes silent after PAKE2 has had its guess all the same. */
static void lost_runs_count_as_guesses(void **state)
{
	static const unsigned expected[7][2] = {
		{0, 0}, {0, 0}, {0, 0}, {0, 1}, {1, 1}, {1, 0}, {0, 0}};
	struct world world;

	for (unsigned stop = 1; stop <= 6; stop++) {
		struct wire wire;
		struct wire answer;

		world_init(&world, 81);
		ph_handshake_init(&world.side[A], &world.config[A], wire.data,
			&wire.length);
		ph_handshake_init(&world.side[B], &world.config[B], NULL, NULL);
		for (unsigned at = 1; at <= stop; at++) {
			answer.length = 0;
			world_deliver(&world, at % 2 ? B : A, &wire, &answer);
			wire = answer;
		}
		assert_int_equal(ph_handshake_guesses(&world.side[A]),
			expected[stop][A]);
		assert_int_equal(ph_handshake_guesses(&world.side[B]),
			expected[stop][B]);
	}
}

static void nothing_follows_the_end(void **state)
{
	struct world world;
	struct wire answer;

	world_init(&world, 82);
	world_run(&world);
	for (unsigned i = 1; i <= 6; i++)
		for (int side = 0; side < 2; side++) {
			assert_int_equal(
				ph_handshake_step(&world.side[side],
					world.log[i].data, world.log[i].length,
					answer.data, &answer.length),
				PH_HANDSHAKE_REFUSED);
			assert_int_equal(answer.length, 0);
		}
}

/* One defence would hide the lack of another: each alone must change the point
 * from which the keys come. */
static void everything_is_in_the_generator(void **state)
{
	struct world world;
	uint8_t points[16][PH_CPACE_POINT];
	struct ph_handshake *side = &world.side[A];
	void *const parts[] = {
		NULL,
		side->config.secret[0],
		side->config.exporter,
		side->config.key,
		side->config.peer_key,
		side->config.mesh,
		side->config.transport,
		side->config.nonce,
		side->peer_nonce,
		side->transcript,
	};
	unsigned count = sizeof(parts) / sizeof(parts[0]);

	for (unsigned i = 0; i < count; i++) {
		struct wire wire;

		world_init(&world, 90);
		ph_handshake_init(
			side, &world.config[A], wire.data, &wire.length);
		if (parts[i])
			*(uint8_t *)parts[i] ^= 1;
		ph_pake_begin(side, 1);
		memcpy(points[i], side->generator[0], PH_CPACE_POINT);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(
				points[i], points[j], PH_CPACE_POINT);
	}
}

static bool has(const void *where, size_t size, uint8_t byte, size_t run)
{
	uint8_t pattern[64];

	memset(pattern, byte, run);
	return memmem(where, size, pattern, run);
}

static void secrets_are_wiped_at_the_end(void **state)
{
	for (int wrong = 0; wrong < 2; wrong++) {
		struct world world;

		world_init(&world, 83);
		world.config[A].secret[0][0] ^= (uint8_t)wrong;
		world_run(&world);
		for (int i = 0; i < 2; i++) {
			const struct ph_handshake *side = &world.side[i];

			assert_false(has(side, sizeof(*side), 0x77, 16));
			assert_false(has(side, sizeof(*side), 0x55, 16));
			assert_true(sodium_is_zero(side->isk[0], 64));
			assert_true(sodium_is_zero(side->scalar[0], 32));
		}
	}
}

static void messages_are_small(void **state)
{
	struct world world;

	world_init(&world, 84);
	memset(world.config[A].name, 'n', 39);
	memset(world.config[B].name, 'm', 39);
	world.config[B].secrets = 2;
	world_run(&world);
	world_expect(&world, PH_HANDSHAKE_IN, PH_HANDSHAKE_IN, 6);
	for (unsigned i = 1; i <= 6; i++)
		assert_in_range(world.log[i].length, 32, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinned_keys_skip_the_passphrase),
		cmocka_unit_test(one_sided_trust_needs_the_passphrase),
		cmocka_unit_test(pinned_needs_no_passphrase_at_all),
		cmocka_unit_test(either_passphrase_opens_while_one_is_rotated),
		cmocka_unit_test(wrong_passphrase_is_refused),
		cmocka_unit_test(a_relay_is_refused),
		cmocka_unit_test(another_key_in_tls_is_refused),
		cmocka_unit_test(another_mesh_is_refused_at_once),
		cmocka_unit_test(without_a_passphrase_strangers_stay_out),
		cmocka_unit_test(configs_that_are_no_run_are_refused),
		cmocka_unit_test(lost_runs_count_as_guesses),
		cmocka_unit_test(nothing_follows_the_end),
		cmocka_unit_test(everything_is_in_the_generator),
		cmocka_unit_test(secrets_are_wiped_at_the_end),
		cmocka_unit_test(messages_are_small),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
