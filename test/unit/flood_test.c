/* The neighbour table under attack: replays, and floods of forged identities;
 * with cheap seals, so that it is the table which is measured, and with real
 * ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/hal.h"
#include "proto/seal.h"
#include "test/crier.h"

struct street {
	struct ph_neighbours *table;
	struct crier_judge judge;
	int64_t now;
	uint64_t random;
	unsigned members_gone; /* by anything but their own goodbye */
	unsigned wishes;
};

static int setup(void **state)
{
	struct street *street = calloc(1, sizeof(*street));
	struct ph_neighbours_config config = ph_neighbours_defaults();

	memcpy(config.mesh, crier_mesh, PH_MESH_BYTES);
	memset(config.self, 0xee, sizeof(config.self));
	config.judge = &crier_judge;
	config.context = &street->judge;
	config.seed = 11;
	street->now = 1000 * PH_SECOND;
	street->random = 99;
	*state = street;
	return ph_neighbours_create(&street->table, &config);
}

static int teardown(void **state)
{
	struct street *street = *state;

	ph_neighbours_destroy(street->table);
	free(street);
	return 0;
}

static uint32_t random_next(struct street *street)
{
	street->random = street->random * UINT64_C(6364136223846793005) +
			 1442695040888963407;
	return (uint32_t)(street->random >> 32);
}

static void drain(struct street *street)
{
	struct ph_neighbour_event event;

	while (ph_neighbours_next(street->table, &event)) {
		if (event.kind == PH_NEIGHBOUR_GONE &&
			event.neighbour->standing == PH_MEMBER &&
			event.reason != PH_GONE_GOODBYE)
			street->members_gone++;
		street->wishes += event.kind == PH_NEIGHBOUR_WISH;
	}
}

static enum ph_hearing hear(struct street *street,
	const struct ph_announcement *announcement, const struct ph_via *via)
{
	uint8_t data[PH_ANNOUNCEMENT_MAX];
	int length = ph_announcement_write(announcement, data);
	enum ph_hearing hearing = ph_neighbours_hear(
		street->table, data, (size_t)length, via, street->now);

	drain(street);
	return hearing;
}

/* Somebody who does not exist, from somewhere. */
static struct ph_announcement forge(struct street *street, struct ph_via *via)
{
	struct ph_announcement forged = crier_stranger(random_next(street));

	*via = crier_via(random_next(street));
	forged.id[9] = (uint8_t)random_next(street);
	forged.seq = random_next(street);
	forged.signature[0] = 0;
	return forged;
}

static void members_enter(struct street *street, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct ph_announcement member = crier_member(1 + i);
		struct ph_via via = crier_via(1 + i);

		member.ttl = 60;
		assert_int_equal(hear(street, &member, &via), PH_HEARD_NEW);
	}
}

static bool is_accepted(enum ph_hearing hearing)
{
	return hearing == PH_HEARD_NEW || hearing == PH_HEARD_CHANGED ||
	       hearing == PH_HEARD_REFRESHED || hearing == PH_HEARD_GOODBYE;
}

/* What a listener recorded: 50 nodes, members and strangers, that come, change,
 * and of which half say goodbye. */
struct record {
	uint8_t data[PH_ANNOUNCEMENT_MAX];
	size_t length;
};

static unsigned record_make(struct street *street, struct record *records)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 50; i++) {
		struct ph_announcement node =
			i % 5 ? crier_member(i) : crier_stranger(i);
		struct ph_via via = crier_via(i);

		for (node.seq = 1; node.seq <= 20; node.seq++) {
			struct record *record = &records[count++];

			node.content = 1 + node.seq / 5;
			if (i % 2 && node.seq > 17)
				node.ttl = 0;
			record->length = (size_t)ph_announcement_write(
				&node, record->data);
			ph_neighbours_hear(street->table, record->data,
				record->length, &via, street->now);
			drain(street);
			street->now += 20 * PH_MILLISECOND;
		}
	}
	return count;
}

