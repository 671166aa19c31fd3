#include <stdio.h>
#include <string.h>

#include "node/cli.h"
#include "node/gather.h"
#include "node/table.h"

/* connect, disconnect, move, diff, revert. A connection belongs to the node of
 * its output, which stands in its id and in the output's address. */

/* The node before the slash of an address, or before the # of an id. */
static void choose_node(
	struct ph_cli *cli, const char *text, char *node, size_t size)
{
	size_t length = strcspn(text, "/#:");

	if (cli->node[0] || !text[length] || text[length] == ':')
		return;
	snprintf(node, size, "%.*s", (int)length, text);
	cli->node = node;
}

static void put_common(struct ph_cli *cli, struct ph_writer *writer)
{
	if (cli->lasts)
		ph_put_int(writer, "for", cli->lasts);
	if (cli->reason)
		ph_put_text(writer, "why", cli->reason);
}

/* What became of it, in words or as it was answered. */
static int tell(struct ph_cli *cli, struct ph_value body)
{
	char verb[24];
	char id[40];
	char from[160];
	char to[160];

	if (cli->json) {
		cli->node = "";
		return ph_cli_envelope_one(cli, body);
	}
	printf("%s %s: %s -> %s\n",
		ph_cell_text(verb, sizeof(verb), ph_value_get(body, "verb"),
			PH_CELL_TEXT),
		ph_cell_text(id, sizeof(id), ph_value_get(body, "override"),
			PH_CELL_TEXT),
		ph_cell_text(from, sizeof(from), ph_value_get(body, "from"),
			PH_CELL_TEXT),
		ph_cell_text(to, sizeof(to), ph_value_get(body, "to"),
			PH_CELL_TEXT));
	return 0;
}

static int change(struct ph_cli *cli, uint16_t method, struct ph_writer *writer)
{
	struct ph_reply reply;
	int code;

	put_common(cli, writer);
	ph_write_end(writer);
	code = ph_cli_call(cli, method, writer, &reply);
	if (code)
		return code;
	code = tell(cli, reply.body);
	ph_reply_free(&reply);
	return code;
}

static struct ph_writer *begin(struct ph_cli *cli)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return NULL;
	ph_write_map(writer);
	return writer;
}

/* The input's node, when none is said, is the one that is asked: here. */
static int put_input(
	struct ph_cli *cli, struct ph_writer *writer, const char *text)
{
	struct ph_reply reply;
	char whole[200];
	char name[40];
	int code;

	if (strchr(text, '/') || !cli->node[0]) {
		ph_put_text(writer, "to", text);
		return 0;
	}
	/* Typed here, said there: "here" has to be named. */
	const char *asked = cli->node;

	cli->node = "";
	code = ph_cli_call(cli, PH_NODE_STATUS, NULL, &reply);
	cli->node = asked;
	if (code)
		return code;
	ph_get_copy(ph_value_at(ph_value_get(reply.body, "items"), 0), "node",
		name, sizeof(name));
	ph_reply_free(&reply);
	snprintf(whole, sizeof(whole), "%s/%s", name, text);
	ph_put_text(writer, "to", whole);
	return 0;
}

/* With its token, as far as the local node knows it: the one that lays the
 * wire may be another than the one that holds the end. */
static void put_reservation(struct ph_cli *cli, struct ph_writer *writer)
{
	struct ph_writer *asked = ph_cli_argument("id", cli->reservation);
	struct ph_reply reply;
	struct ph_error error;
	const uint8_t *token = NULL;
	size_t length = 0;
	char text[160];
	int used = snprintf(text, sizeof(text), "%.90s", cli->reservation);

	if (!ph_client_call(cli->client, "", PH_HOSTESS_HELD, asked,
		    cli->timeout, &reply, &error))
		token = ph_value_bytes(
			ph_value_get(
				ph_value_at(
					ph_value_get(reply.body, "items"), 0),
				"token"),
			&length);
	if (token && length == 16)
		used += snprintf(text + used, sizeof(text) - used, "/");
	for (size_t i = 0; token && length == 16 && i < length; i++)
		used += snprintf(
			text + used, sizeof(text) - used, "%02x", token[i]);
	ph_put_text(writer, "reservation", text);
	ph_writer_free(asked);
	ph_reply_free(&reply);
}

