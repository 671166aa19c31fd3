/* The table of neighbours: whom it believes, and how many of whom it takes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "test/unit/neighbours_street.h"

static void what_is_not_for_us_is_ignored(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	alpha.mesh[0] = 'x';
	assert_int_equal(hear(street, &alpha), PH_HEARD_OTHER_MESH);
	alpha = crier_member(1);
	memset(alpha.id, 0xee, sizeof(alpha.id));
	assert_int_equal(hear(street, &alpha), PH_HEARD_SELF);
	assert_int_equal(street->judge.rings + street->judge.signatures, 0);
}

static void a_wrong_mac_costs_no_signature(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	alpha.mac[0] = 0;
	assert_int_equal(hear(street, &alpha), PH_HEARD_FORGED);
	assert_int_equal(street->judge.signatures, 0);
	alpha = crier_member(1);
	alpha.signature[0] = 0;
	assert_int_equal(hear(street, &alpha), PH_HEARD_FORGED);
	alpha = crier_member(1);
	alpha.key[31] = 2;
	assert_int_equal(hear(street, &alpha), PH_HEARD_REVOKED);
	assert_int_equal(count(street, PH_MEMBER), 0);
}

static void nobody_moves_the_floor_of_another(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1), forged;

	hear(street, &alpha);
	forged = alpha;
	forged.seq = 1000;
	forged.ttl = 0;
	forged.signature[0] = 0;
	assert_int_equal(hear(street, &forged), PH_HEARD_FORGED);
	alpha.seq = 2;
	assert_int_equal(hear(street, &alpha), PH_HEARD_REFRESHED);
}

static void a_stranger_is_wished_to_be_dialled(void **state)
{
	struct street *street = *state;
	struct ph_announcement fresh = crier_stranger(1);

	assert_int_equal(hear(street, &fresh), PH_HEARD_NEW);
	assert_string_equal(street->order, "NW");
	assert_int_equal(count(street, PH_STRANGER), 1);
	fresh.seq++;
	assert_int_equal(hear(street, &fresh), PH_HEARD_REFRESHED);
	assert_string_equal(street->order, "");
	for (int64_t wait = 5; wait <= 20; wait *= 2) {
		pass(street, wait * PH_SECOND);
		fresh.seq++;
		hear(street, &fresh);
		assert_string_equal(street->order, "W");
		fresh.seq++;
		hear(street, &fresh);
		assert_string_equal(street->order, "");
	}
	/* It got our ring: one of us from now on, and no dial is wished. */
	fresh.seq++;
	fresh.ring = CRIER_RING;
	fresh.mac[0] = CRIER_MAC;
	fresh.key[31] = 1;
	assert_int_equal(hear(street, &fresh), PH_HEARD_CHANGED);
	assert_string_equal(street->order, "C");
	assert_int_equal(count(street, PH_STRANGER), 0);
	assert_int_equal(count(street, PH_MEMBER), 1);
}

static void a_member_that_nobody_vouched_for_is_wished_later(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	alpha.key[31] = 0;
	hear(street, &alpha);
	assert_string_equal(street->order, "N");
	pass(street, 2 * PH_SECOND);
	alpha.seq++;
	hear(street, &alpha);
	assert_string_equal(street->order, "W");
}

static void trust_that_changed_is_reviewed(void **state)
{
	struct street *street = *state;
	struct ph_announcement one = crier_stranger(1);
	struct ph_neighbour *shown;

	hear(street, &one);
	/* The judge looks at the key alone: change what it will say. */
	shown = (struct ph_neighbour *)ph_neighbours_find(
		street->table, one.id);
	shown->key[31] = 1;
	ph_neighbours_review(street->table, street->now);
	drain(street);
	assert_string_equal(street->order, "C");
	assert_int_equal(count(street, PH_MEMBER), 1);
	shown->key[31] = 2;
	ph_neighbours_review(street->table, street->now);
	drain(street);
	assert_string_equal(street->order, "G");
	assert_int_equal(count(street, PH_MEMBER), 0);
}

static void a_trusted_key_needs_no_ring(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_stranger(1);

	alpha.key[31] = 1;
	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
	assert_string_equal(street->order, "N");
	assert_int_equal(count(street, PH_MEMBER), 1);
}

/* Lines. */

static void a_line_brings_news_and_no_life(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1), older;
	int64_t expires;

	hear(street, &alpha);
	expires = ph_neighbours_find(street->table, alpha.id)->expires;
	pass(street, PH_SECOND);
	alpha.seq = 10;
	assert_int_equal(hear_by_line(street, &alpha), PH_HEARD_OLD);
	alpha.content++;
	assert_int_equal(hear_by_line(street, &alpha), PH_HEARD_CHANGED);
	assert_int_equal(
		ph_neighbours_find(street->table, alpha.id)->expires, expires);
	older = alpha;
	older.seq = 9;
	assert_int_equal(hear_by_line(street, &older), PH_HEARD_OLD);
	alpha.seq = 11;
	alpha.ttl = 0;
	assert_int_equal(hear_by_line(street, &alpha), PH_HEARD_GOODBYE);
}

static void hearsay_of_strangers_is_not_wanted(void **state)
{
	struct street *street = *state;
	struct ph_announcement fresh = crier_stranger(1);

	assert_int_equal(hear_by_line(street, &fresh), PH_HEARD_UNWANTED);
	assert_int_equal(street->judge.signatures, 0);
	fresh.key[31] = 1;
	assert_int_equal(hear_by_line(street, &fresh), PH_HEARD_NEW);
	assert_int_equal(ph_neighbours_find(street->table, fresh.id)->heard, 0);
}

