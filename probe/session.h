#ifndef PH_PROBE_SESSION_H
#define PH_PROBE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/plan.h"
#include "proto/probe_end.h"
#include "proto/probe_matrix.h"

/*
 * A probe's work: which point to try next, what came of it, and the talk with
 * the beacon.
 *
 *   SEARCH  tries points where the beacon says it is, until one greets with the
 *           session's key: that connection is the primary
 *   PROVE   CPace over the passphrase there; another point when it is lost
 *   SCAN    every point of the plan, each on a connection of its own; only
 *           who greets with the proven key is ever answered
 *   REPORT  the matrix to the primary, then COMPLETE
 *   WAIT    for the one TERMINATE that is sealed, of this session, and says
 *           COMPLETE's nonce; any other is counted and passed over
 *   OVER    with the process's exit code
 *
 * A stranger who answers never gets a byte. Pure: what is to be done is asked
 * for (ph_probe_session_next); time and randomness are handed in.
 */
#define PH_PROBE_SLOTS 257u /* connections at once: 256, and the primary */
/* A point where the beacon is gets more patience, and a second try. */
#define PH_PROBE_PATIENCE    (INT64_C(1000) * 1000000)
#define PH_PROBE_PROVE	     (INT64_C(5000) * 1000000)
#define PH_PROBE_SECURE_MOST (INT64_C(2000) * 1000000)

/* Exit codes of the process. */
enum ph_probe_exit {
	PH_PROBE_TERMINATED = 0,
	PH_PROBE_BAD_ORDER = 2,
	PH_PROBE_DEADLINE = 3, /* or nobody is left who could end it */
	PH_PROBE_NOT_PROVEN = 4,
};

enum ph_probe_phase {
	PH_PROBE_SEARCH,
	PH_PROBE_PROVING,
	PH_PROBE_SCAN,
	PH_PROBE_REPORTING,
	PH_PROBE_WAIT,
	PH_PROBE_DONE,
};

/* What is to be done. */
enum ph_probe_step {
	PH_PROBE_CONNECT, /* `slot` to `point`; connected or failed follows */
	PH_PROBE_SEND,	  /* `data` on it */
	PH_PROBE_SECURE,  /* TLS on it; secured follows */
	PH_PROBE_CLOSE,	  /* it; nothing follows */
	PH_PROBE_EXIT,	  /* with `exit` */
};

struct ph_probe_action {
	enum ph_probe_step step;
	unsigned slot;
	struct ph_point point;
	const uint8_t *data; /* until the next call */
	size_t length;
	int exit;
};

struct ph_probe_counters {
	uint32_t connects;
	uint32_t forged;    /* a MAC that is not right */
	uint32_t ignored;   /* right or not, not its turn */
	uint32_t strangers; /* who answered and proved nothing */
};

struct ph_probe_slot;

struct ph_probe_session {
	struct ph_probe_end end;
	struct ph_probe_plan plan;
	enum ph_probe_phase phase;
	struct ph_probe_slot *slots;
	unsigned slot_count;
	int primary; /* slot, or -1 */
	bool room;   /* the primary takes more */
	unsigned in_flight;
	int64_t next_start;
	int64_t deadline;
	struct ph_probe_matrix matrix;
	uint32_t reported;
	bool completed;
	uint8_t terminate[PH_PROBE_NONCE];
	int exit;
	bool exit_told;
	bool refused; /* the passphrase was */
	struct ph_probe_counters counters;
};

/* -ENOMEM, -EINVAL. */
int ph_probe_session_init(struct ph_probe_session *session,
	const struct ph_probe_config *config, int64_t now);
void ph_probe_session_fini(struct ph_probe_session *session);

/* False: nothing now. Call it after every event, until it says false. */
bool ph_probe_session_next(struct ph_probe_session *session, int64_t now,
	struct ph_probe_action *action);
/* When ph_probe_session_tick is worth calling. */
int64_t ph_probe_session_due(const struct ph_probe_session *session);

/* Events. Of slots that were closed none may come. */
void ph_probe_session_tick(struct ph_probe_session *session, int64_t now);
void ph_probe_session_connected(
	struct ph_probe_session *session, unsigned slot, int64_t now);
/* `error`: errno, or 0 for an orderly end. */
void ph_probe_session_closed(struct ph_probe_session *session, unsigned slot,
	int error, int64_t now);
void ph_probe_session_received(struct ph_probe_session *session, unsigned slot,
	const uint8_t *data, size_t length, int64_t now);
/* TLS stands (0, and `key` is what it proved), or does not (errno). */
void ph_probe_session_secured(struct ph_probe_session *session, unsigned slot,
	int error, const uint8_t *key, int64_t now);
/* The primary takes no more for now; it does again. */
void ph_probe_session_blocked(struct ph_probe_session *session);
void ph_probe_session_writable(struct ph_probe_session *session);

/* Points that have a verdict, and all. */
struct ph_progress ph_probe_session_progress(
	const struct ph_probe_session *session);

#endif
