#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/loop.h"
#include "beacon/beacon.h"
#include "node/answers.h"
#include "node/boot.h"
#include "node/cli.h"
#include "node/keys.h"
#include "node/node.h"
#include "placement/placement.h"
#include "probe/process.h"
#include "proto/secret.h"
#include "proto/server.h"
#include "proto/socket_path.h"

/* Flags that every command takes, wherever they stand. */
struct common {
	const char *name;
	bool value;
	int (*take)(struct ph_cli *cli, const char *text);
	const char *looks; /* what its value looks like */
};

static int take_socket(struct ph_cli *cli, const char *text)
{
	cli->socket = text;
	return 0;
}

static int take_node(struct ph_cli *cli, const char *text)
{
	cli->node = text;
	return 0;
}

static int take_json(struct ph_cli *cli, const char *text)
{
	cli->json = true;
	return 0;
}

static int take_follow(struct ph_cli *cli, const char *text)
{
	cli->follow = true;
	return 0;
}

static int take_watch(struct ph_cli *cli, const char *text)
{
	cli->watch = true;
	return 0;
}

/* `--wait`, or `--wait T`. */
static int take_wait(struct ph_cli *cli, const char *text)
{
	cli->watch = !text;
	return text ? ph_parse_duration(&cli->wait, text) : 0;
}

static int take_auth_file(struct ph_cli *cli, const char *text)
{
	cli->auth_file = text;
	return 0;
}

static int take_timeout(struct ph_cli *cli, const char *text)
{
	return ph_parse_duration(&cli->timeout, text);
}

static int take_count(struct ph_cli *cli, const char *text)
{
	char *end;

	cli->count = strtol(text, &end, 10);
	return *end || cli->count <= 0 || cli->count > 1000000 ? -1 : 0;
}

static int take_mask(struct ph_cli *cli, const char *text)
{
	cli->mask = text;
	return 0;
}

static int take_reason(struct ph_cli *cli, const char *text)
{
	cli->reason = text;
	return 0;
}

static int take_on_crash(struct ph_cli *cli, const char *text)
{
	cli->on_crash = text;
	return strcmp(text, "block") && strcmp(text, "bypass") ? -1 : 0;
}

static int take_output(struct ph_cli *cli, const char *text)
{
	cli->output = text;
	return 0;
}

static int take_deny(struct ph_cli *cli, const char *text)
{
	cli->deny = true;
	return 0;
}

static int take_sarif(struct ph_cli *cli, const char *text)
{
	cli->sarif = true;
	return 0;
}

static int take_live(struct ph_cli *cli, const char *text)
{
	cli->live = true;
	return 0;
}

static int take_write(struct ph_cli *cli, const char *text)
{
	cli->write = true;
	return 0;
}

static int take_check(struct ph_cli *cli, const char *text)
{
	cli->check = true;
	return 0;
}

static int take_for(struct ph_cli *cli, const char *text)
{
	return ph_parse_duration(&cli->lasts, text) || cli->lasts <= 0;
}

static int take_to(struct ph_cli *cli, const char *text)
{
	cli->to = text;
	return 0;
}

static int take_on_full(struct ph_cli *cli, const char *text)
{
	cli->on_full = text;
	return 0;
}

static int take_reservation(struct ph_cli *cli, const char *text)
{
	cli->reservation = text;
	return 0;
}

static int take_range(struct ph_cli *cli, const char *text)
{
	struct ph_range range;

	cli->range = text;
	return ph_options_range(&range, text);
}

static int take_new(struct ph_cli *cli, const char *text)
{
	cli->fresh = true;
	return 0;
}

