#include "node/wires.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/wire.h"
#include "node/wire_detour.h"

static const char side_letter[] = {
	[WIRE_OUT] = 'o', [WIRE_IN] = 'i', [WIRE_LOCAL] = 'l'};

static void make_key(char key[100], enum wire_side side, const char *connection)
{
	snprintf(key, 100, "%c:%s", side_letter[side], connection);
}

struct wire *wire_find(
	struct ph_wires *wires, enum wire_side side, const char *connection)
{
	struct wire *wire;
	char key[100];

	make_key(key, side, connection);
	HASH_FIND_STR(wires->table, key, wire);
	return wire;
}

bool wire_is_claim(const struct wire *wire)
{
	return wire->key[0] == '?';
}

void wire_cut(struct wire *wire, const char *why)
{
	if (wire->side == WIRE_OUT)
		wire_out_cut(wire, why);
	else if (wire->side == WIRE_IN)
		wire_in_cut(wire, why);
	else
		wire_local_cut(wire, why);
}

static struct wire *wire_make(
	struct ph_wires *wires, enum wire_side side, const char *connection)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return NULL;
	wire->wires = wires;
	wire->side = side;
	wire->since = ph_clock_wall();
	snprintf(wire->connection, sizeof(wire->connection), "%s", connection);
	ph_queue_init(&wire->queue, wires->node->kernel.pool);
	return wire;
}

/* An older one leaves the table now, and itself when its carrier did. */
static void wire_enter(struct wire *wire)
{
	struct ph_wires *wires = wire->wires;
	struct wire *old = wire_find(wires, wire->side, wire->connection);

	if (old) {
		HASH_DEL(wires->table, old);
		old->key[0] = 0;
		wire_cut(old, "a newer carrier came");
	}
	make_key(wire->key, wire->side, wire->connection);
	HASH_ADD_STR(wires->table, key, wire);
}

struct wire *wire_create(
	struct ph_wires *wires, enum wire_side side, const char *connection)
{
	struct wire *wire = wire_make(wires, side, connection);

	if (wire)
		wire_enter(wire);
	return wire;
}

struct wire *wire_claim(struct ph_wires *wires, const char *connection)
{
	struct wire *wire = wire_make(wires, WIRE_IN, connection);

	if (!wire)
		return NULL;
	snprintf(wire->key, sizeof(wire->key), "?:%llu",
		(unsigned long long)++wires->last_claim);
	HASH_ADD_STR(wires->table, key, wire);
	return wire;
}

void wire_prove(struct wire *wire)
{
	HASH_DEL(wire->wires->table, wire);
	wire_enter(wire);
}

void wire_free(struct wire *wire)
{
	if (wire->key[0])
		HASH_DEL(wire->wires->table, wire);
	race_stop(wire->race);
	ph_timer_stop(wire->wires->node->loop, &wire->timer);
	ph_timer_stop(wire->wires->node->loop, &wire->asking);
	wire_left(wire);
	ph_queue_fini(&wire->queue);
	ph_rate_fini(&wire->rate);
	free(wire);
}

void wire_flush(struct wire *wire)
{
	if (wire->carrier && wire->queue.count)
		ph_carrier_send(wire->carrier, &wire->queue);
}

void wire_answer(struct wire *wire, const struct ph_error *error)
{
	struct ph_door *door = wire->wires->node->door;

	/* Its pipe is laid, and its output does not know yet. */
	if (!error)
		wire_detour_begin(wire);
	if (!wire->ticket)
		return;
	if (error)
		ph_answer_error(door, wire->ticket, error);
	else
		ph_answer_ok(door, wire->ticket, NULL);
	wire->ticket = 0;
}

static void tell_detached(struct ph_wires *wires, const char *connection,
	uint64_t generation, bool finished)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "connection", connection);
	ph_put_u64(writer, "generation", generation);
	ph_put_bool(writer, "finished", finished);
	ph_write_end(writer);
	wire_word(wires, PH_HOSTESS_DETACH, writer);
	ph_writer_free(writer);
}

void wire_detach(struct wire *wire)
{
	tell_detached(wire->wires, wire->connection, wire->generation,
		wire->finished);
}

/* A question to the Hostess; the wire may be gone when she answers. */
struct seat_question {
	struct ph_wires *wires;
	char key[100];
	char connection[96];
	uint64_t generation;
	void (*seated)(struct wire *wire, ph_handle input,
		const struct ph_error *error);
};

static void on_seat(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct seat_question *question = context;
	struct ph_document *document = NULL;
	struct ph_error error;
	struct wire *wire;
	ph_handle input = 0;

	HASH_FIND_STR(question->wires->table, question->key, wire);
	if (wire && wire->generation == question->generation) {
		if (status)
			ph_error_read(&error, status, body, length);
		else if (!ph_document_read(
				 &document, body, length, PH_SKIM_PEER))
			input = ph_get_u64(ph_document_root(document), "input");
		ph_document_free(document);
		question->seated(wire, input, status ? &error : NULL);
	} else if (!status) {
		/* It left while the Hostess seated it. */
		tell_detached(question->wires, question->connection,
			question->generation, false);
	}
	free(question);
}

