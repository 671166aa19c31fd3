#include "node/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A carrier comes as a claim, a wire of its own; once the Hostess has proven
 * it, the claim becomes the stream's first carrier or is handed to the stream
 * that stands.
 */

/* One answer for every reason. */
static void refuse(struct wire *claim, const char *why)
{
	wire_in_answer(claim, 1, 0);
	wire_in_cut(claim, why);
}

static void let_in(struct wire *wire)
{
	wire_attached(wire);
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
	wire_in_carry(stream);
	memcpy(stream->transport, claim->transport, sizeof(claim->transport));
	claim->carrier = carrier;
	claim->session = session;
	claim->seated = false;
	claim->finished = true; /* nothing is cut */
	if (session)
		wire_in_carry(claim);
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
	event.taken = wire_in_taken(stream);
	ph_resume_in_step(&stream->in, now, &event, &outputs);
	if (!(outputs.actions & PH_RESUME_DO_WELCOME)) {
		refuse(claim, "it goes on where nothing is");
		return;
	}
	swap_carriers(stream, claim);
	let_in(stream);
	wire_in_perform(stream, &outputs);
	/* The pause of a full pipe went with the older carrier. */
	if (stream->pipe && !ph_pipe_has_room(stream->pipe, 0))
		ph_carrier_pause(stream->carrier, true);
}

static void begin(struct wire *wire, ph_handle input)
{
	wire_prove(wire);
	if (wire->next || wire_in_connect(wire, input)) {
		refuse(wire, "the input is gone");
		return;
	}
	ph_resume_in_init(&wire->in, wire->generation);
	let_in(wire);
	wire_in_answer(wire, 0, 0);
	wire_in_ask_pipe(wire);
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
	wire_in_carry(wire);
	memcpy(wire->token, attach->token, sizeof(wire->token));
	if (wire_seat(wire, on_seated))
		wire_in_cut(wire, "out of memory");
	return 0;
}
