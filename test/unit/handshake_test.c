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

/* Attacks on messages. */

static void flip(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		wire->data[world->attack_bit / 8] ^=
			(uint8_t)(1u << (world->attack_bit % 8));
}

/* With `bind` in the attacker's hands a side may be left waiting for an answer
 * that never comes; it never is IN. */
static void refused_where_altered(struct world *world)
{
	for (int i = 0; i < 2; i++)
		if (world->altered[i] && world->rebind)
			assert_int_not_equal(
				world->verdict[i], PH_HANDSHAKE_IN);
		else if (world->altered[i])
			assert_int_equal(
				world->verdict[i], PH_HANDSHAKE_REFUSED);
}

static void flip_every_bit(bool trusted, bool two_slots, bool with_bind_key)
{
	struct world honest;
	unsigned flips = 0;

	world_init(&honest, 40);
	world_trust(&honest, trusted, trusted);
	if (two_slots) {
		honest.config[B].secrets = 2;
		memset(honest.config[B].secret[1], 0x66, PH_MESH_SECRET);
	}
	world_run(&honest);
	assert_int_equal(honest.messages, trusted ? 2 : 6);
	for (unsigned at = 1; at <= honest.messages; at++) {
		/* `bind` would be restored; the tag of the slot that is not
		 * used is noise to begin with. */
		bool noise = at == 5 && two_slots;
		size_t bytes =
			honest.log[at].length - (!with_bind_key ? 0
							: noise ? 32 + 7 + 64
								: 32);

		for (unsigned bit = 0; bit < 8 * bytes; bit++) {
			struct world world;

			world_init(&world, 40);
			world_trust(&world, trusted, trusted);
			memcpy(world.config, honest.config,
				sizeof(world.config));
			world.attack = flip;
			world.rebind = with_bind_key;
			world.attack_at = at;
			world.attack_bit = bit;
			world_run(&world);
			assert_true(world.altered[at % 2 ? B : A]);
			refused_where_altered(&world);
			world_fini(&world);
			flips++;
		}
	}
	assert_true(flips > 1000);
}

static void any_flipped_bit_is_refused_pinned(void **state)
{
	flip_every_bit(true, false, false);
}

static void any_flipped_bit_is_refused_by_passphrase(void **state)
{
	flip_every_bit(false, false, false);
	flip_every_bit(false, true, false);
}

/* The passphrase alone, `bind` known to the attacker: a change anywhere makes
 * the two tags differ. */
static void any_flipped_bit_is_refused_by_cpace_alone(void **state)
{
	flip_every_bit(false, false, true);
	flip_every_bit(false, true, true);
}

/* Cuts, lengthens, splices in from another run, overwrites. */
static void mutate(struct world *world, struct wire *wire, unsigned at)
{
	struct rng *rng = &world->rng;
	size_t place;

	if (at != world->attack_at)
		return;
	place = rng_next(rng) % wire->length;
	switch (rng_next(rng) % 6) {
	case 0:
		wire->length = place;
		break;
	case 1:
		wire->length += rng_next(rng) % 32 + 1;
		break;
	case 2:
		wire->data[place] = (uint8_t)rng_next(rng);
		break;
	case 3:
		rng_fill(rng, wire->data + place, wire->length - place);
		break;
	case 4:
		memmove(wire->data + place / 2, wire->data + place,
			wire->length - place);
		break;
	default:
		for (int i = 0; i < 4; i++)
			wire->data[rng_next(rng) % wire->length] ^=
				(uint8_t)(1u << (rng_next(rng) % 8));
	}
}

static unsigned dose(void)
{
	const char *text = getenv("PH_DOSE");

	return text && strcmp(text, "full") == 0 ? 1000000 : 10000;
}

static void mutated_runs_are_refused(void **state)
{
	unsigned altered = 0;
	unsigned honest = 0;

	for (unsigned i = 0; i < dose(); i++) {
		struct world world;

		world_init(&world, UINT64_C(0x100000000) + i);
		world_trust(&world, i % 4 == 0, i % 4 == 0);
		world.attack = mutate;
		world.rebind = i % 4 > 1;
		world.attack_at =
			1 + (unsigned)(rng_next(&world.rng) % (i % 4 ? 6 : 2));
		world_run(&world);
		refused_where_altered(&world);
		if (world.altered[A] || world.altered[B])
			altered++;
		else if (world.verdict[A] == PH_HANDSHAKE_IN &&
			 world.verdict[B] == PH_HANDSHAKE_IN)
			honest++;
		else
			fail_msg("run %u: nothing changed, and refused", i);
		world_fini(&world);
	}
	assert_true(altered > dose() / 2);
	print_message("%u altered, 0 accepted; %u unaltered, all accepted\n",
		altered, honest);
}

/* Version and offer, changed in the message's own canonical form. */
static void replace(struct wire *wire, const char *from, size_t from_length,
	const char *to, size_t to_length)
{
	uint8_t *at = memmem(wire->data, wire->length, from, from_length);
	size_t rest;

	assert_non_null(at);
	rest = wire->length - (size_t)(at - wire->data) - from_length;
	memmove(at + to_length, at + from_length, rest);
	memcpy(at, to, to_length);
	wire->length = wire->length - from_length + to_length;
}

