#include "controlsurface/control_inner.h"

#include "controlsurface/alarm_marks.h"
#include "controlsurface/decision.h"
#include "controlsurface/manual.h"
#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/* What was applied before, read back, one space of the store after the other.
 */
#define LOAD_CALL  (20 * PH_SECOND)
#define LOAD_AGAIN PH_SECOND

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

static void load_again(struct ph_control *control)
{
	if (!control->quiet)
		ph_timer_start(control->config.loop, &control->retry,
			ph_loop_now(control->config.loop) + LOAD_AGAIN);
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
	load_again(control);
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
		ph_control_lost_add(control, key);
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
		ph_control_lost_add(control, key);
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
				 "out of memory")
		       : 0;
}

static int load_decision(struct ph_control *control, const char *key,
	const uint8_t *data, size_t length, struct ph_error *error)
{
	return ph_decision_restore(control, key, data, length)
		       ? ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				 "out of memory")
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
	if (load_each(control, "decision", ph_value_get(reply->body, "items"),
		    load_decision))
		load_again(control);
	else
		load_ask(control, "overrides", loaded_manuals);
}

static void loaded_pacts(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "transactions", reply))
		return;
	/* A word that was given is not forgotten for want of memory. */
	if (load_each(control, "transaction",
		    ph_value_get(reply->body, "items"), load_pact))
		load_again(control);
	else
		load_ask(control, "decisions", loaded_decisions);
}

static void loaded_scopes(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	if (load_failed(control, "wiring", reply))
		return;
	load_each(control, "scope", ph_value_get(reply->body, "items"),
		load_scope);
	load_ask(control, "transactions", loaded_pacts);
}

void ph_control_load(struct ph_control *control)
{
	load_ask(control, "wiring", loaded_scopes);
}
