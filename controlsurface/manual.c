#include "controlsurface/manual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/clock.h"
#include "kernel/log.h"

static const char *const verbs[] = {
#define X(ident, name) [PH_MANUAL_##ident] = name,
	PH_MANUAL_VERBS(X)
#undef X
};

const char *ph_manual_verb_name(enum ph_manual_verb verb)
{
	return verbs[verb];
}

bool ph_manual_has_cut(const struct ph_manual *manual)
{
	return manual->verb != PH_MANUAL_CONNECT;
}

bool ph_manual_has_wire(const struct ph_manual *manual)
{
	return manual->verb != PH_MANUAL_DISCONNECT;
}

/* --- the table --- */

struct ph_manual *ph_manual_find(
	const struct ph_control *control, const char *id)
{
	struct ph_manual *manual;

	DL_FOREACH(control->manuals, manual)
	{
		if (!strcmp(manual->id, id))
			return manual;
	}
	return NULL;
}

static bool same_wire(const struct ph_wire *one, const struct ph_wire *other)
{
	return !strcmp(one->scope, other->scope) &&
	       !strcmp(one->from.server, other->from.server) &&
	       !strcmp(one->from.terminal, other->from.terminal) &&
	       !strcmp(one->to.node, other->to.node) &&
	       !strcmp(one->to.server, other->to.server) &&
	       !strcmp(one->to.terminal, other->to.terminal);
}

struct ph_manual *ph_manual_of_wire(
	const struct ph_control *control, const struct ph_wire *wire)
{
	struct ph_manual *manual;

	DL_FOREACH(control->manuals, manual)
	{
		if (ph_manual_has_wire(manual) &&
			same_wire(&manual->wire, wire))
			return manual;
	}
	return NULL;
}

const struct ph_manual *ph_manual_cutting(
	const struct ph_control *control, const struct ph_wire *wire)
{
	const struct ph_manual *manual;

	DL_FOREACH(control->manuals, manual)
	{
		if (ph_manual_has_cut(manual) && same_wire(&manual->cut, wire))
			return manual;
	}
	return NULL;
}

/* --- its end --- */

static void delete_record(struct ph_control *control, const char *id)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "space", "overrides");
	ph_put_text(writer, "key", id);
	ph_write_end(writer);
	ph_control_tell(control, PH_STORE_DELETE);
}

/* Its time is over. Should the record survive, it is as late then. */
static void manual_due(struct ph_timer *timer)
{
	struct ph_manual *manual = PH_CONTAINER(timer, struct ph_manual, timer);
	struct ph_control *control = manual->control;

	ph_log_info("control", "override.over id=%s verb=%s", manual->id,
		verbs[manual->verb]);
	ph_control_note(control, manual->by, "its time is over",
		"override %s (%s) ended", manual->id, verbs[manual->verb]);
	delete_record(control, manual->id);
	ph_manual_drop(manual);
	ph_manuals_bring_about(control);
}

/* The wall clock may have been set: never sleep past what it says, nor
 * longer than an hour without asking it. */
static void manual_arm(struct ph_manual *manual)
{
	struct ph_loop *loop = manual->control->config.loop;
	int64_t left = manual->until - ph_clock_wall();

	if (!manual->until || manual->control->quiet)
		return;
	if (left < 0)
		left = 0;
	ph_timer_start(loop, &manual->timer, ph_loop_now(loop) + left);
}

struct ph_manual *ph_manual_new(struct ph_control *control, const char *by)
{
	struct ph_manual *manual = calloc(1, sizeof(*manual));

	if (!manual)
		return NULL;
	manual->control = control;
	manual->timer.on_due = manual_due;
	manual->since = ph_clock_wall();
	snprintf(manual->id, sizeof(manual->id), "o-%llu.%llu",
		(unsigned long long)control->config.epoch,
		(unsigned long long)++control->overrides);
	snprintf(manual->by, sizeof(manual->by), "%s", by);
	return manual;
}

void ph_manual_enter(struct ph_manual *manual)
{
	DL_APPEND(manual->control->manuals, manual);
	manual->control->changes++;
	manual_arm(manual);
}

