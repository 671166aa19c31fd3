#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "hostess/mask.h"
#include "kernel/log.h"

/* Who is here: what servers say of themselves, and what is asked about them. */

int ph_hostess_serve_register(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest;

	if (ph_guestbook_enter(
		    &hostess->book, request->arguments, &guest, error) < 0)
		return -1;
	ph_ledger_arrive(&hostess->ledger, ph_loop_now(hostess->loop), guest);
	ph_log_info("hostess", "guest.entered server=%s terminals=%u",
		guest->server, guest->terminal_count);
	return ph_hostess_answer_nothing(hostess, request);
}

static struct ph_guest *guest_named(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	char server[PH_NAME_MAX + 1];

	ph_get_copy(request->arguments, "server", server, sizeof(server));
	return ph_guestbook_find(&hostess->book, server, error);
}

struct ph_guest_terminal *ph_hostess_terminal(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);
	char terminal[PH_NAME_MAX + 1];

	if (!guest)
		return NULL;
	ph_get_copy(request->arguments, "terminal", terminal, sizeof(terminal));
	return ph_guest_terminal_find(guest, terminal, error);
}

int ph_hostess_serve_unregister(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);

	if (!guest)
		return -1;
	ph_ledger_leave(&hostess->ledger, ph_loop_now(hostess->loop), guest);
	ph_log_info("hostess", "guest.left server=%s", guest->server);
	ph_guestbook_remove(&hostess->book, guest);
	return ph_hostess_answer_nothing(hostess, request);
}

int ph_hostess_serve_drain(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);
	int64_t lasts = ph_get_int(request->arguments, "for");

	if (!guest)
		return -1;
	ph_guestbook_drain(&hostess->book, guest,
		lasts > 0 ? ph_loop_now(hostess->loop) + lasts : 0);
	ph_hostess_note_drain(hostess, guest);
	return ph_hostess_answer_nothing(hostess, request);
}

/* No news for the menu: it comes and goes with every crash. */
int ph_hostess_serve_state(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);

	if (!guest)
		return -1;
	ph_get_copy(request->arguments, "state", guest->state,
		sizeof(guest->state));
	return ph_hostess_answer_nothing(hostess, request);
}

int ph_hostess_serve_guests(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_value arguments = request->arguments;
	size_t length;
	const char *text =
		ph_value_text(ph_value_get(arguments, "mask"), &length);
	struct ph_menu_question question = {
		.epoch = ph_get_u64(arguments, "epoch"),
		.version = ph_get_u64(arguments, "version"),
	};

	if (ph_mask_parse(&question.mask, text, length, error) < 0)
		return -1;
	ph_get_copy(arguments, "after", question.after, sizeof(question.after));
	if (ph_menu_answer(&hostess->menu, request->ticket, &question) < 0)
		return ph_fail(error, PH_EXIT_NEGATIVE, "menu", "free memory",
			"out of memory");
	return 0;
}

/* An output that somebody holds is for him; his hold has then done its work. */
static int output_check(struct ph_hostess *hostess, struct ph_request *request,
	struct ph_guest_terminal *terminal, struct ph_error *error)
{
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE, .because = "wired"};
	int64_t now = ph_loop_now(hostess->loop);
	char connection[96], id[PH_RESERVATION_ID];
	struct ph_reservation *hold;
	bool output =
		terminal->direction == PH_OUT || terminal->direction == PH_MUX;

	if (!output || !*ph_get_copy(request->arguments, "connection",
			       connection, sizeof(connection)))
		return 0;
	ph_get_copy(request->arguments, "hold", id, sizeof(id));
	hold = *id ? ph_ledger_find_id(&hostess->ledger, now, id) : NULL;
	if (hold && hold->guest == terminal->guest &&
		(!hold->terminal || hold->terminal == terminal)) {
		if (!ph_reservation_is_of(hold,
			    ph_hostess_caller(hostess, request),
			    ph_hostess_hold_token(request)))
			return ph_fail(error, PH_EXIT_DENIED, id,
				"bring its token, or reserve yourself",
				"the reservation is another's");
		if (hold->terminal)
			ph_ledger_step(&hostess->ledger, hold, now, &release);
		return 0;
	}
	if (!terminal->guest->holders && !terminal->guest->drains &&
		(!terminal->bookings || !terminal->capacity))
		return 0;
	return ph_ledger_room(
		&hostess->ledger, now, terminal->guest, terminal, error);
}

int ph_hostess_serve_find(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest_terminal *terminal =
		ph_hostess_terminal(hostess, request, error);
	struct ph_writer *writer;

	if (!terminal || output_check(hostess, request, terminal, error) < 0)
		return -1;
	writer = ph_hostess_writer(hostess);
	ph_put_u64(writer, "handle", terminal->handle);
	ph_put_text(
		writer, "direction", ph_direction_name(terminal->direction));
	ph_put_text(writer, "type", terminal->media);
	return ph_hostess_answer(hostess, request);
}

/* The one of that direction; where a program has several, the usual one. */
static struct ph_guest_terminal *only_one(
	struct ph_guest *guest, enum ph_direction direction, const char *usual)
{
	struct ph_guest_terminal *found = NULL;

	for (unsigned i = 0; i < guest->terminal_count; i++) {
		struct ph_guest_terminal *terminal = &guest->terminals[i];

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

int ph_hostess_serve_filter(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_guest *guest = guest_named(hostess, request, error);
	struct ph_guest_terminal *in;
	struct ph_guest_terminal *out;
	struct ph_writer *writer;

	if (!guest)
		return -1;
	in = only_one(guest, PH_IN, "stdin");
	out = only_one(guest, PH_OUT, "stdout");
	if (!in || !out)
		return ph_fail(error, PH_EXIT_WIRING, guest->server,
			"take a server with one `in` and one `out`",
			"it cannot be a filter");
	if (ph_ledger_room(&hostess->ledger, ph_loop_now(hostess->loop), guest,
		    in, error) < 0)
		return -1;
	writer = ph_hostess_writer(hostess);
	ph_put_u64(writer, "input", in->handle);
	ph_put_u64(writer, "output", out->handle);
	return ph_hostess_answer(hostess, request);
}

int ph_hostess_suits(const struct ph_guest_terminal *terminal,
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

int ph_hostess_serve_check(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	const struct ph_guest_terminal *terminal =
		ph_hostess_terminal(hostess, request, error);
	char media[64];

	ph_get_copy(request->arguments, "type", media, sizeof(media));
	if (!terminal || ph_hostess_suits(terminal, media, error) < 0)
		return -1;
	return ph_hostess_answer_nothing(hostess, request);
}
