#include "controlsurface/decision.h"
#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

/*
 * The calls about transactions. Only its coordinator may prepare, commit or
 * end one; whoever takes part may ask what is known of it.
 */

const char *ph_pact_caller(
	const struct ph_control *control, const struct ph_call *call)
{
	return *call->caller->node ? call->caller->node : control->node;
}

bool ph_pact_is_open(struct ph_control *control, ph_handle ticket)
{
	/* Still loading, or stopping: it is asked again. */
	if (control->loaded && !control->quiet)
		return true;
	ph_door_answer(
		control->config.door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
	return false;
}

/* --- control.commit --- */

static struct ph_pact *pact_named(struct ph_control *control,
	struct ph_value arguments, struct ph_error *error)
{
	char id[PH_TRANSACTION_ID];
	struct ph_pact *pact;

	ph_get_copy(arguments, "transaction", id, sizeof(id));
	pact = ph_pact_find(control, id);
	if (!pact)
		ph_fail(error, PH_EXIT_NOT_FOUND, id,
			"posthouse plan list shows what is open",
			"this node knows no such change");
	return pact;
}

static int no_memory(const struct ph_pact *pact, struct ph_error *error)
{
	return ph_fail(error, PH_EXIT_NEGATIVE, pact->core.id,
		"free memory on this node, then try again", "out of memory");
}

/* Not final to a coordinator, which asks again: the version that can read it
 * may be back. */
static int fail_unreadable(const struct ph_pact *pact, struct ph_error *error)
{
	return ph_fail(error, PH_EXIT_NEGATIVE, pact->core.id,
		"start the version that wrote it; or posthouse plan resolve ID "
		"abort, and apply again",
		"%s has this change in a record that it cannot read",
		pact->control->node);
}

void ph_pact_serve_commit(
	struct ph_control *control, struct ph_request *request)
{
	struct ph_error error;
	struct ph_pact *pact = pact_named(control, request->arguments, &error);
	const char *by = ph_pact_caller(control, request->call);

	if (pact && strcmp(pact->core.coordinator, by) != 0) {
		ph_fail(&error, PH_EXIT_DENIED, pact->core.id,
			"only its coordinator decides",
			"%s did not begin this change", by);
		pact = NULL;
	}
	if (pact && pact->core.state == PH_TRANSACTION_UNREADABLE) {
		fail_unreadable(pact, &error);
		pact = NULL;
	}
	if (pact && ph_pact_wait(pact, request->ticket, PH_PACT_COMMIT)) {
		no_memory(pact, &error);
		pact = NULL;
	}
	if (!pact) {
		ph_answer_error(control->config.door, request->ticket, &error);
		return;
	}
	ph_pact_event(pact, &(struct ph_transaction_event){
				    .kind = PH_TRANSACTION_ON_COMMIT});
}

/* --- control.abort, control.done, control.resolve --- */

static void serve_word(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call, enum ph_transaction_event_kind kind)
{
	struct ph_request request;
	struct ph_error error;
	struct ph_pact *pact;

	if (!ph_pact_is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	pact = pact_named(control, request.arguments, &error);
	if (pact &&
		!strcmp(pact->core.coordinator, ph_pact_caller(control, call)))
		ph_pact_event(
			pact, &(struct ph_transaction_event){.kind = kind});
	/* What is not known was forgotten already. */
	ph_answer_ok(control->config.door, ticket, NULL);
	ph_request_close(&request);
}

void ph_control_serve_abort(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve_word(context, ticket, call, PH_TRANSACTION_ON_ABORT);
}

void ph_control_serve_done(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve_word(context, ticket, call, PH_TRANSACTION_ON_DONE);
}

static int read_resolution(struct ph_value arguments,
	struct ph_transaction_event *event, struct ph_error *error)
{
	char text[16];

	ph_get_copy(arguments, "outcome", text, sizeof(text));
	event->by_hand = true;
	event->kind = !strcmp(text, "commit") ? PH_TRANSACTION_ON_COMMIT
					      : PH_TRANSACTION_ON_ABORT;
	if (!strcmp(text, "commit") || !strcmp(text, "abort"))
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "outcome", "write commit or abort",
		"no such outcome: %s", text);
}

static int may_resolve(const struct ph_pact *pact,
	const struct ph_transaction_event *event, struct ph_error *error)
{
	if (!ph_transaction_troubles(&pact->core))
		return ph_fail(error, PH_EXIT_CONFLICT, pact->core.id,
			"only what is in doubt takes a decision by hand",
			"this change is %s",
			ph_transaction_state_name(pact->core.state));
	if (pact->core.state == PH_TRANSACTION_UNREADABLE &&
		event->kind == PH_TRANSACTION_ON_COMMIT)
		return ph_fail(error, PH_EXIT_CONFLICT, pact->core.id,
			"start the version that wrote it; or posthouse plan "
			"resolve ID abort, and apply again",
			"the record of this change cannot be read: nothing is "
			"there to commit");
	return 0;
}

/* Answered when the disk has it: after a restart it must still be so. */
static void resolve(struct ph_pact *pact, ph_handle ticket, const char *by,
	const struct ph_transaction_event *event)
{
	bool commit = event->kind == PH_TRANSACTION_ON_COMMIT;
	struct ph_error error;

	if (ph_pact_wait(
		    pact, ticket, commit ? PH_PACT_COMMIT : PH_PACT_ABORT)) {
		no_memory(pact, &error);
		ph_answer_error(pact->control->config.door, ticket, &error);
		return;
	}
	ph_log_warn("control", "transaction.resolved id=%s by=%s",
		pact->core.id, by);
	ph_pact_event(pact, event);
}

/* A decision that was made here, and cannot be read, nobody can take back. */
static int resolve_decision(struct ph_decision *decision, ph_handle ticket,
	const struct ph_transaction_event *event, struct ph_error *error)
{
	if (event->kind != PH_TRANSACTION_ON_COMMIT)
		return ph_fail(error, PH_EXIT_CONFLICT, decision->id,
			"posthouse plan resolve ID commit, when no node is in "
			"doubt of it",
			"this change was decided, and others may have it");
	ph_log_warn("control", "decision.resolved id=%s", decision->id);
	ph_decision_let_go(decision, ticket);
	return 0;
}

/* Answers, or says in `error` why not. */
static int resolve_named(struct ph_control *control, struct ph_request *request,
	const struct ph_transaction_event *event, struct ph_error *error)
{
	struct ph_pact *pact = pact_named(control, request->arguments, error);
	struct ph_decision *decision =
		ph_decision_find(control, pact ? pact->core.id : error->where);

	/* Who decided may have taken part, and be done with that. */
	if (decision && decision->unreadable &&
		!(pact && ph_transaction_troubles(&pact->core)))
		return resolve_decision(
			decision, request->ticket, event, error);
	if (!pact || may_resolve(pact, event, error))
		return -1;
	resolve(pact, request->ticket, ph_pact_caller(control, request->call),
		event);
	return 0;
}

/* A person decides what the others cannot tell. */
void ph_control_serve_resolve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_transaction_event event = {0};
	struct ph_request request;
	struct ph_error error;

	if (!ph_pact_is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (read_resolution(request.arguments, &event, &error) ||
		resolve_named(control, &request, &event, &error))
		ph_answer_error(control->config.door, ticket, &error);
	ph_request_close(&request);
}

/* --- control.outcome --- */

static void answer_unknown(
	struct ph_control *control, ph_handle ticket, const char *id)
{
	struct ph_pact *pact = ph_pact_make(control, id);

	/* Without a durable promise nothing may be said. */
	if (pact)
		ph_pact_refuse(pact, ticket);
	else
		ph_pact_answer_outcome(control, ticket, PH_OUTCOME_UNHEARD);
}

/* The name of the node that began it: what stands before the @. */
static bool began_here(const struct ph_control *control, const char *id)
{
	size_t length = strlen(control->node);

	return !strncmp(id, control->node, length) && id[length] == '@';
}

static void outcome_serve(
	struct ph_control *control, ph_handle ticket, const char *id)
{
	struct ph_pact *pact = ph_pact_find(control, id);
	enum ph_outcome outcome = PH_OUTCOME_UNHEARD;

	if (began_here(control, id)) {
		ph_pact_answer_outcome(control, ticket,
			ph_pact_coordinator_outcome(control, id));
		return;
	}
	if (!pact) {
		answer_unknown(control, ticket, id);
		return;
	}
	outcome = ph_transaction_outcome(&pact->core);
	if (outcome != PH_OUTCOME_UNHEARD ||
		pact->core.state == PH_TRANSACTION_UNREADABLE ||
		ph_pact_wait(pact, ticket, PH_PACT_OUTCOME))
		ph_pact_answer_outcome(control, ticket, outcome);
}

void ph_control_serve_outcome(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	char id[PH_TRANSACTION_ID];

	if (!ph_pact_is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "transaction", id, sizeof(id));
	outcome_serve(control, ticket, id);
	ph_request_close(&request);
}

/* --- control.transactions --- */

static void write_pact(struct ph_writer *writer, const struct ph_pact *pact)
{
	const struct ph_transaction *core = &pact->core;

	ph_write_map(writer);
	ph_put_text(writer, "transaction", core->id);
	ph_put_text(writer, "scope", pact->scope);
	ph_put_text(writer, "state", ph_transaction_state_name(core->state));
	ph_put_text(writer, "coordinator", core->coordinator);
	ph_put_text(writer, "by", pact->by);
	ph_put_int(writer, "since", pact->since);
	ph_put_list(writer, "nodes");
	for (unsigned i = 0; i < core->node_count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "node", core->nodes[i].name);
		ph_put_text(
			writer, "heard", ph_outcome_name(core->nodes[i].heard));
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

static void write_decision(
	struct ph_writer *writer, const struct ph_decision *decision)
{
	ph_write_map(writer);
	ph_put_text(writer, "transaction", decision->id);
	ph_put_text(writer, "scope", decision->scope);
	ph_put_text(writer, "state", "unreadable");
	ph_put_text(writer, "coordinator", decision->control->node);
	ph_put_text(writer, "by", decision->by);
	ph_put_int(writer, "since", decision->since);
	ph_put_list(writer, "nodes");
	ph_write_end(writer);
	ph_write_end(writer);
}

/* What is open: of interest to people while it holds a scope. */
void ph_control_serve_transactions(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_writer *writer;
	const struct ph_decision *decision;
	const struct ph_pact *pact;

	if (!ph_pact_is_open(control, ticket))
		return;
	writer = ph_control_writer(control);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (pact = control->pacts; pact; pact = pact->hh.next) {
		if (ph_transaction_locks(&pact->core))
			write_pact(writer, pact);
	}
	DL_FOREACH(control->decisions, decision)
	{
		if (decision->unreadable)
			write_decision(writer, decision);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}
