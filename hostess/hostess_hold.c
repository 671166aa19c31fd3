#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/hold.h"
#include "kernel/log.h"
#include "proto/secret.h"

/* Holds: walk-ins and phone calls, on one road. */

static void token_fresh(uint8_t out[PH_ATTACH_TOKEN])
{
	ph_random(out, PH_ATTACH_TOKEN);
}

static void hold_free(struct ph_hold *hold)
{
	for (unsigned i = 0; i < hold->far_count; i++)
		free(hold->far[i].item);
	free(hold->far);
	free(hold->peers);
	ph_wish_fini(&hold->wish);
	ph_wipe(hold->wish.token, sizeof(hold->wish.token));
	free(hold);
}

void ph_hold_let_go(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;

	if (hostess && (*hold->key || hold->stage != PH_HOLD_DONE))
		return;
	if (hold->flights)
		return;
	if (hostess)
		DL_DELETE(hostess->holds, hold);
	hold_free(hold);
}

/* The oldest that was answered makes room. */
static void forget_old(struct ph_hostess *hostess)
{
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_hold *at, *next;
	unsigned done = 0;

	DL_FOREACH(hostess->holds, at)
	done += at->stage == PH_HOLD_DONE;
	DL_FOREACH_SAFE(hostess->holds, at, next)
	{
		if (at->stage != PH_HOLD_DONE || at->flights)
			continue;
		if (done <= PH_HOLD_REMEMBERED &&
			now - at->done_at < PH_HOLD_MEMORY)
			continue;
		done--;
		DL_DELETE(hostess->holds, at);
		hold_free(at);
	}
}

static void hold_done(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;

	hold->stage = PH_HOLD_DONE;
	hold->done_at = ph_loop_now(hostess->loop);
	for (unsigned i = 0; i < hold->ticket_count; i++)
		ph_hold_answer(hold, hold->tickets[i]);
	hold->ticket_count = 0;
	ph_hold_let_go(hold);
	ph_hostess_menu_look(hostess);
}

static void hold_grant(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;
	int64_t now = ph_loop_now(hostess->loop);

	memset(&hold->error, 0, sizeof(hold->error));
	ph_wish_unlist(&hostess->wishes, &hold->wish);
	ph_wish_grant(&hostess->wishes, &hold->wish, now);
	ph_hostess_alarm(hostess, now + hold->wish.lasts);
	hold_done(hold);
}

static void hold_fail(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;
	int64_t now = ph_loop_now(hostess->loop);

	ph_hold_give_back(hold, 0);
	ph_wish_drop(&hostess->wishes, &hold->wish, now, "not all were free");
	hold_done(hold);
	ph_wishes_offer(&hostess->wishes, now, false);
}

static void holds_alarm(struct ph_hostess *hostess)
{
	int64_t due = INT64_MAX;
	struct ph_hold *hold;

	DL_FOREACH(hostess->holds, hold)
	{
		if (hold->stage != PH_HOLD_WAITING)
			continue;
		if (hold->wish.deadline < due)
			due = hold->wish.deadline;
		if (hold->again < due)
			due = hold->again;
	}
	if (due != INT64_MAX)
		ph_timer_start(hostess->loop, &hostess->hold_timer, due);
}

/* Not filled: it waits, or that was it. */
static void hold_unfilled(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_error full;

	ph_hold_give_back(hold, 0);
	if (hold->wish.deadline <= now) {
		hold_fail(hold);
		return;
	}
	if (!hold->wish.waits &&
		ph_wish_wait(&hostess->wishes, &hold->wish, &full) < 0) {
		hold->error = full;
		hold_fail(hold);
		return;
	}
	hold->stage = PH_HOLD_WAITING;
	hold->again =
		hold->roams || hold->outputs ? now + PH_HOLD_AGAIN : INT64_MAX;
	holds_alarm(hostess);
}

/* Others had some, and it does not suffice. */
static void tell_fewer(struct ph_hold *hold)
{
	unsigned have = hold->wish.got_count + hold->far_count;

	if (hold->far_count)
		ph_fail(&hold->error, PH_EXIT_CONFLICT, "mask",
			"wait (--wait 30s), or ask for fewer",
			"%u of %u are free, here and elsewhere", have,
			hold->wish.count);
}

void ph_hold_roamed(struct ph_hold *hold)
{
	/* Those here may have grown meanwhile. */
	if (hold->wish.got_count + hold->far_count > hold->wish.count)
		ph_hold_give_back(
			hold, hold->wish.count - hold->wish.got_count);
	if (!ph_hold_missing(hold) ||
		(hold->wish.some && hold->wish.got_count + hold->far_count))
		hold_grant(hold);
	else if (*hold->only)
		hold_fail(hold); /* the waiting was done there */
	else {
		tell_fewer(hold);
		hold_unfilled(hold);
	}
}

static void hold_try(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;
	int code = -1;

	if (!*hold->only)
		code = ph_wish_gather(&hostess->wishes, &hold->wish,
			ph_loop_now(hostess->loop), &hold->error);
	if (code == 0)
		hold_grant(hold);
	else if (hold->roams)
		ph_hold_roam(hold);
	else
		hold_unfilled(hold);
}

static void hold_looked(void *context, bool gone)
{
	struct ph_hold *hold = context;

	hold->flights--;
	if (gone || !hold->hostess)
		ph_hold_let_go(hold);
	else
		hold_try(hold);
}

static void hold_begin(struct ph_hold *hold)
{
	hold->flights++;
	if (hold->outputs &&
		ph_menu_look(&hold->hostess->menu, hold_looked, hold) == 0)
		return;
	hold->flights--;
	hold_try(hold);
}

