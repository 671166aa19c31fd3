#include "controlsurface/wiring_rig.h"

#include "controlsurface/wiring_reach.h"
#include "controlsurface/wiring_test.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * The small wiring of a test. Of the file's servers those run that lie on the
 * way from what is put in to what is expected; the rest is replaced by files:
 *
 *   posthouse.in.K-N    reads what is put in, posthouse.give.K-N hands it to
 *                       one wire: nobody begins before another is there
 *   posthouse.gather.K  takes what came out; posthouse.out.K writes it
 *   posthouse.empty.N   ends at once, for inputs whose servers do not run
 *   posthouse.null.N    takes what nobody of the test wants
 *
 * What hands out and gathers is cat(1): it has no media type.
 * Hosts, restarts and identities are left out: all of it runs on one node.
 */
const char *ph_trial_say(struct ph_wiring *wiring, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	const char *text = ph_arena_format(&wiring->arena, format, list);
	va_end(list);
	return text ? text : "";
}

/* Which inject (expect) is at the terminal; -1: none. */
static int put_at(const struct ph_trial_put *puts, unsigned count,
	const struct ph_wiring_terminal *port)
{
	for (unsigned i = 0; i < count; i++)
		if (puts[i].at.port == port)
			return (int)i;
	return -1;
}

static int injected(
	const struct ph_rig *rig, const struct ph_wiring_terminal *port)
{
	return put_at(rig->test->injects, rig->test->inject_count, port);
}

static int expected(
	const struct ph_rig *rig, const struct ph_wiring_terminal *port)
{
	return put_at(rig->test->expects, rig->test->expect_count, port);
}

/* --- which servers run --- */

static void forward_mark(struct ph_rig *rig, struct ph_reach *reach)
{
	const struct ph_wiring_test *test = rig->test;

	ph_reach_reset(reach);
	for (size_t i = 0;
		test->inject_count == 0 && i < rig->wiring->server_count; i++)
		ph_reach_from(reach, i);
	for (unsigned i = 0; i < test->inject_count; i++)
		if (!ph_wiring_is_output(test->injects[i].at.port->direction))
			ph_reach_from(reach, test->injects[i].at.server->index);
	for (struct ph_wiring_wire *wire = rig->wiring->wires; wire != NULL;
		wire = wire->next)
		if (wire->from.port != NULL &&
			injected(rig, wire->from.port) >= 0)
			ph_reach_along(reach, wire);
	ph_reach_run(reach);
}

/* A server that is played by a file does not run. */
static bool is_played(const struct ph_rig *rig, size_t server)
{
	for (unsigned i = 0; i < rig->test->inject_count; i++) {
		const struct ph_wiring_end *at = &rig->test->injects[i].at;

		if (at->server->index == server &&
			ph_wiring_is_output(at->port->direction))
			return true;
	}
	return false;
}

static bool wire_leads_back(
	const struct ph_rig *rig, const struct ph_wiring_wire *wire)
{
	if (wire->from.server == NULL || wire->to.server == NULL ||
		rig->runs[wire->from.server->index] ||
		is_played(rig, wire->from.server->index))
		return false;
	if (expected(rig, wire->to.port) >= 0)
		return true;
	return rig->runs[wire->to.server->index] &&
	       injected(rig, wire->to.port) < 0;
}

static void backward_mark(struct ph_rig *rig)
{
	bool moved = true;

	for (unsigned i = 0; i < rig->test->expect_count; i++) {
		const struct ph_wiring_end *at = &rig->test->expects[i].at;

		if (ph_wiring_is_output(at->port->direction) &&
			!is_played(rig, at->server->index))
			rig->runs[at->server->index] = 1;
	}
	while (moved) {
		moved = false;
		for (struct ph_wiring_wire *wire = rig->wiring->wires;
			wire != NULL; wire = wire->next) {
			if (!wire_leads_back(rig, wire))
				continue;
			rig->runs[wire->from.server->index] = 1;
			moved = true;
		}
	}
}

/* --- which wires --- */

static unsigned char *kept_at(
	struct ph_rig *rig, const struct ph_wiring_end *end)
{
	size_t port = (size_t)(end->port - end->server->terminals);

	return &rig->kept[end->server->index * PH_WIRING_TERMINALS + port];
}

static void link_add(struct ph_rig *rig, const char *from, const char *to,
	int expect, const struct ph_wiring_wire *wire)
{
	struct ph_rig_link *link =
		ph_arena_take(&rig->wiring->arena, sizeof(*link));

	if (link == NULL)
		return;
	*link = (struct ph_rig_link){
		.from = from,
		.to = expect >= 0 ? NULL : to,
		.expect = expect >= 0 ? (unsigned)expect : 0,
		.on_full = wire ? wire->on_full : "block",
		.queue = wire ? wire->queue : rig->wiring->queue,
	};
	if (expect >= 0)
		rig->collected[expect]++;
	if (rig->last == NULL)
		rig->links = link;
	else
		rig->last->next = link;
	rig->last = link;
}

static const char *end_text(struct ph_rig *rig, const struct ph_wiring_end *end)
{
	return ph_trial_say(
		rig->wiring, "%s:%s", end->server_name, end->terminal);
}

