/*
 * The membership of whole meshes on the simulator. Liveness: who is gone is, in
 * time, and who is back is back. Doses and seeds: sim_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "test/unit/sim_meshes.h"

struct times {
	double first[2000], spread[2000];
	unsigned count;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void times_add(
	struct times *times, struct sim *sim, unsigned node, int64_t begin)
{
	int64_t first = sim_first_dead(sim, node);

	times->first[times->count] = (double)(first - begin) / PH_SECOND;
	times->spread[times->count++] =
		(double)(sim_last_dead(sim, node) - first) / PH_SECOND;
}

static void times_tell(struct times *times, const char *what)
{
	unsigned n = times->count;

	qsort(times->first, n, sizeof(double), by_size);
	qsort(times->spread, n, sizeof(double), by_size);
	printf("# %s, %u runs: first p50 %.3f p99 %.3f max %.3f s; "
	       "to the last p50 %.3f p99 %.3f max %.3f s\n",
		what, n, times->first[n / 2], times->first[n * 99 / 100],
		times->first[n - 1], times->spread[n / 2],
		times->spread[n * 99 / 100], times->spread[n - 1]);
}

static void killed_one_is_seen(void **state)
{
	static struct times times;

	(void)state;
	for (unsigned round = 0; round < sim_dose(2000); round++) {
		struct sim *sim = mesh_of(100, round);
		int64_t begin;

		sim_run(sim, round * 137 % 1000 * MS);
		begin = sim_now(sim);
		sim_kill(sim, 7);
		assert_true(sim_wait_state(
			sim, 7, PH_MEMBER_DEAD, 99, 2 * PH_SECOND));
		assert_true(sim_first_dead(sim, 7) - begin <= PH_SECOND);
		times_add(&times, sim, 7, begin);
		nobody_died(sim);
	}
	times_tell(&times, "killed");
}

static void silent_one_is_seen(void **state)
{
	static struct times times;

	(void)state;
	for (unsigned round = 0; round < sim_dose(2000); round++) {
		struct sim *sim = mesh_of(100, round);
		int64_t begin;

		sim_run(sim, round * 137 % 1000 * MS);
		begin = sim_now(sim);
		sim_unplug(sim, 7);
		assert_true(sim_wait_state(
			sim, 7, PH_MEMBER_DEAD, 99, 7 * PH_SECOND));
		assert_true(sim_first_dead(sim, 7) - begin <= 6500 * MS);
		assert_true(sim_last_dead(sim, 7) - sim_first_dead(sim, 7) <=
			    500 * MS);
		times_add(&times, sim, 7, begin);
		nobody_died(sim);
	}
	times_tell(&times, "silent");
}

/* Without lines and ICMP there is silence only. */
static void killed_where_hosts_say_nothing(void **state)
{
	struct sim_config config = sim_lan(100, seed_of(0));
	struct sim *sim;

	(void)state;
	config.lineless = true;
	config.speechless = true;
	sim = mesh_with(&config);
	sim_kill(sim, 7);
	assert_true(sim_wait_state(sim, 7, PH_MEMBER_DEAD, 99, 7 * PH_SECOND));
	nobody_died(sim);
}

static void gone_in_small_meshes(void **state)
{
	static const struct {
		unsigned nodes;
		bool silent;
		int64_t within;
	} cases[] = {
		{2, false, PH_SECOND},
		{3, false, PH_SECOND},
		{5, false, PH_SECOND},
		{2, true, 7 * PH_SECOND},
		{3, true, 7 * PH_SECOND},
		{5, true, 7 * PH_SECOND},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim *sim = mesh_of(cases[i].nodes, i);

		if (cases[i].silent)
			sim_unplug(sim, 1);
		else
			sim_kill(sim, 1);
		assert_true(sim_wait_state(sim, 1, PH_MEMBER_DEAD,
			cases[i].nodes - 1, cases[i].within));
		nobody_died(sim);
	}
}

