#ifndef PH_HOSTESS_HOSTESS_H
#define PH_HOSTESS_HOSTESS_H

#include "hostess/menu_version.h"
#include "kernel/door.h"
#include "kernel/loop.h"

/*
 * The Hostess: keeps the guest book (servers and terminals of this node, her
 * word is the truth about them) and arbitrates their use. Serves the calls
 * hostess.*; her decisions are the pure cores guestbook.h and reservation.h.
 *
 * A booking belongs to a connection id, is a lease (30 s) until its carrier
 * attaches, is then seated, and carries a token that only the one who booked
 * knows.
 */
struct ph_hostess;

struct ph_hostess_config {
	struct ph_loop *loop;
	struct ph_door *door;
	const char *node; /* copied */
	uint64_t epoch;	  /* how often this node has started */
};

int ph_hostess_create(
	struct ph_hostess **out, const struct ph_hostess_config *config);
void ph_hostess_destroy(struct ph_hostess *hostess);
/* Told when a seated booking must be taken away (its server left, or it was
 * released): close that connection's carrier. */
void ph_hostess_set_evict(struct ph_hostess *hostess,
	void (*evict)(void *context, const char *connection), void *context);

/* Which menu this node offers now, for announcements. */
void ph_hostess_menu_version(
	const struct ph_hostess *hostess, struct ph_menu_version *out);
/* Told when that has changed: within 20 ms of the first change, then at most
 * once a second. Comes from the loop, never from inside a call. */
void ph_hostess_set_menu_changed(struct ph_hostess *hostess,
	void (*changed)(void *context), void *context);

#endif
