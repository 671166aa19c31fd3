#ifndef PH_HOSTESS_MANIFEST_H
#define PH_HOSTESS_MANIFEST_H

#include "hostess/guestbook.h"

/*
 * Reads a server's manifest into a guest. Everything is checked here and
 * nowhere else: names, directions, counts, the identity. Pure.
 */

/* 0, or -1 with the error told (exit 78). */
int ph_guest_read(struct ph_guest **out, struct ph_value manifest,
	struct ph_error *error);
/* Forgets what it feeds. */
void ph_guest_terminal_clear(struct ph_guest_terminal *terminal);
/* NULL is harmless. */
void ph_guest_free(struct ph_guest *guest);

#endif
