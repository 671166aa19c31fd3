/* Out of memory is an error to tell, not an end of the process. */
#define HASH_NONFATAL_OOM 1

#include "hostess/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void ph_ledger_init(struct ph_ledger *ledger, struct ph_guestbook *book)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->book = book;
}

static void ledger_drop(
	struct ph_ledger *ledger, struct ph_reservation *reservation)
{
	HASH_DEL(ledger->reservations, reservation);
	DL_DELETE(reservation->terminal->bookings, reservation);
	reservation->terminal->in_use--;
	ph_guestbook_touch(ledger->book, reservation->terminal->guest);
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

struct ph_reservation_output ph_ledger_step(struct ph_ledger *ledger,
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event)
{
	struct ph_reservation_output output =
		ph_reservation_step(reservation, now, event);

	/* Before it is freed: the next connection must not meet this one's
	 * carrier at the terminal. */
	if (output.evict && ledger->evict)
		ledger->evict(ledger->context, reservation->connection);
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

	HASH_FIND_STR(ledger->reservations, connection, found);
	if (!found || ledger_step_tick(ledger, found, now))
		return NULL;
	return found;
}

static int terminal_taken(
	const struct ph_guest_terminal *terminal, struct ph_error *error)
{
	char where[96];

	snprintf(where, sizeof(where), "%s:%s", terminal->guest->server,
		terminal->name);
	return ph_fail(error, PH_EXIT_CONFLICT, where,
		"disconnect that one first, or use a free terminal",
		"the terminal is in use by connection %s",
		terminal->bookings->connection);
}

static int terminal_check(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_error *error)
{
	struct ph_guest_terminal *terminal = entry->terminal;
	struct ph_reservation *at, *next;

	DL_FOREACH_SAFE(terminal->bookings, at, next)
	ledger_step_tick(ledger, at, now);
	if (!ph_guest_terminal_is_free(terminal))
		return terminal_taken(terminal, error);
	if (HASH_COUNT(ledger->reservations) >= PH_RESERVATIONS_MOST)
		return ph_fail(error, PH_EXIT_CONFLICT, entry->connection,
			"release what is not needed",
			"this node holds %u bookings already",
			PH_RESERVATIONS_MOST);
	return 0;
}

/* What both sides can live with: the more definite of the two types. */
static void media_agree(
	char *out, size_t size, const char *asked, const char *declared)
{
	bool open = !*declared || strchr(declared, '*');

	snprintf(out, size, "%s", open && *asked ? asked : declared);
}

static struct ph_reservation *ledger_add(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry)
{
	struct ph_reservation *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	ph_reservation_init(
		made, now, entry->connection, entry->node, entry->token);
	snprintf(made->from, sizeof(made->from), "%s", entry->from);
	media_agree(made->media, sizeof(made->media), entry->media,
		entry->terminal->media);
	HASH_ADD_STR(ledger->reservations, connection, made);
	if (!made->hh.tbl) {
		free(made);
		return NULL;
	}
	made->terminal = entry->terminal;
	DL_APPEND(entry->terminal->bookings, made);
	entry->terminal->in_use++;
	ph_guestbook_touch(ledger->book, entry->terminal->guest);
	return made;
}

static int ledger_renew(struct ph_reservation *found,
	const struct ph_ledger_entry *entry, struct ph_error *error)
{
	if (strcmp(found->node, entry->node) != 0)
		return ph_fail(error, PH_EXIT_DENIED, entry->connection,
			"only the node that booked may ask again",
			"the connection was booked by another node");
	if (found->terminal != entry->terminal)
		return ph_fail(error, PH_EXIT_CONFLICT, entry->connection,
			"release it first",
			"the connection has booked %s:%s already",
			found->terminal->guest->server, found->terminal->name);
	return 0;
}

int ph_ledger_book(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_reservation **out,
	struct ph_error *error)
{
	static const struct ph_reservation_event book = {
		.kind = PH_RESERVE_BOOK};
	struct ph_reservation *found =
		ph_ledger_find(ledger, now, entry->connection);

	if (found) {
		if (ledger_renew(found, entry, error) < 0)
			return -1;
	} else {
		if (terminal_check(ledger, now, entry, error) < 0)
			return -1;
		found = ledger_add(ledger, now, entry);
		if (!found)
			return ph_fail(error, PH_EXIT_NEGATIVE,
				entry->connection, "free memory",
				"out of memory");
	}
	ph_ledger_step(ledger, found, now, &book);
	*out = found;
	return 0;
}

void ph_ledger_leave(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest)
{
	static const struct ph_reservation_event evict = {
		.kind = PH_RESERVE_EVICT};

	for (unsigned i = 0; i < guest->terminal_count; i++) {
		struct ph_reservation *at, *next;

		DL_FOREACH_SAFE(guest->terminals[i].bookings, at, next)
		ph_ledger_step(ledger, at, now, &evict);
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
