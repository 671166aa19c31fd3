#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/wires.h"

/*
 * One node's addresses race (node/candidates.h): the first where TLS stands,
 * and proves the key that was meant, shakes hands; the others are let go then,
 * before they have cost anybody a try at the passphrase. If it comes to
 * nothing, the race goes on.
 */

/* Of a seed: its name may have to be looked up, and nobody races it. */
#define SEED_PATIENCE (10 * PH_SECOND)
#define SEED_LONELY   (5 * PH_SECOND)
/* A peer that may not be dialled (its key failed) is looked at again then. */
#define BARRED_FOR (60 * PH_SECOND)

static void dial_step(struct dialling *dialling);

/* Lets go of an attempt: its end is nobody's business any more. */
static void attempt_drop(struct attempt *attempt)
{
	if (!attempt->session)
		return;
	ph_session_settled(attempt->session);
	ph_session_close(attempt->session);
	attempt->session = NULL;
}

static int attempt_index(const struct attempt *attempt)
{
	return (int)(attempt - attempt->dialling->attempts);
}

/* What came of an attempt, for the order of the next ones. */
static void learn(struct attempt *attempt, enum ph_verdict verdict, int error,
	uint32_t rtt_us)
{
	struct dialling *dialling = attempt->dialling;
	struct ph_address address;

	if (dialling->peer &&
		!ph_address_parse(&address,
			dialling->candidates->list[attempt_index(attempt)]
				.address))
		ph_reach_dialled(dialling->lines->node->reach,
			dialling->peer->active.id, &address, verdict, error,
			rtt_us);
}

/* Who was tried before the winner, and is silent still, goes behind it: with
 * the winner's row alone the next race would begin with the same silence. */
static void learn_silence(
	struct dialling *dialling, const struct attempt *winner)
{
	struct ph_candidates *candidates = dialling->candidates;
	int64_t began = candidates->list[winner - dialling->attempts].started;

	for (unsigned i = 0; i < candidates->count; i++) {
		const struct ph_candidate *candidate = &candidates->list[i];

		if (ph_candidate_is_silent(candidate) &&
			began - candidate->started >= PH_CANDIDATES_LEAST)
			learn(&dialling->attempts[i], PH_VERDICT_TIMEOUT,
				-ETIMEDOUT, 0);
	}
}

static void drop_others(struct dialling *dialling, struct attempt *winner)
{
	for (unsigned i = 0; i < PH_CANDIDATES; i++) {
		struct attempt *attempt = &dialling->attempts[i];

		if (attempt == winner || !attempt->session)
			continue;
		attempt_drop(attempt);
		ph_candidates_cancel(dialling->candidates, (int)i);
	}
}

static void race_end(struct dialling *dialling)
{
	ph_timer_stop(dialling->lines->node->loop, &dialling->timer);
	ph_candidates_end(dialling->candidates);
	dialling->racing = false;
	dialling->winner = NULL;
}

void dial_cancel(struct dialling *dialling)
{
	drop_others(dialling, NULL);
	race_end(dialling);
	if (!dialling->seed && dialling->peer)
		dialling->peer->active.trying = false;
}

/* Nobody answered: later again. */
static void race_lost(struct dialling *dialling, bool hopeless)
{
	struct ph_lines *lines = dialling->lines;
	int64_t now = ph_loop_now(lines->node->loop);
	int64_t wait = dialling->backoff;

	drop_others(dialling, NULL);
	race_end(dialling);
	if (lines->closed)
		return;
	if (dialling->seed) {
		wait += wait * (int64_t)lines_random(lines, 40) / 100 -
			wait / 5;
		if (hopeless)
			wait = PH_TRUST_FAILED_FOR;
		dialling->backoff *= 2;
		if (dialling->backoff > PH_ACTIVE_LAST)
			dialling->backoff = PH_ACTIVE_LAST;
		ph_timer_start(lines->node->loop, &dialling->timer, now + wait);
		return;
	}
	if (hopeless)
		ph_active_hopeless(lines->active, &dialling->peer->active, now,
			PH_TRUST_FAILED_FOR);
	else
		ph_active_failed(lines->active, &dialling->peer->active, now);
	lines_stir(lines);
}

/* Where the operator, or who is proven, says that somebody is: always. */
static bool may_knock(
	const struct dialling *dialling, const struct ph_address *address)
{
	struct ph_lines *lines = dialling->lines;

	return dialling->seed || dialling->peer->active.proven ||
	       ph_knocks_may(lines->knocks, dialling->peer->id, address,
		       ph_loop_now(lines->node->loop));
}

