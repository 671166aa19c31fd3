#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/*
 * The calls about transactions. Only its coordinator may prepare, commit or
 * end one; whoever takes part may ask what is known of it.
 */

/* A prepare that is being looked at. */
struct preparing {
	ph_handle ticket;
	char id[PH_TRANSACTION_ID];
	char by[PH_NAME_MAX + 1]; /* the coordinator */
	char actor[PH_NAME_MAX + 1];
	uint64_t expects;
	uint8_t *bytes;
	size_t length;
	struct ph_transaction_node *nodes;
	unsigned node_count;
};

static void preparing_free(void *context)
{
	struct preparing *preparing = context;

	free(preparing->bytes);
	free(preparing->nodes);
	free(preparing);
}

static const char *caller_name(
	const struct ph_control *control, const struct ph_call *call)
{
	return *call->caller->node ? call->caller->node : control->node;
}

static bool is_open(struct ph_control *control, ph_handle ticket)
{
	/* Still loading, or stopping: it is asked again. */
	if (control->loaded && !control->quiet)
		return true;
	ph_door_answer(
		control->config.door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
	return false;
}

/* --- control.prepare --- */

static int scope_is_free(struct ph_control *control, const char *scope,
	uint64_t expects, struct ph_error *error)
{
	const struct ph_control_scope *found = ph_control_scope(control, scope);
	const struct ph_pact *pact = ph_pact_of_scope(control, scope);

	if (pact)
		return ph_fail(error, PH_EXIT_CONFLICT, scope,
			"wait until it is settled; posthouse plan list shows "
			"it",
			"the change %s of this scope, begun by %s, is %s",
			pact->core.id, pact->core.coordinator,
			ph_transaction_state_name(pact->core.state));
	if (found && found->committing)
		return ph_fail(error, PH_EXIT_CONFLICT, scope,
			"try again in a moment",
			"this scope is being changed by somebody else");
	if (ph_control_scope_revision(control, scope) != expects)
		return ph_fail(error, PH_EXIT_CONFLICT, scope,
			"look at it again, then apply once more",
			"this scope was changed meanwhile");
	return 0;
}

static int read_nodes(struct preparing *preparing, struct ph_value list)
{
	size_t count = ph_value_count(list);

	if (!count || count > PH_TRANSACTION_NODES)
		return -EINVAL;
	preparing->nodes = calloc(count, sizeof(*preparing->nodes));
	if (!preparing->nodes)
		return -ENOMEM;
	preparing->node_count = (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		char *name = preparing->nodes[i].name;

		ph_value_copy(ph_value_at(list, i), name, PH_NAME_MAX + 1);
		if (!ph_name_is_valid(name, strlen(name)))
			return -EINVAL;
	}
	return 0;
}

static void prepare_checked(struct ph_control *control, void *context,
	struct ph_part *part, const struct ph_error *error)
{
	struct preparing *preparing = context;
	struct ph_error own;
	struct ph_pact *pact = NULL;

	if (!error && ph_pact_find(control, preparing->id))
		ph_fail(&own, PH_EXIT_CONFLICT, part->scope, "apply again",
			"this change was refused here already");
	else if (!error && !scope_is_free(control, part->scope,
				   preparing->expects, &own)) {
		pact = ph_pact_make(control, preparing->id);
		if (!pact)
			ph_fail(&own, PH_EXIT_NEGATIVE, part->scope,
				"see posthouse plan list",
				"too many changes are open here, or no memory");
	}
	if (!pact) {
		ph_answer_error(control->config.door, preparing->ticket,
			error ? error : &own);
		ph_part_free(part);
		preparing_free(preparing);
		return;
	}
	pact->part = part;
	pact->bytes = preparing->bytes;
	pact->length = preparing->length;
	pact->core.nodes = preparing->nodes;
	pact->core.node_count = preparing->node_count;
	memcpy(pact->core.coordinator, preparing->by, sizeof(preparing->by));
	memcpy(pact->by, preparing->actor, sizeof(pact->by));
	snprintf(pact->scope, sizeof(pact->scope), "%s", part->scope);
	ph_pact_begin(pact, preparing->ticket);
	free(preparing);
}

static int prepare_read(struct ph_control *control, struct preparing *preparing,
	struct ph_value arguments, struct ph_part **part,
	struct ph_error *error)
{
	struct ph_value map = ph_value_get(arguments, "part");
	char id[PH_TRANSACTION_ID + 1];

	ph_get_copy(arguments, "transaction", id, sizeof(id));
	ph_get_copy(
		arguments, "by", preparing->actor, sizeof(preparing->actor));
	if (!*preparing->actor)
		memcpy(preparing->actor, preparing->by, sizeof(preparing->by));
	preparing->expects = ph_get_u64(arguments, "expects");
	if (!*id || strlen(id) >= PH_TRANSACTION_ID ||
		read_nodes(preparing, ph_value_get(arguments, "nodes")))
		return ph_fail(error, PH_EXIT_USAGE, control->node,
			"see the versions of both nodes",
			"control.prepare with a transaction or nodes that "
			"cannot be");
	memcpy(preparing->id, id, PH_TRANSACTION_ID);
	if (ph_part_read(
		    part, map, control->node, control->config.bundled, error))
		return -1;
	if (scope_is_free(control, (*part)->scope, preparing->expects, error))
		goto fail;
	preparing->bytes = ph_control_part_encode(
		control, map, (*part)->scope, &preparing->length, error);
	if (preparing->bytes)
		return 0;
fail:
	ph_part_free(*part);
	return -1;
}

/* Asked once more: the answer to the first time was lost. */
static bool is_known(struct ph_control *control, ph_handle ticket,
	struct ph_value arguments, const char *by)
{
	char id[PH_TRANSACTION_ID];
	struct ph_pact *pact;
	struct ph_error error;

	ph_get_copy(arguments, "transaction", id, sizeof(id));
	pact = ph_pact_find(control, id);
	if (!pact)
		return false;
	if (!strcmp(pact->core.coordinator, by) &&
		pact->core.state == PH_TRANSACTION_PREPARED) {
		ph_answer_ok(control->config.door, ticket, NULL);
	} else if (strcmp(pact->core.coordinator, by) != 0 ||
		   pact->core.state != PH_TRANSACTION_PREPARING ||
		   ph_pact_wait(pact, ticket, PH_PACT_PREPARE)) {
		ph_fail(&error, PH_EXIT_CONFLICT, id, "apply again",
			"this change is %s here",
			ph_transaction_state_name(pact->core.state));
		ph_answer_error(control->config.door, ticket, &error);
	}
	return true;
}

bool ph_pact_is_passing(
	const struct ph_control *control, struct ph_value arguments)
{
	char scope[PH_NAME_MAX + 1];
	char id[PH_TRANSACTION_ID];
	const struct ph_pact *pact;

	ph_get_copy(arguments, "scope", scope, sizeof(scope));
	ph_get_copy(arguments, "transaction", id, sizeof(id));
	pact = ph_pact_of_scope(control, scope);
	return pact && strcmp(pact->core.id, id) != 0 &&
	       ph_transaction_passes(&pact->core);
}

void ph_control_serve_prepare(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	const char *by = caller_name(control, call);
	struct ph_request request;
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	struct preparing *preparing;
	struct ph_part *part;

	if (!is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (ph_pact_is_passing(control, request.arguments)) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		ph_request_close(&request);
		return;
	}
	preparing = calloc(1, sizeof(*preparing));
	if (is_known(control, ticket, request.arguments, by)) {
		free(preparing);
	} else if (!preparing) {
		ph_answer_error(control->config.door, ticket, &error);
	} else {
		preparing->ticket = ticket;
		snprintf(preparing->by, sizeof(preparing->by), "%s", by);
		if (prepare_read(control, preparing, request.arguments, &part,
			    &error)) {
			ph_answer_error(control->config.door, ticket, &error);
			preparing_free(preparing);
		} else {
			ph_part_check(control, part, prepare_checked,
				preparing_free, preparing);
		}
	}
	ph_request_close(&request);
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

void ph_pact_serve_commit(
	struct ph_control *control, struct ph_request *request)
{
	struct ph_error error;
	struct ph_pact *pact = pact_named(control, request->arguments, &error);
	const char *by = caller_name(control, request->call);

	if (pact && strcmp(pact->core.coordinator, by) != 0) {
		ph_fail(&error, PH_EXIT_DENIED, pact->core.id,
			"only its coordinator decides",
			"%s did not begin this change", by);
		pact = NULL;
	}
	if (!pact || ph_pact_wait(pact, request->ticket, PH_PACT_COMMIT)) {
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

	if (!is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	pact = pact_named(control, request.arguments, &error);
	if (pact && !strcmp(pact->core.coordinator, caller_name(control, call)))
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

/* A person decides what the others cannot tell. */
void ph_control_serve_resolve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_transaction_event event = {0};
	struct ph_request request;
	struct ph_error error;
	struct ph_pact *pact;

	if (!is_open(control, ticket) ||
		ph_request_open(&request, control->config.door, ticket, call))
		return;
	pact = pact_named(control, request.arguments, &error);
	if (!pact || read_resolution(request.arguments, &event, &error)) {
		ph_answer_error(control->config.door, ticket, &error);
	} else if (pact->core.state != PH_TRANSACTION_IN_DOUBT) {
		ph_fail(&error, PH_EXIT_CONFLICT, pact->core.id,
			"only what is in doubt takes a decision by hand",
			"this change is %s",
			ph_transaction_state_name(pact->core.state));
		ph_answer_error(control->config.door, ticket, &error);
	} else {
		ph_log_warn("control", "transaction.resolved id=%s by=%s",
			pact->core.id, caller_name(control, call));
		ph_pact_event(pact, &event);
		ph_answer_ok(control->config.door, ticket, NULL);
	}
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
		ph_pact_wait(pact, ticket, PH_PACT_OUTCOME))
		ph_pact_answer_outcome(control, ticket, outcome);
}

void ph_control_serve_outcome(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	char id[PH_TRANSACTION_ID];

	if (!is_open(control, ticket) ||
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

/* What is open: of interest to people while it holds a scope. */
void ph_control_serve_transactions(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_writer *writer;
	const struct ph_pact *pact;

	if (!is_open(control, ticket))
		return;
	writer = ph_control_writer(control);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (pact = control->pacts; pact; pact = pact->hh.next) {
		if (ph_transaction_locks(&pact->core))
			write_pact(writer, pact);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}
