#include "beacon/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"

#define FEW 8

enum slot_state {
	SLOT_FREE,
	SLOT_GREETED, /* may challenge, or begin a run */
	SLOT_PROVING,
	SLOT_PRIMARY,
	SLOT_SECURE,   /* TLS is to begin */
	SLOT_ANSWERED, /* nothing more is expected but its end */
	SLOT_CLOSE,
};

struct ph_beacon_slot {
	enum slot_state state;
	bool proven; /* greeted with the proven key */
	int64_t deadline;
	struct ph_probe_talk talk;
};

int ph_beacon_session_init(struct ph_beacon_session *session,
	const struct ph_probe_config *config, int64_t now)
{
	int error;

	memset(session, 0, sizeof(*session));
	session->proving = -1;
	session->primary = -1;
	session->deadline =
		now + (int64_t)config->instruct->deadline_ms * 1000000;
	error = ph_probe_end_init(&session->end, config, PH_LISTENER);
	if (!error) {
		session->slots =
			calloc(PH_BEACON_SLOTS, sizeof(*session->slots));
		error = session->slots ? 0 : -ENOMEM;
	}
	if (error)
		ph_beacon_session_fini(session);
	return error;
}

void ph_beacon_session_fini(struct ph_beacon_session *session)
{
	ph_probe_end_fini(&session->end);
	ph_probe_matrix_fini(&session->report.matrix);
	free(session->slots);
	session->slots = NULL;
}

static unsigned number_of(const struct ph_beacon_session *session,
	const struct ph_beacon_slot *slot)
{
	return (unsigned)(slot - session->slots);
}

/* A run that ends before it is proven was a guess, if it got so far. */
static void run_ended(struct ph_beacon_session *session)
{
	session->counters.guesses +=
		ph_handshake_guesses(session->end.handshake);
	ph_handshake_fini(session->end.handshake);
	session->proving = -1;
}

static void slot_drop(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, enum slot_state state)
{
	int number = (int)number_of(session, slot);

	if (session->proving == number)
		run_ended(session);
	if (session->primary == number) {
		session->primary = -1;
		session->over = true;
	}
	slot->state = state;
}

static void slot_close(
	struct ph_beacon_session *session, struct ph_beacon_slot *slot)
{
	slot_drop(session, slot, SLOT_CLOSE);
}

static void slot_say(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, enum ph_probe_type type,
	const uint8_t *body, size_t length)
{
	if (ph_probe_say(&session->end, &slot->talk, type, body, length))
		slot_close(session, slot);
}

/* A newcomer is always let in: while few places are left, who waits longest and
 * has proven nothing goes. */
static struct ph_beacon_slot *slot_for_newcomer(
	struct ph_beacon_session *session)
{
	struct ph_beacon_slot *oldest = NULL;
	struct ph_beacon_slot *free_one = NULL;
	unsigned left = 0;

	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++) {
		struct ph_beacon_slot *slot = &session->slots[i];

		if (slot->state == SLOT_FREE) {
			free_one = slot;
			left++;
		}
		if (slot->state == SLOT_GREETED &&
			(!oldest || slot->deadline < oldest->deadline))
			oldest = slot;
	}
	if (left < FEW && oldest)
		slot_close(session, oldest);
	return free_one;
}

int ph_beacon_session_accepted(struct ph_beacon_session *session,
	const struct ph_point *where, int64_t now)
{
	struct ph_beacon_slot *slot = slot_for_newcomer(session);

	if (!slot || session->over)
		return -1;
	memset(slot, 0, offsetof(struct ph_beacon_slot, talk));
	ph_probe_talk_init(&slot->talk);
	slot->state = SLOT_GREETED;
	slot->proven = session->end.proven;
	slot->deadline = now + PH_BEACON_PATIENCE;
	slot->talk.where = *where;
	ph_probe_greet(&session->end, &slot->talk);
	session->counters.greeted++;
	return (int)number_of(session, slot);
}

/* The proof. */

