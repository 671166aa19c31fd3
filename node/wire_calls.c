#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/full_policy.h"
#include "node/lines.h"
#include "node/wire.h"
#include "node/wire_detour.h"

/* The calls of the switchboard: wire.open, wire.close, wire.flows; and what is
 * told of a wire. */

static void refuse_open(
	struct ph_request *request, const char *where, const char *what)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_UNREACHABLE, where,
		"posthouse peers shows the lines", "%s", what);
	ph_answer_error(request->door, request->ticket, &error);
}

static void open_remote(
	struct ph_wires *wires, struct ph_request *request, struct wire *wire)
{
	struct ph_address address;

	if (ph_lines_candidate(wires->node->lines, wire->peer, "", &address,
		    wire->peer_key) == -ENOENT) {
		refuse_open(request, wire->peer, "no such node");
		wire_free(wire);
		return;
	}
	wire->ticket = request->ticket;
	wire_out_open(wire);
}

static void open_wire(struct ph_wires *wires, struct ph_request *request)
{
	struct ph_value arguments = request->arguments;
	uint64_t limit = ph_get_u64(arguments, "queue");
	char connection[96];
	char peer[40];
	char on_full[16];
	char via[PH_VIA_MAX];
	const struct ph_full_policy *full;
	size_t length;
	const uint8_t *token;
	struct wire *wire;
	bool here;

	ph_get_copy(arguments, "connection", connection, sizeof(connection));
	ph_get_copy(arguments, "node", peer, sizeof(peer));
	token = ph_value_bytes(ph_value_get(arguments, "token"), &length);
	here = !peer[0] || !strcmp(peer, wires->node->name);
	ph_get_copy(arguments, "on_full", on_full, sizeof(on_full));
	full = ph_full_policy_find(on_full);
	ph_get_copy(arguments, "via", via, sizeof(via));
	if (wires->closed || length != PH_ATTACH_TOKEN || !full) {
		refuse_open(request, connection,
			"not now, a bad token, or an unknown on_full");
		return;
	}
	if (here && *via) {
		refuse_open(request, connection,
			"via: both ends are on this node, nothing is dialled");
		return;
	}
	wire = wire_create(wires, here ? WIRE_LOCAL : WIRE_OUT, connection);
	if (!wire) {
		refuse_open(request, connection, "out of memory");
		return;
	}
	memcpy(wire->token, token, sizeof(wire->token));
	memcpy(wire->peer, peer, sizeof(peer));
	memcpy(wire->via, via, sizeof(via));
	wire->generation = ph_get_u64(arguments, "generation") << 32;
	wire->output = ph_get_u64(arguments, "output");
	wire->full = full;
	wire->limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
	if (!here) {
		open_remote(wires, request, wire);
		return;
	}
	wire->ticket = request->ticket;
	if (wire_local_open(wire)) {
		wire->ticket = 0;
		refuse_open(request, connection, "out of memory");
		wire_free(wire);
	}
}

static void serve_open(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_wires *wires = context;
	struct ph_request request;

	if (ph_request_open(&request, wires->node->door, ticket, call))
		return;
	open_wire(wires, &request);
	ph_request_close(&request);
}

