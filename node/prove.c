#include "node/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/trust.h"
#include "proto/secret.h"

static struct ph_source source_of(const struct ph_session *session)
{
	return session->peer.dialled ? ph_source_dialled(session->source)
				     : ph_source_of(session->source);
}

/* What a run at the passphrase cost is known when it ends, however. */
static void settle_guess(struct ph_session *session)
{
	struct ph_node *node = session->gate->node;
	int64_t now = ph_loop_now(node->loop);
	unsigned guesses;

	if (!session->guessing)
		return;
	session->guessing = false;
	guesses = ph_handshake_guesses(session->handshake);
	ph_limits_guessed(node->limits, source_of(session), guesses, now);
	/* A carrier that broke proves nothing against the key. */
	if (guesses && session->peer.dialled && session->refused)
		ph_trust_failed(
			node->trust, session->peer.key, ph_clock_wall());
}

void prove_drop(struct ph_session *session)
{
	if (!session->handshake)
		return;
	settle_guess(session);
	ph_handshake_fini(session->handshake);
	ph_secret_free(session->handshake);
	session->handshake = NULL;
}

void prove_patience_over(struct ph_timer *timer)
{
	struct ph_session *session =
		(struct ph_session *)((char *)timer -
				      offsetof(struct ph_session, patience));

	session_end(session, "no answer in time");
}

static void become_line(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;

	session_settle(session, true);
	snprintf(session->peer.name, sizeof(session->peer.name), "%s",
		ph_handshake_peer(session->handshake));
	session->peer.by_passphrase =
		ph_handshake_by_passphrase(session->handshake);
	prove_drop(session);
	session->phase = PHASE_LINE;
	gate->events.on_line(gate->events.context, session);
}

/* A run that can test the passphrase pays before it goes on. True: it may;
 * false: it waits, or was refused. */
static bool may_guess(struct ph_session *session)
{
	struct ph_node *node = session->gate->node;
	int64_t now = ph_loop_now(node->loop);
	int64_t retry = 0;
	enum ph_guess guess =
		ph_limits_guess(node->limits, source_of(session), now, &retry);

	session->asked = true;
	session->guessing = guess == PH_GUESS_GO;
	if (guess == PH_GUESS_WAIT) {
		session->asked = false;
		ph_timer_start(node->loop, &session->guess, now + retry);
	} else if (guess == PH_GUESS_PAUSED) {
		session_refuse(session,
			"too many wrong passphrases at this node: "
			"enrolment pauses");
	} else if (guess == PH_GUESS_REFUSED) {
		session_refuse(
			session, "too many wrong passphrases from there");
	}
	return session->guessing;
}

void prove_guess_due(struct ph_timer *timer)
{
	struct ph_session *session =
		(struct ph_session *)((char *)timer -
				      offsetof(struct ph_session, guess));

	if (session->phase == PHASE_HANDSHAKE && may_guess(session))
		session_send(session, session->held, session->held_length);
}

void prove_step(
	struct ph_session *session, const uint8_t *data, uint32_t length)
{
	struct ph_handshake *handshake = session->handshake;
	enum ph_handshake_verdict verdict;

	if (session->guess.slot) {
		session_refuse(session, "it speaks out of turn");
		return;
	}
	session->held_length = 0;
	verdict = ph_handshake_step(
		handshake, data, length, session->held, &session->held_length);
	if (verdict == PH_HANDSHAKE_REFUSED) {
		session->refused = true;
		session_refuse(session,
			handshake->reason ? handshake->reason : "refused");
		return;
	}
	/* The first message that does not settle it begins a PAKE. */
	if (verdict == PH_HANDSHAKE_GOES_ON && !session->asked &&
		!may_guess(session))
		return;
	session_send(session, session->held, session->held_length);
	if (verdict == PH_HANDSHAKE_IN && session->phase == PHASE_HANDSHAKE)
		become_line(session);
}

/* Everything the handshake must know, from TLS and from this node. */
static int handshake_config(
	struct ph_session *session, struct ph_handshake_config *config)
{
	struct ph_node *node = session->gate->node;
	struct ph_carrier_info info;

	ph_carrier_info(session->carrier, &info);
	if (!info.tls)
		return -EACCES;
	*config = (struct ph_handshake_config){
		.role = session->peer.dialled ? PH_DIALLER : PH_LISTENER,
	};
	snprintf(config->name, sizeof(config->name), "%s", node->name);
	memcpy(config->mesh, node->mesh, sizeof(config->mesh));
	memcpy(config->key, node->key, PH_PUBLIC_KEY);
	memcpy(config->peer_key, info.peer_key, PH_PUBLIC_KEY);
	memcpy(config->exporter, info.exporter, sizeof(config->exporter));
	/* A proxy may have taken the outer TLS off: both ends say ws. */
	snprintf(config->transport, sizeof(config->transport), "%s",
		!strcmp(info.scheme, "wss") ? "ws" : info.scheme);
	config->trusted = ph_trust_find(node->trust, info.peer_key) != NULL;
	config->secrets =
		ph_trust_secrets(node->trust, ph_clock_wall(), config->secret);
	ph_random(config->nonce, sizeof(config->nonce));
	ph_random_scalar(config->scalar);
	return 0;
}

int prove_start(struct ph_session *session)
{
	struct ph_handshake_config *config = ph_secret_alloc(sizeof(*config));
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;
	int error;

	session->handshake = ph_secret_alloc(sizeof(*session->handshake));
	if (!config || !session->handshake) {
		ph_secret_free(config);
		return -ENOMEM;
	}
	memset(session->handshake, 0, sizeof(*session->handshake));
	error = handshake_config(session, config);
	if (!error)
		error = ph_handshake_init(session->handshake, config,
			session->peer.dialled ? send : NULL, &length);
	ph_secret_free(config);
	if (error)
		return error;
	session->phase = PHASE_HANDSHAKE;
	if (session->peer.dialled)
		session_send(session, send, length);
	return 0;
}
