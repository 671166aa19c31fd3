#ifndef PH_NODE_CLI_FLAGS_H
#define PH_NODE_CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "node/cli.h"

/*
 * Every flag of the commands once: which of them take it, how its value is
 * called, what it means. The command line, --help, the manual and what a shell
 * completes come out of this table; the flags of `up` are in options.h.
 */
struct ph_cli_flag {
	const char *name;  /* as it is typed: --mask, -n */
	const char *value; /* NULL: a switch; a|b: one of these words */
	int (*take)(struct ph_cli *cli, const char *text);
	const char *looks;    /* what a value should be */
	const char *commands; /* "probe reach"; "": every one */
	const char *sentence;
};

/* cli_flag_table.c: the flags in their order; NULL behind the last. */
const struct ph_cli_flag *ph_cli_flag_at(size_t index);
/* It stands alone, too: `--wait`, or `--wait T`. */
bool ph_cli_flag_may_lack_value(const struct ph_cli_flag *flag);

/* The flags of a command in their order, those of every command last; NULL
 * after the last. `index` is the caller's, from 0. */
const struct ph_cli_flag *ph_cli_flag_next(const char *command, size_t *index);
bool ph_cli_flag_is_common(const struct ph_cli_flag *flag);

/* Takes the flags out of the words; what is left are the command's own
 * (cli->argv, cli->argc). 0, or an exit code with the error told. */
int ph_cli_take_flags(
	struct ph_cli *cli, const char *command, int argc, char **argv);

#endif
