#include "controlsurface/apply.h"
#include "controlsurface/apply_choose.h"
#include "controlsurface/decision.h"
#include "controlsurface/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

#define PHASE_TIME (10 * PH_SECOND)
#define CHECK_TIME (5 * PH_SECOND)
#define HOSTS_MOST PH_PART_HOSTS

int64_t ph_apply_now(const struct ph_apply *apply)
{
	return ph_loop_now(apply->control->config.loop);
}

static void apply_free(struct ph_control_work *work)
{
	struct ph_apply *apply = (struct ph_apply *)work;

	ph_timer_stop(apply->control->config.loop, &apply->again);
	if (apply->decision)
		apply->decision->told = NULL; /* it goes on alone */
	for (unsigned i = 0; i < apply->host_count; i++)
		free(apply->hosts[i].effects);
	ph_wiring_free(apply->wiring);
	ph_apply_order_fini(&apply->order);
	ph_plan_free(apply->kept);
	free(apply->choices);
	free(apply->own_caps);
	free(apply->hosts);
	free(apply->guests);
	free(apply);
}

void ph_apply_end(struct ph_apply *apply)
{
	DL_DELETE(apply->control->applies, apply);
	ph_control_work_end(apply->control, &apply->work);
	apply_free(&apply->work);
}

/* --- who takes part --- */

int ph_apply_add(struct ph_apply *apply, const char *name, bool needed)
{
	struct ph_apply_host *grown;

	for (unsigned i = 0; i < apply->host_count; i++) {
		if (strcmp(apply->hosts[i].name, name))
			continue;
		apply->hosts[i].needed |= needed;
		return 0;
	}
	if (apply->host_count >= HOSTS_MOST)
		return -E2BIG;
	grown = realloc(apply->hosts, (apply->host_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	apply->hosts = grown;
	grown += apply->host_count++;
	memset(grown, 0, sizeof(*grown));
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	grown->needed = needed;
	return 0;
}

/* --- phases --- */

static const struct ph_apply_host *host_with(
	const struct ph_apply *apply, enum ph_apply_answer answer, bool needed)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		const struct ph_apply_host *host = &apply->hosts[i];

		if (host->answer == answer && (host->needed || !needed))
			return host;
	}
	return NULL;
}

void ph_apply_phase(struct ph_apply *apply, enum ph_apply_phase phase)
{
	int64_t now = ph_apply_now(apply);
	int64_t left = apply->call_deadline - now;
	int64_t most = phase == PH_APPLY_CHECK ? CHECK_TIME : PHASE_TIME;

	/* Nothing follows a decision but its answer. */
	if (phase == PH_APPLY_DECIDE)
		most = left;
	/* Leave the caller's deadline room for what follows, and for the
	 * answer. */
	left = phase >= PH_APPLY_COMMIT ? left / 10 * 9 : left / 10 * 6;
	apply->phase = phase;
	apply->deadline = now + (left < most ? left : most);
}

bool ph_apply_is_late(const struct ph_apply *apply)
{
	return ph_apply_now(apply) >= apply->deadline;
}

void ph_apply_enter(struct ph_apply *apply, enum ph_apply_phase phase)
{
	ph_apply_phase(apply, phase);
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		if (host->takes && host->answer == PH_APPLY_YES)
			host->answer = PH_APPLY_UNASKED;
		host->status = 0;
	}
	ph_apply_step(apply);
}

static bool anybody_knew(const struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (apply->hosts[i].knew)
			return true;
	}
	return false;
}

/* A host whose revision is not the one that the plan saw; NULL: none. */
static const struct ph_apply_host *host_changed(const struct ph_apply *apply)
{
	const struct ph_apply_order *order = &apply->order;

	for (unsigned i = 0; i < apply->host_count; i++) {
		for (unsigned k = 0; k < order->expected_count; k++) {
			if (!strcmp(apply->hosts[i].name,
				    order->expected[k].node) &&
				apply->hosts[i].revision !=
					order->expected[k].revision)
				return &apply->hosts[i];
		}
	}
	return NULL;
}

static void fail_changed(
	struct ph_apply *apply, const struct ph_apply_host *host)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_CONFLICT, host->name,
		"look at the plan once more: posthouse plan",
		"what is declared there has changed since it was planned "
		"(revision %llu)",
		(unsigned long long)host->revision);
	ph_apply_fail(apply, &error);
}

/* The parts of the others remember those that keep an old one, but for who was
 * forgotten: he is told of once. */
static void leave_over(struct ph_apply *apply)
{
	for (unsigned i = 0; apply->wiring && i < apply->host_count; i++) {
		const struct ph_apply_host *host = &apply->hosts[i];

		if (host->answer == PH_APPLY_UNREACHED && !host->forgotten)
			ph_wiring_leave_host(apply->wiring, host->name);
	}
}

static void surveyed(struct ph_apply *apply)
{
	const struct ph_apply_host *host = host_with(apply, PH_APPLY_NO, false);
	struct ph_error error;

	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, true);
	if (host) {
		ph_apply_fail_by(apply, host);
	} else if ((host = host_changed(apply))) {
		fail_changed(apply, host);
	} else if (!apply->wiring && !anybody_knew(apply)) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, apply->scope,
			"see `posthouse servers` for the scopes there are",
			"no node that can be reached has a scope of that name");
		ph_apply_fail(apply, &error);
	} else {
		leave_over(apply);
		ph_apply_phase(apply, PH_APPLY_CHECK);
		ph_apply_step(apply);
	}
}

