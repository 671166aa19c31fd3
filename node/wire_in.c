#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/* How often the sender is told what was consumed, while something is. */
#define ACK_EVERY (50 * PH_MILLISECOND)

static void close_carrier(struct wire *wire)
{
	wire->closing = true;
	ph_carrier_close(wire->carrier);
}

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

void wire_in_cut(struct wire *wire, const char *why)
{
	if (wire->closing)
		return;
	wire->why = why;
	close_carrier(wire);
	leave_input(wire);
}

/* What the input's server has taken, as far as it was not told yet. */
static bool send_ack(struct wire *wire)
{
	const struct ph_counters *taken = ph_pipe_out(wire->pipe);
	struct ph_ack ack = {.frames = taken->frames,
		.bytes = taken->bytes,
		.messages = taken->messages,
		.queued = ph_pipe_queued(wire->pipe)};
	uint8_t bytes[PH_ACK_LENGTH];

	if (ack.frames == wire->acked.frames &&
		ack.queued == wire->acked.queued)
		return false;
	wire->acked = ack;
	ph_ack_write(&ack, bytes);
	if (!ph_queue_copy(&wire->queue, PH_FRAME_ACK | PH_FRAME_FIN, bytes,
		    sizeof(bytes)))
		wire_flush(wire);
	return true;
}

static void arm_ack(struct wire *wire)
{
	struct ph_loop *loop = wire->wires->node->loop;

	if (!wire->ack_timer.slot)
		ph_timer_start(
			loop, &wire->ack_timer, ph_loop_now(loop) + ACK_EVERY);
}

static void ack_due(struct ph_timer *timer)
{
	struct wire *wire = (struct wire *)((char *)timer -
					    offsetof(struct wire, ack_timer));

	if (!wire->pipe || wire->closing)
		return;
	/* Nothing new and nothing waiting: silent until frames come again. */
	if (send_ack(wire) || ph_pipe_queued(wire->pipe))
		arm_ack(wire);
}

static void pipe_room(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;

	if (!wire->closing)
		ph_carrier_pause(wire->carrier, false);
}

/* The input closed its end: with END consumed, or because it takes no more. */
static void pipe_closed(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	if (wire->closing)
		return;
	wire->finished = reason == 0;
	if (wire->finished) {
		wire_done_add(wire->wires, wire->connection);
		send_ack(wire);
		/* The sender hangs up once it has read this. */
		ph_carrier_pause(wire->carrier, false);
	} else {
		wire_in_cut(wire, "the input takes nothing more");
	}
}

static const struct ph_end_ops source_ops = {
	.on_room = pipe_room,
	.on_closed = pipe_closed,
};

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	struct wire *wire = context;

	wire_settle(wire);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct wire *wire = context;

	if (!wire->pipe || wire->closing)
		return;
	wire->ended = wire->ended || wire_segment_ends(segment);
	if (!ph_pipe_push(wire->pipe, segment))
		ph_carrier_pause(carrier, true);
	arm_ack(wire);
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	wire_flush(context);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct wire *wire = context;

	wire->closing = true;
	ph_timer_stop(wire->wires->node->loop, &wire->ack_timer);
	leave_input(wire);
	if (!wire->finished)
		ph_log_warn("wire", "cut connection=%s from=%s because=\"%s\"",
			wire->connection, wire->peer,
			wire->why ? wire->why
				  : (reason ? strerror(-reason)
					    : "the sender closed"));
	if (wire->seated)
		wire_detach(wire);
	wire_free(wire);
}

static const struct ph_carrier_events carrier_events = {
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

static void answer_attach(struct wire *wire, uint8_t status)
{
	struct ph_attached attached = {
		.status = status, .generation = wire->generation};
	uint8_t bytes[PH_ATTACHED_LENGTH];

	if (!ph_queue_copy(&wire->queue, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
		    (uint32_t)ph_attached_write(&attached, bytes)))
		wire_flush(wire);
}

static int connect_input(struct wire *wire, ph_handle input)
{
	struct ph_pipe_watcher watcher = {pipe_gone, wire};
	struct ph_end source = {&source_ops, wire};
	struct ph_pipe_limits limits = {0};

	if (wire_is_done(wire->wires, wire->connection))
		return wire_drain(wire, source, watcher);
	return ph_terminal_connect_source(&wire->wires->node->kernel, source,
		input, limits, watcher, &wire->pipe);
}

/* The Hostess answered whether this carrier may be seated. */
static void on_seated(
	struct wire *wire, ph_handle input, const struct ph_error *error)
{
	wire->seated = !error;
	if (wire->closing)
		return;
	if (!error)
		wire_prove(wire);
	if (error || connect_input(wire, input)) {
		/* One answer for every reason. */
		answer_attach(wire, 1);
		wire_in_cut(wire,
			error ? "the Hostess refused it" : "the input is gone");
		return;
	}
	wire->attached = true;
	ph_carrier_admit(wire->carrier, PH_FRAME_MAX);
	answer_attach(wire, 0);
	ph_carrier_pause(wire->carrier, false);
}

int wire_in_attach(void *context, struct ph_session *session,
	const struct ph_attach *attach)
{
	struct ph_wires *wires = context;
	struct ph_carrier_info info;
	struct wire *wire;

	if (wires->closed)
		return -ESHUTDOWN;
	wire = wire_claim(wires, attach->connection);
	if (!wire)
		return -ENOMEM;
	wire->ack_timer.on_due = ack_due;
	wire->generation = attach->generation;
	wire->carrier = ph_session_carrier(session);
	ph_carrier_info(wire->carrier, &info);
	snprintf(wire->transport, sizeof(wire->transport), "%s", info.scheme);
	snprintf(wire->peer, sizeof(wire->peer), "%s",
		ph_session_peer(session)->name);
	/* Nothing is read while the Hostess decides. */
	ph_carrier_pause(wire->carrier, true);
	ph_session_hand_over(session, &carrier_events, wire);
	memcpy(wire->token, attach->token, sizeof(wire->token));
	if (wire_seat(wire, on_seated))
		wire_in_cut(wire, "out of memory");
	return 0;
}