static void lower_version(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		replace(wire, "\xa1v\x01", 3, "\xa1v\x00", 3);
}

static void say_pake(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		replace(wire, "\xa6pinned", 7, "\xa4pake", 5);
}

static void say_pinned(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		replace(wire, "\xa4pake", 5, "\xa6pinned", 7);
}

static void changed_offers_are_refused(void **state)
{
	static const struct {
		void (*attack)(
			struct world *world, struct wire *wire, unsigned at);
		bool trusted;
		bool can_rebind; /* refused even then */
	} cases[] = {
		{lower_version, false, true},
		{lower_version, true, true},
		{say_pake, true, true},
		{say_pinned, false, true},
	};

	for (unsigned i = 0; i < 4; i++)
		for (unsigned at = 1; at <= 2; at++)
			for (int bind = 0; bind < 2; bind++) {
				struct world world;

				world_init(&world, 50 + i);
				world_trust(&world, cases[i].trusted,
					cases[i].trusted);
				world.attack = cases[i].attack;
				world.attack_at = at;
				world.rebind = bind;
				world_run(&world);
				refused_where_altered(&world);
			}
}

/* Said in place of a message: what a false peer could send. */
static struct wire said;

static void say(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		*wire = said;
}

static void share_say(struct world *world, struct wire *wire, unsigned at)
{
	if (at == world->attack_at)
		memcpy(wire->data + wire->length - 32 - 7 - 32, said.data, 32);
}

static void bad_shares_are_refused(void **state)
{
	for (unsigned at = 3; at <= 4; at++)
		for (int i = 0; i < 2; i++) {
			struct world world;

			memset(said.data, i ? 0xff : 0, 32);
			world_init(&world, 60);
			world.attack = share_say;
			world.attack_at = at;
			world.rebind = true;
			world_run(&world);
			refused_where_altered(&world);
			assert_string_equal(world.side[at == 3 ? B : A].reason,
				"share is no point");
			assert_int_equal(ph_handshake_guesses(&world.side[B]),
				at == 3 ? 0 : 1);
		}
}

static void own_share_thrown_back(
	struct world *world, struct wire *wire, unsigned at)
{
	if (at == 4)
		memcpy(wire->data + wire->length - 32 - 7 - 32,
			world->side[A].share[0], 32);
}

static void own_words_thrown_back_are_refused(void **state)
{
	struct world world;

	world_init(&world, 61);
	world.attack = own_share_thrown_back;
	world.rebind = true;
	world_run(&world);
	assert_string_equal(world.side[A].reason, "share is no point");
	world_init(&world, 62);
	memcpy(world.config[B].nonce, world.config[A].nonce, 32);
	world_run(&world);
	assert_string_equal(world.side[B].reason, "own nonce thrown back");
}

/* Every message of a captured run, in place of every message of a fresh one
 * between the same two nodes. */
static void replays_are_refused(void **state)
{
	for (unsigned what = 1; what <= 6; what++)
		for (unsigned at = 1; at <= 6; at++)
			for (int bind = 0; bind < 2; bind++) {
				struct world old;
				struct world world;

				world_init(&old, 70);
				world_run(&old);
				said = old.log[what];
				world_init(&world, 71);
				world.attack = say;
				world.attack_at = at;
				world.rebind = bind;
				world_run(&world);
				assert_true(world.altered[at % 2 ? B : A]);
				refused_where_altered(&world);
			}
}

static void close_ends_every_state(void **state)
{
	for (unsigned at = 1; at <= 6; at++) {
		struct world world;
		int to = at % 2 ? B : A;

		said.length = ph_handshake_close(said.data);
		world_init(&world, 80);
		world.attack = say;
		world.attack_at = at;
		world_run(&world);
		assert_int_equal(world.verdict[to], PH_HANDSHAKE_REFUSED);
		assert_string_equal(world.side[to].reason, "the peer closed");
		/* A CLOSE is not answered. */
		assert_int_equal(world.messages, at);
		assert_int_equal(ph_handshake_guesses(&world.side[B]),
			at == 4 || at == 5 ? 1 : 0);
		assert_int_equal(
			ph_handshake_guesses(&world.side[A]), at >= 5 ? 1 : 0);
	}
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
		cmocka_unit_test(any_flipped_bit_is_refused_pinned),
		cmocka_unit_test(any_flipped_bit_is_refused_by_passphrase),
		cmocka_unit_test(any_flipped_bit_is_refused_by_cpace_alone),
		cmocka_unit_test(mutated_runs_are_refused),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(bad_shares_are_refused),
		cmocka_unit_test(own_words_thrown_back_are_refused),
		cmocka_unit_test(replays_are_refused),
		cmocka_unit_test(close_ends_every_state),
		cmocka_unit_test(lost_runs_count_as_guesses),
		cmocka_unit_test(nothing_follows_the_end),
		cmocka_unit_test(everything_is_in_the_generator),
		cmocka_unit_test(secrets_are_wiped_at_the_end),
		cmocka_unit_test(messages_are_small),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
