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
	{"PEERS SAY", "peers", PH_CELL_LIST},
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
		order = (int)(ph_get_int(a, "port") - ph_get_int(b, "port"));
	return order ? order : compare_text(a, b, "transport");
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

static void put_address(struct ph_writer *writer, struct ph_value row)
{
	char host[80];
	char text[100];

	ph_get_copy(row, "address", host, sizeof(host));
	if (!ph_get_int(row, "port"))
		snprintf(text, sizeof(text), "%s", host);
	else
		snprintf(text, sizeof(text),
			strchr(host, ':') ? "[%s]:%d" : "%s:%d", host,
			(int)ph_get_int(row, "port"));
	ph_put_text(writer, "address", text);
}

/* Seen from here; what is not fresh any more was so. */
static void put_own(struct ph_writer *writer, struct ph_value row)
{
	bool own = ph_get_bool(row, "own");
	bool tried =
		own && !ph_value_is(ph_value_get(row, "verdict"), "untried");
	char verdict[40];
	char text[64];
	int64_t rtt = ph_get_int(row, "rtt_us");

	ph_get_copy(row, "verdict", verdict, sizeof(verdict));
	snprintf(text, sizeof(text), "%s%s",
		tried && !ph_get_bool(row, "fresh") ? "was " : "",
		own ? verdict : "untried");
	ph_put_text(writer, "verdict", text);
	if (!tried)
		return;
	if (rtt) {
		snprintf(text, sizeof(text), "%.1fms", (double)rtt / 1000);
		ph_put_text(writer, "rtt", text);
	}
	ph_put_text(writer, "checked",
		ph_text_age(text, sizeof(text), ph_get_int(row, "checked_at")));
}

static void put_peers(struct ph_writer *writer, const struct line *line)
{
	ph_put_list(writer, "peers");
	for (size_t i = 0; i < line->count; i++) {
		struct ph_value row = line->rows[i];
		char from[64];
		char verdict[40];
		char text[110];

		if (ph_get_bool(row, "own") || !ph_get_bool(row, "fresh"))
			continue;
		ph_get_copy(row, "from", from, sizeof(from));
		ph_get_copy(row, "verdict", verdict, sizeof(verdict));
		snprintf(text, sizeof(text), "%s: %s", from, verdict);
		ph_write_text(writer, text);
	}
	ph_write_end(writer);
}

static void put_origin(struct ph_writer *writer, struct ph_value row)
{
	char origin[20];
	char observer[64];
	char text[96];

	ph_get_copy(row, "origin", origin, sizeof(origin));
	ph_get_copy(row, "observer", observer, sizeof(observer));
	if (!strcmp(origin, "hearsay") && observer[0])
		snprintf(text, sizeof(text), "%s", observer);
	else if (ph_get_bool(row, "withdrawn"))
		snprintf(text, sizeof(text), "withdrawn");
	else
		snprintf(text, sizeof(text), "%s", origin);
	ph_put_text(writer, "origin", text);
}

static void write_line(struct ph_writer *writer, const struct line *line)
{
	struct ph_value row = line->rows[0];

	ph_write_map(writer);
	ph_put_value(writer, "to", ph_value_get(row, "to"));
	put_address(writer, row);
	ph_put_value(writer, "transport", ph_value_get(row, "transport"));
	put_own(writer, row);
	put_origin(writer, row);
	put_peers(writer, line);
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
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++)
		write_line(writer, &lines[i]);
	ph_write_end(writer);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		ph_table_items(out, columns + !to, COUNT(columns) - !to,
			ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
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
