#include "controlsurface/control.h"

#include "controlsurface/alarm_marks.h"
#include "controlsurface/decision.h"
#include "controlsurface/manual.h"
#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

#define LOAD_CALL  (20 * PH_SECOND)
#define LOAD_AGAIN PH_SECOND

static const struct {
	uint16_t method;
	ph_call_fn *serve;
} calls[] = {
	{PH_CONTROL_LIST, ph_control_serve_connections},
	{PH_CONTROL_SHOW, ph_control_serve_show},
	{PH_CONTROL_APPLY, ph_control_serve_apply},
	{PH_CONTROL_UNAPPLY, ph_control_serve_unapply},
	{PH_CONTROL_PLAN, ph_control_serve_plan},
	{PH_CONTROL_PLANS, ph_control_serve_plans},
	{PH_CONTROL_SURVEY, ph_control_serve_survey},
	{PH_CONTROL_PREPARE, ph_control_serve_prepare},
	{PH_CONTROL_COMMIT, ph_control_serve_commit},
	{PH_CONTROL_ABORT, ph_control_serve_abort},
	{PH_CONTROL_DONE, ph_control_serve_done},
	{PH_CONTROL_OUTCOME, ph_control_serve_outcome},
	{PH_CONTROL_RESOLVE, ph_control_serve_resolve},
	{PH_CONTROL_TRANSACTIONS, ph_control_serve_transactions},
	{PH_CONTROL_CONNECT, ph_control_serve_connect},
	{PH_CONTROL_DISCONNECT, ph_control_serve_disconnect},
	{PH_CONTROL_MOVE, ph_control_serve_move},
	{PH_CONTROL_REVERT, ph_control_serve_revert},
	{PH_CONTROL_ALARMS, ph_control_serve_alarms},
	{PH_CONTROL_ACK, ph_control_serve_ack},
	{PH_CONTROL_SHELVE, ph_control_serve_shelve},
	{PH_CONTROL_UNSHELVE, ph_control_serve_unshelve},
	{PH_CONTROL_DIFF, ph_control_serve_diff},
	{PH_CONTROL_PARTS, ph_control_serve_parts},
	{PH_CONTROL_TAP, ph_control_serve_tap},
	{PH_CONTROL_INTERPOSE, ph_control_serve_interpose},
	{PH_CONTROL_WITHDRAW, ph_control_serve_withdraw},
	{PH_CONTROL_CARRIER, ph_control_serve_carrier},
};

/* --- what was applied before, read back --- */

static void load_ask(
	struct ph_control *control, const char *space, ph_reply_fn *reply)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "space", space);
	ph_write_end(writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_STORE_LIST,
					.timeout = LOAD_CALL,
					.reply = reply,
				});
}

static int load_failed(struct ph_control *control, const char *space,
	const struct ph_reply *reply)
{
	char text[sizeof(reply->error.what)];

	if (!reply->status)
		return 0;
	ph_log_error("control", "load.failed space=%s what=\"%s\"", space,
		ph_log_escape(text, sizeof(text), reply->error.what,
			strlen(reply->error.what)));
	if (!control->quiet)
		ph_timer_start(control->config.loop, &control->retry,
			ph_loop_now(control->config.loop) + LOAD_AGAIN);
	return -1;
}

static int load_scope(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	struct ph_document *document;
	struct ph_part *part = NULL;
	uint8_t *bytes = malloc(length ? length : 1);
	int status = -1;

	if (!bytes ||
		ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		free(bytes);
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "",
			"a record that cannot be read");
	}
	memcpy(bytes, data, length);
	if (!ph_part_read(&part, ph_document_root(document), control->node,
		    control->config.bundled, error))
		status = ph_control_scope_set(control, part, bytes, length)
				 ? 0
				 : ph_fail(error, PH_EXIT_NEGATIVE, "", "",
					   "out of memory");
	ph_document_free(document);
	if (status) {
		ph_part_free(part);
		free(bytes);
	}
	return status;
}

