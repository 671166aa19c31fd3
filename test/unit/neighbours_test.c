#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "kernel/hal.h"
#include "test/crier.h"

/* A table, its clock, and what it told so far. */
struct street {
	struct ph_neighbours *table;
	struct crier_judge judge;
	struct ph_neighbours_config config;
	int64_t now;
	unsigned told[4]; /* by ph_neighbour_event_kind */
	enum ph_neighbour_gone reason;
	char order[32]; /* initials of the events */
};

static struct ph_neighbours_config street_config(struct street *street)
{
	struct ph_neighbours_config config = ph_neighbours_defaults();

	memcpy(config.mesh, crier_mesh, PH_MESH_BYTES);
	memset(config.self, 0xee, sizeof(config.self));
	config.judge = &crier_judge;
	config.context = &street->judge;
	config.seed = 7;
	return config;
}

static int setup(void **state)
{
	struct street *street = calloc(1, sizeof(*street));

	street->now = 1000 * PH_SECOND;
	street->config = street_config(street);
	*state = street;
	return ph_neighbours_create(&street->table, &street->config);
}

static int teardown(void **state)
{
	struct street *street = *state;

	ph_neighbours_destroy(street->table);
	free(street);
	return 0;
}

static void again_with(struct street *street)
{
	ph_neighbours_destroy(street->table);
	assert_int_equal(
		ph_neighbours_create(&street->table, &street->config), 0);
}

static void drain(struct street *street)
{
	struct ph_neighbour_event event;
	size_t at = 0;

	memset(street->order, 0, sizeof(street->order));
	while (ph_neighbours_next(street->table, &event)) {
		street->told[event.kind]++;
		if (event.kind == PH_NEIGHBOUR_GONE)
			street->reason = event.reason;
		if (at < sizeof(street->order) - 1)
			street->order[at++] = "NCGW"[event.kind];
		assert_non_null(event.neighbour->data);
	}
}

static enum ph_hearing hear_via(struct street *street,
	const struct ph_announcement *announcement, const struct ph_via *via)
{
	uint8_t data[PH_ANNOUNCEMENT_MAX];
	int length = ph_announcement_write(announcement, data);
	enum ph_hearing hearing;

	assert_true(length > 0);
	hearing = ph_neighbours_hear(
		street->table, data, (size_t)length, via, street->now);
	drain(street);
	return hearing;
}

static enum ph_hearing hear(
	struct street *street, const struct ph_announcement *announcement)
{
	struct ph_via via = crier_via(announcement->id[0]);

	return hear_via(street, announcement, &via);
}

static enum ph_hearing hear_by_line(
	struct street *street, const struct ph_announcement *announcement)
{
	struct ph_via via = {.carrier = PH_HEARD_LINE, .address = {1}};

	return hear_via(street, announcement, &via);
}

static void pass(struct street *street, int64_t span)
{
	street->now += span;
	ph_neighbours_step(street->table, street->now);
	drain(street);
}

static unsigned count(const struct street *street, enum ph_standing standing)
{
	return ph_neighbours_count(street->table, standing);
}

/* Coming, changing, going. */

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

/* Whom to believe. */

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

	return cmocka_run_group_tests(tests, NULL, NULL);
}
