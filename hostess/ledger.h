#ifndef PH_HOSTESS_LEDGER_H
#define PH_HOSTESS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "hostess/guestbook.h"
#include "hostess/reservation.h"

/*
 * Every reservation of a node, by connection and by terminal. It lets a
 * reservation take a step and does what the step says: takes the carrier away
 * first, then frees the terminal.
 *
 * Invariant: a terminal never has more bookings than its capacity.
 */
#define PH_RESERVATIONS_MOST 65536u

struct ph_ledger {
	struct ph_guestbook *book;
	struct ph_reservation *reservations;
	/* Must have taken the carrier away when it returns. May be NULL. */
	void (*evict)(void *context, const char *connection);
	void *context;
};

struct ph_ledger_entry {
	const char *connection;
	const char *node; /* who books */
	struct ph_guest_terminal *terminal;
	const char *media; /* that will come; "" for any */
	const char *from;
	const uint8_t *token; /* used when the booking is new */
};

void ph_ledger_init(struct ph_ledger *ledger, struct ph_guestbook *book);
void ph_ledger_fini(struct ph_ledger *ledger);
unsigned ph_ledger_count(const struct ph_ledger *ledger);

/* NULL when there is none, or none any more. */
struct ph_reservation *ph_ledger_find(
	struct ph_ledger *ledger, int64_t now, const char *connection);
/* Books, or renews: the same connection gets the same reservation. 0, or -1
 * with the error told. */
int ph_ledger_book(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_reservation **out,
	struct ph_error *error);
/* The reservation is gone when the output says free. */
struct ph_reservation_output ph_ledger_step(struct ph_ledger *ledger,
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event);
/* Frees every booking of the server. */
void ph_ledger_leave(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest);
/* Frees what ran out; returns when to look again, or INT64_MAX. */
int64_t ph_ledger_tick(struct ph_ledger *ledger, int64_t now);

#endif
