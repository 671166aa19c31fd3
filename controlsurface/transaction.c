#include "controlsurface/transaction.h"

#include <string.h>

#include "kernel/log.h"

/*
 * Every transition goes through transaction_enter, which logs it. An event
 * that a state has no use for changes nothing: words come late and twice.
 */
static const char *const events[] = {
#define X(ident, name) [PH_TRANSACTION_ON_##ident] = name,
	PH_TRANSACTION_EVENTS(X)
#undef X
};

static void transaction_enter(struct ph_transaction *transaction,
	enum ph_transaction_state state, const char *because)
{
	ph_log_debug("control",
		"transaction.state id=%s from=\"%s\" to=\"%s\" "
		"because=%s",
		transaction->id, ph_transaction_state_name(transaction->state),
		ph_transaction_state_name(state), because);
	transaction->state = state;
	transaction->deadline = 0;
}

static struct ph_transaction_output nothing(void)
{
	return (struct ph_transaction_output){
		.action = PH_TRANSACTION_DO_NOTHING};
}

static struct ph_transaction_output act(enum ph_transaction_action action)
{
	return (struct ph_transaction_output){.action = action};
}

static struct ph_transaction_output arm(struct ph_transaction *transaction,
	int64_t deadline, struct ph_transaction_output output)
{
	transaction->deadline = deadline;
	output.arm = true;
	return output;
}

/* --- beginnings --- */

struct ph_transaction_output ph_transaction_begin(
	struct ph_transaction *transaction, int64_t now)
{
	transaction->state = PH_TRANSACTION_PREPARING;
	transaction->rounds = 0;
	transaction->deadline = 0;
	return act(PH_TRANSACTION_DO_RECORD);
}

struct ph_transaction_output ph_transaction_refuse(
	struct ph_transaction *transaction, int64_t now)
{
	transaction->state = PH_TRANSACTION_REFUSING;
	transaction->deadline = 0;
	return act(PH_TRANSACTION_DO_RECORD);
}

/* Asks everybody anew. */
static struct ph_transaction_output ask(
	struct ph_transaction *transaction, int64_t now)
{
	int64_t most = transaction->state == PH_TRANSACTION_APPLIED
			       ? PH_TRANSACTION_IDLE_MOST
			       : PH_TRANSACTION_ASK_MOST;
	int64_t wait = PH_TRANSACTION_ASK;

	for (unsigned i = 0; i < transaction->rounds && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	transaction->rounds++;
	for (unsigned i = 0; i < transaction->node_count; i++)
		transaction->nodes[i].heard = PH_OUTCOME_UNHEARD;
	return arm(transaction, now + wait, act(PH_TRANSACTION_DO_ASK));
}

struct ph_transaction_output ph_transaction_restore(
	struct ph_transaction *transaction, int64_t now,
	enum ph_transaction_state state)
{
	transaction->state = state;
	transaction->rounds = 0;
	switch (state) {
	case PH_TRANSACTION_PREPARING: /* as it stands in the record */
		transaction_enter(
			transaction, PH_TRANSACTION_IN_DOUBT, "restart");
		return ask(transaction, now);
	case PH_TRANSACTION_COMMITTING:
		transaction_enter(
			transaction, PH_TRANSACTION_APPLYING, "restart");
		return act(PH_TRANSACTION_DO_APPLY);
	case PH_TRANSACTION_NOTING:
		transaction_enter(
			transaction, PH_TRANSACTION_APPLIED, "restart");
		return ask(transaction, now);
	case PH_TRANSACTION_UNREADABLE:
		return ask(transaction, now);
	default:
		transaction->state = PH_TRANSACTION_REFUSED;
		return arm(transaction, now + PH_TRANSACTION_REFUSED_FOR,
			nothing());
	}
}

/* --- one function for each kind of event --- */

static struct ph_transaction_output on_stored(
	struct ph_transaction *transaction, int64_t now)
{
	struct ph_transaction_output output = nothing();

