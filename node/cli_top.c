#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "node/cli.h"
#include "node/gather.h"
#include "node/table.h"

/*
 * Rates and queues of every connection of the mesh, once a second. Rates are
 * the difference of two looks at the counters of both ends; nothing subscribes
 * to anything.
 */
#define TOP_ROWS 512

struct row {
	char id[96];
	uint64_t sent;
	uint64_t received;
	bool fresh;
};

#define ADDRESS 128

struct widths {
	int from;
	int to;
};

struct look {
	struct row rows[TOP_ROWS];
	unsigned count;
	int64_t when; /* ns */
};

static const struct row *find_row(const struct look *look, const char *id)
{
	for (unsigned i = 0; i < look->count; i++)
		if (!strcmp(look->rows[i].id, id))
			return &look->rows[i];
	return NULL;
}

static double rate(uint64_t now, uint64_t before, int64_t span)
{
	if (span <= 0 || now < before)
		return 0;
	return (double)(now - before) * 1e9 / (double)span;
}

/* As wide as the widest: a terminal has 80 columns, perhaps. */
static int widest(struct ph_value items, const char *key, const char *title)
{
	char text[ADDRESS];
	size_t most = strlen(title);

	for (size_t i = 0; i < ph_value_count(items) && i < TOP_ROWS; i++) {
		size_t length = strlen(ph_cell_text(text, sizeof(text),
			ph_value_get(ph_value_at(items, i), key),
			PH_CELL_TEXT));

		if (length > most)
			most = length;
	}
	return (int)most;
}

static void print_row(struct ph_value item, const struct widths *widths,
	struct row *row, const struct row *before, int64_t span)
{
	char from[ADDRESS];
	char to[ADDRESS];
	char state[20];
	char sent[24];
	char received[24];
	char total[24];
	char queue[24];
	char there[24];

	printf("%-*s %-*s %-9s %8s/s %8s/s %8s %8s %8s\n", widths->from,
		ph_cell_text(from, sizeof(from), ph_value_get(item, "from"),
			PH_CELL_TEXT),
		widths->to,
		ph_cell_text(
			to, sizeof(to), ph_value_get(item, "to"), PH_CELL_TEXT),
		ph_cell_text(state, sizeof(state), ph_value_get(item, "state"),
			PH_CELL_TEXT),
		ph_text_bytes(sent, sizeof(sent),
			before ? rate(row->sent, before->sent, span) : 0),
		ph_text_bytes(received, sizeof(received),
			before ? rate(row->received, before->received, span)
			       : 0),
		ph_text_bytes(queue, sizeof(queue),
			(double)ph_value_int(
				ph_value_path(item, "queue.bytes"), 0)),
		ph_text_bytes(there, sizeof(there),
			(double)ph_value_int(
				ph_value_path(item, "queue.there"), 0)),
		ph_text_bytes(total, sizeof(total), (double)row->received));
}

static void print_look(
	struct ph_value items, struct look *now, const struct look *before)
{
	struct widths widths = {
		widest(items, "from", "FROM"), widest(items, "to", "TO")};

	printf("%-*s %-*s %-9s %10s %10s %8s %8s %8s\n", widths.from, "FROM",
		widths.to, "TO", "STATE", "SENT", "RECEIVED", "QUEUE", "THERE",
		"TOTAL");
	now->count = 0;
	for (size_t i = 0; i < ph_value_count(items) && i < TOP_ROWS; i++) {
		struct ph_value item = ph_value_at(items, i);
		struct row *row = &now->rows[now->count++];

		ph_get_copy(item, "id", row->id, sizeof(row->id));
		row->sent = ph_value_u64(ph_value_path(item, "sent.bytes"), 0);
		row->received =
			ph_value_u64(ph_value_path(item, "received.bytes"), 0);
		print_row(item, &widths, row, find_row(before, row->id),
			now->when - before->when);
	}
	fflush(stdout);
}

static int take_look(struct ph_cli *cli, struct look *now,
	const struct look *before, bool clear)
{
	struct ph_gathered gathered;
	int code = ph_gather(cli, PH_CONTROL_LIST, NULL, NULL, &gathered);

	if (code)
		return code;
	now->when = ph_clock_real.now(&ph_clock_real);
	if (cli->json) {
		code = ph_cli_envelope(cli, gathered.items);
		fflush(stdout);
	} else {
		if (clear)
			printf("\033[H\033[J");
		print_look(gathered.items, now, before);
	}
	ph_gathered_free(&gathered);
	return code;
}

int ph_cmd_top(struct ph_cli *cli)
{
	struct look *looks = calloc(2, sizeof(*looks));
	bool tty = isatty(STDOUT_FILENO) && !cli->json;
	/* Into a pipe: two looks, so that there is a rate. */
	long left = cli->count > 0 ? cli->count : (tty ? -1 : 2);
	int code = 0;
	unsigned turn = 0;

	if (!looks || cli->argc) {
		free(looks);
		return ph_cli_usage(cli, "top");
	}
	while (!code && left != 0) {
		code = take_look(cli, &looks[turn & 1], &looks[~turn & 1], tty);
		turn++;
		if (left > 0)
			left--;
		if (left)
			poll(NULL, 0, 1000);
	}
	free(looks);
	return code;
}
