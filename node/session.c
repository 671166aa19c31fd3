#include "node/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/line.h"
#include "node/trust.h"
#include "placement/placement.h"

/* It takes no stranger's seat any more. */
void session_settle(struct ph_session *session, bool proven)
{
	struct ph_node *node = session->gate->node;

	if (session->pending)
		ph_limits_leave(node->limits, session->pending, proven,
			ph_loop_now(node->loop));
	session->pending = 0;
	ph_timer_stop(node->loop, &session->patience);
	ph_timer_stop(node->loop, &session->guess);
}

void session_free(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;

	session_settle(session, false);
	prove_drop(session);
	offer_drop(session);
	ph_queue_fini(&session->queue);
	DL_DELETE2(gate->sessions, session, prev_session, next_session);
	free(session);
}

void session_end(struct ph_session *session, const char *why)
{
	if (session->phase == PHASE_CLOSING)
		return;
	session->phase = PHASE_CLOSING;
	session->why = why;
	ph_carrier_close(session->carrier);
}

void ph_session_close(struct ph_session *session)
{
	session_end(session, "closed here");
}

void session_send(
	struct ph_session *session, const uint8_t *data, size_t length)
{
	if (!length)
		return;
	if (ph_queue_copy(
		    &session->queue, PH_FRAME_FIN, data, (uint32_t)length) ||
		ph_carrier_send(session->carrier, &session->queue) == -EPIPE)
		session_end(session, "cannot send");
}

/* One answer for every reason; the log tells which it was. */
void session_refuse(struct ph_session *session, const char *why)
{
	uint8_t close[PH_HANDSHAKE_MAX];
	char source[80];

	if (session->phase == PHASE_CLOSING)
		return;
	ph_log_warn("gate", "refused peer=%s because=\"%s\"",
		ph_log_escape(source, sizeof(source), session->source,
			strlen(session->source)),
		why);
	session_send(session, close, ph_handshake_close(close));
	session_end(session, why);
}

/* Whoever is at the other end of the command socket acts as this node's
 * user: only the same user, or root, may. */
static void open_local(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;
	struct ph_node *node = gate->node;
	struct ph_carrier_info info;
	struct ph_line_config config = {.loop = node->loop,
		.kernel = &node->kernel,
		.door = node->door,
		.carrier = session->carrier};

	ph_carrier_info(session->carrier, &info);
	if (!info.has_uid || (info.uid != 0 && info.uid != geteuid())) {
		session_end(session, "another user");
		return;
	}
	session_settle(session, true);
	config.caller.line = ++gate->last_line;
	config.caller.role = PH_ROLE_EXEC;
	session->phase = PHASE_LINE;
	if (ph_line_create(&session->line, &config))
		session_end(session, "out of memory");
}

static void open_dialled(struct ph_session *session)
{
	const struct ph_gate_events *events = &session->gate->events;
	const char *why = NULL;

	if (session->peer.target)
		why = events->on_open(
			events->context, session, session->peer.target);
	if (why)
		session_end(session, why);
	else if (session->phase == PHASE_OPENING && prove_start(session))
		session_end(session, "no TLS, or out of memory");
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct ph_session *session = context;
	struct ph_carrier_info info;

	session->carrier = carrier;
	if (session->phase != PHASE_OPENING)
		return;
	ph_carrier_info(carrier, &info);
	snprintf(session->peer.address, sizeof(session->peer.address), "%s",
		info.peer);
	if (session->local) {
		open_local(session);
		return;
	}
	memcpy(session->peer.key, info.peer_key, PH_PUBLIC_KEY);
	ph_node_id_text(session->peer.id, info.peer_key);
	ph_limits_advance(
		session->gate->node->limits, session->pending, PH_PHASE_TLS);
	if (!memcmp(info.peer_key, session->gate->node->key, PH_PUBLIC_KEY)) {
		/* A list of seeds that all nodes share names each of them. */
		session_end(session, "that is this node itself");
		return;
	}
	if (ph_trust_is_revoked(
		    session->gate->node->trust, session->peer.key)) {
		session_refuse(session, "its key is revoked");
		return;
	}
	if (session->offer)
		offer_open(session);
	else if (session->peer.dialled)
		open_dialled(session);
}

/* The wires' business; an offered carrier is for one ATTACH only. */
static int give_attach(
	struct ph_session *session, const struct ph_attach *attach)
{
	struct ph_gate *gate = session->gate;

	if (session->offer && !offer_allows(session, attach))
		return -EPERM;
	if (attach->offer)
		return gate->offered ? gate->offered(gate->offered_context,
					       session, attach)
				     : -ENOSYS;
	return gate->attach
		       ? gate->attach(gate->attach_context, session, attach)
		       : -ENOSYS;
}

/* ATTACH or an offer, from a key that is trusted here. */
static void take_attach(
	struct ph_session *session, const uint8_t *data, uint32_t length)
{
	struct ph_node *node = session->gate->node;
	const struct ph_pin *pin =
		ph_trust_find(node->trust, session->peer.key);
	struct ph_attach attach;

