/*
 * The membership of whole meshes on the simulator: how newcomers come in, and
 * what announcements and hearsay make of them. Doses and seeds: sim_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "test/unit/sim_meshes.h"

static int by_time(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a;
	int64_t other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

/* Three are there; so many start within a fifth of a second. How long until
 * everybody holds everybody alive. */
static int64_t burst_took(
	unsigned round, unsigned joining, unsigned loss, bool hearsay)
{
	struct sim_config config = sim_lan(3 + joining, seed_of(round));
	struct sim *sim;
	int64_t begun;

	config.tables = !hearsay;
	config.hearsay = hearsay;
	sim = sim_open(&config);
	for (unsigned i = 0; i < 3; i++)
		sim_start(sim, i);
	assert_true(sim_wait_fullmesh(sim, 1, 10 * PH_SECOND));
	sim_run(sim, 6 * PH_SECOND);
	sim_set_loss(sim, loss);
	begun = sim_now(sim);
	for (unsigned i = 0; i < joining; i++) {
		sim_start(sim, 3 + i);
		sim_run(sim, 200 * MS / joining);
	}
	assert_true(sim_wait_fullmesh(sim, 1, 30 * PH_SECOND));
	begun = sim_now(sim) - begun;
	nobody_died(sim);
	return begun;
}

static void a_burst_of_twenty(void **state)
{
	static const struct {
		unsigned loss;
		bool hearsay;
		int64_t most;
	} cases[] = {
		{0, false, 2 * PH_SECOND},
		{0, true, 3 * PH_SECOND},
		{1000, false, 20 * PH_SECOND},
		{1000, true, 10 * PH_SECOND},
		{3000, true, 15 * PH_SECOND},
	};
	enum {
		SEEDS = 20
	};
	int64_t took[SEEDS];

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		for (unsigned i = 0; i < SEEDS; i++)
			took[i] = burst_took(
				i, 20, cases[c].loss, cases[c].hearsay);
		qsort(took, SEEDS, sizeof(took[0]), by_time);
		print_message("20 join 3, %u %% lost, heard %s: p50 %d ms, "
			      "worst %d ms\n",
			cases[c].loss / 100,
			cases[c].hearsay ? "by lines" : "by multicast",
			(int)(took[SEEDS / 2] / MS),
			(int)(took[SEEDS - 1] / MS));
		assert_true(took[SEEDS - 1] <= cases[c].most);
	}
}

static void hearsay_is_confirmed(void **state)
{
	struct sim_config config = sim_lan(100, seed_of(0));
	struct sim *sim;

	(void)state;
	config.hearsay = true;
	sim = sim_open(&config);
	sim_start_all(sim, PH_SECOND);
	sim_run(sim, PH_SECOND);
	assert_true(sim_wait_fullmesh(sim, 1, 4 * PH_SECOND));
	nobody_died(sim);
}

static struct sim *mesh_with_tables(unsigned nodes)
{
	struct sim_config config = sim_lan(nodes, seed_of(0));

	config.tables = true;
	return mesh_with(&config);
}

static void announcements_make_a_mesh(void **state)
{
	struct sim *sim = mesh_with_tables(100);

	(void)state;
	sim_run(sim, minutes(10));
	assert_int_equal(sim_counts(sim).suspicions, 0);
	sim_restart(sim, 7);
	assert_true(sim_wait_fullmesh(sim, 1, 5 * PH_SECOND));
	nobody_died(sim);
}

static void replayed_announcements_wake_nobody(void **state)
{
	struct sim *sim = mesh_with_tables(5);
	uint64_t announced;
	unsigned replayed = 0;

	(void)state;
	sim_record(sim, 1, 0);
	sim_run(sim, 30 * PH_SECOND);
	sim_leave(sim, 1);
	assert_true(sim_wait_state(sim, 1, PH_MEMBER_LEFT, 4, PH_SECOND));
	sim_run(sim, PH_SECOND);
	sim_kill(sim, 1);
	sim_run(sim, PH_SECOND);
	announced = sim_counts(sim).announced;
	for (unsigned i = 0; i < 100; i++) {
		replayed += sim_replay(sim);
		sim_run(sim, 1 * MS);
	}
	assert_true(replayed >= 100);
	assert_int_equal(sim_counts(sim).announced, announced);
	assert_int_equal(sim_holding(sim, 1, PH_MEMBER_LEFT), 4);
	nobody_died(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hearsay_is_confirmed),
		cmocka_unit_test(a_burst_of_twenty),
		cmocka_unit_test(announcements_make_a_mesh),
		cmocka_unit_test(replayed_announcements_wake_nobody),
	};

	return cmocka_run_group_tests_name("sim_join", tests, NULL, NULL);
}
