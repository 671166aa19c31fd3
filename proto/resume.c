#include "proto/resume.h"

#include <string.h>

static const char *const state_names[] = {
#define X(ident, name) [PH_RESUME_##ident] = name,
	PH_RESUME_STATES(X)
#undef X
};

const char *ph_resume_state_name(enum ph_resume_state state)
{
	return state_names[state];
}

/* --- the sender --- */

/* splitmix64: enough to keep a mesh's redials apart. */
static uint64_t random_next(struct ph_resume_out *out)
{
	uint64_t z = out->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t backoff(struct ph_resume_out *out)
{
	int64_t wait = PH_RESUME_FIRST;
	int64_t fifth;

	for (uint32_t i = 0; i < out->failures && wait < PH_RESUME_MOST; i++)
		wait *= 2;
	out->failures++;
	if (wait > PH_RESUME_MOST)
		wait = PH_RESUME_MOST;
	fifth = wait / 5;
	return wait - fifth +
	       (int64_t)(random_next(out) % (uint64_t)(2 * fifth + 1));
}

void ph_resume_out_init(
	struct ph_resume_out *out, uint32_t opening, uint64_t seed)
{
	*out = (struct ph_resume_out){
		.state = PH_RESUME_DIALING,
		.generation = (uint64_t)opening << 32,
		.random = seed,
	};
}

static void out_fail(struct ph_resume_out *out,
	struct ph_resume_outputs *outputs, const char *why)
{
	out->state = PH_RESUME_OVER;
	outputs->actions = PH_RESUME_DO_HANG_UP | PH_RESUME_DO_FAIL;
	outputs->why = why;
}

static void out_arm(struct ph_resume_outputs *outputs, int64_t due)
{
	outputs->actions |= PH_RESUME_DO_ARM;
	outputs->due = due;
}

static void out_dial(
	struct ph_resume_out *out, struct ph_resume_outputs *outputs)
{
	out->generation++;
	out->state = PH_RESUME_DIALING;
	outputs->actions = PH_RESUME_DO_DIAL;
}

static void out_lost(struct ph_resume_out *out, int64_t now,
	const struct ph_resume_out_event *event,
	struct ph_resume_outputs *outputs)
{
	if (!out->attached) {
		out_fail(out, outputs, event->reason);
		return;
	}
	if (!out->lost) {
		out->lost = now;
		outputs->actions |= PH_RESUME_DO_TELL_LOST;
		outputs->why = event->reason;
	}
	if (!event->absent)
		out->absent = 0;
	else if (!out->absent)
		out->absent = now;
	if (out->absent && now - out->absent >= PH_RESUME_ABSENT) {
		out_fail(out, outputs, "nobody listens there any more");
		return;
	}
	if (now - out->lost >= PH_RESUME_KEPT) {
		out_fail(out, outputs, "no carrier for too long");
		return;
	}
	out->state = PH_RESUME_WAITING;
	out_arm(outputs, now + backoff(out));
}

/* Where the receiver says that it goes on. */
static void out_attached(struct ph_resume_out *out,
	const struct ph_resume_out_event *event,
	struct ph_resume_outputs *outputs)
{
	if (!event->welcome || event->generation != out->generation) {
		out_fail(out, outputs, "the peer refused the carrier");
		return;
	}
	if (event->next < out->acked || event->next > event->given) {
		out_fail(out, outputs, "the peer goes on where nothing is");
		return;
	}
	out->state = PH_RESUME_FLOWING;
	outputs->next = event->next;
	if (out->attached)
		outputs->actions = PH_RESUME_DO_REWIND | PH_RESUME_DO_TELL_BACK;
	else
		outputs->actions = PH_RESUME_DO_BEGIN;
	out->attached = true;
	out->lost = 0;
	out->absent = 0;
}

static void out_acked(struct ph_resume_out *out,
	const struct ph_resume_out_event *event,
	struct ph_resume_outputs *outputs)
{
	if (event->next < out->acked || event->next > event->given) {
		out_fail(out, outputs, "more acknowledged than sent");
		return;
	}
	if (event->next > out->acked)
		out->failures = 0;
	out->acked = event->next;
	outputs->next = event->next;
	outputs->actions = PH_RESUME_DO_RELEASE;
	if (!event->finished || event->next != event->given)
		return;
	out->state = PH_RESUME_OVER;
	outputs->actions |= PH_RESUME_DO_HANG_UP | PH_RESUME_DO_FINISH;
}

static void out_due(struct ph_resume_out *out, bool timer,
	struct ph_resume_outputs *outputs)
{
	if (out->state == PH_RESUME_WAITING)
		out_dial(out, outputs);
	else if (out->state == PH_RESUME_ATTACHING && timer)
		/* Half open, perhaps: LOST follows. */
		outputs->actions = PH_RESUME_DO_HANG_UP;
}

void ph_resume_out_step(struct ph_resume_out *out, int64_t now,
	const struct ph_resume_out_event *event,
	struct ph_resume_outputs *outputs)
{
	*outputs = (struct ph_resume_outputs){0};
	if (out->state == PH_RESUME_OVER)
		return;
	switch (event->kind) {
	case PH_RESUME_OPENED:
		if (out->state != PH_RESUME_DIALING)
			return;
		out->state = PH_RESUME_ATTACHING;
		outputs->actions = PH_RESUME_DO_ATTACH;
		outputs->next = out->acked;
		out_arm(outputs, now + PH_RESUME_ANSWER);
		return;
	case PH_RESUME_ATTACHED:
		if (out->state == PH_RESUME_ATTACHING)
			out_attached(out, event, outputs);
		else
			out_fail(out, outputs, "attached twice");
		return;
	case PH_RESUME_ACKED:
		if (out->state == PH_RESUME_FLOWING)
			out_acked(out, event, outputs);
		else
			out_fail(out, outputs, "the peer refused the carrier");
		return;
	case PH_RESUME_REFUSED:
		out_fail(out, outputs, "the peer refused the carrier");
		return;
	case PH_RESUME_CUT:
		out_fail(out, outputs, "the input takes nothing more");
		return;
	case PH_RESUME_LOST:
		out_lost(out, now, event, outputs);
		return;
	case PH_RESUME_DUE:
	case PH_RESUME_NUDGE:
		out_due(out, event->kind == PH_RESUME_DUE, outputs);
		return;
	}
}

/* --- the receiver --- */

void ph_resume_in_init(struct ph_resume_in *in, uint64_t generation)
{
	*in = (struct ph_resume_in){
		.state = PH_RESUME_FLOWING, .generation = generation};
}

static void in_acknowledge(struct ph_resume_in *in, const struct ph_ack *taken,
	struct ph_resume_outputs *outputs)
{
	in->told = *taken;
	outputs->actions |= PH_RESUME_DO_ACK;
}

static void in_arm(
	struct ph_resume_in *in, int64_t now, struct ph_resume_outputs *outputs)
{
	if (in->armed)
		return;
	in->armed = true;
	out_arm(outputs, now + PH_RESUME_ACK_EVERY);
}

static void in_claimed(struct ph_resume_in *in,
	const struct ph_resume_in_event *event,
	struct ph_resume_outputs *outputs)
{
	if (event->generation <= in->generation ||
		(event->resume && event->next > in->received)) {
		outputs->actions = PH_RESUME_DO_REFUSE;
		return;
	}
	/* The older carrier first: a half-open one must never deliver late. */
	if (in->state == PH_RESUME_FLOWING)
		outputs->actions = PH_RESUME_DO_HANG_UP;
	in->generation = event->generation;
	if (!event->resume) {
		in->state = PH_RESUME_OVER;
		outputs->actions |= PH_RESUME_DO_REPLACE;
		return;
	}
	in->state = PH_RESUME_FLOWING;
	outputs->actions |= PH_RESUME_DO_WELCOME;
	outputs->next = in->received;
	/* What was told last may have been lost. */
	in_acknowledge(in, &event->taken, outputs);
}

static void in_taken(struct ph_resume_in *in, int64_t now,
	const struct ph_resume_in_event *event,
	struct ph_resume_outputs *outputs)
{
	if (in->state != PH_RESUME_FLOWING)
		return; /* the next carrier begins with it */
	if (event->taken.bytes - in->told.bytes >= PH_RESUME_ACK_BYTES)
		in_acknowledge(in, &event->taken, outputs);
	else if (event->taken.frames != in->told.frames)
		in_arm(in, now, outputs);
}

static void in_tick(struct ph_resume_in *in, int64_t now,
	const struct ph_resume_in_event *event,
	struct ph_resume_outputs *outputs)
{
	in->armed = false;
	if (in->state != PH_RESUME_FLOWING)
		return;
	/* Nothing new: silent until something comes or is taken. */
	if (event->taken.frames == in->told.frames &&
		event->taken.queued == in->told.queued)
		return;
	in_acknowledge(in, &event->taken, outputs);
	in_arm(in, now, outputs);
}

static void in_left(struct ph_resume_in *in, struct ph_resume_outputs *outputs)
{
	outputs->actions = PH_RESUME_DO_FAIL;
	outputs->why = "the input takes nothing more";
	if (in->state == PH_RESUME_FLOWING)
		outputs->actions |= PH_RESUME_DO_CUT | PH_RESUME_DO_HANG_UP;
	in->state = PH_RESUME_OVER;
}

static void in_dropped(
	struct ph_resume_in *in, struct ph_resume_outputs *outputs)
{
	in->state = PH_RESUME_WAITING;
	if (!in->heard)
		return;
	in->state = PH_RESUME_OVER;
	outputs->actions = PH_RESUME_DO_FINISH;
}

void ph_resume_in_step(struct ph_resume_in *in, int64_t now,
	const struct ph_resume_in_event *event,
	struct ph_resume_outputs *outputs)
{
	*outputs = (struct ph_resume_outputs){0};
	if (in->state == PH_RESUME_OVER) {
		if (event->kind == PH_RESUME_CLAIMED)
			outputs->actions = PH_RESUME_DO_REFUSE;
		return;
	}
	switch (event->kind) {
	case PH_RESUME_CLAIMED:
		in_claimed(in, event, outputs);
		return;
	case PH_RESUME_CAME:
		in->received += event->frames;
		in_arm(in, now, outputs);
		return;
	case PH_RESUME_TAKEN:
		in_taken(in, now, event, outputs);
		return;
	case PH_RESUME_ENDED:
		in->finished = true;
		if (in->state == PH_RESUME_FLOWING)
			in_acknowledge(in, &event->taken, outputs);
		return;
	case PH_RESUME_HEARD:
		in->heard = in->finished;
		return;
	case PH_RESUME_LEFT:
		in_left(in, outputs);
		return;
	case PH_RESUME_DROPPED:
		in_dropped(in, outputs);
		return;
	case PH_RESUME_TICK:
		in_tick(in, now, event, outputs);
		return;
	}
}
