#include "node/cli_flags.h"

#include <stdio.h>
#include <string.h>

#include "node/alike.h"

bool ph_cli_flag_is_common(const struct ph_cli_flag *flag)
{
	return !flag->commands[0];
}

static bool takes(const struct ph_cli_flag *flag, const char *command)
{
	size_t length = strlen(command);
	const char *at = flag->commands;

	if (ph_cli_flag_is_common(flag))
		return true;
	while (*at) {
		size_t word = strcspn(at, " ");

		if (word == length && !strncmp(at, command, length))
			return true;
		at += word + (at[word] == ' ');
	}
	return false;
}

const struct ph_cli_flag *ph_cli_flag_next(const char *command, size_t *index)
{
	const struct ph_cli_flag *flag;

	while ((flag = ph_cli_flag_at(*index))) {
		++*index;
		if (takes(flag, command))
			return flag;
	}
	return NULL;
}

static int bad_flag(const struct ph_cli *cli, const char *command,
	const char *flag, const char *what)
{
	struct ph_error error;
	char next[80];

	snprintf(next, sizeof(next), "posthouse %s --help lists its flags",
		command);
	ph_fail(&error, PH_EXIT_USAGE, flag, next, "%s", what);
	return ph_cli_fail(cli, &error);
}

static int bad_value(const struct ph_cli *cli, const struct ph_cli_flag *flag,
	const char *value)
{
	struct ph_error error;
	char next[120];

	snprintf(next, sizeof(next), "give it %s", flag->looks);
	ph_fail(&error, PH_EXIT_USAGE, flag->name, next,
		value[0] ? "not a valid value: '%s'" : "its value is missing%s",
		value);
	return ph_cli_fail(cli, &error);
}

static bool is_flag(
	const struct ph_cli_flag *flag, const char *word, size_t length)
{
	return strlen(flag->name) == length &&
	       !strncmp(flag->name, word, length);
}

static const struct ph_cli_flag *find_flag(
	const char *command, const char *word, size_t length)
{
	const struct ph_cli_flag *flag;
	size_t index = 0;

	while ((flag = ph_cli_flag_next(command, &index)))
		if (is_flag(flag, word, length))
			return flag;
	return NULL;
}

/* "no such flag", and which one it may have been. */
static void find_meant(char *what, size_t size, const char *command,
	const char *word, size_t length)
{
	const struct ph_cli_flag *flag;
	size_t index = 0;
	char typed[40];

	snprintf(what, size, "no such flag");
	snprintf(typed, sizeof(typed), "%.*s", (int)length, word);
	while ((flag = ph_cli_flag_next(command, &index)))
		if (flag->name[1] == '-' && ph_is_alike(flag->name, typed))
			snprintf(what, size, "no such flag; did you mean %s?",
				flag->name);
}

static int no_flag(const struct ph_cli *cli, const char *command,
	const char *word, size_t length)
{
	const struct ph_cli_flag *flag;
	char what[80];

	for (size_t i = 0; (flag = ph_cli_flag_at(i)); i++) {
		if (!is_flag(flag, word, length))
			continue;
		snprintf(what, sizeof(what), "%s does not take this flag",
			command);
		return bad_flag(cli, command, word, what);
	}
	find_meant(what, sizeof(what), command, word, length);
	return bad_flag(cli, command, word, what);
}

/* A value that may be missing: `--wait=T`, or a number behind it. */
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

static int take_one(struct ph_cli *cli, const char *command,
	const struct ph_cli_flag *flag, int argc, char **argv, int *at)
{
	const char *word = argv[*at];
	size_t length = strlen(flag->name);
	const char *value = NULL;

	if (ph_cli_flag_may_lack_value(flag)) {
		value = wait_value(argc, argv, at);
	} else if (!flag->value && word[length]) {
		return bad_flag(cli, command, word, "the flag takes no value");
	} else if (flag->value) {
		if (word[length])
			value = word + length + 1;
		else if (*at + 1 < argc)
			value = argv[++*at];
		else
			return bad_value(cli, flag, "");
	}
	return flag->take(cli, value) ? bad_value(cli, flag, value) : 0;
}

int ph_cli_take_flags(
	struct ph_cli *cli, const char *command, int argc, char **argv)
{
	int code = 0;

	cli->argv = argv;
	for (int i = 0; i < argc && !code; i++) {
		const char *word = argv[i];
		size_t length = strcspn(word, "=");
		const struct ph_cli_flag *flag;

		if (word[0] != '-' || !word[1]) {
			cli->argv[cli->argc++] = argv[i];
			continue;
		}
		flag = find_flag(command, word, length);
		code = flag ? take_one(cli, command, flag, argc, argv, &i)
			    : no_flag(cli, command, word, length);
	}
	return code;
}
