#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/ledger.h"

/* How reservations come into the ledger: held, booked, or read back. */

static void tell_left(
	const struct ph_reservation *reservation, int64_t now, char *out)
{
	if (reservation->expires == INT64_MAX)
		snprintf(out, 32, "until it ends");
	else
		snprintf(out, 32, "for %lld s more",
			(long long)((reservation->expires - now + PH_SECOND -
					    1) /
				    PH_SECOND));
}

char *ph_ledger_tell(const struct ph_reservation *reservation, int64_t now,
	char *out, size_t size)
{
	char left[32];

	tell_left(reservation, now, left);
	if (reservation->state == PH_RESERVATION_HELD)
		snprintf(out, size, "held by %s (%s), %s", reservation->node,
			reservation->id, left);
	else
		snprintf(out, size, "in use by connection %s of %s, %s%s",
			reservation->connection, reservation->node, left,
			reservation->state == PH_RESERVATION_BOOKED
				? " unless renewed"
				: "");
	return out;
}

static int taken(const struct ph_guest *guest,
	const struct ph_guest_terminal *terminal,
	const struct ph_reservation *by, int64_t now, struct ph_error *error)
{
	char where[96], words[240];

	if (!error)
		return -1;
	snprintf(where, sizeof(where), "%s%s%s", guest->server,
		terminal ? ":" : "", terminal ? terminal->name : "");
	return ph_fail(error, PH_EXIT_CONFLICT, where,
		"wait (--wait 30s), release that one, or use a free one",
		"the %s is %s", terminal ? "terminal" : "server",
		by ? ph_ledger_tell(by, now, words, sizeof(words))
		   : "wired already");
}

/* It is being stopped, or replaced. */
static int drains(
	const struct ph_guest *guest, int64_t now, struct ph_error *error)
{
	int64_t left = (guest->drains - now + PH_SECOND - 1) / PH_SECOND;

	if (!guest->drains)
		return 0;
	return ph_fail(error, PH_EXIT_CONFLICT, guest->server,
		"wait (--wait 30s), or use another one",
		"the server is draining, for %lld s more at most",
		(long long)(left > 0 ? left : 0));
}

static void sweep(
	struct ph_ledger *ledger, int64_t now, struct ph_reservation *first)
{
	static const struct ph_reservation_event tick = {
		.kind = PH_RESERVE_TICK};
	struct ph_reservation *at, *next;

	DL_FOREACH_SAFE(first, at, next)
	ph_ledger_step(ledger, at, now, &tick);
}

static int terminal_room(struct ph_ledger *ledger, int64_t now,
	struct ph_guest_terminal *terminal, struct ph_error *error)
{
	sweep(ledger, now, terminal->bookings);
	/* An output's connection that has not begun yet counts here. */
	if (terminal->capacity &&
		(terminal->in_use >= terminal->capacity ||
			terminal->declared >= terminal->capacity))
		return taken(terminal->guest, terminal, terminal->bookings, now,
			error);
	return 0;
}

static int server_room(struct ph_ledger *ledger, int64_t now,
	struct ph_guest *guest, struct ph_error *error)
{
	for (unsigned i = 0; i < guest->terminal_count; i++) {
		struct ph_guest_terminal *at = &guest->terminals[i];

		sweep(ledger, now, at->bookings);
		if (at->in_use)
			return taken(guest, at, at->bookings, now, error);
	}
	return 0;
}

int ph_ledger_room(struct ph_ledger *ledger, int64_t now,
	struct ph_guest *guest, struct ph_guest_terminal *terminal,
	struct ph_error *error)
{
	if (drains(guest, now, error) < 0)
		return -1;
	sweep(ledger, now, guest->holders);
	if (guest->holders)
		return taken(guest, NULL, guest->holders, now, error);
	return terminal ? terminal_room(ledger, now, terminal, error)
			: server_room(ledger, now, guest, error);
}

static int ledger_full(
	struct ph_ledger *ledger, const char *where, struct ph_error *error)
{
	if (ph_ledger_count(ledger) < PH_RESERVATIONS_MOST)
		return 0;
	return ph_fail(error, PH_EXIT_CONFLICT, where,
		"release what is not needed",
		"this node holds %u reservations already",
		PH_RESERVATIONS_MOST);
}

static int no_memory(const char *where, struct ph_error *error)
{
	return ph_fail(
		error, PH_EXIT_NEGATIVE, where, "free memory", "out of memory");
}

/* A new one, in the ledger; NULL without memory. */
static struct ph_reservation *ledger_make(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_hold *hold)
{
	struct ph_reservation *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	ph_reservation_init(made, now, hold->lasts, hold->node, hold->token);
	ledger->sequence++;
	made->fence = ledger->epoch << 32 | ledger->sequence;
	snprintf(made->id, sizeof(made->id), "%s~%llu.%llu", ledger->node,
		(unsigned long long)ledger->epoch,
		(unsigned long long)ledger->sequence);
	made->guest = hold->guest;
	made->terminal = hold->terminal;
	snprintf(made->server, sizeof(made->server), "%s", hold->guest->server);
	if (hold->terminal)
		snprintf(made->name, sizeof(made->name), "%s",
			hold->terminal->name);
	if (ph_ledger_enter(ledger, made) < 0)
		return NULL;
	ph_ledger_tell_change(ledger, made, PH_LEDGER_HOLD, "");
	return made;
}

