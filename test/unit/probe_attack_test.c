#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "proto/secret.h"
#include "test/probe_world.h"

/* Somebody between a probe and its beacon, or beside them. */

#define SECOND INT64_C(1000000000)

static struct probe_world world;

struct caught {
	uint8_t data[WORLD_BYTES];
	size_t length;
	unsigned slot;
	unsigned seen;
	struct ph_point where;
};

static struct caught caught;

static int set_up(void **state)
{
	(void)state;
	probe_world_init(&world, 11);
	memset(&caught, 0, sizeof(caught));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_world_fini(&world);
	return 0;
}

static void run(void)
{
	probe_world_start(&world);
	probe_world_run(&world, 60 * SECOND);
}

static bool is_type(const uint8_t *data, size_t length, uint8_t type)
{
	return length > PH_PROBE_BANNER && data[2] == type && data[3] == 0;
}

static void catch_it(struct probe_world *now, unsigned slot,
	const uint8_t *data, size_t length)
{
	memcpy(caught.data, data, length);
	caught.length = length;
	caught.slot = slot;
	caught.where = now->links[slot].point;
	caught.seen++;
}

static void a_wrong_passphrase_is_refused(void **state)
{
	(void)state;
	world.probe_config.secret[0][5] ^= 1;
	run();
	assert_int_equal(world.exit, PH_PROBE_NOT_PROVEN);
	assert_int_equal(world.beacon.counters.guesses, 1);
	assert_false(world.beacon.end.proven);
	/* Nobody is scanned for who does not know it. */
	assert_int_equal(world.probe.counters.connects, 1);
	assert_int_equal(
		world.probe.matrix.counts[PH_VERDICT_SKIPPED], 2 * WORLD_PORTS);
}

/* While it is rotated the beacon has two. */
static void the_passphrase_before_is_taken(void **state)
{
	(void)state;
	memset(world.beacon_config.secret[1], 0x77, PH_MESH_SECRET);
	memset(world.beacon_config.secret[0], 0x78, PH_MESH_SECRET);
	world.beacon_config.secrets = 2;
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
}

/* Without the session's key nobody even begins a run. */
static void a_stranger_gets_no_guess(void **state)
{
	(void)state;
	world.probe_config.key[0] ^= 1;
	run();
	assert_int_equal(world.exit, PH_PROBE_DEADLINE);
	assert_int_equal(world.beacon.counters.guesses, 0);
	assert_int_equal(world.probe.matrix.counts[PH_VERDICT_OPEN_FOREIGN],
		2 * WORLD_PORTS);
}

static void another_session_is_a_stranger(void **state)
{
	(void)state;
	world.order[0].session[3] ^= 1;
	run();
	assert_int_equal(world.exit, PH_PROBE_DEADLINE);
	assert_int_equal(world.probe.matrix.counts[PH_VERDICT_OPEN_FOREIGN],
		2 * WORLD_PORTS);
	assert_true(world.probe.counters.forged >= 2 * WORLD_PORTS);
}

static bool catch_challenge(struct probe_world *now, bool to_probe,
	unsigned slot, uint8_t *data, size_t *length)
{
	if (!to_probe && is_type(data, *length, PH_PROBE_CHALLENGE) &&
		!caught.seen)
		catch_it(now, slot, data, *length);
	return true;
}

/* Whatever somebody says on a connection of his own: the answer's length. */
static size_t beacon_answers(const struct ph_point *where, const uint8_t *data,
	size_t length, unsigned times)
{
	struct ph_beacon_action action;
	int slot = ph_beacon_session_accepted(&world.beacon, where, world.now);
	size_t sent = 0;

	assert_true(slot >= 0);
	while (ph_beacon_session_next(&world.beacon, &action))
		if (action.step == PH_BEACON_SEND)
			assert_int_equal(action.length, PH_PROBE_BANNER);
	while (times--)
		ph_beacon_session_received(
			&world.beacon, (unsigned)slot, data, length, world.now);
	while (ph_beacon_session_next(&world.beacon, &action))
		if (action.step == PH_BEACON_SEND)
			sent += action.length;
	return sent;
}

/* In the middle of a scan, with a challenge that was overheard. */
static void run_until_caught(void)
{
	probe_world_start(&world);
	while (!caught.seen)
		probe_world_run(&world, SECOND / 1000);
	probe_world_run(&world, SECOND / 50);
	assert_int_equal(world.exit, -1);
}

