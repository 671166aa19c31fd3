#include "controlsurface/decision.h"
#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

#define STORE_CALL  (20 * PH_SECOND)
#define COMMIT_CALL (5 * PH_SECOND)
#define TELL_CALL   (2 * PH_SECOND)
#define AGAIN_FIRST (250 * PH_MILLISECOND)
#define AGAIN_MOST  (30 * PH_SECOND)

struct ph_decision *ph_decision_find(
	const struct ph_control *control, const char *id)
{
	struct ph_decision *decision;

	DL_FOREACH(control->decisions, decision)
	{
		if (!strcmp(decision->id, id))
			return decision;
	}
	return NULL;
}

bool ph_decision_is_made(const struct ph_control *control, const char *id)
{
	const struct ph_decision *decision = ph_decision_find(control, id);

	return decision && decision->durable;
}

bool ph_decision_is_pending(const struct ph_control *control, const char *id)
{
	const struct ph_decision *decision = ph_decision_find(control, id);

	return decision && !decision->durable;
}

unsigned ph_decision_missing(const struct ph_decision *decision)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < decision->node_count; i++)
		missing += !decision->nodes[i].has;
	return missing;
}

static void decision_free(struct ph_decision *decision)
{
	struct ph_control *control = decision->control;

	ph_timer_stop(control->config.loop, &decision->timer);
	DL_DELETE(control->decisions, decision);
	free(decision->nodes);
	free(decision);
}

void ph_decisions_stop(struct ph_control *control)
{
	struct ph_decision *decision;

	DL_FOREACH(control->decisions, decision)
	ph_timer_stop(control->config.loop, &decision->timer);
}

void ph_decisions_fini(struct ph_control *control)
{
	while (control->decisions)
		decision_free(control->decisions);
}

static void tell_owner(struct ph_decision *decision, int status)
{
	if (decision->told)
		decision->told(
			decision->control, decision->context, decision, status);
}

/* --- the disk --- */

static void store(
	struct ph_decision *decision, uint16_t method, ph_reply_fn *reply)
{
	struct ph_ask ask = {
		.method = method, .timeout = STORE_CALL, .reply = reply};

	snprintf(ask.id, sizeof(ask.id), "%s", decision->id);
	ph_control_ask(decision->control, &ask);
}

static struct ph_writer *write_key(struct ph_decision *decision)
{
	struct ph_writer *writer = ph_control_writer(decision->control);

	ph_write_map(writer);
	ph_put_text(writer, "space", "decisions");
	ph_put_text(writer, "key", decision->id);
	return writer;
}

/* --- everybody hears of it --- */

static void go_on(struct ph_decision *decision);

static void again(struct ph_decision *decision)
{
	int64_t wait = AGAIN_FIRST;

	for (unsigned i = 0; i < decision->rounds && wait < AGAIN_MOST; i++)
		wait *= 2;
	if (wait > AGAIN_MOST)
		wait = AGAIN_MOST;
	decision->rounds++;
	ph_timer_start(decision->control->config.loop, &decision->timer,
		ph_loop_now(decision->control->config.loop) + wait);
}

/* What its own side of the change says. Whatever is told on the way (no line,
 * no such node, too many calls) says nothing of it. */
static bool is_final(
	const struct ph_decision *decision, const struct ph_error *error)
{
	if (error->exit == PH_EXIT_CONFLICT)
		return !strcmp(error->where, decision->scope);
	return (error->exit == PH_EXIT_NOT_FOUND ||
		       error->exit == PH_EXIT_DENIED) &&
	       !strcmp(error->where, decision->id);
}

static void committed(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_decision *decision = ph_decision_find(control, ask->id);
	struct ph_decision_node *node;

	if (!decision || ask->number >= decision->node_count)
		return;
	node = &decision->nodes[ask->number];
	node->asked = false;
	node->has |= !reply->status;
	if (reply->status == PH_CALL_FAILED &&
		is_final(decision, &reply->error)) {
		/* A person decided otherwise there, or its disk was lost: to
		 * ask again changes nothing. */
		node->refusal = reply->error;
		node->has = true;
		ph_log_error("control",
			"decision.refused id=%s node=%s what=\"%s\"",
			decision->id, node->name, reply->error.what);
	}
	tell_owner(decision, 0);
	go_on(decision);
}

static void ask_commit(struct ph_decision *decision, unsigned number)
{
	struct ph_control *control = decision->control;
	struct ph_decision_node *node = &decision->nodes[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_CONTROL_COMMIT,
		.timeout = COMMIT_CALL,
		.reply = committed,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "scope", decision->scope);
	ph_put_text(writer, "transaction", decision->id);
	ph_write_end(writer);
	snprintf(ask.id, sizeof(ask.id), "%s", decision->id);
	if (strcmp(node->name, control->node) != 0)
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			node->name);
	node->asked = true;
	ph_control_ask(control, &ask);
}

static void ask_missing(struct ph_decision *decision)
{
	for (unsigned i = 0; i < decision->node_count; i++) {
		if (!decision->nodes[i].has && !decision->nodes[i].asked)
			ask_commit(decision, i);
	}
}

static void nobody_listens(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
}

