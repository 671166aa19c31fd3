#ifndef PH_EXECUTOR_EXECUTOR_INNER_H
#define PH_EXECUTOR_EXECUTOR_INNER_H

#include "executor/executor.h"
#include "executor/unit.h"
#include "proto/calls.h"

/*
 * The supervisor's files: executor.c its units and its life, executor_calls.c
 * what the control surface asks (start, stop, attach), executor_hand.c what
 * people ask, executor_wish.c how they are answered, executor_group.c who is
 * started again with whom, executor_stop.c how all of them stop,
 * executor_show.c what is shown of it.
 */
struct ph_executor {
	struct ph_executor_config config; /* its texts are the ones below */
	char fqdn[254];
	char node[40];
	char *directory;
	uint8_t node_key[PH_PUBLIC_KEY];
	struct ph_unit *units; /* in the order of their start */
	struct ph_unit *names; /* the same, by name */
	unsigned count;
	uint64_t made; /* units, ever */
	struct ph_ends *ends;
	struct ph_leash *leash;
	uint64_t seed;
	bool stopping;
	int64_t grace;	       /* SIGTERM to SIGKILL, when it stops */
	struct ph_timer last;  /* who has not stopped then is cut */
	struct ph_timer turn;  /* the next ones stop then, at the latest */
	unsigned next_turn;    /* those that come first have less */
	unsigned turns;	       /* that are to come, and... */
	int64_t turns_want;    /* ...the time that they need, ns */
	struct ph_task task;   /* tells `stopped` */
	struct ph_task groups; /* looks who goes with whom */
	void (*stopped)(void *context);
	void *stopped_context;
};

struct ph_unit *ph_executor_find(
	struct ph_executor *executor, const char *name);
/* The unit that a call names; NULL when it was answered already. Else the
 * request is open. */
struct ph_unit *ph_executor_named(struct ph_executor *executor,
	ph_handle ticket, const struct ph_call *call,
	struct ph_request *request);
void ph_executor_refuse(struct ph_executor *executor, ph_handle ticket,
	enum ph_exit exit, const char *where, const char *next,
	const char *what);

/* Takes the spec and the ticket. `halted`: it is there, but does not run. */
void ph_executor_begin(struct ph_executor *executor, struct ph_spec *spec,
	ph_handle ticket, bool halted);
/* It is there; whether that it is ready is still to come. */
void ph_executor_answer_started(
	struct ph_executor *executor, struct ph_unit *unit, ph_handle ticket);

void ph_executor_answer_waits(struct ph_executor *executor, ph_handle ticket);

/* executor_calls.c */
void ph_executor_serve_check(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_start(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_attach(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_expect(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_stop(
	void *context, ph_handle ticket, const struct ph_call *call);

/* executor_hand.c */
void ph_executor_serve_run(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_ready(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_halt(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_restart(
	void *context, ph_handle ticket, const struct ph_call *call);
/* For what is on its way to it, when it is taken away; ns. */
int64_t ph_executor_patience(const struct ph_unit *unit);
/* It runs by that spec from now on, which it takes: unit_swap.c. */
void ph_executor_swap(struct ph_executor *executor, struct ph_unit *unit,
	struct ph_spec *spec);
/* It is taken away, when what is on its way to it within `wait` ns has come. */
void ph_executor_leave(
	struct ph_executor *executor, struct ph_unit *unit, int64_t wait);
/* It takes new bookings again, once it is not stopping any more. */
void ph_executor_look_at_drain(
	struct ph_executor *executor, struct ph_unit *unit);
void ph_executor_on_replaced(
	struct ph_unit *unit, const struct ph_error *error);

/* executor_wish.c */
/* Whoever waits for what it came to is answered. */
void ph_executor_answer_wishes(
	struct ph_executor *executor, struct ph_unit *unit);
/* It is taken away: they are told so. */
void ph_executor_drop_wishes(
	struct ph_executor *executor, struct ph_unit *unit);

/* executor_group.c: its state has changed. */
void ph_executor_stir(struct ph_executor *executor, struct ph_unit *unit);
/* Nobody waits for it any more: those that stopped with it start. */
void ph_executor_release(struct ph_executor *executor, const char *leader);

/* executor_stop.c: one of them has gone, or what they left behind has. */
void ph_executor_look_at_stop(struct ph_executor *executor);

/* executor_show.c */
const char *ph_executor_state(const struct ph_unit *unit);
void ph_executor_serve_list(
	void *context, ph_handle ticket, const struct ph_call *call);
void ph_executor_serve_logs(
	void *context, ph_handle ticket, const struct ph_call *call);

#endif
