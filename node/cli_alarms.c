#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/alarms.h"
#include "kernel/clock.h"
#include "node/cli.h"
#include "node/gather.h"
#include "node/table.h"

/* alarms: what is wrong in the mesh, by its causes; ack, shelve, unshelve: what
 * people say of it. */

static const uint16_t questions[] = {
	PH_MESH_PEERS, PH_EXECUTOR_LIST, PH_CONTROL_LIST, PH_CONTROL_ALARMS};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static const struct ph_column columns[] = {
	{"ALARM", "alarm", PH_CELL_TEXT},
	{"PRIORITY", "priority", PH_CELL_TEXT},
	{"STATE", "state", PH_CELL_TEXT},
	{"WHAT", "kind", PH_CELL_TEXT},
	{"WHICH", "subject", PH_CELL_TEXT},
	{"AGE", "since", PH_CELL_AGE},
	{"EXPLAINS", "explained", PH_CELL_TEXT},
	{"WHY", "what", PH_CELL_TEXT},
	{"NEXT", "action", PH_CELL_TEXT},
};

/* The alarms of the mesh as they are now. */
struct alarms {
	struct ph_gathered gathered[QUESTIONS];
	struct ph_document *document;
	struct ph_writer *writer;
	struct ph_value items;
};

static void alarms_close(struct alarms *alarms)
{
	ph_document_free(alarms->document);
	ph_writer_free(alarms->writer);
	for (size_t i = 0; i < QUESTIONS; i++)
		ph_gathered_free(&alarms->gathered[i]);
}

static int alarms_find(struct ph_cli *cli, struct alarms *alarms)
{
	struct ph_error error;

	if (!ph_writer_create(&alarms->writer) &&
		!ph_alarms_write(
			&(struct ph_alarms){
				.peers = alarms->gathered[0].items,
				.servers = alarms->gathered[1].items,
				.connections = alarms->gathered[2].items,
				.rules = alarms->gathered[3].items,
				.now = ph_clock_wall(),
			},
			alarms->writer) &&
		!ph_document_written(
			&alarms->document, alarms->writer, PH_SKIM_TABLE)) {
		alarms->items = ph_document_root(alarms->document);
		return 0;
	}
	ph_fail(&error, PH_EXIT_NEGATIVE, "alarms", "", "out of memory");
	return ph_cli_fail(cli, &error);
}

static int alarms_open(struct ph_cli *cli, struct alarms *alarms)
{
	int code = 0;

	*alarms = (struct alarms){0};
	for (size_t i = 0; i < QUESTIONS && !code; i++)
		code = ph_gather(
			cli, questions[i], NULL, NULL, &alarms->gathered[i]);
	if (!code)
		code = alarms_find(cli, alarms);
	if (code)
		alarms_close(alarms);
	return code;
}

/* --- alarms --- */

static bool is_shelved(struct ph_value alarm)
{
	return ph_value_is(ph_value_get(alarm, "state"), "shelved");
}

/* Those that are not shelved, as a list of their own; -1. */
static int list_read(struct ph_document **out, struct ph_writer *writer,
	struct ph_value items, bool all)
{
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(items); i++)
		if (all || !is_shelved(ph_value_at(items, i)))
			ph_write_value(writer, ph_value_at(items, i));
	ph_write_end(writer);
	return ph_document_written(out, writer, PH_SKIM_TABLE) ? -1 : 0;
}

static int print(struct ph_cli *cli, struct ph_value items, size_t hidden)
{
	if (cli->json)
		return ph_cli_envelope(cli, items);
	if (ph_value_count(items))
		ph_table_items(stdout, columns,
			sizeof(columns) / sizeof(columns[0]), items);
	else
		printf("no alarm\n");
	if (hidden)
		printf("(%zu shelved: posthouse alarms all)\n", hidden);
	return 0;
}

static int alarms_tell(
	struct ph_cli *cli, const struct alarms *alarms, bool all)
{
	struct ph_document *document = NULL;
	struct ph_writer *writer;
	struct ph_value items;
	int code = PH_EXIT_NEGATIVE;

