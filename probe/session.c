#include "probe/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "probe/session_inner.h"

static const char *const phase_names[] = {
	[PH_PROBE_SEARCH] = "search",
	[PH_PROBE_PROVING] = "prove",
	[PH_PROBE_SCAN] = "scan",
	[PH_PROBE_REPORTING] = "report",
	[PH_PROBE_WAIT] = "wait",
	[PH_PROBE_DONE] = "over",
};

void session_enter(struct ph_probe_session *session, enum ph_probe_phase phase)
{
	if (phase == session->phase)
		return;
	ph_log_debug("probe", "session.state from=%s to=%s",
		phase_names[session->phase], phase_names[phase]);
	session->phase = phase;
}

static void row_add(
	struct ph_probe_session *session, const struct ph_probe_row *row)
{
	if (ph_probe_matrix_add(&session->matrix, row))
		session_over(session, PH_PROBE_DEADLINE);
}

static void skip(void *context, uint32_t index)
{
	struct ph_probe_session *session = context;
	struct ph_probe_row row = {
		.transport = PH_REACH_TCP, .verdict = PH_VERDICT_SKIPPED};

	ph_probe_plan_at(&session->plan, index, &row.point);
	row_add(session, &row);
}

static void skip_rest(struct ph_probe_session *session)
{
	for (uint32_t i = 0; i < session->plan.count; i++) {
		if (session->plan.state[i] == PH_PLAN_DONE ||
			session->plan.state[i] == PH_PLAN_KNOWN)
			continue;
		ph_probe_plan_done(&session->plan, i);
		skip(session, i);
	}
}

void session_over(struct ph_probe_session *session, int exit)
{
	if (session->phase == PH_PROBE_DONE)
		return;
	session_enter(session, PH_PROBE_DONE);
	session->exit = exit;
	for (unsigned i = 0; i < session->slot_count; i++)
		if (session->slots[i].state != SLOT_FREE)
			slot_close(session, &session->slots[i]);
	skip_rest(session);
}

void session_look(struct ph_probe_session *session)
{
	if (session->phase == PH_PROBE_SEARCH && session->in_flight == 0 &&
		session->plan.search == session->plan.count)
		session_enter(session, PH_PROBE_SCAN);
	if (session->phase != PH_PROBE_SCAN || session->in_flight ||
		!ph_probe_plan_is_over(&session->plan))
		return;
	if (session->primary < 0)
		session_over(session, PH_PROBE_DEADLINE);
	else
		session_enter(session, PH_PROBE_REPORTING);
}

int ph_probe_session_init(struct ph_probe_session *session,
	const struct ph_probe_config *config, int64_t now)
{
	const struct ph_instruct *instruct = config->instruct;
	int error;

	memset(session, 0, sizeof(*session));
	session->primary = -1;
	session->room = true;
	session->next_start = now;
	session->deadline = now + (int64_t)instruct->deadline_ms * 1000000;
	session->slot_count = instruct->in_flight + 1u;
	error = session->slot_count > PH_PROBE_SLOTS
			? -EINVAL
			: ph_probe_end_init(&session->end, config, PH_DIALLER);
	if (!error) {
		session->slots =
			calloc(session->slot_count, sizeof(*session->slots));
		error = session->slots ? ph_probe_plan_init(&session->plan,
						 instruct, skip, session)
				       : -ENOMEM;
	}
	if (error)
		ph_probe_session_fini(session);
	return error;
}

void ph_probe_session_fini(struct ph_probe_session *session)
{
	ph_probe_end_fini(&session->end);
	ph_probe_plan_fini(&session->plan);
	ph_probe_matrix_fini(&session->matrix);
	free(session->slots);
	session->slots = NULL;
}

/* Slots. */

unsigned slot_number(const struct ph_probe_session *session,
	const struct ph_probe_slot *slot)
{
	return (unsigned)(slot - session->slots);
}

static bool is_primary(const struct ph_probe_session *session,
	const struct ph_probe_slot *slot)
{
	return session->primary >= 0 &&
	       (unsigned)session->primary == slot_number(session, slot);
}

static void slot_forget(
	struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	if (is_primary(session, slot))
		session->primary = -1;
	else if (slot->state != SLOT_CLOSE && slot->state != SLOT_FREE)
		session->in_flight--;
}

void slot_close(struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	slot_forget(session, slot);
	slot->state = SLOT_CLOSE;
}

void slot_say(struct ph_probe_session *session, struct ph_probe_slot *slot,
	enum ph_probe_type type, const uint8_t *body, size_t length)
{
	if (ph_probe_say(&session->end, &slot->talk, type, body, length))
		slot_close(session, slot);
}

