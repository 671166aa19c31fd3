/*
 * The membership of whole meshes on the simulator. Safety: nobody who lives is
 * declared dead; liveness is sim_life_test.c's. `make test` runs a twentieth of
 * each dose, PH_DOSE=full all of it; PH_SEED moves the seeds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "test/unit/sim_meshes.h"

static void calm(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_run(sim, minutes(10));
	assert_int_equal(sim_counts(sim).suspicions, 0);
	nobody_died(sim);
}

static void idle_costs_little(void **state)
{
	struct sim *sim = mesh_of(100, 0);
	struct sim_counts counts;

	(void)state;
	sim_counts_reset(sim);
	sim_run(sim, 60 * PH_SECOND);
	counts = sim_counts(sim);
	/* A ping and an ack a second, and nothing on them. */
	assert_in_range(
		counts.datagrams, 100 * 60 * 2 - 200, 100 * 60 * 2 + 200);
	assert_int_equal(counts.bytes, counts.datagrams * PH_SWIM_IDLE);
	sim_close(sim);
}

static void tenth_is_lost(void **state)
{
	(void)state;
	for (unsigned round = 0; round < sim_dose(200); round++) {
		struct sim *sim = mesh_of(100, round);

		sim_set_loss(sim, 1000);
		sim_run(sim, minutes(10));
		nobody_died(sim);
	}
}

static void late_and_twice(void **state)
{
	struct sim_config config = sim_lan(100, seed_of(0));
	struct sim *sim;

	(void)state;
	config.twice = 500;
	config.late = 2000;
	config.delay_most = 40 * MS;
	sim = mesh_with(&config);
	sim_set_loss(sim, 100);
	sim_run(sim, minutes(10));
	nobody_died(sim);
}

/* So many at once, for three seconds, again and again. */
static void stops(unsigned nodes, unsigned round, unsigned at_once,
	int64_t every, int64_t time)
{
	struct sim *sim = mesh_of(nodes, round);
	unsigned victim = 0;

	for (int64_t done = 0; done < time; done += every) {
		for (unsigned i = 0; i < at_once; i++) {
			sim_stop(sim, victim, 3 * PH_SECOND);
			victim = (victim + 1 + nodes / 5) % nodes;
		}
		sim_run(sim, every + victim * MS);
	}
	nobody_died(sim);
}

static void four_are_stopped(void **state)
{
	(void)state;
	for (unsigned round = 0; round < sim_dose(100); round++)
		stops(100, round, 4, MINUTE, 10 * MINUTE);
}

static void stopped_in_small_meshes(void **state)
{
	static const unsigned sizes[] = {2, 3, 5};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		stops(sizes[i], i, 1, 5 * PH_SECOND, minutes(600));
}

/* Each wakes while others sleep. */
static void stopped_in_turns(void **state)
{
	(void)state;
	stops(5, 0, 2, 5 * PH_SECOND, minutes(20));
}

/* Stopped while it suspects one who only slept: on waking it must not take what
 * it missed for silence. */
static void who_was_stopped_convicts_nobody(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		struct sim *sim = mesh_of(3, round);

		sim_stop(sim, 0, 3 * PH_SECOND);
		sim_run(sim, 2800 * MS);
		sim_stop(sim, 1, 20 * PH_SECOND);
		sim_stop(sim, 2, 20 * PH_SECOND);
		sim_run(sim, 25 * PH_SECOND);
		/* 0 saw two silent ones, and was right. */
		sim_run(sim, 10 * PH_SECOND);
		assert_int_equal(sim_first_dead(sim, 0), -1);
		assert_true(sim_wait_fullmesh(sim, 1, PH_SECOND));
		sim_close(sim);
	}
}

static void one_pair_is_cut(void **state)
{
	struct sim *sim = mesh_of(20, 0);

	(void)state;
	sim_cut(sim, 3, 4, true);
	sim_run(sim, minutes(10));
	assert_int_equal(sim_holding(sim, 4, PH_MEMBER_DEAD), 0);
	assert_int_equal(sim_first_dead(sim, 4), -1);
	assert_int_equal(sim_first_dead(sim, 3), -1);
	sim_close(sim);
}

