#include "controlsurface/apply_choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

#define RECALL_CALL (3 * PH_SECOND)
#define KEEP_CALL   (3 * PH_SECOND)
#define HOLD_CALL   (10 * PH_SECOND)
#define HOLD_MS	    30000
/* Menus of others may be a moment old: the last attempt waits so long. */
#define ATTEMPTS     3
#define WAIT_MS	     2500
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

static void choose_fail(struct ph_apply *apply, const struct ph_error *error)
{
	ph_apply_fail(apply, error);
}

static void choose_memory(struct ph_apply *apply)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, apply->scope, "free memory",
		"out of memory, or more than %u choices", CHOICES_MOST);
	choose_fail(apply, &error);
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

/* --- recall --- */

static void recall(struct ph_apply *apply);

static int read_place(
	struct ph_place *out, struct ph_value map, const char *key)
{
	char text[3 * (PH_NAME_MAX + 1) + 8];

	return ph_place_parse(out, ph_get_copy(map, key, text, sizeof(text)));
}

/* Both ends could have been chosen: which one it was, the wish tells. */
static void recall_wire(
	struct ph_apply *apply, const char *node, struct ph_value wire)
{
	struct ph_place ends[2];
	char mask[PH_WIRE_CRITERIA];

	ph_get_copy(wire, "criteria", mask, sizeof(mask));
	if (!*mask || read_place(&ends[0], wire, "from") ||
		read_place(&ends[1], wire, "to"))
		return;
	snprintf(ends[0].node, sizeof(ends[0].node), "%s", node);
	for (unsigned output = 0; output < 2; output++) {
		const struct ph_place *chosen = &ends[output ? 0 : 1];
		struct ph_choice *choice = ph_choice_add(apply);

		if (!choice)
			return;
		memcpy(choice->mask, mask, sizeof(mask));
		choice->output = output;
		ph_place_format(&ends[output ? 1 : 0], choice->known,
			sizeof(choice->known));
		memcpy(choice->node, chosen->node, sizeof(choice->node));
		memcpy(choice->server, chosen->server, sizeof(choice->server));
		memcpy(choice->terminal, chosen->terminal,
			sizeof(choice->terminal));
		ph_get_copy(wire, "hold", choice->hold, sizeof(choice->hold));
	}
}

static void recall_places(struct ph_apply *apply, struct ph_value places)
{
	for (size_t i = 0; i < ph_value_count(places); i++) {
		struct ph_choice *choice = ph_choice_add(apply);

		if (!choice)
			return;
		choice->place = true;
		ph_value_copy(ph_value_key(places, i), choice->known,
			sizeof(choice->known));
		ph_value_copy(ph_value_item(places, i), choice->node,
			sizeof(choice->node));
	}
}

static void recall_part(struct ph_apply *apply, struct ph_value item)
{
	struct ph_value part = ph_value_get(item, "part");
	struct ph_value hosts = ph_value_get(part, "hosts");
	struct ph_value wires = ph_value_get(part, "wires");
	char node[PH_NAME_MAX + 1];

	ph_get_copy(item, "node", node, sizeof(node));
	for (size_t i = 0; i < ph_value_count(wires); i++)
		recall_wire(apply, node, ph_value_at(wires, i));
	recall_places(apply, ph_value_get(part, "places"));
	for (size_t i = 0; i < ph_value_count(hosts); i++) {
		ph_value_copy(ph_value_at(hosts, i), node, sizeof(node));
		if (ph_name_is_valid(node, strlen(node)))
			ph_apply_add(apply, node, false);
	}
}

static void recalled(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	struct ph_apply_host *host = &apply->hosts[ask->number];

	apply->pending--;
	/* Its line may be just coming up, and it knows who was chosen. */
	if (reply->status && reply->status != PH_CALL_FAILED &&
		reply->status != PH_CALL_DENIED && host->needed &&
		!ph_apply_is_late(apply))
		host->recalled = false;
	for (size_t i = 0; !reply->status && i < ph_value_count(items); i++)
		recall_part(apply, ph_value_at(items, i));
	recall(apply);
}