static void tell_done(struct ph_decision *decision)
{
	struct ph_control *control = decision->control;

	for (unsigned i = 0; i < decision->node_count; i++) {
		struct ph_writer *writer = ph_control_writer(control);
		struct ph_ask ask = {
			.method = PH_CONTROL_DONE,
			.timeout = TELL_CALL,
			.reply = nobody_listens,
		};

		ph_write_map(writer);
		ph_put_text(writer, "transaction", decision->id);
		ph_write_end(writer);
		if (strcmp(decision->nodes[i].name, control->node) != 0)
			snprintf(ask.destination, sizeof(ask.destination), "%s",
				decision->nodes[i].name);
		ph_control_ask(control, &ask);
	}
}

static void closed(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_decision *decision = ph_decision_find(control, ask->id);

	if (!decision)
		return;
	decision->closing = false;
	if (reply->status && reply->error.exit != PH_EXIT_NOT_FOUND) {
		again(decision);
		return;
	}
	ph_log_info("control", "decision.closed id=%s scope=%s", decision->id,
		decision->scope);
	tell_done(decision);
	if (decision->ticket)
		ph_answer_ok(control->config.door, decision->ticket, NULL);
	decision_free(decision);
}

static void go_on(struct ph_decision *decision)
{
	bool waits = false;

	for (unsigned i = 0; i < decision->node_count; i++)
		waits |= decision->nodes[i].asked;
	if (waits || decision->closing || decision->unreadable ||
		decision->control->quiet)
		return;
	if (ph_decision_missing(decision)) {
		again(decision);
		return;
	}
	decision->closing = true;
	ph_write_end(write_key(decision));
	store(decision, PH_STORE_DELETE, closed);
}

static void undone(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_decision *decision = ph_decision_find(control, ask->id);

	if (!decision)
		return;
	if (reply->status && reply->error.exit != PH_EXIT_NOT_FOUND) {
		again(decision);
		return;
	}
	tell_owner(decision, -1);
	decision_free(decision);
}

static void undo(struct ph_decision *decision)
{
	decision->undoing = true;
	ph_write_end(write_key(decision));
	store(decision, PH_STORE_DELETE, undone);
}

static void decision_due(struct ph_timer *timer)
{
	struct ph_decision *decision =
		PH_CONTAINER(timer, struct ph_decision, timer);

	if (decision->undoing) {
		undo(decision);
		return;
	}
	ask_missing(decision);
	go_on(decision);
}

/* The disk may have taken it, or may yet. */
static bool is_maybe(const struct ph_reply *reply)
{
	return reply->error.exit == PH_EXIT_TIMEOUT ||
	       reply->error.exit == PH_EXIT_UNREACHABLE;
}

static void decided(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_decision *decision = ph_decision_find(control, ask->id);

	if (!decision)
		return;
	/* Nobody was told: it was never made. But when it may be on the disk
	 * all the same, it must not come back when others have given it up. */
	if (reply->status && is_maybe(reply)) {
		undo(decision);
		return;
	}
	if (reply->status) {
		tell_owner(decision, -1);
		decision_free(decision);
		return;
	}
	decision->durable = true;
	ph_log_info("control", "decision.made id=%s scope=%s nodes=%u by=%s",
		decision->id, decision->scope, decision->node_count,
		decision->by);
	tell_owner(decision, 0);
	ask_missing(decision);
	go_on(decision);
}

struct ph_decision *ph_decision_new(
	struct ph_control *control, const char *id, unsigned node_count)
{
	struct ph_decision *decision = calloc(1, sizeof(*decision));

	if (!decision)
		return NULL;
	decision->nodes =
		calloc(node_count ? node_count : 1, sizeof(*decision->nodes));
	if (!decision->nodes) {
		free(decision);
		return NULL;
	}
	decision->control = control;
	decision->node_count = node_count;
	decision->timer.on_due = decision_due;
	snprintf(decision->id, sizeof(decision->id), "%s", id);
	DL_APPEND(control->decisions, decision);
	return decision;
}

struct ph_decision *ph_decision_make(struct ph_control *control, const char *id,
	const char *scope, const char *by, const char (*nodes)[PH_NAME_MAX + 1],
	unsigned node_count, ph_decision_fn *told, void *context)
{
	struct ph_decision *decision = ph_decision_new(control, id, node_count);
	struct ph_writer *record;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (!decision)
		return NULL;
	snprintf(decision->scope, sizeof(decision->scope), "%s", scope);
	snprintf(decision->by, sizeof(decision->by), "%s", by);
	for (unsigned i = 0; i < node_count; i++)
		memcpy(decision->nodes[i].name, nodes[i], PH_NAME_MAX + 1);
	decision->told = told;
	decision->context = context;
	writer = write_key(decision);
	if (!ph_writer_create(&record)) {
		ph_decision_write_record(record, decision);
		if (!ph_writer_finish(record, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
	store(decision, PH_STORE_PUT, decided);
	return decision;
}

void ph_decision_let_go(struct ph_decision *decision, ph_handle ticket)
{
	decision->ticket = ticket;
	decision->unreadable = false;
	go_on(decision);
}

/* --- after a restart --- */

void ph_decisions_resume(struct ph_control *control)
{
	struct ph_decision *decision;
	struct ph_decision *next;

	DL_FOREACH_SAFE(control->decisions, decision, next)
	{
		ask_missing(decision);
		go_on(decision);
	}
}
