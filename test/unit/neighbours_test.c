/* The table of neighbours: who comes, changes and goes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "test/unit/neighbours_street.h"

static void a_member_is_shown_as_it_is(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);
	const struct ph_neighbour *shown;

	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
	assert_string_equal(street->order, "N");
	shown = ph_neighbours_find(street->table, alpha.id);
	assert_non_null(shown);
	assert_int_equal(shown->standing, PH_MEMBER);
	assert_memory_equal(shown->key, alpha.key, sizeof(alpha.key));
	assert_string_equal(shown->name, "node");
	assert_int_equal(shown->since, street->now);
	assert_int_equal(shown->expires, street->now + 21 * PH_SECOND);
	assert_int_equal(shown->carriers, 1u << PH_HEARD_IPV4);
	assert_ptr_equal(ph_neighbours_walk(street->table, NULL), shown);
	assert_null(ph_neighbours_walk(street->table, shown));
}

static void what_is_said_again_refreshes_what_is_new_replaces(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1), read;
	const struct ph_neighbour *shown;

	hear(street, &alpha);
	pass(street, 5 * PH_SECOND);
	alpha.seq++;
	assert_int_equal(hear(street, &alpha), PH_HEARD_REFRESHED);
	assert_string_equal(street->order, "");
	shown = ph_neighbours_find(street->table, alpha.id);
	assert_int_equal(shown->expires, street->now + 21 * PH_SECOND);
	alpha.seq++;
	alpha.content++;
	strncpy(alpha.name, "renamed", sizeof(alpha.name) - 1);
	assert_int_equal(hear(street, &alpha), PH_HEARD_CHANGED);
	assert_string_equal(street->order, "C");
	shown = ph_neighbours_find(street->table, alpha.id);
	assert_string_equal(shown->name, "renamed");
	assert_int_equal(
		ph_announcement_read(&read, NULL, shown->data, shown->length),
		0);
	assert_string_equal(read.name, "renamed");
}

static void a_restarted_node_replaces_its_old_self(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	alpha.seq = 700;
	hear(street, &alpha);
	alpha.epoch = 2;
	alpha.seq = 1;
	assert_int_equal(hear(street, &alpha), PH_HEARD_CHANGED);
	assert_int_equal(count(street, PH_MEMBER), 1);
	alpha.epoch = 1;
	alpha.seq = 701;
	assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
}

static void a_goodbye_removes_and_nothing_older_brings_back(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	hear(street, &alpha);
	alpha.seq = 5;
	alpha.ttl = 0;
	assert_int_equal(hear(street, &alpha), PH_HEARD_GOODBYE);
	assert_string_equal(street->order, "G");
	assert_int_equal(street->reason, PH_GONE_GOODBYE);
	assert_null(ph_neighbours_find(street->table, alpha.id));
	alpha.seq = 6;
	assert_int_equal(hear(street, &alpha), PH_HEARD_UNWANTED);
	alpha.ttl = 21;
	for (alpha.seq = 1; alpha.seq <= 6; alpha.seq++)
		assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
}

static void who_is_not_heard_ages_out(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1), beta = crier_member(2);

	hear(street, &alpha);
	beta.ttl = 40;
	hear(street, &beta);
	assert_int_equal(ph_neighbours_deadline(street->table),
		street->now + 21 * PH_SECOND);
	pass(street, 21 * PH_SECOND - 1);
	assert_int_equal(count(street, PH_MEMBER), 2);
	pass(street, 1);
	assert_string_equal(street->order, "G");
	assert_int_equal(street->reason, PH_GONE_EXPIRED);
	assert_int_equal(count(street, PH_MEMBER), 1);
	pass(street, 19 * PH_SECOND);
	assert_int_equal(count(street, PH_MEMBER), 0);
	assert_int_equal(ph_neighbours_deadline(street->table), INT64_MAX);
}

static void who_is_proven_alive_is_kept(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	hear(street, &alpha);
	ph_neighbours_keep(
		street->table, alpha.id, street->now + 60 * PH_SECOND);
	pass(street, 59 * PH_SECOND);
	assert_int_equal(count(street, PH_MEMBER), 1);
	pass(street, PH_SECOND);
	assert_int_equal(count(street, PH_MEMBER), 0);
}

static void a_floor_outlives_its_node_by_a_day(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	hear(street, &alpha);
	pass(street, 21 * PH_SECOND);
	pass(street, 24 * 3600 * PH_SECOND - 1);
	assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	pass(street, 1);
	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
	/* One that is told, as after a restart. */
	alpha = crier_member(2);
	ph_neighbours_floor(street->table, alpha.id, 1, 1, street->now);
	assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	alpha.seq = 2;
	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
}

