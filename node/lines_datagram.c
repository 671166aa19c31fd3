#include "node/peer.h"

/*
 * mesh.datagram: a membership datagram along a line, for those whose UDP port
 * something between shuts. It is sealed as it would be outside; a line brings
 * only its own peer's.
 */
/* Longer nobody waits for what a datagram asks. */
#define DATAGRAM_TIME PH_SECOND

static void carried(
	void *context, int status, const uint8_t *body, size_t length)
{
	/* What counts is the answer that comes as a datagram. */
}

bool ph_lines_carry(struct ph_lines *lines, const char *id, bool dials,
	const uint8_t *data, size_t length)
{
	struct peer *peer = peer_find(lines, id);
	struct ph_writer *writer;
	int error;

	if (!peer)
		return false;
	if (!peer->line &&
		(!dials || ph_active_lines(lines->active) >= PH_ACTIVE_MOST))
		return false;
	if (ph_writer_create(&writer))
		return false;
	ph_write_map(writer);
	ph_put_bytes(writer, "bytes", data, length);
	ph_write_end(writer);
	error = ph_call_send(lines->node->door, &ph_node_self, peer->id,
		PH_MESH_DATAGRAM, writer, ph_loop_now(lines->node->loop),
		DATAGRAM_TIME, carried, NULL);
	ph_writer_free(writer);
	return !error;
}

static void serve_datagram(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct peer *peer = peer_of_line(lines, call->caller->line);
	struct ph_request request;
	const uint8_t *bytes;
	size_t length;

	if (ph_request_open(&request, lines->node->door, ticket, call))
		return;
	bytes = ph_value_bytes(
		ph_value_get(request.arguments, "bytes"), &length);
	if (peer && lines->events.on_datagram)
		lines->events.on_datagram(
			lines->events.context, bytes, length, peer->id);
	ph_request_close(&request);
	ph_answer_ok(lines->node->door, ticket, NULL);
}

void datagram_serve(struct ph_lines *lines)
{
	ph_door_serve(
		lines->node->door, PH_MESH_DATAGRAM, serve_datagram, lines);
}
