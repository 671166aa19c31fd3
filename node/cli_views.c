#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/graph.h"
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

/* With what a renderer wants to know of each. */
static int print_placed(struct ph_cli *cli)
{
	struct ph_document *document = NULL;
	struct ph_writer *writer = NULL;
	struct ph_gathered gathered;
	int code = ph_gather(cli, PH_CONTROL_LIST, NULL, NULL, &gathered);

	if (code)
		return code;
	if (!ph_writer_create(&writer) &&
		!ph_graph_write_connections(writer, gathered.items) &&
		!ph_document_written(&document, writer, PH_SKIM_TABLE))
		code = ph_cli_envelope(cli, ph_document_root(document));
	else
		code = ph_cli_envelope(cli, gathered.items);
	ph_document_free(document);
	ph_writer_free(writer);
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

	if (cli->argc)
		return ph_cli_usage(cli, "connections");
	return cli->json ? print_placed(cli)
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
		{"CONFINE", "confine", PH_CELL_DASH},
		{"SCOPE", "scope", PH_CELL_DASH},
		{"STATUS", "status", PH_CELL_DASH},
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
