#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

#define STORE_CALL (20 * PH_SECOND)

static void pact_take(
	struct ph_pact *pact, struct ph_transaction_output output);

static int64_t now_of(const struct ph_pact *pact)
{
	return ph_loop_now(pact->control->config.loop);
}

/* --- the table --- */

struct ph_pact *ph_pact_find(struct ph_control *control, const char *id)
{
	struct ph_pact *pact;

	HASH_FIND(hh, control->pacts, id, strlen(id), pact);
	return pact;
}

const struct ph_pact *ph_pact_of_scope(
	const struct ph_control *control, const char *scope)
{
	const struct ph_pact *pact;

	for (pact = control->pacts; pact; pact = pact->hh.next) {
		if (ph_transaction_locks(&pact->core) &&
			!strcmp(pact->scope, scope))
			return pact;
	}
	return NULL;
}

static void pact_due(struct ph_timer *timer)
{
	struct ph_pact *pact = PH_CONTAINER(timer, struct ph_pact, timer);

	ph_pact_event(
		pact, &(struct ph_transaction_event){
			      .kind = pact->core.deadline
					      ? PH_TRANSACTION_ON_DUE
					      : PH_TRANSACTION_ON_UNSTORED});
}

struct ph_pact *ph_pact_make(struct ph_control *control, const char *id)
{
	struct ph_pact *pact;

	if (HASH_COUNT(control->pacts) >= PH_PACTS)
		return NULL;
	pact = calloc(1, sizeof(*pact));
	if (!pact)
		return NULL;
	pact->control = control;
	pact->since = ph_clock_wall();
	pact->timer.on_due = pact_due;
	snprintf(pact->core.id, sizeof(pact->core.id), "%s", id);
	HASH_ADD(hh, control->pacts, core.id, strlen(pact->core.id), pact);
	return pact;
}

void ph_pact_drop_part(struct ph_pact *pact)
{
	ph_part_free(pact->part);
	free(pact->bytes);
	pact->part = NULL;
	pact->bytes = NULL;
	pact->length = 0;
}

static void pact_free(struct ph_pact *pact)
{
	struct ph_control *control = pact->control;

	ph_timer_stop(control->config.loop, &pact->timer);
	HASH_DEL(control->pacts, pact);
	while (pact->waiters) {
		struct ph_pact_waiter *waiter = pact->waiters;

		LL_DELETE(pact->waiters, waiter);
		free(waiter);
	}
	ph_pact_drop_part(pact);
	free(pact->core.nodes);
	free(pact);
}

void ph_pacts_stop(struct ph_control *control)
{
	for (struct ph_pact *pact = control->pacts; pact; pact = pact->hh.next)
		ph_timer_stop(control->config.loop, &pact->timer);
}

void ph_pacts_fini(struct ph_control *control)
{
	while (control->pacts)
		pact_free(control->pacts);
}

/* --- who waits --- */

int ph_pact_wait(
	struct ph_pact *pact, ph_handle ticket, enum ph_pact_question question)
{
	struct ph_pact_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	waiter->ticket = ticket;
	waiter->question = question;
	LL_APPEND(pact->waiters, waiter);
	return 0;
}

void ph_pact_answer_outcome(
	struct ph_control *control, ph_handle ticket, enum ph_outcome outcome)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "outcome", ph_outcome_name(outcome));
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}

/* A coordinator that asked for the word learns what kept it; one that told of a
 * commit, that this is final. */
static void answer_refused(
	struct ph_pact *pact, const struct ph_pact_waiter *waiter)
{
	struct ph_error error;

	if (waiter->question == PH_PACT_PREPARE && pact->unstored.exit)
		ph_fail(&error, pact->unstored.exit, pact->unstored.where,
			pact->unstored.next,
			"the change %s was given up here: %s", pact->core.id,
			pact->unstored.what);
	else
		ph_fail(&error, PH_EXIT_CONFLICT, pact->scope,
			"see the log of this node, then apply again",
			"the change %s was given up here", pact->core.id);
	ph_answer_error(pact->control->config.door, waiter->ticket, &error);
}

static void answer_waiter(
	struct ph_pact *pact, const struct ph_pact_waiter *waiter)
{
	static const enum ph_outcome wanted[] = {
		[PH_PACT_PREPARE] = PH_OUTCOME_PREPARED,
		[PH_PACT_COMMIT] = PH_OUTCOME_COMMITTED,
		[PH_PACT_ABORT] = PH_OUTCOME_NONE,
	};
	struct ph_control *control = pact->control;
	enum ph_outcome outcome = ph_transaction_outcome(&pact->core);

	if (pact->core.state == PH_TRANSACTION_FORGOTTEN)
		outcome = PH_OUTCOME_NONE;
	if (waiter->question == PH_PACT_OUTCOME)
		ph_pact_answer_outcome(control, waiter->ticket, outcome);
	else if (outcome == wanted[waiter->question])
		ph_answer_ok(control->config.door, waiter->ticket, NULL);
	else
		answer_refused(pact, waiter);
}

/* Those that wait for `question`, or, when all is settled, everybody. */
static void answer_waiters(
	struct ph_pact *pact, bool all, enum ph_pact_question question)
{
	struct ph_pact_waiter *waiter;
	struct ph_pact_waiter *next;

	LL_FOREACH_SAFE(pact->waiters, waiter, next)
	{
		if (!all && waiter->question != question)
			continue;
		LL_DELETE(pact->waiters, waiter);
		answer_waiter(pact, waiter);
		free(waiter);
	}
}

/* --- what the core wants --- */

