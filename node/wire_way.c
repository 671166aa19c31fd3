#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/lines.h"
#include "node/wire.h"
#include "proto/secret.h"

/*
 * The shell of proto/way.h: how the next carrier of an output comes. Dialled,
 * or asked for by wire.dial over the line; then the peer dials us and offers
 * it. An offer is taken by the one connection that asked, of the key that was
 * asked, once, when it repeats the question's token; all that follows on the
 * carrier (ATTACH with the booking's token, ATTACHED) is as if we had dialled.
 */
struct wire_way {
	char peer[40];
	struct ph_way way;
	UT_hash_handle hh;
};

static void step(struct wire *wire, struct ph_way_event event);

/* NULL: out of memory; then nothing is remembered. */
static struct ph_way *way_of(struct ph_wires *wires, const char *peer)
{
	struct wire_way *found;

	HASH_FIND_STR(wires->ways, peer, found);
	if (!found) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return NULL;
		snprintf(found->peer, sizeof(found->peer), "%s", peer);
		HASH_ADD_STR(wires->ways, peer, found);
	}
	return &found->way;
}

static void note(struct wire *wire, const char *who, const char *why)
{
	size_t length = strlen(wire->unreached);

	snprintf(wire->unreached + length, sizeof(wire->unreached) - length,
		"%s%s%s", length ? "; " : "", who, why);
}

/* The wire may be gone, or at its next attempt, when the answer comes. */
struct question {
	struct ph_wires *wires;
	char connection[96];
	uint8_t token[PH_ATTACH_TOKEN];
};

static struct wire *find_asking(struct ph_wires *wires, const char *connection,
	const uint8_t token[PH_ATTACH_TOKEN])
{
	struct wire *wire = wire_find(wires, WIRE_OUT, connection);

	if (!wire || wire->closing || wire->attempt.state != PH_WAY_ASKING ||
		!ph_secret_equal(wire->question, token, PH_ATTACH_TOKEN))
		return NULL;
	return wire;
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct question *question = context;
	struct wire *wire = find_asking(
		question->wires, question->connection, question->token);
	struct ph_error error;

	if (wire && status) {
		ph_error_read(&error, status, body, length);
		note(wire, "asked to dial us: ", error.what);
		step(wire, (struct ph_way_event){
				   .kind = status == PH_CALL_FAILED
						   ? PH_WAY_DENIED
						   : PH_WAY_UNHEARD});
	}
	free(question);
}

static void asking_due(struct ph_timer *timer)
{
	struct wire *wire =
		(struct wire *)((char *)timer - offsetof(struct wire, asking));

	note(wire, "asked to dial us: ", "no carrier came in time");
	step(wire, (struct ph_way_event){.kind = PH_WAY_UNHEARD});
}

static void there_due(struct ph_timer *timer)
{
	wire_way_there(
		(struct wire *)((char *)timer - offsetof(struct wire, asking)));
}

/* A dial goes on, but somebody could be asked meanwhile. */
static void look_again(struct wire *wire, int64_t due)
{
	wire->asking.on_due = there_due;
	ph_timer_start(wire->wires->node->loop, &wire->asking, due);
}

static int send_question(struct wire *wire, int64_t due)
{
	struct ph_node *node = wire->wires->node;
	int64_t now = ph_loop_now(node->loop);
	struct question *question = calloc(1, sizeof(*question));
	struct ph_writer *writer;
	int error;

	if (!question || ph_writer_create(&writer)) {
		free(question);
		return -ENOMEM;
	}
	question->wires = wire->wires;
	memcpy(question->connection, wire->connection,
		sizeof(question->connection));
	memcpy(question->token, wire->question, sizeof(question->token));
	ph_write_map(writer);
	ph_put_text(writer, "connection", wire->connection);
	ph_put_u64(writer, "generation", wire->generation);
	ph_put_bytes(writer, "token", wire->question, sizeof(wire->question));
	if (*wire->via)
		ph_put_text(writer, "via", wire->via);
	ph_write_end(writer);
	error = ph_call_send(node->door, &ph_node_self, wire->peer,
		PH_WIRE_DIAL, writer, now, due - now, on_answer, question);
	ph_writer_free(writer);
	if (error)
		free(question);
	return error;
}

