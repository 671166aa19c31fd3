#include "controlsurface/apply_choose.h"

#include <errno.h>
#include <stdio.h>

/*
 * One wish after the other: those who are kept, then others, whom the Hostess
 * holds: in a first round terminals of servers that run, at nodes whose menus
 * show room; in a second, since menus may be a moment old, at all nodes that
 * are there; in a third of any server.
 */
#define HOLD_CALL (10 * PH_SECOND)
#define HOLD_MS	  30000
#define ROUND	  2
#define ATTEMPTS  (3 * ROUND)

/* The next kept choice of a wish; NULL. */
static struct ph_choice *choice_kept(
	struct ph_apply *apply, const struct ph_wiring_wish_line *line)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		struct ph_choice *choice = &apply->choices[i];

		if (choice->there && !choice->used &&
			ph_choice_is_of(apply, choice, line))
			return choice;
	}
	return NULL;
}

/* The next one that a plan chose for it; NULL. */
static struct ph_choice *choice_planned(
	struct ph_apply *apply, const struct ph_wiring_wish_line *line)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		if (apply->choices[i].planned &&
			ph_choice_is_of(apply, &apply->choices[i], line))
			return &apply->choices[i];
	}
	return NULL;
}

static int fulfil(struct ph_apply *apply, const struct ph_wiring_wish *wish,
	struct ph_choice *choice)
{
	choice->used = true;
	apply->filled++;
	return ph_wiring_fulfil(apply->wiring, wish,
		&(struct ph_wiring_chosen){
			.node = choice->node,
			.server = choice->server,
			.terminal = choice->terminal,
			.hold = choice->hold,
		});
}

/* Two places of one file that want the same are two wishes: nobody is wired
 * twice to the same end. */
static bool is_chosen(struct ph_apply *apply, const char *known,
	const char *node, const char *server, const char *terminal)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		const struct ph_choice *choice = &apply->choices[i];

		if (choice->used && !strcmp(choice->known, known) &&
			!strcmp(choice->node, node) &&
			!strcmp(choice->server, server) &&
			!strcmp(choice->terminal, terminal))
			return true;
	}
	return false;
}

static void hold_text(struct ph_value item, char *out, size_t size)
{
	size_t length;
	const uint8_t *token =
		ph_value_bytes(ph_value_get(item, "token"), &length);
	size_t used;

	ph_get_copy(item, "id", out, size);
	used = strlen(out);
	if (used + 2 * length + 2 > size)
		return;
	out[used++] = '/';
	for (size_t i = 0; i < length; i++)
		used += (size_t)snprintf(
			out + used, size - used, "%02x", token[i]);
}

/* Both say what they carry, and it is not the same. */
static bool media_differ(const char *one, struct ph_value item)
{
	char other[64];

	ph_get_copy(item, "type", other, sizeof(other));
	return *one && *other && strcmp(one, "*/*") != 0 &&
	       strcmp(other, "*/*") != 0 && strcmp(one, other) != 0;
}

static int hold_take(struct ph_apply *apply, struct ph_value item)
{
	struct ph_wiring_wish_line *line = &apply->line;
	struct ph_choice found = {.output = line->output, .there = true};
	struct ph_choice *choice;

	ph_choice_known(apply, line, found.known, sizeof(found.known));
	snprintf(found.mask, sizeof(found.mask), "%s", line->mask);
	ph_get_copy(item, "node", found.node, sizeof(found.node));
	ph_get_copy(item, "server", found.server, sizeof(found.server));
	ph_get_copy(item, "terminal", found.terminal, sizeof(found.terminal));
	hold_text(item, found.hold, sizeof(found.hold));
	if (!*found.terminal || apply->filled >= line->count ||
		media_differ(line->media, item) ||
		is_chosen(apply, found.known, found.node, found.server,
			found.terminal)) {
		ph_choice_release(apply, found.node, found.hold);
		return 0;
	}
	choice = ph_choice_add(apply);
	if (!choice)
		return -ENOMEM;
	*choice = found;
	choice->held = true;
	return fulfil(apply, apply->wish, choice) ? -ENOMEM : 0;
}

