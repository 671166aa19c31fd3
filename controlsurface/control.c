#include "controlsurface/control.h"

#include "controlsurface/alarm_marks.h"
#include "controlsurface/decision.h"
#include "controlsurface/manual.h"
#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

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

/* --- life --- */

static void retry_due(struct ph_timer *timer)
{
	struct ph_control *control =
		PH_CONTAINER(timer, struct ph_control, retry);

	if (control->loaded)
		ph_control_start_missing(control);
	else
		ph_control_load(control);
}

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

bool ph_control_is_loaded(const struct ph_control *control)
{
	return control->loaded;
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
	ph_control_load(control);
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
	ph_control_lost_free(control);
	ph_connectome_fini(&control->connectome);
	ph_writer_free(control->writer);
	free(control);
}
