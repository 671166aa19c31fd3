#ifndef PH_HOSTESS_MENUS_H
#define PH_HOSTESS_MENUS_H

#include "hostess/guestbook.h"
#include "hostess/mask.h"
#include "hostess/menu_version.h"

/*
 * The last known menus of other nodes. A node says which menu it has (in
 * announcements, or over a line); when that is a later one than ours, its
 * pages are fetched, and only a whole menu whose digest is right replaces what
 * was known. Pure.
 *
 * Bounded: past PH_MENUS_GUESTS servers the menu that was heard of longest ago
 * is forgotten.
 */
#define PH_MENUS_MOST	1024u  /* nodes */
#define PH_MENUS_GUESTS 20000u /* servers of all of them */

struct ph_known_menu {
	char node[40];
	struct ph_menu_version known; /* version 0: nothing yet */
	struct ph_menu_version heard; /* the latest that was told of */
	int64_t as_of;		      /* wall clock, ns: it was so then */
	struct ph_guestbook book;
	struct ph_guestbook coming; /* pages that were fetched so far */
	struct ph_menu_version coming_version;
	bool fetching;
	bool unsaved;	     /* later than what the store has */
	unsigned pages;	     /* of it in the store */
	unsigned failures;   /* in a row */
	int64_t again;	     /* not before; INT64_MAX: no more */
	int64_t quiet_until; /* nobody else is asked before */
	UT_hash_handle hh;   /* in the order they were heard of last */
};

struct ph_known {
	struct ph_known_menu *menus;
	unsigned guests; /* in all of them */
};

void ph_known_init(struct ph_known *menus);
void ph_known_fini(struct ph_known *menus);
struct ph_known_menu *ph_known_find(
	const struct ph_known *menus, const char *node);
/* A node tells which menu it has, at `wall`. What it tells may be old; the
 * menu it has *now* may be fetched when ph_menu_is_behind. NULL: no memory. */
struct ph_known_menu *ph_known_hear(struct ph_known *menus, const char *node,
	const struct ph_menu_version *version, int64_t wall);
bool ph_menu_is_behind(const struct ph_known_menu *menu);
/* One page of its answer to hostess.menu, at `wall`. 1: ask for what comes
 * after `after`; 0: it is whole; -EBADMSG, -EAGAIN (it changed meanwhile:
 * begin anew), -ENOMEM, -EFBIG. */
int ph_menu_take(struct ph_known *menus, struct ph_known_menu *menu,
	struct ph_value answer, int64_t wall, char after[40]);
/* How many of what the mask asks for had room; -1: nothing is known. */
int ph_menu_room(const struct ph_known_menu *menu, const struct ph_mask *mask);
void ph_known_forget(struct ph_known *menus, struct ph_known_menu *menu);

/* Enters the servers of a list of items (as ph_guest_write wrote them) with
 * what was in use. -EBADMSG, -ENOMEM. */
int ph_menu_read_items(struct ph_guestbook *book, struct ph_value items);

#endif
