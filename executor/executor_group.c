#include "executor/executor_inner.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/*
 * Groups: when one of them has to be started again by its own fault, those
 * that its strategy names are stopped with it, and started when it runs, those
 * that build upon one another (rest_for_one) each when the one before is ready;
 * so they start at first, too (controlsurface/part_order.c). They are stopped
 * the other way round, who needs others before these, and the one that failed
 * waits until all of them have gone. Was it given up, they stay stopped until
 * somebody starts it. What a person says to one of them is said to it alone.
 */

static bool is_led(const struct ph_unit *unit, const struct ph_unit *leader)
{
	const struct ph_spec *one = unit->spec;
	const struct ph_spec *other = leader->spec;

	return unit != leader && !strcmp(one->group, other->group) &&
	       !strcmp(one->scope, other->scope) &&
	       (other->strategy == PH_ONE_FOR_ALL ||
		       (other->strategy == PH_REST_FOR_ONE &&
			       one->place > other->place));
}

static const char *why_with(
	char *why, size_t size, const struct ph_unit *leader)
{
	snprintf(why, size, "stopped with %s of its group (%s)",
		leader->spec->name,
		leader->policy.state == PH_POLICY_FAILED ? "which was given up"
							 : "until that runs");
	return why;
}

static void lead(struct ph_executor *executor, struct ph_unit *leader)
{
	char why[128];

	why_with(why, sizeof(why), leader);
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		if (!is_led(unit, leader) || unit->stopping)
			continue;
		if (!strcmp(unit->leader, leader->spec->name)) {
			if (!unit->doomed)
				ph_unit_set_reason(unit, why);
			continue;
		}
		if (!ph_policy_is_up(&unit->policy))
			continue;
		snprintf(unit->leader, sizeof(unit->leader), "%s",
			leader->spec->name);
		unit->doomed = true;
		leader->held = true;
	}
}

static bool goes_with(const struct ph_unit *unit, const char *leader)
{
	return (unit->doomed || unit->run) && !strcmp(unit->leader, leader);
}

/* Somebody who may need it, and is led by the same, has not gone. */
static bool is_needed(
	const struct ph_executor *executor, const struct ph_unit *unit)
{
	for (const struct ph_unit *one = executor->units; one; one = one->next)
		if (one->spec->height < unit->spec->height &&
			goes_with(one, unit->leader))
			return true;
	return false;
}

static void end_doomed(struct ph_executor *executor, struct ph_unit *unit)
{
	const struct ph_unit *leader = ph_executor_find(executor, unit->leader);
	char why[128] = "stopped with its group";

	unit->doomed = false;
	if (leader)
		why_with(why, sizeof(why), leader);
	ph_unit_halt(unit, why, ph_unit_drain(unit));
}

/* All of those that went with it have gone. */
static void let_go(struct ph_executor *executor, struct ph_unit *leader)
{
	for (const struct ph_unit *one = executor->units; one; one = one->next)
		if (goes_with(one, leader->spec->name))
			return;
	leader->held = false;
	/* It has waited longer than it had to. */
	if (!leader->timer.slot)
		ph_unit_wake(leader);
}

static void end_next(struct ph_executor *executor)
{
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		if (unit->doomed && !is_needed(executor, unit))
			end_doomed(executor, unit);
		if (unit->held)
			let_go(executor, unit);
	}
}

/* Of those that are released with it the nearest upon which it builds. */
static const struct ph_unit *find_before(
	const struct ph_executor *executor, const struct ph_unit *unit)
{
	const struct ph_unit *best = NULL;

	for (const struct ph_unit *one = executor->units; one; one = one->next)
		if (one->released && one->spec->strategy == PH_REST_FOR_ONE &&
			is_led(unit, one) &&
			(!best || one->spec->place > best->spec->place))
			best = one;
	return best;
}

void ph_executor_release(struct ph_executor *executor, const char *leader)
{
	struct ph_unit *unit;

	for (unit = executor->units; unit; unit = unit->next)
		unit->released = !strcmp(unit->leader, leader);
	for (unit = executor->units; unit; unit = unit->next) {
		const struct ph_unit *before =
			unit->released ? find_before(executor, unit) : NULL;

		/* In order, as at first: when that one is ready. */
		if (unit->released)
			snprintf(unit->leader, sizeof(unit->leader), "%s",
				before ? before->spec->name : "");
	}
	for (unit = executor->units; unit; unit = unit->next) {
		/* Somebody was faster than its turn. */
		if (unit->released && unit->doomed)
			end_doomed(executor, unit);
		if (unit->released && !unit->leader[0])
			ph_unit_again(unit);
	}
}

static void look_at_groups(struct ph_task *task)
{
	struct ph_executor *executor =
		(struct ph_executor *)((char *)task -
				       offsetof(struct ph_executor, groups));

	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		if (!unit->stirred || executor->stopping)
			continue;
		unit->stirred = false;
		if (unit->policy.state == PH_POLICY_RUNNING ||
			unit->policy.state == PH_POLICY_FINISHED)
			ph_executor_release(executor, unit->spec->name);
		/* A stream that was cut is nobody's fault here. */
		else if (unit->policy.state == PH_POLICY_FAILED ||
			 (unit->policy.state == PH_POLICY_BACKOFF &&
				 !unit->policy.lost))
			lead(executor, unit);
	}
	if (!executor->stopping)
		end_next(executor);
}

void ph_executor_stir(struct ph_executor *executor, struct ph_unit *unit)
{
	if (!unit->spec->group[0])
		return;
	unit->stirred = true;
	executor->groups.run = look_at_groups;
	ph_loop_defer(executor->config.loop, &executor->groups);
}
