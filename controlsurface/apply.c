#include "controlsurface/apply.h"

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
	ph_wiring_free(apply->wiring);
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

static void phase_begin(struct ph_apply *apply, enum ph_apply_phase phase)
{
	int64_t now = ph_apply_now(apply);
	int64_t left = apply->call_deadline - now;
	int64_t most = phase == PH_APPLY_CHECK ? CHECK_TIME : PHASE_TIME;

	/* Leave the caller's deadline room for the commit, and for the answer.
	 */
	left = phase == PH_APPLY_COMMIT ? left / 10 * 9 : left / 10 * 6;
	apply->phase = phase;
	apply->deadline = now + (left < most ? left : most);
}

static void commit_phase(struct ph_apply *apply)
{
	phase_begin(apply, PH_APPLY_COMMIT);
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		/* Who has no part and gets none has nothing to commit, but
		 * its hold to lose. */
		if (host->answer == PH_APPLY_YES)
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

static void prepared(struct ph_apply *apply)
{
	const struct ph_apply_host *host = host_with(apply, PH_APPLY_NO, false);
	struct ph_error error;

	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, true);
	if (host) {
		ph_apply_fail_by(apply, host);
	} else if (!apply->wiring && !anybody_knew(apply)) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, apply->scope,
			"see `posthouse servers` for the scopes there are",
			"no node that can be reached has a scope of that name");
		ph_apply_fail(apply, &error);
	} else {
		phase_begin(apply, PH_APPLY_CHECK);
		ph_apply_step(apply);
	}
}

static void checked(struct ph_apply *apply)
{
	if (ph_apply_check_failed(apply))
		ph_apply_fail_by(apply, &apply->refusal);
	else
		commit_phase(apply);
}

static void committed(struct ph_apply *apply)
{
	const struct ph_apply_host *host = host_with(apply, PH_APPLY_NO, false);

	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, true);
	if (!host)
		host = host_with(apply, PH_APPLY_UNREACHED, false);
	if (host)
		ph_apply_partly(apply, host);
	else
		ph_apply_succeed(apply);
}

/* Asks whoever is new, or away and due again. True: there is somebody left to
 * wait for. */
static bool ask_rest(struct ph_apply *apply)
{
	bool late = ph_apply_now(apply) >= apply->deadline;
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

	if (ph_apply_now(apply) < apply->deadline) {
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
	if (apply->phase == PH_APPLY_PREPARE &&
		host_with(apply, PH_APPLY_NO, false))
		return false;
	return apply->phase == PH_APPLY_CHECK ? ph_apply_check(apply)
					      : ask_rest(apply);
}

void ph_apply_step(struct ph_apply *apply)
{
	static void (*const ended[])(struct ph_apply * apply) = {
		[PH_APPLY_PREPARE] = prepared,
		[PH_APPLY_CHECK] = checked,
		[PH_APPLY_COMMIT] = committed,
	};

	if (!apply->pending && !phase_waits(apply))
		ended[apply->phase](apply);
}

/* --- beginnings --- */

static struct ph_apply *apply_make(struct ph_control *control, ph_handle ticket,
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
	phase_begin(apply, PH_APPLY_PREPARE);
	return apply;
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
		apply = apply_make(control, ticket, by, scope, deadline);
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
		"too many hosts (at most %u), or out of memory", HOSTS_MOST);
	ph_apply_fail(apply, &error);
}

void ph_apply_begin(struct ph_control *control, ph_handle ticket,
	const char *by, int64_t deadline, struct ph_wiring *wiring,
	const char *file)
{
	struct ph_apply *apply = apply_open(
		control, ticket, by, ph_wiring_name(wiring), deadline);

	if (!apply) {
		ph_wiring_free(wiring);
		return;
	}
	apply->wiring = wiring;
	snprintf(apply->file, sizeof(apply->file), "%s", file);
	if (add_declared(apply) || ph_apply_add_guests(apply) ||
		count_parts(apply) || add_present(apply))
		fail_start(apply);
	else
		ph_apply_step(apply);
}

void ph_control_serve_apply(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	ph_apply_read(context, ticket, call);
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
		if (ph_value_is(ph_value_get(item, "line"), "up") &&
			ph_name_is_valid(name, strlen(name)))
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
