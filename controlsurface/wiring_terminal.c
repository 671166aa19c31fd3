#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Room for a program's own files below it. */
#define FD_MOST	    63
#define FD_UNSET    -1
#define MEDIA_BYTES 64

static struct ph_wiring_terminal *terminal_add(struct ph_wiring_server *server,
	const char *name, enum ph_direction direction, int fd)
{
	struct ph_wiring_terminal *terminal =
		&server->terminals[server->terminal_count++];

	*terminal = (struct ph_wiring_terminal){
		.name = name,
		.media = "",
		.direction = direction,
		.fd = fd,
	};
	return terminal;
}

static struct ph_wiring_terminal *terminal_on(
	struct ph_wiring_server *server, int fd)
{
	for (unsigned i = 0; i < server->terminal_count; i++)
		if (server->terminals[i].fd == fd)
			return &server->terminals[i];
	return NULL;
}

static bool terminal_named(struct ph_wiring_server *server, const char *name)
{
	for (unsigned i = 0; i < server->terminal_count; i++)
		if (strcmp(server->terminals[i].name, name) == 0)
			return true;
	return false;
}

/* "" is any; the rest as far as a wrong one shows: type/subtype. */
static bool media_is_valid(const char *text)
{
	size_t length = strlen(text);
	const char *slash = strchr(text, '/');

	if (length == 0)
		return true;
	if (length >= MEDIA_BYTES || slash == NULL || slash == text ||
		slash[1] == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static const char *media_read(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	if (node->absent || node->bad || node->kind != PH_YAML_TEXT)
		return "";
	if (media_is_valid(node->text))
		return node->text;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write type/subtype, like video/mjpeg or text/plain.",
		"'%.60s' is no media type", node->text);
	return "";
}

static int fd_read(
	struct ph_wiring *wiring, const struct ph_yaml_node *map, bool output)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, "fd", PH_YAML_TEXT);
	int fd = 0;

	if (node == NULL)
		return FD_UNSET;
	size_t length = strlen(node->text);
	if (length > 0 && length < 3 &&
		strspn(node->text, "0123456789") == length)
		fd = atoi(node->text);
	else
		fd = FD_MOST + 1;
	if (fd > FD_MOST) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write a number from 0 to 63.",
			"'%.60s' is no file descriptor", node->text);
		return FD_UNSET;
	}
	if (output ? fd == 0 : (fd == 1 || fd == 2)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"0 is the standard input, 1 and 2 are the standard "
			"outputs; 3 and up serve both.",
			"fd %d cannot be %s", fd,
			output ? "an output" : "an input");
		return FD_UNSET;
	}
	return fd;
}

static void kind_read(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	struct ph_wiring_terminal *terminal, bool output)
{
	static const char *const inputs[] = {"in", "combine", NULL};
	static const char *const outputs[] = {"out", "mux", NULL};
	const char *kind = ph_wiring_choice_among(
		wiring, map, "kind", output ? outputs : inputs);

	if (kind == NULL)
		return;
	if (strcmp(kind, "mux") == 0)
		terminal->direction = PH_MUX;
	if (strcmp(kind, "combine") == 0)
		terminal->direction = PH_COMBINE;
}

static void optional_read(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, struct ph_wiring_terminal *terminal)
{
	const char *answer =
		ph_wiring_choice(wiring, PH_LEVEL_TERMINAL, map, "optional");

	terminal->optional = answer != NULL && strcmp(answer, "yes") == 0;
}

static void labels_read(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, struct ph_wiring_terminal *terminal)
{
	struct ph_yaml_node *labels =
		ph_wiring_get(wiring, map, "labels", PH_YAML_MAP);

	if (labels != NULL && ph_wiring_words(wiring, labels, "labels"))
		terminal->labels = labels;
}

static void fd_place(struct ph_wiring *wiring, struct ph_wiring_server *server,
	struct ph_wiring_terminal *terminal, int fd)
{
	const struct ph_wiring_terminal *other =
		fd == FD_UNSET ? NULL : terminal_on(server, fd);

	if (other != NULL)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", terminal->span,
			"Give each terminal a file descriptor of its own.",
			"'%s' and '%s' are both fd %d", other->name,
			terminal->name, fd);
	terminal->fd = fd;
}

static void terminal_read(struct ph_wiring *wiring,
	struct ph_wiring_server *server, struct ph_yaml_node *node, bool output)
{
	const char *name = node->key->text;
	struct ph_span span = node->key->span;

