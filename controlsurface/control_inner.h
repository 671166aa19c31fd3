#ifndef PH_CONTROLSURFACE_CONTROL_INNER_H
#define PH_CONTROLSURFACE_CONTROL_INNER_H

#include "controlsurface/connectome.h"
#include "controlsurface/control.h"
#include "controlsurface/part.h"
#include "proto/calls.h"

/*
 * What the files of the control surface share:
 *
 *   control.c         create, serve
 *   control_load.c    what was applied before, read back
 *   control_call.c    calls to other servers, a bounded number at a time
 *   control_renew.c   bookings go on
 *   control_drive.c   the connections' shell: outputs become calls;
 *                     control_reply.c: and answers events
 *   part_check.c      may this node's part be so
 *   part_survey.c     what would change here
 *   part_commit.c     make it durable
 *   scope.c           the parts that are true; scope_wires.c, scope_servers.c
 *                     bring them about
 *   pact.c            this node's side of a change of several nodes;
 *                     pact_ask.c asks the others, pact_record.c the disk,
 *                     pact_prepare.c, pact_call.c its calls; pact_doubt.c tells
 *                     people
 *   apply.c           the coordinator: look everywhere, prepare, decide
 *   decision.c        what was decided here, until everybody has it;
 *                     decision_record.c
 *   plan.c            what an apply would do, kept to be applied
 *   apply_choose.c    ends by criteria; apply_recall.c, apply_place.c,
 *                     apply_keep.c, apply_hold.c
 *   apply_read.c      the wiring file, on the worker
 *   apply_ask.c       one host of it; apply_answer.c: how it ends
 *   apply_check.c     inputs that are not in the file
 *   override.c        filters, put in and taken out by hand
 *   manual.c          wires, laid, taken and moved by hand; manual_call.c
 *   diff.c            how what is differs from what is declared
 *   control_needs.c   servers that need others of other nodes
 *   control_alarms.c  the alarms of wiring files; alarm_marks.c: ack, shelve
 *   views.c           control.connections, views_show.c, views_tap.c
 */

/* One scope as this node has it. */
struct ph_control_scope {
	char name[PH_NAME_MAX + 1];
	struct ph_part *part; /* NULL until its first commit is durable */
	uint8_t *bytes;	      /* the part as the store keeps it */
	size_t length;
	bool committing;
	bool fresh;	   /* applied in this life, not read back */
	bool eager;	   /* its servers are started because of an apply */
	uint64_t changed;  /* revision when it became so */
	uint64_t round;	   /* of starting servers */
	unsigned starting; /* answers its connections wait for */
	UT_hash_handle hh;
};

/* One whose part here could not be read back. */
struct ph_lost_scope {
	char name[PH_NAME_MAX + 1];
	int64_t since; /* wall ns: of this start */
	struct ph_lost_scope *next;
};

/* Work under way that must be let go of when the control surface goes. */
struct ph_control_work {
	void (*abandon)(struct ph_control_work *work); /* frees it */
	struct ph_control_work *prev;
	struct ph_control_work *next;
};

struct ph_control_call;
struct ph_pact;
struct ph_decision;
struct ph_plan;
struct ph_manual;
struct ph_mark;
struct ph_apply;

struct ph_control {
	struct ph_control_config config;
	char node[PH_NAME_MAX + 1];
	struct ph_connectome connectome;
	struct ph_jitter jitter;
	struct ph_writer *writer; /* for one call or answer at a time */
	struct ph_control_scope *scopes;
	struct ph_pact *pacts;	       /* by id */
	struct ph_decision *decisions; /* that were made here */
	struct ph_plan *plans;
	struct ph_manual *manuals; /* changes by hand */
	uint64_t overrides;
	struct ph_mark *marks; /* of alarms */
	unsigned mark_count;
	struct ph_control_work *works;
	struct ph_apply *applies;
	uint64_t transactions; /* begun here, in this life */
	uint64_t planned;
	unsigned applying; /* files at the worker */
	uint64_t rounds;
	uint64_t changes; /* of what is declared, in this life */

	struct ph_control_call *waiting;
	struct ph_control_call *flying;
	unsigned flying_count;
	struct ph_task pump;
	struct ph_task beginning; /* of ready connections */

	struct ph_timer retry;
	struct ph_timer renewal; /* of bookings */
	struct ph_timer needing; /* servers of other nodes: control_needs.c */
	int64_t need_pause;
	struct ph_timer watching; /* the alarms' next look */
	bool loaded;
	struct ph_lost_scope *lost;
	bool skipped; /* a scope could not be read back */
	bool quiet;
};

