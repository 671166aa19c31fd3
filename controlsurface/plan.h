#ifndef PH_CONTROLSURFACE_PLAN_H
#define PH_CONTROLSURFACE_PLAN_H

#include "controlsurface/apply.h"

/*
 * A plan: a wiring file that was looked at, what applying it would do, and the
 * revision of every node that it was held against. Kept in memory at the node
 * that made it, so that it can be applied as it was seen: when anything has
 * changed on one of those nodes, it is refused (exit 5).
 */
#define PH_PLANS_MOST 32u
#define PH_PLAN_KEPT  (1800 * PH_SECOND)
#define PH_PLAN_ID    24u

struct ph_plan {
	char id[PH_PLAN_ID]; /* p-epoch.number */
	char scope[PH_NAME_MAX + 1];
	char by[PH_NAME_MAX + 1];
	char file[256];
	int64_t made;  /* loop ns */
	int64_t since; /* wall ns */
	struct ph_apply_expected *expected;
	unsigned expected_count;
	struct ph_choice *choices;
	unsigned choice_count;
	char *variables; /* name, value, name...; NULL: the environment's */
	size_t variables_length;
	char *text;
	size_t length;
	struct ph_plan *prev;
	struct ph_plan *next;
};

/* Copies; NULL: no memory. */
struct ph_plan *ph_plan_make(const char *text, size_t length,
	const char *variables, size_t variables_length, const char *file);
/* Not one that is kept. NULL is harmless. */
void ph_plan_free(struct ph_plan *plan);
/* NULL with exit 4 told. */
const struct ph_plan *ph_plan_find(
	struct ph_control *control, const char *id, struct ph_error *error);
/* It was looked at: keeps apply->kept, answers with it, ends the apply. */
void ph_plan_answer(struct ph_apply *apply);

#endif