static const struct common commons[] = {
	{"--new", false, take_new, ""},
	{"--range", true, take_range,
		"two ports from 1024 to 65535, as 20000-20099"},
	{"--socket", true, take_socket, "a path"},
	{"--node", true, take_node, "a node's name"},
	{"--json", false, take_json, ""},
	{"--timeout", true, take_timeout, "a duration with its unit, as 10s"},
	{"--follow", false, take_follow, ""},
	{"--watch", false, take_watch, ""},
	{"--wait", false, take_wait, "a duration with its unit, as 30s"},
	{"-n", true, take_count, "a number from 1 to 1000000"},
	{"--count", true, take_count, "a number from 1 to 1000000"},
	{"--auth-file", true, take_auth_file, "a file's name"},
	{"--mask", true, take_mask, "a mask, as type=video/*,free=yes"},
	{"--why", true, take_reason, "a text"},
	{"--on-crash", true, take_on_crash, "block or bypass"},
	{"-o", true, take_output,
		"a file's name; of graph: json, dot, mermaid or d2"},
	{"--deny-warnings", false, take_deny, ""},
	{"--sarif", false, take_sarif, ""},
	{"--live", false, take_live, ""},
	{"--write", false, take_write, ""},
	{"--check", false, take_check, ""},
	{"--for", true, take_for, "a duration with its unit, as 30m"},
	{"--to", true, take_to, "an input, as node/server:terminal"},
	{"--on-full", true, take_on_full,
		"block, drop-oldest, drop-newest, latest or disconnect"},
	{"--reservation", true, take_reservation, "the id of a reservation"},
	{NULL, false, NULL, NULL},
};

static int bad_flag(
	const struct ph_cli *cli, const char *flag, const char *what)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_USAGE, flag, "posthouse help tells the flags",
		"%s", what);
	return ph_cli_fail(cli, &error);
}

static int bad_value(
	const struct ph_cli *cli, const struct common *flag, const char *value)
{
	struct ph_error error;
	char next[120];

	snprintf(next, sizeof(next), "give it %s", flag->looks);
	ph_fail(&error, PH_EXIT_USAGE, flag->name, next,
		"not a valid value: '%s'", value);
	return ph_cli_fail(cli, &error);
}

static const struct common *find_common(const char *word, size_t length)
{
	for (const struct common *flag = commons; flag->name; flag++)
		if (strlen(flag->name) == length &&
			!strncmp(flag->name, word, length))
			return flag;
	return NULL;
}

/* The one value that may be missing: `--wait=T`, or a number behind it. */
static const char *wait_value(int argc, char **argv, int *at)
{
	const char *equals = strchr(argv[*at], '=');

	if (equals)
		return equals + 1;
	if (*at + 1 < argc && argv[*at + 1][0] >= '0' &&
		argv[*at + 1][0] <= '9')
		return argv[++*at];
	return NULL;
}

/* Takes the flags out of the words; what is left are the command's own. */
static int take_flags(struct ph_cli *cli, int argc, char **argv)
{
	cli->argv = argv;
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		size_t length = strcspn(word, "=");
		const struct common *flag;
		const char *value = NULL;

		if (word[0] != '-' || !word[1]) {
			cli->argv[cli->argc++] = argv[i];
			continue;
		}
		flag = find_common(word, length);
		if (!flag)
			return bad_flag(cli, word, "no such flag");
		if (flag->take == take_wait) {
			value = wait_value(argc, argv, &i);
			if (take_wait(cli, value))
				return bad_value(cli, flag, value);
			continue;
		}
		if (!flag->value && word[length])
			return bad_flag(cli, word, "the flag takes no value");
		if (flag->value) {
			if (word[length])
				value = word + length + 1;
			else if (i + 1 < argc)
				value = argv[++i];
			else
				return bad_value(cli, flag, "");
		}
		if (flag->take(cli, value))
			return bad_value(cli, flag, value);
	}
	return 0;
}

static int run_up(int argc, char **argv)
{
	struct ph_options options;
	struct ph_error error;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			ph_options_help();
			return 0;
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
	code = take_flags(&cli, argc - 1, argv + 1);
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
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	fprintf(stderr, "posthouse: cannot write to stdout: %s\n",
		strerror(errno));
	return code ? code : PH_EXIT_NEGATIVE;
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

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	keep_standard_streams();
	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	if (is_help(name))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	if (!strcmp(name, "up"))
		return run_up(argc - 1, argv + 1);
	if (!strcmp(name, PH_ANNEX_VERB))
		return ph_annex_main(argc, argv);
	if (!strcmp(name, PH_PROBE_VERB))
		return run_hidden(ph_probe_main, argc, argv);
	if (!strcmp(name, PH_BEACON_VERB))
		return run_hidden(ph_beacon_main, argc, argv);
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		if (!strcmp(command->name, name))
			return run_command(
				command, argc > 1 ? argc - 1 : 1, argv + 1);
	fprintf(stderr,
		"posthouse: %s: %s\n"
		"  next: posthouse help lists the commands\n",
		name,
		name[0] == '-' ? "the command comes first, its flags after it"
			       : "no such command");
	return PH_EXIT_USAGE;
}
