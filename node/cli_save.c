#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlsurface/save.h"
#include "node/cli.h"
#include "node/gather.h"

/* save: a scope as it is, back into a wiring file. */

/* The one scope there is; with several it must be named. */
static const char *only_scope(
	struct ph_value parts, char *out, size_t size, struct ph_error *error)
{
	char names[160] = " ";
	char word[44];
	unsigned count = 0;

	for (size_t i = 0; i < ph_value_count(parts); i++) {
		char name[40];

		ph_get_copy(ph_value_at(parts, i), "scope", name, sizeof(name));
		snprintf(word, sizeof(word), " %s ", name);
		if (strstr(names, word))
			continue;
		count++;
		snprintf(out, size, "%s", name);
		if (strlen(names) + strlen(name) + 2 < sizeof(names))
			memcpy(names + strlen(names), word + 1, strlen(word));
	}
	names[strlen(names) - 1] = '\0';
	if (count == 1)
		return out;
	ph_fail(error, count ? PH_EXIT_USAGE : PH_EXIT_NOT_FOUND, "save",
		"posthouse save NAME",
		count ? "there are several:%s" : "nothing is applied%s", names);
	return NULL;
}

static FILE *open_output(struct ph_cli *cli, struct ph_error *error)
{
	FILE *out = cli->output ? fopen(cli->output, "wxe") : stdout;

	if (!out && errno == EEXIST)
		ph_fail(error, PH_EXIT_CONFLICT, cli->output,
			"name a file that is not there yet, or leave -o out",
			"%s", strerror(errno));
	else if (!out)
		ph_fail(error,
			errno == ENOENT ? PH_EXIT_NOT_FOUND : PH_EXIT_NEGATIVE,
			cli->output,
			"name one in a directory that is there and can be "
			"written, or leave -o out",
			"%s", strerror(errno));
	return out;
}

static int save_scope(
	struct ph_cli *cli, struct ph_value parts, struct ph_value changes)
{
	struct ph_error error;
	char name[40];
	const char *scope =
		cli->argc ? cli->argv[0]
			  : only_scope(parts, name, sizeof(name), &error);
	FILE *out;
	int code;

	if (!scope)
		return ph_cli_fail(cli, &error);
	out = open_output(cli, &error);
	if (!out)
		return ph_cli_fail(cli, &error);
	code = ph_save(out, scope, parts, changes, &error);
	if (out != stdout && fclose(out) && !code)
		code = ph_fail(&error, PH_EXIT_NEGATIVE, cli->output,
			"see to the disk", "%s", strerror(errno));
	if (!code)
		return 0;
	if (cli->output)
		remove(cli->output);
	return ph_cli_fail(cli, &error);
}

int ph_cmd_save(struct ph_cli *cli)
{
	struct ph_gathered parts;
	struct ph_gathered changes;
	int code;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "save");
	code = ph_gather(cli, PH_CONTROL_PARTS, NULL, NULL, &parts);
	if (code)
		return code;
	code = ph_gather(cli, PH_CONTROL_DIFF, NULL, NULL, &changes);
	if (!code) {
		code = save_scope(cli, parts.items, changes.items);
		ph_gathered_free(&changes);
	}
	ph_gathered_free(&parts);
	return code;
}
