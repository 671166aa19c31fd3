#include "controlsurface/views.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/clock.h"

/*
 * What the connections look like now: their state machines and, asked at that
 * moment, the counters and rates of wire.flows. Nobody has to subscribe.
 */

/* --- flows --- */

static void read_pair(struct ph_value map, const char *key, uint64_t *bytes,
	uint64_t *messages)
{
	struct ph_value pair = ph_value_get(map, key);

	*bytes = ph_get_u64(pair, "bytes");
	*messages = ph_get_u64(pair, "messages");
}

void ph_control_take_flow(struct ph_edge *edge, struct ph_value item)
{
	struct ph_flow *flow = &edge->flow;
	struct ph_value queue = ph_value_get(item, "queue");

	flow->present = true;
	ph_get_copy(
		item, "transport", flow->transport, sizeof(flow->transport));
	ph_get_copy(item, "peer", flow->peer, sizeof(flow->peer));
	read_pair(item, "sent", &flow->sent_bytes, &flow->sent_messages);
	read_pair(item, "received", &flow->received_bytes,
		&flow->received_messages);
	read_pair(
		item, "dropped", &flow->dropped_bytes, &flow->dropped_messages);
	flow->queue_bytes = ph_get_u64(queue, "bytes");
	flow->queue_limit = ph_get_u64(queue, "limit");
	flow->queue_there = ph_get_u64(queue, "there");
	flow->blocked_ns = ph_get_int(item, "blocked_ns");
	flow->blocked = ph_get_bool(item, "blocked");
	ph_rates_read(&flow->rates, ph_value_get(item, "rate"));
	ph_override_take(edge, item);
}

void ph_control_take_flows(struct ph_control *control,
	const struct ph_view_address *address, struct ph_value body)
{
	struct ph_value items = ph_value_get(body, "items");
	struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		if (ph_view_matches(control, address, edge))
			edge->flow.present = false;
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		char id[PH_CONNECTION_ID];

		ph_get_copy(item, "connection", id, sizeof(id));
		edge = ph_connectome_find(&control->connectome, id);
		/* A pipe within the node has both its ends here. */
		if (edge && ph_value_is(ph_value_get(item, "direction"), "out"))
			ph_control_take_flow(edge, item);
	}
	/* Nor is there a filter where nothing flows. */
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		if (!edge->flow.present &&
			ph_view_matches(control, address, edge))
			ph_override_take(edge, (struct ph_value){NULL});
}

/* --- one connection --- */

/* Before it has stood for a second, nothing says that it moves nothing. */
static enum ph_connection_state edge_shown(
	const struct ph_edge *edge, int64_t now)
{
	const struct ph_flow *flow = &edge->flow;
	const struct ph_rate_count *rate = &flow->rates.over[PH_RATE_1];
	struct ph_connection_look look = {
		.known = flow->present && now - edge->opened >= PH_SECOND,
		.moved = rate->of[PH_RATE_SENT_BYTES] ||
			 rate->of[PH_RATE_RECEIVED_BYTES],
		.blocked = flow->present && flow->blocked,
	};

	/* Held is held, whatever still trickled since the last look. */
	if (flow->present && ph_override_holds(edge))
		look = (struct ph_connection_look){.blocked = true};
	return ph_connection_shown(&edge->actual, now, look);
}

static void write_pair(struct ph_writer *writer, const char *key,
	uint64_t bytes, uint64_t messages)
{
	ph_put_map(writer, key);
	ph_put_u64(writer, "bytes", bytes);
	ph_put_u64(writer, "messages", messages);
	ph_write_end(writer);
}

static void write_flow(struct ph_writer *writer, const struct ph_edge *edge)
{
	static const struct ph_rates none;
	const struct ph_flow *flow = &edge->flow;
	bool open = flow->present && edge->actual.state == PH_CONNECTION_OPEN;

	write_pair(writer, "sent", flow->sent_bytes, flow->sent_messages);
	write_pair(writer, "received", flow->received_bytes,
		flow->received_messages);
	write_pair(
		writer, "dropped", flow->dropped_bytes, flow->dropped_messages);
	ph_put_map(writer, "queue");
	ph_put_u64(writer, "bytes", flow->present ? flow->queue_bytes : 0);
	ph_put_u64(writer, "limit", flow->queue_limit);
	ph_put_u64(writer, "there", flow->present ? flow->queue_there : 0);
	ph_write_end(writer);
	ph_put_int(writer, "blocked_ns", flow->present ? flow->blocked_ns : 0);
	ph_rates_write(writer, "rate", open ? &flow->rates : &none);
}