	if (!pin) {
		session_refuse(session, "ATTACH by an unknown key");
		return;
	}
	if (ph_attach_read(&attach, data, length)) {
		session_refuse(session, "malformed ATTACH");
		return;
	}
	session_settle(session, true);
	snprintf(session->peer.name, sizeof(session->peer.name), "%s",
		pin->name);
	if (give_attach(session, &attach))
		session_refuse(session, "ATTACH refused");
}

static void take_stranger(struct ph_session *session, uint8_t flags,
	const uint8_t *data, uint32_t length)
{
	if (session->phase == PHASE_OPENING && (flags & PH_FRAME_ATTACH)) {
		take_attach(session, data, length);
		return;
	}
	if (flags != PH_FRAME_FIN || session->offer) {
		session_refuse(session, "not a handshake");
		return;
	}
	if (session->phase == PHASE_OPENING) {
		if (prove_start(session)) {
			session_refuse(session, "no TLS, or out of memory");
			return;
		}
		ph_limits_advance(session->gate->node->limits, session->pending,
			PH_PHASE_HELLO);
	}
	prove_step(session, data, length);
}

/* On our own command socket: a program that attached says whose carrier this
 * is. True when it was one of those. */
static bool take_claim(struct ph_session *session, struct ph_segment *rest)
{
	const uint8_t *record = rest->buffer->data + rest->offset;
	uint32_t length = ph_frame_length(record);
	const struct ph_carrier_events *events;
	struct ph_relay claim;
	void *context;

	if (!session->local || record[3] != (PH_FRAME_ATTACH | PH_FRAME_FIN))
		return false;
	if (ph_relay_read(&claim, record + PH_FRAME_HEADER, length) ||
		ph_placement_claim(session->gate->node->placement, &claim,
			session->carrier, &events, &context)) {
		session_end(session, "a claim of nobody");
		return true;
	}
	ph_line_destroy(session->line);
	session->line = NULL;
	ph_session_hand_over(session, events, context);
	rest->offset += PH_FRAME_HEADER + length;
	rest->length -= PH_FRAME_HEADER + length;
	rest->frames--;
	rest->messages--;
	if (rest->length)
		events->on_frames(context, session->carrier, rest);
	return true;
}

/* Frame by frame: what a frame is for depends on the one before. */
static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct ph_session *session = context;
	struct ph_segment rest = *segment;

	while (rest.length && session->phase < PHASE_LINE) {
		const uint8_t *record = rest.buffer->data + rest.offset;
		uint32_t length = ph_frame_length(record);

		take_stranger(
			session, record[3], record + PH_FRAME_HEADER, length);
		rest.offset += PH_FRAME_HEADER + length;
		rest.length -= PH_FRAME_HEADER + length;
		rest.frames--;
	}
	if (!rest.length)
		return;
	if (session->phase == PHASE_LINE && session->line) {
		if (take_claim(session, &rest))
			return;
		if (ph_line_frames(session->line, &rest))
			session_end(session, "malformed call");
	} else if (session->phase == PHASE_HANDED_OVER && session->next) {
		session->next->on_frames(session->next_context, carrier, &rest);
	}
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	struct ph_session *session = context;

	if (session->phase == PHASE_HANDED_OVER) {
		if (session->next)
			session->next->on_room(session->next_context, carrier);
		return;
	}
	if (session->queue.count)
		ph_carrier_send(carrier, &session->queue);
	if (session->line)
		ph_line_room(session->line);
}

static const char *reason_text(const struct ph_session *session, int reason)
{
	if (session->why)
		return session->why;
	return reason ? ph_transport_reason(reason) : "the peer closed";
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct ph_session *session = context;
	struct ph_gate *gate = session->gate;

	if (session->phase == PHASE_HANDED_OVER) {
		if (session->next)
			session->next->on_closed(
				session->next_context, carrier, reason);
		session_free(session);
		return;
	}
	session->why = reason_text(session, reason);
	/* What it cost is known before anybody thinks of trying again. */
	prove_drop(session);
	if (!session->local)
		gate->events.on_gone(gate->events.context, session,
			session->peer.target, reason, session->why);
	ph_line_destroy(session->line);
	session->line = NULL;
	session_free(session);
}

const struct ph_carrier_events session_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

struct ph_session *session_create(struct ph_gate *gate)
{
	struct ph_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->gate = gate;
	session->patience.on_due = prove_patience_over;
	session->guess.on_due = prove_guess_due;
	ph_queue_init(&session->queue, gate->node->kernel.pool);
	DL_APPEND2(gate->sessions, session, prev_session, next_session);
	return session;
}

const struct ph_session_peer *ph_session_peer(const struct ph_session *session)
{
	return &session->peer;
}

struct ph_carrier *ph_session_carrier(struct ph_session *session)
{
	return session->carrier;
}

void ph_session_set_line(struct ph_session *session, struct ph_line *line)
{
	session->line = line;
}

void ph_session_settled(struct ph_session *session)
{
	session->peer.target = NULL;
}

void ph_session_hand_over(struct ph_session *session,
	const struct ph_carrier_events *events, void *context)
{
	session->phase = PHASE_HANDED_OVER;
	session->next = events;
	session->next_context = context;
}