/* NULL, or why no run may begin here. */
static const char *run_refused(const struct ph_beacon_session *session,
	const struct ph_beacon_slot *slot)
{
	if (session->end.proven || slot->proven)
		return "the passphrase is proven already";
	if (session->proving >= 0)
		return "another run is under way";
	if (session->counters.guesses >= PH_BEACON_GUESSES)
		return "too many wrong passphrases in this session";
	return NULL;
}

static bool run_begin(
	struct ph_beacon_session *session, struct ph_beacon_slot *slot)
{
	const char *why = run_refused(session, slot);

	if (why) {
		ph_log_warn("beacon", "refused because=\"%s\"", why);
		session->counters.ignored++;
		slot_close(session, slot);
		return false;
	}
	if (ph_probe_prove(&session->end, &slot->talk)) {
		slot_close(session, slot);
		return false;
	}
	session->proving = (int)number_of(session, slot);
	slot->state = SLOT_PROVING;
	return true;
}

static void become_primary(
	struct ph_beacon_session *session, struct ph_beacon_slot *slot)
{
	session->proving = -1;
	session->primary = (int)number_of(session, slot);
	slot->state = SLOT_PRIMARY;
	slot->proven = true;
	slot->deadline = INT64_MAX;
	ph_log_debug("beacon", "session.proven");
}

static void on_handshake(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame)
{
	int step;

	if (slot->state == SLOT_GREETED && !run_begin(session, slot))
		return;
	if (slot->state != SLOT_PROVING) {
		session->counters.ignored++;
		return;
	}
	step = ph_probe_prove_step(&session->end, &slot->talk, frame);
	if (step < 0) {
		ph_log_warn("beacon", "refused because=\"%s\"",
			session->end.handshake->reason);
		slot_close(session, slot);
	} else if (step > 0) {
		become_primary(session, slot);
	}
}

/* A challenge, once on a connection. */
static void on_challenge(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame)
{
	struct ph_challenge challenge;
	struct ph_response response = {.observed = slot->talk.where};
	uint8_t body[PH_RESPONSE];

	if (slot->state != SLOT_GREETED || !slot->proven ||
		ph_challenge_read(&challenge, frame->body, frame->length) ||
		memcmp(challenge.session, session->end.config.instruct->session,
			PH_PROBE_SESSION) != 0) {
		session->counters.ignored++;
		slot_close(session, slot);
		return;
	}
	memcpy(response.nonce, challenge.nonce, PH_PROBE_NONCE);
	slot_say(session, slot, PH_PROBE_RESPONSE, body,
		ph_response_write(&response, body));
	session->counters.answered++;
	slot->state = challenge.secure ? SLOT_SECURE : SLOT_ANSWERED;
}

static void on_report(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame)
{
	if (slot->state == SLOT_PRIMARY &&
		!ph_probe_intake_take(
			&session->report, frame->body, frame->length))
		return;
	session->counters.ignored++;
	slot_close(session, slot);
}

/* The probe is done: it may end, once. */
static void on_complete(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame,
	int64_t now)
{
	struct ph_complete complete;
	struct ph_terminate terminate;
	uint8_t digest[PH_PROBE_DIGEST];
	uint8_t body[PH_TERMINATE];

	ph_probe_matrix_digest(&session->report.matrix, digest);
	if (slot->state != SLOT_PRIMARY || session->terminated ||
		!session->report.ended ||
		ph_complete_read(&complete, frame->body, frame->length) ||
		memcmp(complete.digest, digest, sizeof(digest)) != 0 ||
		memcmp(complete.counts, session->report.matrix.counts,
			sizeof(complete.counts)) != 0) {
		session->counters.ignored++;
		slot_close(session, slot);
		return;
	}
	session->terminated = true;
	memcpy(terminate.session, session->end.config.instruct->session,
		PH_PROBE_SESSION);
	memcpy(terminate.nonce, complete.nonce, PH_PROBE_NONCE);
	slot_say(session, slot, PH_PROBE_TERMINATE, body,
		ph_terminate_write(&terminate, body));
	slot->deadline = now + PH_BEACON_FAREWELL;
}