static void stored(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_pact *pact = ph_pact_find(control, ask->id);
	bool failed;

	if (!pact || pact->attempt != ask->attempt)
		return;
	/* What is not there any more is deleted. */
	failed = reply->status && reply->error.exit != PH_EXIT_NOT_FOUND;
	if (failed)
		pact->unstored = reply->error;
	ph_pact_event(pact, &(struct ph_transaction_event){
				    .kind = failed ? PH_TRANSACTION_ON_UNSTORED
						   : PH_TRANSACTION_ON_STORED});
}

/* Asks the disk what stands in control->writer. */
static void ask_store(struct ph_pact *pact, uint16_t method)
{
	struct ph_ask ask = {
		.method = method,
		.timeout = STORE_CALL,
		.reply = stored,
		.attempt = ++pact->attempt,
	};

	snprintf(ask.id, sizeof(ask.id), "%s", pact->core.id);
	ph_control_ask(pact->control, &ask);
	/* A question that was lost for want of memory locks no scope. */
	ph_timer_start(pact->control->config.loop, &pact->timer,
		ph_loop_now(pact->control->config.loop) + 2 * STORE_CALL);
}

static void do_delete(struct ph_pact *pact)
{
	struct ph_writer *writer = ph_control_writer(pact->control);

	ph_write_map(writer);
	ph_put_text(writer, "space", "transactions");
	ph_put_text(writer, "key", pact->core.id);
	ph_write_end(writer);
	ask_store(pact, PH_STORE_DELETE);
}

static void do_apply(struct ph_pact *pact)
{
	ask_store(pact, ph_control_write_scope(pact->control, pact->part,
				pact->bytes, pact->length));
}

static void act(struct ph_pact *pact, enum ph_transaction_action action)
{
	switch (action) {
	case PH_TRANSACTION_DO_NOTHING:
		break;
	case PH_TRANSACTION_DO_RECORD:
		ph_pact_write_record(pact);
		ask_store(pact, PH_STORE_PUT);
		break;
	case PH_TRANSACTION_DO_APPLY:
		do_apply(pact);
		break;
	case PH_TRANSACTION_DO_DELETE:
		do_delete(pact);
		break;
	case PH_TRANSACTION_DO_LOOK:
		ph_pact_look(pact);
		break;
	case PH_TRANSACTION_DO_ASK:
		ph_pact_ask(pact);
		break;
	}
}

static void become(struct ph_pact *pact)
{
	struct ph_part *part = pact->part;
	uint8_t *bytes = pact->bytes;

	pact->part = NULL;
	pact->bytes = NULL;
	ph_control_scope_become(
		pact->control, part, bytes, pact->length, pact->by);
	pact->length = 0;
}

static void note(struct ph_pact *pact, enum ph_transaction_state before)
{
	const struct ph_transaction *core = &pact->core;

	if (core->state == before)
		return;
	if (core->state == PH_TRANSACTION_IN_DOUBT)
		ph_doubt_note(pact, true);
	else if (before == PH_TRANSACTION_IN_DOUBT ||
		 before == PH_TRANSACTION_UNREADABLE)
		ph_doubt_note(pact, false);
	if (core->state == PH_TRANSACTION_ABORTING)
		ph_control_expect(pact->control, pact->scope, NULL);
	if (core->state == PH_TRANSACTION_ABORTING)
		ph_control_note(pact->control, pact->by,
			core->by_hand ? "by hand" : "", "change %s of %s: %s",
			core->id, pact->scope, "given up");
	if (core->state == PH_TRANSACTION_COMMITTING && core->by_hand)
		ph_control_note(pact->control, pact->by, "by hand",
			"change %s of %s: decided", core->id, pact->scope);
}

static void pact_take(struct ph_pact *pact, struct ph_transaction_output output)
{
	struct ph_control *control = pact->control;

	if (pact->core.deadline)
		ph_timer_start(control->config.loop, &pact->timer,
			pact->core.deadline);
	else
		ph_timer_stop(control->config.loop, &pact->timer);
	if (output.yes || output.no)
		answer_waiters(pact, false, PH_PACT_PREPARE);
	if (output.changed)
		become(pact);
	if (output.settled || output.free)
		answer_waiters(pact, true, PH_PACT_COMMIT);
	if (output.free)
		pact_free(pact);
	else
		act(pact, output.action);
}

void ph_pact_event(
	struct ph_pact *pact, const struct ph_transaction_event *event)
{
	enum ph_transaction_state before = pact->core.state;
	struct ph_transaction_output output;

	if (pact->control->quiet)
		return;
	output = ph_transaction_step(&pact->core, now_of(pact), event);
	note(pact, before);
	pact_take(pact, output);
}

/* --- beginnings --- */

void ph_pact_begin(struct ph_pact *pact, ph_handle ticket)
{
	ph_pact_wait(pact, ticket, PH_PACT_PREPARE);
	if (pact->part)
		ph_control_expect(pact->control, pact->scope, pact->part);
	pact_take(pact, ph_transaction_begin(&pact->core, now_of(pact)));
}

void ph_pact_refuse(struct ph_pact *pact, ph_handle ticket)
{
	ph_pact_wait(pact, ticket, PH_PACT_OUTCOME);
	pact_take(pact, ph_transaction_refuse(&pact->core, now_of(pact)));
}

void ph_pacts_resume(struct ph_control *control)
{
	struct ph_pact *pact;
	struct ph_pact *next;

	HASH_ITER(hh, control->pacts, pact, next)
	{
		enum ph_transaction_state before = pact->core.state;
		struct ph_transaction_output output = ph_transaction_restore(
			&pact->core, now_of(pact), before);

		if (before == PH_TRANSACTION_UNREADABLE)
			ph_doubt_note(pact, true);
		note(pact, before);
		pact_take(pact, output);
	}
}
