#include "controlsurface/wiring_rig.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The small wiring as a file. */

/* Text of the file, where ${ would be a variable again. */
static void text_put(struct ph_rig *rig, const char *key, const char *text)
{
	struct ph_arena *arena = &rig->wiring->arena;
	size_t length = strlen(text);
	size_t to = 0;

	if (strstr(text, "${") != NULL) {
		char *escaped = ph_arena_take(arena, 2 * length + 1);

		for (size_t i = 0; escaped != NULL && i < length; i++) {
			if (strncmp(text + i, "${", 2) == 0)
				escaped[to++] = '$';
			escaped[to++] = text[i];
		}
		text = escaped ? escaped : "";
	}
	if (key != NULL)
		ph_put_text(rig->writer, key, text);
	else
		ph_write_text(rig->writer, text);
}

static void node_put(
	struct ph_rig *rig, const struct ph_yaml_node *map, const char *key)
{
	const struct ph_yaml_node *node = ph_yaml_get(map, key);

	if (node == NULL)
		return;
	if (node->kind == PH_YAML_TEXT) {
		text_put(rig, key, node->text);
		return;
	}
	if (node->kind == PH_YAML_MAP)
		ph_put_map(rig->writer, key);
	else
		ph_put_list(rig->writer, key);
	for (const struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		text_put(rig, item->key ? item->key->text : NULL, item->text);
	ph_write_end(rig->writer);
}

static void terminals_put(
	struct ph_rig *rig, const struct ph_wiring_server *server, bool output)
{
	static const char *const kinds[] = {
		[PH_OUT] = "out",
		[PH_MUX] = "mux",
		[PH_IN] = "in",
		[PH_COMBINE] = "combine",
	};
	char fd[16];
	bool open = false;

	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_wiring_terminal *port = &server->terminals[i];

		if (ph_wiring_is_output(port->direction) != output ||
			!port->declared ||
			(server->type != NULL && port->direction != PH_MUX))
			continue;
		if (!open)
			ph_put_map(rig->writer, output ? "out" : "in");
		open = true;
		ph_put_map(rig->writer, port->name);
		ph_put_text(rig->writer, "kind", kinds[port->direction]);
		snprintf(fd, sizeof(fd), "%d", port->fd);
		if (server->type == NULL)
			ph_put_text(rig->writer, "fd", fd);
		ph_write_end(rig->writer);
	}
	if (open)
		ph_write_end(rig->writer);
}

static void server_put(
	struct ph_rig *rig, const struct ph_wiring_server *server)
{
	static const char *const keys[] = {
		"exec", "use", "with", "env", "cwd", "placement", "framing"};

	ph_put_map(rig->writer, server->name);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		node_put(rig, server->node, keys[i]);
	ph_put_text(rig->writer, "restart", "never");
	terminals_put(rig, server, false);
	terminals_put(rig, server, true);
	ph_write_end(rig->writer);
}

/* A file.read or file.write of DIRECTORY/NAME.INDEX. */
static void file_put(struct ph_rig *rig, const char *use, const char *server,
	const char *name, unsigned index)
{
	ph_put_map(rig->writer, server);
	ph_put_text(rig->writer, "use", use);
	ph_put_map(rig->writer, "with");
	text_put(rig, "path",
		ph_trial_say(
			rig->wiring, "%s/%s.%u", rig->directory, name, index));
	ph_write_end(rig->writer);
	ph_put_text(rig->writer, "restart", "never");
	ph_write_end(rig->writer);
}

/* A program without arguments. */
static void program_put(
	struct ph_rig *rig, const char *program, const char *server, bool many)
{
	ph_put_map(rig->writer, server);
	ph_put_list(rig->writer, "exec");
	ph_write_text(rig->writer, program);
	ph_write_end(rig->writer);
	ph_put_text(rig->writer, "restart", "never");
	if (many) {
		ph_put_map(rig->writer, "in");
		ph_put_map(rig->writer, "stdin");
		ph_put_text(rig->writer, "fd", "0");
		ph_put_text(rig->writer, "kind", "combine");
		ph_write_end(rig->writer);
		ph_write_end(rig->writer);
	}
	ph_write_end(rig->writer);
}

static void inject_put(struct ph_rig *rig, unsigned index)
{
	for (unsigned i = 0; i < rig->fed[index]; i++) {
		file_put(rig, "file.read",
			ph_trial_say(
				rig->wiring, PH_RIG_OWN "in.%u-%u", index, i),
			"in", index);
		program_put(rig, "cat",
			ph_trial_say(
				rig->wiring, PH_RIG_OWN "give.%u-%u", index, i),
			false);
	}
}

static void servers_put(struct ph_rig *rig)
{
	struct ph_wiring *wiring = rig->wiring;

	ph_put_map(rig->writer, "servers");
	for (size_t i = 0; i < wiring->server_count; i++)
		if (rig->runs[i])
			server_put(rig, wiring->servers[i]);
	for (unsigned i = 0; i < rig->test->inject_count; i++)
		inject_put(rig, i);
	for (unsigned i = 0; i < rig->test->expect_count; i++) {
		program_put(rig, "cat",
			ph_trial_say(wiring, PH_RIG_OWN "gather.%u", i), true);
		file_put(rig, "file.write",
			ph_trial_say(wiring, PH_RIG_OWN "out.%u", i), "out", i);
	}
	for (unsigned i = 0; i < rig->empties; i++)
		program_put(rig, "true",
			ph_trial_say(wiring, PH_RIG_OWN "empty.%u", i), false);
	for (unsigned i = 0; i < rig->nulls; i++) {
		ph_put_map(rig->writer,
			ph_trial_say(wiring, PH_RIG_OWN "null.%u", i));
		ph_put_text(rig->writer, "use", "null");
		ph_write_end(rig->writer);
	}
	ph_write_end(rig->writer);
}

static void links_put(struct ph_rig *rig)
{
	char queue[32];

	ph_put_list(rig->writer, "wires");
	for (const struct ph_rig_link *link = rig->links; link != NULL;
		link = link->next) {
		ph_write_map(rig->writer);
		ph_put_text(rig->writer, "from", link->from);
		ph_put_text(rig->writer, "to",
			link->to != NULL ? link->to
					 : ph_trial_say(rig->wiring,
						   PH_RIG_OWN "gather.%u:stdin",
						   link->expect));
		ph_put_text(rig->writer, "on_full", link->on_full);
		snprintf(queue, sizeof(queue), "%llu",
			(unsigned long long)link->queue);
		ph_put_text(rig->writer, "queue", queue);
		ph_write_end(rig->writer);
	}
	for (unsigned i = 0; i < rig->test->inject_count; i++)
		for (unsigned j = 0; j < rig->fed[i]; j++)
			ph_write_text(rig->writer,
				ph_trial_say(rig->wiring,
					PH_RIG_OWN "in.%u-%u:out -> " PH_RIG_OWN
						   "give.%u-%u:stdin",
					i, j, i, j));
	for (unsigned i = 0; i < rig->test->expect_count; i++)
		ph_write_text(rig->writer,
			ph_trial_say(rig->wiring,
				PH_RIG_OWN "gather.%u:stdout -> " PH_RIG_OWN
					   "out.%u:in",
				i, i));
	ph_write_end(rig->writer);
}

void ph_rig_write(struct ph_rig *rig)
{
	servers_put(rig);
	links_put(rig);
}
