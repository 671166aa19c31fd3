#ifndef PH_NODE_CLI_REACH_H
#define PH_NODE_CLI_REACH_H

#include <stdio.h>

#include "node/cli.h"

/*
 * The reach matrix for people: shared by `reach` (cli_reach.c) and `doctor`
 * (cli_doctor.c).
 */

/* Items of reach.list as a table, best first; `to`: with the node's name. */
void ph_reach_print(FILE *out, struct ph_value items, bool to);

#endif
