#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int print_menu(struct ph_cli *cli, struct ph_reply *reply)
{
	struct ph_value items = ph_value_get(reply->body, "items");
	int code = 0;

	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		print_terminals(items);
	ph_reply_free(reply);
	return code;
}

static int print_guests(struct ph_cli *cli, uint16_t method)
{
	struct ph_reply reply;
	int code = ph_cli_call(
		cli, method, ph_cli_argument("mask", cli->mask), &reply);

	return code ? code : print_menu(cli, &reply);
}

int ph_cmd_guests(struct ph_cli *cli)
{
	return cli->argc ? ph_cli_usage(cli, "guests")
			 : print_guests(cli, PH_HOSTESS_GUESTS);
}

/* Away: what it offered when it was last asked, and how long ago. */
static int print_last_menu(struct ph_cli *cli, const struct ph_error *away)
{
	struct ph_reply reply;
	struct ph_error error;
	struct ph_value item;
	char age[32];
	struct ph_writer *asked = ph_cli_argument("node", cli->node);
	int code = ph_client_call(cli->client, "", PH_DISCOVERY_MENU, asked,
		cli->timeout, &reply, &error);

	ph_writer_free(asked);
	if (code) {
		ph_reply_free(&reply);
		return ph_cli_fail(cli, away);
	}
	item = ph_value_at(ph_value_get(reply.body, "items"), 0);
	fprintf(stderr,
		"posthouse: %s: %s\n"
		"  what follows it offered %s ago\n",
		cli->node, away->what,
		ph_text_age(age, sizeof(age), ph_get_int(item, "fetched")));
	if (cli->json)
		code = ph_cli_envelope(cli, ph_value_get(item, "menu"));
	else
		print_terminals(ph_value_get(item, "menu"));
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_menu(struct ph_cli *cli)
{
	struct ph_error error;
	struct ph_reply reply;
	struct ph_writer *mask;
	int code;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "menu");
	if (cli->argc)
		cli->node = cli->argv[0];
	mask = ph_cli_argument("mask", cli->mask);
	code = ph_client_call(cli->client, cli->node, PH_HOSTESS_MENU, mask,
		cli->timeout, &reply, &error);
	ph_writer_free(mask);
	if (!code)
		return print_menu(cli, &reply);
	ph_reply_free(&reply);
	if (cli->node[0] && !cli->mask &&
		(error.exit == PH_EXIT_UNREACHABLE ||
			error.exit == PH_EXIT_TIMEOUT))
		return print_last_menu(cli, &error);
	return ph_cli_fail(cli, &error);
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
