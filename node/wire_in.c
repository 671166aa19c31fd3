#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/*
 * The receiver's shell: what proto/resume.h wants becomes frames. A carrier
 * comes as a claim (wire_seat.c). A stream without a carrier keeps its pipe,
 * and the input's server notices nothing.
 */
static void step(struct wire *wire, struct ph_resume_in_event event);

/* At once, not when the carrier is gone: a half-open one can never deliver
 * late, and the next may come. */
static void leave_input(struct wire *wire)
{
	struct ph_pipe *pipe = wire->pipe;

	if (!pipe)
		return;
	wire_settle(wire);
	ph_pipe_set_watcher(pipe, (struct ph_pipe_watcher){0});
	if (wire->ended && !wire->finished)
		wire_done_watch(wire, pipe);
	ph_pipe_close_source(pipe, -ECONNRESET);
}

/* The stream is over and no carrier is left. */
static void end(struct wire *wire)
{
	leave_input(wire);
	if (!wire->finished)
		ph_log_warn("wire", "cut connection=%s from=%s because=\"%s\"",
			wire->connection, wire->peer,
			wire->why ? wire->why : "the sender closed");
	if (wire->seated)
		wire_detach(wire);
	wire_free(wire);
}

/* Over: at once when there is no carrier, else behind its end. */
static void leave(struct wire *wire, const char *why)
{
	wire->closing = true;
	wire->in.state = PH_RESUME_OVER;
	wire->why = why;
	if (!wire->carrier) {
		end(wire);
		return;
	}
	ph_carrier_close(wire->carrier);
	leave_input(wire);
}

void wire_in_cut(struct wire *wire, const char *why)
{
	if (!wire->closing)
		leave(wire, why);
}

void wire_in_absent(struct wire *wire)
{
	int64_t now = ph_loop_now(wire->wires->node->loop);

	if (!wire->absent)
		wire->absent = now;
	if (now - wire->absent >= PH_RESUME_ABSENT)
		wire_in_cut(wire, "nobody listens at the sender's any more");
}

struct ph_ack wire_in_taken(const struct wire *wire)
{
	const struct ph_counters *out =
		wire->pipe ? ph_pipe_out(wire->pipe) : &wire->taken;

	return (struct ph_ack){.frames = out->frames,
		.bytes = out->bytes,
		.messages = out->messages,
		.queued = wire->pipe ? ph_pipe_queued(wire->pipe) : 0};
}

static void send_frame(
	struct wire *wire, uint8_t flag, const uint8_t *data, size_t length)
{
	if (!ph_queue_copy(
		    &wire->queue, flag | PH_FRAME_FIN, data, (uint32_t)length))
		wire_flush(wire);
}

static void send_ack(struct wire *wire)
{
	uint8_t bytes[PH_ACK_LENGTH];

	send_frame(
		wire, PH_FRAME_ACK, bytes, ph_ack_write(&wire->in.told, bytes));
}

void wire_in_answer(struct wire *wire, uint8_t status, uint64_t next)
{
	struct ph_attached attached = {
		.status = status, .generation = wire->generation, .next = next};
	uint8_t bytes[PH_ATTACHED_LENGTH];

	send_frame(wire, PH_FRAME_ATTACH, bytes,
		ph_attached_write(&attached, bytes));
}

void wire_in_perform(struct wire *wire, const struct ph_resume_outputs *outputs)
{
	struct ph_loop *loop = wire->wires->node->loop;
	unsigned actions = outputs->actions;

	if (actions & PH_RESUME_DO_WELCOME)
		wire_in_answer(wire, 0, outputs->next);
	if (actions & PH_RESUME_DO_ACK)
		send_ack(wire);
	if (actions & PH_RESUME_DO_CUT)
		send_frame(wire, PH_FRAME_CUT, NULL, 0);
	if (actions & PH_RESUME_DO_ARM) {
		ph_timer_stop(loop, &wire->timer);
		ph_timer_start(loop, &wire->timer, outputs->due);
	}
	/* The rest may end the wire. */
	if (actions & (PH_RESUME_DO_FINISH | PH_RESUME_DO_FAIL))
		leave(wire, outputs->why);
}

