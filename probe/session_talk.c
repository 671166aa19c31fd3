#include "probe/session_inner.h"

#include <errno.h>
#include <string.h>

/*
 * A connection that is no primary: the beacon greets, and is answered if the
 * greeting is sealed with the key that counts now. Whoever says anything else
 * is a stranger.
 */

static bool greets_as(struct ph_probe_session *session,
	struct ph_probe_slot *slot, const uint8_t *mac,
	const struct ph_point *where)
{
	struct ph_probe_claim claim = {session->end.config.instruct->session,
		slot->talk.nonce, where, 0, PH_PROBE_GREETING};

	if (!ph_probe_mac_check(mac, session->end.keys.beacon, &claim, NULL, 0))
		return false;
	slot->talk.where = *where;
	return true;
}

/* Where it says it is may be another place than the one that was dialled, but
 * only beyond a NAT, and only one that it has told. */
static bool greeting_is_right(
	struct ph_probe_session *session, struct ph_probe_slot *slot)
{
	const struct ph_instruct *instruct = session->end.config.instruct;
	struct ph_point where;
	const uint8_t *nonce;
	const uint8_t *mac;

	if (ph_banner_read(slot->talk.in, &nonce, &mac))
		return false;
	memcpy(slot->talk.nonce, nonce, PH_PROBE_NONCE);
	if (greets_as(session, slot, mac, &slot->point))
		return true;
	for (uint32_t i = 0; instruct->mapped && i < instruct->bound.count;
		i++) {
		ph_point_at(&instruct->bound, i, &where);
		if (greets_as(session, slot, mac, &where))
			return true;
	}
	session->counters.forged++;
	return false;
}

static void challenge(struct ph_probe_session *session,
	struct ph_probe_slot *slot, int64_t now)
{
	struct ph_challenge said = {.dialled = slot->point,
		.secure = session->end.config.instruct->secure};
	const struct ph_probe_random *random = &session->end.config.random;
	uint8_t body[PH_CHALLENGE];

	random->bytes(random->context, slot->challenge, PH_PROBE_NONCE);
	memcpy(said.session, session->end.config.instruct->session,
		PH_PROBE_SESSION);
	memcpy(said.nonce, slot->challenge, PH_PROBE_NONCE);
	slot->state = SLOT_CHALLENGED;
	slot->deadline = now + PH_PROBE_PATIENCE;
	slot_say(session, slot, PH_PROBE_CHALLENGE, body,
		ph_challenge_write(&said, body));
}

static void on_greeting(struct ph_probe_session *session,
	struct ph_probe_slot *slot, int64_t now)
{
	if (slot->talk.in_length < PH_PROBE_BANNER &&
		ph_banner_begins(slot->talk.in, slot->talk.in_length))
		return;
	if (slot->talk.in_length != PH_PROBE_BANNER ||
		(!slot->search && !session->end.proven) ||
		!greeting_is_right(session, slot)) {
		slot_verdict(session, slot, PH_VERDICT_OPEN_FOREIGN, 0);
		return;
	}
	slot->talk.in_length = 0;
	if (slot->search)
		primary_begin(session, slot, now);
	else
		challenge(session, slot, now);
}

/* The row of TCP stands; TLS on the same connection gets one of its own. */
static void go_secure(struct ph_probe_session *session,
	struct ph_probe_slot *slot, int64_t now)
{
	struct ph_probe_row row = {.point = slot->point,
		.transport = PH_REACH_TCP,
		.verdict = PH_VERDICT_OPEN_VERIFIED,
		.met = ph_point_same(&slot->talk.where, &slot->point)
			       ? 0
			       : slot->talk.where.port,
		.rtt_us = slot->rtt_us};

	if (ph_probe_matrix_add(&session->matrix, &row)) {
		session_over(session, PH_PROBE_DEADLINE);
		return;
	}
	ph_probe_plan_done(&session->plan, slot->index);
	slot->secure = true;
	slot->rtt_us = 0;
	slot->started = now;
	slot->deadline = now + PH_PROBE_SECURE_MOST;
	slot->state = SLOT_SECURE;
}

static void on_response(struct ph_probe_session *session,
	struct ph_probe_slot *slot, int64_t now)
{
	struct ph_probe_frame frame;
	struct ph_response response;
	int error = ph_probe_talk_frame(&slot->talk, &frame);

	if (error == -EAGAIN && slot->talk.in_length < sizeof(slot->talk.in))
		return;
	if (error || slot->talk.in_length != frame.size ||
		!slot_heard(session, slot, &frame) ||
		frame.type != PH_PROBE_RESPONSE ||
		ph_response_read(&response, frame.body, frame.length) ||
		memcmp(response.nonce, slot->challenge, PH_PROBE_NONCE) != 0 ||
		!ph_point_same(&response.observed, &slot->talk.where)) {
		session->counters.ignored++;
		slot_verdict(session, slot, PH_VERDICT_OPEN_FOREIGN, 0);
		return;
	}
	slot->talk.in_length = 0;
	if (session->end.config.instruct->secure)
		go_secure(session, slot, now);
	else
		slot_verdict(session, slot, PH_VERDICT_OPEN_VERIFIED, 0);
}

void talk_received(struct ph_probe_session *session, struct ph_probe_slot *slot,
	int64_t now)
{
	if (slot->state == SLOT_GREETING)
		on_greeting(session, slot, now);
	else if (slot->state == SLOT_CHALLENGED)
		on_response(session, slot, now);
	else
		slot->talk.in_length = 0; /* TLS has its own */
}

void ph_probe_session_secured(struct ph_probe_session *session, unsigned number,
	int error, const uint8_t *key, int64_t now)
{
	struct ph_probe_slot *slot = &session->slots[number];
	int64_t took = now - slot->started;

	if (slot->state != SLOT_SECURING)
		return;
	slot->rtt_us = (uint32_t)(took / 1000 > 0 ? took / 1000 : 1);
	if (error == ETIMEDOUT)
		slot_verdict(session, slot, PH_VERDICT_TIMEOUT, error);
	else if (error || memcmp(key, session->end.config.instruct->secure_key,
				  PH_PUBLIC_KEY) != 0)
		slot_verdict(session, slot, PH_VERDICT_OPEN_FOREIGN, error);
	else
		slot_verdict(session, slot, PH_VERDICT_OPEN_VERIFIED, 0);
}