int ph_cmd_connect(struct ph_cli *cli)
{
	struct ph_writer *writer;
	char node[40];
	int code;

	if (cli->argc != 2)
		return ph_cli_usage(cli, "connect");
	choose_node(cli, cli->argv[0], node, sizeof(node));
	writer = begin(cli);
	if (!writer)
		return PH_EXIT_NEGATIVE;
	ph_put_text(writer, "from", cli->argv[0]);
	code = put_input(cli, writer, cli->argv[1]);
	if (code) {
		ph_writer_free(writer);
		return code;
	}
	if (cli->on_full)
		ph_put_text(writer, "on_full", cli->on_full);
	if (cli->via)
		ph_put_text(writer, "via", cli->via);
	if (cli->reservation)
		put_reservation(cli, writer);
	return change(cli, PH_CONTROL_CONNECT, writer);
}

int ph_cmd_disconnect(struct ph_cli *cli)
{
	struct ph_writer *writer;
	char node[40];

	if (cli->argc != 1)
		return ph_cli_usage(cli, "disconnect");
	choose_node(cli, cli->argv[0], node, sizeof(node));
	writer = begin(cli);
	if (!writer)
		return PH_EXIT_NEGATIVE;
	ph_put_text(writer, "connection", cli->argv[0]);
	return change(cli, PH_CONTROL_DISCONNECT, writer);
}

int ph_cmd_move(struct ph_cli *cli)
{
	struct ph_writer *writer;
	char node[40];
	int code;

	if (cli->argc != 1 || !cli->to)
		return ph_cli_usage(cli, "move");
	choose_node(cli, cli->argv[0], node, sizeof(node));
	writer = begin(cli);
	if (!writer)
		return PH_EXIT_NEGATIVE;
	ph_put_text(writer, "connection", cli->argv[0]);
	code = put_input(cli, writer, cli->to);
	if (code) {
		ph_writer_free(writer);
		return code;
	}
	return change(cli, PH_CONTROL_MOVE, writer);
}

static const struct ph_column differences[] = {{"NODE", "node", PH_CELL_TEXT},
	{"ID", "id", PH_CELL_DASH}, {"WHAT", "kind", PH_CELL_TEXT},
	{"CHANGE", "verb", PH_CELL_DASH}, {"FROM", "from", PH_CELL_DASH},
	{"TO", "to", PH_CELL_DASH}, {"STATE", "state", PH_CELL_TEXT},
	{"WHO", "who", PH_CELL_DASH}, {"WHY", "why", PH_CELL_DASH},
	{"AGE", "since", PH_CELL_AGE}, {"REASON", "reason", PH_CELL_DASH}};

int ph_cmd_diff(struct ph_cli *cli)
{
	struct ph_gathered gathered;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "diff");
	code = ph_gather(cli, PH_CONTROL_DIFF, NULL, NULL, &gathered);
	if (code)
		return code;
	if (cli->json)
		code = ph_cli_envelope(cli, gathered.items);
	else if (!ph_value_count(gathered.items))
		printf("nothing differs from what is declared\n");
	else
		ph_table_items(stdout, differences,
			sizeof(differences) / sizeof(differences[0]),
			gathered.items);
	ph_gathered_free(&gathered);
	return code;
}

