#include "controlsurface/manual.h"

#include <stdio.h>

#include "controlsurface/full_policy.h"
#include "kernel/clock.h"

/* What the calls about changes by hand ask for, and whether it can be. */

int ph_manual_read_time(struct ph_manual *manual, struct ph_value arguments,
	struct ph_error *error)
{
	int64_t lasts = ph_get_int(arguments, "for");

	ph_get_copy(arguments, "why", manual->why, sizeof(manual->why));
	if (ph_value_type(ph_value_get(arguments, "for")) != PH_INT)
		return 0;
	if (lasts < PH_SECOND || lasts > INT64_C(366) * 86400 * PH_SECOND)
		return ph_fail(error, PH_EXIT_USAGE, "for",
			"say 1s to 366 days",
			"that is no time for an override");
	manual->until = ph_clock_wall() + lasts;
	return 0;
}

static int read_input(struct ph_control *control, struct ph_place *out,
	struct ph_value text, struct ph_error *error)
{
	char place[3 * PH_NAME_MAX];

	ph_value_copy(text, place, sizeof(place));
	if (ph_place_parse(out, place) || !*out->terminal)
		return ph_fail(error, PH_EXIT_USAGE, place,
			"write node/server:terminal", "that is no terminal");
	if (!*out->node)
		memcpy(out->node, control->node, sizeof(out->node));
	return 0;
}

static int read_output(struct ph_control *control, struct ph_place *out,
	struct ph_value text, struct ph_error *error)
{
	if (read_input(control, out, text, error))
		return -1;
	if (strcmp(out->node, control->node) != 0)
		return ph_fail(error, PH_EXIT_USAGE, out->node,
			"ask the node of the output (--node)",
			"the node that has the output owns the connection");
	*out->node = '\0';
	return 0;
}

static int read_via(struct ph_control *control, struct ph_wire *wire,
	struct ph_value arguments, struct ph_error *error)
{
	char via[PH_VIA_MAX + 1];

	ph_get_copy(arguments, "via", via, sizeof(via));
	if (!*via)
		return 0;
	if (!ph_via_is_known(via))
		return ph_fail(error, PH_EXIT_USAGE, "via",
			"tcp, tls, unix, ws or wss", "no such way: %s", via);
	if (!strcmp(wire->to.node, control->node))
		return ph_fail(error, PH_EXIT_USAGE, "via", "leave it out",
			"both ends are on %s: nothing is dialled",
			control->node);
	snprintf(wire->via, sizeof(wire->via), "%s", via);
	return 0;
}

static int read_policy(
	struct ph_wire *wire, struct ph_value arguments, struct ph_error *error)
{
	ph_get_copy(arguments, "on_full", wire->on_full, sizeof(wire->on_full));
	wire->queue = ph_get_u64(arguments, "queue");
	if (!*wire->on_full)
		snprintf(wire->on_full, sizeof(wire->on_full), "block");
	if (ph_full_policy_find(wire->on_full))
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "on_full",
		"block, drop-oldest, drop-newest, latest or disconnect",
		"no such policy: %s", wire->on_full);
}

/* The same ends, in whichever scope. */
static int is_there(struct ph_control *control, const struct ph_wire *wire,
	struct ph_error *error)
{
	const struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		struct ph_wire like = edge->declared;

		*like.scope = '\0';
		if (edge->withdrawn ||
			strcmp(like.from.server, wire->from.server) != 0 ||
			strcmp(like.from.terminal, wire->from.terminal) != 0 ||
			strcmp(like.to.node, wire->to.node) != 0 ||
			strcmp(like.to.server, wire->to.server) != 0 ||
			strcmp(like.to.terminal, wire->to.terminal) != 0)
			continue;
		return ph_fail(error, PH_EXIT_CONFLICT, edge->actual.id,
			"posthouse show tells how it is",
			"these two are wired already");
	}
	return 0;
}

