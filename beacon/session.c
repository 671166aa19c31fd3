#include "beacon/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

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
	struct ph_point where;
	int64_t deadline;
	uint8_t nonce[PH_PROBE_NONCE];
	uint32_t said;
	uint32_t heard;
	uint8_t in[PH_PROBE_FRAME];
	size_t in_length;
	uint8_t out[PH_PROBE_FRAME];
	size_t out_length;
};

int ph_beacon_session_init(struct ph_beacon_session *session,
	const struct ph_beacon_config *config, int64_t now)
{
	memset(session, 0, sizeof(*session));
	session->config = *config;
	session->proving = -1;
	session->primary = -1;
	session->deadline =
		now + (int64_t)config->instruct->deadline_ms * 1000000;
	if (!config->secrets || config->secrets > 2)
		return -EINVAL;
	ph_probe_keys_first(&session->keys, config->key);
	session->slots = calloc(PH_BEACON_SLOTS, sizeof(*session->slots));
	session->handshake = ph_secret_alloc(sizeof(*session->handshake));
	if (!session->slots || !session->handshake) {
		ph_beacon_session_fini(session);
		return -ENOMEM;
	}
	memset(session->handshake, 0, sizeof(*session->handshake));
	return 0;
}

void ph_beacon_session_fini(struct ph_beacon_session *session)
{
	if (session->handshake)
		ph_handshake_fini(session->handshake);
	ph_secret_free(session->handshake);
	session->handshake = NULL;
	ph_probe_matrix_fini(&session->report.matrix);
	free(session->slots);
	session->slots = NULL;
	ph_wipe(&session->keys, sizeof(session->keys));
	ph_wipe(&session->config, sizeof(session->config));
}

static unsigned number_of(const struct ph_beacon_session *session,
	const struct ph_beacon_slot *slot)
{
	return (unsigned)(slot - session->slots);
}

