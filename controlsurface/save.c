#include "controlsurface/save.h"

#include <stdbool.h>
#include <string.h>

#include "controlsurface/save_inner.h"
#include "kernel/pipe.h"
#include "proto/address.h"

struct save {
	FILE *out;
	const char *scope;
	struct ph_value parts;
	struct ph_value changes;
};

static struct ph_value part_at(
	const struct save *save, size_t index, char *node, size_t size)
{
	struct ph_value item = ph_value_at(save->parts, index);

	if (!ph_value_is(ph_value_get(item, "scope"), save->scope))
		return (struct ph_value){NULL};
	ph_get_copy(item, "node", node, size);
	return ph_value_get(item, "part");
}

static bool has_server(
	struct ph_value part, const char *name, struct ph_value *found)
{
	struct ph_value servers = ph_value_get(part, "servers");

	for (size_t i = 0; i < ph_value_count(servers); i++) {
		*found = ph_value_at(servers, i);
		if (ph_value_is(ph_value_get(*found, "name"), name))
			return true;
	}
	return false;
}

/* Is it the scope's own? Names are unique in a file, so `node/server` need not
 * be said. */
static bool is_own(
	const struct save *save, const char *node, const char *server)
{
	char owner[PH_NAME_MAX + 1];
	struct ph_value found;

	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, owner, sizeof(owner));

		if (!strcmp(owner, node) && has_server(part, server, &found))
			return true;
	}
	return false;
}

static void put_end(const struct save *save, const struct ph_place *place)
{
	struct ph_place end = *place;
	char text[3 * PH_NAME_MAX];

	if (is_own(save, end.node, end.server))
		*end.node = '\0';
	ph_place_format(&end, text, sizeof(text));
	ph_save_quoted(save->out, text, strlen(text));
}

/* What the file says besides (wire_notes.h); who was chosen by criteria stands
 * there by name. */
static void put_notes(FILE *out, struct ph_value wire)
{
	struct ph_value retry = ph_value_get(wire, "retry");

	ph_save_labels(out, ph_value_get(wire, "labels"));
	if (ph_value_count(retry) == 2)
		fprintf(out, ", retry: %lldns..%lldns",
			(long long)ph_value_int(ph_value_at(retry, 0), 0),
			(long long)ph_value_int(ph_value_at(retry, 1), 0));
	if (ph_get_bool(wire, "optional"))
		fputs(", optional: yes", out);
}

/* What is so without being said is not said. `declared`: the rest of it. */
static void put_wire(const struct save *save, const struct ph_place *from,
	const struct ph_place *to, const char *on_full, uint64_t queue,
	struct ph_value declared)
{
	char via[PH_VIA_MAX];

	fputs("  - {from: ", save->out);
	put_end(save, from);
	fputs(", to: ", save->out);
	put_end(save, to);
	if (*on_full && strcmp(on_full, "block") != 0)
		fprintf(save->out, ", on_full: %s", on_full);
	if (queue && queue != PH_PIPE_BYTES)
		fprintf(save->out, ", queue: %lluB", (unsigned long long)queue);
	if (*ph_get_copy(declared, "via", via, sizeof(via)))
		fprintf(save->out, ", via: %s", via);
	put_notes(save->out, declared);
	fputs("}\n", save->out);
}

static int read_place(
	struct ph_place *out, struct ph_value map, const char *key)
{
	char text[3 * PH_NAME_MAX];

	return ph_place_parse(out, ph_get_copy(map, key, text, sizeof(text)));
}

static bool same_place(const struct ph_place *one, const struct ph_place *other)
{
	return !strcmp(one->node, other->node) &&
	       !strcmp(one->server, other->server) &&
	       !strcmp(one->terminal, other->terminal);
}

/* The change by hand that takes this declared wire away, or moves it. */
static struct ph_value change_of(const struct save *save,
	const struct ph_place *from, const struct ph_place *to)
{
	for (size_t i = 0; i < ph_value_count(save->changes); i++) {
		struct ph_value change = ph_value_at(save->changes, i);
		struct ph_value verb = ph_value_get(change, "verb");
		bool moved = ph_value_is(verb, "move");
		struct ph_place at[2];

		if (!moved && !ph_value_is(verb, "disconnect"))
			continue;
		if (!read_place(&at[0], change, "from") &&
			!read_place(
				&at[1], change, moved ? "instead_of" : "to") &&
			same_place(&at[0], from) && same_place(&at[1], to))
			return change;
	}
	return (struct ph_value){NULL};
}

static void put_declared(
	const struct save *save, const char *node, struct ph_value wire)
{
	struct ph_value change;
	struct ph_place from;
	struct ph_place to;
	char on_full[16];

	if (read_place(&from, wire, "from") || read_place(&to, wire, "to"))
		return;
	snprintf(from.node, sizeof(from.node), "%s", node);
	change = change_of(save, &from, &to);
	if (ph_value_is(ph_value_get(change, "verb"), "disconnect"))
		return;
	if (ph_value_is(ph_value_get(change, "verb"), "move") &&
		read_place(&to, change, "to"))
		return;
	ph_get_copy(wire, "on_full", on_full, sizeof(on_full));
	put_wire(save, &from, &to, on_full, ph_get_u64(wire, "queue"), wire);
}

static void put_connected(const struct save *save, struct ph_value change)
{
	struct ph_place from;
	struct ph_place to;
	char on_full[16];

	if (!ph_value_is(ph_value_get(change, "verb"), "connect") ||
		read_place(&from, change, "from") ||
		read_place(&to, change, "to") ||
		!is_own(save, from.node, from.server))
		return;
	ph_get_copy(change, "on_full", on_full, sizeof(on_full));
	put_wire(
		save, &from, &to, on_full, ph_get_u64(change, "queue"), change);
}

