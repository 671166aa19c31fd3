#include "controlsurface/wiring_end.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LISTED_BYTES 320

/* "in (input), status (output)" */
static char *terminals_list(
	const struct ph_wiring_server *server, char out[LISTED_BYTES])
{
	size_t length = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_wiring_terminal *terminal =
			&server->terminals[i];
		int written = snprintf(out + length, LISTED_BYTES - length,
			"%s%s (%s)", i > 0 ? ", " : "", terminal->name,
			ph_wiring_is_output(terminal->direction) ? "output"
								 : "input");

		if (written < 0 || length + (size_t)written >= LISTED_BYTES) {
			out[length] = '\0';
			break;
		}
		length += (size_t)written;
	}
	return out;
}

static void terminal_unknown(
	struct ph_wiring *wiring, const struct ph_wiring_end *end)
{
	const struct ph_wiring_server *server = end->server;
	struct ph_guess guess = ph_guess_begin(wiring, end->terminal);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P2", end->terminal_span, NULL,
		"server '%s' has no terminal '%.60s'", server->name,
		end->terminal);
	char all[LISTED_BYTES];

	terminals_list(server, all);
	for (unsigned i = 0; i < server->terminal_count; i++)
		ph_guess_offer(&guess, server->terminals[i].name);
	if (guess.best != NULL)
		ph_findings_next(wiring, finding,
			"terminals of %s: %s. Did you mean %s:%s?",
			server->name, all, server->name, guess.best);
	else
		ph_findings_next(wiring, finding, "terminals of %s: %s.",
			server->name, *all != '\0' ? all : "none");
}

static void server_unknown(
	struct ph_wiring *wiring, const char *name, struct ph_span span)
{
	struct ph_guess guess = ph_guess_begin(wiring, name);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P1", span, NULL, "no server '%.60s' in this file", name);

	for (size_t i = 0; finding != NULL && i < wiring->server_count; i++)
		ph_guess_offer(&guess, wiring->servers[i]->name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
	else
		ph_findings_next(wiring, finding,
			"Add it under servers:, or write node/%.40s:TERMINAL "
			"for a guest that runs already.",
			name);
}

/* The one that is meant when none is named. */
static struct ph_wiring_terminal *terminal_only(
	struct ph_wiring_server *server, bool output, unsigned *count)
{
	struct ph_wiring_terminal *only = NULL;

	*count = 0;
	for (unsigned i = 0; i < server->terminal_count; i++) {
		struct ph_wiring_terminal *terminal = &server->terminals[i];

		if (ph_wiring_is_output(terminal->direction) != output ||
			terminal->fd == 2)
			continue;
		only = terminal;
		++*count;
	}
	return *count == 1 ? only : NULL;
}

static bool terminal_choose(
	struct ph_wiring *wiring, struct ph_wiring_end *end, bool output)
{
	unsigned count;
	char all[LISTED_BYTES];

	end->port = terminal_only(end->server, output, &count);
	if (end->port != NULL) {
		end->terminal = end->port->name;
		return true;
	}
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P2", end->span, NULL,
		count == 0 ? "server '%s' has no %s"
			   : "server '%s' has more than one %s: name it",
		end->server->name, output ? "output" : "input");
	ph_findings_next(wiring, finding, "terminals of %s: %s.",
		end->server->name, terminals_list(end->server, all));
	return false;
}

static bool terminal_find(
	struct ph_wiring *wiring, struct ph_wiring_end *end, bool output)
{
	struct ph_wiring_server *server = end->server;

	if (end->terminal == NULL)
		return terminal_choose(wiring, end, output);
	for (unsigned i = 0; i < server->terminal_count; i++)
		if (strcmp(server->terminals[i].name, end->terminal) == 0)
			end->port = &server->terminals[i];
	if (end->port == NULL)
		terminal_unknown(wiring, end);
	return end->port != NULL;
}

static bool guest_check(struct ph_wiring *wiring, struct ph_wiring_end *end)
{
	const struct ph_wiring_server *own =
		ph_index_find(&wiring->server_index, end->server_name);

	if (end->terminal == NULL) {
		struct ph_finding *finding = ph_findings_add(wiring,
			PH_FINDING_ERROR, "P2", end->span, NULL,
			"the terminal of '%.60s' is missing", end->server_name);
		ph_findings_next(wiring, finding,
			"Only servers of this file can leave it out: write "
			"%s/%s:TERMINAL.",
			end->node, end->server_name);
		return false;
	}
	if (own != NULL) {
		struct ph_finding *finding = ph_findings_add(wiring,
			PH_FINDING_WARNING, "P1", end->span, NULL,
			"this is not the file's '%s', which runs on %s",
			own->name,
			own->host ? own->host : "the node that applies");
		ph_findings_next(wiring, finding,
			"Write %s:%s for the file's own.", own->name,
			end->terminal);
	}
	ph_wiring_use_host(wiring, end->node, end->span);
	return true;
}

