/*
 * The membership of whole meshes on the simulator. Safety: nobody who lives is
 * declared dead. Liveness: who is gone is, in time. `make test` runs a
 * twentieth of each dose; PH_DOSE=full all of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/sim.h"

#define MINUTE (60 * PH_SECOND)
#define MS     PH_MILLISECOND

/* PH_SEED moves all seeds. */
static uint64_t seed_of(unsigned round)
{
	const char *base = getenv("PH_SEED");

	return (base ? strtoull(base, NULL, 10) : 1) + round;
}

static struct sim *mesh_of(unsigned nodes, unsigned round)
{
	struct sim_config config = sim_lan(nodes, seed_of(round));
	struct sim *sim = sim_open(&config);

	sim_start_all(sim, PH_SECOND);
	assert_true(sim_wait_fullmesh(sim, 1, 3 * PH_SECOND));
	return sim;
}

/* The rest of a full dose of ten minutes. */
static int64_t ten_minutes(void)
{
	return 30 * PH_SECOND * sim_dose(20);
}

/* --- safety --- */

static void nobody_dies_in_calm(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_run(sim, ten_minutes());
	assert_int_equal(sim_counts(sim).deaths, 0);
	assert_int_equal(sim_counts(sim).suspicions, 0);
	sim_close(sim);
}

static void nobody_dies_of_loss(void **state)
{
	struct sim *sim = mesh_of(100, 0);

	(void)state;
	sim_set_loss(sim, 1000);
	sim_run(sim, ten_minutes());
	assert_int_equal(sim_counts(sim).deaths, 0);
	sim_close(sim);
}

/* --- liveness --- */

static void killed_one_is_seen(void **state)
{
	(void)state;
	for (unsigned round = 0; round < sim_dose(40); round++) {
		struct sim *sim = mesh_of(100, round);
		int64_t begin;

		sim_run(sim, sim_dose(20) * 370 * MS);
		begin = sim_now(sim);
		sim_kill(sim, 7);
		assert_true(sim_wait_state(
			sim, 7, PH_MEMBER_DEAD, 99, 2 * PH_SECOND));
		assert_true(sim_first_dead(sim, 7) - begin <= PH_SECOND);
		assert_int_equal(sim_counts(sim).deaths, 0);
		sim_close(sim);
	}
}

static void silent_one_is_seen(void **state)
{
	(void)state;
	for (unsigned round = 0; round < sim_dose(40); round++) {
		struct sim *sim = mesh_of(100, round);
		int64_t begin;

		sim_run(sim, 5 * PH_SECOND + round * 137 * MS);
		begin = sim_now(sim);
		sim_unplug(sim, 7);
		assert_true(sim_wait_state(
			sim, 7, PH_MEMBER_DEAD, 99, 7 * PH_SECOND));
		assert_true(sim_first_dead(sim, 7) - begin <= 6500 * MS);
		assert_true(sim_last_dead(sim, 7) - sim_first_dead(sim, 7) <=
			    500 * MS);
		assert_int_equal(sim_counts(sim).deaths, 0);
		sim_close(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_dies_in_calm),
		cmocka_unit_test(nobody_dies_of_loss),
		cmocka_unit_test(killed_one_is_seen),
		cmocka_unit_test(silent_one_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
