#include <stdio.h>
#include <string.h>

#include "controlsurface/wiring_schema.h"
#include "node/cli_flags.h"
#include "node/options.h"
#include "node/version.h"
#include "proto/server.h"

/*
 * posthouse(1) and posthouse-wiring(5), out of the same tables that read the
 * command line and the wiring file: man(7) on standard output.
 */

/* Text of ours as roff: hyphens that are typed, backslashes, and no line that
 * begins with a control character. */
static void put(const char *text)
{
	if (*text == '.' || *text == '\'')
		printf("\\&");
	for (; *text; text++) {
		if (*text == '-')
			printf("\\-");
		else if (*text == '\\')
			printf("\\e");
		else
			putchar(*text);
	}
}

/* .TP with its tag in bold, then the sentence. */
static void item(const char *tag, const char *value, const char *sentence)
{
	printf(".TP\n\\fB");
	put(tag);
	printf("\\fR");
	if (value) {
		printf(" \\fI");
		put(value);
		printf("\\fR");
	}
	printf("\n");
	put(sentence);
	printf(".\n");
}

static void title(const char *name, int section, const char *sentence)
{
	printf(".TH %s %d \"\" \"posthouse %s\" \"\"\n.SH NAME\n", name,
		section, PH_VERSION);
	put(name);
	printf(" \\- ");
	put(sentence);
	printf("\n");
}

static void man_command_flags(const char *command, bool common)
{
	const struct ph_cli_flag *flag;
	size_t index = 0;

	while ((flag = ph_cli_flag_next(command, &index)))
		if (ph_cli_flag_is_common(flag) == common)
			item(flag->name, flag->value, flag->sentence);
}

static void man_commands(void)
{
	printf(".SH COMMANDS\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		item(command->usage, NULL, command->sentence);
		printf(".RS\n");
		man_command_flags(command->name, false);
		printf(".RE\n");
	}
	printf(".SS Every command takes\n");
	man_command_flags("", true);
}

static void man_flags(void)
{
	struct ph_flag flag;
	char name[64];

	printf(".SH FLAGS OF UP\n"
	       "A flag wins over its variable in the environment, which wins "
	       "over the default.\n");
	for (size_t i = 0; ph_options_flag(&flag, i); i++) {
		snprintf(name, sizeof(name), "--%s", flag.name);
		item(name, flag.value, flag.sentence);
	}
}

static void man_environment(void)
{
	struct ph_flag flag;
	char sentence[96];

	printf(".SH ENVIRONMENT\n");
	for (size_t i = 0; ph_options_flag(&flag, i); i++) {
		if (!flag.variable)
			continue;
		snprintf(sentence, sizeof(sentence), "stands for --%s",
			flag.name);
		item(flag.variable, NULL, sentence);
	}
	item("STATE_DIRECTORY, RUNTIME_DIRECTORY, CREDENTIALS_DIRECTORY, "
	     "NOTIFY_SOCKET",
		NULL, "as systemd sets them for a service");
}

static void man_files(void)
{
	printf(".SH FILES\n");
	item("$XDG_STATE_HOME/posthouse, /var/lib/posthouse", NULL,
		"the state of a user's node, and of root's: key, passphrase "
		"(0600), database");
	item("$XDG_RUNTIME_DIR/posthouse.sock, /run/posthouse.sock, "
	     "/run/posthouse/posthouse.sock",
		NULL,
		"the command socket of a user's node, of root's, and of the "
		"service's; root asks the service's while there is one");
	item("/run/secrets/posthouse_passphrase", NULL,
		"a container's secret, looked for by itself");
	item("$CREDENTIALS_DIRECTORY/passphrase", NULL,
		"a service's credential, looked for by itself");
}

