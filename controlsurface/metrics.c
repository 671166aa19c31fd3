#include "controlsurface/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* --- text --- */

static void put_label(FILE *out, const char *name, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	fprintf(out, "%s=\"", name);
	for (size_t i = 0; text && i < length; i++) {
		if (text[i] == '\n')
			fputs("\\n", out);
		else if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else
			fputc(text[i], out);
	}
	fputc('"', out);
}

static void head(
	FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP posthouse_%s %s\n# TYPE posthouse_%s %s\n", name,
		help, name, type);
}

/* --- single numbers --- */

struct number {
	const char *name;
	const char *path[2]; /* in node.status */
	double unit;	     /* what one of it is in the base unit */
	const char *type;
	const char *help;
};

static const struct number numbers[] = {
	{"lines", {"lines", NULL}, 1, "gauge",
		"Lines to other nodes that are up."},
	{"strangers", {"strangers", NULL}, 1, "gauge",
		"Connections that have not proven who they are."},
	{"carriers", {"carriers", NULL}, 1, "gauge",
		"Live carriers of connections."},
	{"ready", {"ready", NULL}, 1, "gauge",
		"Whether all that was declared here runs and is wired."},
	{"resident_memory_bytes", {"resident_bytes", NULL}, 1, "gauge",
		"Resident memory of the node's process."},
	{"loop_turns_total", {"loop", "turns"}, 1, "counter",
		"Turns of the data thread's loop."},
	{"loop_wakeups_total", {"loop", "wakeups"}, 1, "counter",
		"Turns that had waited."},
	{"loop_longest_turn_seconds", {"loop", "longest_turn_us"}, 1e-6,
		"gauge", "The longest turn since the start."},
	{"epoch", {"epoch", NULL}, 1, "gauge",
		"How often this node has started."},
};

static double number_of(struct ph_value status, const struct number *number)
{
	struct ph_value value = ph_value_get(status, number->path[0]);

	if (number->path[1])
		value = ph_value_get(value, number->path[1]);
	if (ph_value_type(value) == PH_BOOL)
		return ph_value_bool(value, false);
	return (double)ph_value_u64(value, 0) * number->unit;
}

static void print_node(const struct ph_metrics *metrics, FILE *out)
{
	struct ph_value status = metrics->status;

	head(out, "build_info", "gauge", "The version that runs.");
	fputs("posthouse_build_info{", out);
	put_label(out, "version", ph_value_get(status, "version"));
	fputs("} 1\n", out);
	head(out, "node_info", "gauge", "Which node of which mesh.");
	fputs("posthouse_node_info{", out);
	put_label(out, "node", ph_value_get(status, "node"));
	fputc(',', out);
	put_label(out, "id", ph_value_get(status, "id"));
	fputc(',', out);
	put_label(out, "mesh", ph_value_get(status, "mesh"));
	fputs("} 1\n", out);
	head(out, "start_time_seconds", "gauge",
		"When the node started, since 1970.");
	fprintf(out, "posthouse_start_time_seconds %.3f\n",
		(double)ph_get_int(status, "since") / 1e9);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *number = &numbers[i];

		head(out, number->name, number->type, number->help);
		fprintf(out, "posthouse_%s %.9g\n", number->name,
			number_of(status, number));
	}
}

/* --- connections --- */

struct series {
	const char *name;
	const char *path[2];
	double unit;
	const char *type;
	const char *help;
};

static const struct series wires[] = {
	{"connection_sent_bytes_total", {"sent", "bytes"}, 1, "counter",
		"Bytes that the output's end has sent."},
	{"connection_sent_messages_total", {"sent", "messages"}, 1, "counter",
		"Messages that the output's end has sent."},
	{"connection_received_bytes_total", {"received", "bytes"}, 1, "counter",
		"Bytes that the input's server has taken."},
	{"connection_received_messages_total", {"received", "messages"}, 1,
		"counter", "Messages that the input's server has taken."},
	{"connection_dropped_bytes_total", {"dropped", "bytes"}, 1, "counter",
		"Bytes that the policy dropped."},
	{"connection_dropped_messages_total", {"dropped", "messages"}, 1,
		"counter", "Messages that the policy dropped."},
	{"connection_queue_bytes", {"queue", "bytes"}, 1, "gauge",
		"Bytes that wait at the output."},
	{"connection_queue_limit_bytes", {"queue", "limit"}, 1, "gauge",
		"Bytes that may wait at the output."},
	{"connection_blocked_seconds_total", {"blocked_ns", NULL}, 1e-9,
		"counter", "How long the source was refused."},
	{"connection_failures", {"failures", NULL}, 1, "gauge",
		"Attempts that failed since it last stood."},
};

static int compare_text(
	struct ph_value one, struct ph_value other, const char *key)
{
	char text[2][200];

	return strcmp(ph_get_copy(one, key, text[0], sizeof(text[0])),
		ph_get_copy(other, key, text[1], sizeof(text[1])));
}

static int compare_wires(const void *a, const void *b)
{
	struct ph_value one = *(const struct ph_value *)a;
	struct ph_value other = *(const struct ph_value *)b;
	int from = compare_text(one, other, "from");

	return from ? from : compare_text(one, other, "to");
}

