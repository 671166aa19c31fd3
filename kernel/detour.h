#ifndef PH_KERNEL_DETOUR_H
#define PH_KERNEL_DETOUR_H

#include "kernel/terminal.h"

/*
 * A filter in a connection that stands:
 *
 *     output --[ pipe ]--> sink               direct
 *     output --[ up ]--> in, out --[ pipe ]--> sink     through the filter
 *
 * The pipe stays the same one, and only its source changes, always between two
 * messages: its sink sees one stream, its output one pipe. The filter sees a
 * stream of its own, from BEGIN to END.
 *
 * Out again: the output is refused (-EAGAIN) while the filter gets END, and
 * when its own END comes, which goes no further, all it had to say is in the
 * pipe; then the output has it back. So nothing is lost, repeated, or in
 * another order.
 *
 *   new -> waiting -> held -> in -> waiting to leave -> draining -> out
 *                        ^     |        broken, and bypass: GAP -> out
 *                        `-----'        broken: GAP; the output waits
 *   any -> over       the stream itself has ended or broke
 *   in -> draining -> over       the output left (ph_detour_part)
 *
 * A filter is given nothing but BEGIN before it has taken that: so nothing is
 * lost in one that does not run.
 *
 * A filter that broke in the middle of a message takes the stream with it:
 * what the sink has of that message can be neither finished nor taken back.
 */
enum ph_detour_state {
	PH_DETOUR_NEW,
	PH_DETOUR_WAITING, /* for the message to end; nothing has changed */
	PH_DETOUR_IN,
	PH_DETOUR_DRAINING,
	PH_DETOUR_HELD, /* until a filter reads */
	PH_DETOUR_OUT,
	PH_DETOUR_OVER,
};

struct ph_detour_events {
	/* By hal.defer. */
	void (*on_change)(void *context, enum ph_detour_state state);
};

struct ph_detour;

/* `bypass`: when the filter breaks, the output is connected directly; else it
 * is held. -EPIPE: the stream is over; -EINVAL: fed by no output; -ENOMEM. */
int ph_detour_create(struct ph_kernel *kernel, struct ph_pipe *pipe,
	bool bypass, const struct ph_detour_events *events, void *context,
	struct ph_detour **out);
/* A filter that is in stays where it is, and nobody looks after it any more; a
 * stream that is held breaks (-ECANCELED). */
void ph_detour_destroy(struct ph_detour *detour);

/* A new one, before the output has sent anything: the output waits for the
 * filter to come. -ENOMEM. */
int ph_detour_hold(struct ph_detour *detour);
/* Puts a filter in, at the end of the message that passes; the output is held
 * until it reads. Held, it may be said again with another. -EALREADY: one is
 * coming; -ESTALE: no such terminal; -EINVAL: not an `in` and an
 * `out`; -EBUSY: one of them has a pipe; -EPIPE: over. */
int ph_detour_enter(struct ph_detour *detour, ph_handle in, ph_handle out);
/* The output is about to leave without END. The filter is then given END, what
 * it says last still comes, and CUT behind that: its stream ends here. */
void ph_detour_part(struct ph_detour *detour);
/* Takes it out. -EALREADY; -EPIPE. */
int ph_detour_leave(struct ph_detour *detour);

enum ph_detour_state ph_detour_state(const struct ph_detour *detour);
/* 0, or why the filter broke last: a negative errno. */
int ph_detour_reason(const struct ph_detour *detour);
/* In all, by filters that broke; what had come out of one again counts as kept,
 * message for message. Each loss is told in the stream by a GAP. */
struct ph_gap ph_detour_lost(const struct ph_detour *detour);
/* What waits in front of the filter, or NULL. */
const struct ph_pipe *ph_detour_up(const struct ph_detour *detour);

#endif
