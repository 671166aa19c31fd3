#ifndef PH_HOSTESS_MENU_H
#define PH_HOSTESS_MENU_H

#include "hostess/guestbook.h"
#include "hostess/mask.h"
#include "hostess/menu_version.h"
#include "kernel/door.h"
#include "kernel/loop.h"

/*
 * Answers hostess.guests and hostess.menu. Inputs are booked with the Hostess,
 * so she knows who uses them; who is fed by an output only the control surface
 * knows, so it is asked (control.connections) before each answer. If it does
 * not answer, outputs are shown as they were last known.
 *
 * A large book is answered in pages, in the order of names.
 */
struct ph_menu_look;

struct ph_menu {
	struct ph_loop *loop;
	struct ph_door *door;
	struct ph_guestbook *book;
	const char *node;
	/* The version of what the book offers at this moment. */
	void (*version)(void *context, struct ph_menu_version *out);
	void *context;
	struct ph_menu_look *looks; /* under way */
};

/* The control surface gets this long. */
#define PH_MENU_PATIENCE (1 * PH_SECOND)
/* About so many bytes are a page. */
#define PH_MENU_PAGE ((size_t)512 * 1024)

/* What is asked for. */
struct ph_menu_question {
	struct ph_mask mask;
	char after[40]; /* only names that come later */
	uint64_t epoch; /* of the menu that the asker has; 0: none */
	uint64_t version;
};

/* Answers the ticket, later. -ENOMEM: not. */
int ph_menu_answer(struct ph_menu *menu, ph_handle ticket,
	const struct ph_menu_question *question);
/* {items servers terminals more caps} of a book, into the writer's open map. */
void ph_menu_page(const struct ph_guestbook *book, const char *node,
	const struct ph_mask *mask, const char *after,
	struct ph_writer *writer);
/* Asks the control surface who is fed by what; then `done`, once, later.
 * `gone`: the menu is; only let go of the context. -ENOMEM: not. */
int ph_menu_look(struct ph_menu *menu, void (*done)(void *context, bool gone),
	void *context);
/* What is still asked for is answered by the door, not from here. */
void ph_menu_fini(struct ph_menu *menu);

#endif