/* What stands between `from` and `to` of a text, without blanks around. */
struct piece {
	size_t from;
	size_t to;
};

static char *piece_text(
	struct ph_wiring *wiring, const char *text, struct piece piece)
{
	return ph_arena_text(
		&wiring->arena, text + piece.from, piece.to - piece.from);
}

static bool piece_name(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, struct piece piece, const char *what,
	const char **out)
{
	char *name = piece_text(wiring, node->text, piece);

	*out = name;
	return name != NULL && ph_wiring_is_name(wiring, name,
				       ph_wiring_inside(node, piece.from,
					       piece.to - piece.from),
				       what);
}

static size_t piece_find(const char *text, struct piece piece, char wanted)
{
	for (size_t at = piece.from; at < piece.to; at++)
		if (text[at] == wanted)
			return at;
	return SIZE_MAX;
}

/* node/server:terminal, node and terminal may be missing. */
static bool end_parse(struct ph_wiring *wiring, const struct ph_yaml_node *node,
	size_t from, size_t to, struct ph_wiring_end *end)
{
	struct piece server = {from, to};
	size_t slash = piece_find(node->text, server, '/');

	end->span = ph_wiring_inside(node, from, to - from);
	end->terminal_span = end->span;
	if (slash != SIZE_MAX) {
		server.from = slash + 1;
		if (!piece_name(wiring, node, (struct piece){from, slash},
			    "a node", &end->node))
			return false;
	}
	size_t colon = piece_find(node->text, server, ':');
	if (colon != SIZE_MAX) {
		server.to = colon;
		end->terminal_span =
			ph_wiring_inside(node, colon + 1, to - colon - 1);
		if (!piece_name(wiring, node, (struct piece){colon + 1, to},
			    "a terminal", &end->terminal))
			return false;
	}
	return piece_name(wiring, node, server, "a server", &end->server_name);
}

/* `node/` of the file's own server means that server. */
static bool end_resolve(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, size_t from, size_t to,
	struct ph_wiring_end *end)
{
	*end = (struct ph_wiring_end){0};
	if (!end_parse(wiring, node, from, to, end))
		return false;
	struct ph_wiring_server *own =
		ph_index_find(&wiring->server_index, end->server_name);
	if (end->node != NULL && (own == NULL || own->host == NULL ||
					 strcmp(own->host, end->node) != 0))
		return guest_check(wiring, end);
	if (own == NULL) {
		size_t length = strlen(end->server_name);

		server_unknown(wiring, end->server_name,
			ph_wiring_inside(node, from, length));
		return false;
	}
	end->node = NULL;
	end->server = own;
	return !own->unsure;
}

bool ph_wiring_read_end(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, size_t from, size_t to, bool output,
	struct ph_wiring_end *end)
{
	return end_resolve(wiring, node, from, to, end) &&
	       (end->server == NULL || terminal_find(wiring, end, output));
}

bool ph_wiring_read_link(struct ph_wiring *wiring,
	const struct ph_yaml_node *node, size_t from, size_t to,
	struct ph_wiring_end *in, struct ph_wiring_end *out)
{
	unsigned count;

	if (!end_resolve(wiring, node, from, to, in))
		return false;
	if (in->server == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "P2", in->span,
			"Write two wires, one to its input and one from its "
			"output.",
			"a guest that runs already cannot stand inside a "
			"chain");
		return false;
	}
	*out = *in;
	if (in->terminal == NULL)
		return terminal_choose(wiring, in, false) &&
		       terminal_choose(wiring, out, true);
	if (!terminal_find(wiring, in, false))
		return false;
	/* The one that is named, and the only one of the other side. */
	bool output = ph_wiring_is_output(in->port->direction);
	struct ph_wiring_end *other = output ? in : out;
	if (output)
		*out = *in;
	other->terminal = NULL;
	other->port = terminal_only(in->server, !output, &count);
	return terminal_choose(wiring, other, !output);
}
