#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/part.h"

/* What can be wrong with servers and wires that are right one by one. */

/* D3, D4: the second wire at a terminal for one. */
static void terminal_use(struct ph_wiring *wiring, struct ph_wiring_end *end,
	struct ph_span span)
{
	struct ph_wiring_terminal *port = end->port;

	if (port == NULL)
		return;
	if (port->wires++ == 0) {
		port->first = span;
		return;
	}
	if (port->direction != PH_IN && port->direction != PH_OUT)
		return;
	bool output = port->direction == PH_OUT;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		output ? "D4" : "D3", end->span, NULL,
		output ? "'%s:%s' feeds a wire already (line %u)"
		       : "'%s:%s' is fed by a wire already (line %u)",
		end->server_name, end->terminal,
		ph_findings_line(wiring, port->first.start));
	if (end->server->type != NULL && !output)
		ph_findings_next(wiring, finding,
			"It takes one wire; a program's input with kind: "
			"combine takes several.");
	else
		ph_findings_next(wiring, finding,
			"Declare it as one for many: %s: {%s: {%skind: %s}}.",
			output ? "out" : "in", port->name,
			end->server->type != NULL ? ""
			: port->fd == 1		  ? "fd: 1, "
			: port->fd == 0		  ? "fd: 0, "
						  : "fd: ..., ",
			output ? "mux" : "combine");
}

static bool wire_is_new(struct ph_wiring *wiring, struct ph_index *seen,
	struct ph_wiring_wire *wire)
{
	char text[6 * (PH_NAME_MAX + 2)];
	int length = snprintf(text, sizeof(text), "%s/%s:%s>%s/%s:%s",
		ph_wiring_end_host(&wire->from), wire->from.server_name,
		wire->from.terminal, ph_wiring_end_host(&wire->to),
		wire->to.server_name, wire->to.terminal);
	char *key = ph_arena_text(&wiring->arena, text, (size_t)length);
	if (key == NULL)
		return false;
	struct ph_wiring_wire *before =
		ph_index_put(seen, &wiring->arena, key, wire);
	if (before == NULL)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "D5", wire->span,
		"Remove one of them.",
		"this wire stands twice, first in line "
		"%u",
		ph_findings_line(wiring, before->span.start));
	return false;
}

/* Whoever is chosen, the end that is known is used so often. */
static void wishes_check(struct ph_wiring *wiring)
{
	for (struct ph_wiring_wish *wish = wiring->wishes; wish != NULL;
		wish = wish->next)
		for (unsigned i = 0; i < wish->count; i++)
			terminal_use(wiring, &wish->end, wish->span);
}

static void wires_check(struct ph_wiring *wiring)
{
	struct ph_index seen = {NULL};

	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		if (!wire_is_new(wiring, &seen, wire))
			continue;
		terminal_use(wiring, &wire->from, wire->span);
		terminal_use(wiring, &wire->to, wire->span);
	}
	ph_index_clear(&seen);
}

/* R1, R2: a terminal that somebody named and nobody wires. */
static void port_check(struct ph_wiring *wiring,
	const struct ph_wiring_server *server,
	const struct ph_wiring_terminal *port)
{
	bool output = ph_wiring_is_output(port->direction);

	if (!port->declared || port->optional || port->wires > 0 ||
		port->fd == 2)
		return;
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_WARNING,
		output ? "R2" : "R1", port->span, NULL,
		"%s '%s:%s' is not wired", output ? "output" : "input",
		server->name, port->name);
	if (server->type != NULL)
		ph_findings_next(wiring, finding,
			output ? "It waits until something is wired to it."
			       : "Nothing comes in until something is wired to "
				 "it.");
	else
		ph_findings_next(wiring, finding,
			"Its server waits until something is wired to it; "
			"optional: yes says that it need not be.");
}

static void ports_check(struct ph_wiring *wiring)
{
	for (size_t i = 0; i < wiring->server_count; i++) {
		struct ph_wiring_server *server = wiring->servers[i];

		for (unsigned j = 0; j < server->terminal_count; j++)
			port_check(wiring, server, &server->terminals[j]);
	}
}

/* What the nodes would refuse: lint and run must not differ. */
static void sizes_check(struct ph_wiring *wiring)
{
	size_t hosts = 0;

	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next) {
		const char *name = *host->name ? host->name : "one node";

		hosts += host->takes_part;
		if (host->servers > PH_PART_SERVERS)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				PH_SPAN_FILE, "Split the wiring file.",
				"%u servers on %s, the most is %u",
				host->servers, name, PH_PART_SERVERS);
		if (host->wires > PH_PART_WIRES)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				PH_SPAN_FILE, "Split the wiring file.",
				"%u wires from %s, the most is %u", host->wires,
				name, PH_PART_WIRES);
	}
	if (hosts > PH_PART_HOSTS)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", PH_SPAN_FILE,
			"Split the wiring file.", "%zu hosts, the most is %u",
			hosts, PH_PART_HOSTS);
}

void ph_wiring_check_graph(struct ph_wiring *wiring)
{
	sizes_check(wiring);
	wires_check(wiring);
	wishes_check(wiring);
	ph_wiring_check_flow(wiring);
	ph_wiring_check_circles(wiring);
	ph_wiring_check_ports(wiring);
	/* Wires that are wrong leave terminals that only look unused. */
	if (wiring->errors > 0)
		return;
	ports_check(wiring);
	ph_wiring_check_sources(wiring);
}
