#ifndef PH_CONTROLSURFACE_WIRE_NOTES_H
#define PH_CONTROLSURFACE_WIRE_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/value.h"

/*
 * What is said about a wire besides its ends and its queue. None of it makes
 * it another wire: when only this differs, the stream goes on.
 */
/* All labels of one wire, as `key=value` and a line feed each. */
#define PH_WIRE_LABELS 256u
/* A mask, as hostess.hold takes it. */
#define PH_WIRE_CRITERIA 192u
#define PH_WIRE_HOLD	 128u

struct ph_wire_notes {
	char labels[PH_WIRE_LABELS];
	int64_t retry_first; /* ns, pauses between attempts; 0: as usual */
	int64_t retry_most;
	bool optional; /* nobody wonders when it does not stand */
	char criteria[PH_WIRE_CRITERIA]; /* that chose one of its ends; "" */
	char hold[PH_WIRE_HOLD]; /* id/token, in hex, of what was chosen; "" */
};

/* Adds one; -E2BIG, or -EINVAL for control characters and `=` in a key. */
int ph_wire_label_add(
	char labels[PH_WIRE_LABELS], const char *key, const char *value);
/* {labels: {key: text}, retry: [first, most], optional: bool, criteria, hold}
 * of a wire's map; what cannot be is an error as above. */
int ph_wire_notes_read(struct ph_wire_notes *out, struct ph_value map);
/* The same into an open map; what was not said is left out. */
void ph_wire_notes_write(
	struct ph_writer *writer, const struct ph_wire_notes *notes);
/* `labels: {key: text}` into an open map, always. */
void ph_wire_labels_write(struct ph_writer *writer, const char *labels);
/* But for the hold, which is of one apply. */
bool ph_wire_notes_equal(
	const struct ph_wire_notes *one, const struct ph_wire_notes *other);

#endif
