#include "node/offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/race.h"
#include "node/session.h"
#include "proto/calls.h"

/* First it races for a carrier, then it is that carrier's session's. */
struct session_offer {
	struct ph_gate *gate;
	struct ph_attach attach; /* what we say, and what it is for */
	uint8_t key[PH_PUBLIC_KEY];
	char peer[40];
	ph_handle ticket;  /* of wire.dial; 0: answered */
	struct race *race; /* NULL: a session has it */
	struct session_offer *prev;
	struct session_offer *next;
};

static void refuse(struct ph_door *door, ph_handle ticket, const char *peer,
	const char *why)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_UNREACHABLE, peer,
		"let one of the two listen where the other can dial it",
		"cannot dial back: %s", why);
	ph_answer_error(door, ticket, &error);
}

void offer_drop(struct ph_session *session)
{
	struct session_offer *offer = session->offer;

	if (!offer)
		return;
	if (offer->ticket)
		refuse(session->gate->node->door, offer->ticket, offer->peer,
			session->why ? session->why : "nobody answers there");
	free(offer);
	session->offer = NULL;
}

void offer_open(struct ph_session *session)
{
	struct session_offer *offer = session->offer;
	uint8_t bytes[PH_ATTACH_MAX];

	if (memcmp(session->peer.key, offer->key, PH_PUBLIC_KEY) != 0) {
		session_end(session, "another node answers at its address");
		return;
	}
	if (ph_queue_copy(&session->queue, PH_FRAME_ATTACH | PH_FRAME_FIN,
		    bytes, (uint32_t)ph_attach_write(&offer->attach, bytes)) ||
		ph_carrier_send(session->carrier, &session->queue) == -EPIPE) {
		session_end(session, "cannot send");
		return;
	}
	ph_log_info("gate", "offered connection=%s to=%s",
		offer->attach.connection, offer->peer);
	ph_answer_ok(session->gate->node->door, offer->ticket, NULL);
	offer->ticket = 0;
}

bool offer_allows(
	const struct ph_session *session, const struct ph_attach *attach)
{
	const struct ph_attach *offered = &session->offer->attach;

	return !attach->offer && attach->generation == offered->generation &&
	       !strcmp(attach->connection, offered->connection) &&
	       !memcmp(session->peer.key, session->offer->key, PH_PUBLIC_KEY);
}

/* Too many are under way already. */
static bool is_crowded(const struct ph_gate *gate, const char *peer)
{
	const struct ph_session *session;
	const struct session_offer *offer;
	unsigned all = 0;
	unsigned of_peer = 0;

	DL_FOREACH(gate->offers, offer)
	{
		all++;
		of_peer += !strcmp(offer->peer, peer);
	}
	DL_FOREACH2(gate->sessions, session, next_session)
	{
		if (!session->offer || session->phase >= PHASE_LINE)
			continue;
		all++;
		of_peer += !strcmp(session->offer->peer, peer);
	}
	return all >= PH_OFFERS_MOST || of_peer >= PH_OFFERS_OF_PEER;
}

/* The carrier of the fastest address: its session asks nobody who it is. */
static void on_won(void *context, struct ph_carrier *carrier)
{
	struct session_offer *offer = context;
	struct ph_gate *gate = offer->gate;
	struct ph_loop *loop = gate->node->loop;
	struct ph_session *session = session_create(gate);
	struct ph_carrier_info info;

	DL_DELETE(gate->offers, offer);
	if (!session) {
		ph_carrier_close(carrier);
		refuse(gate->node->door, offer->ticket, offer->peer,
			"out of memory");
		free(offer);
		return;
	}
	session->offer = offer;
	session->peer.dialled = true;
	session->carrier = carrier;
	ph_carrier_info(carrier, &info);
	snprintf(session->source, sizeof(session->source), "%s", info.peer);
	ph_carrier_retarget(carrier, &session_events, session);
	ph_timer_start(
		loop, &session->patience, ph_loop_now(loop) + GATE_PATIENCE);
	session_events.on_open(session, carrier);
}

static void on_lost(void *context, int reason, const char *why)
{
	struct session_offer *offer = context;
	struct ph_gate *gate = offer->gate;

	(void)reason;
	DL_DELETE(gate->offers, offer);
	refuse(gate->node->door, offer->ticket, offer->peer, why);
	free(offer);
}

static const struct race_events race_events = {on_won, on_lost};

void offers_close(struct ph_gate *gate)
{
	struct session_offer *offer;
	struct session_offer *next;

	DL_FOREACH_SAFE(gate->offers, offer, next)
	{
		race_stop(offer->race);
		on_lost(offer, -ECANCELED, "this node stops");
	}
}

/* Takes the offer on success: it is answered, maybe before this returns. */
static int dial(struct session_offer *offer, const char *via)
{
	struct ph_gate *gate = offer->gate;
	int error;

	DL_APPEND(gate->offers, offer);
	error = race_start(&offer->race, gate->node, offer->peer, via,
		ph_loop_now(gate->node->loop) + GATE_PATIENCE, &race_events,
		offer, offer->key);
	if (error)
		DL_DELETE(gate->offers, offer);
	return error;
}

/* -EBADMSG: not such a question. */
static int read_question(
	struct session_offer *offer, const struct ph_request *request)
{
	struct ph_attach *attach = &offer->attach;
	struct ph_connection_id id;
	size_t length;
	const uint8_t *token = ph_value_bytes(
		ph_value_get(request->arguments, "token"), &length);

	attach->offer = true;
	attach->generation = ph_get_u64(request->arguments, "generation");
	ph_get_copy(request->arguments, "connection", attach->connection,
		sizeof(attach->connection));
	snprintf(offer->peer, sizeof(offer->peer), "%s",
		request->call->caller->node);
	if (length != PH_ATTACH_TOKEN ||
		ph_connection_id_parse(&id, attach->connection))
		return -EBADMSG;
	memcpy(attach->token, token, PH_ATTACH_TOKEN);
	return 0;
}

static void answer(struct ph_node *node, struct ph_request *request)
{
	struct session_offer *offer = calloc(1, sizeof(*offer));
	const char *peer = request->call->caller->node;
	const char *why = NULL;
	char via[PH_VIA_MAX];

	ph_get_copy(request->arguments, "via", via, sizeof(via));
	if (!offer)
		why = "out of memory";
	else if (!peer[0] || node->stopping || read_question(offer, request))
		why = "not a peer's question, or not now";
	else if (is_crowded(node->gate, peer))
		why = "too many such dials are under way";
	if (why) {
		free(offer);
		refuse(node->door, request->ticket, peer, why);
		return;
	}
	offer->gate = node->gate;
	offer->ticket = request->ticket;
	if (!dial(offer, via))
		return;
	free(offer);
	refuse(node->door, request->ticket, peer,
		*via ? "no address of it is known that is as via: wants"
		     : "no address of it is known");
}

static void serve_dial(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_node *node = context;
	struct ph_request request;

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	answer(node, &request);
	ph_request_close(&request);
}

void ph_offer_serve(struct ph_node *node)
{
	ph_door_serve(node->door, PH_WIRE_DIAL, serve_dial, node);
}
