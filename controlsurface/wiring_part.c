#include "controlsurface/part.h"
#include "controlsurface/wiring_model.h"

#include <stdio.h>
#include <string.h>

static void map_write(const struct ph_yaml_node *map, const char *key,
	struct ph_writer *writer)
{
	if (map == NULL || map->count == 0)
		return;
	ph_put_map(writer, key);
	for (const struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next)
		ph_put_text(writer, item->key->text, item->text);
	ph_write_end(writer);
}

static void pairs_write(const struct ph_wiring_server *server, const char *key,
	struct ph_writer *writer)
{
	map_write(ph_yaml_get(server->node, key), key, writer);
}

static void words_write(const struct ph_yaml_node *list, const char *key,
	struct ph_writer *writer)
{
	if (list == NULL || list->count == 0)
		return;
	ph_put_list(writer, key);
	for (const struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		ph_write_text(writer, item->text);
	ph_write_end(writer);
}

static void text_write(
	const char *text, const char *key, struct ph_writer *writer)
{
	if (text != NULL)
		ph_put_text(writer, key, text);
}

static void program_terminals_write(const struct ph_wiring_server *server,
	bool output, struct ph_writer *writer)
{
	static const char *const kinds[] = {
		[PH_OUT] = "out",
		[PH_MUX] = "mux",
		[PH_IN] = "in",
		[PH_COMBINE] = "combine",
	};

	ph_put_list(writer, output ? "out" : "in");
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_wiring_terminal *port = &server->terminals[i];

		if (ph_wiring_is_output(port->direction) != output)
			continue;
		/* A program's stderr goes to the log unless it is wanted. */
		if (port->fd == 2 && !port->declared && port->wires == 0)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "name", port->name);
		ph_put_int(writer, "fd", port->fd);
		ph_put_text(writer, "type", port->media);
		ph_put_text(writer, "kind", kinds[port->direction]);
		map_write(port->labels, "labels", writer);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

/* Of a bundled server: the outputs that the file makes feed many. */
static void widened_write(
	const struct ph_wiring_server *server, struct ph_writer *writer)
{
	ph_put_list(writer, "out");
	for (unsigned i = 0; i < server->terminal_count; i++) {
		if (server->terminals[i].direction != PH_MUX)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "name", server->terminals[i].name);
		ph_put_text(writer, "kind", "mux");
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void keep_write(
	const struct ph_wiring_server *server, struct ph_writer *writer)
{
	static const char *const keys[] = {
		"start_timeout", "stop_timeout", "watchdog"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct ph_yaml_node *node =
			ph_yaml_get(server->node, keys[i]);

		text_write(node ? node->text : NULL, keys[i], writer);
	}
}

static void server_write(const struct ph_wiring *wiring,
	const struct ph_wiring_server *server, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", server->name);
	ph_put_text(writer, "scope", wiring->name);
	if (server->type != NULL)
		ph_put_text(writer, "use", server->type->name);
	else
		words_write(server->exec, "exec", writer);
	pairs_write(server, "with", writer);
	pairs_write(server, "env", writer);
	pairs_write(server, "labels", writer);
	words_write(ph_yaml_get(server->node, "caps"), "caps", writer);
	pairs_write(server, "limits", writer);
	words_write(ph_yaml_get(server->node, "require"), "require", writer);
	text_write(server->cwd, "cwd", writer);
	text_write(server->placement, "placement", writer);
	text_write(server->restart, "restart", writer);
	text_write(server->drain, "drain", writer);
	text_write(server->framing, "framing", writer);
	text_write(server->confine, "confine", writer);
	text_write(server->ready, "ready", writer);
	keep_write(server, writer);
	text_write(server->group, "group", writer);
	if (server->group != NULL)
		ph_put_u64(writer, "place", server->index);
	text_write(server->strategy, "strategy", writer);
	text_write(server->owner, "owner", writer);
	text_write(server->auth, "auth", writer);
	if (server->has_class)
		ph_put_u64(writer, "class", server->class);
	if (server->named && server->type != NULL) {
		widened_write(server, writer);
	} else if (server->named) {
		program_terminals_write(server, false, writer);
		program_terminals_write(server, true, writer);
	}
	ph_write_end(writer);
}

static const char *end_host(const struct ph_wiring_end *end, const char *here)
{
	if (end->server == NULL)
		return end->node;
	return end->server->host != NULL ? end->server->host : here;
}

static void ends_write(const struct ph_wiring_wire *wire, const char *here,
	struct ph_writer *writer)
{
	char text[3 * (PH_NAME_MAX + 1)];

	snprintf(text, sizeof(text), "%s:%s", wire->from.server_name,
		wire->from.terminal);
	ph_put_text(writer, "from", text);
	snprintf(text, sizeof(text), "%s/%s:%s", end_host(&wire->to, here),
		wire->to.server_name, wire->to.terminal);
	ph_put_text(writer, "to", text);
}

/* Within a node nothing is dialled. */
static bool via_is_meant(const struct ph_wiring_wire *wire, const char *here)
{
	return wire->via != NULL &&
	       (!wire->via_default || strcmp(end_host(&wire->from, here),
					      end_host(&wire->to, here)) != 0);
}

static void wire_write(const struct ph_wiring_wire *wire, const char *here,
	struct ph_writer *writer)
{
	ph_write_map(writer);
	ends_write(wire, here, writer);
	ph_put_text(writer, "on_full", wire->on_full);
	ph_put_u64(writer, "queue", wire->queue);
	if (via_is_meant(wire, here))
		ph_put_text(writer, "via", wire->via);
	ph_wire_notes_write(writer, &wire->notes);
	ph_write_end(writer);
}

/* `node/server` where the server is the file's own, on the node that applies.
 */
static bool end_is_own(const struct ph_wiring *wiring,
	const struct ph_wiring_end *end, const char *here)
{
	const struct ph_wiring_server *own =
		ph_index_find(&wiring->server_index, end->server_name);

	return own != NULL &&
	       strcmp(own->host ? own->host : here, end->node) == 0;
}

bool ph_wiring_next_guest(const struct ph_wiring *wiring, const char *here,
	const struct ph_wiring_wire **position, struct ph_wiring_guest *out)
{
	const struct ph_wiring_wire *wire =
		*position ? (*position)->next : wiring->wires;

	while (wire != NULL && (wire->to.server != NULL ||
				       strcmp(end_host(&wire->from, here),
					       wire->to.node) == 0 ||
				       end_is_own(wiring, &wire->to, here)))
		wire = wire->next;
	if (wire == NULL)
		return false;
	*position = wire;
	*out = (struct ph_wiring_guest){
		.node = wire->to.node,
		.server = wire->to.server_name,
		.terminal = wire->to.terminal,
		.media = wire->from.port ? wire->from.port->media : "",
		.optional = wire->notes.optional,
	};
	return true;
}

/* So that the next apply knows who was chosen. */
static void places_write(
	const struct ph_wiring *wiring, struct ph_writer *writer)
{
	bool open = false;

	for (const struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next) {
		if (host->chosen == NULL)
			continue;
		if (!open)
			ph_put_map(writer, "places");
		open = true;
		ph_put_text(writer, host->name, host->chosen);
	}
	if (open)
		ph_write_end(writer);
}

/* Those of the hosts that were away, and keep what they had. */
static void behind_write(
	const struct ph_wiring *wiring, struct ph_writer *writer)
{
	ph_put_list(writer, "behind");
	for (const struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next)
		if (host->left_over && !host->takes_part)
			ph_write_text(writer, host->name);
	ph_write_end(writer);
}

/* "" and the applying node's own name are one host. */
static void hosts_write(const struct ph_wiring *wiring, const char *here,
	struct ph_writer *writer)
{
	const struct ph_wiring_host *self =
		ph_index_find(&wiring->host_index, here);
	bool twice = self != NULL && self->takes_part;

	ph_put_list(writer, "hosts");
	for (size_t i = 0; i < wiring->taking_part_count; i++) {
		const char *name = wiring->taking_part[i];

		if (*name != '\0')
			ph_write_text(writer, name);
		else if (!twice)
			ph_write_text(writer, here);
	}
	for (const struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next)
		if (host->left_over && !host->takes_part)
			ph_write_text(writer, host->name);
	ph_write_end(writer);
	behind_write(wiring, writer);
	ph_put_map(writer, "at");
	for (const struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next)
		if (host->at != NULL)
			ph_put_text(writer, host->name, host->at);
	ph_write_end(writer);
	places_write(wiring, writer);
}

static void alarm_write(const struct ph_wiring_alarm *alarm, const char *here,
	struct ph_writer *writer)
{
	const struct ph_wiring_wire *wire = alarm->wire;
	char text[3 * (PH_NAME_MAX + 1)];

	ph_write_map(writer);
	ends_write(wire, here, writer);
	ph_put_text(writer, "when", alarm->when);
	ph_put_text(writer, "priority", alarm->priority);
	ph_put_text(writer, "action", alarm->action);
	if (alarm->output)
		ph_put_bool(writer, "output", true);
	ph_put_list(writer, "path");
	for (unsigned i = 0; i < alarm->path_count; i++) {
		const struct ph_wiring_server *server = alarm->path[i];

		snprintf(text, sizeof(text), "%s/%s",
			server->host ? server->host : here, server->name);
		ph_write_text(writer, text);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

/* Written only when there are any, as `needs`. */
static void alarms_write(const struct ph_wiring *wiring, const char *host,
	const char *here, struct ph_writer *writer)
{
	bool open = false;

	for (const struct ph_wiring_alarm *alarm = wiring->alarms;
		alarm != NULL; alarm = alarm->next) {
		if (strcmp(end_host(&alarm->wire->from, here), host) != 0)
			continue;
		if (!open)
			ph_put_list(writer, "alarms");
		open = true;
		alarm_write(alarm, here, writer);
	}
	if (open)
		ph_write_end(writer);
}

void ph_wiring_part(const struct ph_wiring *wiring, const char *host,
	const char *here, struct ph_writer *writer)
{
	if (*host == '\0')
		host = here;
	ph_write_map(writer);
	ph_put_text(writer, "scope", wiring->name);
	hosts_write(wiring, here, writer);
	ph_put_list(writer, "servers");
	for (size_t i = 0; i < wiring->server_count; i++) {
		const struct ph_wiring_server *server = wiring->servers[i];

		if (ph_wiring_server_is_on(server, host, here))
			server_write(wiring, server, writer);
	}
	ph_write_end(writer);
	ph_wiring_part_needs(wiring, host, here, writer);
	ph_put_list(writer, "wires");
	for (const struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		if (strcmp(end_host(&wire->from, here), host) == 0)
			wire_write(wire, here, writer);
	ph_write_end(writer);
	alarms_write(wiring, host, here, writer);
	ph_write_end(writer);
}

/* What a node keeps of a file is bounded: lint and run must not differ. */
void ph_wiring_check_parts(struct ph_wiring *wiring)
{
	/* As long as a name can be, where it is not known. */
	static const char unknown[] = "0123456789012345678901234567890123456";
	const char *here = wiring->input.here ? wiring->input.here : unknown;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer) != 0)
		return;
	for (size_t i = 0; i < wiring->taking_part_count; i++) {
		const char *host = wiring->taking_part[i];

		ph_writer_reset(writer);
		ph_wiring_part(wiring, host, here, writer);
		if (ph_writer_finish(writer, &data, &length) != 0 ||
			length <= PH_PART_BYTES)
			continue;
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", PH_SPAN_FILE,
			"Split the wiring file.",
			"the part of '%s' has %zu bytes, the most is %zu",
			*host ? host : "the node that applies", length,
			PH_PART_BYTES);
	}
	ph_writer_free(writer);
}