static struct ph_edge *edge_named(struct ph_control *control,
	struct ph_value arguments, struct ph_error *error)
{
	char id[PH_CONNECTION_ID];
	struct ph_edge *edge;

	ph_get_copy(arguments, "connection", id, sizeof(id));
	edge = ph_connectome_find(&control->connectome, id);
	if (edge && !edge->withdrawn)
		return edge;
	ph_fail(error, PH_EXIT_NOT_FOUND, id, "see `posthouse connections`",
		"this node owns no connection of that id");
	return NULL;
}

int ph_manual_read_connect(struct ph_control *control, struct ph_manual *manual,
	struct ph_value arguments, struct ph_error *error)
{
	struct ph_wire *wire = &manual->wire;

	manual->verb = PH_MANUAL_CONNECT;
	ph_get_copy(arguments, "reservation", manual->reservation,
		sizeof(manual->reservation));
	if (read_output(control, &wire->from, ph_value_get(arguments, "from"),
		    error) ||
		read_input(control, &wire->to, ph_value_get(arguments, "to"),
			error) ||
		read_policy(wire, arguments, error) ||
		read_via(control, wire, arguments, error))
		return -1;
	return is_there(control, wire, error);
}

/* A wire by hand: what laid it is changed. A declared one gets an override. */
static void use_manual(struct ph_manual *own, const struct ph_manual *manual)
{
	own->verb = manual->verb;
	own->cut = manual->cut;
	own->wire = manual->wire;
	own->until = manual->until;
	memcpy(own->id, manual->id, sizeof(own->id));
	memcpy(own->reservation, manual->reservation, sizeof(own->reservation));
}

int ph_manual_read_move(struct ph_control *control, struct ph_manual *manual,
	struct ph_value arguments, struct ph_error *error)
{
	struct ph_edge *edge = edge_named(control, arguments, error);
	const struct ph_manual *laid;
	struct ph_wire wire;

	if (!edge)
		return -1;
	wire = edge->declared;
	*wire.notes.criteria = '\0';
	*wire.notes.hold = '\0';
	*wire.scope = '\0';
	if (read_input(
		    control, &wire.to, ph_value_get(arguments, "to"), error) ||
		is_there(control, &wire, error))
		return -1;
	/* Here nothing is dialled. */
	if (!strcmp(wire.to.node, control->node))
		*wire.via = '\0';
	laid = ph_manual_of_wire(control, &edge->declared);
	if (laid) {
		use_manual(manual, laid);
	} else {
		manual->verb = PH_MANUAL_MOVE;
		manual->cut = edge->declared;
	}
	manual->wire = wire;
	return 0;
}

int ph_manual_read_disconnect(struct ph_control *control,
	struct ph_manual *manual, struct ph_value arguments,
	struct ph_error *error)
{
	struct ph_edge *edge = edge_named(control, arguments, error);
	const struct ph_manual *laid;

	if (!edge)
		return -1;
	laid = ph_manual_of_wire(control, &edge->declared);
	if (laid)
		use_manual(manual, laid);
	else
		manual->cut = edge->declared;
	/* What a connect laid goes altogether; see begin. */
	if (!laid || laid->verb != PH_MANUAL_CONNECT)
		manual->verb = PH_MANUAL_DISCONNECT;
	return 0;
}

const struct ph_edge *ph_manual_output_feeds(
	struct ph_control *control, const struct ph_manual *manual)
{
	const struct ph_manual *old = ph_manual_find(control, manual->id);
	const struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		const struct ph_wire *wire = &edge->declared;

		if (edge->withdrawn || edge->actual.ended ||
			strcmp(wire->from.server, manual->wire.from.server) ||
			strcmp(wire->from.terminal, manual->wire.from.terminal))
			continue;
		/* What is moved makes room. */
		if ((ph_manual_has_cut(manual) &&
			    ph_wire_equal(wire, &manual->cut)) ||
			(old && ph_manual_of_wire(control, wire) == old))
			continue;
		return edge;
	}
	return NULL;
}
