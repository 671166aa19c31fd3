#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cli.h"
#include "node/gather.h"
#include "node/json.h"
#include "node/table.h"

/* The commands that look: one call (or one to every node), then columns. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int print_items(struct ph_cli *cli, const struct ph_column *columns,
	size_t count, struct ph_value items)
{
	if (cli->json)
		return ph_cli_envelope(cli, items);
	ph_table_items(stdout, columns, count, items);
	return 0;
}

int ph_cmd_status(struct ph_cli *cli)
{
	struct ph_reply reply;
	struct ph_value items;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "status");
	code = ph_cli_call(cli, PH_NODE_STATUS, NULL, &reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		ph_value_print(stdout, ph_value_at(items, 0), 0);
	ph_reply_free(&reply);
	return code;
}

static int change_peer(struct ph_cli *cli, uint16_t method, const char *done)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (cli->argc != 2)
		return ph_cli_usage(cli, "peers");
	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "node", cli->argv[1]);
	if (cli->reason)
		ph_put_text(writer, "reason", cli->reason);
	ph_write_end(writer);
	code = ph_cli_call(cli, method, writer, &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	return ph_cli_done(cli, done, "node", cli->argv[1]);
}

static int list_peers(struct ph_cli *cli)
{
	static const struct ph_column columns[] = {
		{"NODE", "node", PH_CELL_TEXT},
		{"ID", "id", PH_CELL_SHORT},
		{"STATE", "state", PH_CELL_TEXT},
		{"LINE", "line", PH_CELL_TEXT},
		{"SINCE", "since", PH_CELL_AGE},
		{"ROLE", "role", PH_CELL_DASH},
		{"PROVEN BY", "proven_by", PH_CELL_DASH},
		{"HEARD BY", "heard_by", PH_CELL_DASH},
		{"ADDRESSES", "addresses", PH_CELL_LIST},
	};
	struct ph_reply reply;
	int code = ph_cli_call(cli, PH_MESH_PEERS, NULL, &reply);

	if (code)
		return code;
	code = print_items(cli, columns, COUNT(columns),
		ph_value_get(reply.body, "items"));
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_peers(struct ph_cli *cli)
{
	int code;

	if (cli->argc && !strcmp(cli->argv[0], "forget"))
		return change_peer(cli, PH_MESH_FORGET, "forgot");
	if (cli->argc && !strcmp(cli->argv[0], "revoke"))
		return change_peer(cli, PH_MESH_REVOKE, "revoked");
	if (cli->argc)
		return ph_cli_usage(cli, "peers");
	code = list_peers(cli);
	while (!code && cli->watch) {
		fflush(stdout);
		poll(NULL, 0, 1000);
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[J");
		code = list_peers(cli);
	}
	return code;
}

/* One row a terminal: the guest book is a book of terminals. */
static void write_terminals(struct ph_writer *writer, struct ph_value guest)
{
	struct ph_value terminals = ph_value_get(guest, "terminals");
	char identity[520];

	for (size_t i = 0; i < ph_value_count(terminals); i++) {
		struct ph_value terminal = ph_value_at(terminals, i);

		ph_write_map(writer);
		ph_put_value(writer, "node", ph_value_get(guest, "node"));
		ph_put_value(writer, "server", ph_value_get(guest, "server"));
		ph_put_value(
			writer, "terminal", ph_value_get(terminal, "name"));
		ph_put_value(writer, "direction",
			ph_value_get(terminal, "direction"));
		ph_put_value(writer, "type", ph_value_get(terminal, "type"));
		ph_put_value(
			writer, "in_use", ph_value_get(terminal, "in_use"));
		ph_put_value(writer, "caps", ph_value_get(guest, "caps"));
		ph_put_text(writer, "identity",
			ph_get_copy(
				guest, "identity", identity, sizeof(identity)));
		ph_write_end(writer);
	}
}

