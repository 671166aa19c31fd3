/* Out of memory is an error to tell, not an end of the process. */
#define HASH_NONFATAL_OOM 1

#include "hostess/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void ph_ledger_init(struct ph_ledger *ledger, struct ph_guestbook *book,
	const char *node, uint64_t epoch)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->book = book;
	ledger->epoch = epoch;
	snprintf(ledger->node, sizeof(ledger->node), "%s", node);
}

void ph_ledger_tell_change(struct ph_ledger *ledger,
	const struct ph_reservation *about, enum ph_ledger_change change,
	const char *because)
{
	if (ledger->changed)
		ledger->changed(
			ledger->changed_context, about, change, because);
}

/* Into the list of what it is for. */
static void ledger_link(
	struct ph_ledger *ledger, struct ph_reservation *reservation)
{
	struct ph_guest_terminal *terminal = reservation->terminal;

	if (!reservation->guest) {
		ledger->homeless++;
		return;
	}
	if (terminal) {
		DL_APPEND(terminal->bookings, reservation);
		terminal->in_use++;
	} else {
		DL_APPEND(reservation->guest->holders, reservation);
	}
	ph_guestbook_touch(ledger->book, reservation->guest);
}

static void ledger_unlink(
	struct ph_ledger *ledger, struct ph_reservation *reservation)
{
	struct ph_guest_terminal *terminal = reservation->terminal;

	if (!reservation->guest) {
		ledger->homeless--;
		return;
	}
	if (terminal) {
		DL_DELETE(terminal->bookings, reservation);
		terminal->in_use--;
	} else {
		DL_DELETE(reservation->guest->holders, reservation);
	}
	ph_guestbook_touch(ledger->book, reservation->guest);
	ph_guestbook_freshen(ledger->book, reservation->guest);
}

int ph_ledger_enter_connection(
	struct ph_ledger *ledger, struct ph_reservation *reservation)
{
	HASH_ADD(by_connection, ledger->connections, connection,
		strlen(reservation->connection), reservation);
	return reservation->by_connection.tbl ? 0 : -ENOMEM;
}

int ph_ledger_enter(struct ph_ledger *ledger, struct ph_reservation *made)
{
	HASH_ADD_STR(ledger->reservations, id, made);
	if (!made->hh.tbl) {
		free(made);
		return -ENOMEM;
	}
	if (*made->connection && ph_ledger_enter_connection(ledger, made) < 0) {
		HASH_DEL(ledger->reservations, made);
		free(made);
		return -ENOMEM;
	}
	ledger_link(ledger, made);
	return 0;
}

static void ledger_drop(
	struct ph_ledger *ledger, struct ph_reservation *reservation)
{
	HASH_DEL(ledger->reservations, reservation);
	if (*reservation->connection)
		HASH_DELETE(by_connection, ledger->connections, reservation);
	ledger_unlink(ledger, reservation);
	free(reservation);
}

void ph_ledger_fini(struct ph_ledger *ledger)
{
	struct ph_reservation *at, *next;

	HASH_ITER(hh, ledger->reservations, at, next)
	ledger_drop(ledger, at);
}

unsigned ph_ledger_count(const struct ph_ledger *ledger)
{
	return HASH_COUNT(ledger->reservations);
}

/* What a step was, if it changed anything that others want to know. */
static int change_of(const struct ph_reservation *reservation,
	enum ph_reservation_state before, bool attached, uint64_t generation)
{
	if (reservation->state == PH_RESERVATION_EXPIRED)
		return before == PH_RESERVATION_EXPIRED ? -1 : PH_LEDGER_FREE;
	if (reservation->generation != generation)
		return PH_LEDGER_SEAT;
	if (attached && !reservation->attached)
		return PH_LEDGER_UNSEAT;
	if (before == PH_RESERVATION_HELD &&
		reservation->state == PH_RESERVATION_BOOKED)
		return PH_LEDGER_BOOK;
	return -1;
}

