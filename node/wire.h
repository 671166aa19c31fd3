#ifndef PH_NODE_WIRE_H
#define PH_NODE_WIRE_H

#include <uthash.h>

#include "kernel/terminal.h"
#include "node/wires.h"
#include "proto/attach.h"
#include "proto/resume.h"
#include "proto/way.h"

/*
 * One laid connection, as its node sees it: the out half (this node owns the
 * output), the in half, or a local one that is both. Shared by wires.c (the
 * table and the calls), wire_out.c and wire_in.c.
 */
enum wire_side {
	WIRE_OUT,
	WIRE_IN,
	WIRE_LOCAL
};

struct wire {
	struct ph_wires *wires;
	char connection[96];
	enum wire_side side;
	uint64_t generation; /* see proto/resume.h */
	char peer[40];	     /* the other node's name */
	char transport[8];
	int64_t since; /* wall clock, ns */

	struct ph_carrier *carrier;
	struct ph_session *session; /* in: what brought the carrier */
	struct ph_pipe *pipe;
	struct ph_counters given; /* the pipe's, once it is gone */
	struct ph_counters taken;
	struct ph_queue queue; /* ATTACH, ATTACHED and ACK frames */
	struct ph_ack acked;   /* out: told by the receiver; in: told */
	struct ph_timer timer; /* of the machine below */
	union {
		struct ph_resume_out out;
		struct ph_resume_in in;
	};
	bool seated; /* the Hostess must hear when it leaves */
	bool attached;
	bool ended; /* in: END came */
	bool finished;
	bool closing;	/* over: nothing more happens but its end */
	bool resume;	/* in, a claim: it goes on with a stream */
	uint64_t next;	/* in, a claim: from this frame */
	int64_t absent; /* in: since when nobody listens at its sender's */

	/* out: how the next carrier comes; see wire_way.c */
	struct ph_way_attempt attempt;
	struct ph_timer asking;
	struct wire_race *race;		   /* NULL: no dial is under way */
	uint8_t question[PH_ATTACH_TOKEN]; /* an offer repeats it */
	char unreached[160];

	/* out, until attached */
	ph_handle ticket; /* of wire.open */
	ph_handle output;
	uint32_t limit; /* bytes that may wait; 0: the pipe's default */
	const struct ph_full_policy *full; /* and what when no more may */
	uint8_t token[PH_ATTACH_TOKEN];
	uint8_t peer_key[PH_PUBLIC_KEY];
	const char *why;

	UT_hash_handle hh; /* by side and connection */
	char key[100];
};

/* Consumed streams that are remembered. */
#define WIRES_DONE 128

struct ph_wires {
	struct ph_node *node;
	struct wire_way *ways; /* by peer */
	struct wire_fate *fates;
	struct wire_detour *detours; /* by connection */
	char done[WIRES_DONE][96];
	unsigned done_next;
	struct wire *table;
	uint64_t last_claim;
	bool closed;
};

struct wire *wire_find(
	struct ph_wires *wires, enum wire_side side, const char *connection);
/* Enters a new wire; an older one of the same key is cut first. */
struct wire *wire_create(
	struct ph_wires *wires, enum wire_side side, const char *connection);
/* A carrier that says it belongs to the connection: nothing else knows of it
 * until its claim was proven, and until then it disturbs no other. */
struct wire *wire_claim(struct ph_wires *wires, const char *connection);
/* The claim is proven: enters it as WIRE_IN; an older one is cut first. */
void wire_prove(struct wire *wire);
/* Out of the table; its memory goes. Pipe and carrier must be gone. */
void wire_free(struct wire *wire);
/* Sends what is in the wire's own queue. */
void wire_flush(struct wire *wire);
/* Answers wire.open, when it still waits. */
void wire_answer(struct wire *wire, const struct ph_error *error);
/* The pipe goes: its counters stay with the wire for the news. */
void wire_settle(struct wire *wire);
/* control.carrier: what became of a connection this node owns, and what has
 * flowed. */
void wire_news(struct wire *wire, bool finished, const char *reason);
/* control.carrier: the stream stands, its carrier is lost or back. */
void wire_tell(struct wire *wire, const char *state, const char *reason);
/* hostess.detach. */
void wire_detach(struct wire *wire);

/* hostess.attach: is this carrier right, which input is it for? `seated` runs
 * only while the wire still stands; a status other than 0 is a refusal. */
int wire_seat(
	struct wire *wire, void (*seated)(struct wire *wire, ph_handle input,
				   const struct ph_error *error));

bool wire_is_claim(const struct wire *wire);
/* Whatever side it is of. */
void wire_cut(struct wire *wire, const char *why);
/* Tells another server of this node; nobody waits for the answer. */
void wire_word(struct ph_node *node, uint16_t method, struct ph_writer *writer);
/* wire_calls.c: serves wire.open, wire.close, wire.flows. */
void wire_calls_serve(struct ph_wires *wires);

/* wire_out.c: gets a carrier to the peer and attaches the output. */
void wire_out_open(struct wire *wire);
/* For wire_way.c and wire_race.c: a carrier is there, dialled by us or by the
 * peer; there will be none this time (`absent`: nobody listens there). The last
 * may free it. */
void wire_out_opened(struct wire *wire, struct ph_carrier *carrier);
void wire_out_came(struct wire *wire, struct ph_session *session);
void wire_out_lost(struct wire *wire, const char *reason, bool absent);
void wire_out_cut(struct wire *wire, const char *why);
/* The peer was heard of: a lost carrier is dialled now. */
void wire_out_nudge(struct wire *wire);
/* wire_race.c: dials the peer's addresses until `due` (ns; 0: as long as the
 * transport will). wire_way_opened and wire_out_opened follow, or
 * wire_way_failed, maybe before it returns. -ENOENT, -EHOSTUNREACH, -ENOMEM:
 * neither. */
int wire_race_start(struct wire *wire, int64_t due);
/* Lets go of a dial that is under way. */
void wire_race_stop(struct wire *wire);
/* wire_way.c: gets the next carrier, by dialling or by asking to be dialled;
 * wire_out_came or wire_out_lost follows, maybe before it returns. */
void wire_way_want(struct wire *wire);
void wire_way_opened(struct wire *wire);
void wire_way_failed(struct wire *wire, int reason, const char *why);
void wire_way_serve(struct ph_wires *wires);
void wire_way_fini(struct ph_wires *wires);
/* wire_in.c */
int wire_in_attach(void *context, struct ph_session *session,
	const struct ph_attach *attach);
void wire_in_cut(struct wire *wire, const char *why);
/* Nobody listens at its sender's: cut, when that lasts. */
void wire_in_absent(struct wire *wire);
/* wire_done.c: streams that were consumed, known to the sender or not. */
void wire_done_add(struct ph_wires *wires, const char *connection);
bool wire_is_done(const struct ph_wires *wires, const char *connection);
/* The segment's last frame is END. */
bool wire_segment_ends(const struct ph_segment *segment);
/* The carrier is gone, END is in the pipe: will it be consumed? */
void wire_done_watch(struct wire *wire, struct ph_pipe *pipe);
void wire_done_fini(struct ph_wires *wires);
/* A pipe that takes everything and keeps nothing. */
int wire_drain(struct wire *wire, struct ph_end source,
	struct ph_pipe_watcher watcher);
/* wire_local.c: both ends are here. */
int wire_local_open(struct wire *wire);
void wire_local_cut(struct wire *wire, const char *why);

#endif