static void a_challenge_replayed_is_worth_nothing(void **state)
{
	struct ph_point other;
	uint32_t answered;

	(void)state;
	world.attack = catch_challenge;
	run_until_caught();
	answered = world.beacon.counters.answered;
	other = caught.where;
	other.port++;
	assert_int_equal(
		beacon_answers(&caught.where, caught.data, caught.length, 1),
		0);
	assert_int_equal(
		beacon_answers(&other, caught.data, caught.length, 3), 0);
	assert_int_equal(world.beacon.counters.answered, answered);
	assert_int_equal(world.beacon.counters.forged, 2);
	probe_world_run(&world, 60 * SECOND);
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
}

static bool repeat_challenge(struct probe_world *now, bool to_probe,
	unsigned slot, uint8_t *data, size_t *length)
{
	(void)now;
	(void)slot;
	if (!to_probe && is_type(data, *length, PH_PROBE_CHALLENGE)) {
		memcpy(data + *length, data, *length);
		*length *= 2;
	}
	return true;
}

static void a_challenge_is_answered_once(void **state)
{
	(void)state;
	world.attack = repeat_challenge;
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_int_equal(world.beacon.counters.answered, 2 * WORLD_PORTS);
}

/* What the probe says thrown back at it, and the other way round. */
static bool reflect(struct probe_world *now, bool to_probe, unsigned slot,
	uint8_t *data, size_t *length)
{
	(void)now;
	if (!to_probe && is_type(data, *length, PH_PROBE_CHALLENGE)) {
		memcpy(caught.data, data, *length);
		caught.length = *length;
		caught.slot = slot;
	} else if (to_probe && is_type(data, *length, PH_PROBE_RESPONSE)) {
		memcpy(data, caught.data, caught.length);
		*length = caught.length;
	}
	return true;
}

static void a_reflection_proves_nothing(void **state)
{
	(void)state;
	world.attack = reflect;
	run();
	assert_int_equal(world.probe.matrix.counts[PH_VERDICT_OPEN_FOREIGN],
		2 * WORLD_PORTS);
	assert_int_equal(world.probe.counters.forged, 2 * WORLD_PORTS);
}

static bool swap_responses(struct probe_world *now, bool to_probe,
	unsigned slot, uint8_t *data, size_t *length)
{
	struct caught before = caught;

	if (!to_probe || !is_type(data, *length, PH_PROBE_RESPONSE))
		return true;
	catch_it(now, slot, data, *length);
	if (before.seen) {
		memcpy(data, before.data, before.length);
		*length = before.length;
	}
	return true;
}

static void a_response_of_another_port_proves_nothing(void **state)
{
	(void)state;
	world.attack = swap_responses;
	run();
	/* The first was itself. */
	assert_int_equal(
		world.probe.matrix.counts[PH_VERDICT_OPEN_VERIFIED], 1);
	assert_int_equal(world.probe.counters.forged, 2 * WORLD_PORTS - 1);
}

/* Any bit of anything, one message in each run. */
static struct {
	unsigned message;
	unsigned bit;
	unsigned seen;
	bool hit;
} flip;

static bool flip_bit(struct probe_world *now, bool to_probe, unsigned slot,
	uint8_t *data, size_t *length)
{
	(void)now;
	(void)to_probe;
	(void)slot;
	if (flip.seen++ == flip.message) {
		data[flip.bit / 8 % *length] ^= (uint8_t)(1 << flip.bit % 8);
		flip.hit = true;
	}
	return true;
}

static void no_flipped_bit_is_believed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		memset(&flip, 0, sizeof(flip));
		flip.message = i % 40;
		flip.bit = i * 97;
		world.attack = flip_bit;
		world.order[0].deadline_ms = 3000;
		world.order[0].last = world.order[0].first + 4;
		run();
		assert_true(flip.hit);
		assert_true(world.exit >= 0);
		/* It was seen, or cost a connection, or the whole run. */
		assert_true(world.exit != PH_PROBE_TERMINATED ||
			    world.probe.counters.forged +
				    world.probe.counters.ignored +
				    world.beacon.counters.forged +
				    world.beacon.counters.ignored +
				    world.probe.counters.strangers ||
			    world.probe.counters.connects > 11);
		probe_world_fini(&world);
		probe_world_init(&world, 11 + i);
	}
}

static bool hold_terminate(struct probe_world *now, bool to_probe,
	unsigned slot, uint8_t *data, size_t *length)
{
	if (!to_probe || !is_type(data, *length, PH_PROBE_TERMINATE))
		return true;
	catch_it(now, slot, data, *length);
	return false;
}

static void give(const uint8_t *data, size_t length)
{
	ph_probe_session_received(
		&world.probe, caught.slot, data, length, world.now);
}

