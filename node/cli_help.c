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

/* Commands first, then flags; what is neither is a file. */
static const char *const bash_before =
	"_posthouse() {\n"
	"\tlocal words='--socket --node --json --timeout --help'\n"
	"\tcase ${COMP_WORDS[1]} in\n"
	"\tup) words='--file --name --state --listen --join "
	"--passphrase-file\n"
	"\t\t--local --peer-role --socket --log --discovery --l2 --cap "
	"--help' ;;\n"
	"\tpeers) words+=' --watch forget revoke' ;;\n"
	"\tguests | menu) words+=' --mask' ;;\n"
	"\tlogs | events) words+=' --follow -n' ;;\n"
	"\treserve) words+=' --mask --count --for --wait --auth-file' ;;\n"
	"\ttop | tap) words+=' -n' ;;\n"
	"\tready) words+=' --wait' ;;\n"
	"\tpassphrase) words+=' rotate' ;;\n"
	"\tcompletion) words='bash zsh fish' ;;\n"
	"\tlint) words+=' --deny-warnings --sarif --live' ;;&\n"
	"\tcompile) words+=' -o' ;;&\n"
	"\tfmt) words+=' --write --check' ;;&\n"
	"\tapply | lint | test | compile | fmt) [[ $2 == -* ]] || words= ;;\n"
	"\tesac\n"
	"\t[ \"$COMP_CWORD\" -gt 1 ] || words='";
static const char *const bash_after =
	"'\n"
	"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n"
	"}\n"
	"complete -o default -F _posthouse posthouse\n";

static void complete_words(
	const char *before, const char *between, const char *after)
{
	printf("%s", before);
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		printf("%s%s", command == ph_commands ? "" : between,
			command->name);
	printf("%s", after);
}

int ph_cmd_completion(struct ph_cli *cli)
{
	const char *shell = cli->argc == 1 ? cli->argv[0] : "";

	if (!strcmp(shell, "bash")) {
		complete_words(bash_before, " ", bash_after);
		return 0;
	}
	if (!strcmp(shell, "zsh")) {
		complete_words("#compdef posthouse\n_posthouse() { _arguments "
			       "'1: :(",
			" ",
			")' '*: :_files'; }\ncompdef _posthouse "
			"posthouse\n");
		return 0;
	}
	if (!strcmp(shell, "fish")) {
		complete_words("complete -c posthouse -n __fish_use_subcommand "
			       "-f -a '",
			" ", "'\n");
		return 0;
	}
	return ph_cli_usage(cli, "completion");
}
