#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"
#include "proto/secret.h"

/* Who uses what: bookings of inputs, and the carriers that come for them. */

/* A connection belongs to the node in its id: a peer speaks only for its own
 * (this node's servers may act for any). */
int ph_hostess_connection(
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

const uint8_t *ph_hostess_hold_token(const struct ph_request *request)
{
	size_t length;
	const uint8_t *token = ph_value_bytes(
		ph_value_get(request->arguments, "hold_token"), &length);

	return length == PH_ATTACH_TOKEN ? token : NULL;
}

/* Who holds it, or has booked it, has been admitted. To know a reservation's
 * id is not to hold it. */
static bool is_admitted(struct ph_hostess *hostess,
	const struct ph_ledger_entry *entry, int64_t now)
{
	const struct ph_reservation *known =
		ph_ledger_find(&hostess->ledger, now, entry->connection);

	if (known && ph_reservation_is_of(known, entry->node, NULL))
		return true;
	known = *entry->hold
			? ph_ledger_find_id(&hostess->ledger, now, entry->hold)
			: NULL;
	return known && known->state == PH_RESERVATION_HELD &&
	       known->guest == entry->terminal->guest &&
	       ph_reservation_is_of(known, entry->node, entry->hold_token);
}

int ph_hostess_serve_reserve(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	int64_t now = ph_loop_now(hostess->loop);
	uint8_t token[PH_ATTACH_TOKEN];
	char connection[96], media[64], from[128], hold[PH_RESERVATION_ID];
	struct ph_reservation *reservation;
	struct ph_ledger_entry entry = {
		.connection = connection,
		.node = ph_hostess_caller(hostess, request),
		.media = ph_get_copy(
			request->arguments, "type", media, sizeof(media)),
		.from = ph_get_copy(
			request->arguments, "from", from, sizeof(from)),
		.token = token,
		.hold = ph_get_copy(
			request->arguments, "hold", hold, sizeof(hold)),
	};
	struct ph_writer *writer;

	if (ph_hostess_connection(request, connection, error) < 0)
		return -1;
	entry.terminal = ph_hostess_terminal(hostess, request, error);
	if (!entry.terminal ||
		ph_hostess_suits(entry.terminal, media, error) < 0)
		return -1;
	entry.hold_token = ph_hostess_hold_token(request);
	if (!is_admitted(hostess, &entry, now) &&
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

static void renew_one(struct ph_hostess *hostess, const char *node,
	const char *connection, int64_t now)
{
	static const struct ph_reservation_event renew = {
		.kind = PH_RESERVE_RENEW};
	struct ph_reservation *found =
		ph_ledger_find(&hostess->ledger, now, connection);

	if (!found || strcmp(found->node, node) != 0)
		return;
	found->round = hostess->round;
	ph_ledger_step(&hostess->ledger, found, now, &renew);
}

/* Bookings of connections that their owner does not know: it took them away
 * while we could not be told. */
static void release_unnamed(
	struct ph_hostess *hostess, const char *node, int64_t now)
{
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE,
		.because = "its owner has no such connection",
	};
	struct ph_reservation *at, *next;

	HASH_ITER(hh, hostess->ledger.reservations, at, next)
	{
		if (*at->connection && at->round != hostess->round &&
			strcmp(at->node, node) == 0)
			ph_ledger_step(&hostess->ledger, at, now, &release);
	}
}

int ph_hostess_serve_renew(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_value list = ph_value_get(request->arguments, "connections");
	const char *node = ph_hostess_caller(hostess, request);
	int64_t now = ph_loop_now(hostess->loop);
	char connection[96];

	hostess->round++;
	for (size_t i = 0; i < ph_value_count(list); i++)
		renew_one(hostess, node,
			ph_value_copy(ph_value_at(list, i), connection,
				sizeof(connection)),
			now);
	if (ph_get_bool(request->arguments, "complete"))
		release_unnamed(hostess, node, now);
	return ph_hostess_answer_nothing(hostess, request);
}

/* A reservation by its id: of the caller's own, or this node's word. */
static int release_id(struct ph_hostess *hostess, struct ph_request *request,
	const char *id, struct ph_error *error)
{
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE};
	const char *node = ph_hostess_caller(hostess, request);
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *found =
		ph_ledger_find_id(&hostess->ledger, now, id);

	if (!found)
		return ph_fail(error, PH_EXIT_NOT_FOUND, id,
			"posthouse guests shows what is held",
			"no such reservation here, or it ran out");
	if (strcmp(found->node, node) != 0 && strcmp(node, hostess->node) != 0)
		return ph_fail(error, PH_EXIT_DENIED, id,
			"let the node that holds it release it",
			"the reservation is held by %s", found->node);
	if (*found->connection)
		return ph_fail(error, PH_EXIT_CONFLICT, id,
			"posthouse disconnect takes a connection away",
			"it is a booking of connection %s", found->connection);
	ph_ledger_step(&hostess->ledger, found, now, &release);
	return ph_hostess_answer_nothing(hostess, request);
}

int ph_hostess_serve_release(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE};
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *found;
	char connection[96], id[PH_RESERVATION_ID];

	if (*ph_get_copy(request->arguments, "id", id, sizeof(id)))
		return release_id(hostess, request, id, error);
	if (*ph_get_copy(request->arguments, "call", id, sizeof(id)))
		return ph_hostess_release_call(hostess, request, id, error);
	if (ph_hostess_connection(request, connection, error) < 0)
		return -1;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (found)
		ph_ledger_step(&hostess->ledger, found, now, &release);
	return ph_hostess_answer_nothing(hostess, request);
}