	switch (transaction->state) {
	case PH_TRANSACTION_PREPARING:
		transaction_enter(
			transaction, PH_TRANSACTION_PREPARED, "stored");
		output.yes = true;
		return arm(transaction, now + PH_TRANSACTION_LOOK, output);
	case PH_TRANSACTION_COMMITTING:
		transaction_enter(
			transaction, PH_TRANSACTION_APPLYING, "stored");
		return act(PH_TRANSACTION_DO_APPLY);
	case PH_TRANSACTION_APPLYING:
		/* The part is durable; that it is, is noted as well, so that
		 * a restart does not apply it over a newer one. */
		transaction_enter(transaction, PH_TRANSACTION_NOTING, "stored");
		output = act(PH_TRANSACTION_DO_RECORD);
		output.changed = true;
		output.settled = true;
		return output;
	case PH_TRANSACTION_NOTING:
		transaction_enter(
			transaction, PH_TRANSACTION_APPLIED, "stored");
		return arm(transaction, now + PH_TRANSACTION_PATIENCE, output);
	case PH_TRANSACTION_FORGETTING:
	case PH_TRANSACTION_ABORTING:
		transaction_enter(
			transaction, PH_TRANSACTION_FORGOTTEN, "stored");
		output.settled = true;
		output.free = true;
		return output;
	case PH_TRANSACTION_REFUSING:
		transaction_enter(
			transaction, PH_TRANSACTION_REFUSED, "stored");
		output.settled = true;
		return arm(
			transaction, now + PH_TRANSACTION_REFUSED_FOR, output);
	default:
		return output;
	}
}

/* The disk refuses. What was promised stays promised: tried again. */
static struct ph_transaction_output on_unstored(
	struct ph_transaction *transaction, int64_t now)
{
	struct ph_transaction_output output = nothing();

