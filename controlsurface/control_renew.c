#include <stdio.h>

#include "controlsurface/control_inner.h"

/*
 * Bookings are leases: every 10 s each Hostess at which connections of this
 * node end hears which those are, in one call. What she does not hear of she
 * may give to others; so the word is only complete once everything that was
 * kept is read back, and when it fits one call.
 */
#define RENEW_EVERY (10 * PH_SECOND)
#define RENEW_CALL  (5 * PH_SECOND)
#define RENEW_MOST  1000u /* connections in one call */

static void renewed(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	/* A peer that is away keeps what is seated for ten minutes. */
}

/* Its input is booked, or about to be. */
static bool edge_counts(const struct ph_edge *edge)
{
	return !edge->withdrawn && !edge->actual.ended;
}

/* The first edge of that node: it speaks for all of them. */
static bool edge_is_first(
	const struct ph_control *control, const struct ph_edge *edge)
{
	for (const struct ph_edge *at = control->connectome.ids; at != edge;
		at = at->by_id.next)
		if (edge_counts(at) &&
			!strcmp(at->declared.to.node, edge->declared.to.node))
			return false;
	return true;
}

static bool edge_leads_to(const struct ph_edge *edge, const char *node)
{
	return edge_counts(edge) && !strcmp(edge->declared.to.node, node);
}

/* Names so many connections from `at` on; returns where it stopped. */
static const struct ph_edge *write_names(struct ph_writer *writer,
	const struct ph_edge *at, const char *node, unsigned count)
{
	ph_put_list(writer, "connections");
	for (; count; at = at->by_id.next)
		if (edge_leads_to(at, node)) {
			ph_write_text(writer, at->actual.id);
			count--;
		}
	ph_write_end(writer);
	return at;
}

static void renew_node(struct ph_control *control, const char *node)
{
	const struct ph_edge *at = control->connectome.ids;
	struct ph_ask ask = {
		.method = PH_HOSTESS_RENEW,
		.timeout = RENEW_CALL,
		.reply = renewed,
	};
	unsigned left = 0;
	bool complete;

	for (; at; at = at->by_id.next)
		left += edge_leads_to(at, node);
	complete = left <= RENEW_MOST && !control->skipped;
	if (strcmp(node, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s", node);
	at = control->connectome.ids;
	while (left) {
		struct ph_writer *writer = ph_control_writer(control);
		unsigned some = left < RENEW_MOST ? left : RENEW_MOST;

		ph_write_map(writer);
		at = write_names(writer, at, node, some);
		ph_put_bool(writer, "complete", complete);
		ph_write_end(writer);
		ph_control_ask(control, &ask);
		left -= some;
	}
}

static void renew_due(struct ph_timer *timer)
{
	struct ph_control *control =
		PH_CONTAINER(timer, struct ph_control, renewal);

	if (control->quiet)
		return;
	for (const struct ph_edge *at = control->connectome.ids;
		control->loaded && at; at = at->by_id.next)
		if (edge_counts(at) && edge_is_first(control, at))
			renew_node(control, at->declared.to.node);
	ph_timer_start(control->config.loop, &control->renewal,
		ph_loop_now(control->config.loop) + RENEW_EVERY);
}

void ph_control_renew_start(struct ph_control *control)
{
	control->renewal.on_due = renew_due;
	ph_timer_start(control->config.loop, &control->renewal,
		ph_loop_now(control->config.loop) + RENEW_EVERY);
}

void ph_control_renew_stop(struct ph_control *control)
{
	ph_timer_stop(control->config.loop, &control->renewal);
}
