#ifndef PH_NODE_SESSION_H
#define PH_NODE_SESSION_H

#include "node/gate.h"
#include "node/limits.h"
#include "proto/handshake.h"

/*
 * One carrier from its first byte to what it turns out to be. Shared by gate.c
 * (listening, dialling, seats for strangers), session.c (what its frames are
 * for) and prove.c (the handshake).
 */
/* From accept to proven; a peer needs four round trips and 0.3 ms of work. */
#define GATE_PATIENCE  (10 * PH_SECOND)
#define GATE_LISTENERS 10

enum phase {
	PHASE_OPENING, /* no frame yet */
	PHASE_HANDSHAKE,
	PHASE_LINE,
	PHASE_HANDED_OVER,
	PHASE_CLOSING,
};

struct ph_session {
	struct ph_gate *gate;
	struct ph_carrier *carrier;
	enum phase phase;
	bool local; /* our own command socket */
	char source[64];
	ph_pending pending; /* among the strangers; 0: not, or no more */
	bool guessing;	    /* a try at the passphrase is paid for */
	bool asked;	    /* whether it may be, was settled */
	bool refused;	    /* the handshake ended so */
	uint8_t held[PH_HANDSHAKE_MAX]; /* waits for a turn to guess */
	size_t held_length;
	struct ph_timer guess;
	struct ph_session_peer peer;
	struct session_offer *offer; /* dialled because a peer asked */
	struct ph_handshake *handshake;
	struct ph_queue queue;
	struct ph_line *line;
	struct ph_timer patience;
	const char *why;
	const struct ph_carrier_events *next; /* handed over */
	void *next_context;
	struct ph_session *prev_session;
	struct ph_session *next_session;
};

struct ph_gate {
	struct ph_node *node;
	struct ph_gate_events events;
	struct {
		struct ph_listener *listener;
		bool local;
		struct ph_gate *gate;
	} doors[GATE_LISTENERS];
	unsigned listeners;
	struct ph_session *sessions;
	struct session_offer *offers; /* that have no carrier yet */
	struct ph_timer patience;     /* of the strangers */
	uint64_t last_line;
	int (*attach)(void *context, struct ph_session *session,
		const struct ph_attach *attach);
	void *attach_context;
	int (*offered)(void *context, struct ph_session *session,
		const struct ph_attach *offer);
	void *offered_context;
};

extern const struct ph_carrier_events session_events;

/* session.c */
struct ph_session *session_create(struct ph_gate *gate);
void session_free(struct ph_session *session);
/* Closes; `why` is for the log. Idempotent. */
void session_end(struct ph_session *session, const char *why);
/* One answer for every reason; the log tells which it was. */
void session_refuse(struct ph_session *session, const char *why);
void session_send(
	struct ph_session *session, const uint8_t *data, size_t length);
/* It takes no stranger's seat any more. */
void session_settle(struct ph_session *session, bool proven);

/* prove.c */
int prove_start(struct ph_session *session);
void prove_step(
	struct ph_session *session, const uint8_t *data, uint32_t length);
/* Wipes the handshake; what it cost is settled. */
void prove_drop(struct ph_session *session);
/* Timers of a session. */
void prove_patience_over(struct ph_timer *timer);
void prove_guess_due(struct ph_timer *timer);

/* offer.c */
/* Lets go of those that have no carrier yet; who asked is told. */
void offers_close(struct ph_gate *gate);
/* The dialled carrier is open: says which one it is. */
void offer_open(struct ph_session *session);
/* What may come on an offered carrier: the ATTACH it is for, of whom asked. */
bool offer_allows(
	const struct ph_session *session, const struct ph_attach *attach);
/* Who asked learns that there is no carrier, unless it has one. */
void offer_drop(struct ph_session *session);

#endif