/* --- scope_lost.c --- */

void ph_control_lost_add(struct ph_control *control, const char *name);
/* It was applied anew. */
void ph_control_lost_found(struct ph_control *control, const char *name);
void ph_control_lost_free(struct ph_control *control);

/* --- control_load.c --- */

/* Reads everything, and goes on with it; again after a while when it cannot. */
void ph_control_load(struct ph_control *control);

/* --- control_call.c --- */

struct ph_reply {
	int status;	       /* enum ph_call_status */
	struct ph_value body;  /* PH_CALL_OK */
	struct ph_error error; /* anything else */
};

struct ph_ask;
typedef void ph_reply_fn(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply);

struct ph_ask {
	char destination[PH_NAME_MAX + 1];
	uint16_t method;
	int64_t timeout; /* ns */
	ph_reply_fn *reply;
	/* The asker's own; `context` must live until the reply or until the
	 * control surface goes. */
	void *context;
	char id[PH_CONNECTION_ID];
	uint64_t attempt;
	unsigned number;
};

/* Longest wait for this node's own servers. */
#define PH_ASK_HERE (5 * PH_SECOND)

/* Empties control->writer and hands it out. */
struct ph_writer *ph_control_writer(struct ph_control *control);
/* Sends what stands in control->writer. The reply comes once, later (without
 * memory never: have a deadline). */
void ph_control_ask(struct ph_control *control, const struct ph_ask *ask);
/* The road's own word: no line to that node, or none of its name is known. */
bool ph_reply_is_away(const struct ph_reply *reply, const char *node);
/* Nobody needs its answer; a refusal is logged. */
void ph_control_tell(struct ph_control *control, uint16_t method);
/* The same at another node; "" or its own name: here. */
void ph_control_tell_at(
	struct ph_control *control, const char *node, uint16_t method);