static int revert_one(struct ph_cli *cli, struct ph_writer *done,
	const char *node, const char *id)
{
	struct ph_reply reply;
	int code;

	cli->node = node;
	code = ph_cli_call(cli, PH_CONTROL_REVERT,
		ph_cli_argument("override", id), &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	ph_write_map(done);
	ph_put_text(done, "override", id);
	ph_put_text(done, "verb", "revert");
	ph_put_text(done, "node", node);
	ph_write_end(done);
	if (!cli->json)
		printf("reverted %s on %s\n", id, node);
	return 0;
}

/* A filter has no id: it is known by its connection. */
static int withdraw_one(struct ph_cli *cli, struct ph_writer *done,
	const char *node, struct ph_value item)
{
	struct ph_writer *writer = begin(cli);
	struct ph_reply reply;
	char connection[128];
	char filter[40];
	int code;

	if (!writer)
		return PH_EXIT_NEGATIVE;
	ph_get_copy(item, "connection", connection, sizeof(connection));
	ph_get_copy(item, "filter", filter, sizeof(filter));
	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "server", filter);
	ph_write_end(writer);
	cli->node = node;
	code = ph_cli_call(cli, PH_CONTROL_WITHDRAW, writer, &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	ph_write_map(done);
	ph_put_text(done, "override", "");
	ph_put_text(done, "verb", "withdraw");
	ph_put_text(done, "node", node);
	ph_put_text(done, "connection", connection);
	ph_put_text(done, "filter", filter);
	ph_write_end(done);
	if (!cli->json)
		printf("withdrew %s from %s\n", filter, connection);
	return 0;
}

static bool is_filter(struct ph_value item)
{
	return ph_value_is(ph_value_get(item, "verb"), "interpose");
}

/* Ids are a node's own: two nodes may have the same one. */
static int revert_listed(
	struct ph_cli *cli, struct ph_writer *done, struct ph_value items)
{
	bool all = !strcmp(cli->argv[0], "all");
	struct ph_error error;
	unsigned found = 0;
	int code = 0;

	for (size_t i = 0; i < ph_value_count(items) && !code; i++) {
		struct ph_value item = ph_value_at(items, i);
		char node[40];
		char id[40];

		ph_get_copy(item, "node", node, sizeof(node));
		ph_get_copy(item, "id", id, sizeof(id));
		if (all && is_filter(item))
			code = withdraw_one(cli, done, node, item);
		if (!id[0] || (!all && strcmp(id, cli->argv[0]) != 0))
			continue;
		found++;
		code = revert_one(cli, done, node, id);
	}
	cli->node = "";
	if (found || all)
		return code;
	ph_fail(&error, PH_EXIT_NOT_FOUND, cli->argv[0],
		"posthouse diff shows what was changed by hand",
		"no such override");
	return ph_cli_fail(cli, &error);
}

/* With --json: what was reverted. */
static int revert_and_tell(struct ph_cli *cli, struct ph_value items)
{
	struct ph_writer *done;
	int code;

	if (ph_writer_create(&done))
		return PH_EXIT_NEGATIVE;
	ph_write_list(done);
	code = revert_listed(cli, done, items);
	ph_write_end(done);
	if (!code && cli->json)
		return ph_cli_written(cli, done);
	ph_writer_free(done);
	return code;
}

static unsigned count_id(struct ph_value items, const char *id)
{
	unsigned count = 0;

	for (size_t i = 0; i < ph_value_count(items); i++)
		count += ph_value_is(
			ph_value_get(ph_value_at(items, i), "id"), id);
	return count;
}

int ph_cmd_revert(struct ph_cli *cli)
{
	struct ph_gathered gathered;
	struct ph_error error;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "revert");
	code = ph_gather(cli, PH_CONTROL_DIFF, NULL, NULL, &gathered);
	if (code)
		return code;
	if (count_id(gathered.items, cli->argv[0]) > 1) {
		ph_fail(&error, PH_EXIT_USAGE, cli->argv[0],
			"say which with --node",
			"several nodes have an override of that id");
		code = ph_cli_fail(cli, &error);
	} else {
		code = revert_and_tell(cli, gathered.items);
	}
	ph_gathered_free(&gathered);
	return code;
}
