#include "hostess/hostess.h"

#include <errno.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/guestbook.h"
#include "hostess/ledger.h"
#include "hostess/mask.h"
#include "hostess/menu.h"
#include "kernel/log.h"
#include "proto/address.h"
#include "proto/calls.h"

/*
 * The shell around the guest book and the ledger: it reads calls, hands them
 * the time and fresh tokens, and answers.
 */
struct ph_hostess {
	struct ph_loop *loop;
	struct ph_door *door;
	struct ph_writer *writer;
	struct ph_guestbook book;
	struct ph_ledger ledger;
	struct ph_menu menu;
	struct ph_timer timer; /* when the next booking may run out */
	char node[PH_NAME_MAX + 1];
};

/* A call being served: 0 when it was answered well, -1 with the error told. */
typedef int serve_fn(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error);

static void hostess_alarm(struct ph_hostess *hostess, int64_t due)
{
	if (due == INT64_MAX)
		return;
	if (!hostess->timer.slot || due < hostess->timer.due)
		ph_timer_start(hostess->loop, &hostess->timer, due);
}

static void hostess_on_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, timer));

	hostess_alarm(hostess,
		ph_ledger_tick(&hostess->ledger, ph_loop_now(hostess->loop)));
}

static struct ph_writer *hostess_writer(struct ph_hostess *hostess)
{
	ph_writer_reset(hostess->writer);
	ph_write_map(hostess->writer);
	return hostess->writer;
}

static int hostess_answer(
	struct ph_hostess *hostess, struct ph_request *request)
{
	ph_write_end(hostess->writer);
	ph_answer_ok(hostess->door, request->ticket, hostess->writer);
	return 0;
}

static int answer_nothing(
	struct ph_hostess *hostess, struct ph_request *request)
{
	ph_answer_ok(hostess->door, request->ticket, NULL);
	return 0;
}

/* The peer that calls, or this node. */
static const char *hostess_caller(
	struct ph_hostess *hostess, const struct ph_request *request)
{
	const char *node = request->call->caller->node;

	return *node ? node : hostess->node;
}

static int serve_register(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest;

	if (ph_guestbook_enter(
		    &hostess->book, request->arguments, &guest, error) < 0)
		return -1;
	ph_log_info("hostess", "guest.entered server=%s terminals=%u",
		guest->server, guest->terminal_count);
	return answer_nothing(hostess, request);
}

static struct ph_guest *guest_named(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	char server[PH_NAME_MAX + 1];

	ph_get_copy(request->arguments, "server", server, sizeof(server));
	return ph_guestbook_find(&hostess->book, server, error);
}

static struct ph_guest_terminal *terminal_named(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);
	char terminal[PH_NAME_MAX + 1];

	if (!guest)
		return NULL;
	ph_get_copy(request->arguments, "terminal", terminal, sizeof(terminal));
	return ph_guest_terminal_find(guest, terminal, error);
}

static int serve_unregister(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);

	if (!guest)
		return -1;
	ph_ledger_leave(&hostess->ledger, ph_loop_now(hostess->loop), guest);
	ph_log_info("hostess", "guest.left server=%s", guest->server);
	ph_guestbook_remove(&hostess->book, guest);
	return answer_nothing(hostess, request);
}

