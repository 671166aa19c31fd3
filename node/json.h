#ifndef PH_NODE_JSON_H
#define PH_NODE_JSON_H

#include <stdio.h>

#include "proto/value.h"

/* A value as JSON; bytes as lower-case hex. The one door to jansson here. */
char *ph_json_text(struct ph_value value);
/* What the writer holds, as JSON; frees the writer. NULL: out of memory, or
 * more than a document may be. Free it. */
char *ph_json_written(struct ph_writer *writer);
/* A text as a JSON string; bytes that are not UTF-8 make it empty. Free it. */
char *ph_json_string(const char *text, size_t length);
/* JSON from outside into the writer, one value: an object of at most 16
 * levels; a key twice, other depths, numbers past 64 bits are refused. -1, and
 * `why` (at least 160 bytes) says where. */
int ph_json_read(struct ph_writer *writer, const char *text, size_t length,
	char *why, size_t size);

/* The envelope of every --json answer, one line on `out`:
 * {api node epoch revision ts items}. `items` is a list value. */
struct ph_envelope {
	const char *node;
	uint64_t epoch;
	uint64_t revision;
	struct ph_value sources; /* who was asked; nil: not told */
};

int ph_json_envelope(
	FILE *out, const struct ph_envelope *envelope, struct ph_value items);

#endif