static void wish_filled(void *context, struct ph_wish *wish)
{
	struct ph_hold *hold =
		(struct ph_hold *)((char *)wish -
				   offsetof(struct ph_hold, wish));

	/* What others hold for it meanwhile is not needed. */
	ph_hold_give_back(hold, 0);
	hold_grant(hold);
}

/* Outputs become free without our knowing. */
static void outputs_looked(void *context, bool gone)
{
	struct ph_hostess *hostess = context;

	if (!gone)
		ph_wishes_offer(
			&hostess->wishes, ph_loop_now(hostess->loop), true);
}

static void hold_overdue(struct ph_hold *hold)
{
	char why[160];

	snprintf(why, sizeof(why), "%.159s", hold->error.what);
	ph_fail(&hold->error, PH_EXIT_TIMEOUT, hold->error.where,
		"wait longer, or use what is free",
		"nothing became free in time: %s", why);
	hold_fail(hold);
}

/* The first with something to do; each is done with or put off. */
static struct ph_hold *hold_due(struct ph_hostess *hostess, int64_t now)
{
	struct ph_hold *hold;

	DL_FOREACH(hostess->holds, hold)
	if (hold->stage == PH_HOLD_WAITING &&
		(hold->wish.deadline <= now || hold->again <= now))
		return hold;
	return NULL;
}

static void holds_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, hold_timer));
	int64_t now = ph_loop_now(hostess->loop);
	bool outputs = false;
	struct ph_hold *hold;

	/* From the front each time: whoever is done may take others along. */
	while ((hold = hold_due(hostess, now))) {
		if (hold->wish.deadline <= now) {
			hold_overdue(hold);
			continue;
		}
		outputs |= hold->outputs;
		hold->again = now + PH_HOLD_AGAIN;
		if (hold->roams)
			ph_hold_roam(hold);
	}
	if (outputs)
		ph_menu_look(&hostess->menu, outputs_looked, hostess);
	holds_alarm(hostess);
}

static struct ph_hold *hold_find(struct ph_hostess *hostess, const char *key)
{
	struct ph_hold *hold;

	if (!*key)
		return NULL;
	DL_FOREACH(hostess->holds, hold)
	if (strcmp(hold->key, key) == 0)
		return hold;
	return NULL;
}

/* The same call id: the same answer, now or when there is one. */
static int hold_again(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error)
{
	if (hold->stage == PH_HOLD_DONE) {
		ph_hold_answer(hold, request->ticket);
		return 0;
	}
	if (hold->ticket_count == PH_HOLD_TICKETS)
		return ph_fail(error, PH_EXIT_CONFLICT, "call",
			"wait for the answer", "it was asked %u times already",
			PH_HOLD_TICKETS);
	hold->tickets[hold->ticket_count++] = request->ticket;
	return 0;
}

int ph_hostess_serve_hold(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_hold *hold = calloc(1, sizeof(*hold));
	struct ph_hold *same;

	if (!hold)
		return ph_fail(error, PH_EXIT_NEGATIVE, "hold", "free memory",
			"out of memory");
	hold->hostess = hostess;
	forget_old(hostess);
	if (ph_hold_read(hold, request, error) < 0) {
		hold_free(hold);
		return -1;
	}
	same = hold_find(hostess, hold->key);
	if (same) {
		hold_free(hold);
		return hold_again(same, request, error);
	}
	hold->tickets[hold->ticket_count++] = request->ticket;
	hold->outputs = !*hold->only &&
			ph_wish_asks_outputs(&hold->wish, &hostess->book);
	DL_APPEND(hostess->holds, hold);
	hold_begin(hold);
	return 0;
}

/* Nobody hears any more of what it waits for. */
static void hold_given_up(struct ph_hold *hold)
{
	ph_fail(&hold->error, PH_EXIT_CONFLICT, "call", "ask anew",
		"who asked gave it up");
	hold_fail(hold);
}

int ph_hostess_release_call(struct ph_hostess *hostess,
	struct ph_request *request, const char *call, struct ph_error *error)
{
	char key[sizeof(((struct ph_hold *)NULL)->key)];
	struct ph_hold *hold;

	snprintf(key, sizeof(key), "%s %.*s",
		ph_hostess_caller(hostess, request), (int)PH_HOLD_CALL, call);
	hold = hold_find(hostess, key);
	/* It never came, or was forgotten. */
	if (!hold)
		return ph_hostess_answer_nothing(hostess, request);
	if (hold->stage == PH_HOLD_WAITING)
		hold_given_up(hold);
	if (hold->stage != PH_HOLD_DONE)
		return ph_fail(error, PH_EXIT_CONFLICT, call,
			"try again in a moment",
			"that hold is not answered yet");
	ph_wish_drop(&hostess->wishes, &hold->wish, ph_loop_now(hostess->loop),
		"its answer was not heard");
	return ph_hostess_answer_nothing(hostess, request);
}

void ph_hostess_holds_init(struct ph_hostess *hostess)
{
	hostess->hold_timer.on_due = holds_due;
	hostess->wishes = (struct ph_wishes){
		.ledger = &hostess->ledger,
		.token = token_fresh,
		.filled = wish_filled,
		.context = hostess,
	};
}

void ph_hostess_holds_fini(struct ph_hostess *hostess)
{
	struct ph_hold *at, *next;

	ph_timer_stop(hostess->loop, &hostess->hold_timer);
	DL_FOREACH_SAFE(hostess->holds, at, next)
	{
		DL_DELETE(hostess->holds, at);
		at->hostess = NULL;
		ph_hold_let_go(at);
	}
}
