#ifndef PH_CONTROLSURFACE_SAVE_INNER_H
#define PH_CONTROLSURFACE_SAVE_INNER_H

#include <stdio.h>

#include "proto/value.h"

/* Shared by save.c (the file and its wires) and save_server.c (scalars, and one
 * server as a wiring file has it). */

/* Always in quotes. */
void ph_save_quoted(FILE *out, const char *text, size_t length);
/* In quotes where it must be. */
void ph_save_text(FILE *out, const char *text, size_t length);
void ph_save_value(FILE *out, struct ph_value value);
/* `, labels: {...}` into a map that is open; nothing without any. */
void ph_save_labels(FILE *out, struct ph_value labels);
/* `needs` is that of the whole part. */
void ph_save_server(FILE *out, const char *node, struct ph_value spec,
	struct ph_value needs);

#endif