/* The three columns. */
static void write_columns(
	struct ph_control *control, const struct ph_edge *edge)
{
	struct ph_writer *writer = control->writer;

	ph_put_text(writer, "scope", edge->declared.scope);
	ph_put_map(writer, "declared");
	ph_put_bool(writer, "wired", !edge->withdrawn && *edge->declared.scope);
	ph_put_text(writer, "on_full", edge->declared.on_full);
	ph_put_u64(writer, "queue", edge->declared.queue);
	ph_put_text(writer, "via", edge->declared.via);
	ph_put_text(writer, "criteria", edge->declared.notes.criteria);
	ph_write_end(writer);
	ph_override_write(control, edge);
	ph_put_text(
		writer, "actual", ph_connection_state_name(edge->actual.state));
}

void ph_control_write_edge(struct ph_control *control,
	const struct ph_edge *edge, const char *kind)
{
	struct ph_writer *writer = control->writer;
	int64_t now = ph_loop_now(control->config.loop);
	char place[PH_CONNECTION_ID * 2];

	ph_write_map(writer);
	if (kind)
		ph_put_text(writer, "kind", kind);
	ph_put_text(writer, "id", edge->actual.id);
	ph_put_text(writer, "from",
		ph_edge_from(&control->connectome, edge, place, sizeof(place)));
	ph_put_text(writer, "to", ph_edge_to(edge, place, sizeof(place)));
	ph_put_text(writer, "transport", edge->flow.transport);
	ph_put_text(writer, "state",
		ph_connection_state_name(edge_shown(edge, now)));
	ph_put_text(writer, "reason",
		ph_override_holds(edge) ? edge->override.reason
					: edge->actual.reason);
	/* Wall clock, ns. */
	ph_put_int(
		writer, "since", ph_clock_wall() - (now - edge->actual.since));
	write_flow(writer, edge);
	write_columns(control, edge);
	ph_put_u64(writer, "generation", edge->actual.generation);
	ph_put_u64(writer, "failures", edge->actual.failures);
	ph_put_text(writer, "peer",
		*edge->flow.peer ? edge->flow.peer : edge->declared.to.node);
	ph_wire_labels_write(writer, edge->declared.notes.labels);
	ph_put_bool(writer, "optional", edge->declared.notes.optional);
	ph_write_end(writer);
}

/* --- which of them --- */

int ph_view_address(struct ph_view_address *out, const char *text)
{
	struct ph_connection_id id;

	memset(out, 0, sizeof(*out));
	if (!*text)
		return 0;
	snprintf(out->text, sizeof(out->text), "%s", text);
	out->given = true;
	if (strchr(text, '#')) {
		out->id = true;
		return ph_connection_id_parse(&id, text);
	}
	return ph_place_parse(&out->place, text);
}

static bool place_matches(const struct ph_place *wanted, const char *node,
	const struct ph_place *place)
{
	return (!*wanted->node || !strcmp(wanted->node, node)) &&
	       !strcmp(wanted->server, place->server) &&
	       (!*wanted->terminal ||
		       !strcmp(wanted->terminal, place->terminal));
}

bool ph_view_matches(const struct ph_control *control,
	const struct ph_view_address *address, const struct ph_edge *edge)
{
	if (!address || !address->given)
		return true;
	if (address->id)
		return !strcmp(address->text, edge->actual.id);
	return place_matches(
		       &address->place, control->node, &edge->declared.from) ||
	       place_matches(&address->place, edge->declared.to.node,
		       &edge->declared.to);
}

