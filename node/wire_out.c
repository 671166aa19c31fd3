#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

/*
 * The sender's shell: what proto/resume.h wants becomes dials, frames and
 * news. The pipe and its unacknowledged frames stand as long as the stream,
 * carriers come and go; one at a time, for the next is dialled when the last
 * one's on_closed came.
 */
static const struct ph_carrier_events carrier_events;

/* What comes back is small, but no stranger's: TLS may read it in one go. */
#define FROM_PROVEN (2 * PH_CARRIER_STRANGER)

static void step(struct wire *wire, const struct ph_resume_out_event *event);

static void tell_failure(struct wire *wire, const char *why)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_UNREACHABLE, wire->peer,
		"posthouse peers shows the lines and their addresses",
		"no carrier to %s: %s", wire->peer, why);
	wire_answer(wire, &error);
}

/* The stream is over and no carrier is left. */
static void end(struct wire *wire)
{
	const char *why = wire->why ? wire->why : "the peer closed it";
	struct ph_pipe *pipe = wire->pipe;

	if (pipe) {
		wire_settle(wire);
		ph_pipe_set_watcher(pipe, (struct ph_pipe_watcher){0});
		ph_pipe_close_sink(pipe, -ECONNRESET);
	}
	if (!wire->attached)
		tell_failure(wire, why);
	else
		wire_news(wire, wire->finished, why);
	wire_free(wire);
}

/* Over: at once when there is no carrier, else behind its end. */
static void leave(struct wire *wire, const char *why)
{
	wire->closing = true;
	wire->out.state = PH_RESUME_OVER;
	wire->why = why;
	if (wire->carrier)
		ph_carrier_close(wire->carrier);
	else
		end(wire);
}

void wire_out_cut(struct wire *wire, const char *why)
{
	if (!wire->closing)
		leave(wire, why);
}

static bool is_flowing(const struct wire *wire)
{
	return !wire->closing && wire->carrier &&
	       wire->out.state == PH_RESUME_FLOWING;
}

static void pipe_readable(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;
	struct ph_queue *queue = ph_pipe_queue(pipe);
	uint64_t bytes = queue->bytes;
	uint64_t frames = queue->frames;
	uint64_t messages = queue->messages;

	if (is_flowing(wire)) {
		ph_carrier_send(wire->carrier, queue);
		ph_pipe_took(pipe, bytes, frames, messages);
	}
	/* on_full: disconnect. Nobody waits for one that is too slow. */
	if (ph_pipe_reason(pipe) == -ENOBUFS && ph_pipe_waits(pipe))
		wire_out_cut(wire, "too slow: its queue was full");
}

static const struct ph_end_ops sink_ops = {.on_readable = pipe_readable};

static void pipe_gone(void *context, struct ph_pipe *pipe, int reason)
{
	wire_settle(context);
}

/* The receiver lets us in: the output's frames may flow. */
static void attach_output(struct wire *wire)
{
	struct ph_pipe_watcher watcher = {pipe_gone, wire};
	struct ph_end sink = {&sink_ops, wire};
	struct ph_pipe_limits limits = {
		.bytes = wire->limit, .full = wire->full};
	struct ph_error error;
	int code = ph_terminal_connect_sink(&wire->wires->node->kernel,
		wire->output, sink, limits, watcher, &wire->pipe);

	if (code) {
		ph_fail(&error, PH_EXIT_CONFLICT, wire->connection, "",
			"the output cannot be connected: %s",
			code == -EBUSY ? "it has a connection already"
				       : "it is gone");
		wire_answer(wire, &error);
		wire_out_cut(wire, "the output is not free");
		return;
	}
	ph_queue_retain(ph_pipe_queue(wire->pipe), PH_RESUME_SENT);
	wire_attached(wire);
	wire_answer(wire, NULL);
}

static void send_attach(struct wire *wire, uint64_t next)
{
	struct ph_attach attach = {.resume = wire->attached,
		.generation = wire->generation,
		.next = next};
	uint8_t bytes[PH_ATTACH_MAX];

	memcpy(attach.token, wire->token, sizeof(attach.token));
	snprintf(attach.connection, sizeof(attach.connection), "%s",
		wire->connection);
	if (!ph_queue_copy(&wire->queue, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
		    (uint32_t)ph_attach_write(&attach, bytes)))
		wire_flush(wire);
}