int ph_ledger_hold(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_hold *hold, struct ph_reservation **out,
	struct ph_error *error)
{
	if (ph_ledger_room(ledger, now, hold->guest, hold->terminal, error) <
			0 ||
		ledger_full(ledger, hold->guest->server, error) < 0)
		return -1;
	*out = ledger_make(ledger, now, hold);
	return *out ? 0 : no_memory(hold->guest->server, error);
}

/* What both sides can live with: the more definite of the two types. */
static void media_agree(
	char *out, size_t size, const char *asked, const char *declared)
{
	bool open = !*declared || strchr(declared, '*');

	snprintf(out, size, "%s", open && *asked ? asked : declared);
}

static int ledger_again(struct ph_reservation *found,
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
			found->server, found->name);
	return 0;
}

/* The hold that an entry names. One that ran out, or became a booking, is no
 * obstacle: then it is as if none were named. False with the error told. */
static bool hold_of(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_reservation **out,
	struct ph_error *error)
{
	struct ph_reservation *hold =
		*entry->hold ? ph_ledger_find_id(ledger, now, entry->hold)
			     : NULL;

	*out = NULL;
	if (!hold || hold->state != PH_RESERVATION_HELD)
		return true;
	if (!ph_reservation_is_of(hold, entry->node, entry->hold_token)) {
		ph_fail(error, PH_EXIT_DENIED, entry->hold,
			"bring its token, or reserve yourself",
			"the reservation is another's");
		return false;
	}
	if (hold->guest != entry->terminal->guest ||
		(hold->terminal && hold->terminal != entry->terminal))
		return true;
	*out = hold;
	return true;
}

/* A terminal that may be booked, held for the moment of booking. */
static struct ph_reservation *ledger_take(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_error *error)
{
	const struct ph_ledger_hold fresh = {
		.guest = entry->terminal->guest,
		.terminal = entry->terminal,
		.node = entry->node,
		.lasts = PH_HOLD_LASTS,
		.token = entry->token,
	};
	struct ph_reservation *hold;
	struct ph_reservation *made;

	if (drains(fresh.guest, now, error) < 0 ||
		!hold_of(ledger, now, entry, &hold, error))
		return NULL;
	if (hold && hold->terminal) {
		/* Whoever brought its token books it. */
		snprintf(hold->node, sizeof(hold->node), "%s", entry->node);
		return hold;
	}
	/* Through the hold of the whole server only its terminal counts. */
	if (hold ? terminal_room(ledger, now, entry->terminal, error)
		 : ph_ledger_room(
			   ledger, now, fresh.guest, fresh.terminal, error))
		return NULL;
	if (ledger_full(ledger, entry->connection, error) < 0)
		return NULL;
	made = ledger_make(ledger, now, &fresh);
	if (!made)
		no_memory(entry->connection, error);
	return made;
}

int ph_ledger_book(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_reservation **out,
	struct ph_error *error)
{
	const struct ph_reservation_event book = {
		.kind = PH_RESERVE_BOOK, .connection = entry->connection};
	static const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE, .because = "out of memory"};
	struct ph_reservation *found =
		ph_ledger_find(ledger, now, entry->connection);
	bool again = found != NULL;

	if (again && ledger_again(found, entry, error) < 0)
		return -1;
	if (!again)
		found = ledger_take(ledger, now, entry, error);
	if (!found)
		return -1;
	if (!again) {
		snprintf(found->from, sizeof(found->from), "%s", entry->from);
		media_agree(found->media, sizeof(found->media), entry->media,
			entry->terminal->media);
	}
	ph_ledger_step(ledger, found, now, &book);
	if (!again && ph_ledger_enter_connection(ledger, found) < 0) {
		found->connection[0] = '\0';
		ph_ledger_step(ledger, found, now, &release);
		return no_memory(entry->connection, error);
	}
	*out = found;
	return 0;
}

int ph_ledger_restore(struct ph_ledger *ledger, int64_t now,
	const struct ph_reservation *like)
{
	struct ph_reservation *made;
	int code;

	if (!*like->connection || !*like->server || !*like->name ||
		(like->state != PH_RESERVATION_BOOKED &&
			like->state != PH_RESERVATION_SEATED))
		return -EINVAL;
	if (ph_ledger_find(ledger, now, like->connection) ||
		ph_ledger_find_id(ledger, now, like->id))
		return -EEXIST;
	made = malloc(sizeof(*made));
	if (!made)
		return -ENOMEM;
	*made = *like;
	memset(&made->hh, 0, sizeof(made->hh));
	memset(&made->by_connection, 0, sizeof(made->by_connection));
	made->guest = NULL;
	made->terminal = NULL;
	made->attached = false;
	made->expires =
		now + (like->state == PH_RESERVATION_SEATED ? PH_SEAT_KEPT
							    : PH_LEASE_LASTS);
	code = ph_ledger_enter(ledger, made);
	if (code == 0)
		ph_ledger_tell_change(
			ledger, made, PH_LEDGER_RESTORE, "restarted");
	return code;
}