static void attempt_start(struct dialling *dialling, int index)
{
	struct ph_lines *lines = dialling->lines;
	struct attempt *attempt = &dialling->attempts[index];
	int64_t patience =
		dialling->seed
			? SEED_PATIENCE
			: ph_candidates_patience(dialling->candidates, index);
	struct ph_address address;

	attempt->dialling = dialling;
	if (dialling->peer)
		ph_log_debug("lines", "dial.try to=%s at=%s",
			dialling->peer->name,
			dialling->candidates->list[index].address);
	if (ph_address_parse(
		    &address, dialling->candidates->list[index].address) ||
		!may_knock(dialling, &address) ||
		ph_gate_dial(lines->node->gate, &address, patience, attempt,
			&attempt->session))
		ph_candidates_failed(dialling->candidates, index);
}

static void dial_step(struct dialling *dialling)
{
	struct ph_loop *loop = dialling->lines->node->loop;
	int64_t due;
	int index;

	if (dialling->winner)
		return;
	while ((index = ph_candidates_yield(
			dialling->candidates, ph_loop_now(loop))) >= 0)
		attempt_drop(&dialling->attempts[index]);
	while ((index = ph_candidates_next(
			dialling->candidates, ph_loop_now(loop))) >= 0)
		attempt_start(dialling, index);
	due = ph_candidates_due(dialling->candidates);
	if (due != INT64_MAX)
		ph_timer_start(loop, &dialling->timer, due);
	if (ph_candidates_over(dialling->candidates))
		race_lost(dialling, false);
}

/* A seed is the peer's own business once it is known who answers there; only a
 * node that has nobody at all tries it again. */
static bool is_settled(struct dialling *dialling)
{
	struct ph_lines *lines = dialling->lines;

	if (!dialling->seed || !dialling->peer)
		return false;
	if (!ph_active_lines(lines->active) && !dialling->peer->active.trying)
		return false;
	ph_timer_start(lines->node->loop, &dialling->timer,
		ph_loop_now(lines->node->loop) + SEED_LONELY);
	return true;
}

static void dial_due(struct ph_timer *timer)
{
	struct dialling *dialling =
		(struct dialling *)((char *)timer -
				    offsetof(struct dialling, timer));

	if (dialling->racing)
		dial_step(dialling);
	else if (!is_settled(dialling))
		dial_start(dialling);
}

void dialling_init(struct dialling *dialling, struct ph_lines *lines,
	struct ph_candidates *candidates)
{
	dialling->lines = lines;
	dialling->candidates = candidates;
	dialling->backoff = PH_ACTIVE_FIRST;
	dialling->timer.on_due = dial_due;
}

void dial_start(struct dialling *dialling)
{
	struct ph_lines *lines = dialling->lines;
	struct peer *peer = dialling->peer;
	int64_t now = ph_loop_now(lines->node->loop);

	if (lines->closed || lines->leaving || dialling->racing)
		return;
	if (!dialling->seed && !ph_trust_may_dial(lines->node->trust, peer->key,
				       ph_clock_wall())) {
		ph_active_hopeless(
			lines->active, &peer->active, now, BARRED_FOR);
		return;
	}
	if (dialling->peer)
		peer_rank(dialling->peer);
	dialling->racing = true;
	ph_candidates_begin(dialling->candidates, now);
	dial_step(dialling);
}

/* Somebody else than was meant answers there. That may be a node which took
 * the other's place: it is met if there is no other address to try. */
static bool is_stranger(const struct attempt *attempt, const uint8_t *key)
{
	const struct dialling *dialling = attempt->dialling;

	return !dialling->seed &&
	       memcmp(dialling->peer->key, key, PH_PUBLIC_KEY) != 0 &&
	       (dialling->candidates->count > 1 ||
		       ph_trust_find(dialling->lines->node->trust, key));
}

const char *ph_lines_on_open(
	void *context, struct ph_session *session, void *target)
{
	struct attempt *attempt = target;
	struct dialling *dialling = attempt->dialling;

	(void)context;
	if (is_stranger(attempt, ph_session_peer(session)->key))
		return "another node answers there";
	if (dialling->winner || (dialling->peer && dialling->peer->line)) {
		/* Its session closes itself. */
		ph_session_settled(session);
		attempt->session = NULL;
		ph_candidates_cancel(
			dialling->candidates, attempt_index(attempt));
		if (!dialling->winner)
			dial_cancel(dialling);
		return "there is a line already";
	}
	dialling->winner = attempt;
	ph_timer_stop(dialling->lines->node->loop, &dialling->timer);
	learn_silence(dialling, attempt);
	drop_others(dialling, attempt);
	return NULL;
}

