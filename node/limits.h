#ifndef PH_NODE_LIMITS_H
#define PH_NODE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/source.h"

/*
 * What strangers may cost. Two tables, both bounded: connections that have not
 * proven themselves yet, and sources that guessed wrong.
 *
 * Pending connections. A newcomer is always let in; when the table is full,
 * one that waits is dropped for it: never of a source that proved itself
 * lately, if there is another; of the source with the most; the one that got
 * least far; the oldest. So who stalls is dropped for who moves, and an honest
 * peer behind the same address as a thousand idle connections is
 * not the one to go: it is the youngest and gets further within
 * milliseconds.
 *
 * Guesses. Whoever begins a run that could test the passphrase pays first and
 * is paid back when it succeeds, so parallel runs get no extra guesses. Per
 * source 5, then one each 10, 20, 40, 60, 60... minutes; on the whole
 * node 60 an hour, then enrolment pauses. Runs that this node dials count by
 * themselves, all of it: whoever announces many nodes that are none stops this
 * one from enrolling by dialling, not those that come. Pinned peers never come
 * here.
 *
 * Pure: `now` is monotonic ns.
 */
#define PH_LIMITS_PENDING 128u
#define PH_LIMITS_SOURCES 2048u /* > 60 an hour for a day: none is evicted */
#define PH_LIMITS_BURST	  5u
#define PH_LIMITS_HOURLY  60u
/* How soon to ask again while others are being tried: runs take milliseconds.
 */
#define PH_LIMITS_AGAIN (INT64_C(20) * 1000000)
#define PH_LIMITS_HELLO (INT64_C(5) * 1000000000)  /* until HELLO */
#define PH_LIMITS_TOTAL (INT64_C(10) * 1000000000) /* until proven */

/* How far a connection that is not proven yet has got. */
enum ph_phase {
	PH_PHASE_ACCEPTED,
	PH_PHASE_TLS,
	PH_PHASE_HELLO
};

enum ph_guess {
	PH_GUESS_GO,
	PH_GUESS_WAIT,	  /* others are being tried: ask again when one ended */
	PH_GUESS_REFUSED, /* CLOSE */
	PH_GUESS_PAUSED,  /* CLOSE, and tell the operator */
};

struct ph_limits;
/* A pending connection; 0 is none. Stale ones are harmless. */
typedef uint64_t ph_pending;

int ph_limits_create(struct ph_limits **out);
void ph_limits_destroy(struct ph_limits *limits);

/* A stranger connected. *victim: the one to close for it, or 0 (already
 * forgotten here). */
ph_pending ph_limits_enter(struct ph_limits *limits, struct ph_source source,
	int64_t now, ph_pending *victim);
/* Phases only grow. */
void ph_limits_advance(
	struct ph_limits *limits, ph_pending pending, enum ph_phase phase);
/* It closed, or (proven) is a peer from now on. */
void ph_limits_leave(
	struct ph_limits *limits, ph_pending pending, bool proven, int64_t now);
/* One whose deadline has passed, to be closed (forgotten here), or 0. */
ph_pending ph_limits_expired(struct ph_limits *limits, int64_t now);
/* The next deadline, or INT64_MAX. */
int64_t ph_limits_deadline(const struct ph_limits *limits);
unsigned ph_limits_pending(const struct ph_limits *limits);

/*
 * Before the listener answers a HELLO that needs the passphrase, before the
 * dialler sends PAKE1 to be exact; the source of a dialler is the address it
 * dialled. *retry: ns from now until it is worth asking again. PH_GUESS_GO must
 * lead to one ph_limits_guessed.
 */
enum ph_guess ph_limits_guess(struct ph_limits *limits, struct ph_source source,
	int64_t now, int64_t *retry);
/* The run ended; `guesses` as ph_handshake_guesses: 0 pays back. */
void ph_limits_guessed(struct ph_limits *limits, struct ph_source source,
	unsigned guesses, int64_t now);
/* For status: failures of the last hour, dialled or not. */
unsigned ph_limits_failures(const struct ph_limits *limits, int64_t now);

#endif
