#ifndef PH_CONTROLSURFACE_APPLY_CHOOSE_H
#define PH_CONTROLSURFACE_APPLY_CHOOSE_H

#include "controlsurface/apply.h"

/*
 * Ends by criteria become wires before anything else is asked:
 *
 *   recall   who was chosen before: the parts of the scope, as their nodes keep
 *            them, or the plan that is applied
 *   place    nodes are found for hosts by capability (apply_place.c)
 *   keep     of those, whoever is still there and still fits stays
 *   hold     the Hostess holds others for what is missing, near first, and
 *            they are booked with that hold when the wires are laid
 *
 * So a choice is made once, is durable with the part of the output's node, and
 * is made anew only by an apply that finds the chosen one gone. What is held
 * and not used is given back.
 */
struct ph_choice {
	char mask[PH_WIRE_CRITERIA];
	char known[3 * PH_NAME_MAX + 8]; /* node/server:terminal, of the file */
	char node[PH_NAME_MAX + 1];	 /* who was chosen */
	char server[PH_NAME_MAX + 1];
	char terminal[PH_NAME_MAX + 1];
	char hold[PH_WIRE_HOLD];
	bool output; /* an output was chosen */
	bool there;  /* it fits still */
	bool used;
	bool held;    /* by this apply, and not wired yet */
	bool place;   /* `known` is a host of the file, and `node` it is */
	bool planned; /* a plan said so, and it is to be held again */
};

/* Begins with it; then ph_apply_survey. */
void ph_apply_choose(struct ph_apply *apply);
bool ph_apply_wishes(const struct ph_apply *apply);
/* Those that were away are due. */
void ph_apply_choose_again(struct ph_apply *apply);
/* Gives back what is held and not wired. */
void ph_apply_choose_end(struct ph_apply *apply, bool wired);
/* NULL: no memory, or too many. May move the others. */
struct ph_choice *ph_choice_add(struct ph_apply *apply);
/* Without memory for one more: it fails. */
void ph_apply_choose_memory(struct ph_apply *apply);
/* What is held for it is given back. */
void ph_choice_release(
	struct ph_apply *apply, const char *node, const char *hold);
/* apply_recall.c: then ph_apply_place. */
void ph_apply_recall(struct ph_apply *apply);
/* apply_place.c: then ph_apply_placed. */
void ph_apply_place(struct ph_apply *apply);
bool ph_apply_places(const struct ph_apply *apply);
/* apply_keep.c: hosts are known; then ph_apply_hold. */
void ph_apply_placed(struct ph_apply *apply);
/* The end that is known, as a choice has it. */
void ph_choice_known(struct ph_apply *apply,
	const struct ph_wiring_wish_line *line, char *out, size_t size);
bool ph_choice_is_of(struct ph_apply *apply, const struct ph_choice *choice,
	const struct ph_wiring_wish_line *line);
/* apply_hold.c: the next wish; then ph_apply_survey. */
void ph_apply_hold(struct ph_apply *apply);
/* For a plan to keep, or to be applied. -ENOMEM. */
int ph_choices_copy(struct ph_choice **out, unsigned *out_count,
	const struct ph_choice *choices, unsigned count);

#endif
