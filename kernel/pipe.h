#ifndef PH_KERNEL_PIPE_H
#define PH_KERNEL_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/counters.h"
#include "kernel/kernel.h"
#include "kernel/queue.h"

/*
 * The one primitive that moves data: a one-way, ordered, bounded flow of
 * messages from a source end to a sink end. An end is a terminal or a carrier.
 *
 * Invariant: the sink sees every frame the source sent, in order, and then
 * exactly one END (the source finished) or CUT (it broke off). Full is
 * returned (-EAGAIN) and never waited for.
 *
 * Life: each end closes once; when both have, `on_gone` is called and the
 * memory goes at the end of the turn.
 */
struct ph_pipe;

/*
 * A shorter road into a sink: a descriptor, opaque here, into which the source
 * may move bytes itself, while nothing of the pipe's is on its way. Asked for
 * anew before each move: the next one may not be allowed.
 */
struct ph_conduit {
	int descriptor;
	/* It was found full: ph_terminal_conduit_ready follows. */
	void (*on_full)(struct ph_conduit *conduit);
};

struct ph_end_ops {
	/* To the sink: there is something to take. */
	void (*on_readable)(void *context, struct ph_pipe *pipe);
	/* To the source, after a refusal: there is room again. */
	void (*on_room)(void *context, struct ph_pipe *pipe);
	/* To the source, once it asked by ph_pipe_notify. May be NULL. */
	void (*on_taken)(void *context, struct ph_pipe *pipe);
	/* To the source: the sink closed; 0 when it had consumed END, else a
	 * negative errno. The source end counts as closed. */
	void (*on_closed)(void *context, struct ph_pipe *pipe, int reason);
	/* To the sink: its conduit, or NULL. May be NULL. */
	struct ph_conduit *(*conduit)(void *context, struct ph_pipe *pipe);
};

struct ph_end {
	const struct ph_end_ops *ops;
	void *context;
};

/* What becomes of a message that finds no room. */
enum ph_full_verdict {
	PH_FULL_RETRY, /* room was made: try again */
	PH_FULL_SKIP,  /* the new one is dropped, whole */
	PH_FULL_CLOSE, /* the connection is cut, what waits dropped */
};

/*
 * What to do when a pipe is full is decided elsewhere and handed in with the
 * connection; the kernel has the means. With a policy that may drop a source
 * is refused only until the sink had a turn, never because it is slow, and a
 * message is for the sink when it is whole: one that outgrows the pipe before
 * is dropped whole. Drops happen between messages, to none of which the sink
 * has anything, and a GAP record is where they were.
 */
struct ph_full_policy {
	const char *name;
	uint32_t messages; /* most that wait; 0: as the connection says */
	/* NULL: the source waits. Called while a frame of `length` bytes does
	 * not fit; RETRY only after ph_pipe_drop_oldest did something. */
	enum ph_full_verdict (*on_full)(struct ph_pipe *pipe, uint32_t length);
};

struct ph_pipe_limits {
	uint32_t bytes;			   /* 0: PH_PIPE_BYTES */
	uint32_t messages;		   /* 0: no limit of its own */
	const struct ph_full_policy *full; /* NULL: the source waits */
};

/* For policies. Would a frame fit if all were dropped that may be? */
bool ph_pipe_could_take(const struct ph_pipe *pipe, uint32_t length);
/* Drops the oldest message the sink has not begun; false: there is none. */
bool ph_pipe_drop_oldest(struct ph_pipe *pipe);

#define PH_PIPE_BYTES ((uint32_t)1024 * 1024)

/* Told once when both ends have closed: 0 finished, else the negative errno
 * of whoever broke it. The pipe's counters may be read a last time. */
struct ph_pipe_watcher {
	void (*on_gone)(void *context, struct ph_pipe *pipe, int reason);
	void *context;
};

/* -ENOMEM. Callbacks come by hal.defer, never from within a call here. */
int ph_pipe_create(struct ph_kernel *kernel, struct ph_end source,
	struct ph_end sink, struct ph_pipe_limits limits,
	struct ph_pipe_watcher watcher, struct ph_pipe **out);

ph_handle ph_pipe_handle(const struct ph_pipe *pipe);
struct ph_pipe *ph_pipe_find(struct ph_kernel *kernel, ph_handle handle);

/* Source side. 0; -EAGAIN: full, on_room follows; -EPIPE: the sink closed;
 * -EMSGSIZE: over PH_FRAME_MAX. A frame is taken whole or not at all. */
int ph_pipe_send(
	struct ph_pipe *pipe, uint8_t flags, const void *data, uint32_t length);
/* The same; payloads from PH_QUEUE_GATHER up are referenced. */
int ph_pipe_send_frame(struct ph_pipe *pipe, const struct ph_frame *frame);
/* The same for a frame that is a segment already, which is referenced: a mux
 * makes one for all of its pipes. */
int ph_pipe_send_segment(
	struct ph_pipe *pipe, const struct ph_segment *segment);
/* The source is in the middle of a message: its rest is not for this pipe,
 * nor lost. */
void ph_pipe_join_late(struct ph_pipe *pipe);
/* From a carrier: whole frames as received, referenced. Never refuses for
 * size (the bytes are here already); false asks the carrier to pause until
 * on_room. */
