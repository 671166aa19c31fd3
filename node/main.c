#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/loop.h"
#include "beacon/beacon.h"
#include "executor/warden.h"
#include "executor/keeper.h"
#include "node/alike.h"
#include "node/answers.h"
#include "node/boot.h"
#include "node/cli.h"
#include "node/cli_flags.h"
#include "node/keys.h"
#include "node/node.h"
#include "placement/placement.h"
#include "probe/process.h"
#include "proto/secret.h"
#include "proto/socket_path.h"

static int run_up(int argc, char **argv)
{
	struct ph_options options;
	struct ph_error error;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			struct ph_cli cli = {.argc = 1, .argv = argv};

			return ph_cmd_help(&cli);
		}
	}
	if (ph_options_read(&options, argc, argv, &error)) {
		ph_boot_fail(&error);
		return (int)error.exit;
	}
	ph_log_open(NULL, NULL, options.log);
	return ph_node_run(&options);
}

/* What it prints is no list of items: --json has it as one text. */
static bool wants_words(
	const struct ph_cli *cli, const struct ph_command *command)
{
	bool drawn = command->run == ph_cmd_graph && cli->output &&
		     strcmp(cli->output, "json") != 0;

	return cli->json && (drawn || ph_answer_is_text(command->name));
}

static int run_for_words(struct ph_cli *cli, const struct ph_command *command)
{
	FILE *out = stdout;
	char *words = NULL;
	size_t length;
	int code;

	stdout = open_memstream(&words, &length);
	if (!stdout)
		abort();
	code = command->run(cli);
	fclose(stdout);
	stdout = out;
	if (!code || length)
		ph_cli_words(words);
	/* It may be a passphrase. */
	ph_wipe(words, length);
	free(words);
	return code;
}

/* What went wrong earlier is not in errno any more. */
static bool stdout_is_whole(void)
{
	bool now = fflush(stdout) != 0;

	if (!now && !ferror(stdout))
		return true;
	fprintf(stderr,
		"posthouse: cannot write to stdout%s%s\n"
		"  next: see whether there is room where it goes\n",
		now ? ": " : "", now ? strerror(errno) : "");
	return false;
}

static int run_command(const struct ph_command *command, int argc, char **argv)
{
	struct ph_cli cli = {
		.node = "", .count = -1, .timeout = 10 * PH_SECOND};
	struct ph_error error;
	char socket[256];
	int code;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			cli.argc = 1;
			cli.argv = argv;
			return ph_cmd_help(&cli);
		} else if (!strcmp(argv[i], "--json")) {
			/* Errors in what follows are JSON, too. */
			cli.json = true;
		}
	code = ph_cli_take_flags(&cli, command->name, argc - 1, argv + 1);
	if (code)
		return code;
	ph_socket_path(socket, sizeof(socket), cli.socket);
	cli.socket = socket;
	if (ph_secrets_harden(&error) ||
		(command->remote &&
			ph_client_create(&cli.client, socket, &error)))
		return ph_cli_fail(&cli, &error);
	code = wants_words(&cli, command) ? run_for_words(&cli, command)
					  : command->run(&cli);
	ph_client_close(cli.client);
	if (stdout_is_whole() || code)
		return code;
	return PH_EXIT_NEGATIVE;
}

/* A closed standard stream would be the next file opened: log lines would go
 * into a database or to a peer. What is put in its place cannot be used. */
static void keep_standard_streams(void)
{
	int fd;

	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (fcntl(i, F_GETFD) >= 0 || errno != EBADF)
			continue;
		fd = open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (fd != i)
			abort();
	}
}

/* The processes of a probe handle the passphrase's secret. */
static int run_hidden(int (*run)(int argc, char **argv), int argc, char **argv)
{
	struct ph_error error;

	if (!ph_secrets_harden(&error))
		return run(argc, argv);
	ph_boot_fail(&error);
	return (int)error.exit;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int no_command(const char *name)
{
	const char *meant = NULL;

	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		if (ph_is_alike(command->name, name))
			meant = command->name;
	fprintf(stderr, "posthouse: %s: %s\n  next: ", name,
		name[0] == '-' ? "the command comes first, its flags after it"
			       : "no such command");
	if (meant)
		fprintf(stderr, "did you mean %s? ", meant);
	fprintf(stderr, "posthouse help lists the commands\n");
	return PH_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	keep_standard_streams();
	/* Whoever started us may ignore it: then nobody would hear of the end
	 * of our children. */
	signal(SIGCHLD, SIG_DFL);
	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	if (is_help(name))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	if (!strcmp(name, "up"))
		return run_up(argc - 1, argv + 1);
	if (!strcmp(name, PH_ANNEX_VERB))
		return ph_annex_main(argc, argv);
	if (!strcmp(name, PH_KEEPER_VERB))
		return ph_keeper_main(argc, argv);
	if (!strcmp(name, PH_WARDEN_VERB))
		return ph_warden_main(argc > 2 ? argv[2] : NULL);
	if (!strcmp(name, PH_PROBE_VERB))
		return run_hidden(ph_probe_main, argc, argv);
	if (!strcmp(name, PH_BEACON_VERB))
		return run_hidden(ph_beacon_main, argc, argv);
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		if (!strcmp(command->name, name))
			return run_command(
				command, argc > 1 ? argc - 1 : 1, argv + 1);
	return no_command(name);
}
