#include "controlsurface/control_inner.h"
#include "controlsurface/manual.h"

#include <stdio.h>

/*
 * The connections' shell. What the state machine wants becomes calls; what the
 * calls answer becomes events. An answer names its connection by id and
 * attempt, so that it may come late, or after the connection has gone.
 */
#define RESERVE_CALL (3 * PH_SECOND)
#define OPEN_CALL    (15 * PH_SECOND)
#define STORE_CALL   (25 * PH_SECOND)
#define LEAVE_CALL   (5 * PH_SECOND)

static void edge_ask(struct ph_control *control, const struct ph_edge *edge,
	enum ph_connection_action action, uint16_t method, const char *node,
	int64_t timeout)
{
	struct ph_ask ask = {
		.method = method,
		.timeout = timeout,
		.reply = ph_control_drive_reply,
		.attempt = edge->actual.attempt,
		.number = action,
	};

	memcpy(ask.id, edge->actual.id, sizeof(ask.id));
	if (strcmp(node, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s", node);
	ph_control_ask(control, &ask);
}

static void do_record(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *record;
	struct ph_writer *writer = ph_control_writer(control);
	const uint8_t *data = NULL;
	size_t length = 0;

	ph_write_map(writer);
	ph_put_text(writer, "space", "connections");
	ph_put_text(writer, "key", edge->actual.id);
	if (!ph_writer_create(&record)) {
		ph_edge_record(edge, record);
		if (!ph_writer_finish(record, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_RECORD, PH_STORE_PUT,
		control->node, STORE_CALL);
}

/* The hold that a wire laid by hand, or by criteria, uses: its id, or id/token
 * in hex when another node holds it. */
static void write_hold(struct ph_control *control, const struct ph_edge *edge,
	struct ph_writer *writer)
{
	const struct ph_manual *manual =
		ph_manual_of_wire(control, &edge->declared);
	const char *hold =
		manual ? manual->reservation : edge->declared.notes.hold;
	uint8_t bytes[PH_CONNECTION_TOKEN];
	const char *hex;
	size_t i = 0;

	if (!*hold)
		return;
	hex = strchr(hold, '/');
	ph_write_text(writer, "hold");
	ph_write_textn(writer, hold, strcspn(hold, "/"));
	if (!hex)
		return;
	while (i < sizeof(bytes) &&
		sscanf(hex + 1 + 2 * i, "%2hhx", &bytes[i]) == 1)
		i++;
	if (i == sizeof(bytes))
		ph_put_bytes(writer, "hold_token", bytes, i);
}

static void do_find(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", edge->declared.from.server);
	ph_put_text(writer, "terminal", edge->declared.from.terminal);
	ph_put_text(writer, "connection", edge->actual.id);
	write_hold(control, edge, writer);
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_FIND, PH_HOSTESS_FIND,
		control->node, RESERVE_CALL);
}

static void do_reserve(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);
	char from[PH_CONNECTION_ID * 2];

	ph_write_map(writer);
	ph_put_text(writer, "connection", edge->actual.id);
	ph_put_text(writer, "server", edge->declared.to.server);
	ph_put_text(writer, "terminal", edge->declared.to.terminal);
	if (*edge->actual.type)
		ph_put_text(writer, "type", edge->actual.type);
	ph_put_text(writer, "from",
		ph_edge_from(&control->connectome, edge, from, sizeof(from)));
	write_hold(control, edge, writer);
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_RESERVE, PH_HOSTESS_RESERVE,
		edge->declared.to.node, RESERVE_CALL);
}

static void do_open(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "connection", edge->actual.id);
	ph_put_u64(writer, "output", edge->actual.output);
	ph_put_text(writer, "node", edge->declared.to.node);
	ph_put_bytes(writer, "token", edge->actual.token,
		sizeof(edge->actual.token));
	ph_put_u64(writer, "generation", edge->actual.generation);
	if (edge->declared.queue)
		ph_put_u64(writer, "queue", edge->declared.queue);
	if (*edge->declared.on_full)
		ph_put_text(writer, "on_full", edge->declared.on_full);
	if (*edge->declared.via)
		ph_put_text(writer, "via", edge->declared.via);
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_OPEN, PH_WIRE_OPEN,
		control->node, OPEN_CALL);
}

static void write_connection(
	struct ph_control *control, const struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "connection", edge->actual.id);
	ph_write_end(writer);
}

