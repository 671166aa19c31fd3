#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* control.prepare: this node gives its word, or says why it cannot. */

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
	const char *by = ph_pact_caller(control, call);
	struct ph_request request;
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	struct preparing *preparing;
	struct ph_part *part;

	if (!ph_pact_is_open(control, ticket) ||
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
