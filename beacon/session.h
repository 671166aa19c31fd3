#ifndef PH_BEACON_SESSION_H
#define PH_BEACON_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/probe_end.h"

/*
 * A beacon's side of one probe session: greets whoever connects, lets one of
 * them prove the passphrase (that connection is the primary), answers
 * challenges sealed with the proven key, takes the report, and ends the probe
 * with the one TERMINATE that its COMPLETE asked for.
 *
 * A stranger gets a greeting of 48 bytes, never more. Only who has the key of
 * the session may begin a run at the passphrase; one run at a time, five wrong
 * ones a session. Whatever is wrong is counted, and its connection closed.
 * Pure: what is to be done is asked for (ph_beacon_session_next).
 */
#define PH_BEACON_SLOTS	  128u
#define PH_BEACON_GUESSES 5u
/* A connection that says nothing. */
#define PH_BEACON_PATIENCE (INT64_C(5000) * 1000000)
/* The probe has TERMINATE and has not closed. */
#define PH_BEACON_FAREWELL (INT64_C(1000) * 1000000)

enum ph_beacon_step {
	PH_BEACON_SEND,
	PH_BEACON_SECURE, /* TLS on it; nothing is to be told but its end */
	PH_BEACON_DROP,
	PH_BEACON_OVER, /* the session is */
};

struct ph_beacon_action {
	enum ph_beacon_step step;
	unsigned slot;
	const uint8_t *data; /* until the next call */
	size_t length;
};

struct ph_beacon_counters {
	uint32_t greeted;  /* connections */
	uint32_t answered; /* challenges */
	uint32_t forged;   /* a MAC that is not right */
	uint32_t ignored;  /* not its turn, not this session's, repeated */
	uint32_t guesses;  /* at the passphrase that were wrong */
};

struct ph_beacon_slot;

struct ph_beacon_session {
	struct ph_probe_end end;
	bool terminated;
	bool over;
	bool over_told;
	int proving; /* slot, or -1 */
	int primary;
	struct ph_beacon_slot *slots;
	int64_t deadline;
	struct ph_probe_intake report;
	struct ph_beacon_counters counters;
};

/* -ENOMEM, -EINVAL. */
int ph_beacon_session_init(struct ph_beacon_session *session,
	const struct ph_probe_config *config, int64_t now);
void ph_beacon_session_fini(struct ph_beacon_session *session);

/* False: nothing now. Call it after every event, until it says false. */
bool ph_beacon_session_next(
	struct ph_beacon_session *session, struct ph_beacon_action *action);
int64_t ph_beacon_session_due(const struct ph_beacon_session *session);

/* Events. Somebody connected to `where`, an own address: its slot, or -1 when
 * it is to be closed. One that waits may be closed for it. */
int ph_beacon_session_accepted(struct ph_beacon_session *session,
	const struct ph_point *where, int64_t now);
void ph_beacon_session_closed(
	struct ph_beacon_session *session, unsigned slot, int64_t now);
void ph_beacon_session_received(struct ph_beacon_session *session,
	unsigned slot, const uint8_t *data, size_t length, int64_t now);
void ph_beacon_session_tick(struct ph_beacon_session *session, int64_t now);

#endif