/* Behind a broken network one convinces nobody, himself only slowly. */
static void isolated_one_is_modest(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_split(sim, 99);
	sim_run(sim, 20 * PH_SECOND);
	assert_int_equal(sim_holding(sim, 99, PH_MEMBER_DEAD), 99);
	assert_int_equal(
		ph_members_in(sim_members(sim, 99), PH_MEMBER_DEAD), 0);
	sim_heal(sim);
	assert_true(sim_wait_fullmesh(sim, 1, 15 * PH_SECOND));
	nobody_died(sim);
}

static void slow_loop_accuses_nobody(void **state)
{
	struct sim *sim = mesh_of(20, 0);

	(void)state;
	sim_set_lag(sim, 19, 300 * MS);
	sim_split(sim, 19);
	sim_run(sim, 10 * PH_SECOND);
	assert_int_equal(
		ph_members_in(sim_members(sim, 19), PH_MEMBER_SUSPECT), 0);
	sim_close(sim);
}

static void wrong_signatures_count_nothing(void **state)
{
	struct sim *sim = mesh_of(20, 0);

	(void)state;
	sim_set_liar(sim, 19, true);
	for (unsigned other = 0; other < 18; other++)
		sim_cut(sim, other, 19, true);
	sim_run(sim, 30 * PH_SECOND);
	/* It hears one only, and says so of the others; nobody believes it.
	 */
	for (unsigned other = 0; other < 19; other++)
		assert_true(sim_holding(sim, other, PH_MEMBER_DEAD) <= 1 &&
			    sim_holding(sim, other, PH_MEMBER_SUSPECT) <= 1);
	sim_close(sim);
}

static void replayed_datagrams_wake_nobody(void **state)
{
	struct sim *sim = mesh_of(3, 0);
	unsigned replayed = 0;

	(void)state;
	sim_record(sim, 1, 0);
	sim_run(sim, 10 * PH_SECOND);
	sim_kill(sim, 1);
	for (unsigned i = 0; i < 200; i++) {
		replayed += sim_replay(sim);
		sim_run(sim, 50 * MS);
	}
	assert_true(replayed > 0);
	assert_int_equal(sim_holding(sim, 1, PH_MEMBER_DEAD), 2);
	sim_close(sim);
}

static uint64_t trace_of(unsigned nodes, uint64_t seed, int64_t time)
{
	struct sim_config config = sim_lan(nodes, seed);
	struct sim *sim = sim_open(&config);
	clock_t begin = clock();
	uint64_t hash;

	sim_start_all(sim, PH_SECOND);
	assert_true(sim_wait_fullmesh(sim, 1, 5 * PH_SECOND));
	sim_run(sim, time / 2);
	sim_kill(sim, nodes / 2);
	sim_stop(sim, 3, 3 * PH_SECOND);
	sim_run(sim, time / 2);
	assert_int_equal(
		sim_holding(sim, nodes / 2, PH_MEMBER_DEAD), nodes - 1);
	assert_int_equal(sim_counts(sim).deaths, 0);
	hash = sim_hash(sim);
	printf("# %u nodes, %d virtual s: %.1f s, trace %016" PRIx64 "\n",
		nodes, (int)(sim_now(sim) / PH_SECOND) - 1,
		(double)(clock() - begin) / CLOCKS_PER_SEC, hash);
	sim_close(sim);
	return hash;
}

static void one_seed_one_trace(void **state)
{
	uint64_t hash = trace_of(100, seed_of(0), MINUTE);

	(void)state;
	assert_true(hash == trace_of(100, seed_of(0), MINUTE));
	assert_true(hash != trace_of(100, seed_of(1), MINUTE));
}

static void thousand_nodes(void **state)
{
	(void)state;
	trace_of(1000, seed_of(0), minutes(10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calm),
		cmocka_unit_test(idle_costs_little),
		cmocka_unit_test(tenth_is_lost),
		cmocka_unit_test(late_and_twice),
		cmocka_unit_test(four_are_stopped),
		cmocka_unit_test(stopped_in_small_meshes),
		cmocka_unit_test(stopped_in_turns),
		cmocka_unit_test(who_was_stopped_convicts_nobody),
		cmocka_unit_test(one_pair_is_cut),
		cmocka_unit_test(isolated_one_is_modest),
		cmocka_unit_test(slow_loop_accuses_nobody),
		cmocka_unit_test(wrong_signatures_count_nothing),
		cmocka_unit_test(replayed_datagrams_wake_nobody),
		cmocka_unit_test(one_seed_one_trace),
		cmocka_unit_test(thousand_nodes),
	};

	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
