#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/cli.h"
#include "node/options.h"

/*
 * What a shell completes, out of the two tables: the verbs, and for each the
 * flags and words that its usage and its sentence name. A verb that takes a
 * file is left to the shell's own completion of files.
 */
#define WORD 32

/* The next flag (--wait) or fixed word (forget, bash) in `text`, lower case
 * between blanks and the signs of a usage. NULL: no more. */
static const char *next_word(const char *text, char word[WORD], bool words)
{
	static const char *const signs = " []|;,:()";
	size_t length;

	for (;; text += length) {
		text += strspn(text, signs);
		length = strcspn(text, signs);
		if (!length)
			return NULL;
		if (length >= WORD)
			continue;
		memcpy(word, text, length);
		word[length] = 0;
		if (word[0] == '-' && (word[1] == '-' || length == 2))
			return text + length;
		if (words && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789"
					  "-") == length)
			return text + length;
	}
}

static void print_words(const char *text, bool words, const char *form)
{
	char word[WORD];

	while ((text = next_word(text, word, words)))
		printf(form, word);
}

static void print_up(const char *form)
{
	char name[WORD + 2];
	struct ph_flag flag;

	for (size_t i = 0; ph_options_flag(&flag, i); i++) {
		snprintf(name, sizeof(name), "--%s", flag.name);
		printf(form, name);
	}
}

/* All that may follow a verb, each printed by `form`. */
static void print_after(const struct ph_command *command, const char *form)
{
	if (!strcmp(command->name, "up"))
		print_up(form);
	else
		print_words(command->usage + strlen(command->name), true, form);
	print_words(command->sentence, false, form);
}

static bool takes_file(const struct ph_command *command)
{
	return strstr(command->usage, " FILE") != NULL;
}

static void print_verbs(const char *form)
{
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		printf(form, command->name);
}

static void complete_bash(void)
{
	printf("_posthouse() {\n"
	       "\tlocal common='--socket --node --json --timeout --help'\n"
	       "\tlocal words= files=\n"
	       "\tif [ \"$COMP_CWORD\" -le 1 ]; then\n"
	       "\t\twords='");
	print_verbs("%s ");
	printf("'\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		printf("\t\t%s) words='", command->name);
		print_after(command, "%s ");
		printf("'%s ;;\n", takes_file(command) ? " files=1" : "");
	}
	printf("\t\tesac\n\t\twords+=\" $common\"\n\tfi\n"
	       "\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n"
	       "\t--file | --state | --socket | --passphrase-file | "
	       "--auth-file | -o) words= files=1 ;;\n"
	       "\tesac\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n"
	       "\t[ -z \"$files\" ] || COMPREPLY+=($(compgen -f -- \"$2\"))\n"
	       "}\n"
	       "complete -o filenames -F _posthouse posthouse\n");
}

/* A sentence between single quotes, as zsh and fish read it; zsh's lists
 * part word and sentence by a colon. */
static void print_quoted(const char *sentence, bool zsh)
{
	for (; *sentence; sentence++) {
		if (*sentence == '\'')
			printf(zsh ? "'\\''" : "\\'");
		else if (*sentence == ':' && zsh)
			printf("\\:");
		else
			putchar(*sentence);
	}
}

static void complete_zsh(void)
{
	printf("#compdef posthouse\n"
	       "_posthouse() {\n"
	       "\tlocal -a verbs words\n"
	       "\tverbs=(\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		printf("\t\t'%s:", command->name);
		print_quoted(command->sentence, true);
		printf("'\n");
	}
	printf("\t)\n"
	       "\tif ((CURRENT == 2)); then\n"
	       "\t\t_describe command verbs\n\t\treturn\n\tfi\n"
	       "\tcase $words[2] in\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		printf("\t%s) compadd -- ", command->name);
		print_after(command, "%s ");
		printf("--socket --node --json --timeout --help%s ;;\n",
			takes_file(command) ? "; _files" : "");
	}
	printf("\tesac\n}\n"
	       "[ \"${funcstack[1]}\" = _posthouse ] && _posthouse \"$@\" ||\n"
	       "\tcompdef _posthouse posthouse\n");
}

static void complete_fish(void)
{
	printf("complete -c posthouse -f\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		printf("complete -c posthouse -n __fish_use_subcommand "
		       "-a %s -d '",
			command->name);
		print_quoted(command->sentence, false);
		printf("'\ncomplete -c posthouse "
		       "-n '__fish_seen_subcommand_from %s' %s-a '",
			command->name, takes_file(command) ? "-F " : "");
		print_after(command, "%s ");
		printf("--socket --node --json --timeout --help'\n");
	}
}

int ph_cmd_completion(struct ph_cli *cli)
{
	const char *shell = cli->argc == 1 ? cli->argv[0] : "";

	if (!strcmp(shell, "bash"))
		complete_bash();
	else if (!strcmp(shell, "zsh"))
		complete_zsh();
	else if (!strcmp(shell, "fish"))
		complete_fish();
	else
		return ph_cli_usage(cli, "completion");
	return 0;
}
