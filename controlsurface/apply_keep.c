#include "controlsurface/apply_choose.h"

#include <stdio.h>

/* Of those who were chosen before: who is still there, and still fits. */
#define KEEP_CALL (3 * PH_SECOND)

void ph_choice_known(struct ph_apply *apply,
	const struct ph_wiring_wish_line *line, char *out, size_t size)
{
	snprintf(out, size, "%s/%s:%s",
		*line->node ? line->node : apply->control->node, line->server,
		line->terminal);
}

bool ph_choice_is_of(struct ph_apply *apply, const struct ph_choice *choice,
	const struct ph_wiring_wish_line *line)
{
	char known[sizeof(choice->known)];

	ph_choice_known(apply, line, known, sizeof(known));
	return !choice->place && choice->output == line->output &&
	       !strcmp(choice->mask, line->mask) &&
	       !strcmp(choice->known, known);
}

static bool choice_is_wanted(
	struct ph_apply *apply, const struct ph_choice *choice)
{
	const struct ph_wiring_wish *position = NULL;
	struct ph_wiring_wish_line line;

	while (ph_wiring_next_wish(apply->wiring, &position, &line)) {
		if (ph_choice_is_of(apply, choice, &line))
			return true;
	}
	return false;
}

static void kept(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;

	apply->pending--;
	apply->choices[ask->number].there =
		!reply->status &&
		ph_value_count(ph_value_get(reply->body, "items"));
	if (!apply->pending)
		ph_apply_hold(apply);
}

/* Is it there, and does it fit still? */
static void keep_ask(struct ph_apply *apply, unsigned number)
{
	struct ph_control *control = apply->control;
	const struct ph_choice *choice = &apply->choices[number];
	struct ph_writer *writer = ph_control_writer(control);
	char mask[PH_WIRE_CRITERIA + 2 * PH_NAME_MAX + 32];
	struct ph_ask ask = {
		.method = PH_HOSTESS_GUESTS,
		.timeout = KEEP_CALL,
		.reply = kept,
		.context = apply,
		.number = number,
	};

	snprintf(mask, sizeof(mask), "%s,server=%s,terminal=%s", choice->mask,
		choice->server, choice->terminal);
	ph_write_map(writer);
	ph_put_text(writer, "mask", mask);
	ph_write_end(writer);
	if (strcmp(choice->node, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			choice->node);
	apply->pending++;
	ph_control_ask(control, &ask);
}

void ph_apply_placed(struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		if (!apply->choices[i].planned &&
			choice_is_wanted(apply, &apply->choices[i]))
			keep_ask(apply, i);
	}
	if (!apply->pending)
		ph_apply_hold(apply);
}