static void recall_host(struct ph_apply *apply, unsigned number)
{
	struct ph_control *control = apply->control;
	struct ph_apply_host *host = &apply->hosts[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_CONTROL_PARTS,
		.timeout = RECALL_CALL,
		.reply = recalled,
		.context = apply,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "name", apply->scope);
	ph_write_end(writer);
	if (strcmp(host->name, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			host->name);
	host->recalled = true;
	host->asked_again++;
	apply->pending++;
	ph_control_ask(control, &ask);
}

/* Asks whoever was not asked. One that was away is asked again a little
 * later, all of them at once. */
static void recall(struct ph_apply *apply)
{
	bool away = false;

	if (apply->pending)
		return;
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		if (!host->recalled && host->asked_again && !apply->due)
			away = true;
		else if (!host->recalled)
			recall_host(apply, i);
	}
	apply->due = false;
	if (apply->pending)
		return;
	if (away)
		ph_timer_start(apply->control->config.loop, &apply->again,
			ph_apply_now(apply) + PH_APPLY_AGAIN);
	else
		ph_apply_place(apply);
}

void ph_apply_choose_again(struct ph_apply *apply)
{
	apply->due = true;
	recall(apply);
}

/* --- keep --- */

static void hold_next(struct ph_apply *apply);

static void known_text(struct ph_apply *apply,
	const struct ph_wiring_wish_line *line, char *out, size_t size)
{
	snprintf(out, size, "%s/%s:%s",
		*line->node ? line->node : apply->control->node, line->server,
		line->terminal);
}

static bool choice_is_of(struct ph_apply *apply, const struct ph_choice *choice,
	const struct ph_wiring_wish_line *line)
{
	char known[sizeof(choice->known)];

	known_text(apply, line, known, sizeof(known));
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
		if (choice_is_of(apply, choice, &line))
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
		hold_next(apply);
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
		hold_next(apply);
}

/* --- hold --- */

/* The next kept choice of a wish; NULL. */
static struct ph_choice *choice_kept(
	struct ph_apply *apply, const struct ph_wiring_wish_line *line)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		struct ph_choice *choice = &apply->choices[i];

		if (choice->there && !choice->used &&
			choice_is_of(apply, choice, line))
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
			choice_is_of(apply, &apply->choices[i], line))
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

static void release(struct ph_apply *apply, const char *node, const char *hold)
{
	struct ph_control *control = apply->control;
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_write_text(writer, "id");
	ph_write_textn(writer, hold, strcspn(hold, "/"));
	ph_write_end(writer);
	ph_control_tell_at(control, node, PH_HOSTESS_RELEASE);
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

	known_text(apply, line, found.known, sizeof(found.known));
	snprintf(found.mask, sizeof(found.mask), "%s", line->mask);
	ph_get_copy(item, "node", found.node, sizeof(found.node));
	ph_get_copy(item, "server", found.server, sizeof(found.server));
	ph_get_copy(item, "terminal", found.terminal, sizeof(found.terminal));
	hold_text(item, found.hold, sizeof(found.hold));
	if (!*found.terminal || apply->filled >= line->count ||
		media_differ(line->media, item) ||
		is_chosen(apply, found.known, found.node, found.server,
			found.terminal)) {
		release(apply, found.node, found.hold);
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

	known_text(apply, line, known, sizeof(known));
	snprintf(text, sizeof(text), "%s", error.what);
	ph_fail(&error, error.exit ? error.exit : PH_EXIT_NOT_FOUND, known,
		"posthouse guests --mask shows who is there; take "
		"something less, or start one more",
		"%u of %u found for criteria %s%s%s", apply->filled,
		line->count, line->mask, *text ? ": " : "", text);
	choose_fail(apply, &error);
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
	choose_fail(apply, &error);
}

static void hold_ask(struct ph_apply *apply);

static void held(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	int status = 0;

	apply->pending--;
	/* That the wait was in vain tells less than why. */
	if (reply->status && (apply->planned || apply->directions < ATTEMPTS))
		apply->unfilled = reply->error;
	for (size_t i = 0; !status && i < ph_value_count(items); i++)
		status = hold_take(apply, ph_value_at(items, i));
	if (status)
		choose_memory(apply);
	else if (apply->planned && !ph_value_count(items))
		planned_failed(apply);
	else if (apply->filled >= apply->line.count)
		hold_next(apply);
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
			hold_next(apply);
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
			directions[line->output][apply->directions++ % 2]);
	}
	ph_put_text(writer, "mask", mask);
	if (!apply->planned && apply->directions == ATTEMPTS)
		ph_put_int(writer, "wait_ms", WAIT_MS);
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

static void hold_next(struct ph_apply *apply)
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
			choose_memory(apply);
			return;
		}
	}
	if (apply->filled < apply->line.count)
		hold_ask(apply);
	else
		hold_next(apply);
}

void ph_apply_choose_end(struct ph_apply *apply, bool wired)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		struct ph_choice *choice = &apply->choices[i];

		if (choice->held && !wired)
			release(apply, choice->node, choice->hold);
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
		recall(apply);
}
