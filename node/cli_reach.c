#include "node/cli_reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/table.h"

/*
 * `reach`: the matrix as people read it: a line for each way to a node, best
 * first, with what was seen from here and what peers say of the same point.
 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ph_column columns[] = {
	{"TO", "to", PH_CELL_TEXT},
	{"ADDRESS", "address", PH_CELL_TEXT},
	{"OVER", "transport", PH_CELL_TEXT},
	{"FROM HERE", "verdict", PH_CELL_TEXT},
	{"RTT", "rtt", PH_CELL_DASH},
	{"CHECKED", "checked", PH_CELL_DASH},
	{"KNOWN BY", "origin", PH_CELL_DASH},
	{"PEERS SAY", "peers", PH_CELL_DASH},
};

static int64_t rank_of(struct ph_value item)
{
	return ph_get_int(item, "priority");
}

static int compare_text(struct ph_value a, struct ph_value b, const char *key)
{
	char left[128];
	char right[128];

	return strcmp(ph_get_copy(a, key, left, sizeof(left)),
		ph_get_copy(b, key, right, sizeof(right)));
}

static int compare_points(struct ph_value a, struct ph_value b)
{
	int order = compare_text(a, b, "address");

	if (!order)
		order = compare_text(a, b, "transport");
	return order ? order
		     : (int)(ph_get_int(a, "port") - ph_get_int(b, "port"));
}

/* Rows of one point side by side, the own one first. */
static int by_point(const void *left, const void *right)
{
	struct ph_value a = *(const struct ph_value *)left;
	struct ph_value b = *(const struct ph_value *)right;
	int order = compare_text(a, b, "to");

	if (!order)
		order = compare_points(a, b);
	if (!order)
		order = ph_get_bool(b, "own") - ph_get_bool(a, "own");
	return order ? order : compare_text(a, b, "from");
}

struct line {
	struct ph_value *rows;
	size_t count;
};

static int by_rank(const void *left, const void *right)
{
	const struct line *a = left;
	const struct line *b = right;
	int order = compare_text(a->rows[0], b->rows[0], "to");
	int64_t one = rank_of(a->rows[0]);
	int64_t other = rank_of(b->rows[0]);

	if (order)
		return order;
	if (one != other)
		return one > other ? -1 : 1;
	return compare_points(a->rows[0], b->rows[0]);
}

/* A line as it stands there; ports beside each other of which the same is to
 * be said share one. */
struct shown {
	char to[64];
	char host[80];
	char transport[16];
	char verdict[48];
	char origin[96];
	char peers[300];
	int first, last;   /* ports; 0: none */
	int64_t low, high; /* round trips, us */
	int64_t checked;   /* 0: never */
};

/* Seen from here; what is not fresh any more was so. */
static void show_own(struct shown *shown, struct ph_value row)
{
	bool own = ph_get_bool(row, "own");
	bool tried =
		own && !ph_value_is(ph_value_get(row, "verdict"), "untried");
	char verdict[40];

	ph_get_copy(row, "verdict", verdict, sizeof(verdict));
	snprintf(shown->verdict, sizeof(shown->verdict), "%s%s",
		tried && !ph_get_bool(row, "fresh") ? "was " : "",
		own ? verdict : "untried");
	if (!tried)
		return;
	shown->low = shown->high = ph_get_int(row, "rtt_us");
	shown->checked = ph_get_int(row, "checked_at");
}

static void show_peers(struct shown *shown, const struct line *line)
{
	size_t used = 0;

	for (size_t i = 0; i < line->count; i++) {
		struct ph_value row = line->rows[i];
		char from[64];
		char verdict[40];

		if (ph_get_bool(row, "own") || !ph_get_bool(row, "fresh") ||
			used >= sizeof(shown->peers))
			continue;
		ph_get_copy(row, "from", from, sizeof(from));
		ph_get_copy(row, "verdict", verdict, sizeof(verdict));
		used += (size_t)snprintf(shown->peers + used,
			sizeof(shown->peers) - used, "%s%s: %s",
			used ? ", " : "", from, verdict);
	}
}

static void show_origin(struct shown *shown, struct ph_value row)
{
	char origin[20];
	char observer[64];

	ph_get_copy(row, "origin", origin, sizeof(origin));
	ph_get_copy(row, "observer", observer, sizeof(observer));
	snprintf(shown->origin, sizeof(shown->origin), "%s",
		!strcmp(origin, "hearsay") && observer[0] ? observer
		: ph_get_bool(row, "withdrawn")		  ? "withdrawn"
							  : origin);
}