/* A run that ends before it is proven was a guess, if it got so far. */
static void run_ended(struct ph_beacon_session *session)
{
	session->counters.guesses += ph_handshake_guesses(session->handshake);
	ph_handshake_fini(session->handshake);
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

static struct ph_probe_claim claim_of(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, uint8_t type, uint32_t sequence)
{
	return (struct ph_probe_claim){session->config.instruct->session,
		slot->nonce, &slot->where, sequence, type};
}

static void slot_say(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, enum ph_probe_type type,
	const uint8_t *body, size_t length)
{
	struct ph_probe_claim claim =
		claim_of(session, slot, (uint8_t)type, slot->said++);
	uint8_t *out = slot->out + slot->out_length;
	size_t size = PH_PROBE_HEADER + length + PH_PROBE_MAC;

	if (slot->out_length + size > sizeof(slot->out)) {
		slot_close(session, slot);
		return;
	}
	ph_probe_frame_header(out, (uint8_t)type, length);
	memcpy(out + PH_PROBE_HEADER, body, length);
	ph_probe_mac(out + PH_PROBE_HEADER + length, session->keys.beacon,
		&claim, body, length);
	slot->out_length += size;
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
	const struct ph_beacon_random *random = &session->config.random;
	struct ph_beacon_slot *slot = slot_for_newcomer(session);
	struct ph_probe_claim claim;
	uint8_t mac[PH_PROBE_MAC];

	if (!slot || session->over)
		return -1;
	memset(slot, 0, offsetof(struct ph_beacon_slot, in));
	slot->in_length = 0;
	slot->state = SLOT_GREETED;
	slot->proven = session->proven;
	slot->where = *where;
	slot->deadline = now + PH_BEACON_PATIENCE;
	random->bytes(random->context, slot->nonce, PH_PROBE_NONCE);
	claim = claim_of(session, slot, PH_PROBE_GREETING, 0);
	ph_probe_mac(mac, session->keys.beacon, &claim, NULL, 0);
	ph_banner_write(slot->out, slot->nonce, mac);
	slot->out_length = PH_PROBE_BANNER;
	session->counters.greeted++;
	return (int)number_of(session, slot);
}

/* The proof. */

static void handshake_config(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, struct ph_handshake_config *config)
{
	const struct ph_instruct *instruct = session->config.instruct;
	const struct ph_beacon_random *random = &session->config.random;

	memset(config, 0, sizeof(*config));
	config->role = PH_LISTENER;
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

/* NULL, or why no run may begin here. */
static const char *run_refused(const struct ph_beacon_session *session,
	const struct ph_beacon_slot *slot)
{
	if (session->proven || slot->proven)
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
	struct ph_handshake_config config;
	const char *why = run_refused(session, slot);
	int error;

	if (why) {
		ph_log_warn("beacon", "refused because=\"%s\"", why);
		session->counters.ignored++;
		slot_close(session, slot);
		return false;
	}
	handshake_config(session, slot, &config);
	error = ph_handshake_init(session->handshake, &config, NULL, NULL);
	ph_wipe(&config, sizeof(config));
	if (error) {
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
	ph_probe_keys_proven(
		&session->keys, ph_handshake_root(session->handshake));
	ph_handshake_fini(session->handshake);
	session->proving = -1;
	session->primary = (int)number_of(session, slot);
	session->proven = true;
	slot->state = SLOT_PRIMARY;
	slot->proven = true;
	slot->said = 0;
	slot->heard = 0;
	slot->deadline = INT64_MAX;
	ph_log_debug("beacon", "session.proven");
}

static void on_handshake(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame)
{
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;
	enum ph_handshake_verdict verdict;

	if (slot->state == SLOT_GREETED && !run_begin(session, slot))
		return;
	if (slot->state != SLOT_PROVING) {
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
		ph_log_warn("beacon", "refused because=\"%s\"",
			session->handshake->reason);
		slot_close(session, slot);
	} else if (verdict == PH_HANDSHAKE_IN) {
		become_primary(session, slot);
	}
}

/* A challenge, once on a connection. */
static void on_challenge(struct ph_beacon_session *session,
	struct ph_beacon_slot *slot, const struct ph_probe_frame *frame)
{
	struct ph_challenge challenge;
	struct ph_response response = {.observed = slot->where};
	uint8_t body[PH_RESPONSE];

	if (slot->state != SLOT_GREETED || !slot->proven ||
		ph_challenge_read(&challenge, frame->body, frame->length) ||
		memcmp(challenge.session, session->config.instruct->session,
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
	memcpy(terminate.session, session->config.instruct->session,
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
	struct ph_probe_claim claim =
		claim_of(session, slot, frame->type, slot->heard);

	/* Greeted before the proof: the keys are others now. */
	if (slot->proven != session->proven ||
		!ph_probe_mac_check(frame->mac, session->keys.probe, &claim,
			frame->body, frame->length)) {
		session->counters.forged++;
		if (slot->state != SLOT_PRIMARY)
			slot_close(session, slot);
		return;
	}
	slot->heard++;
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

	while (slot_listens(slot) && !(error = ph_probe_frame_read(&frame,
					       slot->in, slot->in_length))) {
		on_frame(session, slot, &frame, now);
		slot->in_length -= frame.size;
		memmove(slot->in, slot->in + frame.size, slot->in_length);
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
		size_t room = sizeof(slot->in) - slot->in_length;
		size_t take = length < room ? length : room;

		memcpy(slot->in + slot->in_length, data, take);
		slot->in_length += take;
		data += take;
		length -= take;
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
	slot->out_length = 0;
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
	*action = (struct ph_beacon_action){.slot = number_of(session, slot),
		.data = slot->out,
		.length = slot->out_length};
	if (slot->state == SLOT_FREE)
		return false;
	if (slot->out_length) {
		action->step = PH_BEACON_SEND;
		slot->out_length = 0;
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
