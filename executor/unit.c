#include "executor/unit.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/unit_inner.h"
#include "kernel/log.h"

void ph_unit_set_reason(struct ph_unit *unit, const char *text)
{
	snprintf(unit->reason, sizeof(unit->reason), "%s", text);
	ph_logs_clean(unit->reason, strlen(unit->reason));
}

/* Runs. */

void ph_unit_count_run(struct ph_unit *unit)
{
	unit->run_number++;
	unit->end_cause = PH_END_NONE;
}

void ph_unit_tell_ended(struct ph_unit *unit)
{
	struct ph_run_end end = {
		.run = unit->run_number,
		.cause = unit->end_cause ? unit->end_cause : PH_END_STOPPED,
		.code = unit->run->code,
		.signal = unit->run->signal,
	};

	snprintf(end.server, sizeof(end.server), "%s", unit->spec->name);
	if (unit->end_cause)
		snprintf(end.reason, sizeof(end.reason), "%s", unit->reason);
	unit->on_ended(unit, &end);
}

static enum ph_end_cause cause_of(
	const struct ph_run *run, enum ph_run_cause cause)
{
	if (cause == PH_RUN_LOST)
		return PH_END_LOST;
	if (run->exited)
		return run->signal ? PH_END_SIGNAL : PH_END_EXITED;
	return cause == PH_RUN_BROKE ? PH_END_FAILED : PH_END_FINISHED;
}

void ph_unit_end_run(struct ph_unit *unit, int reason, int64_t grace)
{
	if (!unit->run || !unit->running)
		return;
	unit->running = false;
	if (unit->leave)
		ph_timer_stop(unit->config->loop, &unit->timer);
	unit->leave = PH_UNIT_STAYS;
	ph_unit_keep(unit, PH_EXIT_CONFLICT, "the old one ended meanwhile");
	ph_unit_tell_ended(unit);
	if (unit->stopping)
		ph_unit_unregister(unit);
	ph_unit_cut(unit, reason);
	unit->run->ops->stop(unit->run, grace);
}

static void run_ended(
	void *context, enum ph_run_cause cause, const struct ph_error *error)
{
	static const enum ph_policy_event events[] = {
		[PH_RUN_SUCCEEDED] = PH_POLICY_SUCCEEDED,
		[PH_RUN_BROKE] = PH_POLICY_BROKE,
		[PH_RUN_LOST] = PH_POLICY_LOST,
	};
	struct ph_unit *unit = context;

	if (cause != PH_RUN_LOST)
		unit->lost = -1;
	/* Who was told to end did not end for a reason of its own. */
	if (unit->policy.state != PH_POLICY_STOPPING) {
		ph_unit_set_reason(unit, error ? error->what : "");
		unit->end_cause = cause_of(unit->run, cause);
	}
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_end_run(
		unit, error ? -ECONNABORTED : -EPIPE, unit->spec->stop_timeout);
	ph_unit_step(unit, events[cause]);
	if (error && unit->policy.state != PH_POLICY_STOPPING)
		ph_unit_tell_started(unit, error);
	/* A guest that left is one no more. */
	if (unit->spec->placement == PH_PLACEMENT_GUEST)
		ph_unit_stop(unit, 0);
}

static void run_opened(void *context)
{
	struct ph_unit *unit = context;

	unit->run->opening = false;
	ph_unit_tell_started(unit, NULL);
}

static void run_gone(void *context)
{
	struct ph_unit *unit = context;

	unit->run = NULL;
	unit->running = false;
	if (unit->stopping) {
		ph_unit_check_gone(unit);
		return;
	}
	ph_unit_take_swap(unit);
	ph_unit_step(unit, PH_POLICY_GONE);
	if (unit->again)
		ph_unit_resume(unit);
	else if (unit->policy.state == PH_POLICY_BACKOFF && !unit->timer.slot)
		ph_unit_step(unit, PH_POLICY_DUE);
	else if (unit->policy.state == PH_POLICY_FINISHED)
		/* Somebody may have wired it while it went. */
		for (unsigned i = 0; i < unit->spec->terminal_count; i++)
			if (ph_terminal_pipes(unit->terminals[i]))
				ph_unit_step(unit, PH_POLICY_WAKE);
}

static void run_ready(void *context)
{
	struct ph_unit *unit = context;

	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_step(unit, PH_POLICY_STARTED);
}