static void load_edge(struct ph_control *control, const uint8_t *data,
	size_t length, const char *key)
{
	int status = ph_connectome_restore(&control->connectome, data, length,
		ph_loop_now(control->config.loop));

	if (status && status != -EEXIST)
		ph_log_error("control", "load.skipped connection=%s errno=%d",
			key, -status);
}

/* Connections that no scope declares any more: their withdrawal was cut
 * short. But when a scope could not be read, what is finished stays known. */
static void load_orphans(struct ph_control *control)
{
	struct ph_edge *edge;
	struct ph_edge *next;

	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (edge->withdrawn ||
			(!control->skipped && *edge->declared.scope &&
				!ph_control_scope(
					control, edge->declared.scope)))
			ph_control_event(control, edge,
				&(struct ph_connection_event){
					.kind = PH_CONNECTION_ON_WITHDRAWN});
	}
}

static void loaded_edges(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_value items = ph_value_get(reply->body, "items");

	if (load_failed(control, "connections", reply))
		return;
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		char key[PH_CONNECTION_ID];
		size_t length;
		const uint8_t *data =
			ph_value_bytes(ph_value_get(item, "value"), &length);

		ph_get_copy(item, "key", key, sizeof(key));
		load_edge(control, data, length, key);
	}
	control->loaded = true;
	ph_log_info("control", "loaded scopes=%u connections=%u",
		HASH_COUNT(control->scopes),
		HASH_CNT(by_id, control->connectome.ids));
	load_orphans(control);
	for (struct ph_control_scope *scope = control->scopes; scope;
		scope = scope->hh.next)
		ph_control_bring_about(control, scope, NULL);
	ph_manuals_bring_about(control);
	ph_decisions_resume(control);
	ph_pacts_resume(control);
}

/* One thing that is read back, and what reads it. */
typedef int load_fn(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error);

static int load_pact(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	return ph_pact_restore(control, key, data, length)
		       ? ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				 "a record that cannot be read")
		       : 0;
}

static int load_decision(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	return ph_decision_restore(control, key, data, length)
		       ? ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				 "a record that cannot be read")
		       : 0;
}

/* Returns how many could not be read. */
static unsigned load_each(struct ph_control *control, const char *space,
	struct ph_value items, load_fn *load)
{
	unsigned skipped = 0;

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		struct ph_error error;
		char key[PH_TRANSACTION_ID];
		size_t length;
		const uint8_t *data =
			ph_value_bytes(ph_value_get(item, "value"), &length);

		ph_get_copy(item, "key", key, sizeof(key));
		if (!load(control, key, data, length, &error))
			continue;
		skipped++;
		ph_log_error("control", "load.skipped %s=%s what=\"%s\"", space,
			key, error.what);
	}
	return skipped;
}

static int load_manual(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	return ph_manual_restore(control, key, data, length)
		       ? ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				 "a record that cannot be read")
		       : 0;
}

static int load_mark(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	return ph_mark_restore(control, data, length)
		       ? ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				 "a record that cannot be read")
		       : 0;
}

static void loaded_marks(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "alarms", reply))
		return;
	load_each(
		control, "mark", ph_value_get(reply->body, "items"), load_mark);
	load_ask(control, "connections", loaded_edges);
}

static void loaded_manuals(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "overrides", reply))
		return;
	load_each(control, "override", ph_value_get(reply->body, "items"),
		load_manual);
	load_ask(control, "alarms", loaded_marks);
}

static void loaded_decisions(struct ph_control *control,
	const struct ph_ask *ask, const struct ph_reply *reply)
{
	if (load_failed(control, "decisions", reply))
		return;
	load_each(control, "decision", ph_value_get(reply->body, "items"),
		load_decision);
	load_ask(control, "overrides", loaded_manuals);
}

static void loaded_pacts(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "transactions", reply))
		return;
	load_each(control, "transaction", ph_value_get(reply->body, "items"),
		load_pact);
	load_ask(control, "decisions", loaded_decisions);
}

