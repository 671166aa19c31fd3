#ifndef PH_KERNEL_TERMINAL_INNER_H
#define PH_KERNEL_TERMINAL_INNER_H

#include "kernel/filler.h"
#include "kernel/terminal.h"
#include "kernel/turns.h"

/*
 * Inside of kernel/terminal.h: what passes through a terminal is in terminal.c,
 * how pipes come to it and leave it in terminal_connect.c.
 */
struct ph_terminal {
	struct ph_kernel *kernel;
	ph_handle handle;
	enum ph_direction direction;
	const struct ph_terminal_ops *ops;
	void *context;
	struct ph_turns turns;
	struct ph_filler filler; /* mux: frames its pipes share */
	bool streamed; /* output: something was sent since its creation */
	bool finished; /* output: its stream ended; so it does for who comes */
	bool inside;   /* output: in the middle of a message */
	bool watched;  /* output: by a tap, or for a message's end */
	unsigned gathers; /* output: pipes it waits for; 0: for none */
	struct ph_boundary *boundaries; /* waited for; in order */
	void (*tap)(void *context, const struct ph_frame *frame);
	void *tap_context;
	struct ph_conduit *conduit; /* input: NULL, or borrowed */
	struct ph_task connected;
	struct ph_task readable; /* combine */
	struct ph_task room;	 /* mux */
	struct ph_task rest;	 /* mux */
};

static inline void ph_terminal_defer(
	struct ph_terminal *terminal, struct ph_task *task)
{
	terminal->kernel->hal.defer(terminal->kernel->hal.context, task);
}

static inline bool ph_terminal_is_output(const struct ph_terminal *terminal)
{
	return terminal->direction == PH_OUT || terminal->direction == PH_MUX;
}

/* terminal_connect.c: the pipe has left. */
void ph_terminal_forget(
	struct ph_terminal *terminal, const struct ph_pipe *pipe);

#endif
