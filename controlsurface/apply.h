#ifndef PH_CONTROLSURFACE_APPLY_H
#define PH_CONTROLSURFACE_APPLY_H

#include "controlsurface/control_inner.h"
#include "controlsurface/wiring.h"

/*
 * One control.apply or control.unapply at its coordinator.
 *
 * Every host of the file, and every host that took part so far, is asked to
 * prepare; when all of them agree, the guest books of the inputs that are not
 * in the file are asked whether they have them; only then is any host told to
 * commit. A host that is away is asked again until the deadline: its line may
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
	bool needed; /* by the new file */
	bool knew;   /* it had a part of this scope */
	bool held;   /* prepared: tell it when nothing comes of it */
	enum ph_apply_answer answer;
	int status; /* of its last answer */
	struct ph_error error;
};

/* An input that is not in the file. */
struct ph_apply_guest {
	struct ph_wiring_guest is; /* the wiring's own text */
	enum ph_apply_answer answer;
	int status; /* of its last answer */
};

enum ph_apply_phase {
	PH_APPLY_PREPARE,
	PH_APPLY_CHECK,
	PH_APPLY_COMMIT
};

struct ph_apply {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	char by[PH_NAME_MAX + 1];
	char scope[PH_NAME_MAX + 1];
	char file[256];
	struct ph_wiring *wiring; /* NULL: unapply */
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
	unsigned servers;
	unsigned wires;
	struct ph_apply *prev;
	struct ph_apply *next;
};

/* How often a host that is away is asked again. */
#define PH_APPLY_AGAIN (250 * PH_MILLISECOND)

/* --- apply.c --- */

int64_t ph_apply_now(const struct ph_apply *apply);
/* -E2BIG, -ENOMEM. May move the hosts. */
int ph_apply_add(struct ph_apply *apply, const char *name, bool needed);
/* Goes on when nothing is pending. */
void ph_apply_step(struct ph_apply *apply);
/* Frees it; it has been answered. */
void ph_apply_end(struct ph_apply *apply);

/* --- apply_ask.c --- */

/* Prepare or commit, as the phase is; then ph_apply_step. */
void ph_apply_ask(struct ph_apply *apply, unsigned number);
/* Nothing comes of it: others may apply this scope. */
void ph_apply_let_go(struct ph_apply *apply);

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
void ph_apply_succeed(struct ph_apply *apply);
/* Some hosts have it, `host` does not. */
void ph_apply_partly(struct ph_apply *apply, const struct ph_apply_host *host);

/* --- apply_read.c --- */

/* Has the worker read the file, then calls ph_apply_begin,
 * unless the control surface has gone. -1: answered already. */
int ph_apply_read(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call);
/* Takes the wiring. */
void ph_apply_begin(struct ph_control *control, ph_handle ticket,
	const char *by, int64_t deadline, struct ph_wiring *wiring,
	const char *file);
/* Writes `findings: [...]` into the open map. */
void ph_apply_write_findings(struct ph_writer *writer,
	const struct ph_wiring *wiring, const char *file);

#endif