static void replays_are_never_accepted(void **state)
{
	struct street *street = *state;
	struct record *records = calloc(1000, sizeof(*records));
	unsigned count = record_make(street, records), accepted = 0;

	assert_int_equal(count, 1000);
	assert_int_equal(
		ph_neighbours_count(street->table, PH_MEMBER) +
			ph_neighbours_count(street->table, PH_STRANGER),
		25);
	/* By every carrier, at once and after everybody aged out. */
	for (unsigned i = 0; i < 100000; i++) {
		struct record *record = &records[random_next(street) % count];
		struct ph_via via = crier_via(random_next(street));

		via.carrier = random_next(street) % 5;
		accepted += is_accepted(ph_neighbours_hear(street->table,
			record->data, record->length, &via, street->now));
		street->now += PH_MILLISECOND;
		ph_neighbours_step(street->table, street->now);
		drain(street);
	}
	assert_int_equal(accepted, 0);
	assert_int_equal(
		ph_neighbours_count(street->table, PH_MEMBER) +
			ph_neighbours_count(street->table, PH_STRANGER),
		0);
	free(records);
}

/* 10,000 a second for 10 s; after 3 s somebody honest and new comes. */
static int64_t flood(struct street *street, bool signed_ones, unsigned honest)
{
	struct ph_announcement fresh = crier_stranger(0xf0000000 + honest);
	struct ph_via home = crier_via(0x00c0ffee + honest), via;
	int64_t begin = street->now, came = begin + 3 * PH_SECOND;
	int64_t next = came, accepted = 0;

	while (street->now < begin + 10 * PH_SECOND) {
		struct ph_announcement forged = forge(street, &via);

		if (signed_ones)
			forged.signature[0] = CRIER_SIGNATURE;
		hear(street, &forged, &via);
		street->now += PH_SECOND / 10000;
		ph_neighbours_step(street->table, street->now);
		drain(street);
		if (street->now < next)
			continue;
		/* Fast start, then 1 s: as an honest node does. */
		if (is_accepted(hear(street, &fresh, &home)) && !accepted)
			accepted = street->now - came;
		next += fresh.seq++ < 4 ? 250 * PH_MILLISECOND : PH_SECOND;
	}
	return accepted ? accepted : INT64_MAX;
}

static void a_flood_of_forgeries_is_weathered(void **state)
{
	struct street *street = *state;
	size_t before;
	int64_t wait;

	members_enter(street, 1000);
	before = ph_neighbours_memory(street->table);
	street->judge.signatures = 0;
	wait = flood(street, false, 1);
	print_message("forged: honest after %lld ms, %lu signatures, "
		      "memory +%zd\n",
		(long long)(wait / PH_MILLISECOND), street->judge.signatures,
		ph_neighbours_memory(street->table) - before);
	assert_true(wait <= 2 * PH_SECOND);
	assert_true(street->judge.signatures <= 10 * 250 + 64);
	assert_true(ph_neighbours_memory(street->table) - before < 256 * 1024);
	assert_int_equal(ph_neighbours_count(street->table, PH_MEMBER), 1000);
	assert_int_equal(street->members_gone, 0);
}

/* The forger has keys of its own, any number of them. */
static void a_flood_of_signed_strangers_is_weathered(void **state)
{
	struct street *street = *state;
	int64_t worst = 0;
	size_t before;

	members_enter(street, 1000);
	before = ph_neighbours_memory(street->table);
	for (unsigned i = 0; i < 4; i++) {
		int64_t wait = flood(street, true, i);

		worst = wait > worst ? wait : worst;
	}
	print_message("signed: honest after %lld ms, %u wishes, memory +%zd\n",
		(long long)(worst / PH_MILLISECOND), street->wishes,
		ph_neighbours_memory(street->table) - before);
	assert_true(worst <= 2 * PH_SECOND);
	assert_true(ph_neighbours_memory(street->table) - before < 512 * 1024);
	assert_true(ph_neighbours_count(street->table, PH_STRANGER) <= 64);
	assert_int_equal(ph_neighbours_count(street->table, PH_MEMBER), 1000);
	assert_int_equal(street->members_gone, 0);
}

/* Who says everything twice passes the sieve; from one place, or a handful, it
 * still has a share only. */
