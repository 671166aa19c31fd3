#ifndef PH_NODE_CLI_PROBE_SHOW_H
#define PH_NODE_CLI_PROBE_SHOW_H

#include "proto/value.h"

/* Items of a probe, at least one: as a table on stdout, what became of each
 * address on stderr. `node` is whom it was of, or local. */
void ph_probe_print(struct ph_value items, const char *node);

#endif
