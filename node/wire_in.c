#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/*
 * The receiver's shell: what proto/resume.h wants becomes frames. A carrier
 * comes as a claim, a wire of its own; once the Hostess has proven it, the
 * claim becomes the stream's first carrier or is handed to the stream that
 * stands. A stream without a carrier keeps its pipe, and the input's server
 * notices nothing.
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

/* What the input's server has taken. */
static struct ph_ack taken(const struct wire *wire)
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

static void answer_attach(struct wire *wire, uint8_t status, uint64_t next)
{
	struct ph_attached attached = {
		.status = status, .generation = wire->generation, .next = next};
	uint8_t bytes[PH_ATTACHED_LENGTH];

	send_frame(wire, PH_FRAME_ATTACH, bytes,
		ph_attached_write(&attached, bytes));
}

static void perform(struct wire *wire, const struct ph_resume_outputs *outputs)
{
	struct ph_loop *loop = wire->wires->node->loop;
	unsigned actions = outputs->actions;

	if (actions & PH_RESUME_DO_WELCOME)
		answer_attach(wire, 0, outputs->next);
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

	event.taken = taken(wire);
	ph_resume_in_step(&wire->in, now, &event, &outputs);
	perform(wire, &outputs);
}

/* When the pipe is to speak next: at the first byte while nothing is owed,
 * else when enough for an acknowledgement was taken. */
static void ask_pipe(struct wire *wire)
{
	uint64_t since = taken(wire).bytes - wire->in.told.bytes;

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
		ask_pipe(wire);
}

static void pipe_taken(void *context, struct ph_pipe *pipe)
{
	struct wire *wire = context;

	if (wire->closing)
		return;
	step(wire, (struct ph_resume_in_event){.kind = PH_RESUME_TAKEN});
	ask_pipe(wire);
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
	ask_pipe(wire);
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

/* One answer for every reason. */
static void refuse(struct wire *claim, const char *why)
{
	answer_attach(claim, 1, 0);
	wire_in_cut(claim, why);
}

static void let_in(struct wire *wire)
{
	wire->attached = true;
	ph_carrier_admit(wire->carrier, PH_FRAME_MAX);
	ph_carrier_pause(wire->carrier, false);
}

/* The stream gets the claim's carrier, the claim what the stream had, which
 * ends with it. */
static void swap_carriers(struct wire *stream, struct wire *claim)
{
	struct ph_carrier *carrier = stream->carrier;
	struct ph_session *session = stream->session;

	stream->carrier = claim->carrier;
	stream->session = claim->session;
	stream->generation = claim->generation;
	stream->seated = true;
	stream->absent = 0;
	ph_session_hand_over(stream->session, &carrier_events, stream);
	memcpy(stream->transport, claim->transport, sizeof(claim->transport));
	claim->carrier = carrier;
	claim->session = session;
	claim->seated = false;
	claim->finished = true; /* nothing is cut */
	if (session)
		ph_session_hand_over(session, &carrier_events, claim);
	/* Half a word for the older carrier is none for the newer. */
	ph_queue_clear(&stream->queue);
	wire_in_cut(claim, "a newer carrier came");
}

static void go_on(struct wire *claim)
{
	struct wire *stream =
		wire_find(claim->wires, WIRE_IN, claim->connection);
	struct ph_resume_in_event event = {.kind = PH_RESUME_CLAIMED,
		.generation = claim->generation,
		.resume = true,
		.next = claim->next};
	struct ph_resume_outputs outputs;
	int64_t now = ph_loop_now(claim->wires->node->loop);

	if (!stream || stream->closing || !stream->attached) {
		refuse(claim, "its stream is not here");
		return;
	}
	event.taken = taken(stream);
	ph_resume_in_step(&stream->in, now, &event, &outputs);
	if (!(outputs.actions & PH_RESUME_DO_WELCOME)) {
		refuse(claim, "it goes on where nothing is");
		return;
	}
	swap_carriers(stream, claim);
	let_in(stream);
	perform(stream, &outputs);
	/* The pause of a full pipe went with the older carrier. */
	if (stream->pipe && !ph_pipe_has_room(stream->pipe, 0))
		ph_carrier_pause(stream->carrier, true);
}

static void begin(struct wire *wire, ph_handle input)
{
	wire_prove(wire);
	if (wire->next || connect_input(wire, input)) {
		refuse(wire, "the input is gone");
		return;
	}
	ph_resume_in_init(&wire->in, wire->generation);
	let_in(wire);
	answer_attach(wire, 0, 0);
	ask_pipe(wire);
}

/* The Hostess answered whether this carrier may be seated. */
static void on_seated(
	struct wire *wire, ph_handle input, const struct ph_error *error)
{
	wire->seated = !error;
	if (wire->closing)
		return;
	if (error)
		refuse(wire, "the Hostess refused it");
	else if (wire->resume)
		go_on(wire);
	else
		begin(wire, input);
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
	wire->timer.on_due = timer_due;
	wire->generation = attach->generation;
	wire->resume = attach->resume;
	wire->next = attach->next;
	wire->session = session;
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