static void many_die_at_once(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		sim_unplug(sim, i);
	sim_run(sim, 20 * PH_SECOND);
	for (unsigned i = 0; i < 30; i++)
		assert_true(sim_holding(sim, i, PH_MEMBER_DEAD) >= 70);
	nobody_died(sim);
}

static void goodbye_is_heard(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_leave(sim, 7);
	assert_true(sim_wait_state(
		sim, 7, PH_MEMBER_LEFT, 99, 500 * PH_MILLISECOND));
	sim_kill(sim, 7);
	sim_run(sim, 10 * PH_SECOND);
	assert_int_equal(sim_holding(sim, 7, PH_MEMBER_LEFT), 99);
	assert_int_equal(sim_first_dead(sim, 7), -1);
	nobody_died(sim);
}

static void halves_meet_again(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_split(sim, 50);
	sim_run(sim, MINUTE);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sim_holding(sim, i, PH_MEMBER_DEAD), 50);
	sim_heal(sim);
	assert_true(sim_wait_fullmesh(sim, 1, 5 * PH_SECOND));
	nobody_died(sim);
}

static void deaf_one_dies_and_returns(void **state)
{
	struct sim *sim = mesh_of(50, 0);

	(void)state;
	for (unsigned other = 1; other < 50; other++)
		sim_cut(sim, other, 0, true);
	assert_true(sim_wait_state(sim, 0, PH_MEMBER_DEAD, 49, 10 * PH_SECOND));
	for (unsigned other = 1; other < 50; other++)
		assert_int_equal(sim_holding(sim, other, PH_MEMBER_DEAD), 0);
	sim_heal(sim);
	assert_true(sim_wait_fullmesh(sim, 1, 10 * PH_SECOND));
	sim_close(sim);
}

static void new_epoch_replaces_the_old(void **state)
{
	struct sim *sim = mesh_of(100, 0);
	struct ph_member_view view;

	(void)state;
	sim_restart(sim, 7);
	assert_true(sim_wait_fullmesh(sim, 1, 5 * PH_SECOND));
	sim_run(sim, 10 * PH_SECOND);
	for (unsigned i = 0; i < 100; i++) {
		if (i == 7)
			continue;
		assert_int_equal(ph_members_find(sim_members(sim, i),
					 sim_id(sim, 7), &view),
			0);
		assert_int_equal(view.epoch, 2);
		assert_int_equal(view.state, PH_MEMBER_ALIVE);
	}
	nobody_died(sim);
}

static unsigned stale_in(struct ph_members *members)
{
	struct ph_member_view view;
	unsigned stale = 0;

	for (unsigned i = 0; i < ph_members_count(members); i++) {
		ph_members_view(members, i, &view);
		stale += view.stale;
	}
	return stale;
}

static void view_survives_a_restart(void **state)
{
	struct sim *sim = mesh_of(50, 0);

	(void)state;
	sim_kill(sim, 9);
	sim_run(sim, 2 * PH_SECOND);
	sim_restart_with_view(sim, 7);
	assert_int_equal(stale_in(sim_members(sim, 7)), 49);
	sim_run(sim, 5 * PH_SECOND);
	/* All but the dead one answered. */
	assert_int_equal(stale_in(sim_members(sim, 7)), 1);
	assert_true(sim_wait_fullmesh(sim, 1, PH_SECOND));
	assert_int_equal(sim_holding(sim, 9, PH_MEMBER_DEAD), 49);
	nobody_died(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_one_is_seen),
		cmocka_unit_test(silent_one_is_seen),
		cmocka_unit_test(killed_where_hosts_say_nothing),
		cmocka_unit_test(gone_in_small_meshes),
		cmocka_unit_test(many_die_at_once),
		cmocka_unit_test(goodbye_is_heard),
		cmocka_unit_test(halves_meet_again),
		cmocka_unit_test(deaf_one_dies_and_returns),
		cmocka_unit_test(new_epoch_replaces_the_old),
		cmocka_unit_test(view_survives_a_restart),
	};

	return cmocka_run_group_tests_name("sim_life", tests, NULL, NULL);
}
