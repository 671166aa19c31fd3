#ifndef PH_CONTROLSURFACE_APPLY_H
#define PH_CONTROLSURFACE_APPLY_H

#include "controlsurface/control_inner.h"
#include "controlsurface/transaction.h"
#include "controlsurface/wiring.h"

/*
 * One control.apply, control.unapply or control.plan at its coordinator.
 *
 *   choose   whoever is meant by criteria is chosen (apply_choose.h)
 *   survey   every host of the file, and every host that took part so far, is
 *            asked whether its part would do, and what it would change
 *   check    the guest books of inputs that are not in the file are asked
 *            whether they have them; a plan ends here
 *   prepare  each host whose part changes gives its word (transaction.h)
 *   commit   the decision is made durable, then all hear of it (decision.h)
 *
 * When one host alone changes it is told at once: its own store makes that
 * atomic. A host that is away is asked again until the deadline: its line may
 * be just coming up.
 */
enum ph_apply_answer {
	PH_APPLY_UNASKED, /* or away: will be asked again */
	PH_APPLY_ASKED,
	PH_APPLY_YES,
	PH_APPLY_NO,
	PH_APPLY_UNREACHED, /* gave up; only for hosts that need not be */
};

struct ph_apply_host {
	char name[PH_NAME_MAX + 1];
	bool needed;	      /* by the new file */
	bool knew;	      /* it had a part of this scope */
	bool takes;	      /* it takes part in the transaction */
	bool asked;	      /* to prepare: tell it when nothing comes of it */
	bool forgotten;	      /* nobody of that name is known here any more */
	bool recalled;	      /* it was asked who was chosen before, */
	unsigned asked_again; /* so often */
	enum ph_apply_answer answer;
	int status; /* of its last answer */
	struct ph_error error;
	uint64_t revision;	 /* of the node, when it was surveyed */
	uint64_t scope_revision; /* of this scope there */
	uint8_t *effects;	 /* encoded list, for a plan */
	size_t effects_length;
	uint64_t added, changed, removed;
};

/* An input that is not in the file. */
struct ph_apply_guest {
	struct ph_wiring_guest is; /* the wiring's own text */
	enum ph_apply_answer answer;
	int status; /* of its last answer */
};

enum ph_apply_phase {
	PH_APPLY_CHOOSE, /* ends by criteria: apply_choose.h */
	PH_APPLY_SURVEY,
	PH_APPLY_CHECK,
	PH_APPLY_PREPARE,
	PH_APPLY_COMMIT, /* one host alone */
	PH_APPLY_DECIDE, /* the decision is on its way */
};

/* What a plan expects to find: the revision of each owner. */
struct ph_apply_expected {
	char node[PH_NAME_MAX + 1];
	uint64_t revision;
};

/* What the caller of apply or plan gave besides the file. */
struct ph_apply_order {
	bool plan; /* look only */
	struct ph_apply_expected *expected;
	unsigned expected_count;
	char plan_id[24];	   /* it comes from this plan; "" */
	struct ph_choice *choices; /* that the plan made */
	unsigned choice_count;
};

struct ph_choice;

struct ph_apply {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	char by[PH_NAME_MAX + 1];
	char scope[PH_NAME_MAX + 1];
	char file[256];
	char id[PH_TRANSACTION_ID]; /* "" before it prepares */
	struct ph_wiring *wiring;   /* NULL: unapply */
	struct ph_apply_order order;
	struct ph_decision *decision; /* NULL: none, or it goes on alone */
	struct ph_plan *kept;	      /* what an apply of it will need */
	struct ph_apply_host *hosts;
	unsigned host_count;
	struct ph_apply_guest *guests;
	unsigned guest_count;
	struct ph_apply_host refusal; /* of a guest book, or the last away */
	enum ph_apply_phase phase;
	unsigned pending;
	int64_t call_deadline;
	int64_t deadline; /* of the phase */
	struct ph_timer again;
	uint64_t number; /* to know late replies */
	/* Of apply_choose.c: */
	struct ph_choice *choices;
	unsigned choice_count;
	const struct ph_wiring_wish *wish; /* that is being filled */
	struct ph_wiring_wish_line line;
	unsigned filled;
	unsigned directions; /* tried */
	struct ph_error unfilled;
	uint8_t *own_caps; /* encoded, of this node; apply_place.c */
	size_t own_length;
	struct ph_choice *planned; /* that is being held again */
	bool due;		   /* those that were away */
	unsigned servers;
	unsigned wires;
	struct ph_apply *prev;
	struct ph_apply *next;
};

