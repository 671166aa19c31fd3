#include <stdio.h>
#include <string.h>

#include "node/builtin.h"
#include "node/cli_flags.h"
#include "node/options.h"
#include "node/version.h"
#include "proto/server.h"

static const char *const words =
	"ADDR is NODE/SERVER, NODE/SERVER:TERMINAL or a connection's ID "
	"(alpha#1.2);\nwithout NODE/ it is the asked node's own. M is "
	"KEY=VALUE,... with the keys\nserver fqdn class owner auth mechanism "
	"uuid caps labels node.caps terminal\ntype direction capacity in_use "
	"free; * stands for any text, as in type=video/*,free=yes.\n";

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

static bool has_words(const struct ph_command *command)
{
	return strstr(command->usage, " ADDR") ||
	       strstr(command->usage, "SERVER") ||
	       strstr(command->usage, "--mask");
}

/* A flag and its value; a long one has its sentence below. */
#define FLAG_WIDTH 17

static void help_flag(const char *name, const char *value, const char *sentence)
{
	char text[80];
	int length = snprintf(text, sizeof(text), "%s%s%s", name,
		value ? " " : "", value ? value : "");

	if (length > FLAG_WIDTH)
		printf("  %s\n  %*s  %s\n", text, FLAG_WIDTH, "", sentence);
	else
		printf("  %-*s  %s\n", FLAG_WIDTH, text, sentence);
}

static void help_flags(const char *command, bool common)
{
	const struct ph_cli_flag *flag;
	size_t index = 0;

	while ((flag = ph_cli_flag_next(command, &index)))
		if (ph_cli_flag_is_common(flag) == common)
			help_flag(flag->name, flag->value, flag->sentence);
}

static void help_up(void)
{
	struct ph_flag flag;
	char name[40];

	printf("usage: posthouse up [FLAGS]\n\n"
	       "Starts this machine's node. On a fresh machine it makes a "
	       "passphrase and says\nhow the next machine joins.\n\n");
	for (size_t i = 0; ph_options_flag(&flag, i); i++) {
		snprintf(name, sizeof(name), "--%s", flag.name);
		help_flag(name, flag.value, flag.sentence);
	}
	printf("\n-f is --file (in the environment POSTHOUSE_WIRING). Every "
	       "other flag stands there\nunder its name: --name is "
	       "POSTHOUSE_NAME. A flag wins.\n");
}

static int help_command(const struct ph_command *command)
{
	printf("usage: posthouse %s\n  %s\n\n", command->usage,
		command->sentence);
	help_flags(command->name, false);
	printf("\nEvery command takes:\n");
	help_flags(command->name, true);
	printf("\n%s%s%s", has_words(command) ? words : "",
		has_words(command) ? "\n" : "", exit_codes);
	return 0;
}

static int help_all(void)
{
	printf("posthouse %s: programs on several machines, wired together\n\n",
		PH_VERSION);
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		help_line(command);
	printf("\nEvery command takes these; its --help lists its own:\n");
	help_flags("", true);
	printf("\n%s", words);
	help_servers();
	printf("\n%s", exit_codes);
	return 0;
}

int ph_cmd_help(struct ph_cli *cli)
{
	if (!cli->argc)
		return help_all();
	if (!strcmp(cli->argv[0], "up")) {
		help_up();
		return 0;
	}
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		if (!strcmp(command->name, cli->argv[0]))
			return help_command(command);
	fprintf(stderr,
		"posthouse: %s: no such command\n"
		"  next: posthouse help lists them\n",
		cli->argv[0]);
	return PH_EXIT_USAGE;
}

static void version_json(void)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_text(writer, "version", PH_VERSION);
	ph_put_text(writer, "wiring", ph_builtin ? ph_builtin->name : "");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_cli_offline_written(writer);
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
