#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cli.h"
#include "node/json.h"
#include "node/table.h"

/*
 * `peers`: who is proven or was told of (mesh.peers), and who else is heard on
 * the wires (discovery.neighbours): switches, other LLDP agents, strangers.
 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ph_column peer_columns[] = {
	{"NODE", "node", PH_CELL_TEXT},
	{"ID", "id", PH_CELL_SHORT},
	{"STATE", "state", PH_CELL_TEXT},
	{"LINE", "line", PH_CELL_TEXT},
	{"SINCE", "since", PH_CELL_AGE},
	{"ROLE", "role", PH_CELL_DASH},
	{"PROVEN BY", "proven_by", PH_CELL_DASH},
	{"HEARD BY", "heard_by", PH_CELL_DASH},
	{"MENU", "menu", PH_CELL_DASH},
	{"ADDRESSES", "addresses", PH_CELL_LIST},
	{"CAPS", "caps", PH_CELL_LIST},
};

static const struct ph_column neighbour_columns[] = {
	{"NEIGHBOUR", "node", PH_CELL_DASH},
	{"ID", "id", PH_CELL_TEXT},
	{"PORT", "port", PH_CELL_DASH},
	{"KIND", "standing", PH_CELL_TEXT},
	{"ON", "interface", PH_CELL_DASH},
	{"HEARD BY", "carriers", PH_CELL_LIST},
	{"HEARD", "heard", PH_CELL_AGE},
	{"ADDRESSES", "addresses", PH_CELL_LIST},
	{"CAPS", "caps", PH_CELL_LIST},
	{"DESCRIPTION", "description", PH_CELL_DASH},
};

static const struct ph_column revoked_columns[] = {
	{"REVOKED", "node", PH_CELL_DASH},
	{"ID", "id", PH_CELL_SHORT},
	{"SINCE", "since", PH_CELL_AGE},
};

/* What there is to show. */
struct lists {
	struct ph_value peers;
	struct ph_value neighbours;
	struct ph_value revoked;
};

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

static bool is_peer(struct ph_value peers, struct ph_value neighbour)
{
	char id[300];

	ph_get_copy(neighbour, "id", id, sizeof(id));
	for (size_t i = 0; i < ph_value_count(peers); i++)
		if (ph_value_is(ph_value_get(ph_value_at(peers, i), "id"), id))
			return true;
	return false;
}

static void write_revoked(struct ph_writer *writer, struct ph_value revoked)
{
	ph_write_map(writer);
	ph_put_value(writer, "node", ph_value_get(revoked, "node"));
	ph_put_value(writer, "id", ph_value_get(revoked, "id"));
	ph_put_text(writer, "state", "revoked");
	ph_put_text(writer, "line", "down");
	ph_put_list(writer, "addresses");
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	ph_write_end(writer);
	ph_put_text(writer, "heard_by", "");
	ph_put_value(writer, "since", ph_value_get(revoked, "since"));
	ph_write_end(writer);
}

/* All lists as one, for scripts: a neighbour is a peer without a line. */
static void write_items(struct ph_writer *writer, const struct lists *lists)
{
	char key[64];

	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(lists->peers); i++)
		ph_write_value(writer, ph_value_at(lists->peers, i));
	for (size_t i = 0; i < ph_value_count(lists->revoked); i++)
		write_revoked(writer, ph_value_at(lists->revoked, i));
	for (size_t i = 0; i < ph_value_count(lists->neighbours); i++) {
		struct ph_value item = ph_value_at(lists->neighbours, i);

		if (is_peer(lists->peers, item))
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "line", "down");
		ph_put_text(writer, "heard_by", "ethernet");
		for (size_t k = 0; k < ph_value_count(item); k++) {
			ph_value_copy(ph_value_key(item, k), key, sizeof(key));
			if (strcmp(key, "line") && strcmp(key, "heard_by"))
				ph_put_value(
					writer, key, ph_value_item(item, k));
		}
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static int print_json(struct ph_cli *cli, const struct lists *lists)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	write_items(writer, lists);
	return ph_cli_written(cli, writer);
}

static void print_tables(const struct lists *lists)
{
	struct ph_value peers = lists->peers;
	struct ph_value neighbours = lists->neighbours;
	size_t most = ph_value_count(peers) + ph_value_count(neighbours) + 1;
	struct ph_value *rows = calloc(most, sizeof(*rows));
	size_t count = ph_value_count(peers);

	if (!rows)
		abort();
	for (size_t i = 0; i < count; i++)
		rows[i] = ph_value_at(peers, i);
	ph_table_print(stdout, peer_columns, COUNT(peer_columns), rows, count);
	count = 0;
	for (size_t i = 0; i < ph_value_count(neighbours); i++)
		if (!is_peer(peers, ph_value_at(neighbours, i)))
			rows[count++] = ph_value_at(neighbours, i);
	if (count) {
		printf("\n");
		ph_table_print(stdout, neighbour_columns,
			COUNT(neighbour_columns), rows, count);
	}
	free(rows);
	if (!ph_value_count(lists->revoked))
		return;
	printf("\n");
	ph_table_items(stdout, revoked_columns, COUNT(revoked_columns),
		lists->revoked);
}

static int list_peers(struct ph_cli *cli)
{
	struct lists lists = {0};
	struct ph_reply peers;
	struct ph_reply heard;
	struct ph_error error;
	int code = ph_cli_call(cli, PH_MESH_PEERS, NULL, &peers);

	if (code)
		return code;
	/* A node with --discovery off hears nobody. */
	if (!ph_client_call(cli->client, cli->node, PH_DISCOVERY_NEIGHBOURS,
		    NULL, cli->timeout, &heard, &error))
		lists.neighbours = ph_value_get(heard.body, "items");
	lists.peers = ph_value_get(peers.body, "items");
	lists.revoked = ph_value_get(peers.body, "revoked");
	if (cli->json)
		code = print_json(cli, &lists);
	else
		print_tables(&lists);
	ph_reply_free(&heard);
	ph_reply_free(&peers);
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
