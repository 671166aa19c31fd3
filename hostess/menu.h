#ifndef PH_HOSTESS_MENU_H
#define PH_HOSTESS_MENU_H

#include "hostess/guestbook.h"
#include "hostess/mask.h"
#include "kernel/door.h"
#include "kernel/loop.h"

/*
 * Answers hostess.guests and hostess.menu. Inputs are booked with the Hostess,
 * so she knows who uses them; who is fed by an output only the control surface
 * knows, so it is asked (control.connections) before each answer. If it does
 * not answer, outputs are shown as they were last known.
 */
struct ph_menu_query;

struct ph_menu {
	struct ph_loop *loop;
	struct ph_door *door;
	struct ph_guestbook *book;
	const char *node;
	struct ph_menu_query *queries; /* being answered */
};

/* The control surface gets this long. */
#define PH_MENU_PATIENCE (1 * PH_SECOND)

/* Answers the ticket, now or later. -ENOMEM: not. */
int ph_menu_answer(
	struct ph_menu *menu, ph_handle ticket, const struct ph_mask *mask);
/* What is still asked for is answered by the door, not from here. */
void ph_menu_fini(struct ph_menu *menu);

#endif