/* --- the file --- */

static void put_hosts(const struct save *save)
{
	char node[PH_NAME_MAX + 1];
	struct ph_value at;
	struct ph_value text;

	fputs("hosts:\n", save->out);
	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, node, sizeof(node));

		if (ph_value_type(part) != PH_MAP)
			continue;
		at = ph_value_get(part, "at");
		text = ph_value_get(at, node);
		fputs("  ", save->out);
		ph_save_text(save->out, node, strlen(node));
		if (ph_value_type(text) == PH_TEXT) {
			fputs(": {at: ", save->out);
			ph_save_value(save->out, text);
			fputs("}\n", save->out);
		} else {
			fputs(": {}\n", save->out);
		}
	}
}

static void put_servers(const struct save *save)
{
	char node[PH_NAME_MAX + 1];

	fputs("servers:\n", save->out);
	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, node, sizeof(node));
		struct ph_value servers = ph_value_get(part, "servers");

		for (size_t k = 0; k < ph_value_count(servers); k++)
			ph_save_server(save->out, node, ph_value_at(servers, k),
				ph_value_get(part, "needs"));
	}
}

static void put_wires(const struct save *save)
{
	char node[PH_NAME_MAX + 1];

	fputs("wires:\n", save->out);
	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, node, sizeof(node));
		struct ph_value wires = ph_value_get(part, "wires");

		for (size_t k = 0; k < ph_value_count(wires); k++)
			put_declared(save, node, ph_value_at(wires, k));
	}
	for (size_t i = 0; i < ph_value_count(save->changes); i++)
		put_connected(save, ph_value_at(save->changes, i));
}

/* --- alarms --- */

static int alarm_end(
	const char *node, struct ph_value alarm, struct ph_place *out)
{
	bool output = ph_get_bool(alarm, "output");

	if (read_place(out, alarm, output ? "from" : "to"))
		return -1;
	if (output)
		snprintf(out->node, sizeof(out->node), "%s", node);
	return 0;
}

/* Each wire of an input has it; the file says it once. */
static bool alarm_is_first(
	const char *node, struct ph_value alarms, size_t index)
{
	struct ph_value alarm = ph_value_at(alarms, index);
	struct ph_place end;
	struct ph_place other;
	char when[128];

	ph_get_copy(alarm, "when", when, sizeof(when));
	if (alarm_end(node, alarm, &end))
		return false;
	for (size_t i = 0; i < index; i++) {
		struct ph_value before = ph_value_at(alarms, i);

		if (ph_value_is(ph_value_get(before, "when"), when) &&
			!alarm_end(node, before, &other) &&
			same_place(&end, &other))
			return false;
	}
	return true;
}

static void put_alarm(
	const struct save *save, const char *node, struct ph_value alarm)
{
	static const char *const keys[] = {"when", "priority", "action"};
	struct ph_place end;

	if (alarm_end(node, alarm, &end))
		return;
	fputs("  - {on: ", save->out);
	put_end(save, &end);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		fprintf(save->out, ", %s: ", keys[i]);
		ph_save_value(save->out, ph_value_get(alarm, keys[i]));
	}
	fputs("}\n", save->out);
}

static void put_alarms(const struct save *save)
{
	char node[PH_NAME_MAX + 1];
	bool open = false;

	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, node, sizeof(node));
		struct ph_value alarms = ph_value_get(part, "alarms");

		for (size_t k = 0; k < ph_value_count(alarms); k++) {
			if (!alarm_is_first(node, alarms, k))
				continue;
			if (!open)
				fputs("alarms:\n", save->out);
			open = true;
			put_alarm(save, node, ph_value_at(alarms, k));
		}
	}
}

static bool has_part(const struct save *save, const char *wanted)
{
	char node[PH_NAME_MAX + 1];

	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		if (ph_value_type(part_at(save, i, node, sizeof(node))) ==
				PH_MAP &&
			!strcmp(node, wanted))
			return true;
	}
	return false;
}

/* Half a scope would be taken for a whole one. */
static int check_whole(const struct save *save, struct ph_error *error)
{
	char node[PH_NAME_MAX + 1];
	bool any = false;

	for (size_t i = 0; i < ph_value_count(save->parts); i++) {
		struct ph_value part = part_at(save, i, node, sizeof(node));
		struct ph_value hosts = ph_value_get(part, "hosts");

		any |= ph_value_type(part) == PH_MAP;
		for (size_t k = 0; k < ph_value_count(hosts); k++) {
			ph_value_copy(
				ph_value_at(hosts, k), node, sizeof(node));
			if (!has_part(save, node))
				return ph_fail(error, PH_EXIT_UNREACHABLE, node,
					"wait until it is there, then save "
					"again",
					"its part of %s is missing",
					save->scope);
		}
	}
	return any ? 0
		   : ph_fail(error, PH_EXIT_NOT_FOUND, save->scope,
			     "posthouse servers shows the scopes",
			     "no node has a part of that scope");
}

int ph_save(FILE *out, const char *scope, struct ph_value parts,
	struct ph_value changes, struct ph_error *error)
{
	struct save save = {out, scope, parts, changes};

	if (check_whole(&save, error))
		return -1;
	fputs("# As it was on the mesh; what variables stood for is in it.\n"
	      "wiring: 1\nname: ",
		out);
	ph_save_text(out, scope, strlen(scope));
	fputc('\n', out);
	put_hosts(&save);
	put_servers(&save);
	put_wires(&save);
	put_alarms(&save);
	return 0;
}