static void on_frame(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame,
	int64_t now)
{
	/* Greeted before the proof: the keys are others now. */
	if (slot->proven != session->end.proven ||
		!ph_probe_heard(&session->end, &slot->talk, frame)) {
		session->counters.forged++;
		if (slot->state != SLOT_PRIMARY)
			slot_close(session, slot);
		return;
	}
	switch (frame->type) {
	case PH_PROBE_HANDSHAKE:
		on_handshake(session, slot, frame);
		break;
	case PH_PROBE_CHALLENGE:
		on_challenge(session, slot, frame);
		break;
	case PH_PROBE_REPORT:
		on_report(session, slot, frame);
		break;
	case PH_PROBE_COMPLETE:
		on_complete(session, slot, frame, now);
		break;
	default:
		session->counters.ignored++;
		slot_close(session, slot);
	}
}

static bool slot_listens(const struct ph_beacon_slot *slot)
{
	return slot->state == SLOT_GREETED || slot->state == SLOT_PROVING ||
	       slot->state == SLOT_PRIMARY;
}

static void slot_parse(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, int64_t now)
{
	struct ph_probe_frame frame;
	int error = 0;

	while (slot_listens(slot) &&
		!(error = ph_probe_talk_frame(&slot->talk, &frame))) {
		on_frame(session, slot, &frame, now);
		ph_probe_talk_drop(&slot->talk, &frame);
	}
	if (slot_listens(slot) && error == -EBADMSG) {
		session->counters.ignored++;
		slot_close(session, slot);
	}
}

void ph_beacon_session_received(struct ph_beacon_session *session,
	unsigned number, const uint8_t *data, size_t length, int64_t now)
{
	struct ph_beacon_slot *slot = &session->slots[number];

	while (length && slot_listens(slot)) {
		size_t took = ph_probe_talk_take(&slot->talk, data, length);

		data += took;
		length -= took;
		slot_parse(session, slot, now);
	}
}

void ph_beacon_session_closed(
	struct ph_beacon_session *session, unsigned number, int64_t now)
{
	struct ph_beacon_slot *slot = &session->slots[number];

	(void)now;
	if (slot->state == SLOT_FREE)
		return;
	slot_drop(session, slot, SLOT_FREE);
	slot->talk.out_length = 0;
}

void ph_beacon_session_tick(struct ph_beacon_session *session, int64_t now)
{
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++) {
		struct ph_beacon_slot *slot = &session->slots[i];

		if (slot->state != SLOT_FREE && slot->state != SLOT_CLOSE &&
			now >= slot->deadline)
			slot_close(session, slot);
	}
	if (now >= session->deadline)
		session->over = true;
}

int64_t ph_beacon_session_due(const struct ph_beacon_session *session)
{
	int64_t due = session->deadline;

	if (session->over)
		return INT64_MAX;
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++)
		if (session->slots[i].state != SLOT_FREE &&
			session->slots[i].deadline < due)
			due = session->slots[i].deadline;
	return due;
}

/* What a slot says goes out before it is closed. */
static bool next_of_slot(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, struct ph_beacon_action *action)
{
	*action = (struct ph_beacon_action){.slot = number_of(session, slot)};
	if (slot->state == SLOT_FREE)
		return false;
	if (ph_probe_talk_next(&slot->talk, &action->data, &action->length)) {
		action->step = PH_BEACON_SEND;
		return true;
	}
	if (slot->state == SLOT_SECURE) {
		action->step = PH_BEACON_SECURE;
		slot->state = SLOT_ANSWERED;
		return true;
	}
	if (slot->state != SLOT_CLOSE && !session->over)
		return false;
	action->step = PH_BEACON_DROP;
	slot->state = SLOT_FREE;
	return true;
}

bool ph_beacon_session_next(
	struct ph_beacon_session *session, struct ph_beacon_action *action)
{
	for (unsigned i = 0; i < PH_BEACON_SLOTS; i++)
		if (next_of_slot(session, &session->slots[i], action))
			return true;
	if (!session->over || session->over_told)
		return false;
	session->over_told = true;
	*action = (struct ph_beacon_action){.step = PH_BEACON_OVER};
	return true;
}