/* It had its time to become ready. */
static void run_is_late(struct ph_unit *unit)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, unit->spec->name,
		"see `posthouse logs`, or give it a longer `start_timeout`",
		"not ready within %lld ms",
		(long long)(unit->spec->start_timeout / PH_MILLISECOND));
	run_ended(unit, PH_RUN_BROKE, &error);
}

static void run_yielded(void *context)
{
	struct ph_unit *unit = context;

	unit->change.unread = unit->run->unread;
	if (unit->change.unread)
		ph_log_warn("executor", "unread server=%s bytes=%llu",
			unit->spec->name,
			(unsigned long long)unit->change.unread);
	/* Told to end, it did: what it said has been passed on. */
	if (unit->policy.state != PH_POLICY_STOPPING)
		ph_unit_changed(unit);
	else if (!ph_unit_hand_over(unit))
		ph_unit_end_run(unit, -ESHUTDOWN, unit->spec->stop_timeout);
}

const struct ph_run_host ph_unit_run_host = {
	.ended = run_ended,
	.gone = run_gone,
	.opened = run_opened,
	.ready = run_ready,
	.yielded = run_yielded,
};

int ph_unit_open_run(struct ph_unit *unit, struct ph_run **out,
	const struct ph_run_host *host, bool held, struct ph_error *error)
{
	struct ph_run_config config = {
		.loop = unit->config->loop,
		.worker = unit->config->worker,
		.kernel = unit->config->kernel,
		.spec = unit->spec,
		.terminals = unit->terminals,
		.logs = unit->logs,
		.directory = unit->config->directory,
		.leash = unit->leash,
		.keepers = unit->config->keepers,
		.warden = unit->config->warden,
		.host = host,
		.context = unit,
		.held = held,
		.skips = held ? 0 : unit->inside,
	};

	if (unit->spec->argv)
		return ph_program_open(out, &config, error);
	if (unit->spec->placement == PH_PLACEMENT_LOOP)
		return ph_bundle_open(out, &config, error);
	if (unit->config->outside)
		return unit->config->outside(
			unit->config->outside_context, out, &config, error);
	return ph_fail(error, PH_EXIT_NEGATIVE, unit->spec->name,
		"use placement: loop", "this node has no other places");
}

void ph_unit_tell_started(struct ph_unit *unit, const struct ph_error *error)
{
	if (unit->started)
		return;
	unit->started = true;
	unit->on_started(unit, error);
	if (error)
		ph_unit_stop(unit, 0);
}

static void unit_run(struct ph_unit *unit)
{
	struct ph_error error = {0};

	unit->lost = -1;
	if (ph_unit_open_run(
		    unit, &unit->run, &ph_unit_run_host, false, &error)) {
		ph_unit_set_reason(unit, error.what);
		ph_unit_cut(unit, -ECONNABORTED);
		ph_unit_step(unit, PH_POLICY_BROKE);
		ph_unit_tell_started(unit, &error);
		return;
	}
	unit->running = true;
	unit->inside = 0;
	ph_unit_count_run(unit);
	if (unit->run->waits)
		ph_timer_start(unit->config->loop, &unit->timer,
			ph_loop_now(unit->config->loop) +
				unit->spec->start_timeout);
	else
		ph_unit_step(unit, PH_POLICY_STARTED);
	if (!unit->run->opening)
		ph_unit_tell_started(unit, NULL);
	ph_unit_greet_run(unit);
	if (unit->leave_next)
		ph_unit_leave(unit, unit->leave_next);
}

/* True when the run to come must wait: for the last one to go, or for the
 * consumer that was lost. */
static bool must_wait(struct ph_unit *unit)
{
	if (unit->run || unit->held)
		return true;
	if (unit->lost < 0 || ph_terminal_pipes(unit->terminals[unit->lost]))
		return false;
	snprintf(unit->reason, sizeof(unit->reason),
		"waits until %s is connected again",
		unit->spec->terminals[unit->lost].name);
	return true;
}

static void unit_enter(struct ph_unit *unit, enum ph_policy_state before)
{
	char reason[256];

	unit->since = ph_clock_wall();
	ph_log_info("executor", "state server=%s from=%s to=%s because=%s",
		unit->spec->name, ph_policy_state_name(before),
		ph_policy_state_name(unit->policy.state),
		unit->reason[0] ? ph_log_escape(reason, sizeof(reason),
					  unit->reason, strlen(unit->reason))
				: "-");
	ph_unit_tell_state(unit);
	unit->on_state(unit);
}