/* Said goodbye as a member, then as a stranger: neither floor hides the
 * other. */
static void the_higher_floor_counts(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_stranger(1);

	alpha.seq = 9;
	alpha.ttl = 0;
	assert_int_equal(hear(street, &alpha), PH_HEARD_UNWANTED);
	ph_neighbours_floor(street->table, alpha.id, 1, 4, street->now);
	alpha.ttl = 21;
	for (alpha.seq = 3; alpha.seq <= 9; alpha.seq++)
		assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	ph_neighbours_floor(street->table, alpha.id, 1, 12, street->now);
	for (alpha.seq = 10; alpha.seq <= 12; alpha.seq++)
		assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	assert_int_equal(hear(street, &alpha), PH_HEARD_NEW);
}

struct kept {
	unsigned count;
	uint8_t id[4][PH_NODE_ID_BYTES];
	struct ph_floor floor[4];
};

static void keep(void *context, const uint8_t id[PH_NODE_ID_BYTES],
	struct ph_floor floor)
{
	struct kept *kept = context;

	assert_true(kept->count < 4);
	memcpy(kept->id[kept->count], id, PH_NODE_ID_BYTES);
	kept->floor[kept->count++] = floor;
}

/* What a start heard is nothing new to the next one: of who is there, and of
 * who was. What was kept of them itself comes in by hearsay before. */
static void floors_outlive_a_restart(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1), beta = crier_member(2);
	struct ph_announcement stranger = crier_stranger(3);
	struct kept kept = {0};

	beta.epoch = 7;
	hear(street, &alpha);
	hear(street, &beta);
	hear(street, &stranger);
	alpha.seq = 9;
	hear(street, &alpha);
	beta.seq = 4;
	beta.ttl = 0;
	hear(street, &beta);
	ph_neighbours_floors(street->table, street->now, keep, &kept);
	assert_int_equal(kept.count, 2);
	assert_int_equal(
		ph_neighbours_epoch(street->table, alpha.id, street->now), 1);
	assert_int_equal(
		ph_neighbours_epoch(street->table, beta.id, street->now), 7);

	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	street = *state;
	alpha.seq = 2;
	assert_int_equal(hear_by_line(street, &alpha), PH_HEARD_NEW);
	for (unsigned i = 0; i < kept.count; i++)
		ph_neighbours_floor(street->table, kept.id[i],
			kept.floor[i].epoch, kept.floor[i].seq, street->now);
	beta.ttl = 21;
	for (alpha.seq = 3; alpha.seq <= 9; alpha.seq++)
		assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
	for (beta.seq = 1; beta.seq <= 4; beta.seq++)
		assert_int_equal(hear(street, &beta), PH_HEARD_OLD);
	assert_int_equal(hear(street, &alpha), PH_HEARD_REFRESHED);
	assert_int_equal(hear(street, &beta), PH_HEARD_NEW);
}

static void forgetting_keeps_the_floor(void **state)
{
	struct street *street = *state;
	struct ph_announcement alpha = crier_member(1);

	hear(street, &alpha);
	ph_neighbours_forget(street->table, alpha.id, street->now);
	drain(street);
	assert_int_equal(street->reason, PH_GONE_FORGOTTEN);
	assert_int_equal(hear(street, &alpha), PH_HEARD_OLD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_member_is_shown_as_it_is),
		T(what_is_said_again_refreshes_what_is_new_replaces),
		T(a_restarted_node_replaces_its_old_self),
		T(a_goodbye_removes_and_nothing_older_brings_back),
		T(who_is_not_heard_ages_out),
		T(who_is_proven_alive_is_kept),
		T(a_floor_outlives_its_node_by_a_day),
		T(the_higher_floor_counts),
		T(floors_outlive_a_restart),
		T(forgetting_keeps_the_floor),
	};

	return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}
