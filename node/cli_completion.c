#include <stdio.h>
#include <string.h>

#include "node/cli_flags.h"
#include "node/options.h"

/*
 * What a shell completes, out of the tables of commands and flags: the verbs,
 * for each its flags and the fixed words of its usage, and after a flag what
 * its value may be. A verb that takes a file is left to the shell's own
 * completion of files.
 */
#define WORD 32

/* A flag of whichever table. */
struct flag {
	char name[WORD]; /* --mask, -n */
	const char *value;
	const char *sentence;
	bool common; /* every command but `up` takes it */
};

static const struct ph_command any = {.name = ""};

static bool next_flag(
	const struct ph_command *command, size_t *index, struct flag *out)
{
	const struct ph_cli_flag *flag;
	struct ph_flag up;

	if (!strcmp(command->name, "up")) {
		if (!ph_options_flag(&up, (*index)++))
			return false;
		snprintf(out->name, sizeof(out->name), "--%s", up.name);
		out->value = up.value;
		out->sentence = up.sentence;
		out->common = false;
		return true;
	}
	flag = ph_cli_flag_next(command->name, index);
	if (!flag)
		return false;
	snprintf(out->name, sizeof(out->name), "%s", flag->name);
	out->value = flag->value;
	out->sentence = flag->sentence;
	out->common = ph_cli_flag_is_common(flag);
	return true;
}

static bool is_fixed(const char *word, size_t length)
{
	return length && length < WORD && word[0] != '-' &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length;
}

/* The fixed words of a text, those in lower case; a flag and the value behind
 * it are none. */
static void print_words(const char *text, const char *form)
{
	static const char *const signs = " []|";
	char word[WORD];

	for (size_t length; *text; text += length) {
		text += strspn(text, signs);
		length = strcspn(text, signs);
		if (text[0] == '-' && text[length] == ' ') {
			length++;
			length += strcspn(text + length, " ]");
		} else if (is_fixed(text, length)) {
			memcpy(word, text, length);
			word[length] = 0;
			printf(form, word);
		}
	}
}

/* All that may follow a verb, each printed by `form`. */
static void print_after(const struct ph_command *command, const char *form)
{
	struct flag flag;

	print_words(command->usage + strlen(command->name), form);
	for (size_t i = 0; next_flag(command, &i, &flag);)
		printf(form, flag.name);
	printf(form, "--help");
}

static bool takes_file(const struct ph_command *command)
{
	return strstr(command->usage, " FILE") != NULL;
}

static bool is_file(const struct flag *flag)
{
	static const char *const files[] = {"FILE", "PATH", "DIR", "WIRING"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!strcmp(flag->value, files[i]))
			return true;
	return false;
}

static void print_verbs(const char *form)
{
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		printf(form, command->name);
}

/* What may stand behind a flag, as the cases of a shell; `any`: behind those of
 * every command. */
static void print_values(const struct ph_command *command, bool zsh)
{
	struct flag flag;

	for (size_t i = 0; next_flag(command, &i, &flag);) {
		if (!flag.value || flag.common != (command == &any))
			continue;
		printf("\t%s%s %s') ", command == &any ? "*'" : "'",
			command->name, flag.name);
		if (is_file(&flag))
			printf(zsh ? "_files" : "files=1 words='");
		else
			printf(zsh ? "compadd -- " : "files= words='");
		print_words(strchr(flag.value, '|') ? flag.value : "", "%s ");
		printf(zsh ? "; return ;;\n" : "' ;;\n");
	}
}

static void print_all_values(bool zsh)
{
	for (const struct ph_command *command = ph_commands; command->name;
		command++)
		print_values(command, zsh);
	print_values(&any, zsh);
}

static void complete_bash(void)
{
	printf("_posthouse() {\n"
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
	printf("\t\tesac\n\tfi\n"
	       "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[COMP_CWORD - 1]}\" "
	       "in\n"
	       "\t'up -f') files=1 words= ;;\n");
	print_all_values(false);
	printf("\tesac\n"
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
	       "\tcase \"$words[2] $words[CURRENT-1]\" in\n");
	print_all_values(true);
	printf("\tesac\n\tcase $words[2] in\n");
	for (const struct ph_command *command = ph_commands; command->name;
		command++) {
		printf("\t%s) compadd -- ", command->name);
		print_after(command, "%s ");
		printf("%s ;;\n", takes_file(command) ? "; _files" : "");
	}
	printf("\tesac\n}\n"
	       "[ \"${funcstack[1]}\" = _posthouse ] && _posthouse \"$@\" ||\n"
	       "\tcompdef _posthouse posthouse\n");
}

static void fish_flag(const struct ph_command *command, const struct flag *flag)
{
	bool wide = flag->name[1] == '-';

	printf("complete -c posthouse -n '__fish_seen_subcommand_from %s' "
	       "-%c %s%s",
		command->name, wide ? 'l' : 's', flag->name + 1 + wide,
		!flag->value	? ""
		: is_file(flag) ? " -r -F"
				: " -x");
	if (flag->value && strchr(flag->value, '|')) {
		printf(" -a '");
		print_words(flag->value, "%s ");
		printf("'");
	}
	printf(" -d '");
	print_quoted(flag->sentence, false);
	printf("'\n");
}

static void complete_fish(void)
{
	struct flag flag;

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
		print_words(command->usage + strlen(command->name), "%s ");
		printf("'\n");
		for (size_t i = 0; next_flag(command, &i, &flag);)
			fish_flag(command, &flag);
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
