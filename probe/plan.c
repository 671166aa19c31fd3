#include "probe/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ph_probe_plan_at(
	const struct ph_probe_plan *plan, uint32_t index, struct ph_point *out)
{
	const struct ph_instruct *instruct = plan->instruct;
	uint32_t targets = instruct->targets.count;

	ph_point_at(&instruct->targets, index % targets, out);
	out->port = (uint16_t)(instruct->first + index / targets);
}

bool ph_probe_plan_expects(const struct ph_probe_plan *plan, uint32_t index)
{
	return plan->expected[index / 8] >> (index % 8) & 1;
}

static void expect(struct ph_probe_plan *plan, uint32_t index)
{
	plan->expected[index / 8] |= (uint8_t)(1 << index % 8);
}

/* Beyond a NAT its addresses are others, and the port is what is left. */
static void expect_bound(
	struct ph_probe_plan *plan, const struct ph_point *bound)
{
	const struct ph_instruct *instruct = plan->instruct;
	uint32_t targets = instruct->targets.count;
	struct ph_point point;

	if (bound->port < instruct->first || bound->port > instruct->last)
		return;
	for (uint32_t i = 0; i < targets; i++) {
		uint32_t index =
			(uint32_t)(bound->port - instruct->first) * targets + i;

		ph_probe_plan_at(plan, index, &point);
		if (instruct->mapped || ph_point_same(&point, bound))
			expect(plan, index);
	}
}

int ph_probe_plan_init(struct ph_probe_plan *plan,
	const struct ph_instruct *instruct,
	void (*skip)(void *context, uint32_t index), void *context)
{
	struct ph_point point;

	memset(plan, 0, sizeof(*plan));
	plan->instruct = instruct;
	plan->count = (uint32_t)(instruct->last - instruct->first + 1) *
		      instruct->targets.count;
	plan->state = calloc(plan->count, 1);
	plan->expected = calloc(plan->count / 8 + 1, 1);
	if (!plan->state || !plan->expected) {
		ph_probe_plan_fini(plan);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < instruct->bound.count; i++) {
		ph_point_at(&instruct->bound, i, &point);
		expect_bound(plan, &point);
	}
	for (uint32_t i = 0; i < plan->count; i++) {
		bool known = instruct->known &&
			     (instruct->known[i / 8] >> (i % 8) & 1);

		ph_probe_plan_at(plan, i, &point);
		if (!ph_instruct_refuses(instruct, &point) && !known)
			continue;
		ph_probe_plan_done(plan, i);
		if (!ph_instruct_refuses(instruct, &point))
			plan->state[i] = PH_PLAN_KNOWN;
		skip(context, i);
	}
	return 0;
}

void ph_probe_plan_fini(struct ph_probe_plan *plan)
{
	free(plan->state);
	free(plan->expected);
	plan->state = NULL;
	plan->expected = NULL;
}

static int64_t find(
	struct ph_probe_plan *plan, uint32_t *at, enum ph_plan_state state)
{
	while (*at < plan->count && plan->state[*at] != state)
		(*at)++;
	if (*at == plan->count)
		return -1;
	plan->state[*at] = PH_PLAN_RUNS;
	return (*at)++;
}

int64_t ph_probe_plan_next(struct ph_probe_plan *plan)
{
	int64_t index = find(plan, &plan->next, PH_PLAN_OPEN);

	if (index >= 0 || !plan->repeats)
		return index;
	index = find(plan, &plan->again, PH_PLAN_AGAIN);
	if (index < 0) {
		plan->again = 0; /* one came behind where we are */
		index = find(plan, &plan->again, PH_PLAN_AGAIN);
	}
	plan->repeats--;
	return index;
}

int64_t ph_probe_plan_search(struct ph_probe_plan *plan)
{
	while (plan->search < plan->count) {
		uint32_t index = plan->search++;

		if (plan->state[index] != PH_PLAN_DONE &&
			ph_probe_plan_expects(plan, index))
			return index;
	}
	return -1;
}

void ph_probe_plan_done(struct ph_probe_plan *plan, uint32_t index)
{
	plan->state[index] = PH_PLAN_DONE;
	plan->done++;
}

bool ph_probe_plan_repeat(
	struct ph_probe_plan *plan, uint32_t index, bool second)
{
	if (second || !ph_probe_plan_expects(plan, index))
		return false;
	plan->state[index] = PH_PLAN_AGAIN;
	plan->repeats++;
	return true;
}

bool ph_probe_plan_is_over(const struct ph_probe_plan *plan)
{
	return plan->done == plan->count;
}