static void serve_close(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_wires *wires = context;
	struct ph_request request;
	char connection[96];
	struct wire *wire;
	int64_t drain;
	bool leaves;

	if (ph_request_open(&request, wires->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "connection", connection,
		sizeof(connection));
	drain = ph_get_int(request.arguments, "drain");
	leaves = ph_get_bool(request.arguments, "leaves");
	ph_request_close(&request);
	wire = wire_find(wires, WIRE_OUT, connection);
	if (!wire)
		wire = wire_find(wires, WIRE_LOCAL, connection);
	if (wire && drain > 0 && wire_leave(wire, ticket, drain, leaves))
		return;
	if (wire)
		wire_cut(wire, "taken away");
	wire_detour_forget(wires, connection);
	ph_answer_ok(wires->node->door, ticket, NULL);
}

static void put_amount(struct ph_writer *writer, const char *key,
	uint64_t bytes, uint64_t messages)
{
	ph_put_map(writer, key);
	ph_put_u64(writer, "bytes", bytes);
	ph_put_u64(writer, "messages", messages);
	ph_write_end(writer);
}

static int64_t blocked_time(const struct wire *wire)
{
	int64_t since = ph_pipe_blocked_since(wire->pipe);
	int64_t now = ph_loop_now(wire->wires->node->loop);

	return (int64_t)ph_pipe_in(wire->pipe)->blocked +
	       (since ? now - since : 0);
}

/* Nothing is said of what stands still. */
static void write_rate(struct ph_writer *writer, const struct wire *wire,
	const struct ph_rate_count *count)
{
	static const struct ph_rates none;
	struct ph_rates rates;

	if (!wire->attached)
		return;
	rates = ph_rate_look(
		&wire->rate, ph_loop_now(wire->wires->node->loop), count);
	if (memcmp(&rates, &none, sizeof(rates)) != 0)
		ph_rates_write(writer, "rate", &rates);
}

static void write_counters(struct ph_writer *writer, const struct wire *wire)
{
	const struct ph_counters *in =
		wire->pipe ? ph_pipe_in(wire->pipe) : &wire->given;
	struct ph_rate_count count = wire_count(wire);

	put_amount(writer, "sent", count.of[PH_RATE_SENT_BYTES],
		count.of[PH_RATE_SENT_MESSAGES]);
	put_amount(writer, "received", count.of[PH_RATE_RECEIVED_BYTES],
		count.of[PH_RATE_RECEIVED_MESSAGES]);
	put_amount(writer, "dropped", in->dropped_bytes, in->dropped_messages);
	write_rate(writer, wire, &count);
}

static void write_queue(struct ph_writer *writer, const struct wire *wire)
{
	ph_put_map(writer, "queue");
	ph_put_u64(writer, "bytes", ph_pipe_queued(wire->pipe));
	ph_put_u64(writer, "limit", ph_pipe_limit(wire->pipe));
	ph_put_u64(writer, "there",
		wire->side == WIRE_OUT ? wire->acked.queued : 0);
	ph_write_end(writer);
	ph_put_int(writer, "blocked_ns", blocked_time(wire));
	ph_put_bool(writer, "blocked",
		ph_pipe_blocked_since(wire->pipe) != 0 ||
			wire_detour_blocks(wire));
}

/* The fields of one flow, into an open map. */
static void put_flow(struct ph_writer *writer, const struct wire *wire)
{
	ph_put_text(writer, "connection", wire->connection);
	ph_put_text(writer, "direction", wire->side == WIRE_IN ? "in" : "out");
	ph_put_text(writer, "peer", wire->peer);
	ph_put_text(writer, "transport", wire->transport);
	/* Control's number of the opening, and the carrier's within it. */
	ph_put_u64(writer, "generation", wire->generation >> 32);
	ph_put_u64(writer, "redials", (uint32_t)wire->generation);
	ph_put_int(writer, "since", wire->since);
	write_counters(writer, wire);
	if (wire->pipe)
		write_queue(writer, wire);
	wire_detour_put(writer, wire);
}

void wire_tell(struct wire *wire, const char *state, const char *reason)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	put_flow(writer, wire);
	ph_put_text(writer, "state", state);
	ph_put_text(writer, "reason", reason);
	ph_write_end(writer);
	wire_word(wire->wires, PH_CONTROL_CARRIER, writer);
	ph_writer_free(writer);
}

void wire_news(struct wire *wire, bool finished, const char *reason)
{
	wire_tell(wire, finished ? "closed" : "failed",
		finished ? "end" : reason);
	if (finished)
		wire_detour_forget(wire->wires, wire->connection);
}

static void put_flow_item(struct ph_writer *writer, const struct wire *wire)
{
	ph_write_map(writer);
	put_flow(writer, wire);
	ph_write_end(writer);
}

static void put_flows_of(struct ph_writer *writer, struct ph_wires *wires,
	struct ph_value connections)
{
	static const enum wire_side sides[] = {WIRE_LOCAL, WIRE_OUT, WIRE_IN};
	char connection[96];

	for (size_t i = 0; i < ph_value_count(connections); i++) {
		ph_value_copy(ph_value_at(connections, i), connection,
			sizeof(connection));
		for (unsigned k = 0; k < 3; k++) {
			const struct wire *wire =
				wire_find(wires, sides[k], connection);

			if (wire)
				put_flow_item(writer, wire);
		}
	}
}

static void put_flows(struct ph_writer *writer, const struct ph_wires *wires)
{
	for (struct wire *wire = wires->table; wire; wire = wire->hh.next)
		if (!wire_is_claim(wire))
			put_flow_item(writer, wire);
}

static void serve_flows(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_wires *wires = context;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_value connections;

	if (ph_request_open(&request, wires->node->door, ticket, call))
		return;
	connections = ph_value_get(request.arguments, "connections");
	if (ph_writer_create(&writer)) {
		ph_request_close(&request);
		return; /* the deadline answers */
	}
	ph_write_map(writer);
	ph_put_list(writer, "items");
	if (ph_value_type(connections) == PH_LIST)
		put_flows_of(writer, wires, connections);
	else
		put_flows(writer, wires);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(wires->node->door, ticket, writer);
	ph_writer_free(writer);
	ph_request_close(&request);
}

void wire_calls_serve(struct ph_wires *wires)
{
	struct ph_door *door = wires->node->door;

	ph_door_serve(door, PH_WIRE_OPEN, serve_open, wires);
	ph_door_serve(door, PH_WIRE_CLOSE, serve_close, wires);
	ph_door_serve(door, PH_WIRE_FLOWS, serve_flows, wires);
}
