#ifndef PH_NODE_WIRE_H
#define PH_NODE_WIRE_H

#include <uthash.h>

#include "kernel/terminal.h"
#include "node/race.h"
#include "node/wires.h"
#include "proto/attach.h"
#include "proto/rate.h"
#include "proto/resume.h"
#include "proto/way.h"

/*
 * One laid connection, as its node sees it: the out half (this node owns the
 * output), the in half, or a local one that is both. Shared by wires.c (the
 * table and the calls), wire_out.c, wire_in.c and wire_seat.c.
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
	uint64_t generation;  /* see proto/resume.h */
	char peer[40];	      /* the other node's name */
	char via[PH_VIA_MAX]; /* out: how carriers are to come; "": any way */
	char transport[8];
	int64_t since; /* wall clock, ns */

	struct ph_carrier *carrier;
	struct ph_session *session; /* in: what brought the carrier */
	struct ph_pipe *pipe;
	struct ph_counters given; /* the pipe's, once it is gone */
	struct ph_counters taken;
	struct ph_rate rate;   /* once attached */
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
	struct race *race;		   /* NULL: no dial is under way */
	uint8_t question[PH_ATTACH_TOKEN]; /* an offer repeats it */
	char unreached[160];

	/* of wire.close, while what is on its way is delivered */
	ph_handle leave_ticket;
	struct ph_timer leaving;
	ph_handle parting; /* an output, asked for the end of its message */
	struct ph_boundary boundary; /* that is it */

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

/* How long another server of this node may take to answer. */
#define WIRE_PATIENCE (5 * PH_SECOND)

/* Consumed streams that are remembered. */
#define WIRES_DONE 1024

struct ph_wires {
	struct ph_node *node;
	struct wire_way *ways; /* by peer */
	struct wire_fate *fates;
	struct wire_detour *detours; /* by connection */
	char done[WIRES_DONE][96];
	unsigned done_next;
	struct wire *table;
	uint64_t last_claim;
	struct ph_deferrable sampling; /* wire_rate.c */
	struct wire_saying *sayings;   /* wire_word.c: untold words */
	struct ph_timer saying;
	/* wire_leave.c: */
	struct ph_timer looking;
	int64_t left_due;
	void (*left)(void *context);
	void *left_context;
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
/* wire_word.c: tells another server of this node, in order, later when the door
 * has no room; nobody waits for the answer. */
void wire_word(
	struct ph_wires *wires, uint16_t method, struct ph_writer *writer);
void wire_words_fini(struct ph_wires *wires);
/* The stream stands for the first time, or again: its counters begin. */
void wire_attached(struct wire *wire);
/* wire_rate.c: samples every wire's counters, about once a second while the
 * loop turns anyway. */
void wire_rate_start(struct ph_wires *wires);
void wire_rate_stop(struct ph_wires *wires);
/* What passed both ends; over a carrier the other end's word counts, not what
 * left here. */
struct ph_rate_count wire_count(const struct wire *wire);
/* wire_calls.c: serves wire.open, wire.close, wire.flows. */
void wire_calls_serve(struct ph_wires *wires);

/* wire_out.c: gets a carrier to the peer and attaches the output. */
void wire_out_open(struct wire *wire);
/* For wire_way.c: a carrier is there, dialled by us or by the
 * peer; there will be none this time (`absent`: nobody listens there). The last
 * may free it. */
void wire_out_opened(struct wire *wire, struct ph_carrier *carrier);
void wire_out_came(struct wire *wire, struct ph_session *session);
void wire_out_lost(struct wire *wire, const char *reason, bool absent);
void wire_out_cut(struct wire *wire, const char *why);
/* The peer was heard of: a lost carrier is dialled now. */
void wire_out_nudge(struct wire *wire);
/* wire_way.c: gets the next carrier, by dialling or by asking to be dialled;
 * wire_out_came or wire_out_lost follows, maybe before it returns. */
void wire_way_want(struct wire *wire);
/* A line to the peer came up while a dial is under way, maybe in vain. */
void wire_way_there(struct wire *wire);
void wire_way_opened(struct wire *wire);
void wire_way_failed(struct wire *wire, int reason, const char *why);
void wire_way_serve(struct ph_wires *wires);
void wire_way_fini(struct ph_wires *wires);
/* wire_seat.c */
int wire_in_attach(void *context, struct ph_session *session,
	const struct ph_attach *attach);
/* wire_in.c: the receiver's end of a stream. What its carrier says
 * comes to the wire from now on. */
void wire_in_carry(struct wire *wire);
/* A pipe into the input; of a stream that was consumed, into nothing. */
int wire_in_connect(struct wire *wire, ph_handle input);
/* ATTACHED: 0, or one status for every refusal. */
void wire_in_answer(struct wire *wire, uint8_t status, uint64_t next);
/* What the input's server has taken. */
struct ph_ack wire_in_taken(const struct wire *wire);
/* What the machine wants; it may end the wire. */
void wire_in_perform(
	struct wire *wire, const struct ph_resume_outputs *outputs);
/* The pipe is to tell when the next acknowledgement is due. */
void wire_in_ask_pipe(struct wire *wire);
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
/* wire_leave.c: nothing more goes in, unless its output ends `by_itself`, and
 * when all has come out, or after `lasts` ns, it goes; then the ticket is
 * answered. False: nothing stands here that could be waited for. */
bool wire_leave(
	struct wire *wire, ph_handle ticket, int64_t lasts, bool by_itself);
/* Nothing more goes in behind the message that passes. */
void wire_part(struct wire *wire);
/* It goes, however. */
void wire_left(struct wire *wire);
/* wire_local.c: both ends are here. */
int wire_local_open(struct wire *wire);
void wire_local_cut(struct wire *wire, const char *why);

#endif
