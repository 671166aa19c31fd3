#include "controlsurface/apply.h"
#include "controlsurface/apply_choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "controlsurface/plan.h"

/* Beginnings: who takes part in an apply, and what makes one. */

void ph_apply_order_fini(struct ph_apply_order *order)
{
	free(order->expected);
	free(order->choices);
	*order = (struct ph_apply_order){0};
}

/* A server without `host:` runs where the file is applied. */
static const char *wiring_host(const struct ph_apply *apply, size_t index)
{
	const char *name = ph_wiring_host(apply->wiring, index);

	return name && *name ? name : apply->control->node;
}

static int add_declared(struct ph_apply *apply)
{
	struct ph_control_config *config = &apply->control->config;

	for (size_t i = 0; i < ph_wiring_hosts(apply->wiring); i++) {
		const char *name = wiring_host(apply, i);
		const char *at = ph_wiring_at(apply->wiring, name);
		int status = ph_apply_add(apply, name, true);

		if (status)
			return status;
		if (at && config->seed && strcmp(name, apply->control->node))
			config->seed(config->context, name, at);
	}
	return 0;
}

/* Those that this node remembers. */
static int add_present(struct ph_apply *apply)
{
	const struct ph_control_scope *scope =
		ph_control_scope(apply->control, apply->scope);
	int status = 0;

	if (!scope || !scope->part)
		return 0;
	status = ph_apply_add(apply, apply->control->node, false);
	for (unsigned i = 0; !status && i < scope->part->host_count; i++)
		status = ph_apply_add(apply, scope->part->hosts[i].name, false);
	return status;
}

static bool scope_is_busy(const struct ph_control *control, const char *scope)
{
	const struct ph_apply *apply;

	DL_FOREACH(control->applies, apply)
	{
		if (!strcmp(apply->scope, scope))
			return true;
	}
	return false;
}

/* NULL: answered already. */
static struct ph_apply *apply_open(struct ph_control *control, ph_handle ticket,
	const char *by, const char *scope, int64_t deadline)
{
	struct ph_apply *apply = NULL;
	struct ph_error error;

	if (scope_is_busy(control, scope)) {
		ph_fail(&error, PH_EXIT_CONFLICT, scope,
			"wait until that is done, then try again",
			"this scope is being applied here already");
	} else {
		apply = ph_apply_make(control, ticket, by, scope, deadline);
		if (!apply)
			ph_fail(&error, PH_EXIT_NEGATIVE, scope, "free memory",
				"out of memory");
	}
	if (!apply)
		ph_answer_error(control->config.door, ticket, &error);
	return apply;
}

/* What the answer says was applied. */
static int count_parts(struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_writer *writer = ph_control_writer(apply->control);
		struct ph_document *document;
		const uint8_t *data;
		size_t length;

		if (!apply->hosts[i].needed)
			continue;
		ph_wiring_part(apply->wiring, apply->hosts[i].name,
			apply->control->node, writer);
		if (ph_writer_finish(writer, &data, &length) ||
			ph_document_read(
				&document, data, length, PH_SKIM_TABLE))
			return -ENOMEM;
		apply->servers += (unsigned)ph_value_count(
			ph_value_get(ph_document_root(document), "servers"));
		apply->wires += (unsigned)ph_value_count(
			ph_value_get(ph_document_root(document), "wires"));
		ph_document_free(document);
	}
	return 0;
}

static void fail_start(struct ph_apply *apply)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, apply->scope,
		"split the file, or free memory",
		"too many hosts (at most %u), or out of memory", PH_PART_HOSTS);
	ph_apply_fail(apply, &error);
}

/* Who may know who was chosen before: a host that is still to be found is
 * nobody yet. */
static int add_likely(struct ph_apply *apply)
{
	const struct ph_wiring_host *place = NULL;
	int status = 0;

	if (!ph_wiring_next_place(apply->wiring, &place))
		return add_declared(apply);
	for (size_t i = 0; !status && i < ph_wiring_hosts(apply->wiring); i++) {
		const char *name = wiring_host(apply, i);

		place = NULL;
		while (ph_wiring_next_place(apply->wiring, &place) &&
			strcmp(ph_wiring_place_name(place), name))
			;
		if (!place)
			status = ph_apply_add(apply, name, true);
	}
	return status ? status
		      : ph_apply_add(apply, apply->control->node, false);
}