void ph_control_note(struct ph_control *control, const char *actor,
	const char *why, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
void ph_control_calls_init(struct ph_control *control);
void ph_control_calls_fini(struct ph_control *control);

void ph_control_work_begin(
	struct ph_control *control, struct ph_control_work *work);
void ph_control_work_end(
	struct ph_control *control, struct ph_control_work *work);

/* --- control_drive.c --- */

/* The edge may be gone afterwards. */
void ph_control_event(struct ph_control *control, struct ph_edge *edge,
	const struct ph_connection_event *event);

/* --- control_reply.c --- */

/* Of what a connection asked for; it may be gone. */
void ph_control_drive_reply(struct ph_control *control,
	const struct ph_ask *ask, const struct ph_reply *reply);
ph_call_fn ph_control_serve_carrier;

/* --- control_renew.c --- */

void ph_control_renew_start(struct ph_control *control);
void ph_control_renew_stop(struct ph_control *control);

/* --- part_check.c --- */

/* The part is given back; `error` is NULL when it may be so. */
typedef void ph_check_fn(struct ph_control *control, void *context,
	struct ph_part *part, const struct ph_error *error);

/* Takes the part. `done` is called once, now or later, or `abandon` when the
 * control surface goes. */
void ph_part_check(struct ph_control *control, struct ph_part *part,
	ph_check_fn *done, void (*abandon)(void *context), void *context);

/* --- part_survey.c --- */

ph_call_fn ph_control_serve_survey;

/* --- scope.c --- */

struct ph_control_scope *ph_control_scope(
	struct ph_control *control, const char *name);
/* Finds it, or enters it without a part; NULL: no memory. */
struct ph_control_scope *ph_control_scope_make(
	struct ph_control *control, const char *name);
void ph_control_scope_remove(
	struct ph_control *control, struct ph_control_scope *scope);
/* Gives the scope a part and what goes with it; NULL: no memory, and then
 * nothing was taken. */
struct ph_control_scope *ph_control_scope_set(struct ph_control *control,
	struct ph_part *part, uint8_t *bytes, size_t length);
/* What is durable becomes true. Takes part and bytes. */
void ph_control_scope_become(struct ph_control *control, struct ph_part *part,
	uint8_t *bytes, size_t length, const char *by);
/* The revision at which the scope became as it is; 0: there is none. */
uint64_t ph_control_scope_revision(
	struct ph_control *control, const char *name);
/* Writes store.put or store.delete of a scope's part into control->writer and
 * returns which. */
uint16_t ph_control_write_scope(struct ph_control *control,
	const struct ph_part *part, const uint8_t *bytes, size_t length);

/* --- scope_wires.c --- */

/* The scope's edges become its wires; `old` may be NULL. */
void ph_control_declare_wires(struct ph_control *control,
	const struct ph_control_scope *scope, const struct ph_part *old);
/* The scope's wires become what is declared and by hand. */
void ph_control_rewire(
	struct ph_control *control, const struct ph_control_scope *scope);
/* Its servers were taken or refused: its wires may begin. */
void ph_control_ready_wires(
	struct ph_control *control, const struct ph_control_scope *scope);
/* Those that are ready begin, some at a time. */
void ph_control_begin_wires(struct ph_control *control);

/* --- scope_servers.c --- */

/* Edges, servers and seeds of a scope that was just loaded or committed;
 * `old` may be NULL. */
void ph_control_bring_about(struct ph_control *control,
	struct ph_control_scope *scope, const struct ph_part *old);
/* Starts those that need nothing, or whose needs are there. */
void ph_control_start_free(
	struct ph_control *control, struct ph_control_scope *scope);
/* It may become that part, NULL: it stays as it is. Servers that would go by it
 * are told so: others, on nodes that hear of it sooner, end before them. */
void ph_control_expect(struct ph_control *control, const char *name,
	const struct ph_part *part);
/* Once more those servers that the executor has not taken. */
void ph_control_start_missing(struct ph_control *control);

/* --- part_commit.c --- */

ph_call_fn ph_control_serve_commit;
/* Copies an encoded part; NULL with the error told. */
uint8_t *ph_control_part_encode(struct ph_control *control,
	struct ph_value part, const char *scope, size_t *length,
	struct ph_error *error);

/* --- control_needs.c --- */

/* Asks other nodes for the servers that those of the scope need. */
void ph_control_needs_start(
	struct ph_control *control, const struct ph_control_scope *scope);

/* --- pact_doubt.c --- */

/* What is in doubt, into the open list of control.alarms. */
void ph_doubts_write_alarms(
	const struct ph_control *control, struct ph_writer *writer);
/* The same as the list "in_doubt" of lines, with what to do, into a map. */
void ph_doubts_write_lines(
	const struct ph_control *control, struct ph_writer *writer);

/* --- pact_call.c, decision.c: see pact.h, decision.h --- */

ph_call_fn ph_control_serve_prepare;
ph_call_fn ph_control_serve_abort;
ph_call_fn ph_control_serve_done;
ph_call_fn ph_control_serve_outcome;
ph_call_fn ph_control_serve_resolve;
ph_call_fn ph_control_serve_transactions;

/* --- plan.c --- */

ph_call_fn ph_control_serve_plan;
ph_call_fn ph_control_serve_plans;
void ph_plans_fini(struct ph_control *control);

/* --- apply.c --- */

ph_call_fn ph_control_serve_apply;
ph_call_fn ph_control_serve_unapply;

/* --- override.c --- */

ph_call_fn ph_control_serve_interpose;
ph_call_fn ph_control_serve_withdraw;
/* Enters what a flow says of its filter. */
void ph_override_take(struct ph_edge *edge, struct ph_value flow);
/* `via` and `override` of one connection. */
void ph_override_write(struct ph_control *control, const struct ph_edge *edge);
/* The stream waits for a filter that broke; the override's reason says why. */
bool ph_override_holds(const struct ph_edge *edge);

/* --- manual_call.c; see manual.h --- */

ph_call_fn ph_control_serve_connect;
ph_call_fn ph_control_serve_disconnect;
ph_call_fn ph_control_serve_move;
ph_call_fn ph_control_serve_revert;

/* --- control_alarms.c --- */

ph_call_fn ph_control_serve_alarms;
/* They are looked at while there are any. */
void ph_control_alarms_start(struct ph_control *control);
/* What was raised stays so when the part is another one. */
void ph_control_alarms_keep(struct ph_part *part, const struct ph_part *old);

/* --- diff.c --- */

ph_call_fn ph_control_serve_diff;
ph_call_fn ph_control_serve_parts;

/* --- views*.c --- */

ph_call_fn ph_control_serve_connections;
ph_call_fn ph_control_serve_show;
ph_call_fn ph_control_serve_tap;

/* Enters one item of wire.flows, or the last one that came with the news. */
void ph_control_take_flow(struct ph_edge *edge, struct ph_value item);
struct ph_view_address;
/* Enters what wire.flows answered into the edges that were asked for; NULL:
 * into all. */
void ph_control_take_flows(struct ph_control *control,
	const struct ph_view_address *address, struct ph_value body);
/* One item of control.connections, with `kind` for control.show. */
void ph_control_write_edge(struct ph_control *control,
	const struct ph_edge *edge, const char *kind);

#define PH_CONTAINER(pointer, type, member)                                    \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
