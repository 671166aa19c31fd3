#ifndef PH_HOSTESS_LEDGER_H
#define PH_HOSTESS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "hostess/guestbook.h"
#include "hostess/reservation.h"

/*
 * Every reservation of a node: by id, by connection, by terminal and server.
 * It lets a reservation take a step and does what the step says: takes the
 * carrier away first, then frees the terminal.
 *
 * Invariants: a terminal never has more reservations than its capacity; a
 * server that is held whole has no others than those that were booked through
 * that hold; fences grow.
 *
 * ledger.c keeps it, ledger_book.c makes new entries.
 */
#define PH_RESERVATIONS_MOST 65536u

enum ph_ledger_change {
	PH_LEDGER_HOLD,	   /* it is new */
	PH_LEDGER_BOOK,	   /* it has a connection now */
	PH_LEDGER_SEAT,	   /* a carrier of a new generation */
	PH_LEDGER_UNSEAT,  /* the carrier left, the seat is kept */
	PH_LEDGER_FREE,	   /* it is over; it still stands when this is told */
	PH_LEDGER_RESTORE, /* read back after a restart */
};

struct ph_ledger {
	struct ph_guestbook *book;
	char node[40];
	uint64_t epoch; /* of this node; ids and fences hold it */
	uint64_t sequence;
	struct ph_reservation *reservations; /* by id */
	struct ph_reservation *connections;  /* those that have one */
	unsigned homeless; /* read back, whose server is not there yet */
	/* Must have taken the carrier away when it returns. May be NULL. */
	void (*evict)(void *context, const char *connection);
	void *context;
	/* For the record. May be NULL. */
	void (*changed)(void *context, const struct ph_reservation *about,
		enum ph_ledger_change change, const char *because);
	void *changed_context;
};

/* What is held: a terminal, or the whole guest. */
struct ph_ledger_hold {
	struct ph_guest *guest;
	struct ph_guest_terminal *terminal; /* NULL: the guest */
	const char *node;		    /* who holds */
	int64_t lasts;			    /* ns */
	const uint8_t *token;
};

struct ph_ledger_entry {
	const char *connection;
	const char *node; /* who books */
	struct ph_guest_terminal *terminal;
	const char *media; /* that will come; "" for any */
	const char *from;
	const uint8_t *token;	   /* used when the booking is new */
	const char *hold;	   /* "": none; else it becomes a booking */
	const uint8_t *hold_token; /* NULL: the one who holds it asks itself */
};

void ph_ledger_init(struct ph_ledger *ledger, struct ph_guestbook *book,
	const char *node, uint64_t epoch);
void ph_ledger_fini(struct ph_ledger *ledger);
unsigned ph_ledger_count(const struct ph_ledger *ledger);

/* By connection, or by id; NULL when there is none, or none any more. */
struct ph_reservation *ph_ledger_find(
	struct ph_ledger *ledger, int64_t now, const char *connection);
struct ph_reservation *ph_ledger_find_id(
	struct ph_ledger *ledger, int64_t now, const char *id);
/* Whether it could be held now; then 0. Else -1, told by whom it is taken and
 * until when; `error` may be NULL. */
int ph_ledger_room(struct ph_ledger *ledger, int64_t now,
	struct ph_guest *guest, struct ph_guest_terminal *terminal,
	struct ph_error *error);
/* 0, or -1 with the error told. */
int ph_ledger_hold(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_hold *hold, struct ph_reservation **out,
	struct ph_error *error);
/* Books, or renews: the same connection gets the same reservation. 0, or -1
 * with the error told. */
int ph_ledger_book(struct ph_ledger *ledger, int64_t now,
	const struct ph_ledger_entry *entry, struct ph_reservation **out,
	struct ph_error *error);
/* Enters a booking that was read back: `like` has connection, node, from,
 * media, token, fence, id, server, name, generation and state. -EEXIST,
 * -ENOMEM, -EINVAL. */
int ph_ledger_restore(struct ph_ledger *ledger, int64_t now,
	const struct ph_reservation *like);
/* A guest came: what waits for it takes its terminals, or is over. */
void ph_ledger_arrive(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest);
/* The reservation is gone when the output says free. */
struct ph_reservation_output ph_ledger_step(struct ph_ledger *ledger,
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event);
/* Frees every reservation of the server. */
void ph_ledger_leave(
	struct ph_ledger *ledger, int64_t now, struct ph_guest *guest);
/* Frees what ran out; returns when to look again, or INT64_MAX. */
int64_t ph_ledger_tick(struct ph_ledger *ledger, int64_t now);
/* Who it belongs to and until when, in words. Returns out. */
char *ph_ledger_tell(const struct ph_reservation *reservation, int64_t now,
	char *out, size_t size);

/* --- between ledger.c and ledger_book.c --- */

/* Takes `made` in, whose guest and terminal are set; frees it on failure. */
int ph_ledger_enter(struct ph_ledger *ledger, struct ph_reservation *made);
int ph_ledger_enter_connection(
	struct ph_ledger *ledger, struct ph_reservation *reservation);
void ph_ledger_tell_change(struct ph_ledger *ledger,
	const struct ph_reservation *about, enum ph_ledger_change change,
	const char *because);

#endif