void ph_apply_begin(struct ph_control *control, ph_handle ticket,
	const char *by, int64_t deadline, struct ph_wiring *wiring,
	const char *file, const struct ph_apply_order *order,
	struct ph_plan *kept)
{
	struct ph_apply *apply = apply_open(
		control, ticket, by, ph_wiring_name(wiring), deadline);
	struct ph_apply_order given = *order;

	if (!apply) {
		ph_wiring_free(wiring);
		ph_apply_order_fini(&given);
		ph_plan_free(kept);
		return;
	}
	apply->wiring = wiring;
	apply->order = given;
	apply->kept = kept;
	snprintf(apply->file, sizeof(apply->file), "%s", file);
	if (!ph_apply_wishes(apply) && !ph_apply_places(apply)) {
		ph_apply_survey(apply);
		return;
	}
	apply->choices = given.choices;
	apply->choice_count = given.choice_count;
	apply->order.choices = NULL;
	if (add_likely(apply) || add_present(apply))
		fail_start(apply);
	else
		ph_apply_choose(apply);
}

void ph_apply_survey(struct ph_apply *apply)
{
	ph_apply_phase(apply, PH_APPLY_SURVEY);
	if (add_declared(apply) || ph_apply_add_guests(apply) ||
		count_parts(apply) || add_present(apply))
		fail_start(apply);
	else
		ph_apply_step(apply);
}

void ph_control_serve_apply(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;

	if (control->loaded)
		ph_apply_read(control, ticket, call);
	else
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
}

void ph_control_serve_plan(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	ph_control_serve_apply(context, ticket, call);
}

/* It has a line, or one can be dialled for the question. */
static bool may_be_asked(struct ph_value peer)
{
	struct ph_value state = ph_value_get(peer, "state");

	if (ph_value_is(ph_value_get(peer, "line"), "up"))
		return true;
	return !ph_value_is(state, "dead") && !ph_value_is(state, "left") &&
	       !ph_value_is(ph_value_get(peer, "proven_by"), "nothing") &&
	       ph_value_count(ph_value_get(peer, "addresses"));
}

/* This node knows nothing of the scope: perhaps a peer does. */
static void peers_told(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");

	apply->pending--;
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		char name[PH_NAME_MAX + 1];

		ph_get_copy(item, "node", name, sizeof(name));
		if (may_be_asked(item) && ph_name_is_valid(name, strlen(name)))
			ph_apply_add(apply, name, false);
	}
	ph_apply_step(apply);
}

static void ask_peers(struct ph_apply *apply)
{
	struct ph_writer *writer = ph_control_writer(apply->control);

	ph_write_map(writer);
	ph_write_end(writer);
	apply->pending++;
	ph_control_ask(apply->control, &(struct ph_ask){
					       .method = PH_MESH_PEERS,
					       .timeout = PH_ASK_HERE,
					       .reply = peers_told,
					       .context = apply,
				       });
}

static void unapply(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call, struct ph_value arguments)
{
	char scope[PH_NAME_MAX + 1];
	struct ph_apply *apply;

	ph_get_copy(arguments, "name", scope, sizeof(scope));
	apply = apply_open(control, ticket,
		*call->caller->node ? call->caller->node : control->node, scope,
		call->deadline);
	if (!apply)
		return;
	if (add_present(apply))
		fail_start(apply);
	else if (!apply->host_count)
		ask_peers(apply);
	else
		ph_apply_step(apply);
}

void ph_control_serve_unapply(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	struct ph_error error;
	char name[PH_NAME_MAX + 2];

	if (!control->loaded) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "name", name, sizeof(name));
	if (ph_name_is_valid(name, strlen(name))) {
		unapply(control, ticket, call, request.arguments);
	} else {
		ph_fail(&error, PH_EXIT_USAGE, "", "give the wiring's name",
			"that is not the name of a scope");
		ph_answer_error(control->config.door, ticket, &error);
	}
	ph_request_close(&request);
}
