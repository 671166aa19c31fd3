#ifndef PH_CONTROLSURFACE_CONTROL_INNER_H
#define PH_CONTROLSURFACE_CONTROL_INNER_H

#include "controlsurface/connectome.h"
#include "controlsurface/control.h"
#include "controlsurface/part.h"
#include "proto/calls.h"

/*
 * What the files of the control surface share:
 *
 *   control.c         create, load, serve
 *   control_call.c    calls to other servers, a bounded number at a time
 *   control_drive.c   the connections' shell: outputs become calls
 *   part_prepare.c    may this node's part be so
 *   part_commit.c     make it durable, then bring it about
 *   apply.c           the coordinator: prepare everywhere, then commit
 *   apply_read.c      the wiring file, on the worker
 *   apply_ask.c       one host of it; apply_answer.c: how it ends
 *   apply_check.c     inputs that are not in the file
 *   override.c        filters, put in and taken out by hand
 *   views.c           control.connections, views_show.c, views_tap.c
 */

/* One scope as this node has it. */
struct ph_control_scope {
	char name[PH_NAME_MAX + 1];
	struct ph_part *part; /* NULL until its first commit is durable */
	uint8_t *bytes;	      /* the part as the store keeps it */
	size_t length;
	bool committing;
	uint64_t round;	   /* of starting servers */
	unsigned starting; /* answers its connections wait for */
	UT_hash_handle hh;
};

/* Work under way that must be let go of when the control surface goes. */
struct ph_control_work {
	void (*abandon)(struct ph_control_work *work); /* frees it */
	struct ph_control_work *prev;
	struct ph_control_work *next;
};

struct ph_control_call;
struct ph_control_hold;
struct ph_apply;

struct ph_control {
	struct ph_control_config config;
	char node[PH_NAME_MAX + 1];
	struct ph_connectome connectome;
	struct ph_jitter jitter;
	struct ph_writer *writer; /* for one call or answer at a time */
	struct ph_control_scope *scopes;
	struct ph_control_hold *holds;
	struct ph_control_work *works;
	struct ph_apply *applies;
	unsigned applying; /* files at the worker */
	uint64_t rounds;
	uint64_t changes; /* of what is declared, in this life */

	struct ph_control_call *waiting;
	struct ph_control_call *flying;
	unsigned flying_count;
	struct ph_task pump;
	struct ph_task beginning; /* of ready connections */

	struct ph_timer retry;
	bool loaded;
	bool skipped; /* a scope could not be read back */
	bool quiet;
};

/* Grows with every change of what is declared here, also over restarts: the
 * epoch counts them. */
static inline uint64_t ph_control_revision(const struct ph_control *control)
{
	return (control->config.epoch << 20) + control->changes;
}

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
/* Nobody needs its answer; a refusal is logged. */
void ph_control_tell(struct ph_control *control, uint16_t method);
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
ph_call_fn ph_control_serve_carrier;

/* --- part_prepare.c, part_commit.c --- */

ph_call_fn ph_control_serve_prepare;
ph_call_fn ph_control_serve_commit;

struct ph_control_scope *ph_control_scope(
	struct ph_control *control, const char *name);
/* Gives the scope a part and what goes with it; NULL: no memory, and then
 * nothing was taken. */
struct ph_control_scope *ph_control_scope_set(struct ph_control *control,
	struct ph_part *part, uint8_t *bytes, size_t length);
/* Edges, servers and seeds of a scope that was just loaded or committed;
 * `old` may be NULL. */
void ph_control_bring_about(struct ph_control *control,
	struct ph_control_scope *scope, const struct ph_part *old);
/* Once more those servers that the executor has not taken. */
void ph_control_start_missing(struct ph_control *control);
/* True when another node is between prepare and commit of this scope. */
bool ph_control_is_held(
	struct ph_control *control, const char *scope, const char *by);
void ph_control_hold(
	struct ph_control *control, const char *scope, const char *by);
void ph_control_unhold(struct ph_control *control, const char *scope);
void ph_control_holds_fini(struct ph_control *control);

/* --- apply.c --- */

ph_call_fn ph_control_serve_apply;
ph_call_fn ph_control_serve_unapply;

/* --- override.c --- */

ph_call_fn ph_control_serve_interpose;
ph_call_fn ph_control_serve_withdraw;
/* Enters what a flow says of its filter. */
void ph_override_take(struct ph_edge *edge, struct ph_value flow);
/* `via` and `override` of one connection. */
void ph_override_write(struct ph_writer *writer, const struct ph_edge *edge);
/* The stream waits for a filter that broke; the override's reason says why. */
bool ph_override_holds(const struct ph_edge *edge);

/* --- views*.c --- */

ph_call_fn ph_control_serve_connections;
ph_call_fn ph_control_serve_show;
ph_call_fn ph_control_serve_tap;

/* Enters one flow into its edge. */
void ph_control_take_flow(
	struct ph_edge *edge, struct ph_value item, int64_t now);
/* Enters one item of wire.flows, or the last one that came with the news. */
void ph_control_take_flow(
	struct ph_edge *edge, struct ph_value item, int64_t now);
/* Enters what wire.flows answered into the edges. */
void ph_control_take_flows(struct ph_control *control, struct ph_value body);
/* One item of control.connections, with `kind` for control.show. */
void ph_control_write_edge(struct ph_control *control,
	const struct ph_edge *edge, const char *kind);
/* Keeps the flows of this look for the next one. */
void ph_control_keep_look(struct ph_control *control);

#define PH_CONTAINER(pointer, type, member)                                    \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
