#include "controlsurface/control_inner.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/*
 * `needs` of a server on another host: its node is asked, again and again,
 * until the server runs there (or has done its work); then whoever waits for it
 * here starts. Asked as long as somebody waits, less often the longer it takes.
 */
#define ASK_FIRST (100 * PH_MILLISECOND)
#define ASK_MOST  (2 * PH_SECOND)
#define ASK_CALL  (2 * PH_SECOND)

static bool is_there(struct ph_value items, const char *scope)
{
	struct ph_value item = ph_value_at(items, 0);
	struct ph_value state = ph_value_get(item, "state");

	return ph_value_is(ph_value_get(item, "scope"), scope) &&
	       (ph_value_is(state, "running") ||
		       ph_value_is(state, "finished"));
}

/* Of the round in which it was asked. */
static struct ph_part_far *far_of(
	const struct ph_control_scope *scope, unsigned number)
{
	for (unsigned i = 0; i < scope->part->server_count; i++) {
		struct ph_part_server *server = &scope->part->servers[i];

		if (number < server->far_count)
			return &server->fars[number];
		number -= server->far_count;
	}
	return NULL;
}

static void far_answered(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_control_scope *scope = ph_control_scope(control, ask->id);
	struct ph_part_far *far;

	if (!scope || !scope->part || scope->round != ask->attempt)
		return;
	far = far_of(scope, ask->number);
	if (!far || reply->status ||
		!is_there(ph_value_get(reply->body, "items"), scope->name))
		return;
	far->there = true;
	ph_log_info("control", "need.met scope=%s server=%s/%s", scope->name,
		far->node, far->server);
	ph_control_start_free(control, scope);
}

static void far_ask(struct ph_control *control,
	const struct ph_control_scope *scope, const struct ph_part_far *far,
	unsigned number)
{
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_EXECUTOR_LIST,
		.timeout = ASK_CALL,
		.reply = far_answered,
		.attempt = scope->round,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "server", far->server);
	ph_write_end(writer);
	snprintf(ask.id, sizeof(ask.id), "%s", scope->name);
	snprintf(ask.destination, sizeof(ask.destination), "%s", far->node);
	ph_control_ask(control, &ask);
}

/* True: somebody waits. */
static bool scope_asks(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	unsigned number = 0;
	bool waits = false;

	for (unsigned i = 0; i < scope->part->server_count; i++) {
		const struct ph_part_server *server = &scope->part->servers[i];

		for (unsigned k = 0; k < server->far_count; k++, number++) {
			if (server->asked || server->fars[k].there)
				continue;
			far_ask(control, scope, &server->fars[k], number);
			waits = true;
		}
	}
	return waits;
}

static void ask_due(struct ph_timer *timer)
{
	struct ph_control *control =
		PH_CONTAINER(timer, struct ph_control, needing);
	const struct ph_control_scope *scope;
	bool waits = false;

	for (scope = control->scopes; scope; scope = scope->hh.next)
		if (scope->part)
			waits |= scope_asks(control, scope);
	if (!waits || control->quiet)
		return;
	control->need_pause *= 2;
	if (control->need_pause > ASK_MOST)
		control->need_pause = ASK_MOST;
	ph_timer_start(control->config.loop, timer,
		ph_loop_now(control->config.loop) + control->need_pause);
}

void ph_control_needs_start(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	bool any = false;

	for (unsigned i = 0; i < scope->part->server_count; i++)
		any |= scope->part->servers[i].far_count != 0;
	if (!any || control->quiet)
		return;
	control->needing.on_due = ask_due;
	control->need_pause = ASK_FIRST;
	ph_timer_start(control->config.loop, &control->needing,
		ph_loop_now(control->config.loop) + ASK_FIRST);
}
