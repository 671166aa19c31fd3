#include "executor/unit_inner.h"

#include <string.h>

#include "kernel/log.h"

/*
 * What a changed file does to a program that stands in the middle of streams of
 * messages (framing lines or length): the old one ends first, between two
 * messages, both would want the same files and devices; then one of the new
 * kind goes on at the same terminals with the next message. No wire notices,
 * and nothing is lost, doubled or reordered. Of raw bytes nobody knows where
 * something new could begin: their streams begin anew (executor_calls.c).
 */

bool ph_unit_may_swap(const struct ph_unit *unit, const struct ph_spec *spec)
{
	const struct ph_spec *old = unit->spec;

	return old->argv && spec->argv && old->framing != PH_FRAMING_RAW &&
	       old->framing == spec->framing && ph_spec_same_guest(old, spec) &&
	       !unit->stopping && !unit->change.run && !unit->change.leaving &&
	       ((unit->swap && unit->again) ||
		       (unit->policy.state == PH_POLICY_RUNNING &&
			       unit->running && !unit->run->opening));
}

void ph_unit_swap(struct ph_unit *unit, struct ph_spec *spec)
{
	bool begun = unit->swap != NULL;

	ph_spec_free(unit->swap);
	unit->swap = spec;
	if (begun)
		return;
	ph_unit_halt(unit, "its file has changed", ph_unit_drain(unit));
	unit->again = true;
}

bool ph_unit_hand_over(struct ph_unit *unit)
{
	if (!unit->swap || unit->stopping)
		return false;
	ph_timer_stop(unit->config->loop, &unit->timer);
	unit->leave = PH_UNIT_STAYS;
	unit->running = false;
	unit->end_cause = PH_END_REPLACED;
	unit->inside = unit->run->inside;
	ph_unit_tell_ended(unit);
	unit->run->ops->stop(unit->run, unit->spec->stop_timeout);
	return true;
}

void ph_unit_take_swap(struct ph_unit *unit)
{
	struct ph_spec *spec = unit->swap;

	if (!spec)
		return;
	unit->swap = NULL;
	ph_log_info("executor", "changed server=%s unread=%llu",
		unit->spec->name, (unsigned long long)unit->change.unread);
	ph_spec_free(unit->spec);
	unit->spec = spec;
	unit->policy.restart = spec->restart;
}
