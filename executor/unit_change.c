#include "executor/unit_inner.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/*
 * One run replaced by another while messages flow. The new one is opened
 * beside the old, held: it has no terminal yet. When it is ready, the old one
 * gives way: it takes nothing more behind the messages that are on their way,
 * finishes and ends; what it has not taken waits in the terminals, which stay
 * the same ones. So nothing is lost, doubled or in another order, and no wire
 * notices. A new one that does not come to be ready is ended, and the old one
 * goes on.
 */

/* A program that does not say when it is ready is when it has lasted. */
#define CHANGE_LASTED (300 * PH_MILLISECOND)

bool ph_unit_change_is_over(const struct ph_unit *unit)
{
	return !unit->change.run && !unit->change.leaving;
}

static void tell(struct ph_unit *unit, const struct ph_error *error)
{
	ph_timer_stop(unit->config->loop, &unit->change.timer);
	if (error)
		ph_log_info("executor", "replacement.failed server=%s",
			unit->spec->name);
	unit->on_replaced(unit, error);
}

static void leaver_ended(
	void *context, enum ph_run_cause cause, const struct ph_error *error)
{
}

static void leaver_gone(void *context)
{
	struct ph_unit *unit = context;

	unit->change.leaving--;
	ph_unit_check_gone(unit);
}

static void leaver_told(void *context)
{
}

/* Of a run that is no concern of the unit's any more, but for its end. */
static const struct ph_run_host leaver_host = {
	.ended = leaver_ended,
	.gone = leaver_gone,
	.opened = leaver_told,
	.ready = leaver_told,
	.yielded = leaver_told,
};

static void let_go(struct ph_unit *unit, struct ph_run *run)
{
	run->config.host = &leaver_host;
	unit->change.leaving++;
	run->ops->stop(run, unit->spec->stop_timeout);
}

static void keep(struct ph_unit *unit, enum ph_exit code, const char *next,
	const char *what)
{
	struct ph_run *run = unit->change.run;
	struct ph_error error;

	ph_fail(&error, code, unit->spec->name, next, "%s", what);
	unit->change.run = NULL;
	let_go(unit, run);
	tell(unit, &error);
}

void ph_unit_keep(struct ph_unit *unit, enum ph_exit code, const char *what)
{
	if (unit->change.run)
		keep(unit, code, "see `posthouse servers`", what);
}

/* Once the old one gives way there is no way back. */
static void give_way(struct ph_unit *unit)
{
	ph_timer_stop(unit->config->loop, &unit->change.timer);
	unit->change.ready = true;
	unit->run->ops->yield(unit->run, unit->change.lasts);
}

static void coming_ended(
	void *context, enum ph_run_cause cause, const struct ph_error *error)
{
	struct ph_unit *unit = context;
	char what[300];

	/* The old one is on its way out: the place will be empty. */
	unit->change.ended = true;
	if (unit->change.ready)
		return;
	snprintf(what, sizeof(what), "the new one did not come to run: %s",
		error ? error->what : "it ended");
	keep(unit, PH_EXIT_NEGATIVE,
		"see `posthouse logs`; the old one goes on as it was", what);
}

static void coming_gone(void *context)
{
}

/* Whether it says itself when it is ready, and has not yet. */
static bool is_awaited(const struct ph_run *run)
{
	return run->opening || run->waits;
}

static void coming_opened(void *context)
{
	struct ph_unit *unit = context;

	unit->change.run->opening = false;
	if (!unit->change.ready && !is_awaited(unit->change.run))
		give_way(unit);
}

static void coming_ready(void *context)
{
	struct ph_unit *unit = context;

	if (!unit->change.ready && !is_awaited(unit->change.run))
		give_way(unit);
}

static const struct ph_run_host coming_host = {
	.ended = coming_ended,
	.gone = coming_gone,
	.opened = coming_opened,
	.ready = coming_ready,
	.yielded = leaver_told,
};

static void change_due(struct ph_timer *timer)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)timer -
				   offsetof(struct ph_unit, change.timer));

	if (!is_awaited(unit->change.run))
		give_way(unit);
	else
		keep(unit, PH_EXIT_TIMEOUT,
			"see `posthouse logs`; the old one goes on as it was",
			"the new one was not ready in time");
}

static void log_change(const struct ph_unit *unit, const struct ph_run *former)
{
	ph_log_info("executor",
		"replaced server=%s pid=%d by=%d code=%d signal=%d unread=%llu",
		unit->spec->name, (int)former->pid, (int)unit->run->pid,
		former->code, former->signal,
		(unsigned long long)former->unread);
}

void ph_unit_changed(struct ph_unit *unit)
{
	struct ph_run *former = unit->run;

	unit->end_cause = PH_END_REPLACED;
	ph_unit_tell_ended(unit);
	unit->run = unit->change.run;
	unit->change.run = NULL;
	unit->since = ph_clock_wall();
	ph_unit_count_run(unit);
	log_change(unit, former);
	unit->run->config.host = &ph_unit_run_host;
	unit->run->ops->begin(unit->run, former);
	let_go(unit, former);
	tell(unit, NULL);
	/* It ended while it waited: as if it had just now. */
	if (unit->change.ended)
		ph_unit_run_host.ended(unit, PH_RUN_BROKE,
			&(struct ph_error){.what = "ended before its turn"});
	else
		ph_unit_greet_run(unit);
}

static int refuse(const struct ph_unit *unit, const char *next,
	const char *what, struct ph_error *error)
{
	return ph_fail(
		error, PH_EXIT_CONFLICT, unit->spec->name, next, "%s", what);
}

int ph_unit_replace(struct ph_unit *unit, int64_t patience, int64_t lasts,
	struct ph_error *error)
{
	struct ph_unit_change *change = &unit->change;
	int64_t wait = CHANGE_LASTED;

	if (change->run)
		return refuse(
			unit, "wait for it", "it is being replaced", error);
	if (!unit->run || !unit->running || unit->run->opening ||
		unit->policy.state != PH_POLICY_RUNNING)
		return refuse(unit, "start it, or see `posthouse servers`",
			"it does not run: there is nothing to replace", error);
	if (!unit->run->ops->yield || !unit->run->ops->begin)
		return refuse(unit,
			"restart it without --replace: its streams begin anew",
			"only a program (exec) can be replaced while it runs: "
			"this server is part of the node's own binary, and "
			"what could take its place would be the same again",
			error);
	change->ready = false;
	change->ended = false;
	change->lasts = lasts;
	change->unread = 0;
	if (ph_unit_open_run(unit, &change->run, &coming_host, true, error)) {
		change->run = NULL;
		return -1;
	}
	change->timer.on_due = change_due;
	if (is_awaited(change->run))
		wait = patience;
	ph_timer_start(unit->config->loop, &change->timer,
		ph_loop_now(unit->config->loop) + wait);
	return 0;
}
