#ifndef PH_KERNEL_PIPE_INNER_H
#define PH_KERNEL_PIPE_INNER_H

#include "kernel/backlog.h"
#include "kernel/pipe.h"

/*
 * A pipe from within. Shared by pipe.c (what is sent and taken), pipe_full.c
 * (policies that may drop), pipe_end.c (how a pipe ends, and who stands in its
 * way) and pipe_road.c (the conduit, and the views).
 */
struct ph_pipe {
	struct ph_kernel *kernel;
	ph_handle handle;
	struct ph_queue queue;
	struct ph_backlog *backlog; /* with a policy that may drop, else NULL */
	struct ph_end source;
	struct ph_end sink;
	struct ph_pipe_watcher watcher;
	struct ph_pipe_limits limits;
	struct ph_counters in;
	struct ph_counters out;
	int64_t blocked_since; /* 0: not refused */
	int reason;	       /* first one told */
	bool source_open;
	bool sink_open;
	bool ended;	 /* END or CUT was appended */
	bool finished;	 /* it was END */
	bool wants_room; /* the source was refused */
	bool late;	 /* the rest of a message is not for this pipe */
	bool held;	 /* over, and the source shall not know yet */
	const struct ph_guard *guard; /* NULL */
	void *guard_context;
	uint64_t given;	  /* backlog: bytes since the sink had its turn */
	int64_t taken_in; /* bytes until on_taken */
	struct ph_task taken;
	struct ph_task readable;
	struct ph_task room;
	struct ph_task closed;
	struct ph_task gone;
};

#define pipe_of(task, member)                                                  \
	((struct ph_pipe *)((char *)(task)-offsetof(struct ph_pipe, member)))

static inline void pipe_defer(struct ph_pipe *pipe, struct ph_task *task)
{
	pipe->kernel->hal.defer(pipe->kernel->hal.context, task);
}

static inline void pipe_cancel(struct ph_pipe *pipe, struct ph_task *task)
{
	pipe->kernel->hal.cancel(pipe->kernel->hal.context, task);
}

static inline void pipe_count_in(
	struct ph_pipe *pipe, uint8_t flags, uint32_t length)
{
	pipe->in.frames++;
	if (!ph_frame_is_control(flags)) {
		pipe->in.bytes += length;
		pipe->in.messages += flags & PH_FRAME_FIN;
	}
	if (!pipe->readable.queued)
		pipe_defer(pipe, &pipe->readable);
}

/* pipe.c: the source was refused; it has room again; if half is free. */
void pipe_want_room(struct ph_pipe *pipe);
void pipe_give_room(struct ph_pipe *pipe);
void pipe_offer_room(struct ph_pipe *pipe);
/* pipe_full.c */
int pipe_send_backlog(struct ph_pipe *pipe, const struct ph_frame *frame,
	const struct ph_segment *segment);
/* pipe_end.c: tasks of a pipe. */
void pipe_run_closed(struct ph_task *task);
void pipe_run_gone(struct ph_task *task);

#endif
