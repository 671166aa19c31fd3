#ifndef PH_NODE_CLI_LIVE_H
#define PH_NODE_CLI_LIVE_H

#include "node/cli_wiring.h"

/* Asks the nodes of a wiring, through the local one, and adds findings. An
 * exit code with the error printed, when there is no local node. */
int ph_cli_live(struct ph_cli *cli, struct ph_wiring *wiring, const char *text,
	size_t length);

#endif