/* A wire of the file: kept, turned to a file, or left out. */
static void wire_turn(struct ph_rig *rig, const struct ph_wiring_wire *wire)
{
	int inject;
	int expect;
	const char *from;

	if (wire->from.server == NULL || wire->to.server == NULL)
		return;
	inject = injected(rig, wire->from.port);
	expect = expected(rig, wire->to.port);
	if (inject < 0 && (!rig->runs[wire->from.server->index] ||
				  expected(rig, wire->from.port) >= 0))
		return;
	if (expect < 0 && (!rig->runs[wire->to.server->index] ||
				  injected(rig, wire->to.port) >= 0))
		return;
	from = inject < 0 ? end_text(rig, &wire->from)
			  : ph_trial_say(rig->wiring,
				    PH_RIG_OWN "give.%d-%u:stdout", inject,
				    rig->fed[inject]);
	link_add(rig, from, end_text(rig, &wire->to), expect, wire);
	if (inject < 0)
		*kept_at(rig, &wire->from) = 1;
	else
		rig->fed[inject]++;
	if (expect < 0)
		*kept_at(rig, &wire->to) = 1;
}

static void puts_link(struct ph_rig *rig)
{
	const struct ph_wiring_test *test = rig->test;

	for (unsigned i = 0; i < test->inject_count; i++) {
		const struct ph_wiring_end *at = &test->injects[i].at;

		if (ph_wiring_is_output(at->port->direction) ||
			!rig->runs[at->server->index])
			continue;
		link_add(rig,
			ph_trial_say(
				rig->wiring, PH_RIG_OWN "give.%u-0:stdout", i),
			end_text(rig, at), -1, NULL);
		*kept_at(rig, at) = 1;
		rig->fed[i]++;
	}
	for (unsigned i = 0; i < test->expect_count; i++) {
		const struct ph_wiring_end *at = &test->expects[i].at;

		if (!ph_wiring_is_output(at->port->direction) ||
			!rig->runs[at->server->index])
			continue;
		link_add(rig, end_text(rig, at), NULL, (int)i, NULL);
		*kept_at(rig, at) = 1;
	}
}

/* What is wired in the file and not here: nobody shall wait for it. */
static void loose_ends_tie(struct ph_rig *rig, struct ph_wiring_server *server)
{
	for (unsigned i = 0; i < server->terminal_count; i++) {
		struct ph_wiring_terminal *port = &server->terminals[i];
		struct ph_wiring_end end = {.server = server,
			.server_name = server->name,
			.terminal = port->name,
			.port = port};

		if (port->wires == 0 || *kept_at(rig, &end))
			continue;
		if (ph_wiring_is_output(port->direction))
			link_add(rig, end_text(rig, &end),
				ph_trial_say(rig->wiring,
					PH_RIG_OWN "null.%u:in", rig->nulls++),
				-1, NULL);
		else
			link_add(rig,
				ph_trial_say(rig->wiring,
					PH_RIG_OWN "empty.%u:stdout",
					rig->empties++),
				end_text(rig, &end), -1, NULL);
	}
}

static const char *rig_lay(struct ph_rig *rig, struct ph_reach *reach)
{
	struct ph_wiring *wiring = rig->wiring;

	forward_mark(rig, reach);
	backward_mark(rig);
	for (size_t i = 0; i < wiring->server_count; i++)
		rig->runs[i] = rig->runs[i] && ph_reach_found(reach, i);
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		wire_turn(rig, wire);
	puts_link(rig);
	for (size_t i = 0; i < wiring->server_count; i++)
		if (rig->runs[i])
			loose_ends_tie(rig, wiring->servers[i]);
	for (unsigned i = 0; i < rig->test->expect_count; i++)
		if (rig->collected[i] == 0)
			return ph_trial_say(wiring,
				"nothing that is put in leads to %s",
				rig->test->expects[i].written);
	for (unsigned i = 0; i < rig->test->inject_count; i++)
		if (rig->fed[i] == 0)
			return ph_trial_say(wiring,
				"%s leads to nothing that is expected",
				rig->test->injects[i].written);
	return NULL;
}

const char *ph_wiring_test_rig(struct ph_wiring *wiring,
	const struct ph_wiring_test *test, const char *directory,
	struct ph_writer *writer)
{
	struct ph_rig rig = {
		.wiring = wiring,
		.test = test,
		.directory = directory,
		.writer = writer,
	};
	struct ph_reach reach;
	const char *why;

	rig.runs = ph_arena_take(&wiring->arena, wiring->server_count + 1);
	rig.kept = ph_arena_take(&wiring->arena,
		(wiring->server_count + 1) * PH_WIRING_TERMINALS);
	if (wiring->arena.failed || !ph_reach_begin(&reach, wiring))
		return "out of memory";
	why = rig_lay(&rig, &reach);
	if (why != NULL)
		return why;
	ph_write_map(writer);
	ph_put_text(writer, "wiring", "1");
	ph_put_text(writer, "name", "test");
	ph_rig_write(&rig);
	ph_write_end(writer);
	return wiring->arena.failed ? "out of memory" : NULL;
}