static void loaded_scopes(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "wiring", reply))
		return;
	control->skipped =
		load_each(control, "scope", ph_value_get(reply->body, "items"),
			load_scope) > 0;
	load_ask(control, "transactions", loaded_pacts);
}

static void retry_due(struct ph_timer *timer)
{
	struct ph_control *control =
		PH_CONTAINER(timer, struct ph_control, retry);

	if (control->loaded)
		ph_control_start_missing(control);
	else
		load_ask(control, "wiring", loaded_scopes);
}

/* --- life --- */

/* The jitter keeps nodes apart; it keeps no secret. */
static uint64_t seed_of(const char *node, uint64_t epoch)
{
	uint64_t seed = UINT64_C(0xcbf29ce484222325) ^ epoch;

	for (; *node; node++)
		seed = (seed ^ (uint8_t)*node) * UINT64_C(0x100000001b3);
	return seed;
}

static int control_serve(struct ph_control *control)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = ph_door_serve(control->config.door,
			calls[i].method, calls[i].serve, control);

		if (status)
			return status;
	}
	return 0;
}

uint64_t ph_control_revision(const struct ph_control *control)
{
	return (control->config.epoch << 20) + control->changes;
}

int ph_control_create(
	struct ph_control **out, const struct ph_control_config *config)
{
	struct ph_control *control = calloc(1, sizeof(*control));
	int status = -ENOMEM;

	if (!control)
		return -ENOMEM;
	control->config = *config;
	snprintf(control->node, sizeof(control->node), "%s", config->node);
	ph_connectome_init(&control->connectome, control->node, config->epoch);
	control->jitter.state = seed_of(config->node, config->epoch);
	control->retry.on_due = retry_due;
	ph_control_calls_init(control);
	if (ph_writer_create(&control->writer))
		goto fail;
	status = control_serve(control);
	if (status)
		goto fail_writer;
	*out = control;
	return 0;
fail_writer:
	ph_writer_free(control->writer);
fail:
	free(control);
	return status;
}

void ph_control_start(struct ph_control *control)
{
	load_ask(control, "wiring", loaded_scopes);
	ph_control_renew_start(control);
}

static void stop_timers(struct ph_control *control)
{
	struct ph_edge *edge;

	ph_timer_stop(control->config.loop, &control->retry);
	ph_timer_stop(control->config.loop, &control->needing);
	ph_timer_stop(control->config.loop, &control->watching);
	ph_control_renew_stop(control);
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		ph_timer_stop(control->config.loop, &edge->timer);
	ph_manuals_stop(control);
	ph_pacts_stop(control);
	ph_decisions_stop(control);
}

void ph_control_quiesce(struct ph_control *control)
{
	control->quiet = true;
	stop_timers(control);
}

static void free_scopes(struct ph_control *control)
{
	struct ph_control_scope *scope;
	struct ph_control_scope *next;

	HASH_ITER(hh, control->scopes, scope, next)
	{
		HASH_DEL(control->scopes, scope);
		ph_part_free(scope->part);
		free(scope->bytes);
		free(scope);
	}
}

void ph_control_set_epoch(struct ph_control *control, uint64_t epoch)
{
	control->config.epoch = epoch;
	control->connectome.epoch = epoch;
}

void ph_control_destroy(struct ph_control *control)
{
	if (!control)
		return;
	ph_control_quiesce(control);
	ph_loop_cancel(control->config.loop, &control->beginning);
	while (control->works) {
		struct ph_control_work *work = control->works;

		ph_control_work_end(control, work);
		work->abandon(work);
	}
	ph_control_calls_fini(control);
	ph_manuals_fini(control);
	ph_marks_fini(control);
	ph_pacts_fini(control);
	ph_decisions_fini(control);
	ph_plans_fini(control);
	free_scopes(control);
	ph_connectome_fini(&control->connectome);
	ph_writer_free(control->writer);
	free(control);
}