static void print_terminals(struct ph_value items)
{
	static const struct ph_column columns[] = {
		{"NODE", "node", PH_CELL_DASH},
		{"SERVER", "server", PH_CELL_TEXT},
		{"TERMINAL", "terminal", PH_CELL_TEXT},
		{"KIND", "direction", PH_CELL_TEXT},
		{"TYPE", "type", PH_CELL_DASH},
		{"IN USE", "in_use", PH_CELL_TEXT},
		{"CAPS", "caps", PH_CELL_LIST},
		{"IDENTITY", "identity", PH_CELL_TEXT},
	};
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(items); i++)
		write_terminals(writer, ph_value_at(items, i));
	ph_write_end(writer);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		ph_table_items(stdout, columns, COUNT(columns),
			ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

static int print_guests(struct ph_cli *cli, uint16_t method)
{
	struct ph_reply reply;
	struct ph_value items;
	int code = ph_cli_call(
		cli, method, ph_cli_argument("mask", cli->mask), &reply);

	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		print_terminals(items);
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_guests(struct ph_cli *cli)
{
	return cli->argc ? ph_cli_usage(cli, "guests")
			 : print_guests(cli, PH_HOSTESS_GUESTS);
}

int ph_cmd_menu(struct ph_cli *cli)
{
	if (cli->argc > 1)
		return ph_cli_usage(cli, "menu");
	if (cli->argc)
		cli->node = cli->argv[0];
	return print_guests(cli, PH_HOSTESS_MENU);
}

static int print_gathered(struct ph_cli *cli, uint16_t method,
	const struct ph_column *columns, size_t count)
{
	struct ph_gathered gathered;
	int code = ph_gather(cli, method, NULL, NULL, &gathered);

	if (code)
		return code;
	code = print_items(cli, columns, count, gathered.items);
	ph_gathered_free(&gathered);
	return code;
}

int ph_cmd_connections(struct ph_cli *cli)
{
	static const struct ph_column columns[] = {
		{"ID", "id", PH_CELL_TEXT},
		{"FROM", "from", PH_CELL_TEXT},
		{"TO", "to", PH_CELL_TEXT},
		{"STATE", "state", PH_CELL_TEXT},
		{"VIA", "transport", PH_CELL_DASH},
		{"SENT", "sent.bytes", PH_CELL_BYTES},
		{"RECEIVED", "received.bytes", PH_CELL_BYTES},
		{"QUEUE", "queue.bytes", PH_CELL_BYTES},
		{"REASON", "reason", PH_CELL_DASH},
	};

	return cli->argc ? ph_cli_usage(cli, "connections")
			 : print_gathered(cli, PH_CONTROL_LIST, columns,
				   COUNT(columns));
}

int ph_cmd_servers(struct ph_cli *cli)
{
	static const struct ph_column columns[] = {
		{"NODE", "node", PH_CELL_TEXT},
		{"SERVER", "name", PH_CELL_TEXT},
		{"STATE", "state", PH_CELL_TEXT},
		{"KIND", "kind", PH_CELL_TEXT},
		{"PLACEMENT", "placement", PH_CELL_DASH},
		{"WHAT", "what", PH_CELL_TEXT},
		{"PID", "pid", PH_CELL_DASH},
		{"RESTARTS", "restarts", PH_CELL_TEXT},
		{"SCOPE", "scope", PH_CELL_DASH},
		{"REASON", "reason", PH_CELL_DASH},
	};

	return cli->argc ? ph_cli_usage(cli, "servers")
			 : print_gathered(cli, PH_EXECUTOR_LIST, columns,
				   COUNT(columns));
}

/* `node/server:terminal` asks that node; an id says which node it is of. */
static void aim_at_node(
	struct ph_cli *cli, const char *address, char *node, size_t size)
{
	size_t length = strcspn(address, "/#");

	if (cli->node[0] || !address[length] || length >= size)
		return;
	memcpy(node, address, length);
	node[length] = 0;
	cli->node = node;
}

int ph_cmd_show(struct ph_cli *cli)
{
	struct ph_reply reply;
	struct ph_value items;
	char node[40];
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "show");
	aim_at_node(cli, cli->argv[0], node, sizeof(node));
	code = ph_cli_call(cli, PH_CONTROL_SHOW,
		ph_cli_argument("address", cli->argv[0]), &reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		ph_value_print(stdout, items, 0);
	ph_reply_free(&reply);
	return code;
}
