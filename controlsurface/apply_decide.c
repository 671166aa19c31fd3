#include "controlsurface/apply.h"
#include "controlsurface/decision.h"
#include "controlsurface/pact.h"

#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

/*
 * The second half of an apply: one host changes by itself; several give their
 * word first, and then the decision (decision.h) goes to all of them. It is
 * made even when nobody waits for the answer any more.
 */

/* The coordinator's view: nothing that was not decided will be. */
enum ph_outcome ph_pact_coordinator_outcome(
	struct ph_control *control, const char *id)
{
	const struct ph_apply *apply;

	if (ph_decision_is_made(control, id))
		return PH_OUTCOME_COMMITTED;
	DL_FOREACH(control->applies, apply)
	{
		if (!strcmp(apply->id, id))
			return PH_OUTCOME_UNDECIDED;
	}
	return ph_decision_is_pending(control, id) ? PH_OUTCOME_UNDECIDED
						   : PH_OUTCOME_NONE;
}

void ph_apply_prepare(struct ph_apply *apply)
{
	struct ph_control *control = apply->control;
	unsigned count = 0;

	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		host->takes = host->answer == PH_APPLY_YES &&
			      (host->needed || host->knew);
		count += host->takes;
	}
	if (count <= 1) {
		ph_apply_enter(apply, PH_APPLY_COMMIT);
		return;
	}
	snprintf(apply->id, sizeof(apply->id), "%s@%llu.%llu", control->node,
		(unsigned long long)control->config.epoch,
		(unsigned long long)++control->transactions);
	ph_apply_enter(apply, PH_APPLY_PREPARE);
}

static struct ph_apply_host *host_named(
	struct ph_apply *apply, const char *name)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (!strcmp(apply->hosts[i].name, name))
			return &apply->hosts[i];
	}
	return NULL;
}

static void fail_undecided(struct ph_apply *apply)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, apply->control->node,
		"see to the disk of its state directory, then apply again",
		"the decision could not be kept: nothing has changed");
	ph_apply_fail(apply, &error);
}

/* Who refused after it had given its word: a person decided otherwise. */
static const struct ph_decision_node *node_refused(
	const struct ph_decision *decision)
{
	for (unsigned i = 0; i < decision->node_count; i++) {
		if (decision->nodes[i].refusal.exit)
			return &decision->nodes[i];
	}
	return NULL;
}

static void all_heard(
	struct ph_apply *apply, const struct ph_decision *decision)
{
	const struct ph_decision_node *refused = node_refused(decision);
	struct ph_apply_host *host = NULL;

	if (refused)
		host = host_named(apply, refused->name);
	if (host) {
		host->answer = PH_APPLY_NO;
		host->status = PH_CALL_FAILED;
		host->error = refused->refusal;
	}
	for (unsigned i = 0; !host && i < apply->host_count; i++) {
		if (apply->hosts[i].answer == PH_APPLY_UNREACHED)
			host = &apply->hosts[i];
	}
	if (host)
		ph_apply_partly(apply, host);
	else
		ph_apply_succeed(apply);
}

static void decision_told(struct ph_control *control, void *context,
	struct ph_decision *decision, int status)
{
	struct ph_apply *apply = context;

	if (status) {
		apply->decision = NULL;
		fail_undecided(apply);
	} else if (!ph_decision_missing(decision)) {
		all_heard(apply, decision);
	}
}

void ph_apply_decide(struct ph_apply *apply)
{
	char(*names)[PH_NAME_MAX + 1];
	unsigned count = 0;

	names = calloc(apply->host_count, sizeof(*names));
	for (unsigned i = 0; names && i < apply->host_count; i++) {
		if (apply->hosts[i].takes)
			memcpy(names[count++], apply->hosts[i].name,
				sizeof(*names));
	}
	if (names)
		apply->decision = ph_decision_make(apply->control, apply->id,
			apply->scope, apply->by,
			(const char(*)[PH_NAME_MAX + 1]) names, count,
			decision_told, apply);
	free(names);
	if (!apply->decision) {
		fail_undecided(apply);
		return;
	}
	ph_apply_phase(apply, PH_APPLY_DECIDE);
	ph_timer_start(
		apply->control->config.loop, &apply->again, apply->deadline);
}
