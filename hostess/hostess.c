#include "hostess/hostess.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess_inner.h"

void ph_hostess_alarm(struct ph_hostess *hostess, int64_t due)
{
	if (due == INT64_MAX)
		return;
	if (!hostess->timer.slot || due < hostess->timer.due)
		ph_timer_start(hostess->loop, &hostess->timer, due);
}

void ph_hostess_settle(struct ph_hostess *hostess)
{
	ph_wishes_offer(&hostess->wishes, ph_loop_now(hostess->loop), false);
	ph_hostess_menu_look(hostess);
}

static void hostess_on_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, timer));

	ph_hostess_alarm(hostess,
		ph_ledger_tick(&hostess->ledger, ph_loop_now(hostess->loop)));
	ph_hostess_settle(hostess);
}

struct ph_writer *ph_hostess_writer(struct ph_hostess *hostess)
{
	ph_writer_reset(hostess->writer);
	ph_write_map(hostess->writer);
	return hostess->writer;
}

int ph_hostess_answer(struct ph_hostess *hostess, struct ph_request *request)
{
	ph_write_end(hostess->writer);
	ph_answer_ok(hostess->door, request->ticket, hostess->writer);
	return 0;
}

int ph_hostess_answer_nothing(
	struct ph_hostess *hostess, struct ph_request *request)
{
	ph_answer_ok(hostess->door, request->ticket, NULL);
	return 0;
}

/* The peer that calls, or this node. */
const char *ph_hostess_caller(
	struct ph_hostess *hostess, const struct ph_request *request)
{
	const char *node = request->call->caller->node;

	return *node ? node : hostess->node;
}

static ph_hostess_serve_fn *const serves[PH_METHODS] = {
	[PH_HOSTESS_REGISTER] = ph_hostess_serve_register,
	[PH_HOSTESS_UNREGISTER] = ph_hostess_serve_unregister,
	[PH_HOSTESS_DRAIN] = ph_hostess_serve_drain,
	[PH_HOSTESS_STATE] = ph_hostess_serve_state,
	[PH_HOSTESS_GUESTS] = ph_hostess_serve_guests,
	[PH_HOSTESS_MENU] = ph_hostess_serve_guests,
	[PH_HOSTESS_NEWS] = ph_hostess_serve_news,
	[PH_HOSTESS_KNOWN] = ph_hostess_serve_known,
	[PH_HOSTESS_HOLD] = ph_hostess_serve_hold,
	[PH_HOSTESS_HELD] = ph_hostess_serve_held,
	[PH_HOSTESS_RENEW] = ph_hostess_serve_renew,
	[PH_HOSTESS_FIND] = ph_hostess_serve_find,
	[PH_HOSTESS_FILTER] = ph_hostess_serve_filter,
	[PH_HOSTESS_CHECK] = ph_hostess_serve_check,
	[PH_HOSTESS_RESERVE] = ph_hostess_serve_reserve,
	[PH_HOSTESS_RELEASE] = ph_hostess_serve_release,
	[PH_HOSTESS_ATTACH] = ph_hostess_serve_attach,
	[PH_HOSTESS_DETACH] = ph_hostess_serve_detach,
};

static void hostess_serve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_hostess *hostess = context;
	struct ph_request request;
	struct ph_error error;

	if (ph_request_open(&request, hostess->door, ticket, call))
		return;
	if (serves[call->method](hostess, &request, &error) < 0)
		ph_answer_error(hostess->door, ticket, &error);
	ph_request_close(&request);
	ph_hostess_settle(hostess);
}

int ph_hostess_create(
	struct ph_hostess **out, const struct ph_hostess_config *config)
{
	struct ph_hostess *hostess = calloc(1, sizeof(*hostess));
	int code = -ENOMEM;

	if (!hostess)
		return code;
	hostess->loop = config->loop;
	hostess->door = config->door;
	hostess->timer.on_due = hostess_on_due;
	snprintf(hostess->node, sizeof(hostess->node), "%s", config->node);
	ph_guestbook_init(&hostess->book);
	ph_ledger_init(
		&hostess->ledger, &hostess->book, hostess->node, config->epoch);
	hostess->ledger.changed = ph_hostess_on_change;
	hostess->ledger.changed_context = hostess;
	ph_hostess_holds_init(hostess);
	ph_hostess_known_init(hostess);
	hostess->menu = (struct ph_menu){
		.loop = config->loop,
		.door = config->door,
		.book = &hostess->book,
		.node = hostess->node,
	};
	code = ph_guestbook_set_caps(
		&hostess->book, config->caps, config->cap_count);
	ph_hostess_menu_init(hostess, config->epoch);
	if (code == 0)
		code = ph_writer_create(&hostess->writer);
	if (code == 0)
		code = ph_writer_create(&hostess->keeper);
	for (uint16_t i = 0; code == 0 && i < PH_METHODS; i++)
		if (serves[i])
			code = ph_door_serve(
				config->door, i, hostess_serve, hostess);
	if (code < 0) {
		ph_hostess_destroy(hostess);
		return code;
	}
	*out = hostess;
	return 0;
}

void ph_hostess_destroy(struct ph_hostess *hostess)
{
	if (!hostess)
		return;
	ph_timer_stop(hostess->loop, &hostess->timer);
	ph_hostess_holds_fini(hostess);
	ph_hostess_unheard_fini(hostess);
	ph_hostess_seats_fini(hostess);
	ph_hostess_known_fini(hostess);
	ph_hostess_menu_fini(hostess);
	ph_menu_fini(&hostess->menu);
	ph_ledger_fini(&hostess->ledger);
	ph_guestbook_fini(&hostess->book);
	ph_writer_free(hostess->writer);
	ph_writer_free(hostess->keeper);
	free(hostess);
}

void ph_hostess_set_epoch(struct ph_hostess *hostess, uint64_t epoch)
{
	hostess->ledger.epoch = epoch;
	hostess->offered.epoch = epoch;
}

void ph_hostess_set_evict(struct ph_hostess *hostess,
	void (*evict)(void *context, const char *connection), void *context)
{
	hostess->ledger.evict = evict;
	hostess->ledger.context = context;
}
