#include "controlsurface/apply_choose.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Hosts by capability: of the nodes that are alive, each gets one of its own;
 * who was chosen before stays while it is there and has what is wanted, then
 * this node, then those with a line, then by name.
 */
#define PLACE_CALL (3 * PH_SECOND)

struct candidate {
	char name[PH_NAME_MAX + 1];
	struct ph_value caps;
	bool taken;
};

struct field {
	struct candidate *list;
	unsigned count;
};

bool ph_apply_places(const struct ph_apply *apply)
{
	const struct ph_wiring_host *position = NULL;

	return apply->wiring && ph_wiring_next_place(apply->wiring, &position);
}

static void place_fail(struct ph_apply *apply,
	const struct ph_wiring_host *host, unsigned count)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NOT_FOUND, ph_wiring_place_name(host),
		"posthouse peers shows what nodes have; start one with --cap",
		"none of %u nodes that are alive and free for it has its caps",
		count);
	ph_apply_fail(apply, &error);
}

/* --- who there is --- */

static void field_add(
	struct field *field, const char *name, struct ph_value caps)
{
	struct candidate *candidate = &field->list[field->count++];

	snprintf(candidate->name, sizeof(candidate->name), "%s", name);
	candidate->caps = caps;
	candidate->taken = false;
}

static int by_name(const void *one, const void *other)
{
	const struct candidate *a = one;
	const struct candidate *b = other;

	return strcmp(a->name, b->name);
}

static void field_peers(struct field *field, struct ph_value items, bool lines)
{
	unsigned first = field->count;

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value peer = ph_value_at(items, i);
		bool line = ph_value_is(ph_value_get(peer, "line"), "up");
		char name[PH_NAME_MAX + 1];

		if (line != lines ||
			(!line && !ph_value_is(ph_value_get(peer, "state"),
					  "alive")) ||
			ph_value_is(ph_value_get(peer, "proven_by"), "nothing"))
			continue;
		ph_get_copy(peer, "node", name, sizeof(name));
		field_add(field, name, ph_value_get(peer, "caps"));
	}
	qsort(field->list + first, field->count - first, sizeof(*field->list),
		by_name);
}

/* --- who it is --- */

static struct candidate *candidate_named(struct field *field, const char *name)
{
	for (unsigned i = 0; i < field->count; i++) {
		if (!strcmp(field->list[i].name, name))
			return &field->list[i];
	}
	return NULL;
}

static void place_take(struct ph_apply *apply,
	const struct ph_wiring_host *host, struct candidate *candidate)
{
	struct ph_choice *choice = ph_choice_add(apply);

	candidate->taken = true;
	ph_wiring_place_set(apply->wiring, host, candidate->name);
	if (!choice)
		return;
	choice->place = true;
	snprintf(choice->known, sizeof(choice->known), "%s",
		ph_wiring_place_name(host));
	memcpy(choice->node, candidate->name, sizeof(choice->node));
}

static struct candidate *place_kept(struct ph_apply *apply, struct field *field,
	const struct ph_wiring_host *host)
{
	for (unsigned i = 0; i < apply->choice_count; i++) {
		const struct ph_choice *choice = &apply->choices[i];
		struct candidate *candidate;

		if (!choice->place ||
			strcmp(choice->known, ph_wiring_place_name(host)))
			continue;
		candidate = candidate_named(field, choice->node);
		if (candidate && !candidate->taken &&
			ph_wiring_place_fits(host, candidate->caps))
			return candidate;
	}
	return NULL;
}

static struct candidate *place_new(
	struct field *field, const struct ph_wiring_host *host)
{
	for (unsigned i = 0; i < field->count; i++) {
		if (!field->list[i].taken &&
			ph_wiring_place_fits(host, field->list[i].caps))
			return &field->list[i];
	}
	return NULL;
}

/* Those that are kept first: a new one must not take another's. */
static const struct ph_wiring_host *places_choose(
	struct ph_apply *apply, struct field *field)
{
	const struct ph_wiring_host *host = NULL;
	struct candidate *candidate;

	while (ph_wiring_next_place(apply->wiring, &host)) {
		candidate = place_kept(apply, field, host);
		if (candidate)
			place_take(apply, host, candidate);
	}
	host = NULL;
	while (ph_wiring_next_place(apply->wiring, &host)) {
		if (ph_wiring_place_is_set(host))
			continue;
		candidate = place_new(field, host);
		if (!candidate)
			return host;
		place_take(apply, host, candidate);
	}
	return NULL;
}

static void peers_told(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	struct ph_document *own = NULL;
	struct field field = {
		calloc(ph_value_count(items) + 1, sizeof(*field.list)), 0};
	const struct ph_wiring_host *missing = NULL;

	apply->pending--;
	if (field.list && apply->own_caps &&
		!ph_document_read(&own, apply->own_caps, apply->own_length,
			PH_SKIM_TABLE))
		field_add(&field, control->node, ph_document_root(own));
	if (field.list) {
		field_peers(&field, items, true);
		field_peers(&field, items, false);
		missing = places_choose(apply, &field);
	}
	ph_document_free(own);
	free(field.list);
	if (missing) {
		place_fail(apply, missing, field.count);
	} else {
		ph_wiring_places_settle(apply->wiring);
		ph_apply_placed(apply);
	}
}

static void ask_here(
	struct ph_apply *apply, uint16_t method, ph_reply_fn *reply)
{
	struct ph_writer *writer = ph_control_writer(apply->control);

	ph_write_map(writer);
	ph_write_end(writer);
	apply->pending++;
	ph_control_ask(apply->control, &(struct ph_ask){
					       .method = method,
					       .timeout = PLACE_CALL,
					       .reply = reply,
					       .context = apply,
				       });
}

/* What this node has is kept until the peers' answer is there. */
static void own_told(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value item =
		ph_value_at(ph_value_get(reply->body, "items"), 0);
	struct ph_writer *writer = ph_control_writer(control);
	const uint8_t *data;
	size_t length;

	apply->pending--;
	ph_write_value(writer, ph_value_get(item, "caps"));
	if (!reply->status && !ph_writer_finish(writer, &data, &length) &&
		(apply->own_caps = malloc(length))) {
		memcpy(apply->own_caps, data, length);
		apply->own_length = length;
	}
	ask_here(apply, PH_MESH_PEERS, peers_told);
}

void ph_apply_place(struct ph_apply *apply)
{
	if (ph_apply_places(apply))
		ask_here(apply, PH_NODE_STATUS, own_told);
	else
		ph_apply_placed(apply);
}