static int serve_guests(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
{
	size_t length;
	const char *text = ph_value_text(
		ph_value_get(request->arguments, "mask"), &length);
	struct ph_mask mask;

	if (ph_mask_parse(&mask, text, length, error) < 0)
		return -1;
	if (ph_menu_answer(&hostess->menu, request->ticket, &mask) < 0)
		return ph_fail(error, PH_EXIT_NEGATIVE, "menu", "free memory",
			"out of memory");
	return 0;
}

static int serve_find(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
{
	struct ph_guest_terminal *terminal =
		terminal_named(hostess, request, error);
	struct ph_writer *writer;

	if (!terminal)
		return -1;
	writer = hostess_writer(hostess);
	ph_put_u64(writer, "handle", terminal->handle);
	ph_put_text(
		writer, "direction", ph_direction_name(terminal->direction));
	ph_put_text(writer, "type", terminal->media);
	return hostess_answer(hostess, request);
}

/* The one of that direction; where a program has several, the usual one. */
static const struct ph_guest_terminal *only_one(const struct ph_guest *guest,
	enum ph_direction direction, const char *usual)
{
	const struct ph_guest_terminal *found = NULL;

	for (unsigned i = 0; i < guest->terminal_count; i++) {
		const struct ph_guest_terminal *terminal = &guest->terminals[i];

		if (terminal->direction != direction)
			continue;
		if (!strcmp(terminal->name, usual))
			return terminal;
		if (found)
			return NULL;
		found = terminal;
	}
	return found;
}

static int serve_filter(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);
	const struct ph_guest_terminal *in;
	const struct ph_guest_terminal *out;
	struct ph_writer *writer;

	if (!guest)
		return -1;
	in = only_one(guest, PH_IN, "stdin");
	out = only_one(guest, PH_OUT, "stdout");
	if (!in || !out)
		return ph_fail(error, PH_EXIT_WIRING, guest->server,
			"take a server with one `in` and one `out`",
			"it cannot be a filter");
	if (in->in_use)
		return ph_fail(error, PH_EXIT_CONFLICT, guest->server,
			"take a server that is not wired",
			"its %s belongs to %s", in->name,
			in->bookings->connection);
	writer = hostess_writer(hostess);
	ph_put_u64(writer, "input", in->handle);
	ph_put_u64(writer, "output", out->handle);
	return hostess_answer(hostess, request);
}

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

static int terminal_suits(const struct ph_guest_terminal *terminal,
	const char *media, struct ph_error *error)
{
	char where[96];

	snprintf(where, sizeof(where), "%s:%s", terminal->guest->server,
		terminal->name);
	if (terminal->direction == PH_OUT || terminal->direction == PH_MUX)
		return ph_fail(error, PH_EXIT_WIRING, where,
			"wire an output to an input",
			"%s is an output and cannot be fed", terminal->name);
	if (ph_media_differ(media, terminal->media))
		return ph_fail(error, PH_EXIT_WIRING, where,
			"put a server between them that converts",
			"%s would come, %s is taken", media, terminal->media);
	return 0;
}

static int serve_check(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
{
	const struct ph_guest_terminal *terminal =
		terminal_named(hostess, request, error);
	char media[64];

	ph_get_copy(request->arguments, "type", media, sizeof(media));
	if (!terminal || terminal_suits(terminal, media, error) < 0)
		return -1;
	return answer_nothing(hostess, request);
}

static int serve_reserve(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
{
	int64_t now = ph_loop_now(hostess->loop);
	uint8_t token[PH_ATTACH_TOKEN];
	char connection[96], media[64], from[128];
	struct ph_reservation *reservation;
	struct ph_ledger_entry entry = {
		.connection = connection,
		.node = hostess_caller(hostess, request),
		.media = ph_get_copy(
			request->arguments, "type", media, sizeof(media)),
		.from = ph_get_copy(
			request->arguments, "from", from, sizeof(from)),
		.token = token,
	};
	struct ph_writer *writer;

	if (connection_read(request, connection, error) < 0)
		return -1;
	entry.terminal = terminal_named(hostess, request, error);
	if (!entry.terminal || terminal_suits(entry.terminal, media, error) < 0)
		return -1;
	randombytes_buf(token, sizeof(token));
	if (ph_ledger_book(&hostess->ledger, now, &entry, &reservation, error) <
		0)
		return -1;
	hostess_alarm(hostess, reservation->expires);
	writer = hostess_writer(hostess);
	ph_put_bytes(writer, "token", reservation->token, PH_ATTACH_TOKEN);
	ph_put_text(writer, "type", reservation->media);
	return hostess_answer(hostess, request);
}

static int serve_release(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
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
	return answer_nothing(hostess, request);
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

static int serve_attach(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
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
	ph_put_u64(hostess_writer(hostess), "input", found->terminal->handle);
	return hostess_answer(hostess, request);
}

static int serve_detach(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_error *error)
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
		hostess_alarm(hostess, found->expires);
	return answer_nothing(hostess, request);
}

static serve_fn *const serves[PH_METHODS] = {
	[PH_HOSTESS_REGISTER] = serve_register,
	[PH_HOSTESS_UNREGISTER] = serve_unregister,
	[PH_HOSTESS_GUESTS] = serve_guests,
	[PH_HOSTESS_MENU] = serve_guests,
	[PH_HOSTESS_FIND] = serve_find,
	[PH_HOSTESS_FILTER] = serve_filter,
	[PH_HOSTESS_CHECK] = serve_check,
	[PH_HOSTESS_RESERVE] = serve_reserve,
	[PH_HOSTESS_RELEASE] = serve_release,
	[PH_HOSTESS_ATTACH] = serve_attach,
	[PH_HOSTESS_DETACH] = serve_detach,
};

static void hostess_serve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_hostess *hostess = context;
	struct ph_request request;
	struct ph_error error;

	if (ph_request_open(&request, hostess->door, ticket, call))
		return;
	if (serves[call->method](hostess, &request, &error) < 0)
		ph_answer_error(hostess->door, ticket, &error);
	ph_request_close(&request);
}

int ph_hostess_create(struct ph_hostess **out, struct ph_loop *loop,
	struct ph_door *door, const char *node)
{
	struct ph_hostess *hostess = calloc(1, sizeof(*hostess));
	int code = -ENOMEM;

	if (!hostess)
		return code;
	hostess->loop = loop;
	hostess->door = door;
	hostess->timer.on_due = hostess_on_due;
	snprintf(hostess->node, sizeof(hostess->node), "%s", node);
	ph_guestbook_init(&hostess->book);
	ph_ledger_init(&hostess->ledger);
	hostess->menu = (struct ph_menu){
		.loop = loop,
		.door = door,
		.book = &hostess->book,
		.node = hostess->node,
	};
	code = ph_writer_create(&hostess->writer);
	for (uint16_t i = 0; code == 0 && i < PH_METHODS; i++)
		if (serves[i])
			code = ph_door_serve(door, i, hostess_serve, hostess);
	if (code < 0) {
		ph_hostess_destroy(hostess);
		return code;
	}
	*out = hostess;
	return 0;
}

void ph_hostess_destroy(struct ph_hostess *hostess)
{
	if (!hostess)
		return;
	ph_timer_stop(hostess->loop, &hostess->timer);
	ph_menu_fini(&hostess->menu);
	ph_ledger_fini(&hostess->ledger);
	ph_guestbook_fini(&hostess->book);
	ph_writer_free(hostess->writer);
	free(hostess);
}

void ph_hostess_set_evict(struct ph_hostess *hostess,
	void (*evict)(void *context, const char *connection), void *context)
{
	hostess->ledger.evict = evict;
	hostess->ledger.context = context;
}