static void a_flood_that_repeats_itself_is_weathered(void **state)
{
	static const unsigned sources[] = {1, 8, 20};
	struct street *street = *state;

	for (unsigned round = 0; round < 3; round++) {
		struct ph_announcement fresh =
			crier_stranger(0xf0000000 + round);
		struct ph_via home = crier_via(0xc0ffee + round);
		int64_t begin = street->now, came = begin + PH_SECOND;
		int64_t next = came, accepted = 0;
		unsigned i = 2000;

		/* 10,000 a second, half of them of 200 ms before. */
		for (; street->now < begin + 3 * PH_SECOND; i++) {
			unsigned number = i / 2 - i % 2 * 1000;
			struct ph_announcement forged =
				crier_stranger(round << 20 | number);
			struct ph_via via =
				crier_via(7 + number % sources[round]);

			forged.seq = 1 + i % 2;
			hear(street, &forged, &via);
			street->now += PH_SECOND / 10000;
			ph_neighbours_step(street->table, street->now);
			drain(street);
			if (street->now < next)
				continue;
			if (is_accepted(hear(street, &fresh, &home)) &&
				!accepted)
				accepted = street->now - came + 1;
			fresh.seq++;
			next += 250 * PH_MILLISECOND;
		}
		if (!accepted || accepted > 300 * PH_MILLISECOND)
			fail_msg("%u sources: after %lld ms", sources[round],
				(long long)(accepted / PH_MILLISECOND));
	}
}

/* Those who know a member's id can say nothing in its name, and do not keep
 * it from being heard. */
static void a_flood_in_a_members_name_is_weathered(void **state)
{
	struct street *street = *state;
	unsigned refreshed = 0;

	members_enter(street, 10);
	for (unsigned i = 0; i < 100000; i++) {
		struct ph_announcement forged = crier_member(3);
		struct ph_announcement member = crier_member(3);
		struct ph_via via = crier_via(random_next(street));

		forged.seq = UINT32_MAX;
		forged.ttl = i % 2 ? 0 : 60;
		forged.ring = i % 3 ? CRIER_RING : 1;
		forged.mac[0] = 0;
		forged.signature[0] = 0;
		assert_false(is_accepted(hear(street, &forged, &via)));
		street->now += PH_SECOND / 10000;
		if (i % 10000)
			continue;
		member.seq = 2 + i / 10000;
		via = crier_via(4);
		refreshed += hear(street, &member, &via) == PH_HEARD_REFRESHED;
	}
	assert_int_equal(refreshed, 10);
}

static enum ph_hearing hear_foreign(
	struct street *street, uint32_t chassis, uint32_t source)
{
	uint8_t data[] = "\x02\x05\x07____\x04\x02\x07p\x06\x02\0\x78\0";
	struct ph_via via = {.carrier = PH_HEARD_ETHERNET};
	enum ph_hearing hearing;

	memcpy(data + 3, &chassis, sizeof(chassis));
	memcpy(via.address, &source, sizeof(source));
	hearing = ph_neighbours_hear(
		street->table, data, sizeof(data), &via, street->now);
	drain(street);
	return hearing;
}

/* Foreign frames of switches that do not exist: those that were heard twice
 * before stay; nobody here knows which of the new ones are true. */
static void a_flood_of_foreign_frames_is_weathered(void **state)
{
	struct street *street = *state;
	size_t before;

	assert_int_equal(hear_foreign(street, 1, 1), PH_HEARD_NEW);
	assert_int_equal(hear_foreign(street, 1, 1), PH_HEARD_REFRESHED);
	before = ph_neighbours_memory(street->table);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t number = random_next(street);

		hear_foreign(street, number, number);
		street->now += PH_SECOND / 10000;
		if (i % 10000 == 0)
			assert_int_equal(
				hear_foreign(street, 1, 1), PH_HEARD_REFRESHED);
	}
	assert_int_equal(ph_neighbours_count(street->table, PH_FOREIGN), 64);
	assert_true(ph_neighbours_memory(street->table) - before < 64 * 1024);
	/* One source alone does not get far. */
	assert_int_equal(hear_foreign(street, 1, 1), PH_HEARD_REFRESHED);
	street->now += 200 * PH_SECOND;
	ph_neighbours_step(street->table, street->now);
	drain(street);
	for (unsigned i = 0; i < 100; i++)
		hear_foreign(street, i, 9);
	assert_int_equal(ph_neighbours_count(street->table, PH_FOREIGN), 8);
}

