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

/* Attacks on messages: what is flipped, mutated, replaced or said again. */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_flipped_bit_is_refused_pinned),
		cmocka_unit_test(any_flipped_bit_is_refused_by_passphrase),
		cmocka_unit_test(any_flipped_bit_is_refused_by_cpace_alone),
		cmocka_unit_test(mutated_runs_are_refused),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(bad_shares_are_refused),
		cmocka_unit_test(own_words_thrown_back_are_refused),
		cmocka_unit_test(replays_are_refused),
		cmocka_unit_test(close_ends_every_state),
	};

	return cmocka_run_group_tests_name(
		"handshake_attack", tests, NULL, NULL);
}
