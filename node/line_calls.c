#include "node/line_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"

/* Calls of the peer being served at once. */
#define LINE_CALLS 256u
/* Calls to the peer that are not answered yet. */
#define LINE_ASKED 1024u

static void note_use(struct ph_line *line, int method)
{
	if (method != PH_MESH_GREET && method != PH_MESH_NEWS &&
		method != PH_REACH_TELL && method != PH_HOSTESS_NEWS &&
		method != PH_HOSTESS_MENU && method != PH_HOSTESS_KNOWN)
		line->used = ph_loop_now(line->config.loop);
}

static int send_written(struct ph_line *line)
{
	const uint8_t *data;
	size_t length;
	int error = ph_writer_finish(line->writer, &data, &length);

	return error ? error : ph_line_send_packet(line, data, length);
}

static uint32_t milliseconds_left(const struct ph_line *line, int64_t deadline)
{
	int64_t left = deadline - ph_line_now(line);

	if (left <= PH_MILLISECOND)
		return 1;
	if (left / PH_MILLISECOND > UINT32_MAX)
		return UINT32_MAX;
	return (uint32_t)(left / PH_MILLISECOND);
}

/* A peer that never answers: the door gave up on these calls already. */
static void forget_expired(struct ph_line *line)
{
	int64_t now = ph_line_now(line);
	struct ph_line_outgoing *call;
	struct ph_line_outgoing *next;

	HASH_ITER(hh, line->outgoing, call, next)
	{
		if (call->deadline > now)
			continue;
		HASH_DEL(line->outgoing, call);
		free(call);
	}
}

static bool may_ask(struct ph_line *line)
{
	if (HASH_COUNT(line->outgoing) >= LINE_ASKED)
		forget_expired(line);
	return HASH_COUNT(line->outgoing) < LINE_ASKED;
}

int ph_line_call(struct ph_line *line, ph_handle ticket,
	const struct ph_call *call, const char *then)
{
	struct ph_line_outgoing *entry;
	int error;

	if (!may_ask(line))
		return -ENOBUFS;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->id = ++line->last_id;
	entry->ticket = ticket;
	entry->deadline = call->deadline;
	error = ph_packet_write_call(line->writer, entry->id, call->method,
		then, milliseconds_left(line, call->deadline), call->arguments,
		call->length);
	if (!error)
		error = send_written(line);
	if (error) {
		free(entry);
		return error;
	}
	HASH_ADD(hh, line->outgoing, id, sizeof(entry->id), entry);
	note_use(line, call->method);
	return 0;
}

static void refuse_call(struct ph_line *line, uint32_t id, enum ph_exit code,
	const char *what, const char *next);

static void send_answer(struct ph_line *line, uint32_t id, int status,
	const uint8_t *body, size_t length)
{
	int error =
		ph_packet_write_answer(line->writer, id, status, body, length);

	if (!error)
		error = send_written(line);
	if (!error)
		return;
	if (error == -EMSGSIZE) {
		refuse_call(line, id, PH_EXIT_NEGATIVE,
			"the answer is longer than 4 MiB",
			"ask for less: an address, a mask");
		return;
	}
	ph_log_warn("line", "answer.lost peer=%s error=%s",
		line->config.caller.node, strerror(-error));
	/* A caller that does not read its answers is hung up on: it would wait
	 * for this one until its deadline. */
	line->broken = true;
	ph_carrier_close(line->config.carrier);
}

/* The door's answer to a call of the peer. */
static void answer_incoming(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_line_incoming *call = context;
	struct ph_line *line = call->line;

	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	line->serving--;
	send_answer(line, call->id, status, body, length);
	free(call);
}

static void keep_incoming(struct ph_line *line, struct ph_line_incoming *call)
{
	call->next = line->incoming;
	call->link = &line->incoming;
	if (call->next)
		call->next->link = &call->next;
	line->incoming = call;
	line->serving++;
}

/* An answer of our own; the line stands. */
static void refuse_call(struct ph_line *line, uint32_t id, enum ph_exit code,
	const char *what, const char *next)
{
	struct ph_writer *writer;
	struct ph_error error;
	const uint8_t *body = NULL;
	size_t length = 0;

	if (ph_writer_create(&writer)) {
		send_answer(line, id, PH_CALL_FAILED, NULL, 0);
		return;
	}
	ph_fail(&error, code, "", next, "%s", what);
	ph_error_write(writer, &error);
	if (ph_writer_finish(writer, &body, &length))
		length = 0;
	send_answer(line, id, PH_CALL_FAILED, body, length);
	ph_writer_free(writer);
}

