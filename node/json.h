#ifndef PH_NODE_JSON_H
#define PH_NODE_JSON_H

#include <stdio.h>

#include "proto/value.h"

/* A value as JSON; bytes as lower-case hex. The one door to jansson here. */
char *ph_json_text(struct ph_value value);

/* The envelope of every --json answer, one line on `out`:
 * {api node epoch revision ts items}. `items` is a list value. */
struct ph_envelope {
	const char *node;
	uint64_t epoch;
	uint64_t revision;
};

int ph_json_envelope(
	FILE *out, const struct ph_envelope *envelope, struct ph_value items);

#endif
