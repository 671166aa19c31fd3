#ifndef PH_KERNEL_DETOUR_INNER_H
#define PH_KERNEL_DETOUR_INNER_H

#include "kernel/detour.h"
#include "kernel/pipe.h"

/*
 * A detour from within. Shared by detour.c (what the ends say last, and what
 * is made of it) and detour_change.c (a filter comes and goes).
 */
struct ph_detour {
	struct ph_kernel *kernel;
	const struct ph_detour_events *events;
	void *context;
	struct ph_pipe *pipe;	/* NULL: gone */
	struct ph_pipe *up;	/* what the output feeds while not `pipe` */
	struct ph_pipe *coming; /* to a filter that has not begun to read */
	enum ph_detour_state state;
	enum ph_detour_state told;
	bool bypass;
	bool waits;    /* for the end of a message: boundary */
	bool leaving;  /* the filter is to go */
	bool parting;  /* the output is */
	bool finished; /* the output said so, to `up` */
	bool gone;     /* the output broke off, or has left */
	bool ours;     /* it is us who finishes `up` */
	bool drained;  /* END came out of the filter */
	bool quit;     /* the one that was coming did */
	bool broken;   /* the filter did */
	bool in_half;  /* in the middle of a message */
	int reason;    /* of the newest breakdown */
	ph_handle output;
	ph_handle in; /* the filter that comes */
	ph_handle out;
	struct ph_gap base; /* what `pipe` had when the filter came */
	struct ph_gap lost;
	struct ph_task settle;
	struct ph_boundary boundary;
};

/* An end that nobody listens to; the guards of `up` and of `pipe`. */
extern const struct ph_end detour_nobody;
extern const struct ph_guard detour_up_guard;
extern const struct ph_guard detour_pipe_guard;

/* Goes over to a state; it is told at the end of the turn. */
void detour_be(struct ph_detour *detour, enum ph_detour_state state);
/* The output is fed elsewhere: what remains of `up` is the filter's. */
void detour_retire(struct ph_pipe *pipe);
/* Told when the message that passes has ended; 0 or -EPIPE. */
int detour_wait_for_boundary(
	struct ph_detour *detour, void (*boundary)(void *context));
void detour_stop_waiting(struct ph_detour *detour);
/* Whether a breakdown of the filter is ours to mend. */
bool detour_is_ours(const struct ph_detour *detour);
/* The output is refused, and `up` is over. */
bool detour_is_held(const struct ph_detour *detour);
/* Not with the one that comes: it gets CUT. */
void detour_drop_coming(struct ph_detour *detour);
/* The filter's output feeds `pipe` no more. */
void detour_lose_filter(struct ph_detour *detour, int reason);
/* The pipe is no concern of ours any more. */
void detour_let_go(struct ph_detour *detour);
/* The output feeds `pipe` itself again. */
void detour_connect_directly(struct ph_detour *detour);
/* What is to be done between two turns. */
void detour_settle(struct ph_task *task);

#endif
