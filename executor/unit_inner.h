#ifndef PH_EXECUTOR_UNIT_INNER_H
#define PH_EXECUTOR_UNIT_INNER_H

#include "executor/unit.h"

/*
 * A unit's files: unit.c its runs and its life, unit_ports.c its terminals,
 * unit_book.c its place in the guest book, unit_hand.c what people ask of it,
 * unit_leave.c how it ends, unit_swap.c what a changed file does.
 */

/* unit.c: the one door for changes of state. */
void ph_unit_step(struct ph_unit *unit, enum ph_policy_event event);
void ph_unit_tell_started(struct ph_unit *unit, const struct ph_error *error);
/* Cuts its streams, for `reason`, and has it stopped; none: nothing. */
void ph_unit_end_run(struct ph_unit *unit, int reason, int64_t grace);
/* When it is to go, and nothing of it is left. */
void ph_unit_check_gone(struct ph_unit *unit);

/* unit_ports.c */
int ph_unit_open_ports(struct ph_unit *unit);
bool ph_unit_is_output(const struct ph_unit *unit, unsigned index);
/* After a run nothing may look finished that is not: outputs break off (after
 * a good end nobody is left on them), inputs are refused. */
void ph_unit_cut(struct ph_unit *unit, int reason);
void ph_unit_refuse_inputs(struct ph_unit *unit, int reason);
/* What came while nobody ran is told to the new run. */
void ph_unit_greet_run(struct ph_unit *unit);

/* unit_book.c */
int ph_unit_register(struct ph_unit *unit);
void ph_unit_unregister(struct ph_unit *unit);
/* To the guest book: by a mask those that run are found first. */
void ph_unit_tell_state(struct ph_unit *unit);

/* unit.c: a run of it, `held` until it begins. */
int ph_unit_open_run(struct ph_unit *unit, struct ph_run **out,
	const struct ph_run_host *host, bool held, struct ph_error *error);
extern const struct ph_run_host ph_unit_run_host;
/* A run has begun, or is over. */
void ph_unit_count_run(struct ph_unit *unit);
void ph_unit_tell_ended(struct ph_unit *unit);

/* unit_change.c: nothing comes of the replacement that is under way. */
void ph_unit_keep(struct ph_unit *unit, enum ph_exit code, const char *what);
/* The run that there is has given way. */
void ph_unit_changed(struct ph_unit *unit);
/* No run is left of one. */
bool ph_unit_change_is_over(const struct ph_unit *unit);

/* unit_leave.c: what runs has `lasts` ns to finish, and is cut some time after
 * that, whatever it does. */
void ph_unit_end_gently(struct ph_unit *unit, int64_t lasts);
/* The timer, of one that leaves or ends. */
void ph_unit_leave_due(struct ph_unit *unit);

/* unit_swap.c: the run has yielded; true: its terminals are the next one's. */
bool ph_unit_hand_over(struct ph_unit *unit);
/* It has gone. */
void ph_unit_take_swap(struct ph_unit *unit);

/* unit_hand.c: what was asked of it while a run went. */
void ph_unit_resume(struct ph_unit *unit);

#endif
