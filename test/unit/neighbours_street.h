#ifndef PH_TEST_NEIGHBOURS_STREET_H
#define PH_TEST_NEIGHBOURS_STREET_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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

static inline struct ph_neighbours_config street_config(struct street *street)
{
	struct ph_neighbours_config config = ph_neighbours_defaults();

	memcpy(config.mesh, crier_mesh, PH_MESH_BYTES);
	memset(config.self, 0xee, sizeof(config.self));
	config.judge = &crier_judge;
	config.context = &street->judge;
	config.seed = 7;
	return config;
}

static inline int setup(void **state)
{
	struct street *street = calloc(1, sizeof(*street));

	street->now = 1000 * PH_SECOND;
	street->config = street_config(street);
	*state = street;
	return ph_neighbours_create(&street->table, &street->config);
}

static inline int teardown(void **state)
{
	struct street *street = *state;

	ph_neighbours_destroy(street->table);
	free(street);
	return 0;
}

static inline void again_with(struct street *street)
{
	ph_neighbours_destroy(street->table);
	assert_int_equal(
		ph_neighbours_create(&street->table, &street->config), 0);
}

static inline void drain(struct street *street)
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

static inline enum ph_hearing hear_via(struct street *street,
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

static inline enum ph_hearing hear(
	struct street *street, const struct ph_announcement *announcement)
{
	struct ph_via via = crier_via(announcement->id[0]);

	return hear_via(street, announcement, &via);
}

static inline enum ph_hearing hear_by_line(
	struct street *street, const struct ph_announcement *announcement)
{
	struct ph_via via = {.carrier = PH_HEARD_LINE, .address = {1}};

	return hear_via(street, announcement, &via);
}

static inline void pass(struct street *street, int64_t span)
{
	street->now += span;
	ph_neighbours_step(street->table, street->now);
	drain(street);
}

static inline unsigned count(
	const struct street *street, enum ph_standing standing)
{
	return ph_neighbours_count(street->table, standing);
}

#endif
