#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"
#include "proto/secret.h"

/* Who uses what: bookings of inputs, and the carriers that come for them. */

/* A connection belongs to the node in its id: a peer speaks only for its own
 * (this node's servers may act for any). */
static int connection_read(
	struct ph_request *request, char connection[96], struct ph_error *error)
{
	const struct ph_caller *caller = request->call->caller;
	struct ph_connection_id id;

	ph_get_copy(request->arguments, "connection", connection, 96);
	if (ph_connection_id_parse(&id, connection) < 0)
		return ph_fail(error, PH_EXIT_USAGE, connection,
			"connections lists them", "no connection id");
	if (caller->line != 0 && strcmp(id.node, caller->node) != 0)
		return ph_fail(error, PH_EXIT_DENIED, connection,
			"ask the node that owns it",
			"the connection is not %s's", caller->node);
	return 0;
}

int ph_hostess_admit(struct ph_hostess *hostess, struct ph_request *request,
	const struct ph_guest *guest, struct ph_error *error)
{
	const struct ph_caller *caller = request->call->caller;
	struct ph_value token = ph_value_get(request->arguments, "auth");
	struct ph_auth_claim claim = {
		.here = !*caller->node,
		.role = (enum ph_role)caller->role,
		.node = ph_hostess_caller(hostess, request),
	};
	char where[96];

	claim.token = ph_value_text(token, &claim.length);
	snprintf(where, sizeof(where), "%s/%s", hostess->node, guest->server);
	if (ph_auth_admit(&guest->auth, &claim, where, error) == 0)
		return 0;
	ph_log_warn("hostess", "auth.denied server=%s peer=%s because=\"%s\"",
		guest->server, claim.node, error->what);
	return -1;
}

int ph_hostess_serve_reserve(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	int64_t now = ph_loop_now(hostess->loop);
	uint8_t token[PH_ATTACH_TOKEN];
	char connection[96], media[64], from[128];
	struct ph_reservation *reservation;
	struct ph_ledger_entry entry = {
		.connection = connection,
		.node = ph_hostess_caller(hostess, request),
		.media = ph_get_copy(
			request->arguments, "type", media, sizeof(media)),
		.from = ph_get_copy(
			request->arguments, "from", from, sizeof(from)),
		.token = token,
	};
	struct ph_writer *writer;

	if (connection_read(request, connection, error) < 0)
		return -1;
	entry.terminal = ph_hostess_terminal(hostess, request, error);
	if (!entry.terminal ||
		ph_hostess_suits(entry.terminal, media, error) < 0 ||
		ph_hostess_admit(
			hostess, request, entry.terminal->guest, error) < 0)
		return -1;
	ph_random(token, sizeof(token));
	if (ph_ledger_book(&hostess->ledger, now, &entry, &reservation, error) <
		0)
		return -1;
	ph_hostess_alarm(hostess, reservation->expires);
	writer = ph_hostess_writer(hostess);
	ph_put_bytes(writer, "token", reservation->token, PH_ATTACH_TOKEN);
	ph_put_text(writer, "type", reservation->media);
	return ph_hostess_answer(hostess, request);
}

int ph_hostess_serve_release(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE};
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *found;
	char connection[96];

	if (connection_read(request, connection, error) < 0)
		return -1;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (found)
		ph_ledger_step(&hostess->ledger, found, now, &release);
	return ph_hostess_answer_nothing(hostess, request);
}

/* One answer outside for every reason; the reason goes to the log. */
static int attach_denied(
	const char *connection, const char *because, struct ph_error *error)
{
	ph_log_warn("hostess", "attach.denied connection=%s because=\"%s\"",
		connection, because);
	return ph_fail(error, PH_EXIT_DENIED, connection,
		"book the terminal again", "the carrier has no booking here");
}

static bool generation_read(struct ph_request *request, uint64_t *out)
{
	int64_t value = ph_get_int(request->arguments, "generation");

	*out = (uint64_t)value;
	return value >= 0;
}

int ph_hostess_serve_attach(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_value arguments = request->arguments;
	struct ph_reservation_event event = {.kind = PH_RESERVE_ATTACH};
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation_output output;
	struct ph_reservation *found;
	char connection[96], peer[PH_NAME_MAX + 1];
	size_t length;

	if (connection_read(request, connection, error) < 0)
		return -1;
	event.token = ph_value_bytes(ph_value_get(arguments, "token"), &length);
	ph_get_copy(arguments, "peer", peer, sizeof(peer));
	event.node = *peer ? peer : hostess->node;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (!found)
		return attach_denied(connection, "no such booking", error);
	if (!generation_read(request, &event.generation) ||
		length != PH_ATTACH_TOKEN)
		return attach_denied(connection, "not well-formed", error);
	output = ph_ledger_step(&hostess->ledger, found, now, &event);
	if (output.outcome != PH_RESERVED_OK)
		return attach_denied(connection, output.because, error);
	ph_put_u64(
		ph_hostess_writer(hostess), "input", found->terminal->handle);
	return ph_hostess_answer(hostess, request);
}

int ph_hostess_serve_detach(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_reservation_event event = {
		.kind = PH_RESERVE_DETACH,
		.finished = ph_get_bool(request->arguments, "finished"),
	};
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *found;
	char connection[96];

	if (connection_read(request, connection, error) < 0)
		return -1;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (found && generation_read(request, &event.generation) &&
		!ph_ledger_step(&hostess->ledger, found, now, &event).free)
		ph_hostess_alarm(hostess, found->expires);
	return ph_hostess_answer_nothing(hostess, request);
}