	switch (transaction->state) {
	case PH_TRANSACTION_PREPARING:
		/* The record may be there all the same. */
		transaction_enter(
			transaction, PH_TRANSACTION_ABORTING, "unstored");
		output = act(PH_TRANSACTION_DO_DELETE);
		output.no = true;
		return output;
	case PH_TRANSACTION_REFUSING:
		/* Nothing was promised, so nothing is said: as it is. */
		output.free = true;
		return output;
	case PH_TRANSACTION_COMMITTING:
	case PH_TRANSACTION_APPLYING:
	case PH_TRANSACTION_NOTING:
	case PH_TRANSACTION_ABORTING:
	case PH_TRANSACTION_FORGETTING:
		return arm(transaction, now + PH_TRANSACTION_ASK, output);
	default:
		return output;
	}
}

static struct ph_transaction_output commit(struct ph_transaction *transaction,
	const struct ph_transaction_event *event, const char *because)
{
	struct ph_transaction_output output = nothing();

	switch (transaction->state) {
	case PH_TRANSACTION_PREPARED:
	case PH_TRANSACTION_IN_DOUBT:
		transaction->by_hand = event->by_hand;
		transaction_enter(
			transaction, PH_TRANSACTION_COMMITTING, because);
		return act(PH_TRANSACTION_DO_RECORD);
	case PH_TRANSACTION_NOTING:
	case PH_TRANSACTION_APPLIED:
		output.settled = true; /* told twice */
		return output;
	default:
		return output;
	}
}

static struct ph_transaction_output abort_it(struct ph_transaction *transaction,
	const struct ph_transaction_event *event, const char *because)
{
	switch (transaction->state) {
	case PH_TRANSACTION_PREPARED:
	case PH_TRANSACTION_IN_DOUBT:
	case PH_TRANSACTION_PREPARING:
	case PH_TRANSACTION_UNREADABLE:
		transaction->by_hand = event->by_hand;
		transaction_enter(
			transaction, PH_TRANSACTION_ABORTING, because);
		return act(PH_TRANSACTION_DO_DELETE);
	default:
		return nothing();
	}
}

static struct ph_transaction_output forget(
	struct ph_transaction *transaction, const char *because)
{
	transaction_enter(transaction, PH_TRANSACTION_FORGETTING, because);
	return act(PH_TRANSACTION_DO_DELETE);
}

static void note_heard(struct ph_transaction *transaction,
	const struct ph_transaction_event *event)
{
	for (unsigned i = 0; i < transaction->node_count; i++) {
		if (!strcmp(transaction->nodes[i].name, event->node))
			transaction->nodes[i].heard = event->outcome;
	}
}

static struct ph_transaction_output doubt(
	struct ph_transaction *transaction, int64_t now, const char *because)
{
	transaction_enter(transaction, PH_TRANSACTION_IN_DOUBT, because);
	transaction->rounds = 0;
	return ask(transaction, now);
}

/* Undecided for long is as good as away. */
static struct ph_transaction_output look(
	struct ph_transaction *transaction, int64_t now)
{
	if (++transaction->rounds >=
		PH_TRANSACTION_PATIENCE / PH_TRANSACTION_LOOK)
		return doubt(transaction, now, "due");
	return arm(transaction, now + PH_TRANSACTION_LOOK,
		act(PH_TRANSACTION_DO_LOOK));
}

/* All that is left to know of it is whether its coordinator still asks. */
static bool is_over_then(const struct ph_transaction *transaction)
{
	return transaction->state == PH_TRANSACTION_APPLIED ||
	       transaction->state == PH_TRANSACTION_UNREADABLE;
}

static struct ph_transaction_output on_heard(struct ph_transaction *transaction,
	int64_t now, const struct ph_transaction_event *event)
{
	bool coordinator = !strcmp(event->node, transaction->coordinator);

	note_heard(transaction, event);
	/* Its coordinator has nothing left to ask of anybody. */
	if (is_over_then(transaction) && coordinator &&
		event->outcome == PH_OUTCOME_NONE)
		return forget(transaction, "done");
	if (transaction->state != PH_TRANSACTION_PREPARED &&
		transaction->state != PH_TRANSACTION_IN_DOUBT)
		return nothing();
	if (event->outcome == PH_OUTCOME_COMMITTED)
		return commit(transaction, event, "heard");
	if (event->outcome == PH_OUTCOME_NONE)
		return abort_it(transaction, event, "heard");
	if (transaction->state == PH_TRANSACTION_PREPARED && coordinator &&
		event->outcome == PH_OUTCOME_UNHEARD)
		return doubt(transaction, now, "away");
	return nothing();
}

static struct ph_transaction_output on_due(
	struct ph_transaction *transaction, int64_t now)
{
	switch (transaction->state) {
	case PH_TRANSACTION_PREPARED:
		return look(transaction, now);
	case PH_TRANSACTION_IN_DOUBT:
	case PH_TRANSACTION_APPLIED:
	case PH_TRANSACTION_UNREADABLE:
		return ask(transaction, now);
	case PH_TRANSACTION_COMMITTING:
	case PH_TRANSACTION_NOTING:
		return act(PH_TRANSACTION_DO_RECORD);
	case PH_TRANSACTION_APPLYING:
		return act(PH_TRANSACTION_DO_APPLY);
	case PH_TRANSACTION_ABORTING:
		return act(PH_TRANSACTION_DO_DELETE);
	case PH_TRANSACTION_FORGETTING:
	case PH_TRANSACTION_REFUSED:
		return forget(transaction, "due");
	default:
		return nothing();
	}
}

struct ph_transaction_output ph_transaction_step(
	struct ph_transaction *transaction, int64_t now,
	const struct ph_transaction_event *event)
{
	switch (event->kind) {
	case PH_TRANSACTION_ON_STORED:
		return on_stored(transaction, now);
	case PH_TRANSACTION_ON_UNSTORED:
		return on_unstored(transaction, now);
	case PH_TRANSACTION_ON_COMMIT:
		return commit(transaction, event, events[event->kind]);
	case PH_TRANSACTION_ON_ABORT:
		return abort_it(transaction, event, events[event->kind]);
	case PH_TRANSACTION_ON_HEARD:
		return on_heard(transaction, now, event);
	case PH_TRANSACTION_ON_DONE:
		return is_over_then(transaction)
			       ? forget(transaction, events[event->kind])
			       : nothing();
	case PH_TRANSACTION_ON_DUE:
		return on_due(transaction, now);
	}
	return nothing();
}

enum ph_outcome ph_transaction_outcome(const struct ph_transaction *transaction)
{
	switch (transaction->state) {
	case PH_TRANSACTION_PREPARED:
	case PH_TRANSACTION_IN_DOUBT:
		return PH_OUTCOME_PREPARED;
	case PH_TRANSACTION_APPLYING:
	case PH_TRANSACTION_NOTING:
	case PH_TRANSACTION_APPLIED:
		return PH_OUTCOME_COMMITTED;
	case PH_TRANSACTION_REFUSED:
		return PH_OUTCOME_NONE;
	default:
		return PH_OUTCOME_UNHEARD;
	}
}

bool ph_transaction_troubles(const struct ph_transaction *transaction)
{
	return transaction->state == PH_TRANSACTION_IN_DOUBT ||
	       transaction->state == PH_TRANSACTION_UNREADABLE;
}

bool ph_transaction_passes(const struct ph_transaction *transaction)
{
	return ph_transaction_locks(transaction) &&
	       transaction->state != PH_TRANSACTION_PREPARED &&
	       !ph_transaction_troubles(transaction);
}

bool ph_transaction_locks(const struct ph_transaction *transaction)
{
	switch (transaction->state) {
	case PH_TRANSACTION_APPLIED:
	case PH_TRANSACTION_REFUSING:
	case PH_TRANSACTION_REFUSED:
	case PH_TRANSACTION_FORGETTING:
	case PH_TRANSACTION_FORGOTTEN:
		return false;
	default:
		return true;
	}
}
