#include "node/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <utlist.h>

#include "kernel/log.h"
#include "node/keys.h"
#include "node/limits.h"
#include "node/line.h"
#include "node/trust.h"
#include "proto/handshake.h"

/* From accept to proven; a peer needs four round trips and 0.3 ms of work. */
#define GATE_PATIENCE  (10 * PH_SECOND)
#define GATE_LISTENERS 10

enum phase {
	PHASE_OPENING, /* no frame yet */
	PHASE_HANDSHAKE,
	PHASE_LINE,
	PHASE_HANDED_OVER,
	PHASE_CLOSING,
};

struct ph_session {
	struct ph_gate *gate;
	struct ph_carrier *carrier;
	enum phase phase;
	bool local; /* our own command socket */
	char source[64];
	ph_pending pending; /* among the strangers; 0: not, or no more */
	bool guessing;	    /* a try at the passphrase is paid for */
	bool asked;	    /* whether it may be, was settled */
	uint8_t held[PH_HANDSHAKE_MAX]; /* waits for a turn to guess */
	size_t held_length;
	struct ph_timer guess;
	struct ph_session_peer peer;
	struct ph_handshake *handshake;
	struct ph_queue queue;
	struct ph_line *line;
	struct ph_timer patience;
	const char *why;
	const struct ph_carrier_events *next; /* handed over */
	void *next_context;
	struct ph_session *prev_session;
	struct ph_session *next_session;
};

struct ph_gate {
	struct ph_node *node;
	struct ph_gate_events events;
	struct {
		struct ph_listener *listener;
		bool local;
		struct ph_gate *gate;
	} doors[GATE_LISTENERS];
	unsigned listeners;
	struct ph_session *sessions;
	struct ph_timer patience; /* of the strangers */
	uint64_t last_line;
	int (*attach)(void *context, struct ph_session *session,
		const struct ph_attach *attach);
	void *attach_context;
};

/* What a run at the passphrase cost is known when it ends, however. */
static void settle_guess(struct ph_session *session)
{
	struct ph_node *node = session->gate->node;
	int64_t now = ph_loop_now(node->loop);
	unsigned guesses;

	if (!session->guessing)
		return;
	session->guessing = false;
	guesses = ph_handshake_guesses(session->handshake);
	ph_limits_guessed(
		node->limits, ph_source_of(session->source), guesses, now);
	if (guesses && session->peer.dialled)
		ph_trust_failed(
			node->trust, session->peer.key, ph_clock_wall());
}

static void drop_handshake(struct ph_session *session)
{
	if (!session->handshake)
		return;
	settle_guess(session);
	ph_handshake_fini(session->handshake);
	sodium_free(session->handshake);
	session->handshake = NULL;
}

/* It takes no stranger's seat any more. */
static void session_settle(struct ph_session *session, bool proven)
{
	struct ph_node *node = session->gate->node;

	if (session->pending)
		ph_limits_leave(node->limits, session->pending, proven,
			ph_loop_now(node->loop));
	session->pending = 0;
	ph_timer_stop(node->loop, &session->patience);
	ph_timer_stop(node->loop, &session->guess);
}

static void session_free(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;

	session_settle(session, false);
	drop_handshake(session);
	ph_queue_fini(&session->queue);
	DL_DELETE2(gate->sessions, session, prev_session, next_session);
	free(session);
}

static void session_end(struct ph_session *session, const char *why)
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

