#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/alarms.h"
#include "kernel/clock.h"
#include "node/cli.h"
#include "node/gather.h"
#include "node/table.h"

/* alarms: what is wrong in the mesh, by its causes. */

static const uint16_t questions[] = {
	PH_MESH_PEERS, PH_EXECUTOR_LIST, PH_CONTROL_LIST};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static const struct ph_column columns[] = {
	{"PRIORITY", "priority", PH_CELL_TEXT},
	{"WHAT", "kind", PH_CELL_TEXT},
	{"WHICH", "subject", PH_CELL_TEXT},
	{"AGE", "since", PH_CELL_AGE},
	{"EXPLAINS", "explained", PH_CELL_TEXT},
	{"WHY", "what", PH_CELL_TEXT},
	{"NEXT", "action", PH_CELL_TEXT},
};

static int print(struct ph_cli *cli, struct ph_value items)
{
	if (cli->json)
		return ph_cli_envelope(cli, items);
	if (ph_value_count(items))
		ph_table_items(stdout, columns,
			sizeof(columns) / sizeof(columns[0]), items);
	else
		printf("no alarm\n");
	return 0;
}

static int tell(struct ph_cli *cli, const struct ph_alarms *alarms)
{
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	int code = PH_EXIT_NEGATIVE;

	if (ph_writer_create(&writer))
		return code;
	if (!ph_alarms_write(alarms, writer) &&
		!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		code = print(cli, ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
	return code;
}

int ph_cmd_alarms(struct ph_cli *cli)
{
	struct ph_gathered gathered[QUESTIONS];
	size_t asked = 0;
	int code = 0;

	if (cli->argc)
		return ph_cli_usage(cli, "alarms");
	while (asked < QUESTIONS && !code) {
		code = ph_gather(
			cli, questions[asked], NULL, NULL, &gathered[asked]);
		asked += !code;
	}
	if (!code)
		code = tell(cli, &(struct ph_alarms){
					 .peers = gathered[0].items,
					 .servers = gathered[1].items,
					 .connections = gathered[2].items,
					 .now = ph_clock_wall(),
				 });
	while (asked)
		ph_gathered_free(&gathered[--asked]);
	return code;
}