/* The one door for changes of state. */
void ph_unit_step(struct ph_unit *unit, enum ph_policy_event event)
{
	enum ph_policy_state before = unit->policy.state;
	enum ph_policy_action action;
	int64_t now = ph_loop_now(unit->config->loop);

	if ((event == PH_POLICY_DUE || event == PH_POLICY_WAKE) &&
		must_wait(unit))
		return;
	if (event == PH_POLICY_DUE || event == PH_POLICY_WAKE)
		unit->reason[0] = 0;
	action = ph_policy_step(&unit->policy, now, event);
	if (unit->policy.state != before)
		unit_enter(unit, before);
	if (action == PH_POLICY_RUN)
		unit_run(unit);
	else if (action == PH_POLICY_WAIT)
		ph_timer_start(
			unit->config->loop, &unit->timer, unit->policy.due);
}

static void unit_due(struct ph_timer *timer)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)timer -
				   offsetof(struct ph_unit, timer));

	if (unit->leave)
		ph_unit_leave_due(unit);
	else if (unit->policy.state == PH_POLICY_STARTING && unit->running)
		run_is_late(unit);
	else
		ph_unit_step(unit, PH_POLICY_DUE);
}

/* Life. */

static void log_line(void *context, const struct ph_logs_line *line)
{
	struct ph_unit *unit = context;
	char text[512];

	if (ph_log_most() < PH_LOG_DEBUG)
		return;
	ph_log_debug("executor", "stderr server=%s line=%s", unit->spec->name,
		ph_log_escape(text, sizeof(text), line->text, line->length));
}

static void unit_gone(struct ph_task *task)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)task -
				   offsetof(struct ph_unit, task));

	ph_unit_step(unit, PH_POLICY_GONE);
	unit->on_gone(unit);
}

void ph_unit_check_gone(struct ph_unit *unit)
{
	if (unit->stopping && !unit->run && !unit->calls &&
		ph_unit_change_is_over(unit))
		ph_loop_defer(unit->config->loop, &unit->task);
}

int ph_unit_create(struct ph_unit **out,
	const struct ph_executor_config *config, struct ph_spec *spec,
	uint64_t seed)
{
	struct ph_unit *unit = calloc(1, sizeof(*unit));
	int error = unit ? 0 : -ENOMEM;

	if (error)
		return error;
	unit->config = config;
	unit->spec = spec;
	unit->lost = -1;
	unit->timer.on_due = unit_due;
	unit->task.run = unit_gone;
	unit->since = ph_clock_wall();
	ph_policy_init(&unit->policy, spec->restart, seed);
	error = ph_logs_create(&unit->logs, log_line, unit);
	if (!error)
		error = ph_unit_open_ports(unit);
	if (error) {
		unit->spec = NULL;
		ph_unit_destroy(unit);
		return error;
	}
	*out = unit;
	return 0;
}

int ph_unit_start(struct ph_unit *unit)
{
	return ph_unit_register(unit);
}

void ph_unit_stop(struct ph_unit *unit, int64_t grace)
{
	unit->grace = grace;
	/* A run that is ending already may be hurried. */
	if (unit->run && !unit->running)
		unit->run->ops->stop(unit->run, grace);
	else if (unit->leave)
		ph_unit_end_run(unit, -ESHUTDOWN, grace);
	if (unit->stopping)
		return;
	unit->stopping = true;
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_unit_unregister(unit);
	/* Inputs are refused and outputs cut first: a program that is told to
	 * end must not look like one that came to its end. */
	ph_unit_end_run(unit, -ESHUTDOWN, grace);
	ph_unit_step(unit, PH_POLICY_STOP);
	ph_unit_check_gone(unit);
}

void ph_unit_destroy(struct ph_unit *unit)
{
	for (unsigned i = 0; i < PH_SPEC_TERMINALS; i++)
		ph_terminal_destroy(unit->terminals[i]);
	ph_timer_stop(unit->config->loop, &unit->timer);
	ph_timer_stop(unit->config->loop, &unit->gather);
	ph_timer_stop(unit->config->loop, &unit->change.timer);
	ph_unregister_fini(&unit->unregister);
	ph_loop_cancel(unit->config->loop, &unit->task);
	ph_logs_destroy(unit->logs);
	ph_spec_free(unit->spec);
	ph_spec_free(unit->successor);
	ph_spec_free(unit->swap);
	free(unit);
}