void wire_out_lost(struct wire *wire, const char *reason, bool absent)
{
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_LOST,
			   .absent = absent,
			   .reason = reason});
}

static void want_carrier(struct wire *wire)
{
	wire->generation = wire->out.generation;
	wire_way_want(wire);
}

static void send_again(struct wire *wire, uint64_t next)
{
	ph_log_info("wire", "resumed connection=%s to=%s carrier=%u frame=%llu",
		wire->connection, wire->peer, (uint32_t)wire->generation,
		(unsigned long long)next);
	if (!wire->pipe || ph_pipe_rewind(wire->pipe, next))
		leave(wire, "what the peer lacks is not here");
}

/* The receiver may forget the stream: its END was heard of. */
static void finish(struct wire *wire)
{
	wire->finished = true;
	if (wire->pipe)
		ph_pipe_close_sink(wire->pipe, 0);
	if (!ph_queue_copy(&wire->queue, PH_FRAME_ACK | PH_FRAME_FIN, NULL, 0))
		wire_flush(wire);
}

static void arm(struct wire *wire, int64_t due)
{
	struct ph_loop *loop = wire->wires->node->loop;

	ph_timer_stop(loop, &wire->timer);
	ph_timer_start(loop, &wire->timer, due);
}

static void tell_state(struct wire *wire, unsigned actions, const char *why)
{
	if (actions & PH_RESUME_DO_TELL_LOST) {
		ph_log_info("wire", "lost connection=%s to=%s because=\"%s\"",
			wire->connection, wire->peer, why);
		wire_tell(wire, "dialing", why);
	}
	if (actions & PH_RESUME_DO_TELL_BACK)
		wire_tell(wire, "open", "resumed");
}

static void perform(struct wire *wire, const struct ph_resume_outputs *outputs)
{
	unsigned actions = outputs->actions;

	tell_state(wire, actions, outputs->why);
	if (actions & PH_RESUME_DO_RELEASE && wire->pipe) {
		ph_queue_acknowledge(ph_pipe_queue(wire->pipe), outputs->next);
		pipe_readable(wire, wire->pipe);
	}
	if (actions & PH_RESUME_DO_ATTACH)
		send_attach(wire, outputs->next);
	if (actions & (PH_RESUME_DO_BEGIN | PH_RESUME_DO_REWIND))
		ph_timer_stop(wire->wires->node->loop, &wire->timer);
	if (actions & PH_RESUME_DO_ARM)
		arm(wire, outputs->due);
	if (actions & PH_RESUME_DO_FINISH)
		finish(wire);
	/* The rest may end the wire. */
	if (actions & (PH_RESUME_DO_FINISH | PH_RESUME_DO_FAIL))
		leave(wire, outputs->why);
	else if (actions & PH_RESUME_DO_HANG_UP)
		ph_carrier_close(wire->carrier);
	else if (actions & PH_RESUME_DO_BEGIN)
		attach_output(wire);
	else if (actions & PH_RESUME_DO_REWIND)
		send_again(wire, outputs->next);
	else if (actions & PH_RESUME_DO_DIAL)
		want_carrier(wire);
}

static void step(struct wire *wire, const struct ph_resume_out_event *event)
{
	struct ph_resume_outputs outputs;
	int64_t now = ph_loop_now(wire->wires->node->loop);

	ph_resume_out_step(&wire->out, now, event, &outputs);
	perform(wire, &outputs);
}

static void timer_due(struct ph_timer *timer)
{
	struct wire *wire =
		(struct wire *)((char *)timer - offsetof(struct wire, timer));

	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_DUE});
}

void wire_out_nudge(struct wire *wire)
{
	if (wire->closing)
		return;
	wire_way_there(wire);
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_NUDGE});
}

static void refuse(struct wire *wire)
{
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_REFUSED});
}