int wire_seat(
	struct wire *wire, void (*seated)(struct wire *wire, ph_handle input,
				   const struct ph_error *error))
{
	struct ph_node *node = wire->wires->node;
	struct seat_question *question = calloc(1, sizeof(*question));
	struct ph_writer *writer;
	int error;

	if (!question || ph_writer_create(&writer)) {
		free(question);
		return -ENOMEM;
	}
	question->wires = wire->wires;
	question->generation = wire->generation;
	question->seated = seated;
	memcpy(question->key, wire->key, sizeof(question->key));
	memcpy(question->connection, wire->connection,
		sizeof(question->connection));
	ph_write_map(writer);
	ph_put_text(writer, "connection", wire->connection);
	ph_put_bytes(writer, "token", wire->token, sizeof(wire->token));
	ph_put_u64(writer, "generation", wire->generation);
	ph_put_text(writer, "peer",
		wire->side == WIRE_LOCAL ? node->name : wire->peer);
	ph_write_end(writer);
	error = ph_call_send(node->door, &ph_node_self, "", PH_HOSTESS_ATTACH,
		writer, ph_loop_now(node->loop), WIRE_PATIENCE, on_seat,
		question);
	ph_writer_free(writer);
	if (error)
		free(question);
	return error;
}

void wire_settle(struct wire *wire)
{
	if (!wire->pipe)
		return;
	wire->given = *ph_pipe_in(wire->pipe);
	wire->taken = *ph_pipe_out(wire->pipe);
	wire->pipe = NULL;
}

int ph_wires_create(struct ph_wires **out, struct ph_node *node)
{
	struct ph_wires *wires = calloc(1, sizeof(*wires));

	if (!wires)
		return -ENOMEM;
	wires->node = node;
	ph_gate_set_attach(node->gate, wire_in_attach, wires);
	wire_calls_serve(wires);
	wire_detour_serve(wires);
	wire_way_serve(wires);
	wire_rate_start(wires);
	*out = wires;
	return 0;
}

void ph_wires_abandon(struct ph_wires *wires,
	bool (*is_lost)(void *context, const struct ph_carrier *carrier),
	void *context)
{
	struct wire *wire;
	struct wire *next;

	HASH_ITER(hh, wires->table, wire, next)
	{
		if (wire->side == WIRE_LOCAL || !wire->carrier ||
			!is_lost(context, wire->carrier))
			continue;
		ph_log_info("wire", "abandoned connection=%s peer=%s",
			wire->connection, wire->peer);
		ph_carrier_abort(wire->carrier, -ENETUNREACH);
	}
}

void ph_wires_close(struct ph_wires *wires)
{
	struct wire *wire;
	struct wire *next;

	wires->closed = true;
	HASH_ITER(hh, wires->table, wire, next)
	wire_cut(wire, "this node stops");
}

void ph_wires_destroy(struct ph_wires *wires)
{
	if (wires) {
		wire_detour_fini(wires);
		wire_done_fini(wires);
		wire_way_fini(wires);
		wire_rate_stop(wires);
		wire_words_fini(wires);
		ph_timer_stop(wires->node->loop, &wires->looking);
	}
	free(wires);
}

/* Those whose claim she just proved, which did not hear of it yet. */
static void evict_claims(struct ph_wires *wires, const char *connection)
{
	struct wire *wire;
	struct wire *next;

	HASH_ITER(hh, wires->table, wire, next)
	{
		if (wire_is_claim(wire) &&
			!strcmp(wire->connection, connection))
			wire_cut(wire, "the Hostess took the seat away");
	}
}

void ph_wires_evict(struct ph_wires *wires, const char *connection)
{
	struct wire *wire = wire_find(wires, WIRE_IN, connection);

	if (!wire)
		wire = wire_find(wires, WIRE_LOCAL, connection);
	if (wire)
		wire_cut(wire, "the Hostess took the seat away");
	else
		evict_claims(wires, connection);
}

void ph_wires_peer_there(struct ph_wires *wires, const char *peer)
{
	struct wire *wire;
	struct wire *next;

	HASH_ITER(hh, wires->table, wire, next)
	{
		if (strcmp(wire->peer, peer) != 0)
			continue;
		wire->absent = 0;
		if (wire->side == WIRE_OUT)
			wire_out_nudge(wire);
	}
}

/* A stream of that peer that stands here without a carrier. */
static bool is_waiting(const struct wire *wire, const char *peer)
{
	return wire->side == WIRE_IN && !wire->carrier &&
	       !strcmp(wire->peer, peer);
}

void ph_wires_peer_absent(struct ph_wires *wires, const char *peer)
{
	struct wire *wire;
	struct wire *next;

	HASH_ITER(hh, wires->table, wire, next)
	{
		if (is_waiting(wire, peer))
			wire_in_absent(wire);
	}
}

void ph_wires_peer_anew(struct ph_wires *wires, const char *peer)
{
	struct wire *wire;
	struct wire *next;

	HASH_ITER(hh, wires->table, wire, next)
	{
		if (is_waiting(wire, peer))
			wire_in_cut(wire, "its node has started anew");
	}
}

bool ph_wires_touch(const struct ph_wires *wires, const char *peer)
{
	for (struct wire *wire = wires->table; wire; wire = wire->hh.next)
		if (!strcmp(wire->peer, peer))
			return true;
	return false;
}

unsigned ph_wires_count(const struct ph_wires *wires)
{
	unsigned count = 0;

	for (struct wire *wire = wires->table; wire; wire = wire->hh.next)
		count += wire->carrier != NULL;
	return count;
}
