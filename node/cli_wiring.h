#ifndef PH_NODE_CLI_WIRING_H
#define PH_NODE_CLI_WIRING_H

#include "node/cli.h"

/* The file that the command names is read, linted (its findings go to stderr)
 * and sent with what its variables stand for. Returns an exit code; the reply
 * is there when that is 0. */
int ph_cli_wiring_call(
	struct ph_cli *cli, uint16_t method, struct ph_reply *reply);

#endif