static void ask(struct wire *wire, int64_t due)
{
	ph_random(wire->question, sizeof(wire->question));
	ph_log_info("wire", "asked.to.dial connection=%s of=%s carrier=%u",
		wire->connection, wire->peer, (uint32_t)wire->generation);
	wire->asking.on_due = asking_due;
	ph_timer_start(wire->wires->node->loop, &wire->asking, due);
	if (send_question(wire, due)) {
		note(wire, "asked to dial us: ", "out of memory");
		step(wire, (struct ph_way_event){.kind = PH_WAY_UNHEARD});
	}
}

static void on_won(void *context, struct ph_carrier *carrier)
{
	wire_out_opened(context, carrier);
}

static void on_lost(void *context, int reason, const char *why)
{
	wire_way_failed(context, reason, why);
}

static const struct race_events race_events = {on_won, on_lost};

static void dial(struct wire *wire, int64_t due)
{
	int error = race_start(&wire->race, wire->wires->node, wire->peer,
		wire->via, due, &race_events, wire, wire->peer_key);

	if (error)
		wire_way_failed(wire, error, strerror(-error));
}

static void step(struct wire *wire, struct ph_way_event event)
{
	struct ph_lines *lines = wire->wires->node->lines;
	struct ph_way forgotten = {0};
	struct ph_way *way = way_of(wire->wires, wire->peer);
	struct ph_way_outputs outputs;
	struct ph_address address;

	event.can_dial = ph_lines_candidate(lines, wire->peer, wire->via,
				 &address, wire->peer_key) == 0;
	event.can_ask = ph_lines_is_up(lines, wire->peer);
	ph_timer_stop(wire->wires->node->loop, &wire->asking);
	ph_way_step(way ? way : &forgotten, &wire->attempt,
		ph_loop_now(wire->wires->node->loop), &event, &outputs);
	if (outputs.action == PH_WAY_DO_DIAL)
		dial(wire, outputs.due);
	else if (outputs.action == PH_WAY_DO_ASK) {
		race_stop(wire->race);
		ask(wire, outputs.due);
	} else if (outputs.action == PH_WAY_DO_FAIL)
		wire_out_lost(wire,
			wire->unreached[0] ? wire->unreached
					   : "no address to dial, and no line",
			outputs.absent);
	else if (outputs.due)
		look_again(wire, outputs.due);
}

void wire_way_want(struct wire *wire)
{
	struct ph_address address;

	wire->unreached[0] = 0;
	if (*wire->via &&
		ph_lines_candidate(wire->wires->node->lines, wire->peer,
			wire->via, &address, wire->peer_key))
		snprintf(wire->unreached, sizeof(wire->unreached),
			"via %s: no such address of it is known", wire->via);
	step(wire, (struct ph_way_event){.kind = PH_WAY_WANTED});
}

void wire_way_there(struct wire *wire)
{
	if (wire->attempt.state == PH_WAY_DIALING)
		step(wire, (struct ph_way_event){.kind = PH_WAY_THERE});
}

void wire_way_opened(struct wire *wire)
{
	step(wire, (struct ph_way_event){.kind = PH_WAY_OPENED});
}

void wire_way_failed(struct wire *wire, int reason, const char *why)
{
	note(wire, "", why);
	step(wire, (struct ph_way_event){.kind = PH_WAY_FAILED,
			   .refused = reason == -ECONNREFUSED});
}

/* A carrier that its dialler says we asked for. */
static int offered(void *context, struct ph_session *session,
	const struct ph_attach *offer)
{
	struct ph_wires *wires = context;
	struct wire *wire = find_asking(wires, offer->connection, offer->token);

	if (wires->closed || !wire || offer->generation != wire->generation ||
		memcmp(ph_session_peer(session)->key, wire->peer_key,
			PH_PUBLIC_KEY) != 0)
		return -EPERM;
	/* A question is answered once. */
	ph_random(wire->question, sizeof(wire->question));
	step(wire, (struct ph_way_event){.kind = PH_WAY_CAME});
	wire_out_came(wire, session);
	return 0;
}

void wire_way_serve(struct ph_wires *wires)
{
	ph_gate_set_offered(wires->node->gate, offered, wires);
}

void wire_way_fini(struct ph_wires *wires)
{
	struct wire_way *way;
	struct wire_way *next;

	HASH_ITER(hh, wires->ways, way, next)
	{
		HASH_DEL(wires->ways, way);
		free(way);
	}
}