static unsigned dose(unsigned few, unsigned many)
{
	const char *text = getenv("PH_DOSE");

	return text && !strcmp(text, "full") ? many : few;
}

static void no_forged_terminate_ends_it(void **state)
{
	unsigned count = dose(5000, 100000);
	uint8_t forged[WORLD_BYTES];

	(void)state;
	world.attack = hold_terminate;
	world.order[0].deadline_ms = 5000;
	probe_world_start(&world);
	probe_world_run(&world, SECOND);
	assert_int_equal(caught.seen, 1);
	assert_int_equal(world.probe.phase, PH_PROBE_WAIT);
	for (unsigned i = 0; i < count; i++) {
		memcpy(forged, caught.data, caught.length);
		if (i % 2)
			forged[4 + i / 8 % (caught.length - 4)] ^=
				(uint8_t)(1 << (i / 2) % 4);
		else
			ph_random(forged + 4, caught.length - 4);
		give(forged, caught.length);
		assert_int_equal(world.probe.phase, PH_PROBE_WAIT);
	}
	assert_int_equal(world.probe.counters.forged, count);
	/* And the right one still does. */
	give(caught.data, caught.length);
	probe_world_run(&world, SECOND);
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
}

/* Ended is ended: nothing is counted, nothing comes of it. */
static void a_repeated_terminate_does_nothing(void **state)
{
	(void)state;
	world.attack = hold_terminate;
	probe_world_start(&world);
	probe_world_run(&world, SECOND);
	give(caught.data, caught.length);
	give(caught.data, caught.length);
	give(caught.data, caught.length);
	probe_world_run(&world, SECOND);
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_int_equal(world.probe.exit, PH_PROBE_TERMINATED);
}

/* A beacon that lost its mind: sealed as it should be, but nobody is done. */
static void an_early_terminate_is_passed_over(void **state)
{
	struct ph_terminate terminate = {0};
	struct ph_probe_claim claim = {
		.session = world.order[0].session, .type = PH_PROBE_TERMINATE};
	uint8_t frame[PH_PROBE_HEADER + PH_TERMINATE + PH_PROBE_MAC];
	unsigned slot;

	(void)state;
	probe_world_start(&world);
	while (world.probe.phase != PH_PROBE_SCAN)
		probe_world_run(&world, SECOND / 1000);
	slot = (unsigned)world.probe.primary;
	/* The nonce of the first banner, of the primary. */
	claim.nonce = world.overheard + 8;
	claim.where = &world.links[slot].point;
	memcpy(terminate.session, claim.session, PH_PROBE_SESSION);
	ph_terminate_write(&terminate, frame + PH_PROBE_HEADER);
	ph_probe_frame_header(frame, PH_PROBE_TERMINATE, PH_TERMINATE);
	ph_probe_mac(frame + PH_PROBE_HEADER + PH_TERMINATE,
		world.beacon.end.keys.beacon, &claim, frame + PH_PROBE_HEADER,
		PH_TERMINATE);
	ph_probe_session_received(
		&world.probe, slot, frame, sizeof(frame), world.now);
	assert_int_equal(world.probe.counters.forged, 0);
	assert_int_equal(world.probe.counters.ignored, 1);
	assert_int_equal(world.probe.phase, PH_PROBE_SCAN);
	assert_int_equal(world.exit, -1);
}

/* Strangers who connect and say nothing do not keep the probe out. */
static void a_crowd_of_strangers_keeps_nobody_out(void **state)
{
	struct ph_point where;

	(void)state;
	probe_world_start(&world);
	ph_point_parse(&where, "127.0.0.1", WORLD_FIRST);
	for (unsigned i = 0; i < 400; i++) {
		struct ph_beacon_action action;

		assert_true(ph_beacon_session_accepted(
				    &world.beacon, &where, world.now) >= 0);
		while (ph_beacon_session_next(&world.beacon, &action))
			;
	}
	probe_world_run(&world, 60 * SECOND);
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_int_equal(world.probe.matrix.counts[PH_VERDICT_OPEN_VERIFIED],
		2 * WORLD_PORTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		T(a_wrong_passphrase_is_refused),
		T(the_passphrase_before_is_taken),
		T(a_stranger_gets_no_guess),
		T(another_session_is_a_stranger),
		T(a_challenge_replayed_is_worth_nothing),
		T(a_challenge_is_answered_once),
		T(a_reflection_proves_nothing),
		T(a_response_of_another_port_proves_nothing),
		T(no_flipped_bit_is_believed),
		T(no_forged_terminate_ends_it),
		T(a_repeated_terminate_does_nothing),
		T(an_early_terminate_is_passed_over),
		T(a_crowd_of_strangers_keeps_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
