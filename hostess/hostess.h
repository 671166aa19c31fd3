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
	const char *node;	 /* copied */
	uint64_t epoch;		 /* how often this node has started */
	const char *const *caps; /* what it can; copied */
	unsigned cap_count;
};

int ph_hostess_create(
	struct ph_hostess **out, const struct ph_hostess_config *config);
void ph_hostess_destroy(struct ph_hostess *hostess);
/* From now on bookings are kept in the store, and changes go to the journal;
 * those that were kept are read back. Before any server is registered. */
void ph_hostess_start(struct ph_hostess *hostess);
/* The node stops: what is kept stays as it is, though the servers leave. */
void ph_hostess_quiesce(struct ph_hostess *hostess);
/* Told when a seated booking must be taken away (its server left, or it was
 * released): close that connection's carrier. */
/* It is a higher one from now on (node/epoch.h). */
void ph_hostess_set_epoch(struct ph_hostess *hostess, uint64_t epoch);
void ph_hostess_set_evict(struct ph_hostess *hostess,
	void (*evict)(void *context, const char *connection), void *context);

/* Which menu this node offers now, for announcements. */
void ph_hostess_menu_version(
	const struct ph_hostess *hostess, struct ph_menu_version *out);
/* Told when that has changed: within 20 ms of the first change, then at most
 * once a second. Comes from the loop, never from inside a call. */
void ph_hostess_set_menu_changed(struct ph_hostess *hostess,
	void (*changed)(void *context), void *context);

/* Another node's menu is that now, as it was heard: it is fetched when it is
 * later than what is known. */
void ph_hostess_menu_heard(struct ph_hostess *hostess, const char *node,
	const struct ph_menu_version *version);
/* Nothing is known of that node's menu from now on. */
void ph_hostess_menu_forget(struct ph_hostess *hostess, const char *node);
/* A list "caps" of an open map: what that node can. False: not known. */
bool ph_hostess_menu_write_caps(const struct ph_hostess *hostess,
	const char *node, struct ph_writer *writer);
/* Pairs "menu" (known | old | none) and "menu_version" of an open map. */
void ph_hostess_menu_describe(const struct ph_hostess *hostess,
	const char *node, struct ph_writer *writer);
/* Whom to ask for a node's menu: that node, when a line to it stands; else one
 * to whom a line stands, another with each `attempt`; NULL: nobody. No menu is
 * worth a dial. Without it every node is asked itself. */
void ph_hostess_set_teller(struct ph_hostess *hostess,
	const char *(*teller)(
		void *context, const char *node, unsigned attempt),
	void *context);
/* A line to that node came up: it is told which menu is offered here. */
void ph_hostess_peer_up(struct ph_hostess *hostess, const char *node);
/* How far a node is (a round trip, or its place in an order): requests that
 * this node cannot fill go to the nearest first. Without it, by name. */
void ph_hostess_set_distance(struct ph_hostess *hostess,
	int64_t (*distance)(void *context, const char *node), void *context);

#endif