static void do_close(struct ph_control *control, struct ph_edge *edge)
{
	write_connection(control, edge);
	edge_ask(control, edge, PH_CONNECTION_DO_CLOSE, PH_WIRE_CLOSE,
		control->node, LEAVE_CALL);
}

/* Its source ends by itself, when that is taken away, too. */
static void do_leave(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "connection", edge->actual.id);
	ph_put_int(writer, "drain", PH_CONNECTION_LEAVE);
	ph_put_bool(writer, "leaves", edge->source_leaves);
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_LEAVE, PH_WIRE_CLOSE,
		control->node, PH_CONNECTION_LEAVE + LEAVE_CALL);
}

static void do_release(struct ph_control *control, struct ph_edge *edge)
{
	write_connection(control, edge);
	edge_ask(control, edge, PH_CONNECTION_DO_RELEASE, PH_HOSTESS_RELEASE,
		edge->declared.to.node, LEAVE_CALL);
}

static void do_forget(struct ph_control *control, struct ph_edge *edge)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "space", "connections");
	ph_put_text(writer, "key", edge->actual.id);
	ph_write_end(writer);
	edge_ask(control, edge, PH_CONNECTION_DO_FORGET, PH_STORE_DELETE,
		control->node, LEAVE_CALL);
}

static void edge_due(struct ph_timer *timer)
{
	struct ph_edge *edge = PH_CONTAINER(timer, struct ph_edge, timer);

	ph_control_event(edge->control, edge,
		&(struct ph_connection_event){.kind = PH_CONNECTION_ON_DUE});
}

static void do_arm(struct ph_control *control, struct ph_edge *edge)
{
	if (control->quiet)
		return;
	edge->timer.on_due = edge_due;
	ph_timer_start(
		control->config.loop, &edge->timer, edge->actual.deadline);
}

static void do_disarm(struct ph_control *control, struct ph_edge *edge)
{
	ph_timer_stop(control->config.loop, &edge->timer);
}

static void do_note(struct ph_control *control, struct ph_edge *edge)
{
	ph_control_note(control, "", edge->actual.reason, "connection %s %s",
		edge->actual.id, ph_connection_state_name(edge->actual.state));
}

static void (*const actions[])(struct ph_control *, struct ph_edge *) = {
	[PH_CONNECTION_DO_RECORD] = do_record,
	[PH_CONNECTION_DO_FIND] = do_find,
	[PH_CONNECTION_DO_RESERVE] = do_reserve,
	[PH_CONNECTION_DO_OPEN] = do_open,
	[PH_CONNECTION_DO_CLOSE] = do_close,
	[PH_CONNECTION_DO_LEAVE] = do_leave,
	[PH_CONNECTION_DO_RELEASE] = do_release,
	[PH_CONNECTION_DO_FORGET] = do_forget,
	[PH_CONNECTION_DO_ARM] = do_arm,
	[PH_CONNECTION_DO_DISARM] = do_disarm,
	[PH_CONNECTION_DO_NOTE] = do_note,
};

/* A node that stops redials nothing, but a stream that ends while it stops
 * has ended for good. */
static bool event_is_muted(const struct ph_control *control,
	const struct ph_connection_event *event)
{
	return control->quiet && event->kind != PH_CONNECTION_ON_ENDED &&
	       event->kind != PH_CONNECTION_ON_RECORDED;
}

void ph_control_event(struct ph_control *control, struct ph_edge *edge,
	const struct ph_connection_event *event)
{
	struct ph_connection_outputs outputs;
	int64_t now = ph_loop_now(control->config.loop);
	enum ph_connection_state before = edge->actual.state;

	if (event_is_muted(control, event))
		return;
	edge->control = control;
	if (event->kind == PH_CONNECTION_ON_WITHDRAWN)
		ph_connectome_withdraw(&control->connectome, edge);
	ph_connection_step(
		&edge->actual, now, event, &control->jitter, &outputs);
	/* A stream that only got another carrier counts on. */
	if (edge->actual.state == PH_CONNECTION_OPEN &&
		before != PH_CONNECTION_OPEN &&
		event->kind != PH_CONNECTION_ON_BACK) {
		edge->opened = now;
		edge->flow.rates = (struct ph_rates){0};
	}
	for (unsigned i = 0; i < outputs.count; i++)
		actions[outputs.items[i]](control, edge);
	if (edge->withdrawn && edge->actual.state == PH_CONNECTION_CLOSED) {
		ph_timer_stop(control->config.loop, &edge->timer);
		ph_connectome_remove(&control->connectome, edge);
	}
}