static void show_line(struct shown *shown, const struct line *line)
{
	struct ph_value row = line->rows[0];

	*shown = (struct shown){.to = ""};
	ph_get_copy(row, "to", shown->to, sizeof(shown->to));
	ph_get_copy(row, "address", shown->host, sizeof(shown->host));
	ph_get_copy(
		row, "transport", shown->transport, sizeof(shown->transport));
	shown->first = shown->last = (int)ph_get_int(row, "port");
	show_own(shown, row);
	show_origin(shown, row);
	show_peers(shown, line);
}

static bool shown_takes(struct shown *shown, const struct shown *next)
{
	if (!shown->last || next->first != shown->last + 1 ||
		strcmp(shown->to, next->to) != 0 ||
		strcmp(shown->host, next->host) != 0 ||
		strcmp(shown->transport, next->transport) != 0 ||
		strcmp(shown->verdict, next->verdict) != 0 ||
		strcmp(shown->origin, next->origin) != 0 ||
		strcmp(shown->peers, next->peers) != 0)
		return false;
	shown->last = next->last;
	if (next->low < shown->low)
		shown->low = next->low;
	if (next->high > shown->high)
		shown->high = next->high;
	if (next->checked < shown->checked)
		shown->checked = next->checked;
	return true;
}

static void write_shown(struct ph_writer *writer, const struct shown *shown)
{
	char ports[24];
	char text[120];

	ph_write_map(writer);
	ph_put_text(writer, "to", shown->to);
	ph_text_ports(ports, sizeof(ports), shown->first, shown->last);
	if (!shown->first)
		snprintf(text, sizeof(text), "%s", shown->host);
	else
		snprintf(text, sizeof(text),
			strchr(shown->host, ':') ? "[%s]:%s" : "%s:%s",
			shown->host, ports);
	ph_put_text(writer, "address", text);
	ph_put_text(writer, "transport", shown->transport);
	ph_put_text(writer, "verdict", shown->verdict);
	if (shown->high)
		ph_put_text(writer, "rtt",
			ph_text_trips(
				text, sizeof(text), shown->low, shown->high));
	if (shown->checked)
		ph_put_text(writer, "checked",
			ph_text_age(text, sizeof(text), shown->checked));
	ph_put_text(writer, "origin", shown->origin);
	ph_put_text(writer, "peers", shown->peers);
	ph_write_end(writer);
}

static size_t split_lines(
	struct ph_value *rows, size_t count, struct line *lines)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (i && !compare_text(rows[i], rows[i - 1], "to") &&
			!compare_points(rows[i], rows[i - 1])) {
			lines[found - 1].count++;
			continue;
		}
		lines[found++] = (struct line){&rows[i], 1};
	}
	return found;
}

static void print_lines(
	FILE *out, const struct line *lines, size_t count, bool to)
{
	struct ph_writer *writer;
	struct shown shown;
	struct shown next;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++) {
		show_line(&next, &lines[i]);
		if (i && shown_takes(&shown, &next))
			continue;
		if (i)
			write_shown(writer, &shown);
		shown = next;
	}
	if (count)
		write_shown(writer, &shown);
	ph_write_end(writer);
	ph_table_written(out, columns + !to, COUNT(columns) - !to, writer);
}

void ph_reach_print(FILE *out, struct ph_value items, bool to)
{
	size_t count = ph_value_count(items);
	struct ph_value *rows = calloc(count + 1, sizeof(*rows));
	struct line *lines = calloc(count + 1, sizeof(*lines));

	if (!rows || !lines)
		abort();
	for (size_t i = 0; i < count; i++)
		rows[i] = ph_value_at(items, i);
	qsort(rows, count, sizeof(*rows), by_point);
	count = split_lines(rows, count, lines);
	qsort(lines, count, sizeof(*lines), by_rank);
	print_lines(out, lines, count, to);
	free(lines);
	free(rows);
}

int ph_cmd_reach(struct ph_cli *cli)
{
	struct ph_reply reply;
	struct ph_value items;
	int code;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "reach");
	code = ph_cli_call(cli, PH_REACH_LIST,
		ph_cli_argument("node", cli->argc ? cli->argv[0] : NULL),
		&reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		ph_reach_print(stdout, items, true);
	ph_reply_free(&reply);
	return code;
}