static void hold_failed(struct ph_apply *apply)
{
	const struct ph_wiring_wish_line *line = &apply->line;
	struct ph_error error = apply->unfilled;
	char known[3 * PH_NAME_MAX + 8];
	char text[sizeof(error.what)];

	ph_choice_known(apply, line, known, sizeof(known));
	snprintf(text, sizeof(text), "%s", error.what);
	ph_fail(&error, error.exit ? error.exit : PH_EXIT_NOT_FOUND, known,
		"posthouse guests --mask shows who is there; take "
		"something less, or start one more",
		"%u of %u found for criteria %s%s%s", apply->filled,
		line->count, line->mask, *text ? ": " : "", text);
	ph_apply_fail(apply, &error);
}

/* What a plan said is so, or the plan is over. */
static void planned_failed(struct ph_apply *apply)
{
	const struct ph_choice *choice = apply->planned;
	struct ph_error error;
	char where[3 * PH_NAME_MAX + 8];

	snprintf(where, sizeof(where), "%s/%s:%s", choice->node, choice->server,
		choice->terminal);
	ph_fail(&error, PH_EXIT_CONFLICT, where,
		"look at the plan once more: posthouse plan",
		"the plan chose it, and it is not free any more");
	ph_apply_fail(apply, &error);
}

static void hold_ask(struct ph_apply *apply);

static void held(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	int status = 0;

	apply->pending--;
	/* That there are none tells less than that they are taken. */
	if (reply->status && (!apply->unfilled.exit ||
				     apply->unfilled.exit == PH_EXIT_NOT_FOUND))
		apply->unfilled = reply->error;
	for (size_t i = 0; !status && i < ph_value_count(items); i++)
		status = hold_take(apply, ph_value_at(items, i));
	if (status)
		ph_apply_choose_memory(apply);
	else if (apply->planned && !ph_value_count(items))
		planned_failed(apply);
	else if (apply->filled >= apply->line.count)
		ph_apply_hold(apply);
	else
		hold_ask(apply);
}

/* First those for one connection, then those for many. */
static const char *const directions[2][2] = {{"in", "combine"}, {"out", "mux"}};

static void hold_ask(struct ph_apply *apply)
{
	struct ph_control *control = apply->control;
	const struct ph_wiring_wish_line *line = &apply->line;
	struct ph_writer *writer;
	char mask[PH_WIRE_CRITERIA + 2 * PH_NAME_MAX + 48];

	apply->planned = choice_planned(apply, line);
	if (!apply->planned && apply->directions == ATTEMPTS) {
		/* What is optional is laid as far as it can be. */
		if (line->optional)
			ph_apply_hold(apply);
		else
			hold_failed(apply);
		return;
	}
	writer = ph_control_writer(control);
	ph_write_map(writer);
	if (apply->planned) {
		snprintf(mask, sizeof(mask),
			"%s,server=%s,terminal=%s,free=yes", line->mask,
			apply->planned->server, apply->planned->terminal);
		ph_put_text(writer, "node", apply->planned->node);
		apply->planned->planned = false;
	} else {
		snprintf(mask, sizeof(mask), "%s,direction=%s,free=yes",
			line->mask,
			directions[line->output][apply->directions % ROUND]);
		ph_put_bool(writer, "running",
			apply->directions < ATTEMPTS - ROUND);
		ph_put_bool(writer, "everywhere", apply->directions >= ROUND);
		apply->directions++;
	}
	ph_put_text(writer, "mask", mask);
	/* One that feeds many, or is fed by many, may be chosen already. */
	ph_put_int(writer, "count",
		apply->planned		 ? 1
		: apply->directions == 1 ? line->count - apply->filled
					 : line->count);
	ph_put_bool(writer, "some", true);
	ph_put_int(writer, "for_ms", HOLD_MS);
	ph_write_end(writer);
	apply->pending++;
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_HOSTESS_HOLD,
					.timeout = HOLD_CALL,
					.reply = held,
					.context = apply,
				});
}

void ph_apply_hold(struct ph_apply *apply)
{
	struct ph_choice *choice;

	if (!ph_wiring_next_wish(apply->wiring, &apply->wish, &apply->line)) {
		ph_wiring_list_hosts(apply->wiring);
		ph_apply_survey(apply);
		return;
	}
	apply->filled = 0;
	apply->directions = 0;
	apply->unfilled = (struct ph_error){0};
	while (apply->filled < apply->line.count &&
		(choice = choice_kept(apply, &apply->line))) {
		if (fulfil(apply, apply->wish, choice)) {
			ph_apply_choose_memory(apply);
			return;
		}
	}
	if (apply->filled < apply->line.count)
		hold_ask(apply);
	else
		ph_apply_hold(apply);
}