	if (ph_writer_create(&writer))
		return code;
	if (!list_read(&document, writer, alarms->items, all)) {
		items = ph_document_root(document);
		code = print(cli, items,
			ph_value_count(alarms->items) - ph_value_count(items));
	}
	ph_document_free(document);
	ph_writer_free(writer);
	return code;
}

int ph_cmd_alarms(struct ph_cli *cli)
{
	bool all = cli->argc == 1 && !strcmp(cli->argv[0], "all");
	struct alarms alarms;
	int code;

	if (cli->argc && !all)
		return ph_cli_usage(cli, "alarms");
	code = alarms_open(cli, &alarms);
	if (code)
		return code;
	code = alarms_tell(cli, &alarms, all);
	alarms_close(&alarms);
	return code;
}

/* --- ack, shelve, unshelve --- */

/* By id, or by what it is about when that is one alarm alone. */
static int alarm_named(
	struct ph_cli *cli, const struct alarms *alarms, char *id, size_t size)
{
	const char *name = cli->argv[0];
	struct ph_error error;
	unsigned found = 0;

	for (size_t i = 0; i < ph_value_count(alarms->items); i++) {
		struct ph_value alarm = ph_value_at(alarms->items, i);

		if (!ph_value_is(ph_value_get(alarm, "alarm"), name) &&
			!ph_value_is(ph_value_get(alarm, "subject"), name))
			continue;
		ph_get_copy(alarm, "alarm", id, size);
		found++;
	}
	if (found == 1)
		return 0;
	ph_fail(&error, found ? PH_EXIT_USAGE : PH_EXIT_NOT_FOUND, name,
		"posthouse alarms all shows them, with their ids",
		found ? "that is said of several alarms"
		      : "there is no such alarm now");
	return ph_cli_fail(cli, &error);
}

static int mark(struct ph_cli *cli, uint16_t method, const char *id)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "alarm", id);
	if (cli->reason)
		ph_put_text(writer, "why", cli->reason);
	if (method == PH_CONTROL_SHELVE)
		ph_put_int(writer, "for", cli->lasts);
	ph_write_end(writer);
	code = ph_cli_call(cli, method, writer, &reply);
	if (!code)
		ph_reply_free(&reply);
	return code;
}

/* Where it was shelved, it is taken from the shelf. */
static int unshelve(
	struct ph_cli *cli, const struct alarms *alarms, const char *id)
{
	struct ph_value items = alarms->gathered[3].items;
	const char *aimed = cli->node;
	char node[40];
	int code = 0;

	for (size_t i = 0; i < ph_value_count(items) && !code; i++) {
		struct ph_value item = ph_value_at(items, i);

		if (!ph_value_is(ph_value_get(item, "verb"), "shelve") ||
			!ph_value_is(ph_value_get(item, "alarm"), id))
			continue;
		cli->node = ph_get_copy(item, "node", node, sizeof(node));
		code = mark(cli, PH_CONTROL_UNSHELVE, id);
	}
	cli->node = aimed;
	return code;
}

static int say(struct ph_cli *cli, uint16_t method, const char *done)
{
	struct alarms alarms;
	char id[16];
	int code = alarms_open(cli, &alarms);

	if (code)
		return code;
	code = alarm_named(cli, &alarms, id, sizeof(id));
	if (!code)
		code = method == PH_CONTROL_UNSHELVE
			       ? unshelve(cli, &alarms, id)
			       : mark(cli, method, id);
	alarms_close(&alarms);
	return code ? code : ph_cli_done(cli, done, "alarm", id);
}

int ph_cmd_ack(struct ph_cli *cli)
{
	return cli->argc == 1 ? say(cli, PH_CONTROL_ACK, "acknowledged")
			      : ph_cli_usage(cli, "ack");
}

int ph_cmd_shelve(struct ph_cli *cli)
{
	return cli->argc == 1 && cli->lasts
		       ? say(cli, PH_CONTROL_SHELVE, "shelved")
		       : ph_cli_usage(cli, "shelve");
}

int ph_cmd_unshelve(struct ph_cli *cli)
{
	return cli->argc == 1 ? say(cli, PH_CONTROL_UNSHELVE, "unshelved")
			      : ph_cli_usage(cli, "unshelve");
}
