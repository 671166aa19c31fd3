#ifndef PH_HOSTESS_HOSTESS_INNER_H
#define PH_HOSTESS_HOSTESS_INNER_H

#include "hostess/guestbook.h"
#include "hostess/hostess.h"
#include "hostess/ledger.h"
#include "hostess/menu.h"
#include "hostess/menus.h"
#include "hostess/wish.h"
#include "proto/address.h"
#include "proto/calls.h"

/*
 * What the files of the Hostess share. They are the shell around the pure
 * cores (guestbook.h, ledger.h, menu_version.h): they read calls, hand the
 * cores the time and fresh tokens, and answer.
 *
 *   hostess.c         create, serve
 *   hostess_guest.c   who is here: register, find, guests
 *   hostess_book.c    who uses what: reserve, renew, release
 *   hostess_seat.c    carriers: attach, detach
 *   hostess_hold.c    holds, and who waits for them; see hold.h
 *   hostess_held.c    what is held, told
 *   hostess_unheard.c what other nodes hold goes back to them
 *   hostess_known.c   the menus of other nodes
 *   hostess_fetch.c   how they come
 *   hostess_keep.c    what is durable, and the journal
 *   hostess_menu.c    which menu is offered, and who is told
 */
struct ph_hostess {
	struct ph_loop *loop;
	struct ph_door *door;
	struct ph_writer *writer; /* answers */
	struct ph_writer *keeper; /* what goes to the store */
	struct ph_guestbook book;
	struct ph_ledger ledger;
	struct ph_menu menu;
	struct ph_timer timer; /* when the next booking may run out */
	struct ph_wishes wishes;
	struct ph_hold *holds; /* being asked for, or remembered */
	struct ph_timer hold_timer;
	struct ph_unheard *unheard; /* what goes back to other nodes */
	unsigned unheard_count;
	struct ph_seat *seats; /* that wait for the disk */
	uint64_t round;	       /* of renewals */
	bool keeping;	       /* there is a store */
	bool quiet;	       /* the node stops */
	char node[PH_NAME_MAX + 1];

	struct ph_known menus; /* of other nodes */
	unsigned fetches;      /* under way */
	struct ph_timer known_timer;
	int64_t (*distance)(void *context, const char *node);
	void *distance_context;
	const char *(*teller)(
		void *context, const char *node, unsigned attempt);
	void *teller_context;

	struct ph_menu_version offered;
	uint64_t stamp; /* of the book, as `offered` was computed */
	struct ph_timer menu_timer;
	bool menu_untold;  /* it has changed, and nobody heard yet */
	int64_t menu_told; /* when `offered` changed last */
	void (*menu_changed)(void *context);
	void *menu_context;
};

/* A call being served: 0 when it was answered well, -1 with the error told. */
typedef int ph_hostess_serve_fn(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error);

/* Looks at the ledger again at `due`; INT64_MAX: not for this. */
void ph_hostess_alarm(struct ph_hostess *hostess, int64_t due);
/* Something may have changed: who waits gets what is free, and peers hear of
 * another menu. */
void ph_hostess_settle(struct ph_hostess *hostess);
/* Empties the writer and opens a map in it. */
struct ph_writer *ph_hostess_writer(struct ph_hostess *hostess);
/* Ends that map and answers with it. */
int ph_hostess_answer(struct ph_hostess *hostess, struct ph_request *request);
int ph_hostess_answer_nothing(
	struct ph_hostess *hostess, struct ph_request *request);
/* The peer that calls, or this node. */
const char *ph_hostess_caller(
	struct ph_hostess *hostess, const struct ph_request *request);

/* --- hostess_guest.c --- */

ph_hostess_serve_fn ph_hostess_serve_register;
ph_hostess_serve_fn ph_hostess_serve_unregister;
ph_hostess_serve_fn ph_hostess_serve_drain;
ph_hostess_serve_fn ph_hostess_serve_state;
ph_hostess_serve_fn ph_hostess_serve_guests;
ph_hostess_serve_fn ph_hostess_serve_find;
ph_hostess_serve_fn ph_hostess_serve_filter;
ph_hostess_serve_fn ph_hostess_serve_check;
/* {server terminal} of a call; NULL with the error told. */
struct ph_guest_terminal *ph_hostess_terminal(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error);
/* May what is `media` be fed to it? 0, or -1 with the error told. */
int ph_hostess_suits(const struct ph_guest_terminal *terminal,
	const char *media, struct ph_error *error);

