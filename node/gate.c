#include "node/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/session.h"

static void close_pending(
	struct ph_gate *gate, ph_pending pending, const char *why)
{
	struct ph_session *session;

	DL_FOREACH2(gate->sessions, session, next_session)
	{
		if (session->pending != pending)
			continue;
		session->pending = 0; /* the limits have forgotten it */
		session_refuse(session, why);
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
	offers_close(gate);
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

static int listener_pid(const struct ph_address *address)
{
	return address->scheme == PH_ADDRESS_UNIX
		       ? ph_unix_listener_pid(address->host)
		       : 0;
}

static int listen_error(struct ph_error *error,
	const struct ph_address *address, const char *where, bool local,
	int code)
{
	char next[200];
	const char *what = strerror(-code);
	const char *why = "";
	int pid = code == -EADDRINUSE ? listener_pid(address) : 0;

	if (pid > 0)
		return ph_fail(error, PH_EXIT_CONFLICT, where,
			local ? "posthouse status asks it, posthouse down "
				"stops it; or choose another with --socket"
			      : "stop it, or choose another with --listen",
			"the process with pid %d listens here already", pid);
	if (code == -EADDRINUSE)
		why = "another program (or posthouse node) listens there: stop "
		      "it, or ";
	else if (code == -EACCES)
		why = "ports below 1024 and foreign paths need root: ";
	else if (code == -ENOENT)
		why = "its directory must be there: make it, or ";
	else if (code == -EINVAL || code == -EADDRNOTAVAIL)
		why = "an address of this machine must stand there: ";
	if (code == -EINVAL && ph_scheme_is_ip(address->scheme))
		what = "that is no address, and a name is not looked up for "
		       "this";
	snprintf(next, sizeof(next), "%schoose another with %s", why,
		local ? "--socket" : "--listen");
	return ph_fail(error,
		code == -EADDRINUSE ? PH_EXIT_CONFLICT : PH_EXIT_USAGE, where,
		next, "cannot listen: %s", what);
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
		return listen_error(error, address, where, local, code);
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
	int64_t patience, void *target, struct ph_session **out)
{
	const struct ph_transport *transport =
		ph_transport_find(address->scheme);
	struct ph_session *session = session_create(gate);
	struct ph_dial dial = {.address = *address,
		.deadline = ph_loop_now(gate->node->loop) + patience};
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

void ph_gate_set_attach(struct ph_gate *gate,
	int (*attach)(void *context, struct ph_session *session,
		const struct ph_attach *attach),
	void *context)
{
	gate->attach = attach;
	gate->attach_context = context;
}

void ph_gate_set_offered(struct ph_gate *gate,
	int (*offered)(void *context, struct ph_session *session,
		const struct ph_attach *offer),
	void *context)
{
	gate->offered = offered;
	gate->offered_context = context;
}

unsigned ph_gate_strangers(const struct ph_gate *gate)
{
	return ph_limits_pending(gate->node->limits);
}
