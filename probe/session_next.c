#include <stddef.h>
#include <string.h>

#include "probe/session_inner.h"

/* What a probe's session wants done, and when: connects at its rate, what its
 * slots have to say, its end. */

/* How many connects may be made up for after a late turn. */
#define CREDIT 3

static struct ph_probe_slot *slot_free(struct ph_probe_session *session)
{
	for (unsigned i = 0; i < session->slot_count; i++)
		if (session->slots[i].state == SLOT_FREE)
			return &session->slots[i];
	return NULL;
}

static bool may_start(const struct ph_probe_session *session)
{
	if (session->in_flight >= session->end.config.instruct->in_flight)
		return false;
	if (session->phase == PH_PROBE_SEARCH)
		return session->plan.search < session->plan.count;
	return session->phase == PH_PROBE_SCAN &&
	       (session->plan.next < session->plan.count ||
		       session->plan.repeats);
}

/* Connects stand on a grid of the rate; a late turn makes up for few. */
static void pace(struct ph_probe_session *session, int64_t now)
{
	int64_t step = 1000000000 / session->end.config.instruct->rate;

	if (session->next_start < now - CREDIT * step)
		session->next_start = now - CREDIT * step;
	session->next_start += step;
}

static void slot_start(struct ph_probe_session *session,
	struct ph_probe_slot *slot, uint32_t index, int64_t now)
{
	const struct ph_instruct *instruct = session->end.config.instruct;
	int64_t patience = (int64_t)instruct->timeout_ms * 1000000;

	memset(slot, 0, offsetof(struct ph_probe_slot, talk));
	ph_probe_talk_init(&slot->talk);
	slot->state = SLOT_CONNECTING;
	slot->index = index;
	slot->search = session->phase == PH_PROBE_SEARCH;
	slot->second = !slot->search &&
		       session->plan.next >= session->plan.count &&
		       session->plan.again > index;
	if (slot->second && patience < PH_PROBE_PATIENCE)
		patience = PH_PROBE_PATIENCE;
	slot->started = now;
	slot->deadline = now + patience;
	ph_probe_plan_at(&session->plan, index, &slot->point);
	session->in_flight++;
	session->counters.connects++;
	pace(session, now);
}

static bool next_connect(struct ph_probe_session *session, int64_t now,
	struct ph_probe_action *action)
{
	struct ph_probe_slot *slot;
	int64_t index;

	if (now < session->next_start || !may_start(session))
		return false;
	slot = slot_free(session);
	if (!slot)
		return false;
	index = session->phase == PH_PROBE_SEARCH
			? ph_probe_plan_search(&session->plan)
			: ph_probe_plan_next(&session->plan);
	if (index < 0) {
		session_look(session);
		return false;
	}
	slot_start(session, slot, (uint32_t)index, now);
	*action = (struct ph_probe_action){.step = PH_PROBE_CONNECT,
		.slot = slot_number(session, slot),
		.point = slot->point};
	return true;
}

/* What a slot says goes out before it is closed. */
static bool next_of_slot(struct ph_probe_session *session,
	struct ph_probe_slot *slot, struct ph_probe_action *action)
{
	*action = (struct ph_probe_action){.slot = slot_number(session, slot)};
	if (slot->state == SLOT_FREE)
		return false;
	if (ph_probe_talk_next(&slot->talk, &action->data, &action->length)) {
		action->step = PH_PROBE_SEND;
		return true;
	}
	if (slot->state == SLOT_SECURE) {
		action->step = PH_PROBE_SECURE;
		slot->state = SLOT_SECURING;
		return true;
	}
	if (slot->state != SLOT_CLOSE)
		return false;
	action->step = PH_PROBE_CLOSE;
	slot->state = SLOT_FREE;
	return true;
}

static bool next_exit(
	struct ph_probe_session *session, struct ph_probe_action *action)
{
	if (session->phase != PH_PROBE_DONE || session->exit_told)
		return false;
	session->exit_told = true;
	*action = (struct ph_probe_action){
		.step = PH_PROBE_EXIT, .exit = session->exit};
	return true;
}

bool ph_probe_session_next(struct ph_probe_session *session, int64_t now,
	struct ph_probe_action *action)
{
	for (unsigned i = 0; i < session->slot_count; i++)
		if (next_of_slot(session, &session->slots[i], action))
			return true;
	if (session->phase == PH_PROBE_REPORTING && session->room &&
		primary_report(session))
		return next_of_slot(
			session, &session->slots[session->primary], action);
	return next_connect(session, now, action) || next_exit(session, action);
}

int64_t ph_probe_session_due(const struct ph_probe_session *session)
{
	int64_t due = session->deadline;

	if (session->phase == PH_PROBE_DONE)
		return INT64_MAX;
	if (may_start(session) && session->next_start < due)
		due = session->next_start;
	for (unsigned i = 0; i < session->slot_count; i++) {
		const struct ph_probe_slot *slot = &session->slots[i];

		if (slot->state != SLOT_FREE && slot->deadline < due)
			due = slot->deadline;
	}
	return due;
}
