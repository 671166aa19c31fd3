#ifndef PH_NODE_CLI_WIRING_H
#define PH_NODE_CLI_WIRING_H

#include <stdio.h>

#include "controlsurface/wiring.h"
#include "node/cli.h"

/* Commands that read a wiring file. */

/* Reads it whole; "-" is standard input. NULL with the error told. */
char *ph_cli_read(const char *path, size_t *length, struct ph_error *error);
/* The wiring and the text that it was read from; an exit code with the error
 * printed, when there is no such file. Findings are in the wiring. `values`:
 * gets {name: value} of what the file took from the environment; or NULL. */
int ph_cli_wiring(struct ph_cli *cli, const char *path,
	struct ph_writer *values, struct ph_wiring **wiring, char **text,
	size_t *length);
void ph_cli_findings(
	FILE *out, const struct ph_wiring *wiring, const char *path);

/* The file that the command names is read, linted (its findings go to stderr)
 * and sent with what its variables stand for. Returns an exit code; the reply
 * is there when that is 0. */
int ph_cli_wiring_call(
	struct ph_cli *cli, uint16_t method, struct ph_reply *reply);

#endif
