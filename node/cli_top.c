#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/cli.h"
#include "node/gather.h"
#include "node/table.h"

/*
 * Rates and queues of every connection of the mesh, once a second. The nodes
 * keep the rates (proto/rate.h); nothing subscribes to anything.
 */
#define TOP_ROWS 512
#define ADDRESS	 128

struct widths {
	int from;
	int to;
};

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

static const char *bytes_at(
	char text[24], struct ph_value item, const char *path)
{
	return ph_text_bytes(
		text, 24, (double)ph_value_u64(ph_value_path(item, path), 0));
}

static void print_row(struct ph_value item, const struct widths *widths)
{
	char from[ADDRESS];
	char to[ADDRESS];
	char state[20];
	char cells[6][24];

	printf("%-*s %-*s %-9s %8s/s %8s/s %8s/s %7llu %8s %8s %8s\n",
		widths->from,
		ph_cell_text(from, sizeof(from), ph_value_get(item, "from"),
			PH_CELL_TEXT),
		widths->to,
		ph_cell_text(
			to, sizeof(to), ph_value_get(item, "to"), PH_CELL_TEXT),
		ph_cell_text(state, sizeof(state), ph_value_get(item, "state"),
			PH_CELL_TEXT),
		bytes_at(cells[0], item, "rate.1s.sent_bps"),
		bytes_at(cells[1], item, "rate.1s.received_bps"),
		bytes_at(cells[2], item, "rate.10s.sent_bps"),
		(unsigned long long)ph_value_u64(
			ph_value_path(item, "rate.1s.sent_mps"), 0),
		bytes_at(cells[3], item, "queue.bytes"),
		bytes_at(cells[4], item, "queue.there"),
		bytes_at(cells[5], item, "received.bytes"));
}

static void print_look(struct ph_value items)
{
	struct widths widths = {
		widest(items, "from", "FROM"), widest(items, "to", "TO")};

	printf("%-*s %-*s %-9s %10s %10s %10s %7s %8s %8s %8s\n", widths.from,
		"FROM", widths.to, "TO", "STATE", "SENT", "RECEIVED",
		"SENT 10s", "MSGS/s", "QUEUE", "THERE", "TOTAL");
	for (size_t i = 0; i < ph_value_count(items) && i < TOP_ROWS; i++)
		print_row(ph_value_at(items, i), &widths);
	fflush(stdout);
}

static int take_look(struct ph_cli *cli, bool clear)
{
	struct ph_gathered gathered;
	int code = ph_gather(cli, PH_CONTROL_LIST, NULL, NULL, &gathered);

	if (code)
		return code;
	if (cli->json) {
		code = ph_cli_envelope(cli, gathered.items);
		fflush(stdout);
	} else {
		if (clear)
			printf("\033[H\033[J");
		print_look(gathered.items);
	}
	ph_gathered_free(&gathered);
	return code;
}

int ph_cmd_top(struct ph_cli *cli)
{
	bool tty = isatty(STDOUT_FILENO) && !cli->json;
	long left = cli->count > 0 ? cli->count : (tty ? -1 : 1);
	int code = 0;

	if (cli->argc)
		return ph_cli_usage(cli, "top");
	while (!code && left != 0) {
		code = take_look(cli, tty);
		if (left > 0)
			left--;
		if (left)
			poll(NULL, 0, 1000);
	}
	return code;
}
