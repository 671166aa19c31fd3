#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"

/* Carriers: who may sit down at a booked terminal, and who left. */

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

/* A seat is answered when it is on the disk: after a restart the place must
 * still be theirs whose stream goes on. */
struct ph_seat {
	struct ph_hostess *hostess; /* NULL: gone */
	ph_handle ticket;
	ph_handle input;
	char connection[96];
	uint64_t generation;
	struct ph_seat *prev, *next;
};

#define SEAT_PATIENCE (10 * PH_SECOND)

static void seat_answer(
	struct ph_hostess *hostess, ph_handle ticket, ph_handle input)
{
	struct ph_writer *writer = ph_hostess_writer(hostess);

	ph_put_u64(writer, "input", input);
	ph_write_end(writer);
	ph_answer_ok(hostess->door, ticket, writer);
}

/* The disk did not take it, so it may not count. */
static void seat_undo(struct ph_seat *seat)
{
	const struct ph_reservation_event detach = {
		.kind = PH_RESERVE_DETACH, .generation = seat->generation};
	struct ph_hostess *hostess = seat->hostess;
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *found =
		ph_ledger_find(&hostess->ledger, now, seat->connection);

	if (found)
		ph_ledger_step(&hostess->ledger, found, now, &detach);
}

static void seat_kept(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_seat *seat = context;
	struct ph_hostess *hostess = seat->hostess;
	struct ph_error error;

	if (hostess && !status) {
		seat_answer(hostess, seat->ticket, seat->input);
	} else if (hostess) {
		ph_error_read(&error, status, body, length);
		seat_undo(seat);
		ph_answer_error(hostess->door, seat->ticket, &error);
	}
	if (hostess)
		DL_DELETE(hostess->seats, seat);
	free(seat);
}

void ph_hostess_seats_fini(struct ph_hostess *hostess)
{
	struct ph_seat *seat;

	DL_FOREACH(hostess->seats, seat)
	seat->hostess = NULL;
	hostess->seats = NULL;
}

static int seat_keep(struct ph_hostess *hostess, struct ph_request *request,
	const struct ph_reservation *found, struct ph_error *error)
{
	static const struct ph_caller here = {.role = PH_ROLE_EXEC};
	struct ph_seat *seat;

	if (!hostess->keeping || hostess->quiet) {
		seat_answer(hostess, request->ticket, found->terminal->handle);
		return 0;
	}
	seat = calloc(1, sizeof(*seat));
	if (!seat)
		return ph_fail(error, PH_EXIT_NEGATIVE, found->connection,
			"free memory", "out of memory");
	seat->hostess = hostess;
	seat->ticket = request->ticket;
	seat->input = found->terminal->handle;
	seat->generation = found->generation;
	memcpy(seat->connection, found->connection, sizeof(seat->connection));
	DL_APPEND(hostess->seats, seat);
	ph_hostess_record(hostess, found);
	if (ph_call_send(hostess->door, &here, "", PH_STORE_PUT,
		    hostess->keeper, ph_loop_now(hostess->loop), SEAT_PATIENCE,
		    seat_kept, seat) == 0)
		return 0;
	seat_undo(seat);
	DL_DELETE(hostess->seats, seat);
	free(seat);
	return ph_fail(error, PH_EXIT_NEGATIVE, "store", "try again",
		"the store takes no calls now");
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

	if (ph_hostess_connection(request, connection, error) < 0)
		return -1;
	event.token = ph_value_bytes(ph_value_get(arguments, "token"), &length);
	ph_get_copy(arguments, "peer", peer, sizeof(peer));
	event.node = *peer ? peer : hostess->node;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (!found)
		return attach_denied(connection, "no such booking", error);
	if (!found->terminal)
		return attach_denied(connection, "its server is away", error);
	if (!generation_read(request, &event.generation) ||
		length != PH_ATTACH_TOKEN)
		return attach_denied(connection, "not well-formed", error);
	output = ph_ledger_step(&hostess->ledger, found, now, &event);
	if (output.outcome != PH_RESERVED_OK)
		return attach_denied(connection, output.because, error);
	return seat_keep(hostess, request, found, error);
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

	if (ph_hostess_connection(request, connection, error) < 0)
		return -1;
	found = ph_ledger_find(&hostess->ledger, now, connection);
	if (found && generation_read(request, &event.generation) &&
		!ph_ledger_step(&hostess->ledger, found, now, &event).free)
		ph_hostess_alarm(hostess, found->expires);
	return ph_hostess_answer_nothing(hostess, request);
}
