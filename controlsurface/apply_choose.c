#include "controlsurface/apply_choose.h"

#include <errno.h>
#include <stdlib.h>

#define CHOICES_MOST 4096u

bool ph_apply_wishes(const struct ph_apply *apply)
{
	const struct ph_wiring_wish *position = NULL;
	struct ph_wiring_wish_line line;

	return apply->wiring &&
	       ph_wiring_next_wish(apply->wiring, &position, &line);
}

int ph_choices_copy(struct ph_choice **out, unsigned *out_count,
	const struct ph_choice *choices, unsigned count)
{
	struct ph_choice *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		copy[i] = choices[i];
		/* What was held for it is given back. */
		copy[i].planned |= choices[i].held;
		copy[i].there = copy[i].used = copy[i].held = false;
	}
	*out = copy;
	*out_count = count;
	return 0;
}

void ph_apply_choose_memory(struct ph_apply *apply)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, apply->scope, "free memory",
		"out of memory, or more than %u choices", CHOICES_MOST);
	ph_apply_fail(apply, &error);
}

struct ph_choice *ph_choice_add(struct ph_apply *apply)
{
	struct ph_choice *grown;

	if (apply->choice_count >= CHOICES_MOST)
		return NULL;
	grown = realloc(apply->choices,
		(apply->choice_count + 1) * sizeof(*apply->choices));
	if (!grown)
		return NULL;
	apply->choices = grown;
	grown += apply->choice_count++;
	memset(grown, 0, sizeof(*grown));
	return grown;
}

void ph_choice_release(
	struct ph_apply *apply, const char *node, const char *hold)
{
	struct ph_control *control = apply->control;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_write_text(writer, "id");
	ph_write_textn(writer, hold, strcspn(hold, "/"));
	ph_write_end(writer);
	ph_control_tell_at(control, node, PH_HOSTESS_RELEASE);
}

void ph_apply_choose_end(struct ph_apply *apply, bool wired)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		struct ph_choice *choice = &apply->choices[i];

		if (choice->held && !wired)
			ph_choice_release(apply, choice->node, choice->hold);
		choice->held = false;
	}
}

void ph_apply_choose(struct ph_apply *apply)
{
	ph_apply_phase(apply, PH_APPLY_CHOOSE);
	/* A plan says who; what it says is held against who is there. */
	if (apply->choice_count)
		ph_apply_place(apply);
	else
		ph_apply_recall(apply);
}
