#include "probe/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "probe/session_inner.h"
#include "proto/secret.h"

/* How many connects may be made up for after a late turn. */
#define CREDIT 3

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

	memset(session, 0, sizeof(*session));
	session->config = *config;
	session->primary = -1;
	session->room = true;
	session->next_start = now;
	session->deadline = now + (int64_t)instruct->deadline_ms * 1000000;
	session->slot_count = instruct->in_flight + 1u;
	if (session->slot_count > PH_PROBE_SLOTS || config->secrets > 2 ||
		!config->secrets)
		return -EINVAL;
	ph_probe_keys_first(&session->keys, config->key);
	session->slots = calloc(session->slot_count, sizeof(*session->slots));
	session->handshake = ph_secret_alloc(sizeof(*session->handshake));
	if (!session->slots || !session->handshake ||
		ph_probe_plan_init(&session->plan, instruct, skip, session)) {
		ph_probe_session_fini(session);
		return -ENOMEM;
	}
	memset(session->handshake, 0, sizeof(*session->handshake));
	return 0;
}

void ph_probe_session_fini(struct ph_probe_session *session)
{
	if (session->handshake)
		ph_handshake_fini(session->handshake);
	ph_secret_free(session->handshake);
	session->handshake = NULL;
	ph_probe_plan_fini(&session->plan);
	ph_probe_matrix_fini(&session->matrix);
	free(session->slots);
	session->slots = NULL;
	ph_wipe(&session->keys, sizeof(session->keys));
	ph_wipe(&session->config, sizeof(session->config));
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
	struct ph_probe_claim claim = {session->config.instruct->session,
		slot->nonce, &slot->where, slot->said++, (uint8_t)type};
	uint8_t *out = slot->out + slot->out_length;

	if (slot->out_length + PH_PROBE_HEADER + length + PH_PROBE_MAC >
		sizeof(slot->out)) {
		slot_close(session, slot);
		return;
	}
	ph_probe_frame_header(out, (uint8_t)type, length);
	memcpy(out + PH_PROBE_HEADER, body, length);
	ph_probe_mac(out + PH_PROBE_HEADER + length, session->keys.probe,
		&claim, body, length);
	slot->out_length += PH_PROBE_HEADER + length + PH_PROBE_MAC;
}

bool slot_heard(struct ph_probe_session *session, struct ph_probe_slot *slot,
	const struct ph_probe_frame *frame)
{
	struct ph_probe_claim claim = {session->config.instruct->session,
		slot->nonce, &slot->where, slot->heard, frame->type};

	if (!ph_probe_mac_check(frame->mac, session->keys.beacon, &claim,
		    frame->body, frame->length)) {
		session->counters.forged++;
		return false;
	}
	slot->heard++;
	return true;
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
		!ph_point_same(&slot->where, &slot->point))
		row.met = slot->where.port;
	row_add(session, &row);
	if (!slot->secure)
		ph_probe_plan_done(&session->plan, slot->index);
	session_look(session);
}

/* What is to be done. */

static struct ph_probe_slot *slot_free(struct ph_probe_session *session)
{
	for (unsigned i = 0; i < session->slot_count; i++)
		if (session->slots[i].state == SLOT_FREE)
			return &session->slots[i];
	return NULL;
}

static bool may_start(const struct ph_probe_session *session)
{
	if (session->in_flight >= session->config.instruct->in_flight)
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
	int64_t step = 1000000000 / session->config.instruct->rate;

	if (session->next_start < now - CREDIT * step)
		session->next_start = now - CREDIT * step;
	session->next_start += step;
}

static void slot_start(struct ph_probe_session *session,
	struct ph_probe_slot *slot, uint32_t index, int64_t now)
{
	const struct ph_instruct *instruct = session->config.instruct;
	int64_t patience = (int64_t)instruct->timeout_ms * 1000000;

	memset(slot, 0, offsetof(struct ph_probe_slot, in));
	slot->in_length = 0;
	slot->out_length = 0;
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
	*action = (struct ph_probe_action){.slot = slot_number(session, slot),
		.data = slot->out,
		.length = slot->out_length};
	if (slot->state == SLOT_FREE)
		return false;
	if (slot->out_length) {
		action->step = PH_PROBE_SEND;
		slot->out_length = 0;
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
		session->config.instruct->timeout_ms * INT64_C(1000000);

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
		size_t room = sizeof(slot->in) - slot->in_length;
		size_t take = length < room ? length : room;

		memcpy(slot->in + slot->in_length, data, take);
		slot->in_length += take;
		data += take;
		length -= take;
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
