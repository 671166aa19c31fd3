#ifndef PH_NODE_GATE_H
#define PH_NODE_GATE_H

#include "node/node.h"
#include "proto/attach.h"

/*
 * Where carriers become something: listens, dials, checks who is there, and
 * hands on what is proven. A carrier that came in is a line (handshake), a
 * pipe (ATTACH from a trusted key) or our own command line (unix socket, same
 * user). Everybody else gets the same CLOSE, and the log the reason.
 */
struct ph_gate;
struct ph_session;
struct ph_line;

struct ph_gate_events {
	/* A dialled carrier stands and its key is known; the handshake follows
	 * if NULL is returned, otherwise that is why it closes. */
	const char *(*on_open)(
		void *context, struct ph_session *session, void *target);
	/* The handshake was passed; a line is to be made of it. */
	void (*on_line)(void *context, struct ph_session *session);
	/* A line's session is gone, or a dialled one never became a line.
	 * `target` is what ph_gate_dial was given (NULL: it came in). */
	void (*on_gone)(void *context, struct ph_session *session, void *target,
		int reason, const char *why);
	void *context;
};

int ph_gate_create(struct ph_gate **out, struct ph_node *node,
	struct ph_gate_events events);
/* Closes listeners and sessions; their memory goes as the loop turns. */
void ph_gate_close(struct ph_gate *gate);
void ph_gate_destroy(struct ph_gate *gate);

/* `local`: our own command socket. Tells the error: -1. */
int ph_gate_listen(struct ph_gate *gate, const struct ph_address *address,
	bool local, struct ph_error *error);
/* The listening addresses for peers, formatted; returns how many. */
unsigned ph_gate_addresses(
	const struct ph_gate *gate, char (*out)[128], unsigned most);

/* Dials and shakes hands; on_open and then on_line follow, or on_gone.
 * `patience`: ns until the carrier stands. */
int ph_gate_dial(struct ph_gate *gate, const struct ph_address *address,
	int64_t patience, void *target, struct ph_session **out);

/* What is known of a session that became a line. */
struct ph_session_peer {
	uint8_t key[PH_PUBLIC_KEY];
	char id[PH_NODE_ID_TEXT];
	char name[40];
	char address[64]; /* of the carrier's other end, with port */
	bool dialled;	  /* by this node */
	bool by_passphrase;
	void *target;
};

const struct ph_session_peer *ph_session_peer(const struct ph_session *session);
struct ph_carrier *ph_session_carrier(struct ph_session *session);
/* The session's frames now belong to this line, until it is gone. */
void ph_session_set_line(struct ph_session *session, struct ph_line *line);
/* Its dialling came to an end: `target` may go before the session does. */
void ph_session_settled(struct ph_session *session);
void ph_session_close(struct ph_session *session);

/* A carrier that ATTACHed is handed on: from now on its events go there. The
 * session is forgotten. */
void ph_session_hand_over(struct ph_session *session,
	const struct ph_carrier_events *events, void *context);
/* Told of every ATTACH of a trusted peer; 0 when it was taken. */
void ph_gate_set_attach(struct ph_gate *gate,
	int (*attach)(void *context, struct ph_session *session,
		const struct ph_attach *attach),
	void *context);
/* Told of every carrier that a trusted peer offers because it was asked for
 * one; 0 when it was taken. */
void ph_gate_set_offered(struct ph_gate *gate,
	int (*offered)(void *context, struct ph_session *session,
		const struct ph_attach *offer),
	void *context);
/* Sessions that are not proven yet. */
unsigned ph_gate_strangers(const struct ph_gate *gate);

#endif