/* The real seals, and what a check costs. */

struct real {
	uint8_t ring[PH_SEAL_KEY];
	uint64_t id;
};

static enum ph_ring_verdict real_ring(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	struct real *real = context;

	if (announcement->ring != real->id)
		return PH_RING_UNKNOWN;
	return ph_seal_announcement_member(data, length, real->ring)
		       ? PH_RING_MEMBER
		       : PH_RING_WRONG;
}

static bool real_signature(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	return ph_seal_announcement_verify(
		data, length, announcement->id, announcement->key);
}

static enum ph_key_verdict real_key(
	void *context, const uint8_t key[PH_PUBLIC_KEY])
{
	return PH_KEY_UNKNOWN;
}

static const struct ph_neighbours_judge real_judge = {
	real_ring,
	real_signature,
	real_key,
};

static int64_t cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * PH_SECOND + time.tv_nsec;
}

/* CPU ns for each of 10,000 that arrive within a second. */
static int64_t cost_of(struct ph_neighbours *table, uint8_t *data,
	size_t length, size_t changed, int64_t now)
{
	int64_t begin = cpu_time();

	for (uint32_t i = 0; i < 10000; i++) {
		struct ph_via via = crier_via(i);

		memcpy(data + changed, &i, sizeof(i));
		assert_false(is_accepted(ph_neighbours_hear(table, data, length,
			&via, now + (int64_t)i * PH_SECOND / 10000)));
	}
	return (cpu_time() - begin) / 10000;
}

static void real_seals_are_cheap_enough(void **state)
{
	struct real real = {.ring = {3}, .id = 5};
	struct ph_neighbours_config config = ph_neighbours_defaults();
	struct ph_announcement node = crier_member(1);
	struct ph_via via = crier_via(1);
	uint8_t data[PH_ANNOUNCEMENT_MAX], seed[32] = {1};
	struct ph_neighbours *table;
	struct ph_signer signer;
	size_t length;
	int64_t cost;

	memcpy(config.mesh, crier_mesh, PH_MESH_BYTES);
	config.judge = &real_judge;
	config.context = &real;
	assert_int_equal(ph_neighbours_create(&table, &config), 0);
	ph_signer_init(&signer, seed);
	memcpy(node.key, signer.key, PH_PUBLIC_KEY);
	ph_node_id(node.id, node.key);
	strncpy(node.description, "posthouse", sizeof(node.description) - 1);
	while (node.caps_length < 160)
		ph_announcement_cap_add(&node, "key=value");
	length = (size_t)ph_announcement_write(&node, data);
	ph_seal_announcement(data, length, &signer, real.ring);
	assert_int_equal(
		ph_neighbours_hear(table, data, length, &via, PH_SECOND),
		PH_HEARD_NEW);
	node.seq++;
	length = (size_t)ph_announcement_write(&node, data);
	ph_seal_announcement(data, length, &signer, real.ring);
	cost = cost_of(
		table, data, length, length - PH_AUTH_SIGNATURE, 2 * PH_SECOND);
	print_message(
		"%zu bytes, wrong MAC: %lld ns\n", length, (long long)cost);
	node.ring = 6;
	length = (size_t)ph_announcement_write(&node, data);
	cost = cost_of(
		table, data, length, length - PH_AUTH_SIGNATURE, 4 * PH_SECOND);
	print_message(
		"%zu bytes, unknown ring: %lld ns\n", length, (long long)cost);
	ph_signer_fini(&signer);
	ph_neighbours_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(replays_are_never_accepted),
		T(a_flood_of_forgeries_is_weathered),
		T(a_flood_of_signed_strangers_is_weathered),
		T(a_flood_that_repeats_itself_is_weathered),
		T(a_flood_in_a_members_name_is_weathered),
		T(a_flood_of_foreign_frames_is_weathered),
		cmocka_unit_test(real_seals_are_cheap_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
