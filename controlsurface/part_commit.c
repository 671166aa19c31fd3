#include "controlsurface/pact.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * control.commit: a part becomes durable, then true (scope.c), then is brought
 * about (scope_servers.c).
 */
#define STORE_CALL (20 * PH_SECOND)

struct commit {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	char by[PH_NAME_MAX + 1];
	uint64_t expects; /* revision of the scope */
	struct ph_part *part;
	uint8_t *bytes;
	size_t length;
};

static void commit_free(struct ph_control_work *work)
{
	struct commit *commit = (struct commit *)work;

	ph_part_free(commit->part);
	free(commit->bytes);
	free(commit);
}

static void commit_stored(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct commit *commit = ask->context;
	struct ph_control_scope *scope =
		ph_control_scope(control, commit->part->scope);

	scope->committing = false;
	if (reply->status) {
		ph_answer_error(
			control->config.door, commit->ticket, &reply->error);
		if (!scope->part)
			ph_control_scope_remove(control, scope);
	} else {
		ph_control_scope_become(control, commit->part, commit->bytes,
			commit->length, commit->by);
		commit->part = NULL;
		commit->bytes = NULL;
		ph_answer_ok(control->config.door, commit->ticket, NULL);
	}
	ph_control_work_end(control, &commit->work);
	commit_free(&commit->work);
}

static void commit_store(struct commit *commit)
{
	struct ph_control *control = commit->control;
	uint16_t method = ph_control_write_scope(
		control, commit->part, commit->bytes, commit->length);

	ph_control_ask(control, &(struct ph_ask){
					.method = method,
					.timeout = STORE_CALL,
					.reply = commit_stored,
					.context = commit,
				});
}

/* 0 when the store was asked; 1 when there is nothing to do; -1: refused. */
static int commit_begin(struct commit *commit, struct ph_error *error)
{
	struct ph_control *control = commit->control;
	const char *name = commit->part->scope;
	struct ph_control_scope *scope = ph_control_scope(control, name);

	if ((scope && scope->committing) || ph_pact_of_scope(control, name))
		return ph_fail(error, PH_EXIT_CONFLICT, name,
			"try again in a moment",
			"this scope is being changed by somebody else");
	/* Asked once more: the answer to the first time was lost. */
	if (!scope && ph_part_is_empty(commit->part))
		return 1;
	if (scope && scope->length == commit->length &&
		!memcmp(scope->bytes, commit->bytes, commit->length)) {
		ph_control_bring_about(control, scope, scope->part);
		return 1;
	}
	if (ph_control_scope_revision(control, name) != commit->expects)
		return ph_fail(error, PH_EXIT_CONFLICT, name,
			"look at it again, then apply once more",
			"this scope was changed meanwhile");
	scope = ph_control_scope_make(control, name);
	if (!scope)
		return ph_fail(
			error, PH_EXIT_NEGATIVE, name, "", "out of memory");
	scope->committing = true;
	ph_control_work_begin(control, &commit->work);
	commit_store(commit);
	return 0;
}

uint8_t *ph_control_part_encode(struct ph_control *control,
	struct ph_value part, const char *scope, size_t *length,
	struct ph_error *error)
{
	struct ph_writer *writer = ph_control_writer(control);
	const uint8_t *data;
	uint8_t *bytes = NULL;

	ph_write_value(writer, part);
	if (ph_writer_finish(writer, &data, length)) {
		ph_fail(error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	} else if (*length > PH_PART_BYTES) {
		ph_fail(error, PH_EXIT_WIRING, scope, "split the wiring file",
			"this node's part has %zu bytes, at most %zu", *length,
			PH_PART_BYTES);
	} else {
		bytes = malloc(*length ? *length : 1);
		if (bytes)
			memcpy(bytes, data, *length);
		else
			ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				"out of memory");
	}
	return bytes;
}

static int commit_encode(
	struct commit *commit, struct ph_value part, struct ph_error *error)
{
	commit->bytes = ph_control_part_encode(commit->control, part,
		commit->part->scope, &commit->length, error);
	return commit->bytes ? 0 : -1;
}

static void commit_serve(struct ph_control *control, ph_handle ticket,
	const char *by, struct ph_value arguments)
{
	struct ph_value map = ph_value_get(arguments, "part");
	struct commit *commit = calloc(1, sizeof(*commit));
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	int status = -1;

	if (commit) {
		commit->work.abandon = commit_free;
		commit->control = control;
		commit->ticket = ticket;
		snprintf(commit->by, sizeof(commit->by), "%s", by);
		commit->expects = ph_get_u64(arguments, "expects");
		if (!ph_part_read(&commit->part, map, control->node,
			    control->config.bundled, &error) &&
			!commit_encode(commit, map, &error))
			status = commit_begin(commit, &error);
	}
	if (!status)
		return;
	if (status > 0)
		ph_answer_ok(control->config.door, ticket, NULL);
	else
		ph_answer_error(control->config.door, ticket, &error);
	if (commit)
		commit_free(&commit->work);
}

/* The disk has it in hand, for this coordinator or for another. */
static bool is_committing(struct ph_control *control, struct ph_value arguments)
{
	const struct ph_control_scope *scope;
	char name[PH_NAME_MAX + 1];

	ph_get_copy(arguments, "scope", name, sizeof(name));
	scope = ph_control_scope(control, name);
	return scope && scope->committing;
}

void ph_control_serve_commit(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;

	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (ph_value_type(ph_value_get(request.arguments, "transaction")) ==
		PH_TEXT)
		ph_pact_serve_commit(control, &request);
	else if (ph_pact_is_passing(control, request.arguments) ||
		 is_committing(control, request.arguments))
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
	else
		commit_serve(control, ticket,
			*call->caller->node ? call->caller->node
					    : control->node,
			request.arguments);
	ph_request_close(&request);
}