static void checked(struct ph_apply *apply)
{
	if (ph_apply_check_failed(apply))
		ph_apply_fail_by(apply, &apply->refusal);
	else if (apply->order.plan)
		ph_plan_answer(apply);
	else
		ph_apply_prepare(apply);
}

static void prepared(struct ph_apply *apply)
{
	const struct ph_apply_host *host = host_with(apply, PH_APPLY_NO, false);

	/* Those that were not reached by the survey take no part. */
	for (unsigned i = 0; !host && i < apply->host_count; i++) {
		if (apply->hosts[i].takes &&
			apply->hosts[i].answer != PH_APPLY_YES)
			host = &apply->hosts[i];
	}
	if (host)
		ph_apply_fail_by(apply, host);
	else
		ph_apply_decide(apply);
}

/* Of one that was not heard of, or whose disk did not answer in time, nothing
 * is known. */
static bool is_refusal(const struct ph_apply_host *host)
{
	return host->answer == PH_APPLY_NO &&
	       host->error.exit != PH_EXIT_TIMEOUT &&
	       host->error.exit != PH_EXIT_UNREACHABLE;
}

/* By one host alone: what it refuses is nowhere. */
static void committed(struct ph_apply *apply)
{
	const struct ph_apply_host *host = host_with(apply, PH_APPLY_NO, false);

	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, true);
	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, false);
	if (!host)
		ph_apply_succeed(apply);
	else if (is_refusal(host))
		ph_apply_fail_alone(apply, host);
	else
		ph_apply_partly(apply, host);
}

/* The decision tells when it is made, and by whom it was heard. */
static void deciding(struct ph_apply *apply)
{
}

/* Steps by itself. */
static void choosing(struct ph_apply *apply)
{
}

/* Asks whoever is new, or away and due again. True: there is somebody left to
 * wait for. */
static bool ask_rest(struct ph_apply *apply)
{
	bool late = ph_apply_is_late(apply);
	bool away = false;

	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		if (host->answer != PH_APPLY_UNASKED)
			continue;
		if (!host->status)
			ph_apply_ask(apply, i);
		else if (late)
			host->answer = PH_APPLY_UNREACHED;
		else
			away = true;
	}
	if (away && !apply->pending)
		ph_timer_start(apply->control->config.loop, &apply->again,
			ph_apply_now(apply) + PH_APPLY_AGAIN);
	return away || apply->pending;
}

static void ask_away(struct ph_timer *timer)
{
	struct ph_apply *apply = PH_CONTAINER(timer, struct ph_apply, again);

	if (apply->phase == PH_APPLY_DECIDE) {
		ph_apply_decided(apply);
		return;
	}
	if (apply->phase == PH_APPLY_CHOOSE) {
		ph_apply_choose_again(apply);
		return;
	}
	if (!ph_apply_is_late(apply)) {
		for (unsigned i = 0; i < apply->host_count; i++) {
			if (apply->hosts[i].answer == PH_APPLY_UNASKED)
				apply->hosts[i].status = 0;
		}
		ph_apply_check_again(apply);
	}
	ph_apply_step(apply);
}

/* True: there is somebody left to wait for. */
static bool phase_waits(struct ph_apply *apply)
{
	/* One refusal is enough: whoever is away need not be waited for. */
	if (apply->phase < PH_APPLY_COMMIT && apply->phase != PH_APPLY_CHECK &&
		host_with(apply, PH_APPLY_NO, false))
		return false;
	return apply->phase == PH_APPLY_CHECK ? ph_apply_check(apply)
					      : ask_rest(apply);
}

void ph_apply_step(struct ph_apply *apply)
{
	static void (*const ended[])(struct ph_apply * apply) = {
		[PH_APPLY_CHOOSE] = choosing,
		[PH_APPLY_SURVEY] = surveyed,
		[PH_APPLY_CHECK] = checked,
		[PH_APPLY_PREPARE] = prepared,
		[PH_APPLY_COMMIT] = committed,
		[PH_APPLY_DECIDE] = deciding,
	};

	if (!apply->pending && !phase_waits(apply))
		ended[apply->phase](apply);
}

struct ph_apply *ph_apply_make(struct ph_control *control, ph_handle ticket,
	const char *by, const char *scope, int64_t deadline)
{
	struct ph_apply *apply = calloc(1, sizeof(*apply));

	if (!apply)
		return NULL;
	apply->work.abandon = apply_free;
	apply->control = control;
	apply->ticket = ticket;
	apply->call_deadline = deadline;
	apply->again.on_due = ask_away;
	snprintf(apply->by, sizeof(apply->by), "%s", by);
	snprintf(apply->scope, sizeof(apply->scope), "%s", scope);
	DL_APPEND(control->applies, apply);
	ph_control_work_begin(control, &apply->work);
	ph_apply_phase(apply, PH_APPLY_SURVEY);
	return apply;
}