bool ph_pipe_push(struct ph_pipe *pipe, const struct ph_segment *segment);
/* True when a frame of `length` bytes would be taken now; else on_room will
 * follow. */
bool ph_pipe_has_room(struct ph_pipe *pipe, uint32_t length);
/* Asks for one on_taken, when the sink took that many more bytes frame by
 * frame (headers count). Asked again before that: the later one holds. */
void ph_pipe_notify(struct ph_pipe *pipe, uint32_t bytes);
/* The stream is finished. Always taken. Closes the source end for sending;
 * on_closed still tells when the sink consumed it. */
void ph_pipe_finish(struct ph_pipe *pipe);
/* Breaks off: the sink gets CUT behind what waits. No callback follows. */
void ph_pipe_close_source(struct ph_pipe *pipe, int reason);

/* The sink's conduit, when there is one and nothing waits, nothing may be
 * dropped and the stream goes on; else NULL. */
struct ph_conduit *ph_pipe_conduit(struct ph_pipe *pipe);
/* A message of `bytes` went that way: counted at both ends. */
void ph_pipe_moved(struct ph_pipe *pipe, uint64_t bytes);
/* It was full. The source counts as refused; on_room follows. */
void ph_pipe_conduit_full(struct ph_pipe *pipe);
/* It is not any more. */
void ph_pipe_conduit_ready(struct ph_pipe *pipe);

/* Breaks it off from outside: the sink gets CUT behind what waits, the source
 * is told `reason`. Idempotent. */
void ph_pipe_break(struct ph_pipe *pipe, int reason);
/* The source said that the stream is finished. */
bool ph_pipe_is_finished(const struct ph_pipe *pipe);
/* The source has let go: nothing comes behind what waits, but END or CUT. */
bool ph_pipe_is_let_go(const struct ph_pipe *pipe);
/* {0}: nobody is told any more. */
void ph_pipe_set_watcher(struct ph_pipe *pipe, struct ph_pipe_watcher watcher);

/* Something is to be taken. */
bool ph_pipe_waits(const struct ph_pipe *pipe);
/* The next message is there whole, or the source will not go on before it is
 * begun. For a sink between two messages that has other sources. */
bool ph_pipe_has_message(const struct ph_pipe *pipe);
/* Sink side, frame by frame. The frame stands until released. */
bool ph_pipe_receive(struct ph_pipe *pipe, struct ph_frame *frame);
void ph_pipe_release(struct ph_pipe *pipe);
/* The same, for who has just looked at it: what ph_pipe_receive said. */
void ph_pipe_release_seen(struct ph_pipe *pipe, const struct ph_frame *frame);
/* Sink side, byte by byte (carriers): the carrier takes from the queue itself
 * (ph_queue_vectors, ph_queue_advance); afterwards tell what waited before:
 * bytes, frames and messages of the queue. */
struct ph_queue *ph_pipe_queue(struct ph_pipe *pipe);
void ph_pipe_took(struct ph_pipe *pipe, uint64_t bytes, uint64_t frames,
	uint64_t messages);
/* The queue keeps what the carrier takes (ph_queue_retain). The sink has
 * another carrier: sends again from frame `next`. -ERANGE. */
int ph_pipe_rewind(struct ph_pipe *pipe, uint64_t next);
/* Drops what waits; 0 after END was consumed, else a negative errno. */
void ph_pipe_close_sink(struct ph_pipe *pipe, int reason);

/* For kernel/detour.h: who stands between a pipe and what its ends say last.
 * True: it goes no further. */
struct ph_guard {
	bool (*on_finish)(void *context);	      /* the source */
	bool (*on_abort)(void *context, int reason);  /* the source */
	bool (*on_closed)(void *context, int reason); /* the sink */
	void (*on_gone)(void *context);
};

void ph_pipe_set_guard(
	struct ph_pipe *pipe, const struct ph_guard *guard, void *context);
struct ph_end ph_pipe_source(const struct ph_pipe *pipe);
/* Between two messages: somebody else feeds it from here on. */
void ph_pipe_set_source(struct ph_pipe *pipe, struct ph_end source);
/* Of a pipe that is over: its source is told -EAGAIN all the same. */
void ph_pipe_hold(struct ph_pipe *pipe);
/* Between two messages: something was lost here. */
void ph_pipe_tell_gap(struct ph_pipe *pipe, const struct ph_gap *gap);

/* What has left or may leave any moment, no drop coming between (byte-wise
 * sinks: an acknowledgement cannot be of more). */
struct ph_counters ph_pipe_handed(const struct ph_pipe *pipe);
/* Why it broke: the first negative errno told, or 0. */
int ph_pipe_reason(const struct ph_pipe *pipe);
/* `in`: what the source gave, dropped ones included and counted; `out`: what
 * the sink took (byte-wise sinks: exact between segments). */
const struct ph_counters *ph_pipe_in(const struct ph_pipe *pipe);
const struct ph_counters *ph_pipe_out(const struct ph_pipe *pipe);
uint64_t ph_pipe_queued(const struct ph_pipe *pipe); /* bytes */
uint32_t ph_pipe_limit(const struct ph_pipe *pipe);  /* bytes */
/* ns since when the source is refused, or 0. */
int64_t ph_pipe_blocked_since(const struct ph_pipe *pipe);

#endif
