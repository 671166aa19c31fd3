#include "probe/session_inner.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

/* The connection to the beacon's primary port: proof, report, end. */

static void handshake_config(struct ph_probe_session *session,
	struct ph_probe_slot *slot, struct ph_handshake_config *config)
{
	const struct ph_instruct *instruct = session->config.instruct;
	const struct ph_probe_random *random = &session->config.random;

	memset(config, 0, sizeof(*config));
	config->role = PH_DIALLER;
	memcpy(config->name, instruct->name, sizeof(config->name));
	memcpy(config->mesh, instruct->mesh, sizeof(config->mesh));
	memcpy(config->key, instruct->key, PH_PUBLIC_KEY);
	memcpy(config->peer_key, instruct->peer, PH_PUBLIC_KEY);
	ph_probe_channel(config->exporter, session->config.key,
		instruct->session, slot->nonce, &slot->where);
	memcpy(config->transport, "probe", 6);
	memcpy(config->secret, session->config.secret, sizeof(config->secret));
	config->secrets = session->config.secrets;
	random->bytes(random->context, config->nonce, sizeof(config->nonce));
	random->scalar(random->context, config->scalar);
}

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
	struct ph_handshake_config config;
	uint8_t hello[PH_HANDSHAKE_MAX];
	size_t length = 0;
	int error;

	drop_others(session, slot);
	session->in_flight--;
	session->primary = (int)slot_number(session, slot);
	slot->state = SLOT_PRIMARY;
	slot->deadline = now + PH_PROBE_PROVE;
	session_enter(session, PH_PROBE_PROVING);
	handshake_config(session, slot, &config);
	error = ph_handshake_init(session->handshake, &config, hello, &length);
	ph_wipe(&config, sizeof(config));
	if (error)
		session_over(session, PH_PROBE_BAD_ORDER);
	else
		slot_say(session, slot, PH_PROBE_HANDSHAKE, hello, length);
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
	ph_probe_keys_proven(
		&session->keys, ph_handshake_root(session->handshake));
	ph_handshake_fini(session->handshake);
	session->proven = true;
	slot->said = 0;
	slot->heard = 0;
	slot->deadline = INT64_MAX;
	session_enter(session, PH_PROBE_SCAN);
	session_look(session);
}

static void on_handshake(struct ph_probe_session *session,
	struct ph_probe_slot *slot, const struct ph_probe_frame *frame)
{
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;
	enum ph_handshake_verdict verdict;

	if (session->phase != PH_PROBE_PROVING) {
		session->counters.ignored++;
		return;
	}
	verdict = ph_handshake_step(
		session->handshake, frame->body, frame->length, send, &length);
	if (length)
		slot_say(session, slot, PH_PROBE_HANDSHAKE, send, length);
	if (verdict == PH_HANDSHAKE_REFUSED ||
		(verdict == PH_HANDSHAKE_IN &&
			!ph_handshake_root(session->handshake))) {
		session->refused = true;
		ph_log_warn("probe", "refused because=\"%s\"",
			session->handshake->reason);
		session_over(session, PH_PROBE_NOT_PROVEN);
	} else if (verdict == PH_HANDSHAKE_IN) {
		proven(session, slot);
	}
}

static void on_terminate(
	struct ph_probe_session *session, const struct ph_probe_frame *frame)
{
	struct ph_terminate terminate;

	if (session->phase != PH_PROBE_WAIT ||
		ph_terminate_read(&terminate, frame->body, frame->length) ||
		memcmp(terminate.session, session->config.instruct->session,
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
		!(error = ph_probe_frame_read(
			  &frame, slot->in, slot->in_length))) {
		on_frame(session, slot, &frame);
		slot->in_length -= frame.size;
		memmove(slot->in, slot->in + frame.size, slot->in_length);
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
	const struct ph_probe_random *random = &session->config.random;
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