static uint64_t frames_given(const struct wire *wire)
{
	/* Without those that were dropped before a carrier saw them. */
	return wire->pipe ? ph_pipe_handed(wire->pipe).frames : 0;
}

static void take_attached(
	struct wire *wire, const uint8_t *data, uint32_t length)
{
	struct ph_attached attached;

	if (ph_attached_read(&attached, data, length)) {
		refuse(wire);
		return;
	}
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_ATTACHED,
			   .welcome = !attached.status,
			   .generation = attached.generation,
			   .next = attached.next,
			   .given = frames_given(wire)});
}

static void take_ack(struct wire *wire, const uint8_t *data, uint32_t length)
{
	struct ph_counters handed = {0};
	struct ph_ack ack;

	if (wire->pipe)
		handed = ph_pipe_handed(wire->pipe);
	if (!wire->pipe || ph_ack_read(&ack, data, length) ||
		ack.bytes > handed.bytes) {
		wire_out_cut(wire, "malformed acknowledgement");
		return;
	}
	/* Only told and never acted upon: but no more than there were. */
	if (ack.messages > handed.messages)
		ack.messages = handed.messages;
	wire->acked = ack;
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_ACKED,
			   .next = ack.frames,
			   .given = frames_given(wire),
			   .finished = ph_pipe_is_finished(wire->pipe) &&
				       !ph_pipe_waits(wire->pipe)});
}

/* ATTACHED, ACK, CUT: a stream's receiver has nothing else to say. */
static void take_frame(struct wire *wire, const uint8_t *record)
{
	uint32_t length = ph_frame_length(record);
	const uint8_t *data = record + PH_FRAME_HEADER;

	if (record[3] & PH_FRAME_ATTACH)
		take_attached(wire, data, length);
	else if (wire->attached && (record[3] & PH_FRAME_ACK))
		take_ack(wire, data, length);
	else if (wire->attached && (record[3] & PH_FRAME_CUT))
		step(wire,
			&(struct ph_resume_out_event){.kind = PH_RESUME_CUT});
	else
		refuse(wire);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct wire *wire = context;
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *end_of = record + segment->length;

	while (record < end_of && !wire->closing) {
		take_frame(wire, record);
		record += PH_FRAME_HEADER + ph_frame_length(record);
	}
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	struct wire *wire = context;

	wire_flush(wire);
	if (wire->pipe)
		pipe_readable(wire, wire->pipe);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct wire *wire = context;
	const char *why = wire->why;

	wire->carrier = NULL;
	wire->session = NULL;
	ph_queue_clear(&wire->queue);
	if (wire->closing) {
		if (!wire->why && reason)
			wire->why = strerror(-reason);
		end(wire);
		return;
	}
	if (!why)
		why = reason ? strerror(-reason) : "the peer closed it";
	wire->why = NULL;
	wire_out_lost(wire, why, false);
}

static const struct ph_carrier_events carrier_events = {
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

/* It has the transport's name, may say more than a stranger, and begins. */
static void take_carrier(struct wire *wire, struct ph_carrier *carrier)
{
	struct ph_carrier_info info;

	wire->carrier = carrier;
	ph_carrier_info(carrier, &info);
	snprintf(wire->transport, sizeof(wire->transport), "%s", info.scheme);
	ph_carrier_admit(carrier, FROM_PROVEN);
}

void wire_out_opened(struct wire *wire, struct ph_carrier *carrier)
{
	ph_carrier_retarget(carrier, &carrier_events, wire);
	take_carrier(wire, carrier);
	wire_way_opened(wire);
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_OPENED});
}

void wire_out_came(struct wire *wire, struct ph_session *session)
{
	wire->session = session;
	take_carrier(wire, ph_session_carrier(session));
	ph_session_hand_over(session, &carrier_events, wire);
	step(wire, &(struct ph_resume_out_event){.kind = PH_RESUME_OPENED});
}

void wire_out_open(struct wire *wire)
{
	uint64_t seed;

	ph_random(&seed, sizeof(seed));
	wire->timer.on_due = timer_due;
	ph_resume_out_init(
		&wire->out, (uint32_t)(wire->generation >> 32), seed);
	want_carrier(wire);
}