/* --- hostess_book.c --- */

/* May the caller book what is the guest's? 0, or -1 with the error told. */
int ph_hostess_admit(struct ph_hostess *hostess, struct ph_request *request,
	const struct ph_guest *guest, struct ph_error *error);

/* The token of the hold that a call names; NULL: none came with it. */
const uint8_t *ph_hostess_hold_token(const struct ph_request *request);
/* The connection of a call, which its caller may speak for. */
int ph_hostess_connection(struct ph_request *request, char connection[96],
	struct ph_error *error);
ph_hostess_serve_fn ph_hostess_serve_reserve;
ph_hostess_serve_fn ph_hostess_serve_renew;
ph_hostess_serve_fn ph_hostess_serve_release;

/* --- hostess_seat.c --- */

ph_hostess_serve_fn ph_hostess_serve_attach;
ph_hostess_serve_fn ph_hostess_serve_detach;
void ph_hostess_seats_fini(struct ph_hostess *hostess);

/* --- hostess_hold.c --- */

ph_hostess_serve_fn ph_hostess_serve_hold;
void ph_hostess_holds_init(struct ph_hostess *hostess);
void ph_hostess_holds_fini(struct ph_hostess *hostess);

/* hostess.release of a call: what it got goes back. */
int ph_hostess_release_call(struct ph_hostess *hostess,
	struct ph_request *request, const char *call, struct ph_error *error);

/* --- hostess_unheard.c --- */

/* Releases what `node` holds by its `key`, "id" or "call" (a literal), until it
 * has heard that or the hold, which may be waited for there and then lasts, has
 * run out. */
void ph_hostess_release_far(struct ph_hostess *hostess, const char *node,
	const char *key, const char *value, int64_t waits, int64_t lasts);
void ph_hostess_unheard_fini(struct ph_hostess *hostess);

/* --- hostess_held.c --- */

ph_hostess_serve_fn ph_hostess_serve_held;

/* --- hostess_keep.c --- */

/* Of the ledger: to the journal, and to the store. */
void ph_hostess_on_change(void *context, const struct ph_reservation *about,
	enum ph_ledger_change change, const char *because);
/* Whether it drains, to the journal. */
void ph_hostess_note_drain(
	struct ph_hostess *hostess, const struct ph_guest *guest);
/* A booking of the store, whose key is the connection. 0, or -1. */
int ph_hostess_record_read(struct ph_reservation *out, struct ph_value map,
	const char *connection);
/* {space key value} of a booking, into the keeper. */
void ph_hostess_record(
	struct ph_hostess *hostess, const struct ph_reservation *reservation);

/* --- hostess_fetch.c --- */

/* Menus that are behind are fetched, as far as there is room. */
void ph_hostess_fetch_more(struct ph_hostess *hostess);
void ph_hostess_fetch_init(struct ph_hostess *hostess);
void ph_hostess_fetch_fini(struct ph_hostess *hostess);

/* --- hostess_known.c --- */

ph_hostess_serve_fn ph_hostess_serve_news;
ph_hostess_serve_fn ph_hostess_serve_known;
void ph_hostess_known_init(struct ph_hostess *hostess);
void ph_hostess_known_fini(struct ph_hostess *hostess);
/* Reads back what the store has. */
void ph_hostess_known_load(struct ph_hostess *hostess);
/* What is later than the store has it is written. */
void ph_hostess_known_save(struct ph_hostess *hostess);
/* It goes out of the store. */
void ph_hostess_known_drop(
	struct ph_hostess *hostess, const struct ph_known_menu *menu);
/* This node's menu has changed: whoever has a line hears it. */
void ph_hostess_known_tell(struct ph_hostess *hostess);

/* --- hostess_menu.c --- */

void ph_hostess_menu_init(struct ph_hostess *hostess, uint64_t epoch);
void ph_hostess_menu_fini(struct ph_hostess *hostess);
/* The book may have changed. */
void ph_hostess_menu_look(struct ph_hostess *hostess);

#endif