static void man_exit(void)
{
	static const char *const codes[][2] = {{"0", "ok"},
		{"1", "a negative answer"}, {"2", "usage"},
		{"3", "unreachable"}, {"4", "not found"}, {"5", "conflict"},
		{"6", "denied"}, {"7", "timeout"}, {"78", "invalid wiring"}};

	printf(".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		item(codes[i][0], NULL, codes[i][1]);
}

static void man_program(void)
{
	title("posthouse", 1, "programs on several machines, wired together");
	printf(".SH SYNOPSIS\n.B posthouse\n.I command\n[\\fIflags\\fR]\n"
	       ".SH DESCRIPTION\n"
	       "One process per machine. The machines find each other, prove "
	       "by a passphrase who they are, and wire terminals of programs "
	       "together: an output of this one here into an input of that "
	       "one there, as in\n.BR pi4/cam:video .\n"
	       "A file says what runs where and what is wired to what, see\n"
	       ".BR posthouse\\-wiring (5).\n"
	       "Any machine can apply it, and every connection can be watched "
	       "from anywhere.\n");
	man_commands();
	man_flags();
	printf(".SH BUNDLED SERVERS\n");
	for (const struct ph_server_type *const *type = ph_bundled_servers;
		*type; type++)
		item((*type)->name, NULL, (*type)->sentence);
	man_environment();
	man_files();
	man_exit();
	printf(".SH EXAMPLE\n.EX\n"
	       "alpha$ posthouse up \\-\\-name alpha\n"
	       "beta$ posthouse up \\-\\-name beta \\-\\-join alpha:7678\n"
	       "alpha$ posthouse apply film.yaml\n"
	       "alpha$ posthouse top\n.EE\n"
	       ".SH SEE ALSO\n.BR posthouse\\-wiring (5)\n");
}

static void man_level(enum ph_level level)
{
	for (const struct ph_key *key = ph_level_keys(level); key->name;
		key++) {
		char sentence[400] = "";
		size_t length = 0;

		if (key->state == PH_KEY_LATER)
			continue;
		length += (size_t)snprintf(sentence, sizeof(sentence), "%s%s",
			key->sentence, key->must ? " (must be there)" : "");
		for (unsigned i = 0; key->choices && key->choices[i] &&
				     length < sizeof(sentence);
			i++)
			length += (size_t)snprintf(sentence + length,
				sizeof(sentence) - length, "%s%s",
				i ? ", " : ": ", key->choices[i]);
		item(key->name, NULL, sentence);
	}
}

static void man_wiring(void)
{
	title("posthouse-wiring", 5, "what runs where, and what is wired");
	printf(".SH DESCRIPTION\n"
	       "A wiring file is YAML. It names hosts, the servers that run on "
	       "them, and the wires between their terminals. Its\n.B name\n"
	       "is its scope:\n.B posthouse apply\n"
	       "makes everything of that name equal to the file and touches "
	       "nothing else.\n"
	       ".B posthouse lint\ntells what is wrong with a file, by line "
	       "and column.\n"
	       ".SH KEYS\n");
	for (int level = PH_LEVEL_FILE; level < PH_LEVELS; level++) {
		const char *where = ph_level_where((enum ph_level)level);

		printf(".SS ");
		put(where);
		printf("\n");
		man_level((enum ph_level)level);
	}
	printf(".SH EXAMPLE\n.EX\n"
	       "wiring: 1\n"
	       "name: film\n"
	       "hosts: {alpha: {}, beta: {}, gamma: {}}\n"
	       "servers:\n"
	       "  read:  {host: alpha, use: file.read, "
	       "with: {path: /srv/film.raw}}\n"
	       "  pack:  {host: beta, exec: [gzip, \\-c]}\n"
	       "  write: {host: gamma, use: file.write, "
	       "with: {path: /srv/film.raw.gz}}\n"
	       "wires:\n"
	       "  \\- read \\-> pack \\-> write\n.EE\n"
	       ".SH SEE ALSO\n.BR posthouse (1)\n");
}

int ph_cmd_man(struct ph_cli *cli)
{
	if (!cli->argc)
		man_program();
	else if (cli->argc == 1 && !strcmp(cli->argv[0], "wiring"))
		man_wiring();
	else
		return ph_cli_usage(cli, "man");
	return 0;
}
