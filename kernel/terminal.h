#ifndef PH_KERNEL_TERMINAL_H
#define PH_KERNEL_TERMINAL_H

#include "kernel/pipe.h"

/*
 * A port of a server. An output feeds pipes, an input is fed by pipes. `out`
 * and `in` hold one pipe at a time; `mux` copies every message to all of its
 * pipes (payloads shared), `combine` takes turns among its pipes, message by
 * message. Which pipe exists is decided elsewhere.
 */
enum ph_direction {
	PH_OUT,
	PH_MUX,
	PH_IN,
	PH_COMBINE
};

struct ph_terminal;

struct ph_terminal_ops {
	/* A pipe was attached. */
	void (*on_connected)(void *context, struct ph_terminal *terminal);
	/* Output: room after -EAGAIN. */
	void (*on_room)(void *context, struct ph_terminal *terminal);
	/* Input: ph_terminal_receive has something. Comes again each turn
	 * while something is left. */
	void (*on_readable)(void *context, struct ph_terminal *terminal);
	/* Output: a pipe left: 0 when its stream was finished and consumed,
	 * else a negative errno. (Inputs see END or CUT as frames.) */
	void (*on_closed)(
		void *context, struct ph_terminal *terminal, int reason);
};

/* Every slot may be NULL. `ops` and `context` must outlive the terminal. */
int ph_terminal_create(struct ph_kernel *kernel, enum ph_direction direction,
	const struct ph_terminal_ops *ops, void *context,
	struct ph_terminal **out);
/* Cuts its pipes; no callback comes after this. */
void ph_terminal_destroy(struct ph_terminal *terminal);

ph_handle ph_terminal_handle(const struct ph_terminal *terminal);
struct ph_terminal *ph_terminal_find(
	struct ph_kernel *kernel, ph_handle handle);
enum ph_direction ph_terminal_direction(const struct ph_terminal *terminal);
unsigned ph_terminal_pipes(const struct ph_terminal *terminal);
/* Outputs: until so many pipes are there at once, it is to its server as if
 * there were none, so that all of them get the stream from its beginning; once.
 * 0: whoever is there will do. */
void ph_terminal_gather(struct ph_terminal *terminal, unsigned count);
struct ph_pipe *ph_terminal_pipe(struct ph_terminal *terminal, unsigned index);

/* Output -> input on this thread. -ESTALE: no such terminal; -EINVAL:
 * direction; -EBUSY: an `out` or `in` that has its pipe already. */
int ph_terminal_connect(struct ph_kernel *kernel, ph_handle output,
	ph_handle input, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out);
/* Output -> a carrier. */
int ph_terminal_connect_sink(struct ph_kernel *kernel, ph_handle output,
	struct ph_end sink, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out);
/* A carrier -> input. */
int ph_terminal_connect_source(struct ph_kernel *kernel, struct ph_end source,
	ph_handle input, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out);

/* Outputs. 0; -EAGAIN: full (a mux: one of its pipes is), on_room follows;
 * -ENOTCONN: no pipe, on_connected follows; -EMSGSIZE. The first frame on a
 * pipe is preceded by BEGIN, sent by the kernel. */
int ph_terminal_send(struct ph_terminal *terminal, uint8_t flags,
	const void *data, uint32_t length);
int ph_terminal_send_frame(
	struct ph_terminal *terminal, const struct ph_frame *frame);
/* The stream is finished; the pipes go when END was consumed. Who comes to a
 * mux before the last of them went gets BEGIN and END; so does, with no pipe
 * and nothing ever sent, the first pipe to come. */
void ph_terminal_finish(struct ph_terminal *terminal);
/* Every pipe breaks off: the other end gets CUT. */
void ph_terminal_abort(struct ph_terminal *terminal, int reason);
/* Shows a copy of every frame an output sends, one observer at a time (NULL:
 * none). Costs the sender one branch; may not call back into the terminal. */
void ph_terminal_set_tap(struct ph_terminal *terminal,
	void (*tap)(void *context, const struct ph_frame *frame),
	void *context);

/* The conduit of the one input an output feeds, or NULL: there are several
 * pipes, somebody looks, or something is on its way (kernel/pipe.h). After each
 * move ph_terminal_moved, or ph_terminal_conduit_full: on_room follows. */
struct ph_conduit *ph_terminal_conduit(struct ph_terminal *terminal);
void ph_terminal_moved(struct ph_terminal *terminal, uint64_t bytes);
void ph_terminal_conduit_full(struct ph_terminal *terminal);
/* Inputs: borrows; NULL: none. Only while all that was received has gone where
 * the conduit leads. */
void ph_terminal_set_conduit(
	struct ph_terminal *terminal, struct ph_conduit *conduit);
/* After its on_full: there is room again, or it is not for use any more. */
void ph_terminal_conduit_ready(struct ph_terminal *terminal);

/* Outputs, for kernel/detour.h. An output is in the middle of a message. */
bool ph_terminal_is_inside(const struct ph_terminal *terminal);
/* Somebody waits for the end of the message that passes; the waiter's own. */
struct ph_boundary {
	void (*reached)(void *context);
	void *context;
	struct ph_boundary *next;
};
/* Calls once, right after that. It is borrowed until then, until
 * ph_terminal_await_no_more, or as long as the terminal lives. */
void ph_terminal_await(
	struct ph_terminal *terminal, struct ph_boundary *boundary);
/* It waits there. */
void ph_terminal_await_no_more(
	struct ph_terminal *terminal, struct ph_boundary *boundary);
/* The output that feeds the pipe, or NULL. */
struct ph_terminal *ph_terminal_feeding(const struct ph_pipe *pipe);
/* In `from`'s place it feeds `to`; its server hears only that there is room. */
void ph_terminal_exchange(
	struct ph_terminal *terminal, struct ph_pipe *from, struct ph_pipe *to);
/* A free `out` feeds a pipe that has begun already, a free `in` is fed. 0,
 * -EINVAL, -EBUSY, -ENOMEM; nothing is changed before ph_terminal_adopt. */
int ph_terminal_may_adopt(struct ph_terminal *terminal, bool output);
void ph_terminal_adopt(struct ph_terminal *terminal, struct ph_pipe *pipe);
struct ph_end ph_terminal_end(struct ph_terminal *terminal);
/* As if the pipe had closed: on_closed follows from within. */
void ph_terminal_lose(
	struct ph_terminal *terminal, struct ph_pipe *pipe, int reason);

/* Inputs. True with the next frame, standing until released. Control frames
 * (BEGIN, END, GAP, CUT) come in their place. The source is the pipe's
 * handle, stamped by the kernel. Releasing END or CUT closes that pipe. */
bool ph_terminal_receive(struct ph_terminal *terminal, struct ph_frame *frame,
	ph_handle *source);
void ph_terminal_release(struct ph_terminal *terminal);
/* The input takes nothing more: its sources are told `reason` (-errno). */
void ph_terminal_refuse(struct ph_terminal *terminal, int reason);

#endif