static void send_bytes(
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
static void refuse(struct ph_session *session, const char *why)
{
	uint8_t close[PH_HANDSHAKE_MAX];
	char source[80];

	if (session->phase == PHASE_CLOSING)
		return;
	ph_log_warn("gate", "refused peer=%s because=\"%s\"",
		ph_log_escape(source, sizeof(source), session->source,
			strlen(session->source)),
		why);
	send_bytes(session, close, ph_handshake_close(close));
	session_end(session, why);
}

static void patience_over(struct ph_timer *timer)
{
	struct ph_session *session =
		(struct ph_session *)((char *)timer -
				      offsetof(struct ph_session, patience));

	session_end(session, "no answer in time");
}

static void become_line(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;

	session_settle(session, true);
	snprintf(session->peer.name, sizeof(session->peer.name), "%s",
		ph_handshake_peer(session->handshake));
	session->peer.by_passphrase =
		ph_handshake_by_passphrase(session->handshake);
	drop_handshake(session);
	session->phase = PHASE_LINE;
	gate->events.on_line(gate->events.context, session);
}

/* A run that can test the passphrase pays before it goes on. True: it may;
 * false: it waits, or was refused. */
static bool may_guess(struct ph_session *session)
{
	struct ph_node *node = session->gate->node;
	int64_t now = ph_loop_now(node->loop);
	int64_t retry = 0;
	enum ph_guess guess = ph_limits_guess(
		node->limits, ph_source_of(session->source), now, &retry);

	session->asked = true;
	session->guessing = guess == PH_GUESS_GO;
	if (guess == PH_GUESS_WAIT) {
		session->asked = false;
		ph_timer_start(node->loop, &session->guess, now + retry);
	} else if (guess == PH_GUESS_PAUSED) {
		refuse(session, "too many wrong passphrases at this node: "
				"enrolment pauses");
	} else if (guess == PH_GUESS_REFUSED) {
		refuse(session, "too many wrong passphrases from there");
	}
	return session->guessing;
}

static void guess_due(struct ph_timer *timer)
{
	struct ph_session *session =
		(struct ph_session *)((char *)timer -
				      offsetof(struct ph_session, guess));

	if (session->phase == PHASE_HANDSHAKE && may_guess(session))
		send_bytes(session, session->held, session->held_length);
}

static void handshake_step(
	struct ph_session *session, const uint8_t *data, uint32_t length)
{
	struct ph_handshake *handshake = session->handshake;
	enum ph_handshake_verdict verdict;

	if (session->guess.slot) {
		refuse(session, "it speaks out of turn");
		return;
	}
	session->held_length = 0;
	verdict = ph_handshake_step(
		handshake, data, length, session->held, &session->held_length);
	if (verdict == PH_HANDSHAKE_REFUSED) {
		refuse(session,
			handshake->reason ? handshake->reason : "refused");
		return;
	}
	/* The first message that does not settle it begins a PAKE. */
	if (verdict == PH_HANDSHAKE_GOES_ON && !session->asked &&
		!may_guess(session))
		return;
	send_bytes(session, session->held, session->held_length);
	if (verdict == PH_HANDSHAKE_IN && session->phase == PHASE_HANDSHAKE)
		become_line(session);
}

/* Everything the handshake must know, from TLS and from this node. */
static int handshake_config(
	struct ph_session *session, struct ph_handshake_config *config)
{
	struct ph_node *node = session->gate->node;
	struct ph_carrier_info info;

	ph_carrier_info(session->carrier, &info);
	if (!info.tls)
		return -EACCES;
	*config = (struct ph_handshake_config){
		.role = session->peer.dialled ? PH_DIALLER : PH_LISTENER,
	};
	snprintf(config->name, sizeof(config->name), "%s", node->name);
	memcpy(config->mesh, node->mesh, sizeof(config->mesh));
	memcpy(config->key, node->key, PH_PUBLIC_KEY);
	memcpy(config->peer_key, info.peer_key, PH_PUBLIC_KEY);
	memcpy(config->exporter, info.exporter, sizeof(config->exporter));
	snprintf(config->transport, sizeof(config->transport), "%s",
		info.scheme);
	config->trusted = ph_trust_find(node->trust, info.peer_key) != NULL;
	config->secrets =
		ph_trust_secrets(node->trust, ph_clock_wall(), config->secret);
	randombytes_buf(config->nonce, sizeof(config->nonce));
	crypto_core_ristretto255_scalar_random(config->scalar);
	return 0;
}

static int start_handshake(struct ph_session *session)
{
	struct ph_handshake_config *config = sodium_malloc(sizeof(*config));
	uint8_t send[PH_HANDSHAKE_MAX];
	size_t length = 0;
	int error;

	session->handshake = sodium_malloc(sizeof(*session->handshake));
	if (!config || !session->handshake) {
		sodium_free(config);
		return -ENOMEM;
	}
	memset(session->handshake, 0, sizeof(*session->handshake));
	error = handshake_config(session, config);
	if (!error)
		error = ph_handshake_init(session->handshake, config,
			session->peer.dialled ? send : NULL, &length);
	sodium_free(config);
	if (error)
		return error;
	session->phase = PHASE_HANDSHAKE;
	if (session->peer.dialled)
		send_bytes(session, send, length);
	return 0;
}

/* Whoever is at the other end of the command socket acts as this node's
 * user: only the same user, or root, may. */
static void open_local(struct ph_session *session)
{
	struct ph_gate *gate = session->gate;
	struct ph_node *node = gate->node;
	struct ph_carrier_info info;
	struct ph_line_config config = {.kernel = &node->kernel,
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
		refuse(session, "its key is revoked");
		return;
	}
	if (session->peer.dialled && start_handshake(session))
		session_end(session, "no TLS, or out of memory");
}

/* ATTACH from a key that is trusted here; the rest is the wires' business. */
static void take_attach(
	struct ph_session *session, const uint8_t *data, uint32_t length)
{
	struct ph_gate *gate = session->gate;
	struct ph_node *node = gate->node;
	const struct ph_pin *pin =
		ph_trust_find(node->trust, session->peer.key);
	struct ph_attach attach;

	if (!pin) {
		refuse(session, "ATTACH by an unknown key");
		return;
	}
	if (ph_attach_read(&attach, data, length)) {
		refuse(session, "malformed ATTACH");
		return;
	}
	session_settle(session, true);
	snprintf(session->peer.name, sizeof(session->peer.name), "%s",
		pin->name);
	if (!gate->attach ||
		gate->attach(gate->attach_context, session, &attach))
		refuse(session, "ATTACH refused");
}

static void take_stranger(struct ph_session *session, uint8_t flags,
	const uint8_t *data, uint32_t length)
{
	if (session->phase == PHASE_OPENING && (flags & PH_FRAME_ATTACH)) {
		take_attach(session, data, length);
		return;
	}
	if (flags != PH_FRAME_FIN) {
		refuse(session, "not a handshake");
		return;
	}
	if (session->phase == PHASE_OPENING) {
		if (start_handshake(session)) {
			refuse(session, "no TLS, or out of memory");
			return;
		}
		ph_limits_advance(session->gate->node->limits, session->pending,
			PH_PHASE_HELLO);
	}
	handshake_step(session, data, length);
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
	return reason ? strerror(-reason) : "the peer closed";
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
	if (!session->local)
		gate->events.on_gone(gate->events.context, session,
			session->peer.target, reason,
			reason_text(session, reason));
	ph_line_destroy(session->line);
	session->line = NULL;
	session_free(session);
}

static const struct ph_carrier_events session_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

static struct ph_session *session_create(struct ph_gate *gate)
{
	struct ph_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->gate = gate;
	session->patience.on_due = patience_over;
	session->guess.on_due = guess_due;
	ph_queue_init(&session->queue, gate->node->kernel.pool);
	DL_APPEND2(gate->sessions, session, prev_session, next_session);
	return session;
}

static void close_pending(
	struct ph_gate *gate, ph_pending pending, const char *why)
{
	struct ph_session *session;

	DL_FOREACH2(gate->sessions, session, next_session)
	{
		if (session->pending != pending)
			continue;
		session->pending = 0; /* the limits have forgotten it */
		refuse(session, why);
		return;
	}
}

static void arm_patience(struct ph_gate *gate)
{
	int64_t due = ph_limits_deadline(gate->node->limits);

	if (due == INT64_MAX)
		ph_timer_stop(gate->node->loop, &gate->patience);
	else
		ph_timer_start(gate->node->loop, &gate->patience, due);
}

static void strangers_due(struct ph_timer *timer)
{
	struct ph_gate *gate =
		(struct ph_gate *)((char *)timer -
				   offsetof(struct ph_gate, patience));
	ph_pending pending;

	while ((pending = ph_limits_expired(
			gate->node->limits, ph_loop_now(gate->node->loop))))
		close_pending(gate, pending, "not proven in time");
	arm_patience(gate);
}

/* Before anything is spent: a newcomer gets a seat, maybe another's. */
static const struct ph_carrier_events *on_accept(
	void *context, const char *source, void **out)
{
	struct ph_gate *gate = *(struct ph_gate **)context;
	struct ph_session *session;
	ph_pending victim = 0;

	if (gate->node->stopping)
		return NULL;
	session = session_create(gate);
	if (!session)
		return NULL;
	snprintf(session->source, sizeof(session->source), "%s", source);
	session->pending = ph_limits_enter(gate->node->limits,
		ph_source_of(source), ph_loop_now(gate->node->loop), &victim);
	if (victim)
		close_pending(gate, victim, "its seat was needed");
	arm_patience(gate);
	*out = session;
	return &session_events;
}

static const struct ph_carrier_events *on_accept_local(
	void *context, const char *source, void **out)
{
	struct ph_gate *gate = *(struct ph_gate **)context;
	struct ph_session *session = session_create(gate);

	if (!session)
		return NULL;
	session->local = true;
	*out = session;
	return &session_events;
}

static void on_carrier(void *context, struct ph_carrier *carrier, void *own)
{
	((struct ph_session *)own)->carrier = carrier;
}

static const struct ph_listener_events peer_events = {on_accept, on_carrier};
static const struct ph_listener_events local_events = {
	on_accept_local, on_carrier};

int ph_gate_create(struct ph_gate **out, struct ph_node *node,
	struct ph_gate_events events)
{
	struct ph_gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return -ENOMEM;
	gate->node = node;
	gate->events = events;
	gate->patience.on_due = strangers_due;
	*out = gate;
	return 0;
}

void ph_gate_close(struct ph_gate *gate)
{
	struct ph_session *session;

	for (unsigned i = 0; i < gate->listeners; i++)
		ph_listener_close(gate->doors[i].listener);
	gate->listeners = 0;
	ph_timer_stop(gate->node->loop, &gate->patience);
	DL_FOREACH2(gate->sessions, session, next_session)
	{
		if (session->phase == PHASE_HANDED_OVER)
			ph_carrier_close(session->carrier);
		else
			session_end(session, "this node stops");
	}
}

void ph_gate_destroy(struct ph_gate *gate)
{
	free(gate);
}

static int listen_error(struct ph_error *error, const char *where, int code)
{
	const char *next = "choose another address with --listen";

	if (code == -EADDRINUSE)
		next = "another program (or posthouse node) listens there: "
		       "stop it, or choose another with --listen";
	else if (code == -EACCES)
		next = "ports below 1024 and foreign paths need root: choose "
		       "another with --listen";
	return ph_fail(error,
		code == -EADDRINUSE ? PH_EXIT_CONFLICT : PH_EXIT_USAGE, where,
		next, "cannot listen: %s", strerror(-code));
}

int ph_gate_listen(struct ph_gate *gate, const struct ph_address *address,
	bool local, struct ph_error *error)
{
	const struct ph_transport *transport =
		ph_transport_find(address->scheme);
	unsigned index = gate->listeners;
	char where[140];
	int code;

	ph_address_format(address, where, sizeof(where));
	if (index == GATE_LISTENERS)
		return ph_fail(error, PH_EXIT_USAGE, where, "",
			"more than %d addresses", GATE_LISTENERS);
	gate->doors[index].local = local;
	gate->doors[index].gate = gate;
	code = transport->listen(&gate->node->host, address, local,
		local ? &local_events : &peer_events, &gate->doors[index].gate,
		&gate->doors[index].listener);
	if (code)
		return listen_error(error, where, code);
	gate->listeners++;
	/* Port 0 has become a real one. */
	if (!local) {
		struct ph_address bound;

		ph_listener_address(gate->doors[index].listener, &bound);
		ph_address_format(&bound, where, sizeof(where));
	}
	ph_log_info("gate", "listening at=%s%s", where,
		local ? " for=commands" : "");
	return 0;
}

unsigned ph_gate_addresses(
	const struct ph_gate *gate, char (*out)[128], unsigned most)
{
	unsigned count = 0;

	for (unsigned i = 0; i < gate->listeners && count < most; i++) {
		struct ph_address address;

		if (gate->doors[i].local)
			continue;
		ph_listener_address(gate->doors[i].listener, &address);
		ph_address_format(&address, out[count++], sizeof(*out));
	}
	return count;
}

int ph_gate_dial(struct ph_gate *gate, const struct ph_address *address,
	void *target, struct ph_session **out)
{
	const struct ph_transport *transport =
		ph_transport_find(address->scheme);
	struct ph_session *session = session_create(gate);
	struct ph_dial dial = {.address = *address};
	int error;

	if (!session)
		return -ENOMEM;
	session->peer.dialled = true;
	session->peer.target = target;
	ph_address_format(address, session->source, sizeof(session->source));
	error = transport->dial(&gate->node->host, &dial, &session_events,
		session, &session->carrier);
	if (error) {
		session_free(session);
		return error;
	}
	ph_timer_start(gate->node->loop, &session->patience,
		ph_loop_now(gate->node->loop) + GATE_PATIENCE);
	*out = session;
	return 0;
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

void ph_session_hand_over(struct ph_session *session,
	const struct ph_carrier_events *events, void *context)
{
	session->phase = PHASE_HANDED_OVER;
	session->next = events;
	session->next_context = context;
}

void ph_gate_set_attach(struct ph_gate *gate,
	int (*attach)(void *context, struct ph_session *session,
		const struct ph_attach *attach),
	void *context)
{
	gate->attach = attach;
	gate->attach_context = context;
}

unsigned ph_gate_strangers(const struct ph_gate *gate)
{
	return ph_limits_pending(gate->node->limits);
}