/* By their ends; of two with the same (one is leaving) one. */
static size_t sorted(struct ph_value list, struct ph_value **out)
{
	size_t count = ph_value_count(list);
	size_t kept = 0;
	struct ph_value *items = calloc(count ? count : 1, sizeof(*items));

	for (size_t i = 0; items && i < count; i++)
		items[i] = ph_value_at(list, i);
	*out = items;
	if (!items)
		return 0;
	qsort(items, count, sizeof(*items), compare_wires);
	for (size_t i = 0; i < count; i++) {
		if (!kept || compare_wires(&items[i], &items[kept - 1]))
			items[kept++] = items[i];
	}
	return kept;
}

static void wire_labels(FILE *out, struct ph_value wire)
{
	put_label(out, "from", ph_value_get(wire, "from"));
	fputc(',', out);
	put_label(out, "to", ph_value_get(wire, "to"));
}

static void print_series(FILE *out, const struct series *series,
	const struct ph_value *items, size_t count)
{
	head(out, series->name, series->type, series->help);
	for (size_t i = 0; i < count; i++) {
		struct ph_value value = ph_value_get(items[i], series->path[0]);

		if (series->path[1])
			value = ph_value_get(value, series->path[1]);
		fprintf(out, "posthouse_%s{", series->name);
		wire_labels(out, items[i]);
		fprintf(out, "} %.12g\n",
			(double)ph_value_u64(value, 0) * series->unit);
	}
}

static void print_states(FILE *out, const struct ph_value *items, size_t count)
{
	head(out, "connection_state", "gauge",
		"1 for the state that the connection is in.");
	for (size_t i = 0; i < count; i++) {
		fputs("posthouse_connection_state{", out);
		wire_labels(out, items[i]);
		fputc(',', out);
		put_label(out, "state", ph_value_get(items[i], "state"));
		fputs("} 1\n", out);
	}
}

static void print_wires(const struct ph_metrics *metrics, FILE *out)
{
	struct ph_value *items;
	size_t all = sorted(metrics->connections, &items);
	size_t count = all < PH_METRICS_WIRES ? all : PH_METRICS_WIRES;

	head(out, "connections", "gauge", "Connections that this node owns.");
	fprintf(out, "posthouse_connections %zu\n", all);
	head(out, "connections_left_out", "gauge",
		"Connections that have no series of their own here.");
	fprintf(out, "posthouse_connections_left_out %zu\n", all - count);
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++)
		print_series(out, &wires[i], items, count);
	print_states(out, items, count);
	free(items);
}

/* --- servers, peers, changes --- */

static void print_servers(const struct ph_metrics *metrics, FILE *out)
{
	struct ph_value list = metrics->servers;

	head(out, "server_up", "gauge", "Whether the server runs.");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);

		fputs("posthouse_server_up{", out);
		put_label(out, "server", ph_value_get(item, "name"));
		fprintf(out, "} %d\n",
			ph_value_is(ph_value_get(item, "state"), "running"));
	}
	head(out, "server_restarts_total", "counter",
		"How often the server was started again.");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);

		fputs("posthouse_server_restarts_total{", out);
		put_label(out, "server", ph_value_get(item, "name"));
		fprintf(out, "} %llu\n",
			(unsigned long long)ph_get_u64(item, "restarts"));
	}
}

static void print_peers(const struct ph_metrics *metrics, FILE *out)
{
	struct ph_value list = metrics->peers;

	head(out, "peer_up", "gauge", "Whether the peer is alive.");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);

		fputs("posthouse_peer_up{", out);
		put_label(out, "peer", ph_value_get(item, "node"));
		fputc(',', out);
		put_label(out, "id", ph_value_get(item, "id"));
		fprintf(out, "} %d\n",
			ph_value_is(ph_value_get(item, "state"), "alive"));
	}
	head(out, "peer_line_up", "gauge", "Whether there is a line to it.");
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);

		fputs("posthouse_peer_line_up{", out);
		put_label(out, "peer", ph_value_get(item, "node"));
		fputc(',', out);
		put_label(out, "id", ph_value_get(item, "id"));
		fprintf(out, "} %d\n",
			ph_value_is(ph_value_get(item, "line"), "up"));
	}
}

/* Of wiring files, on wires of this node. */
static void print_alarms(const struct ph_metrics *metrics, FILE *out)
{
	static const char *const priorities[] = {"low", "medium", "high"};

	head(out, "alarms_active", "gauge",
		"Alarms of wiring files that are raised.");
	for (size_t k = 0; k < 3; k++) {
		size_t count = 0;

		for (size_t i = 0; i < ph_value_count(metrics->alarms); i++)
			count += ph_value_is(
				ph_value_get(ph_value_at(metrics->alarms, i),
					"priority"),
				priorities[k]);
		fprintf(out, "posthouse_alarms_active{priority=\"%s\"} %zu\n",
			priorities[k], count);
	}
}

static size_t count_kind(struct ph_value list, const char *kind)
{
	size_t count = 0;

	for (size_t i = 0; i < ph_value_count(list); i++)
		count += ph_value_is(
			ph_value_get(ph_value_at(list, i), "kind"), kind);
	return count;
}

void ph_metrics_print(const struct ph_metrics *metrics, FILE *out)
{
	print_node(metrics, out);
	print_wires(metrics, out);
	print_servers(metrics, out);
	print_peers(metrics, out);
	head(out, "wiring_overrides", "gauge", "Changes made by hand.");
	fprintf(out, "posthouse_wiring_overrides %zu\n",
		count_kind(metrics->changes, "override"));
	head(out, "wiring_drift", "gauge",
		"Declared connections that do not stand, and hosts that were "
		"left out of an apply.");
	fprintf(out, "posthouse_wiring_drift %zu\n",
		count_kind(metrics->changes, "drift"));
	print_alarms(metrics, out);
}