	if (!ph_wiring_is_name(wiring, name, span, "a terminal"))
		return;
	if (terminal_named(server, name)) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S2", span,
			"Give the input and the output different names.",
			"terminal '%s' stands twice", name);
		return;
	}
	struct ph_wiring_terminal *terminal =
		terminal_add(server, name, output ? PH_OUT : PH_IN, FD_UNSET);
	terminal->declared = true;
	terminal->span = span;
	if (node->kind == PH_YAML_TEXT) {
		terminal->media = media_read(wiring, node);
		return;
	}
	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, name))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_TERMINAL, node);
	struct ph_yaml_node *media =
		ph_wiring_get(wiring, node, "type", PH_YAML_TEXT);
	if (media != NULL)
		terminal->media = media_read(wiring, media);
	kind_read(wiring, node, terminal, output);
	optional_read(wiring, node, terminal);
	labels_read(wiring, node, terminal);
	fd_place(wiring, server, terminal, fd_read(wiring, node, output));
}

static void side_read(struct ph_wiring *wiring, struct ph_wiring_server *server,
	const char *key, bool output)
{
	struct ph_yaml_node *side =
		ph_wiring_get(wiring, server->node, key, PH_YAML_MAP);

	if (side == NULL) {
		const struct ph_yaml_node *node =
			ph_yaml_get(server->node, key);

		server->unsure |= node != NULL && !node->absent;
		return;
	}
	for (struct ph_yaml_node *node = side->first; node != NULL;
		node = node->next) {
		if (server->terminal_count == PH_WIRING_TERMINALS) {
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				node->key->span, NULL,
				"server '%s' has more than %d terminals",
				server->name, PH_WIRING_TERMINALS);
			server->unsure = true;
			return;
		}
		terminal_read(wiring, server, node, output);
	}
	server->named |= side->count > 0;
}

/* The first without an fd is the standard one, the others count from 3. */
static void fds_number(struct ph_wiring_server *server)
{
	int next = 3;

	for (unsigned i = 0; i < server->terminal_count; i++) {
		struct ph_wiring_terminal *terminal = &server->terminals[i];
		int standard = ph_wiring_is_output(terminal->direction) ? 1 : 0;

		if (terminal->fd != FD_UNSET)
			continue;
		if (terminal_on(server, standard) == NULL) {
			terminal->fd = standard;
			continue;
		}
		while (terminal_on(server, next) != NULL)
			next++;
		terminal->fd = next;
	}
}

static void standard_add(struct ph_wiring_server *server, const char *name,
	enum ph_direction direction, int fd)
{
	if (server->terminal_count < PH_WIRING_TERMINALS &&
		terminal_on(server, fd) == NULL &&
		!terminal_named(server, name))
		terminal_add(server, name, direction, fd);
}

/* All that a file may say about a bundled server's terminals: that an output
 * feeds many. */
static void output_widen(struct ph_wiring *wiring,
	struct ph_wiring_server *server, struct ph_yaml_node *node)
{
	struct ph_wiring_terminal *found = NULL;

	for (unsigned i = 0; i < server->terminal_count; i++)
		if (strcmp(server->terminals[i].name, node->key->text) == 0 &&
			ph_wiring_is_output(server->terminals[i].direction))
			found = &server->terminals[i];
	if (found == NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "P2", node->key->span,
			"Its terminals are its own; out: {NAME: {kind: mux}} "
			"makes one of its outputs feed many.",
			"%s has no output '%.60s'", server->type->name,
			node->key->text);
		return;
	}
	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, node->key->text))
		return;
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		if (strcmp(item->key->text, "kind") != 0)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S3",
				item->key->span,
				"Only kind: mux can be said here.",
				"'%.60s' is for programs (exec:)",
				item->key->text);
	kind_read(wiring, node, found, true);
	server->named |= found->direction == PH_MUX;
}

static void bundled_read(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	const struct ph_server_type *type = server->type;

	for (size_t i = 0; i < type->terminal_count && i < PH_WIRING_TERMINALS;
		i++) {
		struct ph_wiring_terminal *terminal =
			terminal_add(server, type->terminals[i].name,
				type->terminals[i].direction, FD_UNSET);

		terminal->media = type->terminals[i].media;
		terminal->declared = true;
		terminal->span = server->node->key->span;
	}
	struct ph_yaml_node *out =
		ph_wiring_get(wiring, server->node, "out", PH_YAML_MAP);
	for (struct ph_yaml_node *node = out ? out->first : NULL; node != NULL;
		node = node->next)
		output_widen(wiring, server, node);
}

void ph_wiring_read_terminals(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	if (server->type != NULL)
		bundled_read(wiring, server);
	if (server->exec == NULL)
		return;
	side_read(wiring, server, "in", false);
	side_read(wiring, server, "out", true);
	fds_number(server);
	standard_add(server, "stdin", PH_IN, 0);
	standard_add(server, "stdout", PH_OUT, 1);
	standard_add(server, "stderr", PH_OUT, 2);
}
