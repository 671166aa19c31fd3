#include <stdio.h>
#include <string.h>

#include "node/cli.h"

/* interpose, withdraw. A connection belongs to the node in its id. */

static int change(struct ph_cli *cli, uint16_t method)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "connection", cli->argv[0]);
	ph_put_text(writer, "server", cli->argv[1]);
	if (cli->on_crash)
		ph_put_text(writer, "on_crash", cli->on_crash);
	if (cli->reason)
		ph_put_text(writer, "why", cli->reason);
	ph_write_end(writer);
	code = ph_cli_call(cli, method, writer, &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	return 0;
}

/* What changed, in words or as the connection is now. */
static int show(struct ph_cli *cli, const char *words)
{
	struct ph_reply reply;
	int code;

	if (!cli->json) {
		printf("%s %s %s\n", cli->argv[1], words, cli->argv[0]);
		return 0;
	}
	code = ph_cli_call(cli, PH_CONTROL_LIST,
		ph_cli_argument("address", cli->argv[0]), &reply);
	if (code)
		return code;
	code = ph_cli_envelope(cli, ph_value_get(reply.body, "items"));
	ph_reply_free(&reply);
	return code;
}

static int change_and_show(
	struct ph_cli *cli, uint16_t method, const char *words)
{
	char node[40];
	int code;

	snprintf(node, sizeof(node), "%.*s", (int)strcspn(cli->argv[0], "#"),
		cli->argv[0]);
	if (!cli->node[0] && strchr(cli->argv[0], '#'))
		cli->node = node;
	code = change(cli, method);
	if (!code)
		code = show(cli, words);
	cli->node = "";
	return code;
}

int ph_cmd_interpose(struct ph_cli *cli)
{
	if (cli->argc != 2)
		return ph_cli_usage(cli, "interpose");
	return change_and_show(cli, PH_CONTROL_INTERPOSE, "is in");
}

int ph_cmd_withdraw(struct ph_cli *cli)
{
	if (cli->argc != 2)
		return ph_cli_usage(cli, "withdraw");
	return change_and_show(cli, PH_CONTROL_WITHDRAW, "is out of");
}
