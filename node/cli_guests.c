#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cli.h"
#include "node/table.h"

/* guests, menu: who is here, and what another node has. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of what this process has put together itself. */
static const struct ph_skim_limits pages_limits = {
	.depth = PH_SKIM_DEPTH, .elements = 1u << 24};

/* The pages of a guest book, put together. */
struct pages {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value items;
	int64_t servers, terminals;
	int64_t as_of; /* wall clock, ns; 0: it is so now */
};

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
		ph_put_value(writer, "state", ph_value_get(guest, "state"));
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
		{"STATE", "state", PH_CELL_DASH},
		{"TERMINAL", "terminal", PH_CELL_TEXT},
		{"KIND", "direction", PH_CELL_TEXT},
		{"TYPE", "type", PH_CELL_DASH},
		{"IN USE", "in_use", PH_CELL_TEXT},
		{"CAPS", "caps", PH_CELL_LIST},
		{"IDENTITY", "identity", PH_CELL_TEXT},
	};
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(items); i++)
		write_terminals(writer, ph_value_at(items, i));
	ph_write_end(writer);
	ph_table_written(stdout, columns, COUNT(columns), writer);
}

/* One item; from a menu that is only known, with its time. */
static void copy_item(
	struct ph_writer *writer, struct ph_value item, int64_t as_of)
{
	char key[64];

	if (!as_of) {
		ph_write_value(writer, item);
		return;
	}
	ph_write_map(writer);
	for (size_t i = 0; i < ph_value_count(item); i++)
		ph_put_value(writer,
			ph_value_copy(ph_value_key(item, i), key, sizeof(key)),
			ph_value_item(item, i));
	ph_put_int(writer, "as_of", as_of);
	ph_write_end(writer);
}

/* Where the next page begins; "" when there is none. */
static void take_page(struct pages *pages, struct ph_value body, char after[40])
{
	struct ph_value items = ph_value_get(body, "items");
	size_t count = ph_value_count(items);

	pages->servers = ph_get_int(body, "servers");
	pages->terminals = ph_get_int(body, "terminals");
	pages->as_of = ph_get_int(body, "as_of");
	for (size_t i = 0; i < count; i++)
		copy_item(pages->writer, ph_value_at(items, i), pages->as_of);
	after[0] = '\0';
	if (ph_get_bool(body, "more") && count)
		ph_get_copy(ph_value_at(items, count - 1), "server", after, 40);
}

static int ask_page(struct ph_cli *cli, uint16_t method, const char *known,
	char after[40], struct pages *pages, struct ph_error *error)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (ph_writer_create(&writer))
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "free memory",
			"out of memory");
	ph_write_map(writer);
	if (cli->mask)
		ph_put_text(writer, "mask", cli->mask);
	if (*after)
		ph_put_text(writer, "after", after);
	if (known)
		ph_put_text(writer, "node", known);
	ph_write_end(writer);
	code = ph_client_call(cli->client, known ? "" : cli->node, method,
		writer, cli->timeout, &reply, error);
	ph_writer_free(writer);
	if (!code)
		take_page(pages, reply.body, after);
	ph_reply_free(&reply);
	return code;
}

static void pages_free(struct pages *pages)
{
	ph_document_free(pages->document);
	ph_writer_free(pages->writer);
}

/* Every page; 0, or -1 with the error. `known`: of that node, as the local one
 * knows it. */
static int ask_pages(struct ph_cli *cli, uint16_t method, const char *known,
	struct pages *pages, struct ph_error *error)
{
	char after[40] = "";
	int code;

	*pages = (struct pages){0};
	if (ph_writer_create(&pages->writer))
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "free memory",
			"out of memory");
	ph_write_list(pages->writer);
	do
		code = ask_page(cli, method, known, after, pages, error);
	while (!code && *after);
	ph_write_end(pages->writer);
	if (!code && ph_document_written(
			     &pages->document, pages->writer, pages_limits))
		code = ph_fail(error, PH_EXIT_NEGATIVE, "answer",
			"ask for less with --mask", "it is too long");
	if (code)
		pages_free(pages);
	else
		pages->items = ph_document_root(pages->document);
	return code;
}

/* A header alone would look as if something were missing. */
static void print_nothing(const struct ph_cli *cli, const char *node)
{
	if (!*node)
		node = "this node";
	if (cli->mask)
		fprintf(stderr, "nothing of %s is like that\n", node);
	else
		fprintf(stderr, "%s runs no servers, so it offers nothing\n",
			node);
}

/* Of that node; "" is this one. */
static int print_pages(
	struct ph_cli *cli, struct pages *pages, const char *node)
{
	int code = 0;

	if (cli->json)
		code = ph_cli_envelope(cli, pages->items);
	else if (ph_value_count(pages->items))
		print_terminals(pages->items);
	else
		print_nothing(cli, node);
	if (!cli->json && cli->mask)
		fprintf(stderr, "%lld servers, %lld terminals\n",
			(long long)pages->servers, (long long)pages->terminals);
	pages_free(pages);
	return code;
}

int ph_cmd_guests(struct ph_cli *cli)
{
	struct ph_error error;
	struct pages pages;

	if (cli->argc)
		return ph_cli_usage(cli, "guests");
	if (ask_pages(cli, PH_HOSTESS_GUESTS, NULL, &pages, &error))
		return ph_cli_fail(cli, &error);
	return print_pages(cli, &pages, cli->node);
}

/* The node is away: what was last known of it. */
static int print_known(struct ph_cli *cli, const struct ph_error *away)
{
	const char *node = cli->node;
	struct ph_error error;
	struct pages pages;
	char age[32];

	if (!*node || (away->exit != PH_EXIT_UNREACHABLE &&
			      away->exit != PH_EXIT_TIMEOUT))
		return ph_cli_fail(cli, away);
	if (ask_pages(cli, PH_HOSTESS_KNOWN, node, &pages, &error))
		return ph_cli_fail(cli, away);
	fprintf(stderr, "posthouse: %s: %s; its menu of %s ago\n", node,
		away->what, ph_text_age(age, sizeof(age), pages.as_of));
	cli->node = "";
	return print_pages(cli, &pages, node);
}

int ph_cmd_menu(struct ph_cli *cli)
{
	struct ph_error error;
	struct pages pages;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "menu");
	if (cli->argc && cli->node[0] && strcmp(cli->node, cli->argv[0]) != 0) {
		ph_fail(&error, PH_EXIT_USAGE, "--node",
			"name the node once: posthouse menu NODE", "%s or %s?",
			cli->argv[0], cli->node);
		return ph_cli_fail(cli, &error);
	}
	if (cli->argc)
		cli->node = cli->argv[0];
	if (ask_pages(cli, PH_HOSTESS_MENU, NULL, &pages, &error))
		return print_known(cli, &error);
	return print_pages(cli, &pages, cli->node);
}