/* How often a host that is away is asked again. */
#define PH_APPLY_AGAIN (250 * PH_MILLISECOND)

/* --- apply.c --- */

/* Begins with the survey; NULL: no memory. */
struct ph_apply *ph_apply_make(struct ph_control *control, ph_handle ticket,
	const char *by, const char *scope, int64_t deadline);
int64_t ph_apply_now(const struct ph_apply *apply);
/* -E2BIG, -ENOMEM. May move the hosts. */
int ph_apply_add(struct ph_apply *apply, const char *name, bool needed);
/* Goes on when nothing is pending. */
void ph_apply_step(struct ph_apply *apply);
bool ph_apply_is_late(const struct ph_apply *apply);
/* A phase begins, with a deadline of its own. */
void ph_apply_phase(struct ph_apply *apply, enum ph_apply_phase phase);
/* Asks those who take part once more, about something else. */
void ph_apply_enter(struct ph_apply *apply, enum ph_apply_phase phase);
/* Frees it; it has been answered. */
void ph_apply_end(struct ph_apply *apply);

/* --- apply_ask.c --- */

/* Survey, prepare or commit, as the phase is; then ph_apply_step. */
void ph_apply_ask(struct ph_apply *apply, unsigned number);
/* Nothing comes of it: those that prepared may forget it. */
void ph_apply_let_go(struct ph_apply *apply);
/* Writes the part of one host, or an empty one. */
void ph_apply_write_part(struct ph_apply *apply,
	const struct ph_apply_host *host, struct ph_writer *writer);

/* --- apply_decide.c --- */

/* Who takes part, and how: one host at once, several by a transaction. */
void ph_apply_prepare(struct ph_apply *apply);
/* All have prepared. */
void ph_apply_decide(struct ph_apply *apply);

/* --- apply_check.c --- */

/* Notes the inputs that are not in the file. -ENOMEM. */
int ph_apply_add_guests(struct ph_apply *apply);
/* Asks their guest books; true: there are answers to wait for. */
bool ph_apply_check(struct ph_apply *apply);
/* Those that were away are due. */
void ph_apply_check_again(struct ph_apply *apply);
/* One was refused, or not reached: see `refusal`. */
bool ph_apply_check_failed(const struct ph_apply *apply);

/* --- apply_answer.c: each answers and ends it --- */

void ph_apply_fail(struct ph_apply *apply, const struct ph_error *error);
void ph_apply_fail_by(struct ph_apply *apply, const struct ph_apply_host *host);
/* The one host that was to change refused. */
void ph_apply_fail_alone(
	struct ph_apply *apply, const struct ph_apply_host *host);
void ph_apply_succeed(struct ph_apply *apply);
/* It is decided, but not everybody has heard of it. */
void ph_apply_decided(struct ph_apply *apply);
/* Some hosts have it, `host` does not. */
void ph_apply_partly(struct ph_apply *apply, const struct ph_apply_host *host);

/* apply_begin.c: who takes part is known. */
void ph_apply_survey(struct ph_apply *apply);

/* --- apply_read.c --- */

/* Has the worker read the file, then calls ph_apply_begin,
 * unless the control surface has gone. -1: answered already. */
int ph_apply_read(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call);
/* --- apply_begin.c --- */

/* Takes the wiring, and what the order holds. */
void ph_apply_begin(struct ph_control *control, ph_handle ticket,
	const char *by, int64_t deadline, struct ph_wiring *wiring,
	const char *file, const struct ph_apply_order *order,
	struct ph_plan *kept);
void ph_apply_order_fini(struct ph_apply_order *order);

/* --- apply_read.c --- */

/* Writes `findings: [...]` into the open map. */
void ph_apply_write_findings(struct ph_writer *writer,
	const struct ph_wiring *wiring, const char *file);

#endif
