#include "probe/session_inner.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

/* The connection to the beacon's primary port: proof, report, end. */

/* The others that are under way are not needed: their points come again. */
static void drop_others(
	struct ph_probe_session *session, const struct ph_probe_slot *slot)
{
	for (unsigned i = 0; i < session->slot_count; i++) {
		struct ph_probe_slot *other = &session->slots[i];

		if (other != slot && other->state != SLOT_FREE &&
			other->state != SLOT_CLOSE)
			slot_close(session, other);
	}
}

void primary_begin(struct ph_probe_session *session, struct ph_probe_slot *slot,
	int64_t now)
{
	drop_others(session, slot);
	session->in_flight--;
	session->primary = (int)slot_number(session, slot);
	slot->state = SLOT_PRIMARY;
	slot->deadline = now + PH_PROBE_PROVE;
	session_enter(session, PH_PROBE_PROVING);
	if (ph_probe_prove(&session->end, &slot->talk))
		session_over(session, PH_PROBE_BAD_ORDER);
}

void primary_lost(struct ph_probe_session *session)
{
	if (session->phase == PH_PROBE_PROVING) {
		session_enter(session, PH_PROBE_SEARCH);
		session_look(session);
	} else if (session->phase == PH_PROBE_REPORTING ||
		   session->phase == PH_PROBE_WAIT) {
		session_over(session, PH_PROBE_DEADLINE);
	}
}

static void proven(struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	slot->deadline = INT64_MAX;
	session_enter(session, PH_PROBE_SCAN);
	session_look(session);
}

static void on_handshake(struct ph_probe_session *session,
	struct ph_probe_slot *slot, const struct ph_probe_frame *frame)
{
	int step;

	if (session->phase != PH_PROBE_PROVING) {
		session->counters.ignored++;
		return;
	}
	step = ph_probe_prove_step(&session->end, &slot->talk, frame);
	if (step < 0) {
		session->refused = true;
		ph_log_warn("probe", "refused because=\"%s\"",
			session->end.handshake->reason);
		session_over(session, PH_PROBE_NOT_PROVEN);
	} else if (step > 0) {
		proven(session, slot);
	}
}

static void on_terminate(
	struct ph_probe_session *session, const struct ph_probe_frame *frame)
{
	struct ph_terminate terminate;

	if (session->phase != PH_PROBE_WAIT ||
		ph_terminate_read(&terminate, frame->body, frame->length) ||
		memcmp(terminate.session, session->end.config.instruct->session,
			PH_PROBE_SESSION) != 0 ||
		!ph_secret_equal(
			terminate.nonce, session->terminate, PH_PROBE_NONCE)) {
		session->counters.ignored++;
		return;
	}
	session_over(session, PH_PROBE_TERMINATED);
}

static void on_frame(struct ph_probe_session *session,
	struct ph_probe_slot *slot, const struct ph_probe_frame *frame)
{
	if (!slot_heard(session, slot, frame))
		return;
	if (frame->type == PH_PROBE_HANDSHAKE)
		on_handshake(session, slot, frame);
	else if (frame->type == PH_PROBE_TERMINATE)
		on_terminate(session, frame);
	else
		session->counters.ignored++;
}

void primary_received(
	struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	struct ph_probe_frame frame;
	int error = 0;

	while (slot->state == SLOT_PRIMARY &&
		!(error = ph_probe_talk_frame(&slot->talk, &frame))) {
		on_frame(session, slot, &frame);
		ph_probe_talk_drop(&slot->talk, &frame);
	}
	if (slot->state == SLOT_PRIMARY && error == -EBADMSG) {
		session->counters.ignored++;
		slot_close(session, slot);
		primary_lost(session);
	}
}

static void complete(
	struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	const struct ph_probe_random *random = &session->end.config.random;
	struct ph_complete complete;
	uint8_t body[PH_COMPLETE];

	random->bytes(random->context, session->terminate, PH_PROBE_NONCE);
	memcpy(complete.counts, session->matrix.counts,
		sizeof(complete.counts));
	memcpy(complete.nonce, session->terminate, PH_PROBE_NONCE);
	ph_probe_matrix_digest(&session->matrix, complete.digest);
	slot_say(session, slot, PH_PROBE_COMPLETE, body,
		ph_complete_write(&complete, body));
	session_enter(session, PH_PROBE_WAIT);
}

bool primary_report(struct ph_probe_session *session)
{
	struct ph_probe_slot *slot = &session->slots[session->primary];
	uint8_t body[PH_PROBE_BODY];
	size_t length = ph_probe_matrix_part(
		&session->matrix, &session->reported, body);

	if (length)
		slot_say(session, slot, PH_PROBE_REPORT, body, length);
	else
		complete(session, slot);
	return true;
}