/* A call may not cost more time than anybody would wait for it. */
#define LONGEST_CALL_MS (10 * 60 * 1000)

static void serve(struct ph_line *line, const struct ph_packet *packet)
{
	uint32_t wait = packet->deadline_ms ? packet->deadline_ms : 1;
	struct ph_call call = {.method = (uint16_t)packet->method,
		.caller = &line->config.caller,
		.destination = packet->destination,
		.arguments = packet->body,
		.length = packet->length};
	struct ph_line_incoming *entry;

	if (packet->method < 0) {
		send_answer(line, packet->id, PH_CALL_UNKNOWN, NULL, 0);
		return;
	}
	/* It may be asked again: nobody has decided anything. */
	if (line->serving >= LINE_CALLS) {
		refuse_call(line, packet->id, PH_EXIT_TIMEOUT,
			"too many calls on one line",
			"wait for answers before calling again");
		return;
	}
	if (wait > LONGEST_CALL_MS)
		wait = LONGEST_CALL_MS;
	call.deadline = ph_line_now(line) + wait * PH_MILLISECOND;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	entry->line = line;
	entry->id = packet->id;
	note_use(line, packet->method);
	if (ph_door_call(line->config.door, &call, answer_incoming, entry)) {
		free(entry);
		send_answer(line, packet->id, PH_CALL_UNKNOWN, NULL, 0);
		return;
	}
	keep_incoming(line, entry);
}

/* The call that is answered, or NULL: late, its deadline answered it. */
static struct ph_line_outgoing *answered(struct ph_line *line, uint32_t id)
{
	struct ph_line_outgoing *call;

	HASH_FIND(hh, line->outgoing, &id, sizeof(id), call);
	return call;
}

static void take_answer(struct ph_line *line, struct ph_line_outgoing *call,
	const struct ph_packet *packet)
{
	HASH_DEL(line->outgoing, call);
	ph_door_answer(line->config.door, call->ticket, packet->status,
		packet->body, packet->length);
	free(call);
}

/* Sound at its head, and over a limit. */
static void take_excess(struct ph_line *line, struct ph_line_outgoing *call,
	struct ph_packet *packet)
{
	ph_log_warn("line", "packet.excess peer=%s kind=%s",
		line->config.caller.node, packet->answer ? "answer" : "call");
	packet->status = PH_CALL_FAILED;
	if (call)
		take_answer(line, call, packet);
	else if (!packet->answer)
		refuse_call(line, packet->id, PH_EXIT_DENIED,
			"the call is too large or too deep",
			"split it; doc/PROTOCOL.md tells the limits");
}

static int refuse_packet(struct ph_line *line, int error)
{
	ph_log_warn("line", "packet.refused peer=%s error=%s",
		line->config.caller.node, strerror(-error));
	return -EPROTO;
}

/* An answer that was waited for may be a long table. */
int ph_line_packet(struct ph_line *line, const uint8_t *data, size_t length)
{
	struct ph_packet packet;
	struct ph_skim_limits limits = PH_SKIM_PEER;
	struct ph_line_outgoing *call = NULL;
	int error = ph_packet_peek(&packet, data, length);

	if (error)
		return refuse_packet(line, error);
	if (packet.answer)
		call = answered(line, packet.id);
	if (call)
		limits = PH_SKIM_TABLE;
	else if (!packet.answer)
		limits = ph_call_limits(&line->config.caller);
	error = ph_packet_read(&packet, data, length, limits);
	if (error == -E2BIG)
		take_excess(line, call, &packet);
	else if (error)
		return refuse_packet(line, error);
	else if (call)
		take_answer(line, call, &packet);
	else if (!packet.answer)
		serve(line, &packet);
	return 0;
}

void ph_line_fail_calls(struct ph_line *line)
{
	struct ph_line_outgoing *call;
	struct ph_line_outgoing *next;

	HASH_ITER(hh, line->outgoing, call, next)
	{
		HASH_DEL(line->outgoing, call);
		ph_door_answer(line->config.door, call->ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		free(call);
	}
}

/* Its answers go to nobody, so nobody else lets go of these. */
void ph_line_forget_calls(struct ph_line *line)
{
	ph_door_forget(line->config.door, line->config.caller.line);
	while (line->incoming) {
		struct ph_line_incoming *call = line->incoming;

		line->incoming = call->next;
		free(call);
	}
}