void dial_won(struct attempt *attempt)
{
	struct dialling *dialling = attempt->dialling;
	struct ph_carrier_path path;

	ph_carrier_path(ph_session_carrier(attempt->session), &path);
	learn(attempt, PH_VERDICT_OPEN_VERIFIED, 0, path.rtt_us);
	attempt->session = NULL;
	ph_candidates_worked(dialling->candidates, attempt_index(attempt));
	drop_others(dialling, NULL);
	race_end(dialling);
	dialling->refused = false;
	dialling->why_at = 0;
	dialling->turned_away = false;
	dialling->backoff = PH_ACTIVE_FIRST;
	if (!dialling->seed && dialling->peer)
		dialling->peer->active.trying = false;
}

/* A wrong passphrase is not tried again and again: it would use up what its
 * source may try, and others behind the same address with it. */
static bool is_hopeless(
	const struct dialling *dialling, const struct ph_session *session)
{
	const struct ph_session_peer *who = ph_session_peer(session);

	return who->id[0] && !ph_trust_may_dial(dialling->lines->node->trust,
				     who->key, ph_clock_wall());
}

/* For `doctor`; a mere silence after it was turned away says less. */
static void remember(struct dialling *dialling, const char *why, bool turned)
{
	if (dialling->turned_away && !turned)
		return;
	snprintf(dialling->why, sizeof(dialling->why), "%s", why);
	dialling->why_at = ph_clock_wall();
	dialling->turned_away = turned;
}

static const char *what_next(const struct dialling *dialling, bool hopeless)
{
	if (hopeless)
		return "compare the passphrase files; tried again in an hour "
		       "or after a restart";
	if (dialling->turned_away)
		return "it did not let this node in: compare the passphrase "
		       "files; its log tells why; redialling";
	return "redialling";
}

static void say_failed(struct attempt *attempt, const char *why, bool hopeless)
{
	struct dialling *dialling = attempt->dialling;
	struct peer *peer = dialling->peer;
	bool stranger = peer && !hopeless &&
			!ph_trust_find(dialling->lines->node->trust, peer->key);

	if (dialling->refused || dialling->lines->closed)
		return;
	/* Anybody may announce himself and not be there. */
	ph_log_write(stranger ? PH_LOG_DEBUG : PH_LOG_WARN, "lines",
		"dial.failed to=%s at=%s because=\"%s\" next=\"%s\"",
		dialling->peer ? dialling->peer->name : "seed",
		dialling->candidates->list[attempt_index(attempt)].address, why,
		what_next(dialling, hopeless));
	if (hopeless || ph_candidates_over(dialling->candidates))
		dialling->refused = true;
}

/* Nobody listens where it was reached: its process is gone. Of a stranger it
 * says nothing: its name may be a member's. */
static bool is_gone(const struct attempt *attempt, int reason)
{
	const struct dialling *dialling = attempt->dialling;
	const struct ph_candidate *candidate =
		&dialling->candidates->list[attempt_index(attempt)];

	return reason == -ECONNREFUSED && dialling->peer &&
	       dialling->peer->active.proven && !dialling->peer->line &&
	       (candidate->worked || dialling->candidates->count == 1);
}

void dial_lost(struct attempt *attempt, struct ph_session *session, int reason,
	const char *why)
{
	struct dialling *dialling = attempt->dialling;
	bool hopeless = is_hopeless(dialling, session);

	if (attempt->session != session)
		return;
	if (is_gone(attempt, reason))
		ph_wires_peer_absent(
			dialling->lines->node->wires, dialling->peer->name);
	attempt->session = NULL;
	learn(attempt,
		dialling->winner == attempt || !reason
			? PH_VERDICT_OPEN_FOREIGN
			: ph_verdict_of_errno(reason),
		reason, 0);
	remember(dialling, why, hopeless || dialling->winner == attempt);
	if (dialling->winner == attempt)
		dialling->winner = NULL;
	ph_candidates_failed(dialling->candidates, attempt_index(attempt));
	say_failed(attempt, why, hopeless);
	if (hopeless)
		race_lost(dialling, true);
	else
		dial_step(dialling);
}
