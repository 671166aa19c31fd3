#include <stdio.h>
#include <string.h>

#include "node/cli.h"
#include "node/table.h"

/* token: what lets a program or a browser do more by HTTP than look. */

static const struct ph_column columns[] = {
	{"ID", "id", PH_CELL_TEXT},
	{"ROLE", "role", PH_CELL_TEXT},
	{"UNTIL", "until", PH_CELL_DATE},
	{"STALE", "stale", PH_CELL_TEXT},
	{"WHOSE", "label", PH_CELL_TEXT},
};

static int revoke(struct ph_cli *cli, const char *id)
{
	struct ph_reply reply;
	int code = ph_cli_call(
		cli, PH_WEB_REVOKE, ph_cli_argument("id", id), &reply);

	if (code)
		return code;
	ph_reply_free(&reply);
	return ph_cli_done(cli, "revoked", "id", id);
}

static int make(struct ph_cli *cli, const char *role)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	struct ph_value items;
	char token[80];
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "role", role);
	if (cli->lasts)
		ph_put_int(writer, "for", cli->lasts);
	if (cli->reason)
		ph_put_text(writer, "label", cli->reason);
	ph_write_end(writer);
	code = ph_cli_call(cli, PH_WEB_TOKEN, writer, &reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		printf("%s\n", ph_get_copy(ph_value_at(items, 0), "token",
				       token, sizeof(token)));
	ph_reply_free(&reply);
	return code;
}

static int revoke_nothing(const struct ph_cli *cli)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_USAGE, "token revoke",
		"posthouse token revoke ID; posthouse token list tells the ids",
		"ID is missing");
	return ph_cli_fail(cli, &error);
}

int ph_cmd_token(struct ph_cli *cli)
{
	if (cli->argc == 1 && !strcmp(cli->argv[0], "list"))
		return ph_cli_list(cli, PH_WEB_TOKENS, columns,
			sizeof(columns) / sizeof(columns[0]), "no token");
	if (cli->argc == 2 && !strcmp(cli->argv[0], "revoke"))
		return revoke(cli, cli->argv[1]);
	if (cli->argc == 1 && !strcmp(cli->argv[0], "revoke"))
		return revoke_nothing(cli);
	if (cli->argc > 1)
		return ph_cli_usage(cli, "token");
	return make(cli, cli->argc ? cli->argv[0] : "admin");
}
