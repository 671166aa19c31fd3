#ifndef PH_TEST_SIM_MESHES_H
#define PH_TEST_SIM_MESHES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "test/sim.h"

/* The meshes that the tests of membership begin with, and their doses. */

#define MINUTE (60 * PH_SECOND)
#define MS     PH_MILLISECOND

static inline uint64_t seed_of(unsigned round)
{
	const char *base = getenv("PH_SEED");

	return (base ? strtoull(base, NULL, 10) : 1) + round;
}

static inline struct sim *mesh_with(const struct sim_config *config)
{
	struct sim *sim = sim_open(config);

	sim_start_all(sim, PH_SECOND);
	assert_true(sim_wait_fullmesh(sim, 1, 5 * PH_SECOND));
	/* Everyone has met those it is told of first. */
	sim_run(sim, 6 * PH_SECOND);
	return sim;
}

static inline struct sim *mesh_of(unsigned nodes, unsigned round)
{
	struct sim_config config = sim_lan(nodes, seed_of(round));

	return mesh_with(&config);
}

/* Virtual minutes of which `make test` runs a twentieth. */
static inline int64_t minutes(unsigned full)
{
	return 3 * PH_SECOND * sim_dose(20 * full);
}

static inline void nobody_died(struct sim *sim)
{
	assert_int_equal(sim_counts(sim).deaths, 0);
	sim_close(sim);
}

#endif
