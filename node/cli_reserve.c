#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostess/reservation.h"
#include "node/cli.h"
#include "node/table.h"
#include "proto/address.h"
#include "proto/auth.h"
#include "proto/secret.h"

/* reserve, release. */

/* A token's file: its first line. */
static int read_token(
	const char *path, char token[PH_AUTH_TOKEN + 2], struct ph_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, token, PH_AUTH_TOKEN + 1);

	if (fd >= 0)
		close(fd);
	if (got < 0)
		return ph_fail(error, PH_EXIT_NOT_FOUND, path,
			"name a file that holds the token",
			"cannot be read: %m");
	token[got] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	if (!*token || strlen(token) > PH_AUTH_TOKEN)
		return ph_fail(error, PH_EXIT_USAGE, path,
			"put the token into its first line",
			"a token has 1 to %d bytes", PH_AUTH_TOKEN);
	return 0;
}

static int write_address(
	struct ph_cli *cli, struct ph_writer *writer, struct ph_error *error)
{
	struct ph_place place;

	if (ph_place_parse(&place, cli->argv[0]) < 0)
		return ph_fail(error, PH_EXIT_USAGE, cli->argv[0],
			"write NODE/SERVER:TERMINAL, or NODE/SERVER",
			"that is no address");
	if (*place.node)
		ph_put_text(writer, "node", place.node);
	else if (*cli->node)
		ph_put_text(writer, "node", cli->node);
	ph_put_text(writer, "server", place.server);
	if (*place.terminal)
		ph_put_text(writer, "terminal", place.terminal);
	return 0;
}

static void write_call(struct ph_writer *writer)
{
	uint8_t random[12];
	char call[2 * sizeof(random) + 1];

	ph_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(call + 2 * i, 3, "%02x", random[i]);
	ph_put_text(writer, "call", call);
}

static int write_hold(
	struct ph_cli *cli, struct ph_writer *writer, struct ph_error *error)
{
	char token[PH_AUTH_TOKEN + 2];

	if (cli->argc && write_address(cli, writer, error))
		return -1;
	if (!cli->argc) {
		ph_put_text(writer, "mask", cli->mask);
		if (*cli->node)
			ph_put_text(writer, "node", cli->node);
	}
	if (cli->lasts > PH_HOLD_MOST || cli->wait > PH_HOLD_MOST)
		return ph_fail(error, PH_EXIT_USAGE,
			cli->lasts > PH_HOLD_MOST ? "--for" : "--wait",
			"give it up to 1h", "that is longer than an hour");
	if (cli->count > 0)
		ph_put_int(writer, "count", cli->count);
	if (cli->lasts)
		ph_put_int(writer, "for_ms", cli->lasts / PH_MILLISECOND);
	if (cli->wait)
		ph_put_int(writer, "wait_ms", cli->wait / PH_MILLISECOND);
	if (cli->auth_file) {
		if (read_token(cli->auth_file, token, error))
			return -1;
		ph_put_text(writer, "auth", token);
		ph_wipe(token, sizeof(token));
	}
	write_call(writer);
	return 0;
}

static int print_held(struct ph_cli *cli, struct ph_value items)
{
	static const struct ph_column columns[] = {
		{"ID", "id", PH_CELL_TEXT},
		{"NODE", "node", PH_CELL_TEXT},
		{"SERVER", "server", PH_CELL_TEXT},
		{"TERMINAL", "terminal", PH_CELL_DASH},
		{"KIND", "direction", PH_CELL_DASH},
		{"TYPE", "type", PH_CELL_DASH},
		{"LASTS MS", "lasts_ms", PH_CELL_TEXT},
		{"IDENTITY", "identity", PH_CELL_TEXT},
	};

	if (cli->json)
		return ph_cli_envelope(cli, items);
	ph_table_items(
		stdout, columns, sizeof(columns) / sizeof(columns[0]), items);
	return 0;
}

int ph_cmd_reserve(struct ph_cli *cli)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	struct ph_error error;
	int code;

	if (cli->argc > 1 || (cli->argc == 1) == (cli->mask != NULL) ||
		cli->watch)
		return ph_cli_usage(cli, "reserve");
	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	if (write_hold(cli, writer, &error)) {
		ph_writer_free(writer);
		return ph_cli_fail(cli, &error);
	}
	ph_write_end(writer);
	/* The local node asks others: what it holds there it knows then. */
	cli->node = "";
	cli->timeout += cli->wait;
	code = ph_cli_call(cli, PH_HOSTESS_HOLD, writer, &reply);
	if (code)
		return code;
	code = print_held(cli, ph_value_get(reply.body, "items"));
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_release(struct ph_cli *cli)
{
	struct ph_reply reply;
	char node[40];
	const char *id;
	int code;

	if (cli->argc != 1 || !strchr(cli->argv[0], '~'))
		return ph_cli_usage(cli, "release");
	id = cli->argv[0];
	snprintf(node, sizeof(node), "%.*s", (int)strcspn(id, "~"), id);
	cli->node = node;
	code = ph_cli_call(
		cli, PH_HOSTESS_RELEASE, ph_cli_argument("id", id), &reply);
	cli->node = "";
	if (code)
		return code;
	ph_reply_free(&reply);
	return ph_cli_done(cli, "released", "id", id);
}