void ph_view_write_flows(const struct ph_control *control,
	const struct ph_view_address *address, struct ph_writer *writer)
{
	struct ph_edge *edge;

	ph_write_map(writer);
	if (address->given) {
		ph_put_list(writer, "connections");
		for (edge = control->connectome.ids; edge;
			edge = edge->by_id.next)
			if (ph_view_matches(control, address, edge))
				ph_write_text(writer, edge->actual.id);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

int ph_view_open(struct ph_view_address *out, struct ph_request *request)
{
	struct ph_error error;
	char text[sizeof(out->text)];

	ph_get_copy(request->arguments, "address", text, sizeof(text));
	if (!ph_view_address(out, text))
		return 0;
	ph_fail(&error, PH_EXIT_USAGE, "",
		"write server, server:terminal, node/server:terminal or "
		"node#epoch.seq",
		"that is no address");
	ph_answer_error(request->door, request->ticket, &error);
	return -1;
}

/* --- control.connections --- */

struct look {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	struct ph_view_address address;
};

static void look_free(struct ph_control_work *work)
{
	free(work);
}

static void looked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct look *look = ask->context;
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_edge *edge;

	ph_control_take_flows(control, &look->address, reply->body);
	ph_write_map(writer);
	ph_put_u64(writer, "revision", ph_control_revision(control));
	ph_put_list(writer, "items");
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		if (ph_view_matches(control, &look->address, edge))
			ph_control_write_edge(control, edge, NULL);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, look->ticket, writer);
	ph_control_work_end(control, &look->work);
	look_free(&look->work);
}

static void look_begin(struct ph_control *control, ph_handle ticket,
	const struct ph_view_address *address)
{
	struct look *look = calloc(1, sizeof(*look));
	struct ph_writer *writer = ph_control_writer(control);

	if (!look) {
		ph_door_answer(
			control->config.door, ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	look->work.abandon = look_free;
	look->control = control;
	look->ticket = ticket;
	look->address = *address;
	ph_control_work_begin(control, &look->work);
	ph_view_write_flows(control, address, writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_WIRE_FLOWS,
					.timeout = PH_ASK_HERE,
					.reply = looked,
					.context = look,
				});
}

/* --- how many there are of each kind --- */

enum edge_class {
	EDGE_OPEN,
	EDGE_CLOSED,
	EDGE_WAITING,
	EDGE_FAILED,
	EDGE_CLASSES
};

static enum edge_class edge_class(const struct ph_edge *edge)
{
	switch (edge->actual.state) {
	case PH_CONNECTION_OPEN:
		return EDGE_OPEN;
	case PH_CONNECTION_CLOSED:
		return EDGE_CLOSED;
	case PH_CONNECTION_FAILED:
		return EDGE_FAILED;
	default:
		return EDGE_WAITING;
	}
}

/* `waiting_for`: the first that does not stand; what is optional is not waited
 * for, nor counted until it stands. */
static void count_edges(struct ph_control *control, struct ph_writer *writer)
{
	static const char *const names[] = {
		"open", "closed", "waiting", "failed"};
	unsigned counts[EDGE_CLASSES] = {0};
	const struct ph_edge *first = NULL;
	char text[PH_CONNECTION_ID + PH_CONNECTION_REASON] = "";

	for (struct ph_edge *edge = control->connectome.ids; edge;
		edge = edge->by_id.next) {
		enum edge_class class = edge_class(edge);
		bool stands = class < EDGE_WAITING;

		if (!stands && edge->declared.notes.optional)
			continue;
		counts[class]++;
		if (!stands && !first)
			first = edge;
	}
	ph_put_map(writer, "counts");
	for (unsigned i = 0; i < EDGE_CLASSES; i++)
		ph_put_u64(writer, names[i], counts[i]);
	ph_write_end(writer);
	if (first)
		snprintf(text, sizeof(text), "connection %.64s is %s%s%.60s",
			first->actual.id,
			ph_connection_state_name(first->actual.state),
			*first->actual.reason ? ": " : "",
			first->actual.reason);
	ph_put_text(writer, "waiting_for", text);
}

/* Without asking anybody how much flows. */
static void answer_counts(struct ph_control *control, ph_handle ticket)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_u64(writer, "revision", ph_control_revision(control));
	count_edges(control, writer);
	ph_doubts_write_lines(control, writer);
	ph_put_list(writer, "items");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}

void ph_control_serve_connections(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_view_address address;
	struct ph_request request;

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (ph_view_open(&address, &request))
		; /* answered */
	else if (ph_get_bool(request.arguments, "counts"))
		answer_counts(control, ticket);
	else
		look_begin(control, ticket, &address);
	ph_request_close(&request);
}