static void step(struct wire *wire, struct ph_resume_in_event event)
{
	struct ph_resume_outputs outputs;
	int64_t now = ph_loop_now(wire->wires->node->loop);

	event.taken = wire_in_taken(wire);
	ph_resume_in_step(&wire->in, now, &event, &outputs);
	wire_in_perform(wire, &outputs);
}

/* When the pipe is to speak next: at the first byte while nothing is owed,
 * else when enough for an acknowledgement was taken. */
void wire_in_ask_pipe(struct wire *wire)
{
	uint64_t since = wire_in_taken(wire).bytes - wire->in.told.bytes;

	if (!wire->pipe)
		return;
	if (wire->in.armed && since < PH_RESUME_ACK_BYTES)
		ph_pipe_notify(
			wire->pipe, (uint32_t)(PH_RESUME_ACK_BYTES - since));
	else
		ph_pipe_notify(wire->pipe, 1);
}

static void timer_due(struct ph_timer *timer)
{
	struct wire *wire =
		(struct wire *)((char *)timer - offsetof(struct wire, timer));

	step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_TICK});
	if (!wire->in.armed)
		wire_in_ask_pipe(wire);
}

static void pipe_taken(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;

	if (wire->closing)
		return;
	step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_TAKEN});
	wire_in_ask_pipe(wire);
}

static void pipe_room(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;

	if (!wire->closing && wire->carrier)
		ph_carrier_pause(wire->carrier, false);
}

/* The input closed its end: with END consumed, or because it takes no more. */
static void pipe_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	if (wire->closing)
		return;
	if (reason) {
		step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_LEFT});
		return;
	}
	wire->finished = true;
	wire_done_add(wire->wires, wire->connection);
	step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_ENDED});
	/* The sender hangs up once it has read this. */
	if (wire->carrier)
		ph_carrier_pause(wire->carrier, false);
}

static const struct ph_end_ops source_ops = {
	.on_room = pipe_room,
	.on_taken = pipe_taken,
	.on_closed = pipe_closed,
};

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	wire_settle(context);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct wire *wire = context;

	if (wire->closing)
		return;
	if (wire->finished) {
		step(wire,
			(struct ph_resume_in_event){.kind = PH_RESUME_HEARD});
		return;
	}
	if (!wire->pipe)
		return;
	wire->ended = wire->ended || wire_segment_ends(segment);
	if (!ph_pipe_push(wire->pipe, segment))
		ph_carrier_pause(carrier, true);
	step(wire, (struct ph_resume_in_event){
			   .kind = PH_RESUME_CAME, .frames = segment->frames});
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	wire_flush(context);
}

/* The stream stands, its input notices nothing. The Hostess keeps the seat,
 * and takes it away when nobody came back. */
static void wait_for_next(struct wire *wire, const char *why)
{
	if (!wire->finished)
		ph_log_info("wire", "lost connection=%s from=%s because=\"%s\"",
			wire->connection, wire->peer, why);
	wire->why = why;
	ph_timer_stop(wire->wires->node->loop, &wire->timer);
	wire->in.armed = false;
	if (wire->seated) {
		bool finished = wire->finished;

		wire->finished = false;
		wire_detach(wire);
		wire->finished = finished;
	}
	wire->seated = false;
	wire_in_ask_pipe(wire);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct wire *wire = context;
	const char *why = reason ? strerror(-reason) : "the sender closed";

	wire->carrier = NULL;
	wire->session = NULL;
	ph_queue_clear(&wire->queue);
	if (wire->closing || !wire->attached) {
		if (!wire->why)
			wire->why = why;
		end(wire);
		return;
	}
	if (wire->in.heard) {
		wire->closing = true;
		end(wire);
		return;
	}
	step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_DROPPED});
	wait_for_next(wire, why);
}

static const struct ph_carrier_events carrier_events = {
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

int wire_in_connect(struct wire *wire, ph_handle input)
{
	struct ph_pipe_watcher watcher = {pipe_gone, wire};
	struct ph_end source = {&source_ops, wire};
	struct ph_pipe_limits limits = {0};

	if (wire_is_done(wire->wires, wire->connection))
		return wire_drain(wire, source, watcher);
	return ph_terminal_connect_source(&wire->wires->node->kernel, source,
		input, limits, watcher, &wire->pipe);
}

void wire_in_carry(struct wire *wire)
{
	wire->timer.on_due = timer_due;
	ph_session_hand_over(wire->session, &carrier_events, wire);
}
