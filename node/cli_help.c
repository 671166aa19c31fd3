#include <stdio.h>
#include <string.h>

#include "node/builtin.h"
#include "node/cli.h"
#include "node/options.h"
#include "node/version.h"
#include "proto/server.h"

static const char *const common_flags =
	"  --socket PATH   which local node (default: POSTHOUSE_SOCKET, or the "
	"user's)\n"
	"  --node NODE     ask that node, through the local one\n"
	"  --json          one JSON document: {api node epoch revision ts "
	"items}\n"
	"  --timeout T     how long to wait, as 500ms, 10s (default 10s)\n";

static const char *const words =
	"ADDR is NODE/SERVER, NODE/SERVER:TERMINAL or a connection's ID "
	"(alpha#1.2);\nwithout NODE/ it is the asked node's own. M is "
	"KEY=VALUE,... with the keys\nserver fqdn class owner auth mechanism "
	"uuid caps labels terminal type\ndirection capacity in_use free.\n";

static const char *const exit_codes =
	"Exit codes: 0 ok, 1 negative answer, 2 usage, 3 unreachable, 4 not "
	"found,\n5 conflict, 6 denied, 7 timeout, 78 invalid wiring.\n";

static void help_servers(void)
{
	printf("\nBundled servers (use: NAME in a wiring file):\n");
	for (const struct ph_server_type *const *type = ph_bundled_servers;
		*type; type++)
		printf("  %-12s %s\n", (*type)->name, (*type)->sentence);
}

/* A long usage has a line of its own. */
#define USAGE_WIDTH 34

static void help_line(const struct ph_command *command)
{
	if (strlen(command->usage) > USAGE_WIDTH)
		printf("  %s\n  %*s %s\n", command->usage, USAGE_WIDTH, "",
			command->sentence);
	else
		printf("  %-*s %s\n", USAGE_WIDTH, command->usage,
			command->sentence);
}

static int help_all(void)
{
	printf("posthouse %s: programs on several machines, wired together\n\n",
		PH_VERSION);
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		help_line(command);
	printf("\nEvery command takes:\n%s\n%s", common_flags, words);
	help_servers();
	printf("\n%s", exit_codes);
	return 0;
}

static bool has_words(const struct ph_command *command)
{
	return strstr(command->usage, " ADDR") ||
	       strstr(command->usage, "SERVER") ||
	       strstr(command->usage, "--mask");
}

int ph_cmd_help(struct ph_cli *cli)
{
	if (!cli->argc)
		return help_all();
	if (!strcmp(cli->argv[0], "up")) {
		ph_options_help();
		return 0;
	}
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		if (strcmp(command->name, cli->argv[0]) != 0)
			continue;
		printf("usage: posthouse %s\n  %s\n\n%s\n%s%s%s",
			command->usage, command->sentence, common_flags,
			has_words(command) ? words : "",
			has_words(command) ? "\n" : "", exit_codes);
		return 0;
	}
	fprintf(stderr,
		"posthouse: %s: no such command\n"
		"  next: posthouse help lists them\n",
		cli->argv[0]);
	return PH_EXIT_USAGE;
}

static void version_json(void)
{
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_text(writer, "version", PH_VERSION);
	ph_put_text(writer, "wiring", ph_builtin ? ph_builtin->name : "");
	ph_write_end(writer);
	ph_write_end(writer);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		ph_cli_offline_envelope(ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

static void version_text(void)
{
	if (ph_builtin)
		printf("posthouse %s, with the wiring %s (%s: %zu servers, "
		       "%zu wires)\n",
			PH_VERSION, ph_builtin->name, ph_builtin->file,
			ph_builtin->server_count, ph_builtin->wire_count);
	else
		printf("posthouse %s\n", PH_VERSION);
}

int ph_cmd_version(struct ph_cli *cli)
{
	if (cli->argc)
		return ph_cli_usage(cli, "version");
	if (cli->json)
		version_json();
	else
		version_text();
	return 0;
}
