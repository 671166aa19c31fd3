#ifndef PH_CONTROLSURFACE_SAVE_H
#define PH_CONTROLSURFACE_SAVE_H

#include <stdio.h>

#include "proto/error.h"
#include "proto/value.h"

/*
 * The way back: from a scope as it is on a live mesh to the wiring file that
 * makes it so again. Wires that were taken away by hand are left out, moved
 * ones end where they end now, and those that were laid by hand from a server
 * of the scope come in. Variables were replaced when it was applied: what they
 * stood for is in the file.
 *
 * `parts` are the items of control.parts, `changes` those of control.diff, of
 * all nodes. Pure.
 */

/* -1 with the error told: exit 4 when no node has a part of that scope, 3 when
 * one that takes part is missing from `parts`. Nothing is written then. */
int ph_save(FILE *out, const char *scope, struct ph_value parts,
	struct ph_value changes, struct ph_error *error);

#endif