void ph_manual_drop(struct ph_manual *manual)
{
	struct ph_control *control = manual->control;

	ph_timer_stop(control->config.loop, &manual->timer);
	DL_DELETE(control->manuals, manual);
	control->changes++;
	free(manual);
}

void ph_manuals_stop(struct ph_control *control)
{
	struct ph_manual *manual;

	DL_FOREACH(control->manuals, manual)
	ph_timer_stop(control->config.loop, &manual->timer);
}

void ph_manuals_fini(struct ph_control *control)
{
	while (control->manuals)
		ph_manual_drop(control->manuals);
}

/* --- what it means --- */

static void edge_event(struct ph_control *control, struct ph_edge *edge,
	enum ph_connection_event_kind kind)
{
	ph_control_event(
		control, edge, &(struct ph_connection_event){.kind = kind});
}

static void lay_wires(struct ph_control *control)
{
	struct ph_manual *manual;
	struct ph_edge *edge;

	DL_FOREACH(control->manuals, manual)
	{
		if (!ph_manual_has_wire(manual))
			continue;
		edge = ph_connectome_wire(&control->connectome, &manual->wire);
		if (!edge)
			edge = ph_connectome_add(&control->connectome,
				&manual->wire,
				ph_loop_now(control->config.loop));
		if (edge)
			edge->ready = true;
		else
			ph_log_error(
				"control", "connection.lost because=memory");
	}
}

/* Wires by hand that nobody wants any more. */
static void take_wires(struct ph_control *control)
{
	struct ph_edge *edge;
	struct ph_edge *next;

	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (!*edge->declared.scope && !edge->withdrawn &&
			!ph_manual_of_wire(control, &edge->declared))
			edge_event(control, edge, PH_CONNECTION_ON_WITHDRAWN);
	}
}

void ph_manuals_bring_about(struct ph_control *control)
{
	struct ph_control_scope *scope;

	/* Outputs and inputs are given back before they are taken anew. */
	take_wires(control);
	for (scope = control->scopes; scope; scope = scope->hh.next) {
		if (scope->part)
			ph_control_rewire(control, scope);
	}
	lay_wires(control);
	ph_control_begin_wires(control);
}

static bool is_declared(
	const struct ph_control *control, const struct ph_wire *wire)
{
	const struct ph_control_scope *scope;

	HASH_FIND_STR(control->scopes, wire->scope, scope);
	for (unsigned i = 0;
		scope && scope->part && i < scope->part->wire_count; i++) {
		if (same_wire(&scope->part->wires[i], wire))
			return true;
	}
	return false;
}

void ph_manuals_prune(struct ph_control *control)
{
	struct ph_manual *manual;
	struct ph_manual *next;
	bool any = false;

	DL_FOREACH_SAFE(control->manuals, manual, next)
	{
		if (!ph_manual_has_cut(manual) ||
			is_declared(control, &manual->cut))
			continue;
		ph_control_note(control, "",
			"its wire is not declared any "
			"more",
			"override %s (%s) ended", manual->id,
			verbs[manual->verb]);
		delete_record(control, manual->id);
		ph_manual_drop(manual);
		any = true;
	}
	if (any)
		ph_manuals_bring_about(control);
}

/* --- on the disk: space "overrides" --- */

static void write_wire(
	struct ph_writer *writer, const char *key, const struct ph_wire *wire)
{
	char text[PH_CONNECTION_ID * 2];

	ph_put_map(writer, key);
	ph_put_text(writer, "scope", wire->scope);
	ph_put_text(writer, "from",
		ph_place_format(&wire->from, text, sizeof(text)));
	ph_put_text(
		writer, "to", ph_place_format(&wire->to, text, sizeof(text)));
	ph_put_text(writer, "on_full", wire->on_full);
	ph_put_u64(writer, "queue", wire->queue);
	ph_put_text(writer, "via", wire->via);
	ph_write_end(writer);
}

