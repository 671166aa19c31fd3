#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/cli.h"
#include "node/table.h"
#include "proto/server.h"

/* `probe NODE|local`: begins one, tells how far it is, shows the matrix. */

#define ASK_EVERY_MS 100

static const struct ph_column columns[] = {
	{"ADDRESS", "address", PH_CELL_TEXT},
	{"PORT", "port", PH_CELL_TEXT},
	{"TRANSPORT", "transport", PH_CELL_TEXT},
	{"VERDICT", "verdict", PH_CELL_TEXT},
	{"RTT US", "rtt_us", PH_CELL_TEXT},
	{"MAPPED", "mapped_port", PH_CELL_DASH},
	{"ERROR", "error", PH_CELL_DASH},
};

static int begin(struct ph_cli *cli, struct ph_reply *reply)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	if (strcmp(cli->argv[0], "local") != 0)
		ph_put_text(writer, "node", cli->argv[0]);
	if (cli->range)
		ph_put_text(writer, "range", cli->range);
	ph_put_bool(writer, "new", cli->fresh);
	ph_write_end(writer);
	return ph_cli_call(cli, PH_PROBE_RUN, writer, reply);
}

/* On a terminal the line is written over; a log gets one for each tenth. */
static void tell(struct ph_value status, unsigned *last)
{
	unsigned total = (unsigned)ph_get_u64(status, "total");
	unsigned done = (unsigned)ph_get_u64(status, "done");
	unsigned tenth = total ? done * 10 / total : 0;
	bool terminal = isatty(STDERR_FILENO);

	if (!total || (!terminal && tenth + 1 == *last))
		return;
	fprintf(stderr, "%s%u of %u points%s", terminal ? "\r" : "", done,
		total, terminal && done < total ? "" : "\n");
	*last = tenth + 1;
}

static bool is_over(struct ph_value status)
{
	struct ph_value state = ph_value_get(status, "state");

	return ph_value_is(state, "done") || ph_value_is(state, "failed");
}

/* How many answers the node may fail to give; then it is told. */
static int wait_for(struct ph_cli *cli, const char *id, struct ph_reply *reply)
{
	unsigned last = 0;
	int code;

	for (;;) {
		code = ph_cli_call(
			cli, PH_PROBE_STATUS, ph_cli_argument("id", id), reply);
		if (code)
			return code;
		tell(reply->body, &last);
		if (is_over(reply->body))
			return 0;
		ph_reply_free(reply);
		poll(NULL, 0, ASK_EVERY_MS);
	}
}

static void show(struct ph_cli *cli, struct ph_value items)
{
	unsigned verified = 0;
	size_t count = ph_value_count(items);

	for (size_t i = 0; i < count; i++)
		verified += ph_value_is(
			ph_value_get(ph_value_at(items, i), "verdict"),
			"open-verified");
	ph_table_items(
		stdout, columns, sizeof(columns) / sizeof(columns[0]), items);
	fprintf(stderr, "%u of %zu ways work\n", verified, count);
}

/* A probe that was refused tells why; its matrix is shown all the same. */
static int end(struct ph_cli *cli, struct ph_value status)
{
	struct ph_value items = ph_value_get(status, "items");
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	int code = 0;

	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else if (ph_value_count(items))
		show(cli, items);
	if (!ph_value_is(ph_value_get(status, "state"), "failed"))
		return code;
	error.exit = (enum ph_exit)ph_get_int(status, "exit");
	ph_get_copy(status, "where", error.where, sizeof(error.where));
	ph_get_copy(status, "what", error.what, sizeof(error.what));
	ph_get_copy(status, "next", error.next, sizeof(error.next));
	return ph_cli_fail(cli, &error);
}

int ph_cmd_probe(struct ph_cli *cli)
{
	struct ph_reply reply;
	char id[40];
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "probe");
	code = begin(cli, &reply);
	if (code)
		return code;
	ph_get_copy(reply.body, "id", id, sizeof(id));
	ph_reply_free(&reply);
	code = wait_for(cli, id, &reply);
	if (!code) {
		code = end(cli, reply.body);
		ph_reply_free(&reply);
	}
	return code;
}
