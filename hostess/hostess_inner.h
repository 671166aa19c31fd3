#ifndef PH_HOSTESS_HOSTESS_INNER_H
#define PH_HOSTESS_HOSTESS_INNER_H

#include "hostess/guestbook.h"
#include "hostess/hostess.h"
#include "hostess/ledger.h"
#include "hostess/menu.h"
#include "proto/address.h"
#include "proto/calls.h"

/*
 * What the files of the Hostess share. They are the shell around the pure
 * cores (guestbook.h, ledger.h, menu_version.h): they read calls, hand the
 * cores the time and fresh tokens, and answer.
 *
 *   hostess.c         create, serve
 *   hostess_guest.c   who is here: register, find, guests
 *   hostess_book.c    who uses what: reserve, attach, release
 *   hostess_menu.c    which menu is offered, and who is told
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

	struct ph_menu_version offered;
	uint64_t stamp; /* of the book, as `offered` was computed */
	struct ph_timer menu_timer;
	int64_t menu_told; /* when `offered` changed last */
	void (*menu_changed)(void *context);
	void *menu_context;
};

/* A call being served: 0 when it was answered well, -1 with the error told. */
typedef int ph_hostess_serve_fn(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error);

/* Looks at the ledger again at `due`; INT64_MAX: not for this. */
void ph_hostess_alarm(struct ph_hostess *hostess, int64_t due);
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

ph_hostess_serve_fn ph_hostess_serve_reserve;
ph_hostess_serve_fn ph_hostess_serve_release;
ph_hostess_serve_fn ph_hostess_serve_attach;
ph_hostess_serve_fn ph_hostess_serve_detach;

/* --- hostess_menu.c --- */

void ph_hostess_menu_init(struct ph_hostess *hostess, uint64_t epoch);
void ph_hostess_menu_fini(struct ph_hostess *hostess);
/* The book may have changed. */
void ph_hostess_menu_look(struct ph_hostess *hostess);

#endif
