#include <stdio.h>
#include <string.h>

#include "kernel/clock.h"
#include "node/cli.h"
#include "node/table.h"
#include "proto/run_end.h"

/* monitor: waits for a server or a node to be no more, and says why. */

/* A call lasts so long at most; another goes on where it ended. */
#define STRETCH (60 * PH_SECOND)

static const struct ph_column columns[] = {
	{"MONITOR", "monitor", PH_CELL_TEXT},
	{"OF", "target", PH_CELL_TEXT},
	{"BY", "by", PH_CELL_TEXT},
	{"STATE", "state", PH_CELL_TEXT},
	{"AGE", "since", PH_CELL_AGE},
};

/* What there is no watching of is an error, not a notice. */
static int fail(const struct ph_cli *cli, const struct ph_run_end *end)
{
	struct ph_error error;

	if (end->cause == PH_END_NO_SUCH)
		ph_fail(&error, PH_EXIT_NOT_FOUND, cli->argv[0],
			"see posthouse servers, posthouse peers",
			"no such server, and no such node");
	else
		ph_fail(&error, PH_EXIT_NEGATIVE, cli->argv[0],
			"see posthouse servers", "%s%s%s",
			end->cause == PH_END_REFUSED ? "that node does not tell"
						     : "it does not run",
			end->reason[0] ? ": " : "", end->reason);
	return ph_cli_fail(cli, &error);
}

static int print_end(struct ph_cli *cli, struct ph_value items)
{
	struct ph_run_end end;
	char text[800];

	ph_run_end_read(&end, ph_value_at(items, 0));
	if (end.cause == PH_END_NO_SUCH || end.cause == PH_END_REFUSED ||
		end.cause == PH_END_NOT_RUNNING)
		return fail(cli, &end);
	if (cli->json)
		return ph_cli_envelope(cli, items);
	printf("%s: %s", cli->argv[0], ph_end_cause_name(end.cause));
	if (end.cause == PH_END_EXITED)
		printf(" %d", end.code);
	if (end.cause == PH_END_SIGNAL)
		printf(" %d", end.signal);
	if (end.reason[0])
		printf(" (%s)",
			ph_cell_text(text, sizeof(text),
				ph_value_get(ph_value_at(items, 0), "reason"),
				PH_CELL_TEXT));
	printf("\n");
	return 0;
}

static int set(struct ph_cli *cli, struct ph_value before, int64_t lasts,
	struct ph_reply *reply)
{
	struct ph_writer *writer;
	struct ph_error error;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "target", cli->argv[0]);
	if (ph_get_u64(before, "life")) {
		ph_put_u64(writer, "run", ph_get_u64(before, "run"));
		ph_put_u64(writer, "life", ph_get_u64(before, "life"));
	}
	ph_write_end(writer);
	code = ph_client_call(cli->client, cli->node, PH_MONITOR_SET, writer,
		lasts < STRETCH ? lasts : STRETCH, reply, &error);
	ph_writer_free(writer);
	return code ? ph_cli_fail(cli, &error) : 0;
}

static int watch(struct ph_cli *cli)
{
	int64_t until = cli->lasts
				? ph_clock_real.now(&ph_clock_real) + cli->lasts
				: INT64_MAX;
	struct ph_reply before = {0};
	struct ph_reply reply;
	struct ph_value items = {0};
	struct ph_error error;
	int64_t left;
	int code = 0;

	while ((left = until - ph_clock_real.now(&ph_clock_real)) > 0) {
		code = set(cli, ph_value_at(items, 0), left, &reply);
		ph_reply_free(&before);
		before = reply;
		if (code)
			break;
		items = ph_value_get(reply.body, "items");
		if (!ph_value_is(
			    ph_value_get(ph_value_at(items, 0), "cause"), "")) {
			code = print_end(cli, items);
			break;
		}
	}
	ph_reply_free(&before);
	if (left > 0)
		return code;
	ph_fail(&error, PH_EXIT_TIMEOUT, cli->argv[0], "wait longer: --for",
		"it is still there");
	return ph_cli_fail(cli, &error);
}

int ph_cmd_monitor(struct ph_cli *cli)
{
	if (!cli->argc)
		return ph_cli_list(cli, PH_MONITOR_LIST, columns,
			sizeof(columns) / sizeof(columns[0]),
			"nobody watches anything through this node");
	return cli->argc == 1 ? watch(cli) : ph_cli_usage(cli, "monitor");
}
