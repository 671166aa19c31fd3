#include "executor/unit_inner.h"

#include <errno.h>

/*
 * What people ask of a server: that it stops, and stays so until it is asked
 * to start. A stop is gentle: its inputs come to an end first, and whoever
 * reads them has a moment to say the rest; then SIGTERM, then SIGKILL. What it
 * says is passed on and then cut: it did not come to its own end.
 */

/* Most do at once. */
#define HAND_DRAIN PH_SECOND

int64_t ph_unit_drain(const struct ph_unit *unit)
{
	return unit->spec->drain > 0 ? unit->spec->drain : HAND_DRAIN;
}

void ph_unit_halt(struct ph_unit *unit, const char *why, int64_t lasts)
{
	unit->again = false;
	if (unit->stopping || unit->policy.state == PH_POLICY_STOPPED ||
		unit->policy.state == PH_POLICY_STOPPING)
		return;
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_set_reason(unit, why);
	ph_unit_step(unit, PH_POLICY_STOP);
	if (!unit->run)
		ph_unit_step(unit, PH_POLICY_GONE);
	else if (unit->running)
		ph_unit_end_gently(unit, lasts);
}

void ph_unit_resume(struct ph_unit *unit)
{
	if (!unit->again)
		return;
	unit->again = false;
	unit->reason[0] = 0;
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_step(unit, PH_POLICY_AGAIN);
}

void ph_unit_again(struct ph_unit *unit)
{
	if (unit->stopping)
		return;
	/* What still goes is waited for. */
	unit->again = !ph_policy_is_up(&unit->policy) &&
		      unit->policy.state != PH_POLICY_IDLE;
	if (!unit->run)
		ph_unit_resume(unit);
}

void ph_unit_wake(struct ph_unit *unit)
{
	if (unit->stopping || unit->policy.state != PH_POLICY_BACKOFF)
		return;
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_step(unit, PH_POLICY_DUE);
}