struct ph_reservation_output ph_ledger_step(struct ph_ledger *ledger,
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event)
{
	enum ph_reservation_state before = reservation->state;
	bool attached = reservation->attached;
	uint64_t generation = reservation->generation;
	struct ph_reservation_output output =
		ph_reservation_step(reservation, now, event);
	int change = change_of(reservation, before, attached, generation);

	/* Before it is freed: the next connection must not meet this one's
	 * carrier at the terminal. */
	if (output.evict && ledger->evict)
		ledger->evict(ledger->context, reservation->connection);
	if (change >= 0)
		ph_ledger_tell_change(ledger, reservation,
			(enum ph_ledger_change)change,
			output.because ? output.because : "");
	if (output.free)
		ledger_drop(ledger, reservation);
	return output;
}

static bool ledger_step_tick(struct ph_ledger *ledger,
	struct ph_reservation *reservation, int64_t now)
{
	static const struct ph_reservation_event tick = {
		.kind = PH_RESERVE_TICK};

	return ph_ledger_step(ledger, reservation, now, &tick).free;
}

struct ph_reservation *ph_ledger_find(
	struct ph_ledger *ledger, int64_t now, const char *connection)
{
	struct ph_reservation *found;

	HASH_FIND(by_connection, ledger->connections, connection,
		strlen(connection), found);
	return found && !ledger_step_tick(ledger, found, now) ? found : NULL;
}

struct ph_reservation *ph_ledger_find_id(
	struct ph_ledger *ledger, int64_t now, const char *id)
{
	struct ph_reservation *found;

	HASH_FIND_STR(ledger->reservations, id, found);
	return found && !ledger_step_tick(ledger, found, now) ? found : NULL;
}

static void step_all(struct ph_ledger *ledger, int64_t now,
	struct ph_reservation *first, enum ph_reservation_kind kind)
{
	const struct ph_reservation_event event = {.kind = kind};
	struct ph_reservation *at, *next;

	DL_FOREACH_SAFE(first, at, next)
	ph_ledger_step(ledger, at, now, &event);
}

void ph_ledger_leave(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest)
{
	for (unsigned i = 0; i < guest->terminal_count; i++)
		step_all(ledger, now, guest->terminals[i].bookings,
			PH_RESERVE_EVICT);
	step_all(ledger, now, guest->holders, PH_RESERVE_EVICT);
}

/* Refusal in words, or NULL when it may stay. */
static const char *no_home(
	const struct ph_guest_terminal *terminal, const char *media)
{
	if (!terminal)
		return "its terminal is gone";
	if (terminal->direction != PH_IN && terminal->direction != PH_COMBINE)
		return "its terminal is an output now";
	if (ph_media_differ(media, terminal->media))
		return "its terminal takes something else now";
	if (!ph_guest_terminal_is_free(terminal))
		return "its terminal was taken";
	return NULL;
}

static void ledger_house(struct ph_ledger *ledger, int64_t now,
	struct ph_reservation *reservation, struct ph_guest *guest)
{
	struct ph_guest_terminal *terminal =
		ph_guest_terminal_find(guest, reservation->name, NULL);
	const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE,
		.because = no_home(terminal, reservation->media),
	};

	if (release.because) {
		ph_ledger_step(ledger, reservation, now, &release);
		return;
	}
	ledger->homeless--;
	reservation->guest = guest;
	reservation->terminal = terminal;
	ledger_link(ledger, reservation);
}

void ph_ledger_arrive(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest)
{
	struct ph_reservation *at, *next;

	ph_guestbook_freshen(ledger->book, guest);
	if (!ledger->homeless)
		return;
	HASH_ITER(hh, ledger->reservations, at, next)
	{
		if (!at->guest && strcmp(at->server, guest->server) == 0)
			ledger_house(ledger, now, at, guest);
	}
}

int64_t ph_ledger_tick(struct ph_ledger *ledger, int64_t now)
{
	struct ph_reservation *at, *next;
	int64_t due = INT64_MAX;

	HASH_ITER(hh, ledger->reservations, at, next)
	{
		int64_t expires = at->expires;

		if (!ledger_step_tick(ledger, at, now) && expires < due)
			due = expires;
	}
	return due;
}
