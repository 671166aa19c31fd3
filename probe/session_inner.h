#ifndef PH_PROBE_SESSION_INNER_H
#define PH_PROBE_SESSION_INNER_H

#include "probe/session.h"

/* The parts of a probe's session, for each other. */
enum slot_state {
	SLOT_FREE,
	SLOT_CONNECTING,
	SLOT_GREETING,	 /* connected; the beacon speaks first */
	SLOT_CHALLENGED, /* we answered; it must prove itself */
	SLOT_SECURE,	 /* TLS is to begin */
	SLOT_SECURING,
	SLOT_PRIMARY,
	SLOT_CLOSE, /* to be closed */
};

struct ph_probe_slot {
	enum slot_state state;
	bool search; /* for the primary; its point gets no verdict by this */
	bool second; /* its second try */
	bool secure; /* the row is of TLS */
	uint32_t index;
	struct ph_point point;
	int64_t started;
	int64_t deadline;
	uint32_t rtt_us;
	uint8_t challenge[PH_PROBE_NONCE]; /* ours */
	struct ph_probe_talk talk;
};

unsigned slot_number(const struct ph_probe_session *session,
	const struct ph_probe_slot *slot);
/* Its connection ends; its place is free once that was done. */
void slot_close(struct ph_probe_session *session, struct ph_probe_slot *slot);
/* A frame; where there is no room for it the slot is closed. */
void slot_say(struct ph_probe_session *session, struct ph_probe_slot *slot,
	enum ph_probe_type type, const uint8_t *body, size_t length);
/* True: its MAC is right, and it counts. */
bool slot_heard(struct ph_probe_session *session, struct ph_probe_slot *slot,
	const struct ph_probe_frame *frame);
/* The point of the slot has this verdict; the slot is closed. */
void slot_verdict(struct ph_probe_session *session, struct ph_probe_slot *slot,
	enum ph_verdict verdict, int error);

/* session_talk.c: bytes of a connection that is no primary. */
void talk_received(struct ph_probe_session *session, struct ph_probe_slot *slot,
	int64_t now);
/* session_primary.c */
void primary_begin(struct ph_probe_session *session, struct ph_probe_slot *slot,
	int64_t now);
void primary_received(
	struct ph_probe_session *session, struct ph_probe_slot *slot);
void primary_lost(struct ph_probe_session *session);
/* The next part of the report, or COMPLETE; false when there is none now. */
bool primary_report(struct ph_probe_session *session);

void session_enter(struct ph_probe_session *session, enum ph_probe_phase phase);
void session_over(struct ph_probe_session *session, int exit);
/* Every point has a verdict: what follows. */
void session_look(struct ph_probe_session *session);

#endif