static void all_carriers_of_a_neighbour_are_shown(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);
	struct ph_via via = crier_via(1);

	hear_via(street, &alpha, &via);
	via.carrier = PH_HEARD_IPV6;
	assert_int_equal(hear_via(street, &alpha, &via), PH_HEARD_OLD);
	assert_int_equal(ph_neighbours_find(street->table, alpha.id)->carriers,
		1u << PH_HEARD_IPV4 | 1u << PH_HEARD_IPV6);
	/* A late copy is anybody's. */
	pass(street, PH_SECOND);
	via.carrier = PH_HEARD_ETHERNET;
	assert_int_equal(hear_via(street, &alpha, &via), PH_HEARD_OLD);
	assert_int_equal(ph_neighbours_find(street->table, alpha.id)->carriers,
		1u << PH_HEARD_IPV4 | 1u << PH_HEARD_IPV6);
}

/* Quotas. */

static void one_source_has_few_strangers(void **state)
{
	struct street *street = *state;
	struct ph_via via = crier_via(77);
	struct ph_announcement fresh;

	for (unsigned i = 0; i < 8; i++) {
		fresh = crier_stranger(i);
		assert_int_equal(hear_via(street, &fresh, &via), PH_HEARD_NEW);
	}
	fresh = crier_stranger(8);
	assert_int_equal(hear_via(street, &fresh, &via), PH_HEARD_CROWDED);
	assert_int_equal(hear(street, &fresh), PH_HEARD_NEW);
	/* Those that had their chance make room. */
	pass(street, 2 * PH_SECOND);
	fresh = crier_stranger(9);
	assert_int_equal(hear_via(street, &fresh, &via), PH_HEARD_NEW);
	assert_int_equal(street->reason, PH_GONE_EVICTED);
	assert_int_equal(count(street, PH_STRANGER), 9);
	/* Members may be as many as they like behind one address. */
	for (unsigned i = 0; i < 100; i++) {
		fresh = crier_member(1000 + i);
		assert_int_equal(hear_via(street, &fresh, &via), PH_HEARD_NEW);
	}
}

static void strangers_never_take_a_members_room(void **state)
{
	struct street *street = *state;
	struct ph_announcement one;

	street->config.members = 20;
	street->config.strangers = 4;
	again_with(street);
	for (unsigned i = 0; i < 20; i++) {
		one = crier_member(i);
		assert_int_equal(hear(street, &one), PH_HEARD_NEW);
	}
	for (unsigned i = 0; i < 40; i++) {
		one = crier_stranger(100 + i);
		hear(street, &one);
	}
	assert_int_equal(count(street, PH_STRANGER), 4);
	assert_int_equal(count(street, PH_MEMBER), 20);
	/* A member too many is refused, and stays a stranger if it was one. */
	one = crier_member(50);
	assert_int_equal(hear(street, &one), PH_HEARD_FULL);
	one = crier_member(100);
	one.seq = 2;
	assert_int_equal(hear(street, &one), PH_HEARD_REFRESHED);
	assert_int_equal(count(street, PH_MEMBER), 20);
}

static void trusted_members_go_before_others(void **state)
{
	struct street *street = *state;
	struct ph_announcement one;

	street->config.members = 3;
	again_with(street);
	for (unsigned i = 0; i < 3; i++) {
		one = crier_member(i);
		one.key[31] = i != 1;
		hear(street, &one);
	}
	one = crier_member(10);
	one.key[31] = 0;
	assert_int_equal(hear(street, &one), PH_HEARD_FULL);
	one = crier_member(11);
	assert_int_equal(hear(street, &one), PH_HEARD_NEW);
	one = crier_member(1);
	assert_null(ph_neighbours_find(street->table, one.id));
	one = crier_member(12);
	assert_int_equal(hear(street, &one), PH_HEARD_FULL);
}

static void events_that_nobody_takes_are_bounded(void **state)
{
	struct street *street = *state;
	struct ph_via via = crier_via(1);
	uint8_t data[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement one;
	size_t most = 0;

	for (unsigned i = 0; i < 10000; i++) {
		int length;

		one = crier_member(i / 2);
		one.ttl = i % 2 ? 0 : 21;
		one.seq = 1 + i % 2;
		length = ph_announcement_write(&one, data);
		ph_neighbours_hear(
			street->table, data, (size_t)length, &via, street->now);
		street->now += PH_MILLISECOND;
		if (ph_neighbours_memory(street->table) > most)
			most = ph_neighbours_memory(street->table);
	}
	assert_true(most < 2 * 1024 * 1024);
	drain(street);
	assert_true(street->told[PH_NEIGHBOUR_GONE] <= 2048);
	assert_int_equal(street->told[PH_NEIGHBOUR_GONE],
		street->told[PH_NEIGHBOUR_NEW]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_not_for_us_is_ignored),
		T(a_wrong_mac_costs_no_signature),
		T(nobody_moves_the_floor_of_another),
		T(a_stranger_is_wished_to_be_dialled),
		T(a_member_that_nobody_vouched_for_is_wished_later),
		T(trust_that_changed_is_reviewed),
		T(a_trusted_key_needs_no_ring),
		T(a_line_brings_news_and_no_life),
		T(hearsay_of_strangers_is_not_wanted),
		T(all_carriers_of_a_neighbour_are_shown),
		T(one_source_has_few_strangers),
		T(strangers_never_take_a_members_room),
		T(trusted_members_go_before_others),
		T(events_that_nobody_takes_are_bounded),
	};

	return cmocka_run_group_tests_name(
		"neighbours_trust", tests, NULL, NULL);
}