static void write_map(struct ph_writer *writer, const struct ph_manual *manual)
{
	ph_write_map(writer);
	ph_put_text(writer, "verb", verbs[manual->verb]);
	if (ph_manual_has_cut(manual))
		write_wire(writer, "cut", &manual->cut);
	if (ph_manual_has_wire(manual))
		write_wire(writer, "wire", &manual->wire);
	ph_put_text(writer, "by", manual->by);
	ph_put_text(writer, "why", manual->why);
	ph_put_int(writer, "since", manual->since);
	ph_put_int(writer, "until", manual->until);
	ph_put_text(writer, "reservation", manual->reservation);
	ph_write_end(writer);
}

void ph_manual_write_record(const struct ph_manual *manual)
{
	struct ph_writer *record;
	struct ph_writer *writer = ph_control_writer(manual->control);
	const uint8_t *data;
	size_t length;

	ph_write_map(writer);
	ph_put_text(writer, "space", "overrides");
	ph_put_text(writer, "key", manual->id);
	if (!ph_writer_create(&record)) {
		write_map(record, manual);
		if (!ph_writer_finish(record, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
}

static int read_wire(struct ph_wire *wire, struct ph_value map)
{
	char text[PH_CONNECTION_ID * 2];

	ph_get_copy(map, "scope", wire->scope, sizeof(wire->scope));
	ph_get_copy(map, "on_full", wire->on_full, sizeof(wire->on_full));
	wire->queue = ph_get_u64(map, "queue");
	ph_get_copy(map, "via", wire->via, sizeof(wire->via));
	return ph_place_parse(&wire->from,
		       ph_get_copy(map, "from", text, sizeof(text))) ||
			       ph_place_parse(
				       &wire->to, ph_get_copy(map, "to", text,
							  sizeof(text)))
		       ? -EBADMSG
		       : 0;
}

static int read_map(struct ph_manual *manual, struct ph_value map)
{
	struct ph_value verb = ph_value_get(map, "verb");
	unsigned i = 0;

	while (i < sizeof(verbs) / sizeof(verbs[0]) &&
		!ph_value_is(verb, verbs[i]))
		i++;
	if (i == sizeof(verbs) / sizeof(verbs[0]))
		return -EBADMSG;
	manual->verb = (enum ph_manual_verb)i;
	ph_get_copy(map, "by", manual->by, sizeof(manual->by));
	ph_get_copy(map, "why", manual->why, sizeof(manual->why));
	ph_get_copy(map, "reservation", manual->reservation,
		sizeof(manual->reservation));
	manual->since = ph_get_int(map, "since");
	manual->until = ph_get_int(map, "until");
	if (ph_manual_has_cut(manual) &&
		read_wire(&manual->cut, ph_value_get(map, "cut")))
		return -EBADMSG;
	if (ph_manual_has_wire(manual) &&
		read_wire(&manual->wire, ph_value_get(map, "wire")))
		return -EBADMSG;
	return 0;
}

int ph_manual_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length)
{
	struct ph_document *document;
	struct ph_manual *manual;
	int status;

	if (!record || strlen(id) >= PH_MANUAL_ID ||
		ph_document_read(&document, record, length, PH_SKIM_TABLE))
		return -EBADMSG;
	if (ph_manual_find(control, id)) {
		ph_document_free(document);
		return 0;
	}
	manual = ph_manual_new(control, "");
	status =
		manual ? read_map(manual, ph_document_root(document)) : -ENOMEM;
	ph_document_free(document);
	if (status) {
		free(manual);
		return status;
	}
	snprintf(manual->id, sizeof(manual->id), "%s", id);
	ph_manual_enter(manual);
	return 0;
}

/* --- looks --- */

void ph_manual_write(struct ph_writer *writer, const struct ph_manual *manual)
{
	char text[PH_CONNECTION_ID * 2];

	ph_put_text(writer, "id", manual->id);
	ph_put_text(writer, "verb", verbs[manual->verb]);
	ph_put_text(writer, "who", manual->by);
	ph_put_text(writer, "why", manual->why);
	ph_put_int(writer, "since", manual->since);
	if (manual->until)
		ph_put_int(writer, "until", manual->until);
	if (manual->verb == PH_MANUAL_MOVE)
		ph_put_text(writer, "instead_of",
			ph_place_format(&manual->cut.to, text, sizeof(text)));
}