bool slot_heard(struct ph_probe_session *session, struct ph_probe_slot *slot,
	const struct ph_probe_frame *frame)
{
	if (ph_probe_heard(&session->end, &slot->talk, frame))
		return true;
	session->counters.forged++;
	return false;
}

void slot_verdict(struct ph_probe_session *session, struct ph_probe_slot *slot,
	enum ph_verdict verdict, int error)
{
	struct ph_probe_row row = {.point = slot->point,
		.transport = slot->secure ? PH_REACH_TLS : PH_REACH_TCP,
		.verdict = (uint8_t)verdict,
		.error = (uint16_t)error,
		.rtt_us = slot->rtt_us};

	slot_close(session, slot);
	if (slot->search) {
		session_look(session);
		return;
	}
	if (verdict == PH_VERDICT_TIMEOUT && !slot->secure &&
		ph_probe_plan_repeat(&session->plan, slot->index, slot->second))
		return;
	session->counters.strangers += verdict == PH_VERDICT_OPEN_FOREIGN;
	if (verdict == PH_VERDICT_OPEN_VERIFIED &&
		!ph_point_same(&slot->talk.where, &slot->point))
		row.met = slot->talk.where.port;
	row_add(session, &row);
	if (!slot->secure)
		ph_probe_plan_done(&session->plan, slot->index);
	session_look(session);
}

/* Events. */

static void slot_expired(
	struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	enum slot_state state = slot->state;

	if (is_primary(session, slot)) {
		slot_close(session, slot);
		primary_lost(session);
		return;
	}
	if (state == SLOT_CONNECTING || state == SLOT_SECURING)
		slot_verdict(session, slot, PH_VERDICT_TIMEOUT, ETIMEDOUT);
	else
		slot_verdict(session, slot, PH_VERDICT_OPEN_FOREIGN, 0);
}

void ph_probe_session_tick(struct ph_probe_session *session, int64_t now)
{
	if (session->phase == PH_PROBE_DONE)
		return;
	if (now >= session->deadline) {
		session_over(session, PH_PROBE_DEADLINE);
		return;
	}
	for (unsigned i = 0; i < session->slot_count; i++) {
		struct ph_probe_slot *slot = &session->slots[i];

		if (slot->state != SLOT_FREE && slot->state != SLOT_CLOSE &&
			now >= slot->deadline)
			slot_expired(session, slot);
	}
	session_look(session);
}

void ph_probe_session_connected(
	struct ph_probe_session *session, unsigned number, int64_t now)
{
	struct ph_probe_slot *slot = &session->slots[number];
	int64_t took = now - slot->started;
	int64_t patience =
		session->end.config.instruct->timeout_ms * INT64_C(1000000);

	if (slot->state != SLOT_CONNECTING)
		return;
	slot->state = SLOT_GREETING;
	slot->rtt_us = (uint32_t)(took / 1000 > 0 ? took / 1000 : 1);
	if (ph_probe_plan_expects(&session->plan, slot->index) &&
		patience < PH_PROBE_PATIENCE)
		patience = PH_PROBE_PATIENCE;
	slot->deadline = now + patience;
}

void ph_probe_session_closed(struct ph_probe_session *session, unsigned number,
	int error, int64_t now)
{
	struct ph_probe_slot *slot = &session->slots[number];
	enum slot_state state = slot->state;

	(void)now;
	if (state == SLOT_FREE || state == SLOT_CLOSE)
		return;
	if (is_primary(session, slot)) {
		slot_close(session, slot);
		primary_lost(session);
	} else if (state == SLOT_CONNECTING) {
		slot_verdict(session, slot, ph_verdict_of_errno(error), error);
	} else {
		slot_verdict(session, slot, PH_VERDICT_OPEN_FOREIGN, error);
	}
	slot->state = SLOT_FREE; /* it is closed already */
}

void ph_probe_session_received(struct ph_probe_session *session,
	unsigned number, const uint8_t *data, size_t length, int64_t now)
{
	struct ph_probe_slot *slot = &session->slots[number];

	while (length && slot->state != SLOT_FREE &&
		slot->state != SLOT_CLOSE) {
		size_t took = ph_probe_talk_take(&slot->talk, data, length);

		data += took;
		length -= took;
		if (slot->state == SLOT_PRIMARY)
			primary_received(session, slot);
		else
			talk_received(session, slot, now);
	}
}

void ph_probe_session_blocked(struct ph_probe_session *session)
{
	session->room = false;
}

void ph_probe_session_writable(struct ph_probe_session *session)
{
	session->room = true;
}

struct ph_progress ph_probe_session_progress(
	const struct ph_probe_session *session)
{
	return (struct ph_progress){session->plan.done, session->plan.count};
}
