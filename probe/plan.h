#ifndef PH_PROBE_PLAN_H
#define PH_PROBE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/probe_order.h"

/*
 * The points of a scan: every address of the order by every port of its range,
 * port by port, so that the first of each address come first. A point that may
 * not be tried is skipped here, before anybody could open a socket for it.
 *
 * Points where the beacon is (`expected`) may be tried twice: a lost packet
 * must not look like a firewall.
 */
enum ph_plan_state {
	PH_PLAN_OPEN, /* not tried */
	PH_PLAN_AGAIN,
	PH_PLAN_RUNS,
	PH_PLAN_DONE,
	PH_PLAN_KNOWN, /* done, but the primary may be there */
};

struct ph_probe_plan {
	const struct ph_instruct *instruct;
	uint32_t count; /* points */
	uint32_t done;
	uint32_t next;	   /* of the first round */
	uint32_t again;	   /* of the second */
	uint32_t repeats;  /* points that wait for it */
	uint32_t search;   /* where the search for the primary is */
	uint8_t *state;	   /* enum ph_plan_state, each */
	uint8_t *expected; /* bits */
};

/* `skip` is called for each point that may not be tried. -ENOMEM. */
int ph_probe_plan_init(struct ph_probe_plan *plan,
	const struct ph_instruct *instruct,
	void (*skip)(void *context, uint32_t index), void *context);
void ph_probe_plan_fini(struct ph_probe_plan *plan);

void ph_probe_plan_at(
	const struct ph_probe_plan *plan, uint32_t index, struct ph_point *out);
bool ph_probe_plan_expects(const struct ph_probe_plan *plan, uint32_t index);
/* The next point to try, which then runs; -1. */
int64_t ph_probe_plan_next(struct ph_probe_plan *plan);
/* The next expected point, for the search; -1. */
int64_t ph_probe_plan_search(struct ph_probe_plan *plan);
/* It has a verdict. */
void ph_probe_plan_done(struct ph_probe_plan *plan, uint32_t index);
/* It ran and said nothing: true when it will be tried once more. */
bool ph_probe_plan_repeat(
	struct ph_probe_plan *plan, uint32_t index, bool second);
bool ph_probe_plan_is_over(const struct ph_probe_plan *plan);

#endif
