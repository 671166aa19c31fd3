#include "executor/unit_inner.h"

#include <errno.h>

#include "kernel/log.h"

/*
 * How a run ends that is told to. By hand it ends at once: it takes nothing
 * more behind the message that is on its way, says the rest, goes. One that is
 * taken away, by a wiring file or because its node stops, is as a rule fed by
 * others that are, too: they end first, their last words come, and behind them
 * CUT. So a row of servers runs dry from its beginning, and none of them needs
 * to know of the others, wherever they are.
 *
 * Whatever they do, each step has its time; what is lost then the log tells.
 */

/* A run that cannot tell is looked at so often. */
#define LEAVE_LOOK (20 * PH_MILLISECOND)
/* For what is said last to be taken, after SIGKILL. */
#define LAST_WORDS PH_SECOND

static bool is_fed(const struct ph_unit *unit)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++)
		if (!ph_unit_is_output(unit, i) &&
			ph_terminal_pipes(unit->terminals[i]))
			return true;
	return false;
}

static bool is_let_go(struct ph_terminal *input)
{
	for (unsigned i = 0; i < ph_terminal_pipes(input); i++)
		if (!ph_pipe_is_let_go(ph_terminal_pipe(input, i)))
			return false;
	return true;
}

/* Of a run that does nothing but pass on: whoever fed it has gone, and nobody
 * is there to pass the rest to, nor will be. */
static bool is_stuck(const struct ph_unit *unit)
{
	bool passes = false;

	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		bool output = ph_unit_is_output(unit, i);

		passes |= output;
		if (output ? ph_terminal_pipes(unit->terminals[i]) > 0
			   : !is_let_go(unit->terminals[i]))
			return false;
	}
	return passes && !unit->run->ops->leave;
}

void ph_unit_end_gently(struct ph_unit *unit, int64_t lasts)
{
	struct ph_loop *loop = unit->config->loop;

	ph_unit_keep(unit, PH_EXIT_CONFLICT, "it was stopped meanwhile");
	unit->change.unread = 0;
	if (!unit->run->ops->yield) {
		ph_unit_end_run(unit, -ESHUTDOWN, unit->spec->stop_timeout);
		return;
	}
	unit->leave = PH_UNIT_ENDS;
	ph_timer_start(loop, &unit->timer,
		ph_loop_now(loop) + lasts + unit->spec->stop_timeout +
			LAST_WORDS);
	unit->run->ops->yield(unit->run, lasts);
}

/* Nothing waits for it, or it had its time. */
static void take(struct ph_unit *unit)
{
	struct ph_loop *loop = unit->config->loop;
	int64_t now = ph_loop_now(loop);
	bool stuck = is_stuck(unit);

	if (now < unit->leave_due && is_fed(unit) && !stuck) {
		ph_timer_start(loop, &unit->timer,
			unit->run->ops->leave ? unit->leave_due
					      : now + LEAVE_LOOK);
		return;
	}
	if (is_fed(unit))
		ph_log_warn("executor", "leave.cut server=%s because=\"%s\"",
			unit->spec->name,
			stuck ? "nobody takes what it was given"
			      : "whoever feeds it did not end in time");
	ph_unit_end_gently(unit, ph_unit_drain(unit));
}

void ph_unit_leave_due(struct ph_unit *unit)
{
	if (unit->leave == PH_UNIT_TAKES) {
		take(unit);
		return;
	}
	ph_log_warn("executor",
		"end.cut server=%s because=\"what it said last was not taken "
		"in time\"",
		unit->spec->name);
	ph_unit_end_run(unit, -ESHUTDOWN, unit->spec->stop_timeout);
}

/* It leaves already, and now its node stops, say: that takes nothing from it
 * but time. */
static void leave_sooner(struct ph_unit *unit, int64_t wait)
{
	int64_t due = ph_loop_now(unit->config->loop) + wait;

	if (unit->leave != PH_UNIT_TAKES)
		return;
	if (due < unit->leave_due)
		unit->leave_due = due;
	if (wait > 0)
		take(unit);
	else
		ph_unit_end_gently(unit, ph_unit_drain(unit));
}

void ph_unit_leave(struct ph_unit *unit, int64_t wait)
{
	bool ends = unit->policy.state == PH_POLICY_STOPPING;

	/* What waits at its terminals is the next one's: that leaves. */
	if (unit->swap && unit->again && unit->run && !unit->stopping &&
		wait > 0) {
		unit->leave_next = wait;
		return;
	}
	/* Who was stopped by hand has `leave`, too, but is to stay so far. */
	if (unit->leave && unit->stopping) {
		leave_sooner(unit, wait);
		return;
	}
	if (!unit->run || !unit->running || unit->stopping) {
		ph_unit_stop(unit, unit->spec->stop_timeout);
		return;
	}
	unit->stopping = true;
	unit->again = false;
	unit->grace = unit->spec->stop_timeout;
	/* By hand, a moment ago. */
	if (ends)
		return;
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_set_reason(unit, "finishes what it was given");
	ph_unit_step(unit, PH_POLICY_STOP);
	ph_unit_keep(unit, PH_EXIT_CONFLICT, "it was taken away meanwhile");
	if (wait <= 0) {
		ph_unit_end_gently(unit, ph_unit_drain(unit));
		return;
	}
	unit->leave = PH_UNIT_TAKES;
	unit->leave_due = ph_loop_now(unit->config->loop) + wait;
	if (unit->run->ops->leave)
		unit->run->ops->leave(unit->run, ph_unit_drain(unit));
	/* It may have ended from within. */
	if (unit->leave)
		take(unit);
}
